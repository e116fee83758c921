import type { UpstreamFailure } from "../../errors/gateway-error.ts";
import { isObject, type JsonObject, parseJson } from "../../json/json.ts";
import type { Usage } from "../../usage/usage.ts";
import {
  FRAME_CONTENT,
  FRAME_DONE,
  FRAME_ERROR,
  FRAME_FINISH,
  FRAME_HEAD,
  FRAME_USAGE,
  type FrameMeaning,
  type ResponseContext,
  type StreamObserver,
} from "../format.ts";
import { decodeUsage } from "./answer.ts";
import { failureOf } from "./errors.ts";

const TEXT = /"(?:content|thinking|response)"\s*:\s*"((?:[^"\\]|\\.)*)"/g;

/** Only the last line and errors are parsed. */
export class OllamaStreamObserver implements StreamObserver {
  readonly #context: ResponseContext;
  usage: Usage | undefined;
  failure: UpstreamFailure | undefined;
  textLength = 0;

  constructor(context: ResponseContext) {
    this.#context = context;
  }

  observe(data: string): FrameMeaning {
    if (data.startsWith('{"error"')) {
      const line = parseJson(data);
      this.failure = failureOf(isObject(line) ? line : {}, 500, data);
      return FRAME_ERROR;
    }
    let length = 0;
    for (const match of data.matchAll(TEXT)) length += match[1]?.length ?? 0;
    this.textLength += length;
    const content = length > 0 || data.includes('"tool_calls"') ? FRAME_CONTENT : FRAME_HEAD;
    if (!/"done"\s*:\s*true/.test(data)) return content;
    const line = parseJson(data);
    if (!isObject(line) || line.done !== true) return content;
    this.usage = decodeUsage(line, this.#context);
    return content | FRAME_FINISH | FRAME_DONE | (this.usage === undefined ? 0 : FRAME_USAGE);
  }
}

/** Usage of a whole native answer. */
export function readUsage(body: JsonObject, context: ResponseContext): Usage | undefined {
  return decodeUsage(body, context);
}
