import type { UpstreamFailure } from "../../errors/gateway-error.ts";
import { asArray, asNumber, asObject, asString, isObject, type JsonObject, parseJson } from "../../json/json.ts";
import type { Frame } from "../../upstream/sse.ts";
import type { Part, StreamEvent } from "../conversation.ts";
import type { StreamDecoder } from "../format.ts";
import { decodeCitations } from "./citations.ts";
import { failureOf } from "./errors.ts";
import { decodeFinish } from "./finish.ts";
import { CallIds, decodePart } from "./parts.ts";
import { decodeUsage } from "./usage.ts";
import { field, listField, objectField } from "./wire.ts";

interface OpenChoice {
  next: number;
  /** The part that text of the same kind still goes to. */
  open: { readonly index: number; readonly kind: "text" | "thinking" } | undefined;
  text: string;
  lastText: number | undefined;
  calls: boolean;
  /** Google's word for the end, once it was said; text may follow it, after a code execution for instance. */
  raw: string | undefined;
  /** The prompt was refused before there was an answer. */
  blocked: boolean;
}

/**
 * Each event is a complete answer object that holds the new parts; usage is cumulative. How a choice ended is told at
 * the end of the stream.
 */
export class GeminiStreamDecoder implements StreamDecoder {
  readonly #choices = new Map<number, OpenChoice>();
  readonly #ids = new CallIds();
  #started = false;
  #failed = false;
  #usage: JsonObject | undefined;

  push(frame: Frame): StreamEvent[] {
    if (frame.data === "[DONE]") return [];
    const parsed = parseJson(frame.data);
    // Without `alt=sse` the stream is one JSON array, and errors are wrapped in one.
    const objects = Array.isArray(parsed) ? asArray(parsed) : [parsed];
    return objects.flatMap((object) =>
      isObject(object)
        ? this.read(object)
        : this.#fail({
            code: "bad_gateway",
            message: `Gemini sent a stream event that is not JSON: ${frame.data.slice(0, 200)}`,
          }),
    );
  }

  end(): StreamEvent[] {
    const events: StreamEvent[] = [];
    for (const [index, choice] of this.#choices) {
      this.#close(choice, index, events);
      const { raw } = choice;
      if (raw === undefined || this.#failed) continue;
      const reason = choice.blocked ? "content-filter" : decodeFinish(raw, choice.calls);
      events.push({ type: "finish", choice: index, reason, raw });
    }
    const usage = decodeUsage(this.#usage);
    if (usage !== undefined) events.push({ type: "usage", usage });
    if (this.#failed) return events;
    const unfinished = [...this.#choices.values()].some((choice) => choice.raw === undefined);
    if (unfinished || this.#choices.size === 0) {
      const message = "the stream ended before the answer was complete";
      events.push(...this.#fail({ code: "api_connection", message }));
    }
    return events;
  }

  read(body: JsonObject): StreamEvent[] {
    const error = asObject(body.error);
    if (error !== undefined) return this.#fail(failureOf(error, asNumber(error.code) ?? 500));
    const events: StreamEvent[] = [];
    if (!this.#started) {
      this.#started = true;
      events.push(start(body));
    }
    this.#usage = objectField(body, "usageMetadata") ?? this.#usage;
    const candidates = listField(body, "candidates").filter(isObject);
    for (const [position, candidate] of candidates.entries())
      this.#candidate(candidate, asNumber(candidate.index) ?? position, events);
    const blocked = asString(field(objectField(body, "promptFeedback"), "blockReason"));
    if (candidates.length === 0 && blocked !== undefined && this.#choices.size === 0) {
      const choice = this.#choice(0);
      choice.raw = blocked;
      choice.blocked = true;
    }
    return events;
  }

  #fail(error: UpstreamFailure): StreamEvent[] {
    this.#failed = true;
    return [{ type: "error", error }];
  }

  #choice(index: number): OpenChoice {
    let choice = this.#choices.get(index);
    if (choice === undefined) {
      choice = {
        next: 0,
        open: undefined,
        text: "",
        lastText: undefined,
        calls: false,
        raw: undefined,
        blocked: false,
      };
      this.#choices.set(index, choice);
    }
    return choice;
  }

  #candidate(candidate: JsonObject, index: number, events: StreamEvent[]): void {
    const choice = this.#choice(index);
    for (const part of listField(objectField(candidate, "content"), "parts")) {
      if (isObject(part)) this.#part(decodePart(part, this.#ids), choice, index, events);
    }
    if (choice.lastText !== undefined) {
      for (const citation of decodeCitations(candidate, choice.text)) {
        events.push({ type: "citation", choice: index, part: choice.lastText, citation });
      }
    }
    choice.raw = asString(field(candidate, "finishReason")) ?? choice.raw;
  }

  #part(part: Part, choice: OpenChoice, index: number, events: StreamEvent[]): void {
    if (part.type === "text" || (part.type === "thinking" && part.redacted !== true)) {
      if (part.text === "" && part.sealed === undefined) return;
      if (choice.open?.kind !== part.type) {
        this.#close(choice, index, events);
        choice.open = { index: choice.next++, kind: part.type };
        events.push({ type: "part-start", choice: index, part: choice.open.index, kind: part.type });
      }
      const at = choice.open.index;
      if (part.type === "text") {
        choice.text += part.text;
        choice.lastText = at;
      }
      if (part.text !== "") events.push({ type: "delta", choice: index, part: at, text: part.text });
      if (part.sealed !== undefined) {
        events.push({ type: "sealed", choice: index, part: at, sealed: part.sealed });
        this.#close(choice, index, events);
      }
      return;
    }
    this.#close(choice, index, events);
    const at = choice.next++;
    if (part.type !== "tool-call") {
      events.push({ type: "part", choice: index, part: at, value: part });
      return;
    }
    choice.calls = true;
    events.push({ type: "part-start", choice: index, part: at, kind: "tool-call", id: part.id, name: part.name });
    // The signature first: Chat Completions carries it in the id, which a call's first chunk says.
    if (part.sealed !== undefined) events.push({ type: "sealed", choice: index, part: at, sealed: part.sealed });
    events.push(
      { type: "delta", choice: index, part: at, text: part.arguments },
      { type: "part-end", choice: index, part: at },
    );
  }

  #close(choice: OpenChoice, index: number, events: StreamEvent[]): void {
    if (choice.open === undefined) return;
    events.push({ type: "part-end", choice: index, part: choice.open.index });
    choice.open = undefined;
  }
}

function start(body: JsonObject): StreamEvent {
  const id = asString(field(body, "responseId"));
  const model = asString(field(body, "modelVersion"));
  return { type: "start", ...(id === undefined ? {} : { id }), ...(model === undefined ? {} : { model }) };
}
