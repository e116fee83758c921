import { asNumber, asString, isObject, type Json, type JsonObject } from "../../json/json.ts";
import type { Citation } from "../conversation.ts";
import { FORMAT } from "./wire.ts";

/** `annotations` of an output text. */
export function decodeAnnotations(list: readonly Json[]): Citation[] {
  return list.filter(isObject).map(decodeAnnotation);
}

/** A `url_citation`, or one of the file citations, which name a file instead of a page. */
export function decodeAnnotation(annotation: JsonObject): Citation {
  const start = asNumber(annotation.start_index);
  const end = asNumber(annotation.end_index);
  const url = asString(annotation.url);
  const title = asString(annotation.title) ?? asString(annotation.filename);
  return {
    ...(start === undefined ? {} : { start }),
    ...(end === undefined ? {} : { end }),
    ...(url === undefined ? {} : { url }),
    ...(title === undefined ? {} : { title }),
    native: { format: FORMAT, value: annotation },
  };
}

/** A citation as an annotation of `text`; undefined for one that names neither page nor document. */
export function encodeAnnotation(citation: Citation, text: string): JsonObject | undefined {
  if (citation.native?.format === FORMAT) return citation.native.value;
  const { url, title } = citation;
  const end = citation.end ?? text.length;
  if (url !== undefined) {
    return { type: "url_citation", start_index: citation.start ?? 0, end_index: end, url, title: title ?? "" };
  }
  if (title !== undefined) return { type: "file_citation", file_id: title, filename: title, index: end };
  return undefined;
}
