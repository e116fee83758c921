import { GatewayError } from "../../errors/gateway-error.ts";
import {
  asArray,
  asObject,
  asString,
  isObject,
  type Json,
  type JsonObject,
  type MutableJsonObject,
} from "../../json/json.ts";
import type { ConversationRequest, Message, Reasoning, ResponseFormat, Sampling } from "../conversation.ts";
import { decodeInput } from "./items-decode.ts";
import { decodeToolChoice, decodeTools } from "./tools.ts";
import { FORMAT, otherMembers } from "./wire.ts";

const KNOWN = new Set([
  "model",
  "input",
  "instructions",
  "tools",
  "tool_choice",
  "parallel_tool_calls",
  "text",
  "reasoning",
  "max_output_tokens",
  "temperature",
  "top_p",
  "top_logprobs",
  "metadata",
  "store",
  "previous_response_id",
  "service_tier",
  "user",
  "safety_identifier",
  "prompt_cache_key",
  "prompt_cache_retention",
  "stream",
  "top_k",
  "min_p",
  "seed",
  "stop",
  "presence_penalty",
  "frequency_penalty",
  "repetition_penalty",
  "logit_bias",
]);

/** Asks for the log probabilities of the answer's text. */
export const LOGPROBS = "message.output_text.logprobs";

/** Responses body → conversation (https://platform.openai.com/docs/api-reference/responses/create, 2026-11). */
export function decodeRequest(body: JsonObject): ConversationRequest {
  const read = new Fields(body);
  if (missing(body.input) && ["previous_response_id", "prompt", "conversation"].every((name) => missing(body[name]))) {
    throw new GatewayError("invalid_request", "Missing required parameter: 'input'.", { param: "input" });
  }
  const tools = decodeTools(read.list("tools"));
  const toolChoice = decodeToolChoice(body.tool_choice);
  const text = read.object("text");
  const responseFormat = decodeFormat(text?.format);
  const reasoning = decodeReasoningSettings(read.object("reasoning"));
  const stream = read.boolean("stream");
  return {
    model: read.string("model") ?? "",
    messages: [...instructionsOf(read.string("instructions")), ...decodeInput(body.input)],
    ...(tools.length === 0 ? {} : { tools }),
    ...optional("toolChoice", toolChoice),
    ...optional("parallelToolCalls", read.boolean("parallel_tool_calls")),
    sampling: decodeSampling(read),
    ...optional("responseFormat", responseFormat),
    ...optional("reasoning", reasoning),
    ...optional("verbosity", asString(text?.verbosity)),
    ...optional("stream", stream),
    // Streams of this format always end with the usage.
    ...(stream === true ? { includeUsage: true } : {}),
    ...optional("user", read.string("user")),
    ...optional("safetyIdentifier", read.string("safety_identifier")),
    ...optional("metadata", read.object("metadata")),
    ...optional("store", read.boolean("store")),
    ...optional("serviceTier", read.string("service_tier")),
    ...optional("promptCacheKey", read.string("prompt_cache_key")),
    ...optional("promptCacheRetention", read.string("prompt_cache_retention")),
    ...optional("previousResponseId", read.string("previous_response_id")),
    ...decodeExtensions(body, text, read.object("reasoning"), toolChoice === undefined),
  };
}

function missing(value: Json | undefined): boolean {
  return value === undefined || value === null;
}

function optional<K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [P in K]: V });
}

function instructionsOf(text: string | undefined): Message[] {
  return text === undefined || text === "" ? [] : [{ role: "system", parts: [{ type: "text", text }] }];
}

function decodeSampling(read: Fields): Sampling {
  const topLogprobs = read.number("top_logprobs");
  const wanted = asArray(read.body.include).includes(LOGPROBS) || (topLogprobs ?? 0) > 0;
  return {
    ...optional("temperature", read.number("temperature")),
    ...optional("topP", read.number("top_p")),
    ...optional("maxOutputTokens", read.number("max_output_tokens")),
    ...(wanted ? { logprobs: true } : {}),
    ...optional("topLogprobs", topLogprobs),
    // Compatible servers take these here too.
    ...optional("topK", read.number("top_k")),
    ...optional("minP", read.number("min_p")),
    ...optional("seed", read.number("seed")),
    ...optional("stop", read.strings("stop")),
    ...optional("presencePenalty", read.number("presence_penalty")),
    ...optional("frequencyPenalty", read.number("frequency_penalty")),
    ...optional("repetitionPenalty", read.number("repetition_penalty")),
    ...optional("logitBias", read.object("logit_bias")),
  };
}

