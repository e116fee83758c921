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
import type { ResponseContext, StreamDecoder } from "../format.ts";
import { decodeAnnotation } from "./annotations.ts";
import { streamFailure } from "./errors.ts";
import { decodeFinish } from "./finish.ts";
import { answerExtensions } from "./response-members.ts";
import { StreamItem } from "./stream-item.ts";
import { decodeUsage } from "./usage.ts";

/**
 * The events of a streamed answer. What an event leaves out is taken from the one that closes its item, and what the
 * items leave out from the final answer; a final answer without items (the ChatGPT backend's) changes nothing.
 */
export class ResponsesStreamDecoder implements StreamDecoder {
  readonly #context: ResponseContext;
  readonly #items = new Map<string | number, StreamItem>();
  /** The items as they were done, for what is counted in them. */
  readonly #done: JsonObject[] = [];
  #events: StreamEvent[] = [];
  #parts = 0;
  #started = false;
  #ended = false;

  constructor(context: ResponseContext) {
    this.#context = context;
  }

  push(frame: Frame): StreamEvent[] {
    const text = frame.data.trim();
    if (this.#ended || text === "" || text === "[DONE]") return [];
    const body = parseJson(text);
    if (!isObject(body)) {
      this.#fail({ message: `the stream holds an event that is not JSON: ${text.slice(0, 200)}` });
    } else {
      this.#read(body, asString(body.type) ?? frame.event ?? "");
    }
    return this.#take();
  }

  end(): StreamEvent[] {
    if (!this.#ended) {
      for (const item of this.#items.values()) item.close();
      this.#fail({ message: "the stream ended before its answer was complete" });
    }
    return this.#take();
  }

  /** A whole answer: a stream that says everything in its last event. */
  readWhole(response: JsonObject): StreamEvent[] {
    this.#start(response);
    this.#finish(response, true);
    return this.#take();
  }

  #take(): StreamEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  #read(event: JsonObject, type: string): void {
    switch (type) {
      case "response.created":
      case "response.queued":
      case "response.in_progress":
        this.#start(asObject(event.response) ?? {});
        return;
      case "response.completed":
      case "response.incomplete":
      case "response.done":
        this.#start(asObject(event.response) ?? {});
        this.#finish(asObject(event.response) ?? {}, false);
        return;
      case "response.failed":
      case "error":
        for (const item of this.#items.values()) item.close();
        this.#fail(event);
        return;
      case "keepalive":
        this.#events.push({ type: "ping" });
        return;
      case "":
        // Some servers answer an error under status 200 with a bare error object.
        if (event.error !== undefined && event.error !== null) this.#fail(event);
        return;
      default:
        this.#start({});
        this.#readItem(event, type);
    }
  }

  #readItem(event: JsonObject, type: string): void {
    const item = this.#item(event);
    const delta = asString(event.delta) ?? "";
    const content = asNumber(event.content_index) ?? 0;
    switch (type) {
      case "response.output_item.added":
        item.added(asObject(event.item) ?? {});
        return;
      case "response.output_item.done":
        this.#itemDone(item, asObject(event.item) ?? {});
        return;
      case "response.content_part.added":
        item.contentAdded(content, asObject(event.part) ?? {});
        return;
      case "response.content_part.done":
        item.contentDone(content, asObject(event.part) ?? {});
        return;
      case "response.output_text.delta":
        item.text(content, "text", delta);
        if (asArray(event.logprobs).length > 0) {
          this.#events.push({
            type: "logprobs",
            choice: 0,
            logprobs: { content: event.logprobs as Json, refusal: null },
          });
        }
        return;
      case "response.refusal.delta":
        item.text(content, "refusal", delta);
        return;
      case "response.output_text.annotation.added":
        if (isObject(event.annotation)) item.citation(content, decodeAnnotation(event.annotation));
        return;
      case "response.output_text.done":
        item.textDone(content, "text", asString(event.text) ?? "");
        return;
      case "response.refusal.done":
        item.textDone(content, "refusal", asString(event.refusal) ?? "");
        return;
      case "response.reasoning_summary_text.delta":
        item.reasoning("summary", asNumber(event.summary_index) ?? 0, delta);
        return;
      case "response.reasoning_text.delta":
        item.reasoning("content", content, delta);
        return;
      case "response.function_call_arguments.delta":
      case "response.custom_tool_call_input.delta":
        item.input(delta);
        return;
      case "response.function_call_arguments.done":
        item.inputDone(asString(event.arguments) ?? "");
        return;
      case "response.custom_tool_call_input.done":
        item.inputDone(asString(event.input) ?? "");
        return;
    }
  }

  /** By position: some servers give an item another id in each of its events. */
  #item(event: JsonObject): StreamItem {
    const key = asNumber(event.output_index) ?? asString(event.item_id) ?? asString(asObject(event.item)?.id) ?? 0;
    const known = this.#items.get(key);
    if (known !== undefined) return known;
    const fresh = new StreamItem({
      owner: this.#context.owner,
      nextPart: () => this.#parts++,
      emit: (streamEvent) => this.#events.push(streamEvent),
    });
    this.#items.set(key, fresh);
    return fresh;
  }

  #itemDone(item: StreamItem, value: JsonObject): void {
    const again = item.isDone;
    item.done(value);
    if (!again) this.#done.push(value);
  }

  #start(response: JsonObject): void {
    if (this.#started) return;
    this.#started = true;
    const id = asString(response.id);
    const model = asString(response.model);
    const created = asNumber(response.created_at);
    const tier = asString(response.service_tier);
    this.#events.push({
      type: "start",
      ...(id === undefined ? {} : { id }),
      ...(model === undefined ? {} : { model }),
      ...(created === undefined ? {} : { created }),
      // "auto" is what was asked for; the end says what served.
      ...(tier === undefined || tier === "auto" ? {} : { serviceTier: tier }),
    });
    const extensions = answerExtensions(response);
    if (extensions !== undefined) this.#events.push({ type: "extensions", extensions });
  }

  #finish(response: JsonObject, whole: boolean): void {
    const output = asArray(response.output);
    output.forEach((value, index) => {
      if (!isObject(value)) return;
      // A streamed answer's items are known by their position, unless its events had none.
      const item = this.#items.get(index) ?? this.#items.get(asString(value.id) ?? index);
      this.#itemDone(item ?? this.#item({ output_index: index }), value);
      if (whole) this.#wholeLogprobs(value);
    });
    for (const item of this.#items.values()) item.close();
    const extensions = whole ? undefined : answerExtensions(response);
    if (extensions !== undefined) this.#events.push({ type: "extensions", extensions });
    const calls = [...this.#items.values()].some((item) => item.isCall);
    const { reason, raw } = decodeFinish(response, calls);
    this.#events.push({ type: "finish", choice: 0, reason, ...(raw === undefined ? {} : { raw }) });
    const usage = decodeUsage(response, output.length > 0 ? output : this.#done);
    if (usage !== undefined) this.#events.push({ type: "usage", usage });
    this.#ended = true;
  }

  /** Log probabilities of a streamed answer come with its text; of a whole one they stand in its items. */
  #wholeLogprobs(item: JsonObject): void {
    for (const part of asArray(item.content)) {
      const logprobs = asArray(asObject(part)?.logprobs);
      if (logprobs.length === 0) continue;
      this.#events.push({ type: "logprobs", choice: 0, logprobs: { content: logprobs, refusal: null } });
    }
  }

  #fail(event: JsonObject): void {
    this.#ended = true;
    this.#events.push({ type: "error", error: streamFailure(event) });
  }
}
