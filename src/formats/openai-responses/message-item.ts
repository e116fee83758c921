import type { Json, JsonObject, MutableJsonObject } from "../../json/json.ts";
import type { Citation } from "../conversation.ts";
import { encodeAnnotation } from "./annotations.ts";
import type { EmitEvent } from "./answer-writer.ts";

interface Content {
  readonly type: "output_text" | "refusal";
  readonly annotations: JsonObject[];
  logprobs: readonly Json[];
  text: string;
}

/** A message item as it is written: its texts and refusals, one after the other. */
export class MessageItem {
  readonly nativeId: Json | undefined;
  readonly #index: number;
  readonly #members: JsonObject;
  readonly #emit: EmitEvent;
  readonly #contents: Content[] = [];
  #open: Content | undefined;

  /** `members` are the item's own: its id, its phase. `id` is for an item without one. */
  constructor(index: number, id: string, members: JsonObject, emit: EmitEvent) {
    this.nativeId = members.id;
    this.#index = index;
    this.#members = { id, type: "message", role: "assistant", ...members };
    this.#emit = emit;
    emit("response.output_item.added", {
      output_index: index,
      item: { ...this.#members, status: "in_progress", content: [] },
    });
  }

  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  start(type: Content["type"]): void {
    this.#open = { type, text: "", annotations: [], logprobs: [] };
    this.#contents.push(this.#open);
    this.#say("response.content_part.added", { part: wireContent(this.#open) });
  }

  delta(text: string, logprobs: readonly Json[]): void {
    const open = this.#open;
    if (open === undefined || text === "") return;
    open.text += text;
    if (open.type === "refusal") {
      this.#say("response.refusal.delta", { delta: text });
      return;
    }
    open.logprobs = [...open.logprobs, ...logprobs];
    this.#say("response.output_text.delta", { delta: text, logprobs });
  }

  cite(citation: Citation): void {
    const open = this.#open;
    const annotation = open?.type === "output_text" ? encodeAnnotation(citation, open.text) : undefined;
    if (open === undefined || annotation === undefined) return;
    this.#say("response.output_text.annotation.added", { annotation_index: open.annotations.length, annotation });
    open.annotations.push(annotation);
  }

  /** Log probabilities that come after the text they belong to has ended. */
  addLogprobs(logprobs: readonly Json[]): void {
    const text = this.#open ?? this.#contents.findLast((content) => content.type === "output_text");
    if (text !== undefined) text.logprobs = [...text.logprobs, ...logprobs];
  }

  /** Ends the text that is open. */
  end(): void {
    const open = this.#open;
    if (open === undefined) return;
    if (open.type === "refusal") this.#say("response.refusal.done", { refusal: open.text });
    else this.#say("response.output_text.done", { text: open.text, logprobs: open.logprobs });
    this.#say("response.content_part.done", { part: wireContent(open) });
    this.#open = undefined;
  }

  close(status: "completed" | "incomplete"): JsonObject {
    this.end();
    const item = { ...this.#members, status, content: this.#contents.map(wireContent) };
    this.#emit("response.output_item.done", { output_index: this.#index, item });
    return item;
  }

  #say(type: string, members: MutableJsonObject): void {
    this.#emit(type, {
      item_id: this.#members.id,
      output_index: this.#index,
      content_index: this.#contents.length - 1,
      ...members,
    });
  }
}

function wireContent(content: Content): JsonObject {
  return content.type === "refusal"
    ? { type: "refusal", refusal: content.text }
    : { type: "output_text", text: content.text, annotations: [...content.annotations], logprobs: content.logprobs };
}
