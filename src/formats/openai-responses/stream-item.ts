import { asArray, asString, isObject, type JsonObject } from "../../json/json.ts";
import type { Citation, Part, SealOwner, StreamEvent } from "../conversation.ts";
import { decodeAnnotations } from "./annotations.ts";
import { decodeContentPart } from "./content.ts";
import { decodeCall, decodeImage } from "./items-decode.ts";
import { decodeReasoning, type ReasoningPlace, reasoningNative, reasoningSeal, reasoningText } from "./reasoning.ts";
import { FORMAT, isGenerated, otherMembers, withNative } from "./wire.ts";

interface OpenPart {
  readonly part: number;
  text: string;
  citations: number;
  ended: boolean;
}

interface Surroundings {
  readonly owner: SealOwner;
  readonly nextPart: () => number;
  readonly emit: (event: StreamEvent) => void;
}

const MESSAGE_MEMBERS = new Set(["type", "role", "content", "status"]);

/** One output item as its events build it; turns them into events of the conversation. */
export class StreamItem {
  readonly #around: Surroundings;
  readonly #contents = new Map<number, OpenPart>();
  /** The item as it was added. */
  #value: JsonObject = {};
  /** The part of a reasoning item, and the value that sealed it. */
  #sealedPart: { readonly part: number; readonly value: string } | undefined;
  #reasoning: (OpenPart & { readonly place: ReasoningPlace; index: number }) | undefined;
  #call: OpenPart | undefined;
  isDone = false;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** Whether it calls one of the caller's tools. */
  get isCall(): boolean {
    return this.#call !== undefined;
  }

  added(value: JsonObject): void {
    this.#value = value;
    if (isCall(value)) this.#startCall(value);
  }

  contentAdded(index: number, part: JsonObject): void {
    if (part.type === "output_text") this.#content(index, "text");
    else if (part.type === "refusal") this.#content(index, "refusal");
  }

  text(index: number, kind: "text" | "refusal", delta: string): void {
    this.#delta(this.#content(index, kind), delta);
  }

  textDone(index: number, kind: "text" | "refusal", text: string): void {
    this.#complete(this.#content(index, kind), text);
  }

  citation(index: number, citation: Citation): void {
    const open = this.#content(index, "text");
    if (open.ended) return;
    open.citations++;
    this.#around.emit({ type: "citation", choice: 0, part: open.part, citation });
  }

  contentDone(index: number, part: JsonObject): void {
    if (part.type !== "output_text" && part.type !== "refusal") return;
    const kind = part.type === "refusal" ? "refusal" : "text";
    const open = this.#content(index, kind);
    this.#complete(open, asString(kind === "refusal" ? part.refusal : part.text) ?? "");
    for (const citation of decodeAnnotations(asArray(part.annotations)).slice(open.citations)) {
      this.citation(index, citation);
    }
    this.#end(open);
  }

