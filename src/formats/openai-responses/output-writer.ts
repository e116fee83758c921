import type { JsonObject } from "../../json/json.ts";
import { assemble } from "../assemble.ts";
import type { Part, Sealed, StreamEvent } from "../conversation.ts";
import type { EmitEvent } from "./answer-writer.ts";
import { imageItem, mediaText } from "./media-items.ts";
import { MessageItem } from "./message-item.ts";
import { carried } from "./reasoning.ts";
import { ReasoningItem } from "./reasoning-item.ts";
import { FORMAT, generatedId, messageOf, nativeValue } from "./wire.ts";

interface Options {
  readonly answerId: string;
  readonly emit: EmitEvent;
  /** Whether a delta waits for its log probabilities, which come after it. */
  readonly holdsDeltas: boolean;
}

type PartStart = Extract<StreamEvent, { type: "part-start" }>;
type Delta = Extract<StreamEvent, { type: "delta" }>;

/** Writes the output items of one answer, one after the other, from parts that come one after the other. */
export class OutputWriter {
  readonly #options: Options;
  readonly #items: JsonObject[] = [];
  #message: MessageItem | undefined;
  #lastMessage: MessageItem | undefined;
  #reasoning: ReasoningItem | undefined;
  #call: CallItem | undefined;
  /** A text that has said nothing yet, or audio, which is written whole. */
  #pending: PartStart | undefined;
  #audio: StreamEvent[] | undefined;
  #heldDelta: Delta | undefined;
  /** Sealed values of parts that have no place for them here. */
  #attached: Sealed | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  push(event: StreamEvent): void {
    if (event.type === "logprobs") {
      this.#logprobs(event.logprobs as JsonObject);
      return;
    }
    this.#releaseDelta();
    switch (event.type) {
      case "part-start":
        this.#start(event);
        return;
      case "delta":
        if (this.#options.holdsDeltas && (this.#pending?.kind === "text" || this.#message?.isOpen)) {
          this.#heldDelta = event;
        } else {
          this.#delta(event.text);
        }
        return;
      case "audio-delta":
        this.#audio?.push(event);
        return;
      case "citation":
        this.#openText()?.cite(event.citation);
        return;
      case "sealed":
        if (this.#reasoning !== undefined) this.#reasoning.seal(event.sealed);
        else this.#attached = event.sealed;
        return;
      case "part-end":
        this.#end();
        return;
      case "part":
        this.#whole(event.value);
        return;
    }
  }

  /** Ends what is open; `status` is how the last message ended. Returns all items. */
  finish(status: "completed" | "incomplete"): readonly JsonObject[] {
    this.#releaseDelta();
    this.#end(status);
    this.#closeMessage(status);
    return this.#items;
  }

