import type { UpstreamFailure } from "../../errors/gateway-error.ts";
import { asObject, asString, type JsonObject, parseJson } from "../../json/json.ts";
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
import { StreamUsage } from "./stream-usage.ts";
import { decodeUsage } from "./usage.ts";

const EVENTS = [
  "content_block_delta",
  "content_block_start",
  "content_block_stop",
  "message_delta",
  "message_start",
  "message_stop",
  "error",
] as const;

const TEXT_MARKS = ['"text":', '"thinking":', '"partial_json":'];

/**
 * Parses only what carries usage or an error; other frames are looked at by substring. Inside Bedrock's event streams
 * every event is called `chunk`.
 */
export class AnthropicStreamObserver implements StreamObserver {
  readonly #usage = new StreamUsage();
  failure: UpstreamFailure | undefined;
  textLength = 0;

  get usage(): Usage | undefined {
    return this.#usage.value;
  }

  observe(data: string, event: string | undefined): FrameMeaning {
    switch (event === undefined || event === "chunk" ? EVENTS.find((name) => data.includes(`"${name}"`)) : event) {
      case "content_block_delta": {
        const length = textLength(data);
        this.textLength += length;
        return length > 0 || data.includes("citations_delta") ? FRAME_CONTENT : FRAME_HEAD;
      }
      case "content_block_start": {
        // Text and thinking begin empty; other blocks say something by beginning.
        if (/"type": ?"(?:text|thinking)"/.test(data)) return textLength(data) > 0 ? FRAME_CONTENT : FRAME_HEAD;
        return FRAME_CONTENT;
      }
      case "message_start":
        this.#usage.start(asObject(asObject(asObject(parseJson(data))?.message)?.usage));
        return FRAME_HEAD | FRAME_USAGE;
      case "message_delta": {
        const body = asObject(parseJson(data));
        this.#usage.delta(asObject(body?.usage));
        const finished = asString(asObject(body?.delta)?.stop_reason) !== undefined;
        return FRAME_USAGE | (finished ? FRAME_FINISH : FRAME_HEAD);
      }
      case "message_stop":
        return FRAME_DONE;
      case "error":
        this.failure = failureOf(asObject(asObject(parseJson(data))?.error) ?? { message: data }, undefined);
        return FRAME_ERROR;
      default:
        return FRAME_HEAD;
    }
  }
}

/** UTF-16 length of the string that a delta adds. */
function textLength(data: string): number {
  for (const mark of TEXT_MARKS) {
    const at = data.indexOf(mark);
    if (at < 0) continue;
    const open = data.indexOf('"', at + mark.length);
    // The delta's own type is called `text_delta`; only a string directly behind the mark is its text.
    if (open < 0 || data.slice(at + mark.length, open).trim() !== "") continue;
    let length = 0;
    for (let index = open + 1; index < data.length; index++) {
      const code = data.charCodeAt(index);
      if (code === 34) return length;
      if (code === 92) index += data.charCodeAt(index + 1) === 117 ? 5 : 1;
      length++;
    }
    return length;
  }
  return 0;
}

/** Usage of a whole native answer. */
export function readUsage(body: JsonObject): Usage | undefined {
  return decodeUsage(asObject(body.usage));
}
