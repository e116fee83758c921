import { GatewayError } from "../../errors/gateway-error.ts";
import {
  asBoolean,
  asObject,
  asString,
  isObject,
  type Json,
  type JsonObject,
  type MutableJsonObject,
} from "../../json/json.ts";
import type { ConversationRequest, Message, Part, ResponseFormat, Role, Sampling } from "../conversation.ts";
import { decodeBlock, decodeBlocks } from "./blocks-decode.ts";
import { acceptsStrict } from "./output-schema.ts";
import { decodeThinkingConfig } from "./thinking.ts";
import { decodeToolChoice, decodeTools } from "./tools.ts";
import { FORMAT, nativeRest, otherMembers } from "./types.ts";

const REQUEST = new Set([
  "model",
  "messages",
  "system",
  "max_tokens",
  "temperature",
  "top_p",
  "top_k",
  "stop_sequences",
  "stream",
  "tools",
  "tool_choice",
  "thinking",
  "output_config",
  "output_format",
  "metadata",
  "service_tier",
]);
const MESSAGE = new Set(["role", "content"]);

/** `POST /v1/messages` → conversation. Throws GatewayError("invalid_request") with the field at fault. */
export function decodeRequest(body: JsonObject): ConversationRequest {
  if (typeof body.model !== "string") throw invalid("model", "model: Field required");
  if (!Array.isArray(body.messages)) throw invalid("messages", "messages: Input should be a valid list");
  const messages = [
    ...decodeSystem(body.system),
    ...nameResults((body.messages as readonly Json[]).flatMap((message, index) => decodeMessage(message, index))),
  ];
  const tools = listField(body, "tools");
  const choice = decodeToolChoice(asObject(body.tool_choice));
  const thinking = decodeThinkingConfig(asObject(body.thinking), asObject(body.output_config));
  const responseFormat = decodeOutputFormat(
    asObject(body.output_format) ?? asObject(asObject(body.output_config)?.format),
  );
  const metadata = asObject(body.metadata);
  const user = asString(metadata?.user_id);
  const serviceTier = asString(body.service_tier);
  const stream = asBoolean(body.stream);
  const fields: MutableJsonObject = { ...otherMembers(body, REQUEST), ...thinking.other };
  const otherMetadata = metadata === undefined ? undefined : otherMembers(metadata, new Set(["user_id"]));
  if (otherMetadata !== undefined) fields.metadata = otherMetadata;
  return {
    model: body.model,
    messages,
    ...(tools === undefined ? {} : { tools: decodeTools(tools) }),
    ...choice,
    sampling: decodeSampling(body),
    ...(responseFormat === undefined ? {} : { responseFormat }),
    ...(thinking.reasoning === undefined ? {} : { reasoning: thinking.reasoning }),
    ...(stream === undefined ? {} : { stream }),
    ...(user === undefined ? {} : { user }),
    ...(serviceTier === undefined ? {} : { serviceTier }),
    // Also when empty: says that the request was written for Anthropic.
    extensions: { format: FORMAT, fields },
  };
}

function invalid(param: string, message: string): GatewayError {
  return new GatewayError("invalid_request", message, { param });
}

function numberField(body: JsonObject, name: string): number | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw invalid(name, `${name}: Input should be a valid number`);
  }
  return value;
}

function listField(body: JsonObject, name: string): readonly Json[] | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw invalid(name, `${name}: Input should be a valid list`);
  return value as readonly Json[];
}

function decodeSampling(body: JsonObject): Sampling {
  const maxOutputTokens = numberField(body, "max_tokens");
  const temperature = numberField(body, "temperature");
  const topP = numberField(body, "top_p");
  const topK = numberField(body, "top_k");
  const stop = listField(body, "stop_sequences");
  if (stop?.some((entry) => typeof entry !== "string")) {
    throw invalid("stop_sequences", "stop_sequences: Input should be a list of strings");
  }
  return {
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(topK === undefined ? {} : { topK }),
    ...(stop === undefined ? {} : { stop: stop as readonly string[] }),
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
  };
}

function decodeOutputFormat(format: JsonObject | undefined): ResponseFormat | undefined {
  const schema = asObject(format?.schema);
  if (format?.type !== "json_schema" || schema === undefined) return undefined;
  // Anthropic always decodes under the schema; others promise that only for schemas of a stricter kind.
  return { type: "json-schema", schema, ...(acceptsStrict(schema) ? { strict: true } : {}) };
}

function decodeSystem(system: Json | undefined): Message[] {
  if (system === undefined || system === null) return [];
  if (typeof system === "string") return [{ role: "system", parts: [{ type: "text", text: system }] }];
  if (!Array.isArray(system)) throw invalid("system", "system: Input should be a string or a list of blocks");
  const parts = (system as readonly Json[]).map((block, index) => {
    if (!isObject(block)) throw invalid(`system.${index}`, `system.${index}: Input should be an object`);
    return decodeBlock(block, "anthropic");
  });
  return parts.length === 0 ? [] : [{ role: "system", parts }];
}

function decodeMessage(value: Json, index: number): Message[] {
  const at = `messages.${index}`;
  if (!isObject(value)) throw invalid(at, `${at}: Input should be an object`);
  const role = value.role;
  if (role !== "user" && role !== "assistant" && role !== "system") {
    throw invalid(`${at}.role`, `${at}.role: Input should be 'user', 'assistant' or 'system'`);
  }
  const parts = decodeContent(value.content, `${at}.content`);
  const extra = nativeRest(value, MESSAGE);
  // Marks a system message that stands between the turns, which newer models take there.
  if (role === "system") return [{ role, parts, native: extra.native ?? { format: FORMAT, value: {} } }];
  if (role === "assistant") return [{ role, parts, ...extra }];
  return splitUser(parts, extra);
}

function decodeContent(content: Json | undefined, at: string): Part[] {
  if (typeof content === "string") return content === "" ? [] : [{ type: "text", text: content }];
  if (!Array.isArray(content)) throw invalid(at, `${at}: Input should be a string or a list of blocks`);
  for (const [index, block] of content.entries()) {
    if (!isObject(block) || typeof block.type !== "string") {
      throw invalid(`${at}.${index}`, `${at}.${index}: Input should be an object with a type`);
    }
  }
  return decodeBlocks(content as readonly Json[], "anthropic");
}

/** Results of tools become messages of their own, before the rest of the turn. */
function splitUser(parts: readonly Part[], extra: ReturnType<typeof nativeRest>): Message[] {
  const results = parts.filter((part) => part.type === "tool-result");
  const rest = parts.filter((part) => part.type !== "tool-result");
  const messages: Message[] = results.map((part) => ({ role: "tool" as Role, parts: [part] }));
  if (rest.length > 0 || results.length === 0) messages.push({ role: "user", parts: rest, ...extra });
  return messages;
}

/** Fills in the functions' names, which the wire says only in the call. */
function nameResults(messages: readonly Message[]): Message[] {
  const names = new Map<string, string>();
  return messages.map((message) => {
    for (const part of message.parts) if (part.type === "tool-call") names.set(part.id, part.name);
    if (message.role !== "tool") return message;
    return {
      ...message,
      parts: message.parts.map((part) => {
        const name = part.type === "tool-result" ? names.get(part.callId) : undefined;
        return part.type === "tool-result" && name !== undefined ? { ...part, name } : part;
      }),
    };
  });
}
