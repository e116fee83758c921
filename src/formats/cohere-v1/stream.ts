import { asArray, asObject, asString, isObject, type JsonObject, parseJson } from "../../json/json.ts";
import type { Frame } from "../../upstream/sse.ts";
import { failureOf } from "../cohere/errors.ts";
import { decodeFinish } from "../cohere/finish.ts";
import type { Citation, StreamEvent } from "../conversation.ts";
import type { StreamDecoder } from "../format.ts";
import { decodeCall, decodeCitations, documentsOf, idOf, readUsage } from "./response.ts";

/**
 * One JSON object a line, told apart by `event_type`; `stream-end` holds the whole answer. Tool calls come whole, and
 * the text of a stream with calls is its plan.
 */
export class CohereV1StreamDecoder implements StreamDecoder {
  #id = "";
  #next = 0;
  #text = "";
  #textPart: number | undefined;
  #citations: JsonObject[] = [];
  #documents = new Map<string, JsonObject>();
  #calls = 0;
  #over = false;

  push(frame: Frame): StreamEvent[] {
    if (this.#over) return [];
    const event = parseJson(frame.data);
    if (!isObject(event)) {
      this.#over = true;
      const message = `Cohere sent a line that is not JSON: ${frame.data.slice(0, 200)}`;
      return [{ type: "error", error: { code: "bad_gateway", message } }];
    }
    switch (event.event_type) {
      case "stream-start":
        this.#id = idOf(event) ?? "";
        return [{ type: "start", ...(this.#id === "" ? {} : { id: this.#id }) }];
      case "text-generation":
        return this.#grow(asString(event.text) ?? "");
      case "tool-calls-generation":
        return this.#call(asArray(event.tool_calls).filter(isObject));
      case "search-results":
        for (const [id, document] of documentsOf(event)) this.#documents.set(id, document);
        return [];
      case "citation-generation":
        this.#citations.push(...asArray(event.citations).filter(isObject));
        return [];
      case "stream-end":
        return this.#end(event);
      case undefined:
        if (event.message === undefined) return [];
        this.#over = true;
        return [{ type: "error", error: failureOf(event, 500, frame.data) }];
      default:
        return [];
    }
  }

  end(): StreamEvent[] {
    if (this.#over) return [];
    this.#over = true;
    const error = { code: "api_connection", message: "the stream ended before the answer was complete" } as const;
    return [...this.#close([]), { type: "error", error }];
  }

  #grow(text: string): StreamEvent[] {
    if (text === "") return [];
    const events: StreamEvent[] = [];
    if (this.#textPart === undefined) {
      this.#textPart = this.#next++;
      events.push({ type: "part-start", choice: 0, part: this.#textPart, kind: "text" });
    }
    this.#text += text;
    return [...events, { type: "delta", choice: 0, part: this.#textPart, text }];
  }

  #call(calls: readonly JsonObject[]): StreamEvent[] {
    if (this.#calls > 0 || calls.length === 0) return [];
    const events = this.#close([]);
    for (const held of calls) {
      const call = decodeCall(held, this.#calls++, this.#id);
      const at = { choice: 0, part: this.#next++ };
      events.push(
        { type: "part-start", ...at, kind: "tool-call", id: call.id, name: call.name },
        { type: "delta", ...at, text: call.arguments },
        { type: "part-end", ...at },
      );
    }
    return events;
  }

  #end(event: JsonObject): StreamEvent[] {
    this.#over = true;
    const response = asObject(event.response) ?? {};
    const raw = asString(event.finish_reason) ?? asString(response.finish_reason);
    const events: StreamEvent[] = this.#call(asArray(response.tool_calls).filter(isObject));
    for (const [id, document] of documentsOf(response)) this.#documents.set(id, document);
    events.push(...this.#close(decodeCitations(this.#citations, this.#documents, this.#text)));
    events.push({
      type: "finish",
      choice: 0,
      reason: decodeFinish(raw, this.#calls > 0),
      ...(raw === undefined ? {} : { raw }),
    });
    const usage = readUsage(response);
    if (usage !== undefined) events.push({ type: "usage", usage });
    return events;
  }

  #close(citations: readonly Citation[]): StreamEvent[] {
    const part = this.#textPart;
    if (part === undefined) return [];
    this.#textPart = undefined;
    return [
      ...citations.map((citation): StreamEvent => ({ type: "citation", choice: 0, part, citation })),
      { type: "part-end", choice: 0, part },
    ];
  }
}
