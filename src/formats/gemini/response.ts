import { asArray, isObject, type Json, type JsonObject, parseJson } from "../../json/json.ts";
import { assemble } from "../assemble.ts";
import type { Choice, Citation, ConversationResponse, Part } from "../conversation.ts";
import type { AnswerContext } from "../format.ts";
import { encodeFinish } from "./finish.ts";
import { hiddenSignature, signatureText } from "./signature.ts";
import { GeminiStreamDecoder } from "./stream-decoder.ts";
import { encodeUsage } from "./usage.ts";

/** A whole answer is a stream of one event: both ways of reading give the same. */
export function decodeResponse(body: JsonObject): ConversationResponse {
  const decoder = new GeminiStreamDecoder();
  return assemble([...decoder.read(body), ...decoder.end()]);
}

/** Conversation → generateContent answer. */
export function encodeResponse(response: ConversationResponse, context: AnswerContext): JsonObject {
  return {
    candidates: response.choices.map(encodeCandidate),
    ...(response.usage === undefined ? {} : { usageMetadata: encodeUsage(response.usage) }),
    modelVersion: context.model,
    responseId: response.id ?? context.fallbackId,
  };
}

function encodeCandidate(choice: Choice): JsonObject {
  const parts = choice.parts.flatMap((part) => encodeAnswerPart(part));
  const grounding = groundingOf(citationsOf(choice.parts));
  return {
    content: { parts, role: "model" },
    finishReason: encodeFinish(choice.finish, choice.rawFinish),
    index: choice.index,
    ...(grounding === undefined ? {} : { groundingMetadata: grounding }),
    ...(choice.native?.format === "gemini" ? choice.native.value : {}),
  };
}

/** One part of an answer as Google's clients read it. */
export function encodeAnswerPart(part: Part): JsonObject[] {
  const signature =
    "sealed" in part && part.sealed !== undefined ? { thoughtSignature: signatureText(part.sealed) } : {};
  switch (part.type) {
    case "text":
      return [{ text: part.text, ...signature }];
    case "refusal":
      return [{ text: part.text }];
    case "thinking":
      if (part.redacted === true && part.sealed !== undefined)
        return [{ text: "", thought: true, thoughtSignature: hiddenSignature(part.sealed) }];
      return part.text === "" && part.sealed === undefined ? [] : [{ text: part.text, thought: true, ...signature }];
    case "tool-call": {
      const args = parseArguments(part.arguments);
      return [{ functionCall: { ...(part.id === "" ? {} : { id: part.id }), name: part.name, args }, ...signature }];
    }
    case "image":
    case "audio":
    case "video":
    case "file": {
      const { source } = part;
      if (source.type === "base64")
        return [{ inlineData: { mimeType: source.mediaType, data: source.data }, ...signature }];
      if (source.type === "url")
        return [
          {
            fileData: {
              fileUri: source.url,
              ...(source.mediaType === undefined ? {} : { mimeType: source.mediaType }),
            },
          },
        ];
      if (source.type === "file-id") return [{ fileData: { fileUri: source.id } }];
      return [{ text: source.text }];
    }
    case "opaque":
      return part.format === "gemini" ? [part.value] : [];
    case "tool-result":
      return [];
  }
}

/** Arguments are an object on this wire; text that is none stands in it whole. */
export function parseArguments(text: string): JsonObject {
  if (text.trim() === "") return {};
  const parsed = parseJson(text);
  return isObject(parsed) ? parsed : parsed === null ? {} : { arguments: text };
}

/** A citation in the text that `before` and `text` make together, its place in bytes of UTF-8, as Google counts. */
export function inBytes(citation: Citation, before: string, text: string): Citation {
  const bytes = (units: number): number => new TextEncoder().encode(before + text.slice(0, units)).length;
  return {
    ...citation,
    ...(citation.start === undefined ? {} : { start: bytes(citation.start) }),
    ...(citation.end === undefined ? {} : { end: bytes(citation.end) }),
  };
}

function citationsOf(parts: readonly Part[]): Citation[] {
  let before = "";
  return parts.flatMap((part) => {
    if (part.type !== "text") return [];
    const found = (part.citations ?? []).map((citation) => inBytes(citation, before, part.text));
    before += part.text;
    return found;
  });
}

/** Sources in Google's words, for answers of other providers. */
export function groundingOf(citations: readonly Citation[]): JsonObject | undefined {
  if (citations.length === 0) return undefined;
  const sources = new Map<string, number>();
  const chunks: Json[] = [];
  const supports: Json[] = [];
  for (const citation of citations) {
    const key = citation.url ?? citation.title ?? "";
    let index = sources.get(key);
    if (index === undefined) {
      index = chunks.length;
      sources.set(key, index);
      chunks.push({
        web: {
          ...(citation.url === undefined ? {} : { uri: citation.url }),
          ...(citation.title === undefined ? {} : { title: citation.title }),
        },
      });
    }
    if (citation.end === undefined && citation.citedText === undefined) continue;
    supports.push({
      segment: {
        ...(citation.start === undefined ? {} : { startIndex: citation.start }),
        ...(citation.end === undefined ? {} : { endIndex: citation.end }),
        ...(citation.citedText === undefined ? {} : { text: citation.citedText }),
      },
      groundingChunkIndices: [index],
    });
  }
  return { groundingChunks: chunks, ...(asArray(supports).length === 0 ? {} : { groundingSupports: supports }) };
}
