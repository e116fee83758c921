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
      this.textLength += writtenLength(data, at);
    }
    if (data.includes('"finishReason"') || data.includes('"blockReason"')) meaning |= FRAME_FINISH;
    return meaning;
  }
}

/** UTF-16 length of all texts behind an index, escapes counted as they stand; a call counts to the end of the event. */
function writtenLength(data: string, from: number): number {
  const call = data.indexOf('"functionCall"', from);
  let length = call < 0 ? 0 : data.length - call;
  for (let at = data.indexOf('"text"', from); at >= 0; at = data.indexOf('"text"', at)) {
    const open = data.indexOf('"', at + 6);
    let end = open + 1;
    while (end < data.length && data.charCodeAt(end) !== 34) end += data.charCodeAt(end) === 92 ? 2 : 1;
    if (open < 0) break;
    length += Math.min(end, data.length) - open - 1;
    at = end + 1;
  }
  return length;
}

/** Usage of a whole native answer. */
export function readUsage(body: JsonObject): Usage | undefined {
  return decodeUsage(objectField(body, "usageMetadata"));
}
