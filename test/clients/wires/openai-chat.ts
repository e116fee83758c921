import { asArray, asObject, type JsonObject } from "../../../src/json/json.ts";
import {
  first,
  halves,
  INPUT_TOKENS,
  OUTPUT_TOKENS,
  objects,
  type Reply,
  sse,
  strangeMember,
  type Wire,
} from "./wire.ts";

const REQUEST = [
  ..."model messages max_tokens max_completion_tokens temperature top_p n stop stream stream_options tools".split(" "),
  ..."tool_choice parallel_tool_calls response_format seed presence_penalty frequency_penalty logit_bias".split(" "),
  ..."logprobs top_logprobs user safety_identifier store metadata service_tier modalities audio prediction".split(" "),
  ..."reasoning_effort verbosity web_search_options prompt_cache_key prompt_cache_retention functions".split(" "),
];
const MESSAGE: Readonly<Record<string, readonly string[]>> = {
  system: ["role", "content", "name"],
  developer: ["role", "content", "name"],
  user: ["role", "content", "name"],
  // OpenAI's own helpers add `parsed`, and send it back.
  assistant: ["role", "content", "name", "refusal", "tool_calls", "audio", "annotations", "parsed"],
  tool: ["role", "content", "tool_call_id"],
};
const PART: Readonly<Record<string, readonly string[]>> = {
  text: ["type", "text"],
  image_url: ["type", "image_url"],
  input_audio: ["type", "input_audio"],
  file: ["type", "file"],
  refusal: ["type", "refusal"],
};

/** OpenAI's Chat Completions: https://developers.openai.com/api/reference/resources/chat (2026-11-24). */
export const openaiChatWire: Wire = {
  complaint({ headers }, body) {
    if (headers.get("authorization")?.startsWith("Bearer ") !== true) return "You didn't provide an API key.";
    const extra = strangeMember(body, REQUEST);
    if (extra !== undefined) return `Unrecognized request argument supplied: ${extra}`;
    if (asArray(body.stop).length > 4)
      return "Invalid 'stop': array too long. Expected an array with maximum length 4.";
    if (typeof body.user === "string" && body.user.length > 64)
      return `Invalid 'user': string too long. Expected a string with maximum length 64, but got a string with length ${body.user.length} instead.`;
    if (typeof body.max_completion_tokens === "number" && body.max_completion_tokens > 32_768)
      return `max_tokens is too large: ${body.max_completion_tokens}. This model supports at most 32768 completion tokens.`;
    return checkTools(body) ?? checkFormat(body) ?? checkMessages(body);
  },
  streams: (_, body) => body.stream === true,
  whole(reply) {
    return {
      ...head("chat.completion"),
      choices: [{ index: 0, message: messageOf(reply), logprobs: null, finish_reason: finishReason(reply) }],
      usage: usage(),
      system_fingerprint: "fp_1",
    };
  },
  stream(reply) {
    const chunk = (delta: JsonObject, finish: string | null = null): { data: JsonObject } => ({
      data: { ...head("chat.completion.chunk"), choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }] },
    });
    const calls = reply.calls ?? [];
    return sse([
      chunk({ role: "assistant", content: "", refusal: null }),
      ...halves(reply.text ?? "").map((content) => chunk({ content })),
      ...calls.map(({ id, name }, index) =>
        chunk({ tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] }),
      ),
      // The pieces of parallel calls alternate.
      ...[0, 1].flatMap((half) =>
        calls.map((call, index) =>
          chunk({ tool_calls: [{ index, function: { arguments: halves(call.arguments)[half] ?? "" } }] }),
        ),
      ),
      chunk({}, finishReason(reply)),
      { data: { ...head("chat.completion.chunk"), choices: [], usage: usage() } },
      { data: "[DONE]" },
    ]);
  },
  error(status, message, type = "invalid_request_error") {
    return Response.json({ error: { message, type, param: null, code: null } }, { status });
  },
};

function head(object: string): JsonObject {
  return { id: "chatcmpl-B1", object, created: 1_764_000_000, model: "gpt-4.1-2025-04-14" };
}

function usage(): JsonObject {
  return {
    prompt_tokens: INPUT_TOKENS,
    completion_tokens: OUTPUT_TOKENS,
    total_tokens: INPUT_TOKENS + OUTPUT_TOKENS,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
  };
}

function messageOf({ text, calls }: Reply): JsonObject {
  return {
    role: "assistant",
    content: text ?? null,
    refusal: null,
    ...(calls === undefined
      ? {}
      : {
          tool_calls: calls.map(({ id, name, arguments: json }) => ({
            id,
            type: "function",
            function: { name, arguments: json },
          })),
        }),
  };
}

function finishReason({ calls, finish }: Reply): string {
  if (finish !== undefined && finish !== "stop") return finish.replace("-", "_");
  return calls === undefined ? "stop" : "tool_calls";
}

