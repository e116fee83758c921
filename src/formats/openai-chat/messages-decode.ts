import { asArray, asNumber, asObject, asString, isObject, type Json, type JsonObject } from "../../json/json.ts";
import type { Message, Part, Role, ThinkingPart, ToolCallPart } from "../conversation.ts";
import { uncarry } from "../sealed.ts";
import { joinedThinking } from "../thinking-pieces.ts";
import { cacheOf, decodeContent, invalid, others } from "./parts-decode.ts";

const MESSAGE_FIELDS = new Set([
  "role",
  "content",
  "name",
  "tool_calls",
  "tool_call_id",
  "function_call",
  "refusal",
  "reasoning_content",
  "reasoning",
  "thinking_blocks",
  "audio",
  "cache_control",
  "annotations",
  "images",
]);

/** LiteLLM appends a thought signature to the call's id, for clients that drop unknown fields. */
export const THOUGHT_MARK = "__thought__";

/** Messages in order; the name of a tool result is that of the call before it. */
export function decodeMessages(messages: readonly Json[]): Message[] {
  const names = new Map<string, string>();
  let functions = 0;
  return messages.map((message, index) => {
    const path = `messages[${index}]`;
    if (!isObject(message)) throw invalid(path, "must be an object");
    const role = message.role;
    switch (role) {
      case "system":
      case "developer":
      case "user":
        return decodePlain(message, role, path);
      case "assistant": {
        const decoded = decodeAssistant(message, path, () => `call_function_${functions++}`);
        for (const part of decoded.parts) if (part.type === "tool-call") names.set(part.id, part.name);
        return decoded;
      }
      case "tool": {
        const callId = splitThought(asString(message.tool_call_id) ?? "").id;
        return decodeResult(message, callId, asString(message.name) ?? names.get(callId), path);
      }
      case "function": {
        const name = asString(message.name) ?? "";
        const callId = [...names].reverse().find(([, known]) => known === name)?.[0] ?? name;
        return decodeResult(message, callId, name, path);
      }
      default:
        throw invalid(
          `${path}.role`,
          `must be one of system, developer, user, assistant, tool and function, not ${JSON.stringify(role)}`,
        );
    }
  });
}

function decodePlain(message: JsonObject, role: Role, path: string): Message {
  return {
    role,
    parts: marked(decodeContent(message.content, `${path}.content`), message),
    ...nameOf(message),
    ...nativeOf(message),
  };
}

/** A mark on the message holds for its last part. */
function marked(parts: Part[], message: JsonObject): Part[] {
  const mark = cacheOf(message);
  const last = parts.at(-1);
  if (mark.cache === undefined || last === undefined) return parts;
  return [...parts.slice(0, -1), { ...last, cache: mark.cache }];
}

function nameOf(message: JsonObject): { name?: string } {
  const name = asString(message.name);
  return name === undefined ? {} : { name };
}

function nativeOf(message: JsonObject): Pick<Message, "native"> {
  const rest = others(message, MESSAGE_FIELDS);
  return rest === undefined ? {} : { native: { format: "openai-chat", value: rest } };
}

function decodeAssistant(message: JsonObject, path: string, functionId: () => string): Message {
  const parts: Part[] = [...decodeThinking(message), ...decodeContent(message.content, `${path}.content`)];
  const fields = asObject(message.provider_specific_fields);
  for (const signature of asArray(fields?.thought_signatures)) {
    if (typeof signature !== "string") continue;
    const at = parts.findLastIndex((part) => part.type === "text");
    const sealed = uncarry(signature, "gemini");
    const text = parts[at];
    if (text?.type === "text") parts[at] = { ...text, sealed };
    else parts.push({ type: "text", text: "", sealed });
  }
  const refusal = asString(message.refusal);
  if (refusal !== undefined) parts.push({ type: "refusal", text: refusal });
  for (const image of asArray(message.images)) {
    const url = asString(asObject(asObject(image)?.image_url)?.url);
    if (url !== undefined) parts.push(...decodeContent([{ type: "image_url", image_url: { url } }], `${path}.images`));
  }
  const audio = asObject(message.audio);
  const audioId = asString(audio?.id);
  if (audioId !== undefined) {
    const transcript = asString(audio?.transcript);
    const expires = asNumber(audio?.expires_at);
    parts.push({
      type: "audio",
      id: audioId,
      source: { type: "file-id", id: audioId },
      ...(transcript === undefined ? {} : { transcript }),
      ...(expires === undefined ? {} : { expiresAt: expires }),
    });
  }
  for (const [index, call] of asArray(message.tool_calls).entries())
    parts.push(decodeCall(asObject(call), `${path}.tool_calls[${index}]`));
  const legacy = asObject(message.function_call);
  if (legacy !== undefined) {
    parts.push({
      type: "tool-call",
      id: functionId(),
      name: asString(legacy.name) ?? "",
      arguments: argumentText(legacy.arguments),
    });
  }
  return { role: "assistant", parts: marked(parts, message), ...nameOf(message), ...nativeOf(message) };
}

