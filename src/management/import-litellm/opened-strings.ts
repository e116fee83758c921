import { isObject, type Json, type JsonObject, type MutableJsonObject } from "../../json/json.ts";
import type { OldSecrets, OldText } from "./old-secrets.ts";

export interface OpenedStrings {
  readonly value: JsonObject;
  /** Names of what does not open. */
  readonly closed: readonly string[];
}

/**
 * An object whose strings LiteLLM sealed, opened. It seals every string of a row or none; so where `anchor`, a short
 * name that can be no sealed text, is plain, long texts that look sealed are plain, too.
 */
export function openStrings(secrets: OldSecrets, object: JsonObject, anchor?: string): OpenedStrings {
  const reads = new Map<string, OldText>();
  visit(object, "", (path, text) => {
    reads.set(path, secrets.read(text));
    return text;
  });
  const kinds = [...reads.values()];
  const isPlainRow =
    !kinds.some((read) => read.kind === "opened") &&
    (anchor === undefined ? kinds.some((read) => read.kind === "plain") : reads.get(anchor)?.kind === "plain");
  const closed: string[] = [];
  const value = visit(object, "", (path, text) => {
    const read = reads.get(path);
    if (read === undefined) return text;
    if (read.kind !== "closed") return read.text;
    if (read.prefixed || !isPlainRow) closed.push(path);
    return text;
  });
  return { value: value as JsonObject, closed };
}

function visit(value: Json, path: string, onText: (path: string, text: string) => string): Json {
  if (typeof value === "string") return onText(path, value);
  if (Array.isArray(value)) return value.map((item: Json, at) => visit(item, `${path}[${at}]`, onText));
  if (!isObject(value)) return value;
  const result: MutableJsonObject = {};
  for (const [name, member] of Object.entries(value)) {
    result[name] = member === undefined ? undefined : visit(member, path === "" ? name : `${path}.${name}`, onText);
  }
  return result;
}
