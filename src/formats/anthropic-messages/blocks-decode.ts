import { asArray, asBoolean, asObject, asString, isObject, type Json, type JsonObject } from "../../json/json.ts";
import type { CacheMark, Citation, MediaSource, Part } from "../conversation.ts";
import { openSealed } from "./sealed.ts";
import { FORMAT, INVALID_JSON, nativeRest } from "./types.ts";

const TEXT = new Set(["type", "text", "citations", "cache_control"]);
const THINKING = new Set(["type", "thinking", "signature"]);
const IMAGE = new Set(["type", "source", "cache_control"]);
const DOCUMENT = new Set(["type", "source", "cache_control", "title", "context", "citations"]);
const TOOL_USE = new Set(["type", "id", "name", "input", "cache_control"]);
const TOOL_RESULT = new Set(["type", "tool_use_id", "content", "is_error", "cache_control"]);

/** Content blocks → parts. `owner` is whoever signed the thinking in them. */
export function decodeBlocks(blocks: readonly Json[], owner: string): Part[] {
  const parts: Part[] = [];
  for (const block of blocks) {
    if (!isObject(block)) continue;
    const data = block.type === "redacted_thinking" ? asString(block.data) : undefined;
    const opened = data === undefined ? undefined : openSealed(data, owner);
    if (opened?.attached === true) {
      attach(parts, opened.sealed);
      continue;
    }
    parts.push(decodeBlock(block, owner));
  }
  return parts;
}

function attach(parts: Part[], sealed: ReturnType<typeof openSealed>["sealed"]): void {
  const last = parts.at(-1);
  if (last?.type === "tool-call" || last?.type === "text" || last?.type === "image") {
    parts[parts.length - 1] = { ...last, sealed };
  }
}

/** One content block; what the conversation has no word for stays whole, as an opaque part. */
export function decodeBlock(block: JsonObject, owner: string): Part {
  switch (block.type) {
    case "text":
      return decodeText(block) ?? opaque(block);
    case "thinking":
      return decodeThinking(block, owner);
    case "redacted_thinking": {
      const data = asString(block.data);
      if (data === undefined) return opaque(block);
      return { type: "thinking", text: "", redacted: true, sealed: openSealed(data, owner).sealed };
    }
    case "image":
      return decodeImage(block) ?? opaque(block);
    case "document":
      return decodeDocument(block) ?? opaque(block);
    case "tool_use":
      return decodeToolUse(block) ?? opaque(block);
    case "tool_result":
      return decodeToolResult(block, owner) ?? opaque(block);
    default:
      return opaque(block);
  }
}

function opaque(block: JsonObject): Part {
  return { type: "opaque", format: FORMAT, value: block };
}

/** The block's cache mark. */
export function decodeCache(block: JsonObject): { readonly cache?: CacheMark } {
  const control = asObject(block.cache_control);
  if (control?.type !== "ephemeral") return {};
  return { cache: control.ttl === "1h" || control.ttl === "5m" ? { ttl: control.ttl } : {} };
}

function decodeText(block: JsonObject): Part | undefined {
  const text = asString(block.text);
  if (text === undefined) return undefined;
  const citations = asArray(block.citations).filter(isObject).map(decodeCitation);
  return {
    type: "text",
    text,
    ...(citations.length === 0 ? {} : { citations }),
    ...decodeCache(block),
    ...nativeRest(block, TEXT),
  };
}

/** One citation. Where it lies in the answer is not said: it covers the whole block. */
export function decodeCitation(citation: JsonObject): Citation {
  const citedText = asString(citation.cited_text);
  const url = asString(citation.url);
  const title = asString(citation.title) ?? asString(citation.document_title);
  return {
    ...(citedText === undefined ? {} : { citedText }),
    ...(url === undefined ? {} : { url }),
    ...(title === undefined ? {} : { title }),
    native: { format: FORMAT, value: citation },
  };
}

function decodeThinking(block: JsonObject, owner: string): Part {
  const signature = asString(block.signature) ?? "";
  return {
    type: "thinking",
    text: asString(block.thinking) ?? "",
    ...(signature === "" ? {} : { sealed: openSealed(signature, owner).sealed }),
    ...nativeRest(block, THINKING),
  };
}

function decodeSource(source: JsonObject | undefined): MediaSource | undefined {
  switch (source?.type) {
    case "base64": {
      const data = asString(source.data);
      const mediaType = asString(source.media_type);
      return data === undefined || mediaType === undefined ? undefined : { type: "base64", data, mediaType };
    }
    case "url": {
      const url = asString(source.url);
      return url === undefined ? undefined : { type: "url", url };
    }
    case "file": {
      const id = asString(source.file_id);
      return id === undefined ? undefined : { type: "file-id", id };
    }
    case "text": {
      const text = asString(source.data);
      const mediaType = asString(source.media_type);
      return text === undefined ? undefined : { type: "text", text, ...(mediaType === undefined ? {} : { mediaType }) };
    }
    default:
      return undefined;
  }
}

function decodeImage(block: JsonObject): Part | undefined {
  const source = decodeSource(asObject(block.source));
  if (source === undefined) return undefined;
  return { type: "image", source, ...decodeCache(block), ...nativeRest(block, IMAGE) };
}

function decodeDocument(block: JsonObject): Part | undefined {
  const source = decodeSource(asObject(block.source));
  if (source === undefined) return undefined;
  const filename = asString(block.title);
  const context = asString(block.context);
  const citationsEnabled = asBoolean(asObject(block.citations)?.enabled);
  return {
    type: "file",
    source,
    ...(filename === undefined ? {} : { filename }),
    ...(context === undefined ? {} : { context }),
    ...(citationsEnabled === undefined ? {} : { citationsEnabled }),
    ...decodeCache(block),
    ...nativeRest(block, DOCUMENT),
  };
}

function decodeToolUse(block: JsonObject): Part | undefined {
  const name = asString(block.name);
  if (name === undefined) return undefined;
  return {
    type: "tool-call",
    id: asString(block.id) ?? "",
    name,
    arguments: encodeArguments(block.input),
    ...decodeCache(block),
    ...nativeRest(block, callDefaults(block)),
  };
}

/** `caller` says nothing when the model itself made the call. */
function callDefaults(block: JsonObject): ReadonlySet<string> {
  return asObject(block.caller)?.type === "direct" ? TOOL_USE_DIRECT : TOOL_USE;
}

const TOOL_USE_DIRECT = new Set([...TOOL_USE, "caller"]);

/** What of a call's block the conversation has no word for. */
export function callNative(block: JsonObject): ReturnType<typeof nativeRest> {
  return nativeRest(block, callDefaults(block));
}

/** A call's `input` as JSON text. */
export function encodeArguments(input: Json | undefined): string {
  const raw = isObject(input) && Object.keys(input).length === 1 ? asString(input[INVALID_JSON]) : undefined;
  return raw ?? JSON.stringify(input ?? {});
}

function decodeToolResult(block: JsonObject, owner: string): Part | undefined {
  const callId = asString(block.tool_use_id);
  if (callId === undefined) return undefined;
  const content = block.content;
  const isError = asBoolean(block.is_error);
  return {
    type: "tool-result",
    callId,
    content: typeof content === "string" ? [{ type: "text", text: content }] : decodeBlocks(asArray(content), owner),
    ...(isError === undefined ? {} : { isError }),
    ...decodeCache(block),
    ...nativeRest(block, TOOL_RESULT),
  };
}
