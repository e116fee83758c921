import type { JsonObject } from "../../json/json.ts";
import type { Sealed } from "../conversation.ts";
import type { EmitEvent } from "./answer-writer.ts";
import { carried } from "./reasoning.ts";

/**
 * A reasoning item as it is written. It begins with the first sign of thinking, so that thinking which shows and seals
 * nothing leaves no trace.
 */
export class ReasoningItem {
  readonly #members: JsonObject;
  readonly #inContent: boolean;
  readonly #redacted: boolean;
  #sealed: Sealed | undefined;
  #text = "";
  #index = 0;
  #id = "";
  #emit: EmitEvent | undefined;

  /** `native` is what this format kept on the part: the item's members, and where its text stood. */
  constructor(native: JsonObject, redacted = false) {
    const { place, ...members } = native;
    this.#members = members;
    this.#inContent = place === "content";
    this.#redacted = redacted;
  }

  get isOpen(): boolean {
    return this.#emit !== undefined;
  }

  get hasContent(): boolean {
    return this.isOpen || this.#sealed !== undefined;
  }

  /** The sealed value; it brings the id under which its owner knows it. */
  seal(sealed: Sealed): void {
    this.#sealed = sealed;
  }

  open(index: number, id: string, emit: EmitEvent): void {
    const own = this.#members.id ?? this.#sealed?.detail?.id;
    this.#index = index;
    this.#id = typeof own === "string" ? own : id;
    this.#emit = emit;
    emit("response.output_item.added", {
      output_index: index,
      item: { ...this.#members, id: this.#id, type: "reasoning", summary: [] },
    });
  }

  delta(text: string): void {
    if (text === "") return;
    if (this.#text === "") {
      if (this.#inContent) this.#say("response.content_part.added", { part: { type: "reasoning_text", text: "" } });
      else this.#say("response.reasoning_summary_part.added", { part: { type: "summary_text", text: "" } });
    }
    this.#text += text;
    this.#say(this.#inContent ? "response.reasoning_text.delta" : "response.reasoning_summary_text.delta", {
      delta: text,
    });
  }

  close(status: "completed" | "incomplete"): JsonObject {
    const part = { type: this.#inContent ? "reasoning_text" : "summary_text", text: this.#text };
    if (this.#text !== "") {
      this.#say(this.#inContent ? "response.reasoning_text.done" : "response.reasoning_summary_text.done", {
        text: this.#text,
      });
      this.#say(this.#inContent ? "response.content_part.done" : "response.reasoning_summary_part.done", { part });
    }
    const parts = this.#text === "" ? [] : [part];
    const sealed = this.#sealed;
    const item: JsonObject = {
      ...this.#members,
      id: this.#id,
      type: "reasoning",
      summary: this.#inContent ? [] : parts,
      ...(this.#inContent ? { content: parts } : {}),
      ...(sealed === undefined ? {} : { encrypted_content: carried(sealed, this.#redacted ? "redacted" : undefined) }),
      ...(status === "incomplete" ? { status } : {}),
    };
    this.#emit?.("response.output_item.done", { output_index: this.#index, item });
    return item;
  }

  #say(type: string, members: JsonObject): void {
    const place = this.#inContent ? { content_index: 0 } : { summary_index: 0 };
    this.#emit?.(type, { item_id: this.#id, output_index: this.#index, ...place, ...members });
  }
}