  reasoning(place: ReasoningPlace, index: number, delta: string): void {
    if (delta === "") return;
    if (this.#reasoning === undefined) this.#startReasoning(place, this.#value, index);
    const open = this.#reasoning;
    // A server that shows both its summary and its thinking is taken at the first.
    if (open === undefined || open.place !== place) return;
    if (index !== open.index && open.text !== "") this.#delta(open, "\n\n");
    open.index = index;
    this.#delta(open, delta);
  }

  input(delta: string): void {
    this.#call ??= this.#startCall(this.#value);
    this.#delta(this.#call, delta);
  }

  inputDone(text: string): void {
    if (this.#call !== undefined) this.#complete(this.#call, text);
  }

  /** The item is whole: what its events left out follows, and its parts end. */
  done(value: JsonObject): void {
    if (this.isDone) {
      this.#sealAgain(value);
      return;
    }
    this.#value = { ...this.#value, ...value };
    switch (value.type) {
      case "message":
        this.#messageDone(value);
        break;
      case "reasoning":
        this.#reasoningDone(value);
        break;
      case "function_call":
      case "custom_tool_call":
        this.#call ??= this.#startCall(value);
        this.#complete(this.#call, decodeCall(value).arguments);
        break;
      case "image_generation_call":
        this.#whole(decodeImage(value));
        break;
      default:
        if (Object.keys(value).length > 0) this.#whole({ type: "opaque", format: FORMAT, value });
    }
    this.close();
    this.isDone = true;
  }

  /** Ends the parts that are open. */
  close(): void {
    for (const open of [...this.#contents.values(), this.#reasoning, this.#call]) if (open) this.#end(open);
  }

  #messageDone(value: JsonObject): void {
    asArray(value.content).forEach((part, index) => {
      if (!isObject(part)) return;
      if (part.type === "output_text" || part.type === "refusal") this.contentDone(index, part);
      else if (!this.#contents.has(index)) this.#whole(decodeContentPart(part, this.#messageMembers()));
    });
  }

  #reasoningDone(value: JsonObject): void {
    const { text, place } = reasoningText(value);
    if (this.#reasoning === undefined) {
      if (text === "") {
        const whole = decodeReasoning(value, this.#around.owner);
        const part = this.#whole(whole);
        if (whole.type === "thinking" && whole.sealed !== undefined)
          this.#sealedPart = { part, value: whole.sealed.value };
        return;
      }
      this.#startReasoning(place, value, 0);
    }
    const open = this.#reasoning as unknown as OpenPart & { readonly place: ReasoningPlace };
    if (open.place === place) this.#complete(open, text);
    const sealed = reasoningSeal(value, this.#around.owner);
    if (sealed === undefined) return;
    this.#sealedPart = { part: open.part, value: sealed.value };
    this.#around.emit({ type: "sealed", choice: 0, part: open.part, sealed });
  }

  /** OpenAI encrypts reasoning anew for each event; what the last one says is what a whole answer would have said. */
  #sealAgain(value: JsonObject): void {
    const sealed = value.type === "reasoning" ? reasoningSeal(value, this.#around.owner) : undefined;
    if (sealed === undefined || this.#sealedPart === undefined || sealed.value === this.#sealedPart.value) return;
    this.#around.emit({ type: "resealed", choice: 0, part: this.#sealedPart.part, sealed });
  }

  #startReasoning(place: ReasoningPlace, value: JsonObject, index: number): void {
    const part = this.#around.nextPart();
    this.#reasoning = { part, text: "", citations: 0, ended: false, place, index };
    this.#around.emit({ type: "part-start", choice: 0, part, kind: "thinking", ...reasoningNative(value, place) });
  }

  #startCall(value: JsonObject): OpenPart {
    const part = this.#around.nextPart();
    const call = decodeCall(value);
    this.#call = { part, text: "", citations: 0, ended: false };
    this.#around.emit({
      type: "part-start",
      choice: 0,
      part,
      kind: "tool-call",
      id: uniqueCallId(call.id, value) ?? `call_${part}`,
      name: call.name,
      ...(call.kind === undefined ? {} : { toolKind: call.kind }),
      ...(call.native === undefined ? {} : { native: call.native }),
    });
    return this.#call;
  }

  #content(index: number, kind: "text" | "refusal"): OpenPart {
    const known = this.#contents.get(index);
    if (known !== undefined) return known;
    const fresh: OpenPart = { part: this.#around.nextPart(), text: "", citations: 0, ended: false };
    this.#contents.set(index, fresh);
    const item = this.#messageMembers();
    this.#around.emit({ type: "part-start", choice: 0, part: fresh.part, kind, ...withNative(item && { item }) });
    return fresh;
  }

  #messageMembers(): JsonObject | undefined {
    const value = isGenerated(this.#value.id) ? { ...this.#value, id: undefined } : this.#value;
    return otherMembers(value, MESSAGE_MEMBERS);
  }

  #whole(value: Part): number {
    const part = this.#around.nextPart();
    this.#around.emit({ type: "part", choice: 0, part, value });
    return part;
  }

  #delta(open: OpenPart, text: string): void {
    if (open.ended || text === "") return;
    open.text += text;
    this.#around.emit({ type: "delta", choice: 0, part: open.part, text });
  }

  /** What the whole text has beyond the deltas. */
  #complete(open: OpenPart, text: string): void {
    if (text.length > open.text.length && text.startsWith(open.text)) this.#delta(open, text.slice(open.text.length));
  }

  #end(open: OpenPart): void {
    if (open.ended) return;
    open.ended = true;
    this.#around.emit({ type: "part-end", choice: 0, part: open.part });
  }
}

/** Some hosts count calls anew in every answer (`call_0`, `call_1`): there the item's own id is unique. */
function uniqueCallId(id: string, item: JsonObject): string | undefined {
  const own = asString(item.id) ?? "";
  if (/^(call_\d+)?$/.test(id) && own !== "" && !isGenerated(own)) return own;
  return id === "" ? undefined : id;
}

function isCall(value: JsonObject): boolean {
  return value.type === "function_call" || value.type === "custom_tool_call";
}
