import { asArray, asObject, asString, isObject, type JsonObject, parseJson } from "../../json/json.ts";
import type { Frame } from "../../upstream/sse.ts";
import type { StreamEvent } from "../conversation.ts";
import type { ResponseContext, StreamDecoder } from "../format.ts";
import { callPrefix, createdOf, decodeFinish, decodeLogprobs, decodeUsage, timingsOf } from "./answer.ts";
import { failureOf } from "./errors.ts";
import { CallIds } from "./tool-calls.ts";

/** One JSON object a line; tool calls come whole, counts stand in the line with `done: true`. */
export class OllamaStreamDecoder implements StreamDecoder {
  readonly #context: ResponseContext;
  #ids: CallIds | undefined;
  #next = 0;
  #open: { readonly part: number; readonly kind: "text" | "thinking" } | undefined;
  #calls = false;
  #over = false;

  constructor(context: ResponseContext) {
    this.#context = context;
  }

  push(frame: Frame): StreamEvent[] {
    if (this.#over) return [];
    const line = parseJson(frame.data);
    if (!isObject(line)) {
      this.#over = true;
      const message = `Ollama sent a line that is not JSON: ${frame.data.slice(0, 200)}`;
      return [{ type: "error", error: { code: "bad_gateway", message } }];
    }
    if (line.error !== undefined) {
      this.#over = true;
      return [{ type: "error", error: failureOf(line, 500, frame.data) }];
    }
    return this.#read(line);
  }

  end(): StreamEvent[] {
    if (this.#over) return [];
    this.#over = true;
    const events: StreamEvent[] = [];
    this.#close(events);
    const error = { code: "api_connection", message: "the stream ended before the answer was complete" } as const;
    return [...events, { type: "error", error }];
  }

  #read(line: JsonObject): StreamEvent[] {
    const events: StreamEvent[] = [];
    if (this.#ids === undefined) events.push(start(line));
    this.#ids ??= new CallIds(callPrefix(line));
    const message = asObject(line.message);
    this.#text("thinking", asString(message?.thinking) ?? asString(line.thinking) ?? "", events);
    this.#text("text", asString(message?.content) ?? asString(line.response) ?? "", events);
    const logprobs = decodeLogprobs(line.logprobs);
    if (logprobs !== undefined) events.push({ type: "logprobs", choice: 0, logprobs });
    for (const call of asArray(message?.tool_calls).filter(isObject)) {
      this.#close(events);
      const { id, name, arguments: text } = this.#ids.call(call);
      const at = { choice: 0, part: this.#next++ };
      this.#calls = true;
      events.push(
        { type: "part-start", ...at, kind: "tool-call", id, name },
        { type: "delta", ...at, text },
        { type: "part-end", ...at },
      );
    }
    if (line.done === true) this.#finish(line, events);
    return events;
  }

  #text(kind: "text" | "thinking", text: string, events: StreamEvent[]): void {
    if (text === "") return;
    if (this.#open?.kind !== kind) {
      this.#close(events);
      this.#open = { part: this.#next++, kind };
      events.push({ type: "part-start", choice: 0, part: this.#open.part, kind });
    }
    events.push({ type: "delta", choice: 0, part: this.#open.part, text });
  }

  #finish(line: JsonObject, events: StreamEvent[]): void {
    this.#over = true;
    this.#close(events);
    const raw = asString(line.done_reason);
    const reason = decodeFinish(raw, this.#calls);
    events.push({ type: "finish", choice: 0, reason, ...(raw === undefined ? {} : { raw }) });
    const extensions = timingsOf(line);
    if (extensions !== undefined) events.push({ type: "extensions", extensions });
    const usage = decodeUsage(line, this.#context);
    if (usage !== undefined) events.push({ type: "usage", usage });
  }

  #close(events: StreamEvent[]): void {
    if (this.#open === undefined) return;
    events.push({ type: "part-end", choice: 0, part: this.#open.part });
    this.#open = undefined;
  }
}

function start(line: JsonObject): StreamEvent {
  const created = createdOf(line);
  const model = asString(line.model);
  return {
    type: "start",
    ...(created === undefined ? {} : { created }),
    ...(model === undefined ? {} : { model }),
  };
}
