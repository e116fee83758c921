import type { UpstreamFailure } from "../../errors/gateway-error.ts";
import {
  asArray,
  asNumber,
  asObject,
  asString,
  isObject,
  type Json,
  type JsonObject,
  parseJson,
} from "../../json/json.ts";
import type { Frame } from "../../upstream/sse.ts";
import type { StreamEvent } from "../conversation.ts";
import type { StreamDecoder } from "../format.ts";
import { decodeCitation, isTextCitation } from "./citations.ts";
import { failureOf } from "./errors.ts";
import { decodeFinish } from "./finish.ts";
import { decodeLogprobs } from "./logprobs.ts";
import { decodeUsage } from "./usage.ts";

interface OpenCall {
  readonly part: number;
  arguments: string;
  ended: boolean;
}

/**
 * Cohere's stream. Content blocks, tool calls and citations are each numbered from 0 on their own; the tool plan has no
 * start and no end. A block that never gets text is no part. Citations may come after the block that they cite has
 * ended, so a text part stays open until the next part begins.
 */
export class CohereStreamDecoder implements StreamDecoder {
  #next = 0;
  #open: { readonly part: number; readonly kind: "text" | "thinking"; readonly block: number | "plan" } | undefined;
  /** The visible text by part, for the positions of citations. */
  readonly #texts = new Map<number, string>();
  readonly #partOfBlock = new Map<number, number>();
  readonly #calls = new Map<number, OpenCall>();
  #lastText: number | undefined;
  #finished = false;
  #failed = false;

