import { GatewayError } from "../../errors/gateway-error.ts";
import {
  asArray,
  asBoolean,
  asNumber,
  asObject,
  asString,
  isObject,
  type Json,
  type JsonObject,
} from "../../json/json.ts";
import type { ConversationRequest, Message, Part, Reasoning, ResponseFormat, Sampling, Tool } from "../conversation.ts";
import { CallIds } from "./tool-calls.ts";

const KNOWN_FIELDS = new Set([
  "model",
  "messages",
  "tools",
  "format",
  "options",
  "stream",
  "think",
  "logprobs",
  "top_logprobs",
]);
const KNOWN_OPTIONS = new Set([
  "temperature",
  "top_p",
  "top_k",
  "min_p",
  "seed",
  "stop",
  "num_predict",
  "frequency_penalty",
  "presence_penalty",
  "repeat_penalty",
]);
const MESSAGE_FIELDS = new Set(["role", "content", "thinking", "images", "tool_calls", "tool_name", "tool_call_id"]);
const ROLES: ReadonlySet<string> = new Set(["system", "user", "assistant", "tool"]);

/**
 * Body of `/api/chat` → conversation; a body streams unless it says otherwise. Throws GatewayError("invalid_request")
 * with the field at fault.
 */
export function decodeRequest(body: JsonObject): ConversationRequest {
  if (!Array.isArray(body.messages)) throw invalid("messages", "is required and must be a list");
  const ids = new CallIds("");
  const messages = (body.messages as readonly Json[]).map((message, index) => decodeMessage(message, index, ids));
  const tools = asArray(body.tools).map(decodeTool);
  const responseFormat = decodeFormat(body.format);
  const reasoning = decodeThink(body.think);
  const options = asObject(body.options) ?? {};
  const otherOptions = membersBeyond(options, KNOWN_OPTIONS);
  const fields = {
    ...membersBeyond(body, KNOWN_FIELDS),
    ...(Object.keys(otherOptions).length === 0 ? {} : { options: otherOptions }),
  };
  return {
    model: asString(body.model) ?? "",
    messages,
    sampling: decodeSampling(body, options),
    stream: body.stream !== false,
    ...(body.stream === false ? {} : { includeUsage: true }),
    ...(tools.length === 0 ? {} : { tools }),
    ...(responseFormat === undefined ? {} : { responseFormat }),
    ...(reasoning === undefined ? {} : { reasoning }),
    ...(Object.keys(fields).length === 0 ? {} : { extensions: { format: "ollama", fields } }),
  };
}

function invalid(param: string, what: string): GatewayError {
  return new GatewayError("invalid_request", `Invalid request: '${param}' ${what}`, { param });
}

function membersBeyond(object: JsonObject, known: ReadonlySet<string>): JsonObject {
  const entries = Object.entries(object).filter(
    ([name, value]) => value !== undefined && value !== null && !known.has(name),
  );
  return Object.fromEntries(entries);
}

function decodeMessage(message: Json, index: number, ids: CallIds): Message {
  const path = `messages[${index}]`;
  if (!isObject(message)) throw invalid(path, "must be an object");
  const role = asString(message.role) ?? "";
  if (!ROLES.has(role)) throw invalid(`${path}.role`, "must be 'system', 'user', 'assistant' or 'tool'");
  const { content } = message;
  if (content !== undefined && content !== null && typeof content !== "string") {
    throw invalid(`${path}.content`, "must be text");
  }
  const rest = membersBeyond(message, MESSAGE_FIELDS);
  const native = Object.keys(rest).length === 0 ? {} : { native: { format: "ollama" as const, value: rest } };
  const text: Part[] = typeof content === "string" && content !== "" ? [{ type: "text", text: content }] : [];
  const images = asArray(message.images).map((image, at): Part => {
    if (typeof image !== "string") throw invalid(`${path}.images[${at}]`, "must be base64 text");
    return { type: "image", source: { type: "base64", data: image, mediaType: mediaTypeOf(image) } };
  });
  if (role === "tool") {
    const { id, name } = ids.answer(asString(message.tool_call_id), asString(message.tool_name));
    const named = name === undefined ? {} : { name };
    return { role, parts: [{ type: "tool-result", callId: id, content: [...text, ...images], ...named }], ...native };
  }
  const parts: Part[] = [];
  const thinking = asString(message.thinking) ?? "";
  if (thinking !== "") parts.push({ type: "thinking", text: thinking });
  parts.push(...text);
  parts.push(...images);
  for (const call of asArray(message.tool_calls).filter(isObject)) parts.push({ type: "tool-call", ...ids.call(call) });
  return { role: role as Message["role"], parts, ...native };
}

/** Ollama's images say no type; their first bytes do. */
function mediaTypeOf(base64: string): string {
  if (base64.startsWith("/9j/")) return "image/jpeg";
  if (base64.startsWith("R0lGOD")) return "image/gif";
  if (base64.startsWith("UklGR")) return "image/webp";
  return "image/png";
}

function decodeTool(tool: Json, index: number): Tool {
  const held = asObject(asObject(tool)?.function);
  if (held === undefined) throw invalid(`tools[${index}].function`, "is required");
  const name = asString(held.name);
  if (name === undefined) throw invalid(`tools[${index}].function.name`, "is required");
  const description = asString(held.description);
  const parameters = asObject(held.parameters);
  return {
    type: "function",
    name,
    ...(description === undefined ? {} : { description }),
    ...(parameters === undefined ? {} : { parameters }),
  };
}

function decodeFormat(format: Json | undefined): ResponseFormat | undefined {
  if (format === "json") return { type: "json" };
  return isObject(format) ? { type: "json-schema", schema: format } : undefined;
}

function decodeThink(think: Json | undefined): Reasoning | undefined {
  if (typeof think === "string") return { effort: think };
  return typeof think === "boolean" ? { mode: think ? "enabled" : "disabled" } : undefined;
}

function decodeSampling(body: JsonObject, options: JsonObject): Sampling {
  const sampling: Record<string, unknown> = {};
  const number = (value: Json | undefined, path: string, name: keyof Sampling): void => {
    if (value === undefined || value === null) return;
    if (asNumber(value) === undefined) throw invalid(path, "must be a number");
    sampling[name] = value;
  };
  number(options.temperature, "options.temperature", "temperature");
  number(options.top_p, "options.top_p", "topP");
  number(options.top_k, "options.top_k", "topK");
  number(options.min_p, "options.min_p", "minP");
  number(options.seed, "options.seed", "seed");
  number(options.num_predict, "options.num_predict", "maxOutputTokens");
  number(options.frequency_penalty, "options.frequency_penalty", "frequencyPenalty");
  number(options.presence_penalty, "options.presence_penalty", "presencePenalty");
  number(options.repeat_penalty, "options.repeat_penalty", "repetitionPenalty");
  number(body.top_logprobs, "top_logprobs", "topLogprobs");
  const logprobs = asBoolean(body.logprobs);
  if (logprobs !== undefined) sampling.logprobs = logprobs;
  const stop = typeof options.stop === "string" ? [options.stop] : asArray(options.stop);
  if (stop.length > 0) sampling.stop = stop;
  // A negative length means no limit.
  if (typeof sampling.maxOutputTokens === "number" && sampling.maxOutputTokens < 0) delete sampling.maxOutputTokens;
  return sampling as Sampling;
}