  #start(event: PartStart): void {
    switch (event.kind) {
      case "text":
      case "refusal":
        this.#pending = event;
        return;
      case "thinking":
        this.#reasoning = new ReasoningItem(nativeValue(event) ?? {});
        return;
      case "tool-call": {
        this.#closeMessage("completed");
        const custom = event.toolKind === "custom";
        const item: JsonObject = {
          id: this.#id(custom ? "ctc" : "fc"),
          type: custom ? "custom_tool_call" : "function_call",
          status: "in_progress",
          call_id: event.id,
          name: event.name,
          ...nativeValue(event),
        };
        this.#call = { index: this.#items.length, item, text: "", custom };
        this.#emit("response.output_item.added", {
          output_index: this.#call.index,
          item: { ...item, [custom ? "input" : "arguments"]: "" },
        });
        return;
      }
      case "audio":
        this.#audio = [event];
    }
  }

  #delta(text: string, logprobs: readonly JsonObject[] = []): void {
    if (text === "") return;
    if (this.#call !== undefined) {
      this.#call.text += text;
      const type = this.#call.custom
        ? "response.custom_tool_call_input.delta"
        : "response.function_call_arguments.delta";
      this.#emit(type, { item_id: this.#call.item.id, output_index: this.#call.index, delta: text });
    } else if (this.#reasoning !== undefined) {
      this.#openReasoning(this.#reasoning).delta(text);
    } else {
      this.#openText()?.delta(text, logprobs);
    }
  }

  /** The text that is being said; a message begins with the first sign of it. */
  #openText(): MessageItem | undefined {
    const start = this.#pending;
    if (start === undefined) return this.#message;
    this.#pending = undefined;
    const item = messageOf("native" in start && start.native?.format === FORMAT ? start.native.value : undefined);
    if (this.#message !== undefined && this.#message.nativeId !== item.id) this.#closeMessage("completed");
    if (this.#message === undefined) {
      this.#message = new MessageItem(this.#items.length, this.#id("msg"), item, this.#options.emit);
      this.#lastMessage = this.#message;
    }
    this.#message.start(start.kind === "refusal" ? "refusal" : "output_text");
    return this.#message;
  }

  #openReasoning(reasoning: ReasoningItem): ReasoningItem {
    if (!reasoning.isOpen) {
      this.#closeMessage("completed");
      reasoning.open(this.#items.length, this.#id("rs"), this.#options.emit);
    }
    return reasoning;
  }

  #end(status: "completed" | "incomplete" = "completed"): void {
    // An empty text of this format's own is kept; of others it says nothing.
    if (this.#pending !== undefined && "native" in this.#pending && this.#pending.native?.format === FORMAT) {
      this.#openText();
    }
    this.#pending = undefined;
    this.#message?.end();
    if (this.#call !== undefined) this.#endCall(this.#call, status);
    this.#call = undefined;
    if (this.#reasoning !== undefined) {
      if (this.#reasoning.hasContent) this.#items.push(this.#openReasoning(this.#reasoning).close(status));
      this.#reasoning = undefined;
    }
    if (this.#audio !== undefined) {
      const [audio] = assemble(this.#audio).choices.flatMap((choice) =>
        choice.parts.filter((part) => part !== undefined),
      );
      this.#audio = undefined;
      if (audio !== undefined) this.#whole(audio);
    }
    if (this.#attached !== undefined) this.#attach(this.#attached);
    this.#attached = undefined;
  }

  #endCall(call: CallItem, status: "completed" | "incomplete"): void {
    // A call without arguments has an empty object of them.
    if (!call.custom && call.text === "" && status === "completed") this.#delta("{}");
    const name = call.custom ? "input" : "arguments";
    const place = { item_id: call.item.id, output_index: call.index };
    const type = call.custom ? "response.custom_tool_call_input.done" : "response.function_call_arguments.done";
    this.#emit(type, { ...place, [name]: call.text });
    const item = { ...call.item, status, [name]: call.text };
    this.#emit("response.output_item.done", { output_index: call.index, item });
    this.#items.push(item);
  }

  #whole(part: Part): void {
    switch (part.type) {
      case "opaque":
        if (part.format === FORMAT) this.#item(part.value);
        return;
      case "thinking": {
        const reasoning = new ReasoningItem(nativeValue(part) ?? {}, part.redacted === true);
        if (part.sealed !== undefined) reasoning.seal(part.sealed);
        if (!reasoning.hasContent && part.text === "") return;
        this.#openReasoning(reasoning).delta(part.text);
        this.#items.push(reasoning.close("completed"));
        return;
      }
      case "image":
        this.#item(imageItem(part, this.#id("ig")));
        if (part.sealed !== undefined) this.#attach(part.sealed);
        return;
      case "text":
      case "refusal":
        this.#pending = { type: "part-start", choice: 0, part: 0, kind: part.type };
        this.#openText()?.delta(part.text, []);
        this.#message?.end();
        return;
      default: {
        const text = mediaText(part);
        if (text === undefined) return;
        this.#pending = { type: "part-start", choice: 0, part: 0, kind: "text" };
        this.#openText()?.delta(text, []);
        this.#message?.end();
      }
    }
  }

  /** An item that is whole from the start. */
  #item(item: JsonObject): void {
    this.#closeMessage("completed");
    const place = { output_index: this.#items.length };
    this.#emit("response.output_item.added", { ...place, item });
    this.#emit("response.output_item.done", { ...place, item });
    this.#items.push(item);
  }

  /** A reasoning item that holds the sealed value of the part before it. */
  #attach(sealed: Sealed): void {
    this.#item({ id: this.#id("rs"), type: "reasoning", summary: [], encrypted_content: carried(sealed, "attached") });
  }

  #closeMessage(status: "completed" | "incomplete"): void {
    if (this.#message === undefined) return;
    this.#items.push(this.#message.close(status));
    this.#message = undefined;
  }

  #logprobs(logprobs: JsonObject): void {
    const list = (Array.isArray(logprobs?.content) ? logprobs.content : []) as readonly JsonObject[];
    const held = this.#heldDelta;
    this.#heldDelta = undefined;
    if (held !== undefined) this.#delta(held.text, list);
    else this.#lastMessage?.addLogprobs(list);
  }

  #releaseDelta(): void {
    const held = this.#heldDelta;
    this.#heldDelta = undefined;
    if (held !== undefined) this.#delta(held.text);
  }

  #id(prefix: "rs" | "msg" | "fc" | "ctc" | "ig"): string {
    return generatedId(prefix, this.#options.answerId, this.#items.length);
  }

  #emit(type: string, members: JsonObject): void {
    this.#options.emit(type, members);
  }
}

interface CallItem {
  readonly index: number;
  readonly item: JsonObject;
  readonly custom: boolean;
  text: string;
}
