import type { GatewayError } from "../../errors/gateway-error.ts";
import { asObject, type JsonObject, type MutableJsonObject } from "../../json/json.ts";
import { sseFrame } from "../../upstream/sse.ts";
import type { Usage } from "../../usage/usage.ts";
import type { Extensions, Sealed, StreamEvent } from "../conversation.ts";
import type { AnswerContext, StreamEncoder } from "../format.ts";
import { carry } from "../sealed.ts";
import { attached, encodeAnswerCitation, encodeAnswerPart } from "./answer-blocks.ts";
import { encodeError } from "./errors.ts";
import { encodeFinish } from "./finish.ts";
import { FORMAT, ownNative, toolId } from "./types.ts";
import { encodeUsage } from "./usage.ts";

type PartStart = Extract<StreamEvent, { type: "part-start" }>;
type PartEvent = Extract<StreamEvent, { part: number }>;

/** A part that has begun; its block opens with its first content, and its events wait while another block is open. */
interface Pending {
  readonly start: PartStart;
  readonly waiting: PartEvent[];
  /** Sealed values, whose own blocks follow the part's block. */
  readonly seals: Sealed[];
  /** Argument text of a custom call, which is sent whole as an object. */
  custom: string;
  ended: boolean;
}

/**
 * Anthropic's event stream: blocks are opened, filled and closed strictly in turn, so parts that arrive interleaved wait
 * for their turn. Text and thinking yield to the next part and go on in a block of their own; calls cannot be cut.
 */
export class AnthropicStreamEncoder implements StreamEncoder {
  readonly #context: AnswerContext;
  readonly #pending = new Map<number, Pending>();
  #started = false;
  #index = 0;
  /** The part whose block is open. */
  #current: number | undefined;
  #finish: Extract<StreamEvent, { type: "finish" }> | undefined;
  #usage: Usage | undefined;
  #extensions: Extensions | undefined;
  #refused = false;

  constructor(context: AnswerContext) {
    this.#context = context;
  }

  push(event: StreamEvent): string {
    switch (event.type) {
      case "start":
        return this.#start(event.id, event.usage);
      case "ping":
        return this.#started ? frame({ type: "ping" }) : "";
      case "usage":
        this.#usage = event.usage;
        return "";
      case "extensions":
        this.#extensions = event.extensions;
        return "";
      case "finish":
        if (event.choice === 0) this.#finish = event;
        return "";
      case "logprobs":
      case "error":
        return "";
      default:
        // Anthropic's answers have one choice.
        return event.choice === 0 ? this.#start(undefined, undefined) + this.#part(event) : "";
    }
  }

