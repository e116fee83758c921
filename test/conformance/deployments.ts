import { asObject, type JsonObject } from "../../src/json/json.ts";
import { allProviders } from "../../src/providers/registry.ts";
import type { Recording, Wire } from "./recordings.ts";

/** US dollars per token, the same for every kind of token, so that a cost follows from the totals alone. */
export const INPUT_PRICE = 1e-6;
export const OUTPUT_PRICE = 2e-6;

const PREFIXES = new Set(allProviders().flatMap(({ id, aliases }) => [id, ...(aliases ?? [])]));

/** The path of an endpoint, which `api_base` stands without. */
const ENDPOINT = /\/(chat\/completions|responses|messages|chat)$/;

/** OpenAI-compatible endpoints of providers whose own format is another: they are reached as any OpenAI-compatible server. */
const OTHER_NATIVE_FORMAT: Readonly<Record<string, Wire>> = {
  anthropic: "messages",
  gemini: "genai",
  ollama: "ollama",
};

/** A `model_list` entry that reaches the recording behind `origin`. */
export function deploymentOf(recording: Recording, origin: string): JsonObject {
  return {
    model_name: recording.id,
    litellm_params: {
      input_cost_per_token: INPUT_PRICE,
      output_cost_per_token: OUTPUT_PRICE,
      cache_read_input_token_cost: INPUT_PRICE,
      cache_creation_input_token_cost: INPUT_PRICE,
      num_retries: 0,
      ...addressOf(recording, `${origin}/${recording.id}`),
    },
  };
}

function addressOf(recording: Recording, base: string): JsonObject {
  const { provider, wire, model, path } = recording;
  const keyed = { api_key: "test-key", api_base: base + path.replace(ENDPOINT, "") };
  const aws = {
    aws_access_key_id: "AKIAEXAMPLE",
    aws_secret_access_key: "test-secret",
    aws_region_name: "us-east-1",
    aws_bedrock_runtime_endpoint: base,
  };
  const marked = wire === "responses" ? `responses/${model}` : model;
  const chatOnly = wire === "chat" ? { use_chat_completions_api: true } : {};
  if (wire === "converse") return { model: `bedrock/converse/${model}`, ...aws };
  if (wire === "invoke") return { model: `bedrock/invoke/${model}`, ...aws };
  if (wire === "ollama") return { model: `ollama_chat/${model}`, api_base: base };
  if (wire === "cohere") return { model: `cohere_chat/${model}`, ...keyed, api_base: base };
  if (wire === "genai" && provider === "vertex_ai") {
    // With a path, the base is the model's own address, to which only the verb is added.
    const address = base + path.replace(/:[A-Za-z]+$/, "");
    return { model: `vertex_ai/${model}`, api_key: "test-key", api_base: address };
  }
  if (wire === "genai") return { model: `gemini/${model}`, ...keyed, api_base: `${base}/v1beta` };
  if (wire === "messages" && provider !== "bedrock_mantle" && provider !== "azure_ai") {
    return { model: `anthropic/${model}`, ...keyed };
  }
  if (provider === "azure") {
    const version = new URLSearchParams(recording.query).get("api-version");
    const surface = path.startsWith("/openai/v1/") ? "/openai/v1" : "";
    return {
      model: `azure/${marked}`,
      ...keyed,
      ...chatOnly,
      api_base: base + surface,
      ...(version === null ? {} : { api_version: version }),
    };
  }
  if (provider === "azure_ai") {
    return { model: `azure_ai/${model}`, ...keyed, ...chatOnly, api_base: `${base}${path}?${recording.query}` };
  }
  // Copilot's own prefix begins with a log-in at GitHub.
  const prefix =
    provider === "github_copilot" || OTHER_NATIVE_FORMAT[provider] !== undefined || !PREFIXES.has(provider)
      ? "openai"
      : provider;
  // Bedrock's OpenAI-compatible endpoint takes Bedrock's own bearer keys.
  return { model: `${provider === "bedrock" ? "openai" : prefix}/${marked}`, ...keyed, ...chatOnly };
}

/** One configuration for all. */
export function configurationOf(recordings: readonly Recording[], origin: string): JsonObject {
  return {
    model_list: recordings.map((recording) => asObject(deploymentOf(recording, origin)) ?? {}),
    litellm_settings: { num_retries: 0, drop_params: true, request_timeout: 20 },
    router_settings: { num_retries: 0, disable_cooldowns: true },
  };
}
