import { asString, isObject, parseJson } from "../../json/json.ts";
import type { Frame } from "../../upstream/sse.ts";
import type { StreamEvent } from "../conversation.ts";
import type { ResponseContext, StreamDecoder } from "../format.ts";
import { failureOf } from "./errors.ts";
import { outputText } from "./response.ts";

/**
 * One object with `text_output` an event, and no word for the end: the stream just ends. A stream without any event is
 * no answer.
 */
export class TritonStreamDecoder implements StreamDecoder {
  readonly #context: ResponseContext;
  #started = false;
  #text = false;
  #over = false;

  constructor(context: ResponseContext) {
    this.#context = context;
  }

  push(frame: Frame): StreamEvent[] {
    if (this.#over) return [];
    const event = parseJson(frame.data);
    if (!isObject(event)) {
      this.#over = true;
      const message = `Triton sent a stream event that is not JSON: ${frame.data.slice(0, 200)}`;
      return [{ type: "error", error: { code: "bad_gateway", message } }];
    }
    if (event.error !== undefined) {
      this.#over = true;
      return [{ type: "error", error: failureOf(event, 500, frame.data) }];
    }
    const events: StreamEvent[] = [];
    if (!this.#started) events.push({ type: "start", model: asString(event.model_name) ?? this.#context.model });
    this.#started = true;
    const text = outputText(event);
    if (text === "") return events;
    if (!this.#text) events.push({ type: "part-start", choice: 0, part: 0, kind: "text" });
    this.#text = true;
    return [...events, { type: "delta", choice: 0, part: 0, text }];
  }

  end(): StreamEvent[] {
    if (this.#over) return [];
    this.#over = true;
    if (!this.#started) {
      const error = { code: "api_connection", message: "the stream ended before the answer was complete" } as const;
      return [{ type: "error", error }];
    }
    return [
      ...(this.#text ? [{ type: "part-end", choice: 0, part: 0 } as const] : []),
      { type: "finish", choice: 0, reason: "stop" },
    ];
  }
}