  end(): string {
    let text = this.#start(undefined, undefined);
    for (const [part, pending] of this.#pending) {
      if (!pending.ended) text += this.#part({ type: "part-end", choice: 0, part });
    }
    const fields = this.#extensions?.format === FORMAT ? this.#extensions.fields : {};
    const { stop_details, container, context_management, usage } = fields;
    const delta: MutableJsonObject = {
      stop_reason: encodeFinish(
        this.#finish?.reason ?? "stop",
        this.#finish?.raw,
        this.#finish?.stopSequence,
        this.#refused,
      ),
      stop_sequence: this.#finish?.stopSequence ?? null,
    };
    if (stop_details !== undefined) delta.stop_details = stop_details;
    if (container !== undefined) delta.container = container;
    text += frame({
      type: "message_delta",
      delta,
      usage: encodeUsage(this.#usage, asObject(usage)),
      ...(context_management === undefined ? {} : { context_management }),
    });
    return text + frame({ type: "message_stop" });
  }

  error(error: GatewayError): string {
    return sseFrame(JSON.stringify(encodeError(error, undefined)), "error");
  }

  #start(id: string | undefined, usage: Usage | undefined): string {
    if (this.#started) return "";
    this.#started = true;
    return frame({
      type: "message_start",
      message: {
        id: id ?? this.#context.fallbackId,
        type: "message",
        role: "assistant",
        model: this.#context.model,
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: encodeUsage(usage, undefined),
      },
    });
  }

  #part(event: PartEvent): string {
    if (event.type === "part-start" || event.type === "part") {
      this.#pending.set(event.part, {
        start: event.type === "part-start" ? event : { ...event, type: "part-start", kind: "text" },
        waiting: event.type === "part" ? [event] : [],
        seals: [],
        custom: "",
        ended: event.type === "part",
      });
      return this.#next();
    }
    const pending = this.#pending.get(event.part);
    if (pending === undefined) return "";
    if (event.type === "part-end") pending.ended = true;
    if (this.#current !== event.part) {
      const silent = pending.waiting.length === 0 && pending.seals.length === 0 && pending.start.kind !== "tool-call";
      if (event.type === "part-end" && silent) this.#pending.delete(event.part);
      else pending.waiting.push(event);
      return this.#next();
    }
    const text = this.#write(pending, event);
    return this.#current === undefined ? text + this.#next() : text;
  }

  /** Closes an open block of text or thinking, so that another part may speak. */
  #yield(): string {
    const kind = this.#current === undefined ? undefined : this.#pending.get(this.#current)?.start.kind;
    return kind === undefined || kind === "tool-call" ? "" : this.#close();
  }

  #close(): string {
    this.#current = undefined;
    return frame({ type: "content_block_stop", index: this.#index++ });
  }

  #write(pending: Pending, event: PartEvent): string {
    const part = event.part;
    switch (event.type) {
      case "delta": {
        if (pending.start.kind === "tool-call") {
          const opened = this.#open(part, pending);
          if (pending.start.toolKind !== "custom")
            return opened + this.#delta("input_json_delta", "partial_json", event.text);
          pending.custom += event.text;
          return opened;
        }
        if (event.text === "") return "";
        if (pending.start.kind === "refusal") this.#refused = true;
        const thinking = pending.start.kind === "thinking";
        return (
          this.#open(part, pending) +
          (thinking
            ? this.#delta("thinking_delta", "thinking", event.text)
            : this.#delta("text_delta", "text", event.text))
        );
      }
      case "audio-delta":
        if (event.transcript === undefined || event.transcript === "") return "";
        return this.#open(part, pending) + this.#delta("text_delta", "text", event.transcript);
      case "citation":
        return (
          this.#open(part, pending) +
          frame({
            type: "content_block_delta",
            index: this.#index,
            delta: { type: "citations_delta", citation: encodeAnswerCitation(event.citation) },
          })
        );
      case "sealed":
        return this.#sealed(part, pending, event.sealed);
      case "part":
        return this.#whole(event);
      case "part-end":
        return this.#end(part, pending);
      default:
        return "";
    }
  }

  #sealed(part: number, pending: Pending, sealed: Sealed): string {
    if (pending.start.kind === "thinking") {
      return this.#open(part, pending) + this.#delta("signature_delta", "signature", carry(sealed, "anthropic"));
    }
    pending.seals.push(sealed);
    return "";
  }

  #end(part: number, pending: Pending): string {
    let text = "";
    if (pending.start.kind === "tool-call" && pending.start.toolKind === "custom") {
      text += this.#delta("input_json_delta", "partial_json", JSON.stringify({ input: pending.custom }));
    }
    if (this.#current === part) text += this.#close();
    this.#pending.delete(part);
    for (const sealed of pending.seals) text += this.#block(attached(sealed));
    return text;
  }

  /** The parts that waited, in the order in which they began, up to a call that is not complete. */
  #next(): string {
    let text = "";
    for (const [part, pending] of [...this.#pending]) {
      const speaks = pending.waiting.length > 0 || pending.start.kind === "tool-call";
      if (!speaks) continue;
      text += this.#yield();
      if (this.#current !== undefined) return text;
      // Calls keep the order in which they began, whichever's arguments come first.
      if (pending.start.kind === "tool-call") text += this.#open(part, pending);
      for (const event of pending.waiting.splice(0)) text += this.#write(pending, event);
      if (pending.ended) this.#pending.delete(part);
    }
    return text;
  }

  #open(part: number, pending: Pending): string {
    if (this.#current === part) return "";
    this.#current = part;
    return frame({ type: "content_block_start", index: this.#index, content_block: blockStart(pending.start) });
  }

  #delta(type: string, member: string, text: string): string {
    return frame({ type: "content_block_delta", index: this.#index, delta: { type, [member]: text } });
  }

  #whole(event: Extract<StreamEvent, { type: "part" }>): string {
    return encodeAnswerPart(event.value)
      .map((block) => this.#block(block))
      .join("");
  }

  /** A block that is sent whole. Text grows by deltas all the same, and a server tool's input too. */
  #block(block: JsonObject): string {
    const index = this.#index++;
    const deltas: JsonObject[] = [];
    let start = block;
    if (block.type === "text") {
      start = { ...block, text: "" };
      deltas.push({ type: "text_delta", text: block.text });
    } else if (block.type === "thinking") {
      start = { ...block, thinking: "", signature: "" };
      deltas.push({ type: "thinking_delta", thinking: block.thinking });
      deltas.push({ type: "signature_delta", signature: block.signature });
    } else if (block.type === "tool_use" || block.type === "server_tool_use" || block.type === "mcp_tool_use") {
      start = { ...block, input: {} };
      deltas.push({ type: "input_json_delta", partial_json: JSON.stringify(block.input ?? {}) });
    }
    return [
      frame({ type: "content_block_start", index, content_block: start }),
      ...deltas.map((delta) => frame({ type: "content_block_delta", index, delta })),
      frame({ type: "content_block_stop", index }),
    ].join("");
  }
}

function blockStart(start: PartStart): JsonObject {
  switch (start.kind) {
    case "thinking":
      return { type: "thinking", thinking: "", signature: "" };
    case "tool-call":
      return { type: "tool_use", id: toolId(start.id), name: start.name, input: {}, ...ownNative(start) };
    default:
      return { type: "text", text: "" };
  }
}

function frame(value: JsonObject & { readonly type: string }): string {
  return sseFrame(JSON.stringify(value), value.type);
}
