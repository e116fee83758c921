import type { UpstreamFailure } from "../../errors/gateway-error.ts";
import { asObject, asString, isObject, type JsonObject, parseJson } from "../../json/json.ts";
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
import { failureOf } from "./errors.ts";
import { decodeUsage } from "./usage.ts";

const TEXT_MEMBERS = /"(?:text|thinking|tool_plan|arguments)"\s*:\s*"((?:[^"\\]|\\.)*)"/;

/** Only the last event is parsed: it holds finish reason, usage and, when the answer failed, the error. */
export class CohereStreamObserver implements StreamObserver {
  usage: Usage | undefined;
  failure: UpstreamFailure | undefined;
  textLength = 0;

  observe(data: string, event: string | undefined): FrameMeaning {
    if (data === "[DONE]") return FRAME_DONE;
    switch (event ?? kindOf(data)) {
      case "content-delta":
      case "tool-plan-delta":
      case "tool-call-delta": {
        const length = TEXT_MEMBERS.exec(data)?.[1]?.length ?? 0;
        this.textLength += length;
        return length > 0 ? FRAME_CONTENT : FRAME_HEAD;
      }
      case "tool-call-start":
      case "citation-start":
        return FRAME_CONTENT;
      case "message-end":
        return this.#last(asObject(asObject(parseJson(data))?.delta));
      case undefined:
      case "error": {
        const body = parseJson(data);
        if (!isObject(body) || (body.message === undefined && body.error === undefined)) return FRAME_HEAD;
        this.failure = failureOf(body, 500, data);
        return FRAME_ERROR;
      }
      default:
        return FRAME_HEAD;
    }
  }

  #last(delta: JsonObject | undefined): FrameMeaning {
    this.usage = decodeUsage(asObject(delta?.usage));
    const counted = this.usage === undefined ? 0 : FRAME_USAGE;
    const said = asString(delta?.error);
    if (said !== undefined && said !== "") {
      this.failure = failureOf({ message: said }, 500, said);
      return FRAME_ERROR | counted;
    }
    return FRAME_FINISH | counted;
  }
}

function kindOf(data: string): string | undefined {
  return /"type"\s*:\s*"([a-z]+(?:-[a-z]+)+)"/.exec(data)?.[1];
}

/** Usage of a whole native answer. */
export function readUsage(body: JsonObject): Usage | undefined {
  return decodeUsage(asObject(body.usage));
}
