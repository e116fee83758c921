import type { UpstreamFailure } from "../../errors/gateway-error.ts";
import { asObject, type JsonObject, parseJson } from "../../json/json.ts";
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
import { exceptionOf } from "./errors.ts";
import { decodeUsage } from "./usage.ts";

const TEXT_MARKS = ['"text":"', '"input":"'];

/** Parses only the last event, which carries usage, and exceptions. */
export class ConverseStreamObserver implements StreamObserver {
  usage: Usage | undefined;
  failure: UpstreamFailure | undefined;
  textLength = 0;

  observe(data: string, event: string | undefined): FrameMeaning {
    const failure = exceptionOf(event, data);
    if (failure !== undefined) {
      this.failure = failure;
      return FRAME_ERROR;
    }
    switch (event) {
      case "contentBlockDelta": {
        const length = textLength(data);
        this.textLength += length;
        return length > 0 || !data.includes('"text"') ? FRAME_CONTENT : FRAME_HEAD;
      }
      case "contentBlockStart":
        return FRAME_CONTENT;
      case "messageStop":
        return FRAME_FINISH;
      case "metadata": {
        const body = asObject(parseJson(data));
        this.usage = decodeUsage(asObject(body?.usage), asObject(body?.serviceTier));
        return FRAME_USAGE | FRAME_DONE;
      }
      default:
        return FRAME_HEAD;
    }
  }
}

/** UTF-16 length of the string that a delta adds. */
function textLength(data: string): number {
  // A citation quotes its source, which is no text of the answer.
  if (data.includes('"citation"')) return 0;
  for (const mark of TEXT_MARKS) {
    const at = data.indexOf(mark);
    if (at < 0) continue;
    let length = 0;
    for (let index = at + mark.length; index < data.length; index++) {
      const code = data.charCodeAt(index);
      if (code === 34) break;
      if (code === 92) index += data.charCodeAt(index + 1) === 117 ? 5 : 1;
      length++;
    }
    return length;
  }
  return 0;
}

/** Usage of a whole native answer. */
export function readUsage(body: JsonObject): Usage | undefined {
  return decodeUsage(asObject(body.usage), asObject(body.serviceTier));
}
