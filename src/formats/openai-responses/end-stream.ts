import { asNumber, asString, isObject, type Json, type JsonObject, parseJson } from "../../json/json.ts";
import { sseFrame } from "../../upstream/sse.ts";
import type { Usage } from "../../usage/usage.ts";
import { encodeUsage } from "./usage.ts";

/** An output item that was begun. */
interface OpenItem {
  readonly item: JsonObject;
  /** Of messages and reasoning: their parts, by the member that holds them and their place in it. */
  readonly parts: Map<string, { readonly part: JsonObject; readonly ended: boolean }>;
  /** Of calls: their arguments or input. */
  text: string;
}

/** What grows a part, and the member of the part that grows. */
const PART_DELTAS: Readonly<Record<string, { readonly list: string; readonly member: string; readonly type: string }>> =
  {
    "response.output_text": { list: "content", member: "text", type: "output_text" },
    "response.refusal": { list: "content", member: "refusal", type: "refusal" },
    "response.reasoning_text": { list: "content", member: "text", type: "reasoning_text" },
    "response.reasoning_summary_text": { list: "summary", member: "text", type: "summary_text" },
  };

const CALL_DELTAS: Readonly<Record<string, string>> = {
  "response.function_call_arguments": "arguments",
  "response.custom_tool_call_input": "input",
};

/**
 * The end, for want of room for more output, of a stream of which the client got `sent`: what is open is closed, and
 * `response.incomplete` repeats all that was sent.
 */
export function endStream(sent: string, usage: Usage): string {
  const answer = new SentAnswer();
  for (const line of sent.split(/\r?\n/)) {
    const event = line.startsWith("data:") ? parseJson(line.slice(5)) : undefined;
    if (isObject(event)) answer.take(event);
  }
  return answer.end(usage);
}

class SentAnswer {
  #sequence = 0;
  #text = "";
  #response: JsonObject = {};
  readonly #open = new Map<number, OpenItem>();
  readonly #done = new Map<number, JsonObject>();

  take(event: JsonObject): void {
    const type = asString(event.type) ?? "";
    this.#sequence = (asNumber(event.sequence_number) ?? this.#sequence) + 1;
    const index = asNumber(event.output_index) ?? 0;
    if (isObject(event.response)) this.#response = event.response;
    else if (type === "response.output_item.added" && isObject(event.item)) {
      this.#open.set(index, { item: event.item, parts: new Map(), text: "" });
    } else if (type === "response.output_item.done" && isObject(event.item)) {
      this.#open.delete(index);
      this.#done.set(index, event.item);
    } else this.#grow(type, event, this.#open.get(index));
  }

  end(usage: Usage): string {
    for (const [index, open] of [...this.#open].sort(([a], [b]) => a - b)) this.#close(index, open);
    const output = [...this.#done].sort(([a], [b]) => a - b).map(([, item]) => item);
    const end = { status: "incomplete", error: null, incomplete_details: { reason: "max_output_tokens" } };
    this.#write("response.incomplete", {
      response: { ...this.#response, ...end, output, usage: encodeUsage(usage) },
    });
    return this.#text;
  }

  #grow(type: string, event: JsonObject, open: OpenItem | undefined): void {
    if (open === undefined) return;
    const what = type.slice(0, type.lastIndexOf("."));
    if (isObject(event.part)) {
      const list = event.summary_index === undefined ? "content" : "summary";
      open.parts.set(`${list}/${placeOf(event)}`, { part: event.part, ended: type.endsWith(".done") });
      return;
    }
    if (!type.endsWith(".delta") || typeof event.delta !== "string") return;
    if (CALL_DELTAS[what] !== undefined) open.text += event.delta;
    const grows = PART_DELTAS[what];
    if (grows === undefined) return;
    const key = `${grows.list}/${placeOf(event)}`;
    const part = open.parts.get(key)?.part ?? { type: grows.type };
    const grown = { ...part, [grows.member]: (asString(part[grows.member]) ?? "") + event.delta };
    open.parts.set(key, { part: grown, ended: false });
  }

  #close(index: number, { item, parts, text }: OpenItem): void {
    const place = { item_id: item.id ?? null, output_index: index };
    const lists: Record<string, Json[]> = {};
    for (const [key, { part, ended }] of parts) {
      const [list = "content", at = "0"] = key.split("/");
      lists[list] ??= [];
      lists[list].push(part);
      if (ended) continue;
      const inside = { ...place, [list === "summary" ? "summary_index" : "content_index"]: Number(at) };
      const delta = Object.entries(PART_DELTAS).find(([, grows]) => grows.type === part.type);
      if (delta !== undefined) {
        const [event, { member }] = delta;
        this.#write(`${event}.done`, { ...inside, [member]: part[member] ?? "" });
      }
      this.#write(list === "summary" ? "response.reasoning_summary_part.done" : "response.content_part.done", {
        ...inside,
        part,
      });
    }
    const call = asString(item.type) === "custom_tool_call" ? "input" : "arguments";
    const calls = asString(item.type)?.endsWith("_call") === true && item[call] !== undefined;
    if (calls) {
      const event = Object.entries(CALL_DELTAS).find(([, member]) => member === call)?.[0] ?? "";
      this.#write(`${event}.done`, { ...place, [call]: text });
    }
    const whole = { ...item, ...lists, ...(calls ? { [call]: text } : {}), status: "incomplete" };
    this.#write("response.output_item.done", { output_index: index, item: whole });
    this.#done.set(index, whole);
  }

  #write(type: string, members: JsonObject): void {
    this.#text += sseFrame(JSON.stringify({ type, sequence_number: this.#sequence++, ...members }), type);
  }
}

function placeOf(event: JsonObject): number {
  return asNumber(event.content_index) ?? asNumber(event.summary_index) ?? 0;
}
