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
import type {
  ConversationRequest,
  Message,
  Part,
  Reasoning,
  ResponseFormat,
  Role,
  Sampling,
  Tool,
  ToolChoice,
} from "../conversation.ts";
import { decodeMediaUrl } from "./media-url.ts";
import { otherMembers } from "./types.ts";

const REQUEST_FIELDS = new Set([
  "model",
  "messages",
  "stream",
  "tools",
  "tool_choice",
  "strict_tools",
  "response_format",
  "thinking",
  "temperature",
  "p",
  "k",
  "seed",
  "max_tokens",
  "stop_sequences",
  "frequency_penalty",
  "presence_penalty",
  "logprobs",
]);
const MESSAGE_FIELDS = new Set(["role", "content", "tool_plan", "tool_calls", "tool_call_id"]);
const ROLES: ReadonlySet<string> = new Set<Role>(["system", "developer", "user", "assistant", "tool"]);

/**
 * Body of `/v2/chat` → conversation. Documents, citation options, safety mode and whatever else has no word of its own
 * stays in `extensions`. Throws GatewayError("invalid_request") with the field at fault.
 */
export function decodeRequest(body: JsonObject): ConversationRequest {
  if (!Array.isArray(body.messages)) throw invalid("messages", "is required and must be a list");
  const names = new Map<string, string>();
  const messages = (body.messages as readonly Json[]).map((message, index) => decodeMessage(message, index, names));
  const strict = asBoolean(body.strict_tools);
  const tools = asArray(body.tools).map((tool, index) => decodeTool(tool, index, strict));
  const toolChoice = decodeToolChoice(body.tool_choice);
  const responseFormat = decodeResponseFormat(asObject(body.response_format));
  const reasoning = decodeReasoning(asObject(body.thinking));
  const fields = otherMembers(body, REQUEST_FIELDS);
  return {
    model: asString(body.model) ?? "",
    messages,
    sampling: decodeSampling(body),
    // Usage stands in the last event of every stream.
    ...(body.stream === true ? { stream: true, includeUsage: true } : {}),
    ...(tools.length === 0 ? {} : { tools }),
    ...(toolChoice === undefined ? {} : { toolChoice }),
    ...(responseFormat === undefined ? {} : { responseFormat }),
    ...(reasoning === undefined ? {} : { reasoning }),
    ...(fields === undefined ? {} : { extensions: { format: "cohere", fields } }),
  };
}

function invalid(param: string, what: string): GatewayError {
  return new GatewayError("invalid_request", `Invalid request: '${param}' ${what}`, { param });
}

function decodeMessage(message: Json, index: number, names: Map<string, string>): Message {
  const path = `messages[${index}]`;
  if (!isObject(message)) throw invalid(path, "must be an object");
  const role = asString(message.role)?.toLowerCase() ?? "";
  if (!ROLES.has(role)) throw invalid(`${path}.role`, "must be 'system', 'user', 'assistant' or 'tool'");
  const rest = otherMembers(message, MESSAGE_FIELDS);
  const native = rest === undefined ? {} : { native: { format: "cohere" as const, value: rest } };
  const content = decodeContent(message.content, `${path}.content`);
  if (role === "tool") {
    const callId = asString(message.tool_call_id);
    if (callId === undefined) throw invalid(`${path}.tool_call_id`, "is required in tool messages");
    const name = names.get(callId);
    const result: Part = { type: "tool-result", callId, content, ...(name === undefined ? {} : { name }) };
    return { role, parts: [result], ...native };
  }
  const parts: Part[] = [];
  const plan = asString(message.tool_plan);
  if (plan !== undefined && plan !== "") {
    parts.push({ type: "thinking", text: plan, native: { format: "cohere", value: { type: "tool_plan" } } });
  }
  parts.push(...content);
  for (const [at, call] of asArray(message.tool_calls).entries()) {
    const held = asObject(asObject(call)?.function);
    const name = asString(held?.name);
    if (name === undefined) throw invalid(`${path}.tool_calls[${at}].function.name`, "is required");
    const id = asString(asObject(call)?.id) ?? `call_${index}_${at}`;
    names.set(id, name);
    parts.push({ type: "tool-call", id, name, arguments: asString(held?.arguments) ?? "{}" });
  }
  return { role: role as Role, parts, ...native };
}

function decodeContent(content: Json | undefined, path: string): Part[] {
  if (content === undefined || content === null) return [];
  if (typeof content === "string") return [{ type: "text", text: content }];
  if (!Array.isArray(content)) throw invalid(path, "must be text or a list of blocks");
  return (content as readonly Json[]).map((block, index) => decodeBlock(block, `${path}[${index}]`));
}

