import { isObject, type JsonObject, type MutableJsonObject } from "../../json/json.ts";

export const FORMAT = "openai-responses";

interface Native {
  readonly format: typeof FORMAT;
  readonly value: JsonObject;
}

/** The members of `object` that are set and not in `known`; undefined when there are none. */
export function otherMembers(object: JsonObject, known: ReadonlySet<string>): JsonObject | undefined {
  const rest: MutableJsonObject = {};
  for (const [name, value] of Object.entries(object)) {
    if (value !== undefined && value !== null && !known.has(name)) rest[name] = value;
  }
  return Object.keys(rest).length === 0 ? undefined : rest;
}

/** The `native` member of a part or message; nothing when there is nothing to keep. */
export function withNative(value: JsonObject | undefined): { readonly native?: Native } {
  return value === undefined ? {} : { native: { format: FORMAT, value } };
}

/** What this format kept on a part or message, or undefined. */
export function nativeValue(holder: {
  readonly native?: { readonly format: string; readonly value: JsonObject };
}): JsonObject | undefined {
  return holder.native?.format === FORMAT ? holder.native.value : undefined;
}

/** The members of a message item that its content parts keep for it: they say which item they belong to. */
export function messageOf(native: JsonObject | undefined): JsonObject {
  return isObject(native?.item) ? native.item : {};
}

const GENERATED = /^(?:rs|msg|fc|ctc|ig|item)_gw_/;

/** An id for an item that came from elsewhere; at most 64 characters, which is all that OpenAI takes back. */
export function generatedId(prefix: "rs" | "msg" | "fc" | "ctc" | "ig", answer: string, index: number): string {
  const base = answer.replace(/^resp_/, "").replace(/[^A-Za-z0-9_-]/g, "");
  return `${prefix}_gw_${index}_${base.slice(-48)}`;
}

/** Whether the gateway made the id up, so that no provider knows it. */
export function isGenerated(id: unknown): boolean {
  return typeof id === "string" && GENERATED.test(id);
}