/** LiteLLM's `thinking_blocks` hold the signatures; `reasoning_content` alone is text that nobody signed. */
function decodeThinking(message: JsonObject): Part[] {
  const blocks = asArray(message.thinking_blocks).filter(isObject);
  const text = asString(message.reasoning_content) ?? asString(message.reasoning) ?? "";
  if (blocks.length === 0) return text === "" ? [] : [{ type: "thinking", text }];
  const parts = decodeContent(blocks as readonly Json[], "thinking_blocks").filter((part) => part.type === "thinking");
  return signedTexts(joinedThinking(parts), text);
}

/** A client that kept one block's signature without its text has the text as `reasoning_content`. */
function signedTexts(parts: readonly ThinkingPart[], text: string): ThinkingPart[] {
  const open = parts.filter((part) => part.redacted !== true);
  const [only] = open;
  if (text === "" || open.length !== 1 || only?.text !== "") return [...parts];
  return parts.map((part) => (part === only ? { ...part, text } : part));
}

/** Splits `<id>__thought__<signature>`. */
export function splitThought(id: string): { readonly id: string; readonly signature?: string } {
  const at = id.indexOf(THOUGHT_MARK);
  return at < 0 ? { id } : { id: id.slice(0, at), signature: id.slice(at + THOUGHT_MARK.length) };
}

/** One call, of a request's history or of an answer. */
export function decodeCall(call: JsonObject | undefined, path: string): ToolCallPart {
  if (call === undefined) throw invalid(path, "must be an object");
  const fields = asObject(call.provider_specific_fields) ?? asObject(asObject(call.function)?.provider_specific_fields);
  const google = asString(asObject(asObject(call.extra_content)?.google)?.thought_signature);
  const { id, signature: embedded } = splitThought(asString(call.id) ?? "");
  const signature = asString(fields?.thought_signature) ?? google ?? embedded;
  const sealed = signature === undefined ? {} : { sealed: uncarry(signature, "gemini") };
  const custom = call.type === "custom" || call.function === undefined ? asObject(call.custom) : undefined;
  if (custom !== undefined) {
    return {
      type: "tool-call",
      id,
      name: asString(custom.name) ?? "",
      arguments: asString(custom.input) ?? "",
      kind: "custom",
      ...sealed,
    };
  }
  const fn = asObject(call.function);
  return {
    type: "tool-call",
    id,
    name: asString(fn?.name) ?? "",
    arguments: argumentText(fn?.arguments),
    ...sealed,
    ...cacheOf(call),
  };
}

/** Arguments are text; servers that give an object mean its JSON. */
export function argumentText(value: Json | undefined): string {
  if (typeof value === "string") return value;
  return value === undefined || value === null ? "{}" : JSON.stringify(value);
}

function decodeResult(message: JsonObject, callId: string, name: string | undefined, path: string): Message {
  return {
    role: "tool",
    parts: [
      {
        type: "tool-result",
        callId,
        ...(name === undefined ? {} : { name }),
        content: decodeContent(message.content, `${path}.content`),
        ...(message.is_error === true ? { isError: true } : {}),
        ...cacheOf(message),
      },
    ],
    ...nativeOf({ ...message, is_error: undefined }),
  };
}
