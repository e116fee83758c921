import { asNumber, asObject, asString, type JsonObject } from "../../json/json.ts";
import type { Citation } from "../conversation.ts";

/** An `url_citation` annotation. Others belong to their provider alone. */
export function citationOf(annotation: JsonObject | undefined): Citation | undefined {
  if (annotation === undefined) return undefined;
  const inner = asObject(annotation.url_citation) ?? annotation;
  const url = asString(inner.url);
  if (url === undefined) return undefined;
  const title = asString(inner.title);
  const start = asNumber(inner.start_index);
  const end = asNumber(inner.end_index);
  const citedText = asString(inner.content);
  return {
    url,
    ...(title === undefined ? {} : { title }),
    ...(start === undefined ? {} : { start }),
    ...(end === undefined ? {} : { end }),
    ...(citedText === undefined ? {} : { citedText }),
    native: { format: "openai-chat", value: annotation },
  };
}

/** A citation as an annotation; without an address it is quoted text and keeps its title. */
export function annotationOf(citation: Citation): JsonObject {
  if (citation.native?.format === "openai-chat") return citation.native.value;
  return {
    type: "url_citation",
    url_citation: {
      url: citation.url ?? "",
      title: citation.title ?? "",
      start_index: citation.start ?? 0,
      end_index: citation.end ?? 0,
      ...(citation.citedText === undefined ? {} : { content: citation.citedText }),
    },
  };
}
