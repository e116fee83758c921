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
import type { ConversationRequest, Reasoning, ResponseFormat, Sampling, Tool, ToolChoice } from "../conversation.ts";
import { decodeMessages } from "./messages-decode.ts";
import { cacheOf, invalid, others } from "./parts-decode.ts";

const REQUEST_FIELDS = new Set([
  "model",
  "messages",
  "tools",
  "tool_choice",
  "functions",
  "function_call",
  "parallel_tool_calls",
  "temperature",
  "top_p",
  "seed",
  "stop",
  "max_tokens",
  "max_completion_tokens",
  "n",
  "presence_penalty",
  "frequency_penalty",
  "logit_bias",
  "logprobs",
  "top_logprobs",
  "response_format",
  "reasoning_effort",
  "thinking",
  "verbosity",
  "stream",
  "stream_options",
  "modalities",
  "audio",
  "prediction",
  "user",
  "safety_identifier",
  "metadata",
  "store",
  "service_tier",
  "prompt_cache_key",
  "prompt_cache_retention",
  "safety_settings",
  "web_search_options",
  "top_k",
  "min_p",
  "repetition_penalty",
]);

/** A Chat Completions body → conversation. What has no word in it is kept as extensions. */
export function decodeRequest(body: JsonObject): ConversationRequest {
  if (body.messages !== undefined && !Array.isArray(body.messages)) throw invalid("messages", "must be a list");
  const tools = decodeTools(body);
  const choice = decodeToolChoice(body.tool_choice ?? body.function_call);
  const format = decodeResponseFormat(body.response_format);
  const reasoning = decodeReasoning(body);
  const audio = asObject(body.audio);
  const extensions = others(withoutNull(body), REQUEST_FIELDS);
  const streamOptions = asObject(body.stream_options);
  const request: { -readonly [K in keyof ConversationRequest]: ConversationRequest[K] } = {
    model: asString(body.model) ?? "",
    messages: decodeMessages(asArray(body.messages)),
    sampling: decodeSampling(body),
  };
  if (tools.length > 0) request.tools = tools;
  if (choice !== undefined) request.toolChoice = choice;
  const parallel = optional(body, "parallel_tool_calls", asBoolean, "a boolean");
  if (parallel !== undefined) request.parallelToolCalls = parallel;
  if (format !== undefined) request.responseFormat = format;
  if (reasoning !== undefined) request.reasoning = reasoning;
  if (body.stream === true) request.stream = true;
  if (streamOptions?.include_usage === true) request.includeUsage = true;
  if (Array.isArray(body.modalities))
    request.modalities = asArray(body.modalities).filter((item): item is string => typeof item === "string");
  if (audio !== undefined)
    request.audioOutput = { voice: audio.voice ?? null, format: asString(audio.format) ?? "wav" };
  if (body.prediction !== undefined && body.prediction !== null) request.prediction = body.prediction;
  const metadata = asObject(body.metadata);
  if (metadata !== undefined) request.metadata = metadata;
  if (body.safety_settings !== undefined && body.safety_settings !== null)
    request.safetySettings = body.safety_settings;
  const store = optional(body, "store", asBoolean, "a boolean");
  if (store !== undefined) request.store = store;
  for (const [wire, name] of TEXTS) {
    const value = optional(body, wire, asString, "a string");
    if (value !== undefined) request[name] = value;
  }
  if (extensions !== undefined) request.extensions = { format: "openai-chat", fields: extensions };
  return request;
}

const TEXTS = [
  ["verbosity", "verbosity"],
  ["user", "user"],
  ["safety_identifier", "safetyIdentifier"],
  ["service_tier", "serviceTier"],
  ["prompt_cache_key", "promptCacheKey"],
  ["prompt_cache_retention", "promptCacheRetention"],
] as const;

function withoutNull(body: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
}

function optional<T>(
  body: JsonObject,
  name: string,
  read: (value: unknown) => T | undefined,
  what: string,
): T | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  const parsed = read(value);
  if (parsed === undefined) throw invalid(name, `must be ${what}`);
  return parsed;
}

const NUMBERS = [
  ["temperature", "temperature"],
  ["top_p", "topP"],
  ["top_k", "topK"],
  ["min_p", "minP"],
  ["seed", "seed"],
  ["n", "n"],
  ["presence_penalty", "presencePenalty"],
  ["frequency_penalty", "frequencyPenalty"],
  ["repetition_penalty", "repetitionPenalty"],
  ["top_logprobs", "topLogprobs"],
] as const;

function decodeSampling(body: JsonObject): Sampling {
  const sampling: { -readonly [K in keyof Sampling]: Sampling[K] } = {};
  for (const [wire, name] of NUMBERS) {
    const value = optional(body, wire, asNumber, "a number");
    if (value !== undefined) sampling[name] = value;
  }
  const max =
    optional(body, "max_completion_tokens", asNumber, "a number") ?? optional(body, "max_tokens", asNumber, "a number");
  if (max !== undefined) sampling.maxOutputTokens = max;
  // Together asks for a number where OpenAI has a boolean.
  if (typeof body.logprobs === "boolean") sampling.logprobs = body.logprobs;
  else if (typeof body.logprobs === "number") sampling.logprobs = body.logprobs > 0;
  const bias = asObject(body.logit_bias);
  if (bias !== undefined) sampling.logitBias = bias;
  if (typeof body.stop === "string") sampling.stop = [body.stop];
  else if (Array.isArray(body.stop))
    sampling.stop = asArray(body.stop).filter((item): item is string => typeof item === "string");
  else if (body.stop !== undefined && body.stop !== null)
    throw invalid("stop", "must be a string or a list of strings");
  return sampling;
}

