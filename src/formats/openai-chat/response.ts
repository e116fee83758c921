import type { Json, JsonObject, MutableJsonObject } from "../../json/json.ts";
import { assemble } from "../assemble.ts";
import type { Choice, ConversationResponse, Part, ToolCallPart } from "../conversation.ts";
import type { AnswerContext, ResponseContext } from "../format.ts";
import { carry } from "../sealed.ts";
import { annotationOf } from "./annotations.ts";
import { encodeFinish } from "./finish.ts";
import { clientCallId } from "./messages-encode.ts";
import { ChatStreamDecoder } from "./stream-decoder.ts";
import { encodeUsage } from "./usage.ts";

/** A whole answer is read as a stream of one chunk: both ways of reading give the same. */
export function decodeResponse(body: JsonObject, context: ResponseContext): ConversationResponse {
  const decoder = new ChatStreamDecoder(context);
  const events = [...decoder.read(body, true), ...decoder.end()];
  return assemble(events.filter((event) => event.type !== "error"));
}

/** Conversation → a Chat Completions answer under the name that the client asked for. */
export function encodeResponse(response: ConversationResponse, context: AnswerContext): JsonObject {
  const extras = response.extensions?.format === "openai-chat" ? response.extensions.fields : {};
  return {
    id: response.id ?? context.fallbackId,
    object: "chat.completion",
    created: response.created ?? context.now,
    model: context.model,
    choices: response.choices.map(encodeChoice),
    ...(response.usage === undefined ? {} : { usage: encodeUsage(response.usage) }),
    ...(response.serviceTier === undefined ? {} : { service_tier: response.serviceTier }),
    ...(response.systemFingerprint === undefined ? {} : { system_fingerprint: response.systemFingerprint }),
    ...extras,
  };
}

function encodeChoice(choice: Choice): JsonObject {
  return {
    index: choice.index,
    message: encodeMessage(choice.parts),
    ...(choice.logprobs === undefined ? {} : { logprobs: choice.logprobs }),
    finish_reason: encodeFinish(choice.finish),
  };
}

function encodeMessage(parts: readonly Part[]): JsonObject {
  const message: MutableJsonObject = { role: "assistant" };
  const calls = parts.filter((part): part is ToolCallPart => part.type === "tool-call");
  const texts = parts.filter((part) => part.type === "text");
  const text = texts.map((part) => part.text).join("");
  message.content = text === "" && texts.length === 0 ? null : text;
  const refusal = parts.map((part) => (part.type === "refusal" ? part.text : "")).join("");
  if (refusal !== "") message.refusal = refusal;
  if (calls.length > 0) {
    if (text === "") message.content = null;
    message.tool_calls = calls.map(encodeCall);
  }
  encodeThinking(parts, message);
  const signatures = texts.flatMap((part) => (part.sealed === undefined ? [] : [carry(part.sealed, "gemini")]));
  if (signatures.length > 0) message.provider_specific_fields = { thought_signatures: signatures };
  const annotations = texts.flatMap((part) => part.citations ?? []).map(annotationOf);
  if (annotations.length > 0) message.annotations = annotations;
  const images = parts.flatMap((part) => (part.type === "image" ? [imageOf(part)] : []));
  if (images.length > 0) message.images = images;
  const audio = parts.find((part) => part.type === "audio");
  if (audio !== undefined) {
    message.audio = {
      id: audio.id ?? "",
      ...(audio.source.type === "base64" ? { data: audio.source.data } : {}),
      transcript: audio.transcript ?? "",
      expires_at: audio.expiresAt ?? 0,
    };
  }
  return message;
}

function encodeThinking(parts: readonly Part[], message: MutableJsonObject): void {
  const thinking = parts.filter((part) => part.type === "thinking");
  if (thinking.length === 0) return;
  const text = thinking.map((part) => part.text).join("");
  if (text !== "") message.reasoning_content = text;
  if (thinking.some((part) => part.sealed !== undefined)) message.thinking_blocks = thinking.map(thinkingBlock);
}

/** A thinking part in LiteLLM's `thinking_blocks`, Anthropic's words. */
export function thinkingBlock(part: Extract<Part, { type: "thinking" }>): JsonObject {
  const seal = part.sealed === undefined ? undefined : carry(part.sealed, "anthropic");
  if (part.redacted === true) return { type: "redacted_thinking", data: seal ?? "" };
  return { type: "thinking", thinking: part.text, ...(seal === undefined ? {} : { signature: seal }) };
}

/** A call as clients keep it, thought signature included. */
export function encodeCall(call: ToolCallPart): JsonObject {
  const fields =
    call.sealed === undefined ? {} : { provider_specific_fields: { thought_signature: carry(call.sealed, "gemini") } };
  if (call.kind === "custom")
    return { id: clientCallId(call), type: "custom", custom: { name: call.name, input: call.arguments }, ...fields };
  return {
    id: clientCallId(call),
    type: "function",
    function: { name: call.name, arguments: call.arguments },
    ...fields,
  };
}

/** OpenRouter's form of an image in an answer, which LiteLLM uses for all. */
export function imageOf(part: Extract<Part, { type: "image" }>): JsonObject {
  const { source } = part;
  const url: Json =
    source.type === "base64"
      ? `data:${source.mediaType};base64,${source.data}`
      : source.type === "url"
        ? source.url
        : "";
  return { type: "image_url", image_url: { url } };
}
