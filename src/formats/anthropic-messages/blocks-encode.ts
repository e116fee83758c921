import { isObject, type JsonObject, type MutableJsonObject, parseJson } from "../../json/json.ts";
import type { Citation, FilePart, ImagePart, MediaSource, Part, ThinkingPart, ToolCallPart } from "../conversation.ts";
import type { RequestContext } from "../format.ts";
import { unwrapRedacted } from "../redacted-thinking.ts";
import { encodeCache } from "./tools.ts";
import { FORMAT, INVALID_JSON, ownNative, toolId, toolName } from "./types.ts";

/** Parts → content blocks of a request. Blank text is left out, as Anthropic refuses it; the mark of what is left out moves back. */
export function encodeBlocks(parts: readonly Part[], where: string, context: RequestContext): JsonObject[] {
  const blocks: JsonObject[] = [];
  parts.forEach((part, index) => {
    const at = `${where}.content[${index}]`;
    const blank = part.type === "text" && part.text.trim() === "";
    const block = blank ? undefined : encodeBlock(part, at, context);
    if (block !== undefined) {
      blocks.push(block);
      return;
    }
    if (part.cache === undefined || part.type === "thinking") return;
    const last = blocks.at(-1);
    if (last !== undefined && isMarkable(last)) blocks[blocks.length - 1] = { ...last, ...encodeCache(part) };
    else if (!blank) context.report.dropped(`${at}.cache_control`, "what it marked was left out");
  });
  return blocks;
}

function isMarkable(block: JsonObject): boolean {
  return block.type !== "thinking" && block.type !== "redacted_thinking" && block.cache_control === undefined;
}

function encodeBlock(part: Part, where: string, context: RequestContext): JsonObject | undefined {
  const { report } = context;
  if ("sealed" in part && part.sealed !== undefined && part.type !== "thinking") {
    report.dropped(`${where}.sealed`, `sealed by ${part.sealed.owner}, which ${context.owner} cannot open`);
  }
  switch (part.type) {
    case "text":
      return {
        type: "text",
        text: part.text,
        ...encodeCitations(part.citations, where, context),
        ...encodeCache(part),
        ...ownNative(part),
      };
    case "refusal":
      return part.text.trim() === "" ? undefined : { type: "text", text: part.text, ...encodeCache(part) };
    case "thinking":
      if (part.cache !== undefined) report.dropped(`${where}.cache_control`, "Anthropic takes no marks on thinking");
      return encodeThinkingBlock(part, where, context);
    case "image":
      return encodeImage(part, where, context);
    case "file":
      return encodeFile(part, where, context);
    case "audio":
    case "video":
      report.unsupported(where, `Anthropic takes no ${part.type}`);
      return undefined;
    case "tool-call":
      return encodeToolUse(part, where, context);
    case "tool-result":
      return {
        type: "tool_result",
        tool_use_id: toolId(part.callId),
        ...encodeResultContent(part.content, where, context),
        ...(part.isError === undefined ? {} : { is_error: part.isError }),
        ...encodeCache(part),
        ...ownNative(part),
      };
    case "opaque":
      if (part.format === FORMAT) return part.value;
      report.dropped(where, `a block that only ${part.format} knows`);
      return undefined;
  }
}

function encodeCitations(
  citations: readonly Citation[] | undefined,
  where: string,
  context: RequestContext,
): JsonObject | undefined {
  if (citations === undefined) return undefined;
  const kept = citations.flatMap(({ native }) => {
    if (native?.format !== FORMAT) return [];
    // Without its encrypted index Anthropic refuses the citation of a search result.
    const sealed = native.value.type !== "web_search_result_location" || Boolean(native.value.encrypted_index);
    return sealed ? [native.value] : [];
  });
  if (kept.length < citations.length) {
    context.report.dropped(`${where}.annotations`, "Anthropic takes back only citations of its own");
  }
  return kept.length === 0 ? undefined : { citations: kept };
}

/** Anthropic wants thinking back exactly as it was, or not at all. */
function encodeThinkingBlock(part: ThinkingPart, where: string, context: RequestContext): JsonObject | undefined {
  const { sealed } = part;
  if (sealed !== undefined && sealed.owner !== context.owner) {
    context.report.dropped(where, `thinking sealed by ${sealed.owner}, which ${context.owner} cannot open`);
    return undefined;
  }
  if (part.redacted === true)
    return sealed === undefined ? undefined : { type: "redacted_thinking", data: unwrapRedacted(sealed) };
  if (sealed === undefined) {
    // Other vendors behind this wire format do not sign.
    if (context.owner !== "anthropic") return { type: "thinking", thinking: part.text, ...ownNative(part) };
    context.report.dropped(where, "thinking without a signature, which Anthropic refuses");
    return undefined;
  }
  return { type: "thinking", thinking: part.text, signature: sealed.value, ...ownNative(part) };
}

