import { GatewayError } from "../../errors/gateway-error.ts";
import { asString, isObject, type Json, type JsonObject } from "../../json/json.ts";
import type { Message, Part, Role, ToolCallPart } from "../conversation.ts";
import { decodeContent } from "./content.ts";
import { decodeReasoning, isAttached, reasoningSeal, withoutPlace } from "./reasoning.ts";
import { FORMAT, isGenerated, messageOf, nativeValue, otherMembers, withNative } from "./wire.ts";

const CALL_MEMBERS = new Set(["type", "call_id", "name", "arguments", "input", "status"]);
const OUTPUT_MEMBERS = new Set(["type", "call_id", "output", "status"]);
const MESSAGE_MEMBERS = new Set(["type", "role", "content", "status"]);
const ROLES: ReadonlySet<string> = new Set(["system", "developer", "user", "assistant"]);

/** What a client of this format has of OpenAI's is as OpenAI sealed it. */
const CLIENT_OWNER = "openai";

interface OpenMessage {
  readonly role: Role;
  readonly parts: Part[];
  readonly native?: NonNullable<Message["native"]>;
}

/**
 * `input` → messages. What the model said stands in one message until somebody else speaks: reasoning, texts and calls
 * are parts of one turn.
 */
export function decodeInput(input: Json | undefined): Message[] {
  if (input === undefined || input === null) return [];
  if (typeof input === "string") return [{ role: "user", parts: [{ type: "text", text: input }] }];
  if (!Array.isArray(input)) {
    throw new GatewayError("invalid_request", "input must be a string or a list of items.", { param: "input" });
  }
  const messages: OpenMessage[] = [];
  const names = new Map<string, string>();
  (input as readonly Json[]).forEach((item, index) => {
    const where = `input[${index}]`;
    if (!isObject(item)) throw new GatewayError("invalid_request", `${where} must be an object.`, { param: where });
    decodeItem(item, where, messages, names);
  });
  return messages;
}

function decodeItem(item: JsonObject, where: string, messages: OpenMessage[], names: Map<string, string>): void {
  const type = asString(item.type) ?? (item.role === undefined ? "" : "message");
  switch (type) {
    case "message":
      decodeMessage(item, where, messages);
      return;
    case "function_call":
    case "custom_tool_call": {
      const call = decodeCall(item);
      names.set(call.id, call.name);
      assistant(messages).parts.push(call);
      return;
    }
    case "function_call_output":
    case "custom_tool_call_output": {
      const callId = asString(item.call_id);
      if (callId === undefined) {
        const param = `${where}.call_id`;
        throw new GatewayError("invalid_request", `Missing required parameter: '${param}'.`, { param });
      }
      const name = names.get(callId);
      const rest = otherMembers(item, OUTPUT_MEMBERS);
      const custom = type === "custom_tool_call_output" ? { custom: true } : {};
      messages.push({
        role: "tool",
        parts: [
          {
            type: "tool-result",
            callId,
            ...(name === undefined ? {} : { name }),
            content: decodeContent(item.output, `${where}.output`),
            ...withNative(rest === undefined && type === "function_call_output" ? undefined : { ...rest, ...custom }),
          },
        ],
      });
      return;
    }
    case "reasoning":
      decodeReasoningItem(item, messages);
      return;
    case "image_generation_call":
      assistant(messages).parts.push(decodeImage(item));
      return;
    case "":
      throw new GatewayError("invalid_request", `Missing required parameter: '${where}.type'.`, {
        param: `${where}.type`,
      });
    default:
      // A result of the caller's own hosted tool ends the model's turn; a call is part of it.
      if (type.endsWith("_output") || type.endsWith("_response")) {
        messages.push({ role: "tool", parts: [{ type: "opaque", format: FORMAT, value: item }] });
      } else {
        assistant(messages).parts.push({ type: "opaque", format: FORMAT, value: item });
      }
  }
}

function decodeMessage(item: JsonObject, where: string, messages: OpenMessage[]): void {
  const role = asString(item.role) ?? "";
  if (!ROLES.has(role)) {
    const param = `${where}.role`;
    throw new GatewayError("invalid_request", `${param} must be one of system, developer, user and assistant.`, {
      param,
    });
  }
  const rest = otherMembers(isGenerated(item.id) ? { ...item, id: undefined } : item, MESSAGE_MEMBERS);
  if (role !== "assistant") {
    const parts = decodeContent(item.content, `${where}.content`);
    // System text that was an item stays one; instructions carry no such mark.
    const marked = role === "user" ? rest : (rest ?? {});
    messages.push({ role: role as Role, parts, ...withNative(marked) });
    return;
  }
  const parts = decodeContent(item.content, `${where}.content`, rest);
  const open = assistant(messages);
  const last = open.parts.at(-1);
  if (last?.type === "text" || last?.type === "refusal") {
    const same = rest !== undefined && messageOf(nativeValue(last)).id === rest.id && rest.id !== undefined;
    if (!same) {
      messages.push({ role: "assistant", parts });
      return;
    }
  }
  open.parts.push(...parts);
}

/** The assistant's message that is being said; a new one when somebody else spoke last. */
function assistant(messages: OpenMessage[]): OpenMessage {
  const last = messages.at(-1);
  if (last?.role === "assistant") return last;
  const fresh: OpenMessage = { role: "assistant", parts: [] };
  messages.push(fresh);
  return fresh;
}

function decodeReasoningItem(item: JsonObject, messages: OpenMessage[]): void {
  const { parts } = assistant(messages);
  const sealed = reasoningSeal(item, CLIENT_OWNER);
  const before = parts.at(-1);
  if (sealed !== undefined && isAttached(sealed) && before !== undefined) {
    if (before.type === "tool-call" || before.type === "text" || before.type === "image") {
      parts[parts.length - 1] = { ...before, sealed: withoutPlace(sealed) };
      return;
    }
  }
  parts.push(decodeReasoning(item, CLIENT_OWNER));
}

/** A `function_call` or `custom_tool_call`, in a request or an answer. */
export function decodeCall(item: JsonObject): ToolCallPart {
  const custom = item.type === "custom_tool_call";
  const rest = otherMembers(isGenerated(item.id) ? { ...item, id: undefined } : item, CALL_MEMBERS);
  return {
    type: "tool-call",
    id: asString(item.call_id) ?? asString(item.id) ?? "",
    name: asString(item.name) ?? "",
    arguments: asString(custom ? item.input : item.arguments) ?? "",
    ...(custom ? { kind: "custom" as const } : {}),
    ...withNative(rest),
  };
}

const IMAGE_MEMBERS = new Set(["type", "result", "status"]);

/** An `image_generation_call` with its result, or as it is while there is none. */
export function decodeImage(item: JsonObject): Part {
  const data = asString(item.result);
  if (data === undefined || data === "") return { type: "opaque", format: FORMAT, value: item };
  const format = asString(item.output_format) ?? "png";
  const rest = otherMembers(isGenerated(item.id) ? { ...item, id: undefined } : item, IMAGE_MEMBERS);
  return { type: "image", source: { type: "base64", data, mediaType: `image/${format}` }, ...withNative(rest) };
}
