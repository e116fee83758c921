import type { GatewayError } from "../../errors/gateway-error.ts";
import type { JsonObject } from "../../json/json.ts";
import { sseFrame } from "../../upstream/sse.ts";
import type { Usage } from "../../usage/usage.ts";
import type { StreamEvent } from "../conversation.ts";
import type { AnswerContext, StreamEncoder } from "../format.ts";
import { encodeCitation } from "./citations.ts";
import { encodeError } from "./errors.ts";
import { encodeFinish } from "./finish.ts";
import { encodeLogprobs } from "./logprobs.ts";
import { encodeBlock } from "./response.ts";
import type { CohereEventType } from "./types.ts";
import { encodeUsage } from "./usage.ts";

interface OpenPart {
  readonly kind: "text" | "thinking" | "tool-call";
  /** Blocks and calls are numbered each on their own. Undefined until a block has text. */
  index: number | undefined;
  text: string;
  ended: boolean;
}

/** Writes Cohere's events. Finish reason and usage stand together in the last one. */
export class CohereStreamEncoder implements StreamEncoder {
  readonly #context: AnswerContext;
  readonly #parts = new Map<number, OpenPart>();
  #started = false;
  #blocks = 0;
  #calls = 0;
  #citations = 0;
  #id: string | undefined;
  #finish: Extract<StreamEvent, { type: "finish" }> | undefined;
  #usage: Usage | undefined;

  constructor(context: AnswerContext) {
    this.#context = context;
  }

  push(event: StreamEvent): string {
    if ("choice" in event && event.choice !== 0) return "";
    switch (event.type) {
      case "start":
        this.#id = event.id;
        return this.#start();
      case "part-start":
        return this.#start() + this.#startPart(event);
      case "delta":
        return this.#delta(event.part, event.text);
      case "audio-delta":
        return event.transcript === undefined ? "" : this.#delta(event.part, event.transcript);
      case "citation": {
        const part = this.#parts.get(event.part);
        if (part?.index === undefined) return "";
        const index = this.#citations++;
        return (
          this.#write("citation-start", index, {
            citations: encodeCitation(event.citation, part.text, part.index),
          }) + this.#write("citation-end", index)
        );
      }
      case "part-end":
        return this.#endPart(event.part);
      case "part": {
        const block = encodeBlock(event.value);
        if (block === undefined) return "";
        const index = this.#blocks++;
        return (
          this.#start() + this.#write("content-start", index, { content: block }) + this.#write("content-end", index)
        );
      }
      case "logprobs": {
        const items = encodeLogprobs(event.logprobs);
        const index = Math.max(this.#blocks - 1, 0);
        return items
          .map((item) => this.#frame({ type: "content-delta", index, delta: { message: {}, logprobs: item } }))
          .join("");
      }
      case "finish":
        this.#finish = event;
        return "";
      case "usage":
        this.#usage = event.usage;
        return "";
      default:
        return "";
    }
  }

  end(): string {
    const finish = this.#finish;
    const usage = this.#usage;
    const reason = finish === undefined ? "ERROR" : encodeFinish(finish.reason, finish.raw, finish.stopSequence);
    const last = this.#frame({
      type: "message-end",
      delta: { finish_reason: reason, ...(usage === undefined ? {} : { usage: encodeUsage(usage) }) },
    });
    return `${this.#start()}${last}${sseFrame("[DONE]")}`;
  }

  error(error: GatewayError): string {
    const { message } = encodeError(error, undefined);
    return this.#start() + this.#frame({ type: "message-end", delta: { finish_reason: "ERROR", error: message } });
  }

  #start(): string {
    if (this.#started) return "";
    this.#started = true;
    return this.#frame({
      id: this.#id ?? this.#context.fallbackId,
      type: "message-start",
      delta: { message: { role: "assistant", content: [], tool_plan: "", tool_calls: [], citations: [] } },
    });
  }

  #startPart(event: Extract<StreamEvent, { type: "part-start" }>): string {
    if (event.kind !== "tool-call") {
      const kind = event.kind === "thinking" ? "thinking" : "text";
      this.#parts.set(event.part, { kind, index: undefined, text: "", ended: false });
      return "";
    }
    const index = this.#calls++;
    this.#parts.set(event.part, { kind: "tool-call", index, text: "", ended: false });
    return this.#write("tool-call-start", index, {
      tool_calls: { id: event.id, type: "function", function: { name: event.name, arguments: "" } },
    });
  }

  #delta(number: number, text: string): string {
    const part = this.#parts.get(number);
    if (part === undefined || part.ended || text === "") return "";
    part.text += text;
    if (part.kind === "tool-call") {
      return this.#write("tool-call-delta", part.index as number, { tool_calls: { function: { arguments: text } } });
    }
    const { kind } = part;
    let opening = "";
    if (part.index === undefined) {
      part.index = this.#blocks++;
      opening = this.#write("content-start", part.index, { content: { type: kind, [kind]: "" } });
    }
    return opening + this.#write("content-delta", part.index, { content: { [kind]: text } });
  }

  #endPart(number: number): string {
    const part = this.#parts.get(number);
    if (part === undefined || part.ended || part.index === undefined) return "";
    part.ended = true;
    return this.#write(part.kind === "tool-call" ? "tool-call-end" : "content-end", part.index);
  }

  #write(type: CohereEventType, index: number, message?: JsonObject): string {
    return this.#frame({ type, index, ...(message === undefined ? {} : { delta: { message } }) });
  }

  #frame(event: JsonObject & { readonly type: CohereEventType }): string {
    return sseFrame(JSON.stringify(event), event.type);
  }
}
