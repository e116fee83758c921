import { asNumber, asObject, asString, isObject, type JsonObject, parseJson } from "../../json/json.ts";
import type { Frame } from "../../upstream/sse.ts";
import type { StreamEvent } from "../conversation.ts";
import { withEstimatedInput } from "../estimated-usage.ts";
import type { ResponseContext, StreamDecoder } from "../format.ts";
import { failureOf } from "./errors.ts";
import { decodeFinish, decodeLogprob } from "./response.ts";

/** One token an event; the last one holds `details`. Special tokens (end marks) are no text. */
export class TgiStreamDecoder implements StreamDecoder {
  readonly #context: ResponseContext;
  #started = false;
  #text = false;
  #over = false;

  constructor(context: ResponseContext) {
    this.#context = context;
  }

  push(frame: Frame): StreamEvent[] {
    if (this.#over || frame.data === "[DONE]") return [];
    const event = parseJson(frame.data);
    if (!isObject(event)) {
      this.#over = true;
      const message = `the server sent a stream event that is not JSON: ${frame.data.slice(0, 200)}`;
      return [{ type: "error", error: { code: "bad_gateway", message } }];
    }
    if (event.error !== undefined) {
      this.#over = true;
      return [{ type: "error", error: failureOf(event, 500, frame.data) }];
    }
    const events: StreamEvent[] = this.#started ? [] : [{ type: "start", model: this.#context.model }];
    this.#started = true;
    const token = asObject(event.token);
    if (token !== undefined) this.#token(token, events);
    const details = asObject(event.details);
    if (details !== undefined) this.#finish(details, events);
    return events;
  }

  end(): StreamEvent[] {
    if (this.#over) return [];
    this.#over = true;
    const error = { code: "api_connection", message: "the stream ended before the answer was complete" } as const;
    return [...(this.#text ? [PART_END] : []), { type: "error", error }];
  }

  #token(token: JsonObject, events: StreamEvent[]): void {
    const text = asString(token.text) ?? "";
    if (token.special === true || text === "") return;
    if (!this.#text) events.push({ type: "part-start", choice: 0, part: 0, kind: "text" });
    this.#text = true;
    events.push({ type: "delta", choice: 0, part: 0, text });
    if (this.#context.request?.sampling.logprobs !== true) return;
    events.push({ type: "logprobs", choice: 0, logprobs: { content: [decodeLogprob(token)], refusal: null } });
  }

  #finish(details: JsonObject, events: StreamEvent[]): void {
    this.#over = true;
    if (this.#text) events.push(PART_END);
    const raw = asString(details.finish_reason);
    events.push({ type: "finish", choice: 0, reason: decodeFinish(raw), ...(raw === undefined ? {} : { raw }) });
    const written = asNumber(details.generated_tokens);
    if (written === undefined) return;
    events.push({ type: "usage", usage: withEstimatedInput(asNumber(details.input_length), written, this.#context) });
  }
}

const PART_END: StreamEvent = { type: "part-end", choice: 0, part: 0 };
