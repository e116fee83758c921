import type { UpstreamFailure } from "../../errors/gateway-error.ts";
import {
  asNumber,
  asObject,
  asString,
  isObject,
  type JsonObject,
  type MutableJsonObject,
  parseJson,
} from "../../json/json.ts";
import type { Frame } from "../../upstream/sse.ts";
import type { StreamEvent, Tool } from "../conversation.ts";
import type { ResponseContext, StreamDecoder } from "../format.ts";
import { callNative, decodeBlock, decodeCitation, encodeArguments } from "./blocks-decode.ts";
import { failureOf } from "./errors.ts";
import { toolsByWireName, usesJsonTool } from "./request-encode.ts";
import { customInput, finishOf, otherAnswer } from "./response.ts";
import { openSealed } from "./sealed.ts";
import { StreamUsage } from "./stream-usage.ts";
import { FORMAT, JSON_TOOL } from "./types.ts";

interface OpenBlock {
  readonly part: number;
  readonly kind: "text" | "thinking" | "call" | "custom-call" | "json-answer" | "whole";
  /** The block as it began. */
  readonly start: JsonObject;
  /** Argument text so far, where it is needed whole. */
  input: string;
  /** String members that deltas added to a whole block. */
  added: MutableJsonObject;
}

/** Anthropic's event stream (https://platform.claude.com/docs/en/build-with-claude/streaming, 2026-11). */
export class AnthropicStreamDecoder implements StreamDecoder {
  readonly #owner: string;
  readonly #jsonTool: boolean;
  readonly #tools: ReadonlyMap<string, Tool>;
  readonly #usage = new StreamUsage();
  readonly #open = new Map<number, OpenBlock>();
  #other: JsonObject = {};
  #next = 0;
  #started = false;
  #calls = false;
  #finished = false;
  #failed = false;

  constructor(context: ResponseContext) {
    this.#owner = context.owner;
    this.#jsonTool = usesJsonTool(context.request);
    this.#tools = toolsByWireName(context.request);
  }

