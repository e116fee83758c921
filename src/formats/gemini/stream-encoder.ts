import type { GatewayError } from "../../errors/gateway-error.ts";
import { isObject, type Json, type JsonObject, parseJson } from "../../json/json.ts";
import type { Usage } from "../../usage/usage.ts";
import { assemble } from "../assemble.ts";
import type { Citation, StreamEvent } from "../conversation.ts";
import type { AnswerContext, StreamEncoder } from "../format.ts";
import { encodeError } from "./errors.ts";
import { encodeFinish } from "./finish.ts";
import { encodeAnswerPart, groundingOf, inBytes } from "./response.ts";
import { encodeUsage } from "./usage.ts";

type Finish = Extract<StreamEvent, { type: "finish" }>;

/**
 * generateContent events. A tool call is sent whole, when its arguments are complete; finish reasons and usage stand
 * together in the last event. Without `alt=sse` the events are the elements of one JSON array.
 */
export class GeminiStreamEncoder implements StreamEncoder {
  readonly #context: AnswerContext;
  readonly #array: boolean;
  /** Events of parts that are sent whole, by choice and part. */
  readonly #held = new Map<string, StreamEvent[]>();
  readonly #citations = new Map<number, Citation[]>();
  /** The text of each choice so far, and where in it each of its parts begins. */
  readonly #texts = new Map<number, string>();
  readonly #starts = new Map<string, number>();
  readonly #thinking = new Set<string>();
  readonly #finishes: Finish[] = [];
  #id: string | undefined;
  #usage: Usage | undefined;
  #written = 0;

  constructor(context: AnswerContext) {
    this.#context = context;
    this.#array = context.streamFraming === "json-array";
  }

  push(event: StreamEvent): string {
    switch (event.type) {
      case "start":
        this.#id = event.id;
        return "";
      case "part-start": {
        const key = `${event.choice}/${event.part}`;
        if (event.kind === "thinking") this.#thinking.add(key);
        if (event.kind === "text") this.#starts.set(key, this.#texts.get(event.choice)?.length ?? 0);
        if (event.kind === "tool-call" || event.kind === "audio") this.#held.set(key, [event]);
        return "";
      }
      case "delta": {
        const key = `${event.choice}/${event.part}`;
        const held = this.#held.get(key);
        if (held !== undefined) {
          held.push(event);
          return "";
        }
        if (event.text === "") return "";
        if (this.#starts.has(key)) this.#texts.set(event.choice, (this.#texts.get(event.choice) ?? "") + event.text);
        return this.#parts(event.choice, [{ text: event.text, ...(this.#thinking.has(key) ? { thought: true } : {}) }]);
      }
      case "audio-delta":
        this.#held.get(`${event.choice}/${event.part}`)?.push(event);
        return "";
      case "sealed": {
        const key = `${event.choice}/${event.part}`;
        const held = this.#held.get(key);
        if (held !== undefined) {
          held.push(event);
          return "";
        }
        const kind = this.#thinking.has(key) ? "thinking" : "text";
        return this.#parts(event.choice, encodeAnswerPart({ type: kind, text: "", sealed: event.sealed }));
      }
      case "part-end": {
        const key = `${event.choice}/${event.part}`;
        const held = this.#held.get(key);
        if (held === undefined || !complete(held)) return "";
        this.#held.delete(key);
        return this.#whole(event.choice, held);
      }
      case "part":
        return this.#parts(event.choice, encodeAnswerPart(event.value));
      case "citation": {
        const known = this.#citations.get(event.choice) ?? [];
        const text = this.#texts.get(event.choice) ?? "";
        const start = this.#starts.get(`${event.choice}/${event.part}`) ?? 0;
        known.push(inBytes(event.citation, text.slice(0, start), text.slice(start)));
        this.#citations.set(event.choice, known);
        return "";
      }
      case "finish":
        this.#finishes.push(event);
        return event.reason === "length" ? "" : this.#release(event.choice);
      case "usage":
        this.#usage = event.usage;
        return "";
      default:
        return "";
    }
  }

  end(): string {
    const last = this.#write({
      candidates: this.#finishes.map((finish) => this.#finishCandidate(finish)),
      ...(this.#usage === undefined ? {} : { usageMetadata: encodeUsage(this.#usage) }),
      ...this.#identity(),
    });
    return this.#array ? `${last}]` : last;
  }

  error(error: GatewayError): string {
    const text = this.#write(encodeError(error, undefined));
    return this.#array ? `${text}]` : text;
  }

  #finishCandidate(finish: Finish): JsonObject {
    const grounding = groundingOf(this.#citations.get(finish.choice) ?? []);
    return {
      content: { parts: [], role: "model" },
      finishReason: encodeFinish(finish.reason, finish.raw),
      index: finish.choice,
      ...(grounding === undefined ? {} : { groundingMetadata: grounding }),
    };
  }

  /** Calls whose arguments never became JSON, sent as they are unless the length limit cut them off. */
  #release(choice: number): string {
    let text = "";
    for (const [key, held] of this.#held) {
      if (!key.startsWith(`${choice}/`)) continue;
      this.#held.delete(key);
      text += this.#whole(choice, held);
    }
    return text;
  }

  #whole(choice: number, events: readonly StreamEvent[]): string {
    const parts = assemble(events).choices.flatMap((assembled) => assembled.parts);
    return this.#parts(choice, parts.flatMap(encodeAnswerPart));
  }

  #parts(choice: number, parts: readonly Json[]): string {
    if (parts.length === 0) return "";
    return this.#write({ candidates: [{ content: { parts, role: "model" }, index: choice }], ...this.#identity() });
  }

  #identity(): JsonObject {
    return { modelVersion: this.#context.model, responseId: this.#id ?? this.#context.fallbackId };
  }

  #write(value: JsonObject): string {
    const json = JSON.stringify(value);
    if (!this.#array) return `data: ${json}\r\n\r\n`;
    return `${this.#written++ === 0 ? "[" : ",\r\n"}${json}`;
  }
}

/** Whether the held events of a tool call add up to JSON. */
function complete(events: readonly StreamEvent[]): boolean {
  const [first] = events;
  if (first?.type === "part-start" && first.kind === "audio") return true;
  // Free text is whole when it ends.
  if (first?.type === "part-start" && first.kind === "tool-call" && first.toolKind === "custom") return true;
  const text = events.map((event) => (event.type === "delta" ? event.text : "")).join("");
  return text.trim() === "" || isObject(parseJson(text));
}