  push(frame: Frame): StreamEvent[] {
    if (frame.data === "[DONE]") return [];
    const event = parseJson(frame.data);
    if (!isObject(event)) {
      return this.#fail({
        code: "bad_gateway",
        message: `Cohere sent a stream event that is not JSON: ${frame.data.slice(0, 200)}`,
      });
    }
    return this.#read(event, asString(event.type) ?? frame.event);
  }

  end(): StreamEvent[] {
    if (this.#finished || this.#failed) return [];
    const events: StreamEvent[] = [];
    this.#closeAll(events);
    return [
      ...events,
      ...this.#fail({ code: "api_connection", message: "the stream ended before the answer was complete" }),
    ];
  }

  #read(event: JsonObject, type: string | undefined): StreamEvent[] {
    const delta = asObject(event.delta);
    const message = asObject(delta?.message);
    const index = asNumber(event.index) ?? 0;
    const events: StreamEvent[] = [];
    switch (type) {
      case "message-start": {
        const id = asString(event.id);
        events.push({ type: "start", ...(id === undefined ? {} : { id }) });
        break;
      }
      case "content-start":
      case "content-delta":
        this.#content(asObject(message?.content), index, events);
        this.#logprobs(delta, events);
        break;
      case "tool-plan-delta":
        this.#text("thinking", "plan", asString(message?.tool_plan) ?? "", events);
        break;
      case "tool-call-start":
        this.#startCall(only(message?.tool_calls), index, events);
        break;
      case "tool-call-delta":
        this.#growCall(asString(asObject(only(message?.tool_calls)?.function)?.arguments) ?? "", index, events);
        break;
      case "tool-call-end":
        this.#endCall(this.#calls.get(index), events);
        break;
      case "citation-start":
        this.#citation(only(message?.citations), events);
        break;
      case "message-end":
        this.#finish(delta, events);
        break;
      case undefined:
      case "error":
        if (event.message !== undefined || event.error !== undefined) {
          return this.#fail(failureOf(event, 500, JSON.stringify(event)));
        }
        break;
      default:
        // `content-end` and `citation-end` say nothing new; `debug` and kinds to come are no content.
        break;
    }
    return events;
  }

  #fail(error: UpstreamFailure): StreamEvent[] {
    if (this.#failed) return [];
    this.#failed = true;
    return [{ type: "error", error }];
  }

  #content(content: JsonObject | undefined, block: number, events: StreamEvent[]): void {
    const thinking = asString(content?.thinking);
    const text = asString(content?.text);
    if (thinking !== undefined) this.#text("thinking", block, thinking, events);
    if (text !== undefined) this.#text("text", block, text, events);
  }

  #text(kind: "text" | "thinking", block: number | "plan", text: string, events: StreamEvent[]): void {
    if (text === "") return;
    if (this.#open?.kind !== kind || this.#open.block !== block) {
      this.#close(events);
      this.#open = { part: this.#next++, kind, block };
      events.push({ type: "part-start", choice: 0, part: this.#open.part, kind });
    }
    const { part } = this.#open;
    if (kind === "text") {
      this.#texts.set(part, (this.#texts.get(part) ?? "") + text);
      this.#lastText = part;
      if (block !== "plan") this.#partOfBlock.set(block, part);
    }
    events.push({ type: "delta", choice: 0, part, text });
  }

  #logprobs(delta: JsonObject | undefined, events: StreamEvent[]): void {
    const held = delta?.logprobs;
    if (held === undefined || held === null) return;
    const logprobs = decodeLogprobs(Array.isArray(held) ? asArray(held) : [held]);
    if (logprobs !== undefined) events.push({ type: "logprobs", choice: 0, logprobs });
  }

  #startCall(call: JsonObject | undefined, index: number, events: StreamEvent[]): void {
    this.#close(events);
    const id = asString(call?.id) ?? `call_${index}`;
    const held = asObject(call?.function);
    const open: OpenCall = { part: this.#next++, arguments: "", ended: false };
    this.#calls.set(index, open);
    events.push({
      type: "part-start",
      choice: 0,
      part: open.part,
      kind: "tool-call",
      id,
      name: asString(held?.name) ?? "",
    });
    this.#growCall(asString(held?.arguments) ?? "", index, events);
  }

  #growCall(text: string, index: number, events: StreamEvent[]): void {
    const call = this.#calls.get(index);
    if (call === undefined || call.ended || text === "") return;
    call.arguments += text;
    events.push({ type: "delta", choice: 0, part: call.part, text });
  }

  #endCall(call: OpenCall | undefined, events: StreamEvent[]): void {
    if (call === undefined || call.ended) return;
    call.ended = true;
    // A call without parameters streams no arguments at all; the whole answer says `{}` for the same call.
    if (call.arguments === "") events.push({ type: "delta", choice: 0, part: call.part, text: "{}" });
    events.push({ type: "part-end", choice: 0, part: call.part });
  }

  #citation(citation: JsonObject | undefined, events: StreamEvent[]): void {
    if (citation === undefined || !isTextCitation(citation)) return;
    const block = asNumber(citation.content_index);
    const part = (block === undefined ? undefined : this.#partOfBlock.get(block)) ?? this.#lastText;
    if (part === undefined) return;
    const decoded = decodeCitation(citation, this.#texts.get(part) ?? "");
    events.push({ type: "citation", choice: 0, part, citation: decoded });
  }

  #finish(delta: JsonObject | undefined, events: StreamEvent[]): void {
    if (this.#finished || this.#failed) return;
    this.#closeAll(events);
    const said = asString(delta?.error);
    const raw = asString(delta?.finish_reason);
    const usage = decodeUsage(asObject(delta?.usage));
    if (said !== undefined && said !== "") {
      if (usage !== undefined) events.push({ type: "usage", usage });
      events.push(...this.#fail(failureOf({ message: said }, 500, said)));
      return;
    }
    this.#finished = true;
    const reason = decodeFinish(raw, this.#calls.size > 0);
    events.push({ type: "finish", choice: 0, reason, ...(raw === undefined ? {} : { raw }) });
    if (usage !== undefined) events.push({ type: "usage", usage });
  }

  #closeAll(events: StreamEvent[]): void {
    this.#close(events);
    for (const call of this.#calls.values()) this.#endCall(call, events);
  }

  #close(events: StreamEvent[]): void {
    if (this.#open === undefined) return;
    events.push({ type: "part-end", choice: 0, part: this.#open.part });
    this.#open = undefined;
  }
}

/** Deltas hold one call or citation, under a name that is a list elsewhere; servers of Cohere's models send either. */
function only(held: Json | undefined): JsonObject | undefined {
  return asObject(Array.isArray(held) ? asArray(held)[0] : held);
}