function decodeBlock(block: Json, path: string): Part {
  if (typeof block === "string") return { type: "text", text: block };
  if (!isObject(block)) throw invalid(path, "must be an object");
  switch (block.type) {
    case "text":
      return { type: "text", text: asString(block.text) ?? "" };
    case "thinking":
      return { type: "thinking", text: asString(block.thinking) ?? "" };
    case "image_url": {
      const image = asObject(block.image_url);
      const url = asString(image?.url) ?? asString(block.image_url);
      if (url === undefined) throw invalid(`${path}.image_url.url`, "is required");
      const detail = asString(image?.detail);
      return { type: "image", source: decodeMediaUrl(url), ...(detail === undefined ? {} : { detail }) };
    }
    case "document":
      // A document is text to everyone else; Cohere gets it back as it was.
      return { type: "text", text: documentText(block.document), native: { format: "cohere", value: block } };
    default:
      return { type: "opaque", format: "cohere", value: block };
  }
}

function documentText(document: Json | undefined): string {
  const data = asObject(document)?.data ?? document;
  if (typeof data === "string") return data;
  return data === undefined ? "" : JSON.stringify(data);
}

const TOOL_FIELDS = new Set(["type", "function"]);
const FUNCTION_FIELDS = new Set(["name", "description", "parameters"]);

function decodeTool(tool: Json, index: number, strict: boolean | undefined): Tool {
  const held = asObject(tool);
  if (held === undefined) throw invalid(`tools[${index}]`, "must be an object");
  const called = asObject(held.function);
  if (called === undefined) return { type: "opaque", format: "cohere", value: held };
  const name = asString(called.name);
  if (name === undefined) throw invalid(`tools[${index}].function.name`, "is required");
  const description = asString(called.description);
  const parameters = asObject(called.parameters);
  const outer = otherMembers(held, TOOL_FIELDS);
  const inner = otherMembers(called, FUNCTION_FIELDS);
  const value: JsonObject = { ...outer, ...(inner === undefined ? {} : { function: inner }) };
  return {
    type: "function",
    name,
    ...(description === undefined ? {} : { description }),
    ...(parameters === undefined ? {} : { parameters }),
    ...(strict === undefined ? {} : { strict }),
    ...(Object.keys(value).length === 0 ? {} : { native: { format: "cohere", value } }),
  };
}

function decodeToolChoice(choice: Json | undefined): ToolChoice | undefined {
  if (choice === undefined || choice === null) return undefined;
  switch (asString(choice)?.toUpperCase()) {
    case "REQUIRED":
      return { type: "required" };
    case "NONE":
      return { type: "none" };
    case "AUTO":
      return { type: "auto" };
    default:
      throw invalid("tool_choice", "must be 'REQUIRED' or 'NONE'");
  }
}

function decodeResponseFormat(format: JsonObject | undefined): ResponseFormat | undefined {
  if (format?.type === "text") return { type: "text" };
  if (format?.type !== "json_object") return undefined;
  // `schema` is the older name.
  const schema = asObject(format.json_schema) ?? asObject(format.schema);
  return schema === undefined ? { type: "json" } : { type: "json-schema", schema };
}

function decodeReasoning(thinking: JsonObject | undefined): Reasoning | undefined {
  if (thinking === undefined) return undefined;
  const budget = asNumber(thinking.token_budget);
  return {
    ...(thinking.type === "enabled" || thinking.type === "disabled" ? { mode: thinking.type } : {}),
    ...(budget === undefined ? {} : { budgetTokens: budget }),
  };
}

function decodeSampling(body: JsonObject): Sampling {
  const sampling: Record<string, unknown> = {};
  const number = (wire: string, name: keyof Sampling): void => {
    const value = body[wire];
    if (value === undefined || value === null) return;
    if (asNumber(value) === undefined) throw invalid(wire, "must be a number");
    sampling[name] = value;
  };
  number("temperature", "temperature");
  number("p", "topP");
  number("k", "topK");
  number("seed", "seed");
  number("max_tokens", "maxOutputTokens");
  number("frequency_penalty", "frequencyPenalty");
  number("presence_penalty", "presencePenalty");
  const logprobs = asBoolean(body.logprobs);
  if (logprobs !== undefined) sampling.logprobs = logprobs;
  const stop = asArray(body.stop_sequences).filter((sequence): sequence is string => typeof sequence === "string");
  if (stop.length > 0) sampling.stop = stop;
  return sampling as Sampling;
}
