import { asObject, parseJson } from "../../json/json.ts";
import type { Frame } from "../../upstream/sse.ts";
import type { Usage } from "../../usage/usage.ts";
import type { StreamEvent } from "../conversation.ts";
import type { StreamDecoder } from "../format.ts";
import { exceptionFailure, isException } from "./errors.ts";
import { finishOf } from "./finish.ts";
import { metricsUsage } from "./metrics.ts";
import type { TextAnswer, TextChoice } from "./text-answer.ts";

/** InvokeModelWithResponseStream of models that write text: the model's own events, unwrapped by the framer. */
export class TextStreamDecoder implements StreamDecoder {
  readonly #answer: TextAnswer;
  readonly #model: string;
  /** Choices that have begun, and whether they are finished. */
  readonly #choices = new Map<number, "open" | "finished">();
  #started = false;
  #failed = false;
  /** A guardrail wrote the text: it ends without the model's word for the end. */
  #guarded = false;

  constructor(answer: TextAnswer, model: string) {
    this.#answer = answer;
    this.#model = model;
  }

  push(frame: Frame): StreamEvent[] {
    if (this.#failed) return [];
    if (isException(frame.event, frame.data)) {
      this.#failed = true;
      return [{ type: "error", error: exceptionFailure(frame.event, frame.data) }];
    }
    const event = asObject(parseJson(frame.data));
    if (event === undefined) {
      this.#failed = true;
      const message = `an event that is no JSON: ${frame.data.slice(0, 200)}`;
      return [{ type: "error", error: { code: "api_error", message } }];
    }
    const events: StreamEvent[] = [];
    this.#guarded ||= event["amazon-bedrock-guardrailAction"] === "INTERVENED";
    this.#start(this.#answer.id?.(event), events);
    for (const choice of this.#answer.piece(event)) this.#piece(choice, events);
    const usage: Usage | undefined = metricsUsage(event);
    if (usage !== undefined) events.push({ type: "usage", usage });
    return events;
  }

  end(): StreamEvent[] {
    if (this.#failed) return [];
    const finished = [...this.#choices.values()];
    if (finished.length > 0 && finished.every((state) => state === "finished")) return [];
    if (this.#guarded && finished.length > 0) return this.#endGuarded();
    this.#failed = true;
    const error = { code: "api_connection", message: "the stream ended before the answer was complete" } as const;
    return [{ type: "error", error }];
  }

  #endGuarded(): StreamEvent[] {
    const events: StreamEvent[] = [];
    for (const [index, state] of this.#choices) {
      if (state === "open") this.#piece({ index, text: "", finish: "content_filtered" }, events);
    }
    return events;
  }

  #start(id: string | undefined, events: StreamEvent[]): void {
    if (this.#started) return;
    this.#started = true;
    events.push({ type: "start", model: this.#model, ...(id === undefined ? {} : { id }) });
  }

  #piece({ index = 0, text, finish }: TextChoice, events: StreamEvent[]): void {
    const state = this.#choices.get(index);
    if (state === "finished") return;
    if (text !== "") {
      if (state === undefined) events.push({ type: "part-start", choice: index, part: 0, kind: "text" });
      this.#choices.set(index, "open");
      events.push({ type: "delta", choice: index, part: 0, text });
    }
    if (finish === undefined || finish === "") return;
    if (this.#choices.has(index)) events.push({ type: "part-end", choice: index, part: 0 });
    this.#choices.set(index, "finished");
    events.push({ type: "finish", choice: index, reason: finishOf(finish), raw: finish });
  }
}
