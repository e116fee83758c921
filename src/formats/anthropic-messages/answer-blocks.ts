import type { JsonObject } from "../../json/json.ts";
import type { Citation, MediaSource, Part, Sealed } from "../conversation.ts";
import { unwrapRedacted } from "../redacted-thinking.ts";
import { carry } from "../sealed.ts";
import { callInput } from "./blocks-encode.ts";
import { carryAttached } from "./sealed.ts";
import { FORMAT, ownNative, toolId } from "./types.ts";

/** A part of an answer as the content blocks of a client of this format; empty parts make no block. */
export function encodeAnswerPart(part: Part): JsonObject[] {
  const seal = "sealed" in part && part.type !== "thinking" && part.sealed !== undefined ? [attached(part.sealed)] : [];
  switch (part.type) {
    case "text": {
      const citations = part.citations?.map(encodeAnswerCitation) ?? [];
      if (part.text === "" && seal.length === 0 && citations.length === 0) return [];
      const block = {
        type: "text",
        text: part.text,
        ...(citations.length === 0 ? {} : { citations }),
        ...ownNative(part),
      };
      return [block, ...seal];
    }
    case "refusal":
      return part.text === "" ? [] : [{ type: "text", text: part.text }];
    case "thinking":
      if (
        part.redacted === true ||
        (part.text === "" && part.sealed !== undefined && part.sealed.owner !== "anthropic")
      ) {
        if (part.sealed === undefined) return [];
        const sealed = { ...part.sealed, value: unwrapRedacted(part.sealed) };
        return [{ type: "redacted_thinking", data: carry(sealed, "anthropic") }];
      }
      return [
        {
          type: "thinking",
          thinking: part.text,
          signature: part.sealed === undefined ? "" : carry(part.sealed, "anthropic"),
          ...ownNative(part),
        },
      ];
    case "tool-call":
      return [
        { type: "tool_use", id: toolId(part.id), name: part.name, input: callInput(part), ...ownNative(part) },
        ...seal,
      ];
    case "image":
    case "file":
    case "video":
      return [{ type: "text", text: mediaText(part.type, part.source) }, ...seal];
    case "audio":
      return part.transcript === undefined ? [] : [{ type: "text", text: part.transcript }];
    case "opaque":
      return part.format === FORMAT ? [part.value] : [];
    case "tool-result":
      return [];
  }
}

/** A sealed value of the block before, in the only kind of block that clients return unread. */
export function attached(sealed: Sealed): JsonObject {
  return { type: "redacted_thinking", data: carryAttached(sealed) };
}

/** Anthropic's answers have no media; a link keeps them where the client can find them. */
function mediaText(kind: string, source: MediaSource): string {
  switch (source.type) {
    case "text":
      return source.text;
    case "base64":
      return `![${kind}](data:${source.mediaType};base64,${source.data})`;
    case "url":
      return `![${kind}](${source.url})`;
    case "file-id":
      return `[${kind}: ${source.id}]`;
  }
}

/** A citation as Anthropic's clients read it; one from elsewhere is the citation of a search result. */
export function encodeAnswerCitation(citation: Citation): JsonObject {
  if (citation.native?.format === FORMAT) return citation.native.value;
  return {
    type: "web_search_result_location",
    cited_text: citation.citedText ?? "",
    encrypted_index: "",
    title: citation.title ?? null,
    url: citation.url ?? "",
  };
}
