import { asNumber, asString, isObject, type JsonObject, parseJson } from "../../json/json.ts";
import type { Frame } from "../../upstream/sse.ts";
import type { StreamEvent } from "../conversation.ts";
import type { ResponseContext, StreamDecoder } from "../format.ts";
import { failureOf } from "./errors.ts";
import { decodeFinish, resultOf, usageOf } from "./response.ts";

/**
 * Each event is an answer with the new text. The prompt's count stands in the first one only, the count of what was
 * written runs, and the stop reason is `not_finished` until the end.
 */
export class WatsonxStreamDecoder implements StreamDecoder {
  readonly #context: ResponseContext;
  #started = false;
  #text = false;
  #over = false;
  #finished = false;
  #input: number | undefined;
  #output: number | undefined;

  constructor(context: ResponseContext) {
    this.#context = context;
  }

  push(frame: Frame): StreamEvent[] {
    if (this.#over) return [];
    const event = parseJson(frame.data);
    if (!isObject(event)) {
      return this.#fail({
        code: "bad_gateway",
        message: `watsonx sent a stream event that is not JSON: ${frame.data.slice(0, 200)}`,
      });
    }
    if (frame.event === "error" || event.errors !== undefined) {
      return this.#fail(failureOf(event, asNumber(event.status_code) ?? 500, frame.data));
    }
    return this.#read(event);
  }

  end(): StreamEvent[] {
    if (this.#over) return [];
    this.#over = true;
    if (!this.#finished) {
      const error = { code: "api_connection", message: "the stream ended before the answer was complete" } as const;
      return [...this.#close(), { type: "error", error }];
    }
    const usage = usageOf(this.#input, this.#output);
    return usage === undefined ? [] : [{ type: "usage", usage }];
  }

  #read(body: JsonObject): StreamEvent[] {
    const result = resultOf(body);
    const events: StreamEvent[] = [];
    if (!this.#started) events.push(this.#start(body));
    this.#started = true;
    const input = asNumber(result?.input_token_count);
    if (input !== undefined && input > 0) this.#input = input;
    this.#output = asNumber(result?.generated_token_count) ?? this.#output;
    const text = asString(result?.generated_text) ?? "";
    if (text !== "" && !this.#finished) {
      if (!this.#text) events.push({ type: "part-start", choice: 0, part: 0, kind: "text" });
      this.#text = true;
      events.push({ type: "delta", choice: 0, part: 0, text });
    }
    const raw = asString(result?.stop_reason)?.toLowerCase();
    if (raw === undefined || raw === "not_finished" || this.#finished) return events;
    this.#finished = true;
    return [...events, ...this.#close(), { type: "finish", choice: 0, reason: decodeFinish(raw), raw }];
  }

  #start(body: JsonObject): StreamEvent {
    const created = Date.parse(asString(body.created_at) ?? "");
    return {
      type: "start",
      model: asString(body.model_id) ?? this.#context.model,
      ...(Number.isNaN(created) ? {} : { created: Math.floor(created / 1000) }),
    };
  }

  #close(): StreamEvent[] {
    if (!this.#text) return [];
    this.#text = false;
    return [{ type: "part-end", choice: 0, part: 0 }];
  }

  #fail(error: Extract<StreamEvent, { type: "error" }>["error"]): StreamEvent[] {
    this.#over = true;
    return [{ type: "error", error }];
  }
}