function decodeFormat(value: Json | undefined): ResponseFormat | undefined {
  const format = asObject(value);
  switch (format?.type) {
    case "text":
      return { type: "text" };
    case "json_object":
      return { type: "json" };
    case "json_schema": {
      // Clients of Chat Completions nest the definition.
      const definition = asObject(format.json_schema) ?? format;
      const schema = asObject(definition.schema);
      if (schema === undefined) {
        throw new GatewayError("invalid_request", "Missing required parameter: 'text.format.schema'.", {
          param: "text.format.schema",
        });
      }
      return {
        type: "json-schema",
        ...optional("name", asString(definition.name)),
        ...optional("description", asString(definition.description)),
        schema,
        ...(typeof definition.strict === "boolean" ? { strict: definition.strict } : {}),
      };
    }
    default:
      return undefined;
  }
}

function decodeReasoningSettings(reasoning: JsonObject | undefined): Reasoning | undefined {
  const effort = asString(reasoning?.effort);
  const summary = asString(reasoning?.summary) ?? asString(reasoning?.generate_summary);
  if (effort === undefined && summary === undefined) return undefined;
  return { ...optional("effort", effort), ...optional("summary", summary) };
}

const TEXT_MEMBERS = new Set(["format", "verbosity"]);
const REASONING_MEMBERS = new Set(["effort", "summary", "generate_summary"]);

/** Everything without a word of its own, and the members of known fields that have none. */
function decodeExtensions(
  body: JsonObject,
  text: JsonObject | undefined,
  reasoning: JsonObject | undefined,
  keepChoice: boolean,
): Pick<ConversationRequest, "extensions"> {
  const fields: MutableJsonObject = { ...otherMembers(body, KNOWN) };
  const restOfText = text && otherMembers(text, TEXT_MEMBERS);
  if (restOfText !== undefined) fields.text = restOfText;
  const restOfReasoning = reasoning && otherMembers(reasoning, REASONING_MEMBERS);
  if (restOfReasoning !== undefined) fields.reasoning = restOfReasoning;
  if (keepChoice && isObject(body.tool_choice)) fields.tool_choice = body.tool_choice;
  return Object.keys(fields).length === 0 ? {} : { extensions: { format: FORMAT, fields } };
}

/** Typed access to a body: null is unset, a wrong type is the caller's error. */
class Fields {
  readonly body: JsonObject;

  constructor(body: JsonObject) {
    this.body = body;
  }

  string(name: string): string | undefined {
    return this.#typed(name, "a string", (value) => typeof value === "string") as string | undefined;
  }

  number(name: string): number | undefined {
    return this.#typed(name, "a number", (value) => typeof value === "number" && Number.isFinite(value)) as
      | number
      | undefined;
  }

  boolean(name: string): boolean | undefined {
    return this.#typed(name, "a boolean", (value) => typeof value === "boolean") as boolean | undefined;
  }

  object(name: string): JsonObject | undefined {
    return this.#typed(name, "an object", isObject) as JsonObject | undefined;
  }

  list(name: string): readonly Json[] | undefined {
    return this.#typed(name, "a list", Array.isArray) as readonly Json[] | undefined;
  }

  strings(name: string): readonly string[] | undefined {
    const value = this.#typed(
      name,
      "a string or a list of strings",
      (given) => typeof given === "string" || (Array.isArray(given) && given.every((item) => typeof item === "string")),
    );
    if (value === undefined) return undefined;
    return typeof value === "string" ? [value] : (value as readonly string[]);
  }

  #typed(name: string, kind: string, test: (value: unknown) => boolean): Json | undefined {
    const value = this.body[name];
    if (value === undefined || value === null) return undefined;
    if (!test(value)) throw new GatewayError("invalid_request", `${name} must be ${kind}.`, { param: name });
    return value;
  }
}
