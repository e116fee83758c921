import { asObject, asString, type JsonObject, parseJson } from "../../json/json.ts";
import type { Frame } from "../../upstream/sse.ts";
import type { StreamEvent } from "../conversation.ts";
import type { StreamDecoder } from "../format.ts";
import { failureOf } from "./errors.ts";
import { decodeUsage, identityOf } from "./response.ts";

/**
 * The event in which the exchange adds what a stream does not say: the prediction's `id`, `model` and `created_at` in
 * front, its `metrics` at the end.
 */
export const PREDICTION_EVENT = "prediction";

/**
 * Replicate's events: `output` (raw text, not JSON), `logs`, `error` and `done`. The finish waits for the end of the
 * stream, so that the metrics behind `done` still belong to the answer.
 */
export class ReplicateStreamDecoder implements StreamDecoder {
  readonly #model: string;
  #started = false;
  #text = false;
  #done: string | undefined;
  #failed = false;

  constructor(model: string) {
    this.#model = model;
  }

  push(frame: Frame): StreamEvent[] {
    switch (frame.event) {
      case "output":
        return frame.data === "" || this.#failed ? [] : this.#output(frame.data);
      case "error":
        return this.#fail(frame.data);
      case "done": {
        const reason = asString(asObject(parseJson(frame.data))?.reason) ?? "succeeded";
        if (reason === "canceled") return this.#fail("the prediction was canceled");
        if (reason === "error") return this.#fail("the prediction failed");
        this.#done = reason;
        return [];
      }
      case PREDICTION_EVENT:
        return this.#prediction(asObject(parseJson(frame.data)) ?? {});
      default:
        return [];
    }
  }

  end(): StreamEvent[] {
    if (this.#failed) return [];
    const events: StreamEvent[] = this.#started ? [] : [this.#start()];
    if (this.#text) events.push({ type: "part-end", choice: 0, part: 0 });
    if (this.#done === undefined) {
      const error = { code: "api_connection", message: "the stream ended before the answer was complete" } as const;
      return [...events, { type: "error", error }];
    }
    return [...events, { type: "finish", choice: 0, reason: "stop", raw: this.#done }];
  }

  #output(text: string): StreamEvent[] {
    const events: StreamEvent[] = this.#started ? [] : [this.#start()];
    if (!this.#text) events.push({ type: "part-start", choice: 0, part: 0, kind: "text" });
    this.#text = true;
    return [...events, { type: "delta", choice: 0, part: 0, text }];
  }

  #prediction(prediction: JsonObject): StreamEvent[] {
    const events: StreamEvent[] = this.#started ? [] : [this.#start(prediction)];
    const usage = decodeUsage(asObject(prediction.metrics));
    return usage === undefined ? events : [...events, { type: "usage", usage }];
  }

  #start(prediction: JsonObject = {}): StreamEvent {
    this.#started = true;
    return { type: "start", ...identityOf(prediction, this.#model) };
  }

  #fail(text: string): StreamEvent[] {
    if (this.#failed) return [];
    this.#failed = true;
    const detail = asString(asObject(parseJson(text))?.detail) ?? text;
    return [{ type: "error", error: failureOf(detail, undefined) }];
  }
}
