import type { UpstreamFailure } from "../../errors/gateway-error.ts";
import {
  asArray,
  asNumber,
  asObject,
  asString,
  isObject,
  type Json,
  type JsonObject,
  type MutableJsonObject,
  parseJson,
} from "../../json/json.ts";
import type { Frame } from "../../upstream/sse.ts";
import type { StreamEvent } from "../conversation.ts";
import type { ResponseContext, StreamDecoder } from "../format.ts";
import { decodeBlock, decodeCitation, encodeArguments } from "./blocks-decode.ts";
import { exceptionOf } from "./errors.ts";
import { decodeFinish } from "./finish.ts";
import { type CallKind, customInput, DeclaredTools } from "./response.ts";
import { FORMAT, memberOf } from "./types.ts";
import { decodeUsage, otherAnswer } from "./usage.ts";

const METADATA = new Set(["usage", "serviceTier", "p"]);
const STOP = new Set(["stopReason", "p"]);

interface OpenBlock {
  kind: "unknown" | "text" | "thinking" | "whole" | CallKind;
  part: number;
  /** What the block began with, by its one member. */
  readonly start: JsonObject;
  input: string;
  redacted: string;
  readonly pieces: Json[];
}

/** ConverseStream (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html, 2026-11). */
export class ConverseStreamDecoder implements StreamDecoder {
  readonly #owner: string;
  readonly #tools: DeclaredTools;
  readonly #open = new Map<number, OpenBlock>();
  #next = 0;
  #started = false;
  #calls = false;
  #finished = false;
  #failed = false;

  constructor(context: ResponseContext) {
    this.#owner = context.owner;
    this.#tools = new DeclaredTools(context.request);
  }

  push(frame: Frame): StreamEvent[] {
    if (this.#failed) return [];
    const failure = exceptionOf(frame.event, frame.data);
    if (failure !== undefined) return this.#fail(failure);
    const body = parseJson(frame.data);
    if (!isObject(body)) {
      return this.#fail({ code: "api_error", message: `an event that is no JSON: ${frame.data.slice(0, 200)}` });
    }
    const events: StreamEvent[] = [];
    if (!this.#started) {
      this.#started = true;
      events.push({ type: "start" });
    }
    const index = asNumber(body.contentBlockIndex) ?? 0;
    switch (frame.event) {
      case "contentBlockStart":
        this.#blockStart(index, asObject(body.start) ?? {}, events);
        break;
      case "contentBlockDelta":
        this.#blockDelta(index, asObject(body.delta) ?? {}, events);
        break;
      case "contentBlockStop":
        this.#blockStop(index, events);
        break;
      case "messageStop":
        this.#messageStop(body, events);
        break;
      case "metadata":
        this.#metadata(body, events);
        break;
      default:
        // messageStart, and events that came later.
        break;
    }
    return events;
  }

  end(): StreamEvent[] {
    if (this.#failed) return [];
    const events: StreamEvent[] = [];
    this.#closeAll(events);
    if (!this.#finished) {
      const message = "the stream ended before the answer was complete";
      events.push(...this.#fail({ code: "api_connection", message }));
    }
    return events;
  }

  #fail(error: UpstreamFailure): StreamEvent[] {
    this.#failed = true;
    return [{ type: "error", error }];
  }

  #blockStart(index: number, start: JsonObject, events: StreamEvent[]): void {
    this.#blockStop(index, events);
    const [member, value] = memberOf(start);
    const held = asObject(value) ?? {};
    const open: OpenBlock = { kind: "unknown", part: -1, start, input: "", redacted: "", pieces: [] };
    this.#open.set(index, open);
    const name = asString(held.name);
    // Tools that Bedrock runs itself are no calls for the client.
    if (member === "toolUse" && name !== undefined && held.type !== "server_tool_use") {
      open.kind = this.#tools.kindOf(name);
      open.part = this.#next++;
      const at = { choice: 0, part: open.part };
      if (open.kind === "json-answer") {
        events.push({ type: "part-start", ...at, kind: "text" });
        return;
      }
      this.#calls = true;
      events.push({
        type: "part-start",
        ...at,
        kind: "tool-call",
        id: asString(held.toolUseId) ?? "",
        name: this.#tools.nameOf(name),
        ...(open.kind === "custom-call" ? { toolKind: "custom" as const } : {}),
      });
    } else if (member !== "" && member !== "text" && member !== "reasoningContent") {
      open.kind = "whole";
      open.part = this.#next++;
    }
  }

  /** Text and reasoning begin with their first delta: most models send no start for them. */
  #begin(index: number, kind: "text" | "thinking", events: StreamEvent[]): OpenBlock {
    const known = this.#open.get(index);
    const open = known ?? { kind: "unknown", part: -1, start: {}, input: "", redacted: "", pieces: [] };
    if (known === undefined) this.#open.set(index, open);
    if (open.kind === "unknown") {
      open.kind = kind;
      open.part = this.#next++;
      const signed = kind === "thinking" ? ({ signed: true } as const) : {};
      events.push({ type: "part-start", choice: 0, part: open.part, kind, ...signed });
    }
    return open;
  }