function decodeTools(body: JsonObject): Tool[] {
  const tools: Tool[] = [];
  if (body.tools !== undefined && body.tools !== null && !Array.isArray(body.tools))
    throw invalid("tools", "must be a list");
  for (const [index, tool] of asArray(body.tools).entries()) {
    if (!isObject(tool)) throw invalid(`tools[${index}]`, "must be an object");
    tools.push(decodeTool(tool));
  }
  for (const fn of asArray(body.functions)) {
    const object = asObject(fn);
    if (object !== undefined) tools.push(decodeFunction(object, {}));
  }
  const search = asObject(body.web_search_options);
  if (search !== undefined) {
    const size = asString(search.search_context_size);
    const location = asObject(search.user_location);
    tools.push({
      type: "web-search",
      ...(size === "low" || size === "medium" || size === "high" ? { contextSize: size } : {}),
      ...(location === undefined
        ? {}
        : { userLocation: { type: "approximate", ...(asObject(location.approximate) ?? location) } }),
    });
  }
  return tools;
}

function decodeTool(tool: JsonObject): Tool {
  const fn = asObject(tool.function);
  if (fn !== undefined) return decodeFunction(fn, tool);
  const custom = asObject(tool.custom);
  if (custom === undefined) return { type: "opaque", format: "openai-chat", value: tool };
  const description = asString(custom.description);
  const format = asObject(custom.format);
  return {
    type: "custom",
    name: asString(custom.name) ?? "",
    ...(description === undefined ? {} : { description }),
    ...(format === undefined ? {} : { inputFormat: format }),
  };
}

const FUNCTION_FIELDS = new Set(["name", "description", "parameters", "strict", "cache_control"]);

function decodeFunction(fn: JsonObject, holder: JsonObject): Tool {
  const description = asString(fn.description);
  const parameters = asObject(fn.parameters);
  const strict = asBoolean(fn.strict);
  const rest = others(fn, FUNCTION_FIELDS);
  const cache = holder.cache_control === undefined ? cacheOf(fn) : cacheOf(holder);
  return {
    type: "function",
    name: asString(fn.name) ?? "",
    ...(description === undefined ? {} : { description }),
    ...(parameters === undefined ? {} : { parameters }),
    ...(strict === undefined ? {} : { strict }),
    ...cache,
    ...(rest === undefined ? {} : { native: { format: "openai-chat", value: rest } }),
  };
}

function decodeToolChoice(choice: Json | undefined): ToolChoice | undefined {
  if (choice === undefined || choice === null) return undefined;
  if (choice === "auto" || choice === "none") return { type: choice };
  if (choice === "required" || choice === "any") return { type: "required" };
  const object = asObject(choice);
  if (object === undefined) throw invalid("tool_choice", "must be auto, none, required or an object");
  const allowed = asObject(object.allowed_tools) ?? (object.type === "allowed_tools" ? object : undefined);
  if (allowed !== undefined) {
    const names = asArray(allowed.tools).flatMap(
      (tool) => asString(asObject(asObject(tool)?.function)?.name) ?? asString(asObject(tool)?.name) ?? [],
    );
    return { type: "allowed", mode: allowed.mode === "required" ? "required" : "auto", names };
  }
  const custom = asString(asObject(object.custom)?.name);
  if (custom !== undefined) return { type: "tool", name: custom, kind: "custom" };
  const name = asString(asObject(object.function)?.name) ?? asString(object.name);
  if (name !== undefined) return { type: "tool", name };
  if (object.type === "auto" || object.type === "none") return { type: object.type };
  if (object.type === "required" || object.type === "any") return { type: "required" };
  throw invalid("tool_choice", "names no tool");
}

function decodeResponseFormat(format: Json | undefined): ResponseFormat | undefined {
  const object = asObject(format);
  if (object === undefined) return undefined;
  switch (object.type) {
    case "text":
      return { type: "text" };
    case "json_object": {
      // Some servers take the schema beside the plain JSON mode.
      const schema = asObject(object.schema) ?? asObject(object.response_schema);
      return schema === undefined ? { type: "json" } : { type: "json-schema", schema };
    }
    case "json_schema": {
      const inner = asObject(object.json_schema) ?? object;
      const name = asString(inner.name);
      const description = asString(inner.description);
      const strict = asBoolean(inner.strict);
      return {
        type: "json-schema",
        schema: asObject(inner.schema) ?? {},
        ...(name === undefined ? {} : { name }),
        ...(description === undefined ? {} : { description }),
        ...(strict === undefined ? {} : { strict }),
      };
    }
    default:
      throw invalid("response_format.type", "must be text, json_object or json_schema");
  }
}

function decodeReasoning(body: JsonObject): Reasoning | undefined {
  const effortObject = asObject(body.reasoning_effort);
  const effort = asString(body.reasoning_effort) ?? asString(effortObject?.effort);
  const summary = asString(effortObject?.summary);
  const thinking = asObject(body.thinking);
  const type = asString(thinking?.type);
  const budget = asNumber(thinking?.budget_tokens);
  if (effort === undefined && thinking === undefined) return undefined;
  return {
    ...(effort === undefined ? {} : { effort }),
    ...(budget === undefined ? {} : { budgetTokens: budget }),
    ...(type === "enabled" || type === "disabled" || type === "adaptive" ? { mode: type } : {}),
    ...(summary === undefined ? {} : { summary }),
  };
}
