import { asArray, asNumber, asObject, asString, isObject, type JsonObject } from "../../json/json.ts";
import type { Citation } from "../conversation.ts";

/** Cohere counts characters (code points); a position in UTF-16 units differs after characters such as emoji. */
export function utf16Offset(text: string, codePoints: number): number {
  let at = 0;
  for (let seen = 0; seen < codePoints && at < text.length; seen++) {
    at += (text.codePointAt(at) as number) > 0xffff ? 2 : 1;
  }
  return at;
}

/** The inverse of `utf16Offset`. */
export function codePointOffset(text: string, units: number): number {
  return [...text.slice(0, units)].length;
}

/** Whether the citation lies in the visible answer, not in the tool plan or the thinking. */
export function isTextCitation(citation: JsonObject): boolean {
  const type = asString(citation.type);
  return type === undefined || type === "TEXT_CONTENT";
}

/** A citation of the answer's text `text`. */
export function decodeCitation(citation: JsonObject, text: string): Citation {
  const start = asNumber(citation.start);
  const end = asNumber(citation.end);
  const cited = asString(citation.text);
  const sources = asArray(citation.sources).filter(isObject);
  const linked = sources.find((source) => linkOf(source) !== undefined) ?? sources[0];
  const id = asString(linked?.id);
  // LiteLLM's stand-in for a source without an address.
  const url = linked === undefined ? undefined : (linkOf(linked) ?? (id === undefined ? undefined : `source:${id}`));
  const title = asString(asObject(linked?.document)?.title);
  return {
    ...(start === undefined ? {} : { start: utf16Offset(text, start) }),
    ...(end === undefined ? {} : { end: utf16Offset(text, end) }),
    ...(cited === undefined ? {} : { citedText: cited }),
    ...(url === undefined ? {} : { url }),
    ...(title === undefined ? {} : { title }),
    native: { format: "cohere", value: citation },
  };
}

function linkOf(source: JsonObject): string | undefined {
  const held = asObject(source.document) ?? asObject(source.tool_output);
  return asString(held?.url);
}

/** A citation for Cohere's clients; `index` numbers content blocks, `text` is that of the block. */
export function encodeCitation(citation: Citation, text: string, index: number): JsonObject {
  if (citation.native?.format === "cohere") return citation.native.value;
  const { start, end, url, title } = citation;
  const cited = start !== undefined && end !== undefined ? text.slice(start, end) : (citation.citedText ?? "");
  const id = url ?? title ?? "";
  return {
    ...(start === undefined ? {} : { start: codePointOffset(text, start) }),
    ...(end === undefined ? {} : { end: codePointOffset(text, end) }),
    text: cited,
    sources: [
      {
        type: "document",
        id,
        document: { id, ...(title === undefined ? {} : { title }), ...(url === undefined ? {} : { url }) },
      },
    ],
    type: "TEXT_CONTENT",
    content_index: index,
  };
}