function encodeSource(source: MediaSource): JsonObject {
  switch (source.type) {
    case "base64":
      return { type: "base64", media_type: mediaType(source.mediaType), data: source.data };
    case "url":
      return { type: "url", url: source.url };
    case "file-id":
      return { type: "file", file_id: source.id };
    case "text":
      return { type: "text", media_type: "text/plain", data: source.text };
  }
}

function mediaType(type: string): string {
  return type === "image/jpg" ? "image/jpeg" : type;
}

function encodeImage(part: ImagePart, where: string, context: RequestContext): JsonObject | undefined {
  if (part.source.type === "text") {
    context.report.unsupported(where, "an image cannot be text");
    return undefined;
  }
  if (part.detail !== undefined && part.detail !== "auto") {
    context.report.dropped(`${where}.image_url.detail`, "Anthropic chooses the resolution itself");
  }
  return { type: "image", source: encodeSource(part.source), ...encodeCache(part), ...ownNative(part) };
}

/** Documents are PDF or plain text: https://platform.claude.com/docs/en/build-with-claude/pdf-support (2026-11) */
function encodeFile(part: FilePart, where: string, context: RequestContext): JsonObject | undefined {
  let source = part.source;
  if (source.type !== "text" && source.mediaType?.startsWith("image/") === true) {
    return { type: "image", source: encodeSource(source), ...encodeCache(part) };
  }
  if (source.type === "base64" && source.mediaType !== "application/pdf") {
    const text = isTextual(source.mediaType) ? textOf(source.data) : undefined;
    if (text === undefined) {
      context.report.unsupported(where, `Anthropic takes PDF and text documents, not ${source.mediaType}`);
      return undefined;
    }
    source = { type: "text", text };
    context.report.converted(where, "Anthropic takes text documents as text, not as base64");
  }
  return {
    type: "document",
    source: encodeSource(source),
    ...(part.filename === undefined ? {} : { title: part.filename }),
    ...(part.context === undefined ? {} : { context: part.context }),
    ...(part.citationsEnabled === undefined ? {} : { citations: { enabled: part.citationsEnabled } }),
    ...encodeCache(part),
    ...ownNative(part),
  };
}

function isTextual(type: string): boolean {
  return /^text\/|^application\/(?:[a-z.+-]*\+)?(?:json|xml|yaml|x-yaml|javascript)\b/.test(type);
}

/** Base64 UTF-8 as text; undefined where it is neither. */
function textOf(data: string): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(atob(data), (byte) => byte.charCodeAt(0)));
  } catch (error) {
    if (error instanceof DOMException || error instanceof TypeError) return undefined;
    throw error;
  }
}

function encodeToolUse(part: ToolCallPart, where: string, context: RequestContext): JsonObject {
  const id = toolId(part.id);
  if (id !== part.id) context.report.converted(`${where}.id`, "Anthropic's ids match [a-zA-Z0-9_-]+");
  const input = callInput(part);
  if (part.kind !== "custom" && INVALID_JSON in input) {
    context.report.converted(`${where}.arguments`, `no JSON object: sent as input.${INVALID_JSON}`);
  }
  return { type: "tool_use", id, name: toolName(part.name), input, ...encodeCache(part), ...ownNative(part) };
}

/** A call's arguments as the object that Anthropic demands. */
export function callInput(part: ToolCallPart): JsonObject {
  if (part.kind === "custom") return { input: part.arguments };
  if (part.arguments.trim() === "") return {};
  const parsed = parseJson(part.arguments);
  if (isObject(parsed)) return parsed;
  // Some models write `null` for a call without arguments.
  return parsed === null ? {} : { [INVALID_JSON]: part.arguments };
}

function encodeResultContent(parts: readonly Part[], where: string, context: RequestContext): JsonObject {
  const blocks = encodeBlocks(parts, where, context);
  if (blocks.length === 0) return {};
  const [first] = blocks;
  const plain = blocks.length === 1 && first?.type === "text" && Object.keys(first).length === 2;
  return { content: plain ? (first?.text as string) : blocks };
}

/** The blocks of a prefill, which must not end in whitespace. */
export function withoutTrailingSpace(blocks: readonly JsonObject[]): JsonObject[] {
  const last = blocks.at(-1);
  if (last?.type !== "text" || typeof last.text !== "string") return [...blocks];
  const text = last.text.trimEnd();
  const trimmed: MutableJsonObject = { ...last, text };
  return text === "" ? blocks.slice(0, -1) : [...blocks.slice(0, -1), trimmed];
}
