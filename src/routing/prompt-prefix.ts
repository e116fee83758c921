import { asArray, type Json, type JsonObject } from "../json/json.ts";

/** Providers cache nothing below about 1,024 tokens; smaller prompts have no warm place. */
const SMALLEST_BYTES = 4096;
/** A prompt's beginning is recognised by at most so much of its text. */
const LONGEST_TEXT = 32_768;

/**
 * Names for the beginnings of a prompt that a provider may have in its cache, the longest first: the conversation as far
 * as its first question, which every later turn repeats, and the instructions with the tools, which other conversations
 * share. Empty for prompts that are too small to be cached.
 */
export function promptPrefixes(body: JsonObject, bytes: number): readonly string[] {
  if (bytes < SMALLEST_BYTES) return [];
  const messages = asArray(body.messages ?? body.input ?? body.contents);
  const fixed = textOf([body.tools, body.system ?? body.instructions ?? body.systemInstruction]);
  const first = messages.findIndex((message) => (message as JsonObject | null)?.role === "user");
  const leading = textOf(first === -1 ? messages : messages.slice(0, first));
  const instructions = fixed + leading;
  const question = first === -1 ? "" : textOf([messages[first]]);
  const found: string[] = [];
  if (question !== "") found.push(`prefix:${hash(instructions + question)}`);
  if (instructions.length >= SMALLEST_BYTES) found.push(`prefix:${hash(instructions)}`);
  return found;
}

function textOf(values: readonly (Json | undefined)[]): string {
  const text = values.map((value) => (value === undefined ? "" : JSON.stringify(value))).join("");
  return text.length > LONGEST_TEXT ? text.slice(0, LONGEST_TEXT) : text;
}

/** 53 bits of two 32-bit multiplicative hashes: enough to tell prompts apart, far quicker than a digest. */
function hash(text: string): string {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return (4294967296 * (2097151 & low) + (high >>> 0)).toString(36);
}
