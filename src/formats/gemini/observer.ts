import type { UpstreamFailure } from "../../errors/gateway-error.ts";
import { asNumber, asObject, isObject, type JsonObject, parseJson } from "../../json/json.ts";
import type { Usage } from "../../usage/usage.ts";
import {
  FRAME_CONTENT,
  FRAME_ERROR,
  FRAME_FINISH,
  FRAME_HEAD,
  FRAME_USAGE,
  type FrameMeaning,
  type StreamObserver,
} from "../format.ts";
import { failureOf } from "./errors.ts";
import { decodeUsage } from "./usage.ts";
import { objectField } from "./wire.ts";

/** Usage is cumulative and in most events: only the last one's is parsed. */
export class GeminiStreamObserver implements StreamObserver {
  #last = "";
  failure: UpstreamFailure | undefined;
  textLength = 0;

  get usage(): Usage | undefined {
    const body = parseJson(this.#last);
    return isObject(body) ? decodeUsage(objectField(body, "usageMetadata")) : undefined;
  }

  observe(data: string): FrameMeaning {
    if (data.startsWith("{") && data.includes('"error"') && !data.includes('"candidates"')) {
      const error = asObject(asObject(parseJson(data))?.error);
      if (error !== undefined) {
        this.failure = failureOf(error, asNumber(error.code) ?? 500);
        return FRAME_ERROR;
      }
    }
    let meaning: FrameMeaning = FRAME_HEAD;
    if (data.includes('"usageMetadata"')) {
      this.#last = data;
      meaning |= FRAME_USAGE;
    }
    const at = data.indexOf('"parts"');
    if (at >= 0) {
      meaning |= FRAME_CONTENT;
      const text = data.indexOf('"text"', at);
      if (text >= 0) this.textLength += Math.max(data.indexOf('"', data.indexOf('"', text + 6) + 1) - text - 9, 0);
    }
    if (data.includes('"finishReason"') || data.includes('"blockReason"')) meaning |= FRAME_FINISH;
    return meaning;
  }
}

/** Usage of a whole native answer. */
export function readUsage(body: JsonObject): Usage | undefined {
  return decodeUsage(objectField(body, "usageMetadata"));
}