  #blockDelta(index: number, delta: JsonObject, events: StreamEvent[]): void {
    const [member, value] = memberOf(delta);
    switch (member) {
      case "text":
        if (typeof value === "string" && value !== "") this.#text(this.#begin(index, "text", events), value, events);
        return;
      case "citation": {
        const open = this.#begin(index, "text", events);
        if (isObject(value))
          events.push({ type: "citation", choice: 0, part: open.part, citation: decodeCitation(value) });
        return;
      }
      case "reasoningContent":
        this.#reasoning(index, asObject(value) ?? {}, events);
        return;
      case "toolUse": {
        const open = this.#open.get(index);
        const text = asString(asObject(value)?.input) ?? "";
        if (open === undefined) return;
        open.input += text;
        if (open.kind === "call" || open.kind === "json-answer") this.#text(open, text, events);
        return;
      }
      default:
        if (value !== undefined)
          this.#open.get(index)?.pieces.push(...(Array.isArray(value) ? asArray(value) : [value]));
    }
  }

  #text(open: OpenBlock, text: string, events: StreamEvent[]): void {
    if (text !== "") events.push({ type: "delta", choice: 0, part: open.part, text });
  }

  #reasoning(index: number, delta: JsonObject, events: StreamEvent[]): void {
    const text = asString(delta.text);
    const signature = asString(delta.signature);
    const redacted = asString(delta.redactedContent);
    if (text !== undefined && text !== "") this.#text(this.#begin(index, "thinking", events), text, events);
    if (signature !== undefined && signature !== "") {
      const { part } = this.#begin(index, "thinking", events);
      events.push({ type: "sealed", choice: 0, part, sealed: { owner: this.#owner, value: signature } });
    }
    if (redacted !== undefined) {
      const open = this.#open.get(index) ?? {
        kind: "whole",
        part: this.#next++,
        start: {},
        input: "",
        redacted: "",
        pieces: [],
      };
      open.redacted += redacted;
      this.#open.set(index, open);
    }
  }

  #blockStop(index: number, events: StreamEvent[]): void {
    const open = this.#open.get(index);
    if (open === undefined) return;
    this.#open.delete(index);
    const at = { choice: 0, part: open.part };
    if (open.redacted !== "") {
      const sealed = { owner: this.#owner, value: open.redacted };
      events.push({ type: "part", ...at, value: { type: "thinking", text: "", redacted: true, sealed } });
      return;
    }
    switch (open.kind) {
      case "unknown":
        return;
      case "whole":
        events.push({ type: "part", ...at, value: decodeBlock(wholeBlock(open), this.#owner) });
        return;
      case "custom-call":
        this.#text(open, customInput(open.input), events);
        break;
      case "call":
      case "json-answer":
        // A call without arguments sends none.
        if (open.input === "") this.#text(open, encodeArguments(undefined), events);
        break;
    }
    events.push({ type: "part-end", ...at });
  }

  #closeAll(events: StreamEvent[]): void {
    for (const index of [...this.#open.keys()]) this.#blockStop(index, events);
  }

  #messageStop(body: JsonObject, events: StreamEvent[]): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#closeAll(events);
    const raw = asString(body.stopReason);
    const reason = decodeFinish(raw, this.#calls);
    events.push({ type: "finish", choice: 0, reason, ...(raw === undefined ? {} : { raw }) });
    const fields = otherAnswer(body, STOP);
    if (fields !== undefined) events.push({ type: "extensions", extensions: { format: FORMAT, fields } });
  }

  #metadata(body: JsonObject, events: StreamEvent[]): void {
    const fields = otherAnswer(body, METADATA);
    if (fields !== undefined) events.push({ type: "extensions", extensions: { format: FORMAT, fields } });
    const usage = decodeUsage(asObject(body.usage), asObject(body.serviceTier));
    if (usage !== undefined) events.push({ type: "usage", usage });
  }
}

/** A block that came in pieces as it would have come whole. */
function wholeBlock(open: OpenBlock): JsonObject {
  const [member, value] = memberOf(open.start);
  const block: MutableJsonObject = { ...asObject(value) };
  if (open.input !== "") block.input = parseJson(open.input) ?? open.input;
  if (open.pieces.length > 0) block.content = open.pieces;
  return { [member]: block };
}