  push(frame: Frame): StreamEvent[] {
    if (this.#failed) return [];
    const body = parseJson(frame.data);
    if (!isObject(body)) {
      if (frame.data.trim() === "" || frame.data.trim() === "[DONE]") return [];
      return this.#fail({ code: "api_error", message: `an event that is no JSON: ${frame.data.slice(0, 200)}` });
    }
    const events: StreamEvent[] = [];
    switch (body.type ?? frame.event) {
      case "message_start":
        this.#start(asObject(body.message) ?? {}, events);
        break;
      case "content_block_start":
        this.#blockStart(asNumber(body.index) ?? this.#next, asObject(body.content_block) ?? {}, events);
        break;
      case "content_block_delta":
        this.#blockDelta(asNumber(body.index), asObject(body.delta) ?? {}, events);
        break;
      case "content_block_stop":
        this.#blockStop(asNumber(body.index), events);
        break;
      case "message_delta":
        this.#messageDelta(body, events);
        break;
      case "ping":
        events.push({ type: "ping" });
        break;
      case "error":
        return this.#fail(failureOf(asObject(body.error) ?? body, undefined));
      default:
        // message_stop, and events that came later: the documentation asks to pass over unknown ones.
        break;
    }
    return events;
  }

  end(): StreamEvent[] {
    if (this.#failed) return [];
    const events: StreamEvent[] = [];
    this.#closeAll(events);
    if (!this.#finished) {
      events.push(
        ...this.#fail({ code: "api_connection", message: "the stream ended before the answer was complete" }),
      );
    }
    return events;
  }

  #fail(error: UpstreamFailure): StreamEvent[] {
    this.#failed = true;
    return [{ type: "error", error }];
  }

  #start(message: JsonObject, events: StreamEvent[]): void {
    if (this.#started) return;
    this.#started = true;
    this.#usage.start(asObject(message.usage));
    this.#other = message;
    const id = asString(message.id);
    const model = asString(message.model);
    const usage = this.#usage.value;
    events.push({
      type: "start",
      ...(id === undefined ? {} : { id }),
      ...(model === undefined ? {} : { model }),
      ...(usage === undefined ? {} : { usage }),
    });
  }

  #blockStart(index: number, block: JsonObject, events: StreamEvent[]): void {
    this.#start({}, events);
    this.#blockStop(index, events);
    const data = block.type === "redacted_thinking" ? asString(block.data) : undefined;
    const opened = data === undefined ? undefined : openSealed(data, this.#owner);
    if (opened?.attached === true) {
      if (this.#next > 0) events.push({ type: "resealed", choice: 0, part: this.#next - 1, sealed: opened.sealed });
      return;
    }
    const kind = this.#kindOf(block);
    const open: OpenBlock = { part: this.#next++, kind, start: block, input: "", added: {} };
    this.#open.set(index, open);
    const at = { choice: 0, part: open.part };
    switch (kind) {
      case "text":
      case "json-answer":
        events.push({ type: "part-start", ...at, kind: "text" });
        this.#delta(open, asString(block.text) ?? "", events);
        if (Array.isArray(block.citations)) {
          for (const citation of block.citations.filter(isObject)) {
            events.push({ type: "citation", ...at, citation: decodeCitation(citation) });
          }
        }
        return;
      case "thinking":
        events.push({ type: "part-start", ...at, kind: "thinking", signed: true });
        this.#delta(open, asString(block.thinking) ?? "", events);
        this.#sealed(open, asString(block.signature), events);
        return;
      case "call":
      case "custom-call": {
        this.#calls = true;
        const name = asString(block.name) ?? "";
        events.push({
          type: "part-start",
          ...at,
          kind: "tool-call",
          id: asString(block.id) ?? "",
          name: this.#tools.get(name)?.type === "opaque" ? name : this.#nameOf(name),
          ...(kind === "custom-call" ? { toolKind: "custom" as const } : {}),
          ...callNative(block),
        });
      }
    }
  }

  #nameOf(name: string): string {
    const tool = this.#tools.get(name);
    return tool?.type === "function" || tool?.type === "custom" ? tool.name : name;
  }

  #kindOf(block: JsonObject): OpenBlock["kind"] {
    if (block.type === "text" || block.type === "thinking") return block.type;
    if (block.type !== "tool_use") return "whole";
    if (block.name === JSON_TOOL && this.#jsonTool) return "json-answer";
    return this.#tools.get(asString(block.name) ?? "")?.type === "custom" ? "custom-call" : "call";
  }

  #delta(open: OpenBlock, text: string, events: StreamEvent[]): void {
    if (text !== "") events.push({ type: "delta", choice: 0, part: open.part, text });
  }

  #sealed(open: OpenBlock, signature: string | undefined, events: StreamEvent[]): void {
    if (signature === undefined || signature === "") return;
    const { sealed } = openSealed(signature, this.#owner);
    events.push({ type: "sealed", choice: 0, part: open.part, sealed });
  }

  #blockDelta(index: number | undefined, delta: JsonObject, events: StreamEvent[]): void {
    const open = index === undefined ? [...this.#open.values()].at(-1) : this.#open.get(index);
    if (open === undefined) return;
    switch (delta.type) {
      case "text_delta":
        this.#delta(open, asString(delta.text) ?? "", events);
        return;
      case "thinking_delta":
        this.#delta(open, asString(delta.thinking) ?? "", events);
        return;
      case "signature_delta":
        this.#sealed(open, asString(delta.signature), events);
        return;
      case "citations_delta":
        if (isObject(delta.citation)) {
          events.push({ type: "citation", choice: 0, part: open.part, citation: decodeCitation(delta.citation) });
        }
        return;
      case "input_json_delta": {
        const text = asString(delta.partial_json) ?? "";
        open.input += text;
        if (open.kind === "call" || open.kind === "json-answer") this.#delta(open, text, events);
        return;
      }
      default:
        // A kind that came later (`compaction_delta`): its strings add to the block's members.
        for (const [name, value] of Object.entries(delta)) {
          if (name !== "type" && typeof value === "string") {
            open.added[name] = (asString(open.added[name]) ?? asString(open.start[name]) ?? "") + value;
          }
        }
    }
  }

  #blockStop(index: number | undefined, events: StreamEvent[]): void {
    const key = index ?? [...this.#open.keys()].at(-1);
    const open = key === undefined ? undefined : this.#open.get(key);
    if (key === undefined || open === undefined) return;
    this.#open.delete(key);
    const at = { choice: 0, part: open.part };
    switch (open.kind) {
      case "whole": {
        const input = open.input === "" ? {} : { input: parseJson(open.input) ?? open.input };
        events.push({
          type: "part",
          ...at,
          value: decodeBlock({ ...open.start, ...open.added, ...input }, this.#owner),
        });
        return;
      }
      case "custom-call":
        this.#delta(open, customInput(open.input === "" ? encodeArguments(open.start.input) : open.input), events);
        break;
      case "call":
      case "json-answer":
        // A call without arguments sends none; some servers send them all in the block's start.
        if (open.input === "") this.#delta(open, encodeArguments(open.start.input), events);
        break;
    }
    events.push({ type: "part-end", ...at });
  }

  #closeAll(events: StreamEvent[]): void {
    for (const index of [...this.#open.keys()]) this.#blockStop(index, events);
  }

  #messageDelta(body: JsonObject, events: StreamEvent[]): void {
    this.#start({}, events);
    const delta = asObject(body.delta) ?? {};
    this.#usage.delta(asObject(body.usage));
    const raw = asString(delta.stop_reason);
    if (raw !== undefined && !this.#finished) {
      this.#finished = true;
      this.#closeAll(events);
      const stopSequence = asString(delta.stop_sequence);
      events.push({
        type: "finish",
        choice: 0,
        reason: finishOf(raw, this.#calls),
        raw,
        ...(stopSequence === undefined ? {} : { stopSequence }),
      });
    }
    const message = { ...this.#other, ...withoutNulls(delta), usage: this.#usage.raw };
    const { context_management } = body;
    const fields = otherAnswer(context_management === undefined ? message : { ...message, context_management });
    if (fields !== undefined) events.push({ type: "extensions", extensions: { format: FORMAT, fields } });
    const usage = this.#usage.value;
    if (usage !== undefined) events.push({ type: "usage", usage });
  }
}

function withoutNulls(delta: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(delta).filter(([, value]) => value !== null));
}
