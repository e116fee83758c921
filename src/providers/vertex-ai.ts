import { asObject, type JsonObject, parseJson } from "../json/json.ts";
import type { Target } from "../snapshot/snapshot.ts";
import { ANTHROPIC_COUNT_TOKENS } from "./anthropic.ts";
import { parseBase } from "./base-url.ts";
import { readBase, readEnvironment, readParameter } from "./credentials.ts";
import { generateVerb } from "./gemini.ts";
import { vertexEmbeddings } from "./gemini-embeddings.ts";
import { type GoogleCredentials, googleToken } from "./google-token.ts";
import type { Call, ConfigureInput, ConfigureProblem, Endpoint, Provider } from "./provider.ts";

const DEFAULT_LOCATION = "us-central1";

function configure(input: ConfigureInput): Target | ConfigureProblem {
  const credentials = readCredentials(input);
  if ("code" in credentials) return credentials as ConfigureProblem;
  const project =
    readParameter(input.params, ["vertex_project", "vertex_ai_project"]) ??
    readEnvironment(input.environment, ["VERTEXAI_PROJECT", "GOOGLE_CLOUD_PROJECT"]) ??
    credentials.value?.project_id ??
    credentials.value?.quota_project_id;
  const location =
    readParameter(input.params, ["vertex_location", "vertex_ai_location"]) ??
    readEnvironment(input.environment, ["VERTEXAI_LOCATION", "VERTEX_LOCATION"]) ??
    DEFAULT_LOCATION;
  const given = readBase(input, ["VERTEXAI_API_BASE", "VERTEX_API_BASE"]);
  if (given === undefined && project === undefined) {
    return {
      code: "invalid_value",
      key: "vertex_project",
      message:
        "Vertex AI has no project: set litellm_params.vertex_project or the environment variable VERTEXAI_PROJECT.",
    };
  }
  const parsed = parseBase(given ?? hostOf(location));
  if ("code" in parsed) return parsed;
  const key = readParameter(input.params, ["api_key"]);
  return {
    base: parsed.base,
    headers: {},
    credentials: {
      project: project ?? "",
      location,
      ...(credentials.value === undefined ? {} : { json: JSON.stringify(credentials.value) }),
      ...(key === undefined ? {} : { token: key }),
    },
    // A base with a path is the model's own address, to which only the verb is added.
    options: { custom: given !== undefined && parsed.path !== "" },
    ...(parsed.query === undefined ? {} : { query: parsed.query }),
  };
}

function hostOf(location: string): string {
  return location === "global" ? "https://aiplatform.googleapis.com" : `https://${location}-aiplatform.googleapis.com`;
}

/** `vertex_credentials`: JSON text, an object, or a file's path; else the file that the environment names. */
function readCredentials(input: ConfigureInput): { value: GoogleCredentials | undefined } | ConfigureProblem {
  const given = input.params.vertex_credentials ?? input.params.vertex_ai_credentials;
  if (asObject(given) !== undefined) return { value: given as GoogleCredentials };
  const text =
    typeof given === "string" && given.trim() !== ""
      ? given
      : readEnvironment(input.environment, ["GOOGLE_APPLICATION_CREDENTIALS"]);
  if (text === undefined) return { value: undefined };
  const json = text.trimStart().startsWith("{") ? text : input.readFile?.(text);
  const value = asObject(parseJson(json ?? ""));
  if (value !== undefined) return { value: value as GoogleCredentials };
  return {
    code: "invalid_value",
    key: "vertex_credentials",
    message: "Vertex AI credentials are neither JSON nor the path of a readable JSON file.",
  };
}

/** The resource path of a publisher's model, or nothing where the base already holds it. */
function modelPath(call: Call, publisher: string, version = "v1"): string {
  const { credentials, options } = call.target;
  if (options?.custom === true) return "";
  const place = `/${version}/projects/${credentials.project}/locations/${credentials.location}`;
  // Tuned models and own deployments are endpoints with a number.
  if (/^\d+$/.test(call.model)) return `${place}/endpoints/${call.model}`;
  return `${place}/publishers/${publisher}/models/{model}`;
}

const GENERATE: Endpoint = {
  format: "gemini",
  path: (call) => `${modelPath(call, "google")}${generateVerb(call)}`,
};

/** Claude on Vertex: Anthropic's body without `model`, its version in the body. */
const CLAUDE: Endpoint = {
  format: "anthropic-messages",
  path: (call) => `${modelPath(call, "anthropic")}${call.stream ? ":streamRawPredict" : ":rawPredict"}`,
  parameters: {
    keepCacheControl: true,
    custom: (body) => {
      delete body.model;
      body.anthropic_version ??= "vertex-2023-10-16";
    },
  },
  bodyHeaders: (_: JsonObject) => ({}),
};

const MISTRAL: Endpoint = {
  format: "openai-chat",
  path: (call) => `${modelPath(call, "mistralai")}${call.stream ? ":streamRawPredict" : ":rawPredict"}`,
  streamUsageOption: false,
};

/** Llama, DeepSeek, Qwen and others as a service, behind one OpenAI-compatible address. */
const OPEN_MODELS: Endpoint = {
  format: "openai-chat",
  path: (call) =>
    call.target.options?.custom === true
      ? "/chat/completions"
      : `/v1beta1/projects/${call.target.credentials.project}/locations/${call.target.credentials.location}/endpoints/openapi/chat/completions`,
};

const COUNT_TOKENS: Endpoint = {
  format: "gemini",
  path: (call) => `${modelPath(call, "google")}:countTokens`,
  countsFor: (model) => endpointFor(model) === GENERATE,
  streams: false,
};

/** https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/count-tokens (2026-11-24) */
const COUNT_CLAUDE: Endpoint = {
  ...ANTHROPIC_COUNT_TOKENS,
  path: (call) => `${modelPath(call, "anthropic").replace("{model}", "count-tokens")}:rawPredict`,
  countsFor: (model) => endpointFor(model) === CLAUDE,
};

function endpointFor(model: string): Endpoint {
  if (/^claude/i.test(model)) return CLAUDE;
  if (/^(mistral|codestral|ministral|pixtral)/i.test(model)) return MISTRAL;
  return model.includes("/") ? OPEN_MODELS : GENERATE;
}

/** Google Vertex AI. */
export const vertexAi: Provider = {
  id: "vertex_ai",
  aliases: ["vertex_ai_beta"],
  label: "VertexAI",
  documentation: {
    url: "https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference",
    read: "2026-11-24",
  },
  owner: (model) => (/^claude/i.test(model) ? "anthropic" : "gemini"),
  environment: { key: ["GOOGLE_APPLICATION_CREDENTIALS"], base: ["VERTEXAI_API_BASE"] },
  key: "optional",
  endpoints: {
    chat: [GENERATE, CLAUDE, MISTRAL, OPEN_MODELS],
    embeddings: [vertexEmbeddings((call) => `${modelPath(call, "google")}:predict`)],
    "count-tokens": [COUNT_TOKENS, COUNT_CLAUDE],
  },
  selectEndpoint: (operation, _client, call) => (operation === "chat" ? endpointFor(call.model) : undefined),
  configure,
  sign: async (request, call, send) => {
    const { json, token } = call.target.credentials;
    const bearer = token ?? (await googleToken(asObject(parseJson(json ?? "")) as GoogleCredentials | undefined, send));
    return { ...request, headers: { ...request.headers, authorization: `Bearer ${bearer}` } };
  },
};
