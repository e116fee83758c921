import {
  asArray,
  asObject,
  asString,
  isObject,
  type Json,
  type JsonObject,
  type MutableJsonObject,
  parseJson,
} from "../../json/json.ts";
import type { ConversationRequest, Message, Tool, ToolCallPart } from "../conversation.ts";
import { reportInexpressible } from "../expressible.ts";
import type { RequestContext } from "../format.ts";
import { textOf } from "../prompt.ts";
import type { ParameterReport } from "../report.ts";
import { EXPRESSIBLE } from "./expressible.ts";

/** Conversation → body of `/v1/chat` (https://docs.cohere.com/v1/reference/chat, 2026-11-24). */
export function encodeRequest(request: ConversationRequest, context: RequestContext): JsonObject {
  const { report } = context;
  const body: MutableJsonObject = { model: context.model };
  encodeMessages(request.messages, body);
  if (request.stream !== undefined) body.stream = request.stream;
  const tools = request.toolChoice?.type === "none" ? [] : (request.tools ?? []);
  const encoded = tools.flatMap((tool) => encodeTool(tool, report));
  if (encoded.length > 0) body.tools = encoded;
  if (request.toolChoice?.type === "required" || request.toolChoice?.type === "tool") body.force_single_step = true;
  const { responseFormat, sampling } = request;
  if (responseFormat !== undefined && responseFormat.type !== "text") {
    body.response_format = {
      type: "json_object",
      ...(responseFormat.type === "json-schema" ? { schema: responseFormat.schema } : {}),
    };
  }
  const put = (name: string, value: Json | undefined): void => {
    if (value !== undefined) body[name] = value;
  };
  put("temperature", sampling.temperature);
  put("p", sampling.topP);
  put("k", sampling.topK);
  put("seed", sampling.seed);
  put("max_tokens", sampling.maxOutputTokens);
  put("stop_sequences", sampling.stop);
  put("frequency_penalty", sampling.frequencyPenalty);
  put("presence_penalty", sampling.presencePenalty);
  reportInexpressible(request, "cohere-v1", EXPRESSIBLE, report);
  for (const [name, value] of Object.entries(request.extensions?.fields ?? {})) {
    const { format } = request.extensions ?? {};
    if (format === "openai-chat" || format === "cohere" || format === "cohere-v1") put(name, body[name] ?? value);
    else report.dropped(name, `only ${format} knows it`);
  }
  return body;
}

/** The last question stands alone; answers of tools stand beside an empty one. */
function encodeMessages(messages: readonly Message[], body: MutableJsonObject): void {
  const calls = new Map<string, ToolCallPart>();
  for (const part of messages.flatMap((message) => message.parts)) {
    if (part.type === "tool-call") calls.set(part.id, part);
  }
  const isSystem = (message: Message): boolean => message.role === "system" || message.role === "developer";
  const first = messages.findIndex((message) => !isSystem(message));
  const preamble = messages.slice(0, first < 0 ? messages.length : first);
  const said = first < 0 ? [] : messages.slice(first);
  if (preamble.length > 0) body.preamble = preamble.map(textOf).join("\n\n");

  const lastAnswer = said.findLastIndex((message) => message.role === "assistant");
  const pending = said.slice(lastAnswer + 1);
  const results = pending.flatMap((message) => resultsOf(message, calls));
  const last = pending.findLastIndex((message) => message.role === "user");
  const question = last < 0 ? undefined : pending[last];
  body.message = question === undefined ? "" : textOf(question);
  if (results.length > 0) body.tool_results = results;
  const before = said.filter(
    (message, index) => message !== question && !(index > lastAnswer && message.role === "tool"),
  );
  const history = before.map((message) => historyOf(message, calls));
  if (history.length > 0) body.chat_history = history;
}

function historyOf(message: Message, calls: ReadonlyMap<string, ToolCallPart>): JsonObject {
  if (message.role === "tool") return { role: "TOOL", tool_results: resultsOf(message, calls) };
  if (message.role !== "assistant") {
    return { role: message.role === "user" ? "USER" : "SYSTEM", message: textOf(message) };
  }
  const made = message.parts.filter((part) => part.type === "tool-call");
  const spoken = { ...message, parts: message.parts.filter((part) => part.type !== "tool-call") };
  return {
    role: "CHATBOT",
    message: textOf(spoken),
    ...(made.length === 0 ? {} : { tool_calls: made.map(callOf) }),
  };
}

function callOf(part: ToolCallPart): JsonObject {
  const parsed = parseJson(part.arguments);
  return { name: part.name, parameters: isObject(parsed) ? parsed : {} };
}

function resultsOf(message: Message, calls: ReadonlyMap<string, ToolCallPart>): JsonObject[] {
  return message.parts.flatMap((part) => {
    if (part.type !== "tool-result") return [];
    const call = calls.get(part.callId);
    const text = part.content.map((item) => (item.type === "text" ? item.text : "")).join("");
    const parsed = parseJson(text);
    return [
      {
        call: call === undefined ? { name: part.name ?? part.callId, parameters: {} } : callOf(call),
        outputs: [isObject(parsed) ? parsed : { result: text }],
      },
    ];
  });
}

/** Version 1 describes parameters with Python's type names, without a schema. */
function encodeTool(tool: Tool, report: ParameterReport): JsonObject[] {
  if (tool.type !== "function") {
    report.unsupported("tools", "version 1 knows functions only");
    return [];
  }
  const required = asArray(tool.parameters?.required);
  const definitions: MutableJsonObject = {};
  for (const [name, held] of Object.entries(asObject(tool.parameters?.properties) ?? {})) {
    const schema = asObject(held);
    const description = asString(schema?.description);
    definitions[name] = {
      type: PYTHON_TYPES[asString(schema?.type) ?? "string"] ?? "str",
      required: required.includes(name),
      ...(description === undefined ? {} : { description }),
    };
  }
  return [{ name: tool.name, description: tool.description ?? tool.name, parameter_definitions: definitions }];
}

const PYTHON_TYPES: Readonly<Record<string, string>> = {
  string: "str",
  integer: "int",
  number: "float",
  boolean: "bool",
  array: "List",
  object: "Dict",
};