function checkTools(body: JsonObject): string | undefined {
  const tools = objects(body.tools);
  if (body.tools !== undefined && tools.length === 0)
    return "Invalid 'tools': empty array. Expected an array with minimum length 1.";
  if (tools.length === 0 && body.tool_choice !== undefined)
    return "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.";
  if (tools.length === 0 && body.parallel_tool_calls !== undefined)
    return "Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed when 'tools' are specified.";
  return first(tools, (tool, index) => {
    if (tool.type === "custom") return undefined;
    if (tool.type !== "function")
      return `Invalid value: '${tool.type}'. Supported values are: 'function' and 'custom'.`;
    const extra = strangeMember(tool, ["type", "function"]);
    if (extra !== undefined) return `Unknown parameter: 'tools[${index}].${extra}'.`;
    const fn = asObject(tool.function) ?? {};
    if (!/^[a-zA-Z0-9_-]{1,64}$/.test(String(fn.name)))
      return `Invalid 'tools[${index}].function.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`;
    const parameters = asObject(fn.parameters);
    if (parameters !== undefined && parameters.type !== "object")
      return `Invalid schema for function '${fn.name}': schema must be a JSON Schema of 'type: "object"', got 'type: "${parameters.type ?? null}"'.`;
    return fn.strict === true && parameters?.additionalProperties !== false
      ? `Invalid schema for function '${fn.name}': In context=(), 'additionalProperties' is required to be supplied and to be false.`
      : undefined;
  });
}

function checkFormat(body: JsonObject): string | undefined {
  const format = asObject(body.response_format);
  if (format === undefined) return undefined;
  if (format.type === "json_object" && !/json/i.test(JSON.stringify(body.messages)))
    return "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.";
  if (format.type !== "json_schema") return undefined;
  const schema = asObject(format.json_schema);
  if (!/^[a-zA-Z0-9_-]{1,64}$/.test(String(schema?.name ?? "")))
    return "Missing required parameter: 'response_format.json_schema.name'.";
  return schema?.strict === true && asObject(schema.schema)?.additionalProperties !== false
    ? `Invalid schema for response_format '${schema.name}': In context=(), 'additionalProperties' is required to be supplied and to be false.`
    : undefined;
}

function checkMessages(body: JsonObject): string | undefined {
  const messages = objects(body.messages);
  if (messages.length === 0) return "Invalid 'messages': empty array. Expected an array with minimum length 1.";
  let open: string[] = [];
  const wrong = first(messages, (message, index) => {
    const where = `messages[${index}]`;
    const known = MESSAGE[String(message.role)];
    if (known === undefined)
      return `Invalid value: '${message.role}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.`;
    const extra = strangeMember(message, known);
    if (extra !== undefined) return `Unknown parameter: '${where}.${extra}'.`;
    if (message.role === "tool") {
      const id = String(message.tool_call_id);
      if (!open.includes(id))
        return "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.";
      open = open.filter((other) => other !== id);
    } else if (open.length > 0) return unanswered(open);
    if (message.role === "assistant") {
      const calls = objects(message.tool_calls);
      if (message.tool_calls !== undefined && calls.length === 0) return `Invalid '${where}.tool_calls': empty array.`;
      const bad = calls.find((call) => typeof asObject(call.function)?.arguments !== "string");
      if (bad !== undefined) return `Invalid type for '${where}.tool_calls[0].function.arguments': expected a string.`;
      const long = calls.find((call) => String(call.id).length > 40);
      if (long !== undefined)
        return `Invalid '${where}.tool_calls[0].id': string too long. Expected a string with maximum length 40, but got a string with length ${String(long.id).length} instead.`;
      open = calls.map((call) => String(call.id));
      if (
        (message.content === null || message.content === undefined) &&
        calls.length === 0 &&
        message.refusal === undefined
      )
        return `Invalid value for 'content': expected a string, got null.`;
    } else if (message.content === null || message.content === undefined)
      return `Invalid value for 'content': expected a string, got null.`;
    return first(objects(message.content), (part, at) => checkPart(part, `${where}.content[${at}]`, message.role));
  });
  return wrong ?? (open.length > 0 ? unanswered(open) : undefined);
}

function unanswered(open: readonly string[]): string {
  return `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${open.join(", ")}`;
}

function checkPart(part: JsonObject, where: string, role: unknown): string | undefined {
  const known = PART[String(part.type)];
  if (known === undefined || (role !== "user" && part.type !== "text" && part.type !== "refusal"))
    return `Invalid value: '${part.type}'. Supported values are: ${role === "user" ? "'text','image_url','input_audio', and 'file'" : "'text'"}.`;
  const extra = strangeMember(part, known);
  if (extra !== undefined) return `Unknown parameter: '${where}.${extra}'.`;
  if (part.type !== "image_url") return undefined;
  const url = String(asObject(part.image_url)?.url);
  return /^https?:\/\//.test(url) || /^data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+=*$/.test(url)
    ? undefined
    : `Invalid '${where}.image_url.url'. Expected a valid URL or base64-encoded image.`;
}
