import { asNumber, asObject, asString, type JsonObject } from "../../json/json.ts";
import type { Citation } from "../conversation.ts";
import { field, listField, objectField } from "./wire.ts";

/**
 * Sources of an answer, from grounding and citation metadata. Google's offsets count bytes of UTF-8; ours count UTF-16
 * units of `text`.
 */
export function decodeCitations(candidate: JsonObject, text: string): Citation[] {
  const grounding = objectField(candidate, "groundingMetadata");
  const chunks = listField(grounding, "groundingChunks").map((chunk) => {
    const object = asObject(chunk);
    return objectField(object, "web") ?? objectField(object, "retrievedContext") ?? objectField(object, "maps");
  });
  const supported = new Set<number>();
  const citations: Citation[] = [];
  for (const support of listField(grounding, "groundingSupports")) {
    const segment = objectField(asObject(support), "segment");
    for (const index of listField(asObject(support), "groundingChunkIndices")) {
      const chunk = typeof index === "number" ? chunks[index] : undefined;
      if (chunk === undefined) continue;
      supported.add(index as number);
      const citedText = asString(segment?.text);
      citations.push({ ...source(chunk), ...range(segment, text), ...(citedText === undefined ? {} : { citedText }) });
    }
  }
  chunks.forEach((chunk, index) => {
    if (chunk !== undefined && !supported.has(index)) citations.push(source(chunk));
  });
  const plain = objectField(candidate, "citationMetadata");
  for (const entry of [...listField(plain, "citationSources"), ...listField(plain, "citations")]) {
    const object = asObject(entry);
    if (object !== undefined) citations.push({ ...source(object), ...range(object, text) });
  }
  return citations;
}

function source(object: JsonObject): Citation {
  const url = asString(object.uri);
  const title = asString(object.title);
  return { ...(url === undefined ? {} : { url }), ...(title === undefined ? {} : { title }) };
}

function range(segment: JsonObject | undefined, text: string): { start?: number; end?: number } {
  const end = asNumber(field(segment, "endIndex"));
  if (end === undefined) return {};
  return { start: unitsOf(text, asNumber(field(segment, "startIndex")) ?? 0), end: unitsOf(text, end) };
}

/** How many UTF-16 units the first `bytes` bytes of the text's UTF-8 form are. */
function unitsOf(text: string, bytes: number): number {
  let left = bytes;
  let units = 0;
  for (const character of text) {
    if (left <= 0) break;
    const code = character.codePointAt(0) as number;
    left -= code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    units += character.length;
  }
  return units;
}
