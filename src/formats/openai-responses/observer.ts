import type { UpstreamFailure } from "../../errors/gateway-error.ts";
import { asObject, isObject, type JsonObject, parseJson } from "../../json/json.ts";
import type { Usage } from "../../usage/usage.ts";
import {
  FRAME_CONTENT,
  FRAME_DONE,
  FRAME_ERROR,
  FRAME_FINISH,
  FRAME_HEAD,
  FRAME_USAGE,
  type FrameMeaning,
  type StreamObserver,
} from "../format.ts";
import { streamFailure } from "./errors.ts";
import { decodeUsage } from "./usage.ts";

const TYPE = /"type": ?"((?:response\.|error"|keepalive)[a-z_.]*)/;

/** Only the last event, failures and hosted tools' calls are parsed; of deltas the length is measured in place. */
export class ResponsesStreamObserver implements StreamObserver {
  /** Hosted tools' calls, for answers whose last event repeats none of its items. */
  readonly #hosted: JsonObject[] = [];
  usage: Usage | undefined;
  failure: UpstreamFailure | undefined;
  textLength = 0;

  observe(data: string, event: string | undefined): FrameMeaning {
    if (data.trim() === "[DONE]") return FRAME_DONE;
    const type = event ?? typeOf(data);
    if (type.endsWith(".delta")) {
      const length = deltaLength(data);
      this.textLength += length;
      return length > 0 ? FRAME_CONTENT : FRAME_HEAD;
    }
    switch (type) {
      case "response.completed":
      case "response.incomplete":
      case "response.done": {
        const response = asObject(asObject(parseJson(data))?.response);
        if (response === undefined) return FRAME_FINISH;
        const output = Array.isArray(response.output) && response.output.length > 0 ? response.output : this.#hosted;
        this.usage = decodeUsage(response, output);
        return FRAME_CONTENT | FRAME_FINISH | FRAME_USAGE;
      }
      case "response.failed":
      case "error": {
        const body = parseJson(data);
        this.failure = streamFailure(isObject(body) ? body : { message: data.slice(0, 2000) });
        const response = isObject(body) ? asObject(body.response) : undefined;
        if (response !== undefined) this.usage = decodeUsage(response, this.#hosted);
        return FRAME_ERROR;
      }
      case "response.output_item.added":
        return /"type": ?"(?:function_call|custom_tool_call)"/.test(data) ? FRAME_CONTENT : FRAME_HEAD;
      case "response.output_item.done":
        return this.#itemDone(data);
      case "response.output_text.annotation.added":
        return FRAME_CONTENT;
      case "":
        return this.#bare(data);
      default:
        return FRAME_HEAD;
    }
  }

  #itemDone(data: string): FrameMeaning {
    if (/"type": ?"(?:web_search_call|file_search_call|code_interpreter_call)"/.test(data)) {
      const item = asObject(asObject(parseJson(data))?.item);
      if (item !== undefined) this.#hosted.push(item);
    }
    return FRAME_CONTENT;
  }

  /** Some servers answer an error under status 200 with a bare error object. */
  #bare(data: string): FrameMeaning {
    const body = parseJson(data);
    if (!isObject(body) || body.error === undefined || body.error === null) return FRAME_HEAD;
    this.failure = streamFailure(body);
    return FRAME_ERROR;
  }
}

function typeOf(data: string): string {
  const match = TYPE.exec(data);
  return match?.[1]?.replace(/"$/, "") ?? "";
}

/** UTF-16 length of the delta's JSON text, which is at least its own. */
function deltaLength(data: string): number {
  const key = data.indexOf('"delta":');
  if (key < 0) return 0;
  const start = data.indexOf('"', key + 8);
  if (start < 0) return 0;
  let end = start + 1;
  while (end < data.length && data.charCodeAt(end) !== 34) end += data.charCodeAt(end) === 92 ? 2 : 1;
  return end - start - 1;
}
