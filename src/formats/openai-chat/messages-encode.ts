import type { Json, JsonObject, MutableJsonObject } from "../../json/json.ts";
import type { MediaSource, Message, Part, ThinkingPart, ToolCallPart, ToolResultPart } from "../conversation.ts";
import type { RequestContext } from "../format.ts";
import { carry } from "../sealed.ts";
import { THOUGHT_MARK } from "./messages-decode.ts";

/** Providers that want their own reasoning text back with the turn that it led to (their API references, 2026-11). */
const WANTS_REASONING_BACK = new Set(["deepseek", "moonshot", "zai", "minimax", "openrouter", "litellm_proxy"]);

/**
 * Messages in Chat Completions' form. The tool messages of one turn must stand together, so that media of results, which
 * tool messages cannot hold, wait until the last of them.
 */
export function encodeMessages(messages: readonly Message[], context: RequestContext): JsonObject[] {
  const encoded: JsonObject[] = [];
  let media: Part[] = [];
  for (const message of messages) {
    if (message.role === "assistant") {
      flush(encoded, media, context);
      media = [];
      encoded.push(encodeAssistant(message, context));
      continue;
    }
    // Tool results in a user turn (Anthropic's form) become tool messages before the rest of the turn.
    const results = message.parts.filter((part): part is ToolResultPart => part.type === "tool-result");
    const rest = message.parts.filter((part) => part.type !== "tool-result");
    for (const part of results) {
      encoded.push(encodeResult(part, context));
      media.push(...part.content.filter((item) => item.type !== "text"));
    }
    if (message.role === "tool") media.push(...rest);
    else if (message.role === "user" && rest.length > 0) {
      encoded.push({ role: "user", content: encodeContent([...media, ...rest], context), ...extras(message) });
      media = [];
    } else if (rest.length > 0 || results.length === 0) {
      flush(encoded, media, context);
      media = [];
      encoded.push({ role: message.role, content: encodeContent(rest, context), ...extras(message) });
    }
  }
  flush(encoded, media, context);
  return encoded;
}

function flush(encoded: JsonObject[], media: readonly Part[], context: RequestContext): void {
  if (media.length > 0) encoded.push({ role: "user", content: encodeContent(media, context) });
}

function extras(message: Message): JsonObject {
  return {
    ...(message.name === undefined ? {} : { name: message.name }),
    ...(message.native?.format === "openai-chat" ? message.native.value : {}),
  };
}

/** Tool messages hold text only. */
function encodeResult(part: ToolResultPart, context: RequestContext): JsonObject {
  const texts = part.content.filter((item) => item.type === "text");
  const text = texts.map((item) => (item.type === "text" ? item.text : "")).join("");
  const marks = texts.some((item) => item.cache !== undefined);
  const content: Json =
    marks || texts.length > 1
      ? texts.map((item) => encodePart(item, context)).filter((item) => item !== undefined)
      : text;
  if (part.isError === true)
    context.report.converted(
      "messages.tool_result.is_error",
      "Chat Completions has no word for a failed call; its text says it",
    );
  if (texts.length < part.content.length)
    context.report.converted("messages.tool_result.content", "media of a tool result follow in a user message");
  return { role: "tool", tool_call_id: part.callId, content, ...mark(part) };
}

function encodeAssistant(message: Message, context: RequestContext): JsonObject {
  const encoded: MutableJsonObject = { role: "assistant" };
  const calls = message.parts.filter((part): part is ToolCallPart => part.type === "tool-call");
  const visible: Part[] = [];
  let refusal: string | undefined;
  let reasoning = "";
  const blocks: JsonObject[] = [];
  const takesBlocks = context.provider === "litellm_proxy";
  let sealed = false;
  for (const part of message.parts) {
    if (part.type === "tool-call") continue;
    if (part.type === "thinking") {
      reasoning += part.text;
      if (takesBlocks) blocks.push(thinkingBlock(part));
      if (part.sealed !== undefined) sealed = true;
    } else if (part.type === "refusal") refusal = `${refusal ?? ""}${part.text}`;
    else if (part.type === "audio" && part.id !== undefined) encoded.audio = { id: part.id };
    else visible.push(part);
  }
  const content = encodeContent(visible, context);
  encoded.content =
    content === "" && (calls.length > 0 || refusal !== undefined || encoded.audio !== undefined) ? null : content;
  if (refusal !== undefined) encoded.refusal = refusal;
  if (reasoning !== "") {
    if (WANTS_REASONING_BACK.has(context.provider)) encoded.reasoning_content = reasoning;
    else context.report.dropped("messages.reasoning_content", "the provider takes no reasoning back");
  }
  if (blocks.length > 0) encoded.thinking_blocks = blocks;
  else if (sealed) context.report.dropped("messages.thinking_blocks", "the provider takes no signatures back");
  if (calls.length > 0) encoded.tool_calls = calls.map((call) => encodeCall(call, context));
  return { ...encoded, ...extras(message) };
}

