import type { GatewayError } from "../../errors/gateway-error.ts";
import { asObject, type Json, type JsonObject } from "../../json/json.ts";
import type { Usage } from "../../usage/usage.ts";
import type { FinishReason, StreamEvent, ToolCallPart } from "../conversation.ts";
import type { AnswerContext, StreamEncoder } from "../format.ts";
import { encodeError } from "./errors.ts";
import { countsOf, encodeFinish, timeOf, visibleText } from "./response.ts";
import { encodeCall } from "./tool-calls.ts";

interface HeldCall extends ToolCallPart {
  arguments: string;
}

/** Writes lines. A tool call is held until it is whole; the last line has the reason and the counts. */
export class OllamaStreamEncoder implements StreamEncoder {
  readonly #context: AnswerContext;
  readonly #thinking = new Set<number>();
  readonly #calls = new Map<number, HeldCall>();
  #created: number | undefined;
  #written = 0;
  #finish: FinishReason | undefined;
  #usage: Usage | undefined;
  #timings: JsonObject = {};

  constructor(context: AnswerContext) {
    this.#context = context;
  }

  push(event: StreamEvent): string {
    if ("choice" in event && event.choice !== 0) return "";
    switch (event.type) {
      case "start":
        this.#created = event.created;
        return "";
      case "part-start":
        if (event.kind === "thinking") this.#thinking.add(event.part);
        if (event.kind === "tool-call") {
          const { id, name, toolKind } = event;
          const kind = toolKind === undefined ? {} : { kind: toolKind };
          this.#calls.set(event.part, { type: "tool-call", id, name, arguments: "", ...kind });
        }
        return "";
      case "delta":
        return this.#delta(event.part, event.text);
      case "audio-delta":
        return event.transcript === undefined ? "" : this.#line({ content: event.transcript });
      case "part-end":
        return this.#endCall(event.part);
      case "part": {
        const text = visibleText(event.value);
        return text === "" ? "" : this.#line({ content: text });
      }
      case "logprobs": {
        const logprobs = asObject(event.logprobs)?.content;
        return Array.isArray(logprobs) ? this.#line({ content: "" }, { logprobs: logprobs as Json }) : "";
      }
      case "finish":
        this.#finish = event.reason;
        return "";
      case "usage":
        this.#usage = event.usage;
        return "";
      case "extensions":
        if (event.extensions.format === "ollama") this.#timings = { ...this.#timings, ...event.extensions.fields };
        return "";
      default:
        return "";
    }
  }

  end(): string {
    const counts = this.#usage === undefined ? {} : countsOf({ usage: this.#usage });
    return this.#write({
      message: { role: "assistant", content: "" },
      done: true,
      done_reason: encodeFinish(this.#finish),
      ...this.#timings,
      ...counts,
    });
  }

  error(error: GatewayError): string {
    return `${JSON.stringify(encodeError(error))}\n`;
  }

  #delta(part: number, text: string): string {
    const call = this.#calls.get(part);
    if (call !== undefined) {
      call.arguments += text;
      return "";
    }
    if (text === "") return "";
    return this.#line(this.#thinking.has(part) ? { content: "", thinking: text } : { content: text });
  }

  #endCall(part: number): string {
    const call = this.#calls.get(part);
    if (call === undefined) return "";
    this.#calls.delete(part);
    return this.#line({ content: "", tool_calls: [encodeCall(call, this.#written++)] });
  }

  #line(message: JsonObject, more: JsonObject = {}): string {
    return this.#write({ message: { role: "assistant", ...message }, done: false, ...more });
  }

  #write(fields: JsonObject): string {
    const created_at = timeOf(this.#created ?? this.#context.now);
    return `${JSON.stringify({ model: this.#context.model, created_at, ...fields })}\n`;
  }
}
