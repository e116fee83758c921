import { parseBase } from "./base-url.ts";
import { missingKey, readBase, readEnvironment, readKey, readParameter } from "./credentials.ts";
import {
  bearerTarget,
  openaiCompatible,
  resolveAddress,
  responsesOption,
} from "./openai-compatible/openai-compatible.ts";
import { OPENAI_CHAT_RULES } from "./openai-models.ts";
import type { Call, ConfigureInput, Endpoint, Provider } from "./provider.ts";

const BASE = "https://api.openai.com/v1";
const BASE_VARIABLES = ["OPENAI_BASE_URL", "OPENAI_API_BASE"];
const KEY_VARIABLES = ["OPENAI_API_KEY"];

const row = openaiCompatible({
  id: "openai",
  label: "OpenAI",
  documentation: "https://developers.openai.com/api/reference/overview",
  base: BASE,
  keys: KEY_VARIABLES,
  bases: BASE_VARIABLES,
  serves: [
    "chat",
    "responses",
    "completions",
    "embeddings",
    // Not OpenAI's own: llama.cpp, vLLM and their like, under an api_base.
    "rerank",
    "image-generation",
    "image-edit",
    "image-variation",
    "transcription",
    "translation",
    "speech",
    "moderation",
    "realtime",
  ],
  rules: {
    chat: OPENAI_CHAT_RULES,
    // GPT image models always answer base64 and refuse the field.
    // https://developers.openai.com/api/reference/resources/images/methods/generate (2026-11-24)
    "image-generation": { custom: dropImageResponseFormat },
    "image-edit": { custom: dropImageResponseFormat },
  },
});

function dropImageResponseFormat(body: { [key: string]: unknown }, call: Call): void {
  if (body.response_format === undefined || !/gpt-image|chatgpt-image/.test(call.model)) return;
  delete body.response_format;
  call.report.dropped("response_format", "GPT image models always answer base64 and refuse this field");
}

function configure(input: ConfigureInput) {
  const written = readBase(input, BASE_VARIABLES);
  const given = written === undefined ? undefined : parseBase(written);
  if (given !== undefined && "code" in given) return given;
  const address = resolveAddress("OpenAI", BASE, BASE_VARIABLES, given);
  if ("code" in address) return address;
  const key = readKey(input, KEY_VARIABLES);
  // A server of one's own often needs no key; OpenAI always does.
  if (key === undefined && address.host === "api.openai.com") return missingKey("OpenAI", KEY_VARIABLES);
  const organization =
    readParameter(input.params, ["organization"]) ??
    readEnvironment(input.environment, ["OPENAI_ORGANIZATION", "OPENAI_ORG_ID"]);
  const project =
    readParameter(input.params, ["project"]) ??
    readEnvironment(input.environment, ["OPENAI_PROJECT", "OPENAI_PROJECT_ID"]);
  const headers = {
    ...(organization === undefined ? {} : { "openai-organization": organization }),
    ...(project === undefined ? {} : { "openai-project": project }),
  };
  return bearerTarget(address, key, headers, responsesOption(input.model));
}

/** https://developers.openai.com/api/reference/resources/responses/subresources/input_tokens (2026-11-24) */
const COUNT_TOKENS: Endpoint = { format: "openai-responses", path: "/responses/input_tokens", streams: false };

export const openai: Provider = {
  ...row,
  endpoints: { ...row.endpoints, "count-tokens": [COUNT_TOKENS] },
  configure,
  keepsResponses: true,
  resources: {
    kinds: ["files", "batches", "fine-tuning", "vector-stores", "assistants", "containers", "evals", "videos"],
  },
};

/** The same service, its legacy Completions endpoint first. */
export const textCompletionOpenai: Provider = {
  ...row,
  id: "text-completion-openai",
  label: "OpenAI",
  configure,
  hosts: [],
  endpoints: {
    completions: row.endpoints.completions ?? [],
    chat: row.endpoints.completions ?? [],
  },
};