/** LiteLLM's form, and so that of a gateway behind this one; who sealed the thinking stands in the signature. */
function thinkingBlock(part: ThinkingPart): JsonObject {
  const seal = part.sealed === undefined ? undefined : carry(part.sealed, "anthropic");
  if (part.redacted === true) return { type: "redacted_thinking", data: seal ?? "" };
  return { type: "thinking", thinking: part.text, ...(seal === undefined ? {} : { signature: seal }) };
}

function encodeCall(call: ToolCallPart, context: RequestContext): JsonObject {
  const mine = call.sealed?.owner === "gemini" && context.owner === "gemini";
  if (call.sealed !== undefined && !mine)
    context.report.dropped("messages.tool_calls.thought_signature", `it belongs to ${call.sealed.owner}`);
  const signature = mine ? call.sealed.value : undefined;
  // Gemini's own OpenAI-compatible endpoint takes signatures here.
  const extra = signature === undefined ? {} : { extra_content: { google: { thought_signature: signature } } };
  if (call.kind === "custom")
    return { id: call.id, type: "custom", custom: { name: call.name, input: call.arguments }, ...extra };
  return {
    id: call.id,
    type: "function",
    function: { name: call.name, arguments: call.arguments === "" ? "{}" : call.arguments },
    ...extra,
  };
}

/** A string where the content is plain text, else a list of parts. */
function encodeContent(parts: readonly Part[], context: RequestContext): Json {
  if (parts.every((part) => part.type === "text" && part.cache === undefined)) {
    if (parts.length <= 1) return parts[0]?.type === "text" ? parts[0].text : "";
  }
  return parts.map((part) => encodePart(part, context)).filter((part) => part !== undefined);
}

function mark(part: Part): JsonObject {
  if (part.cache === undefined) return {};
  return { cache_control: { type: "ephemeral", ...(part.cache.ttl === undefined ? {} : { ttl: part.cache.ttl }) } };
}

function encodePart(part: Part, context: RequestContext): JsonObject | undefined {
  switch (part.type) {
    case "text":
      return { type: "text", text: part.text, ...mark(part) };
    case "refusal":
      return { type: "refusal", refusal: part.text };
    case "image": {
      if (part.source.type === "file-id") {
        if (part.detail !== undefined && part.detail !== "auto")
          context.report.dropped("messages.image.detail", "an image by file id has none");
        return { type: "file", file: { file_id: part.source.id }, ...mark(part) };
      }
      return {
        type: "image_url",
        image_url: { url: urlOf(part.source), ...(part.detail === undefined ? {} : { detail: part.detail }) },
        ...mark(part),
      };
    }
    case "audio": {
      const { source } = part;
      if (source.type === "base64")
        return {
          type: "input_audio",
          input_audio: { data: source.data, format: part.format ?? audioFormat(source.mediaType) },
          ...mark(part),
        };
      context.report.unsupported("messages.input_audio", "Chat Completions takes sound as data only");
      return undefined;
    }
    case "video":
      return { type: "video_url", video_url: { url: urlOf(part.source) }, ...mark(part) };
    case "file":
      return { type: "file", file: encodeFile(part.source, part.filename, context), ...mark(part) };
    case "opaque":
      if (part.format === "openai-chat") return part.value;
      context.report.dropped("messages", `a block that only ${part.format} knows`);
      return undefined;
    case "thinking":
    case "tool-call":
    case "tool-result":
      return undefined;
  }
}

function encodeFile(source: MediaSource, filename: string | undefined, context: RequestContext): JsonObject {
  const named = filename === undefined ? {} : { filename };
  switch (source.type) {
    case "file-id":
      return { file_id: source.id, ...named };
    case "url":
      context.report.converted("messages.file", "the file's address stands where the provider expects its data");
      return { file_data: source.url, ...named };
    case "text":
      return { file_data: urlOf(source), filename: filename ?? "document.txt" };
    case "base64":
      return {
        file_data: urlOf(source),
        filename:
          filename ??
          `document.${source.mediaType === "application/pdf" ? "pdf" : (source.mediaType.split("/")[1] ?? "bin")}`,
      };
  }
}

function urlOf(source: MediaSource): string {
  switch (source.type) {
    case "url":
      return source.url;
    case "base64":
      return `data:${source.mediaType};base64,${source.data}`;
    case "text":
      return `data:${source.mediaType ?? "text/plain"};base64,${base64(source.text)}`;
    case "file-id":
      return source.id;
  }
}

function base64(text: string): string {
  let binary = "";
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function audioFormat(mediaType: string): string {
  const kind = /^audio\/(?:x-)?([\w-]+)/.exec(mediaType)?.[1] ?? "wav";
  return kind === "mpeg" ? "mp3" : kind;
}

/** The call id that a client of this format keeps, signature included where it could be lost otherwise. */
export function clientCallId(call: {
  readonly id: string;
  readonly sealed?: { readonly owner: string; readonly value: string };
}): string {
  return call.sealed?.owner === "gemini" ? `${call.id}${THOUGHT_MARK}${call.sealed.value}` : call.id;
}
