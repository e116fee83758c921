import type { Target } from "../snapshot/snapshot.ts";
import { ANTHROPIC_COUNT_TOKENS, ANTHROPIC_MESSAGES } from "./anthropic.ts";
import { azureCredential, azureHeaders, signWithEntra } from "./azure-credentials.ts";
import { type BaseUrl, parseBase, withoutPath } from "./base-url.ts";
import { missingBase, missingKey, readBase, readParameter } from "./credentials.ts";
import { type ChatRepairs, reasoningContent, repairChat } from "./openai-compatible/normalise.ts";
import { chatRules, responsesOption } from "./openai-compatible/openai-compatible.ts";
import { reasoningInCompletion } from "./openai-compatible/reasoning-usage.ts";
import type { Call, ConfigureInput, ConfigureProblem, Endpoint, Provider } from "./provider.ts";
import { preferredEndpoint } from "./select-endpoint.ts";

const KEY_VARIABLES = ["AZURE_AI_API_KEY"];
const BASE_VARIABLES = ["AZURE_AI_API_BASE"];
/** The version of Azure AI model inference. */
const API_VERSION = "2024-05-01-preview";
const BASE_ENDINGS = [
  "/anthropic/v1/messages/count_tokens",
  "/anthropic/v1/messages",
  "/anthropic/v1",
  "/anthropic",
  "/models/chat/completions",
  "/models/embeddings",
  "/models",
  "/v1/chat/completions",
  "/chat/completions",
  "/v1/embeddings",
  "/embeddings",
  "/v1/rerank",
  "/v1/responses",
  "/responses",
];

/** Hosts of a Foundry resource, which serve every model below `/models`; others serve one model at `/v1`. */
function isResource(host: string): boolean {
  return /\.(services\.ai|cognitiveservices|openai)\.azure\.com$/.test(host);
}

function configure(input: ConfigureInput): Target | ConfigureProblem {
  const written = readBase(input, BASE_VARIABLES);
  if (written === undefined) return missingBase("Azure AI", BASE_VARIABLES);
  const parsed = parseBase(written);
  if ("code" in parsed) return parsed;
  const credential = azureCredential(input, KEY_VARIABLES);
  if (credential === undefined) return missingKey("Azure AI", KEY_VARIABLES);
  const resource = isResource(parsed.host);
  const address = withoutPath(parsed, BASE_ENDINGS);
  const claude = isClaude(input.model);
  return {
    base: address.base,
    headers: {
      ...azureHeaders(credential, resource || claude ? "api-key" : "authorization"),
      ...(claude ? { "anthropic-version": "2023-06-01" } : {}),
    },
    credentials: credential.type === "entra" ? credential.credentials : {},
    options: {
      prefix: prefixOf(address, resource),
      ...(parsed.path.endsWith("/responses") ? { responses: true } : {}),
      ...responsesOption(input.model),
      ...apiVersion(input, address, resource),
    },
  };
}

function prefixOf(address: BaseUrl, resource: boolean): string {
  if (address.path.endsWith("/v1")) return "";
  return resource ? "/models" : "/v1";
}

function apiVersion(input: ConfigureInput, address: BaseUrl, resource: boolean): { apiVersion?: string } {
  const written = readParameter(input.params, ["api_version"]) ?? address.query?.["api-version"];
  if (written !== undefined) return { apiVersion: written };
  return resource && !address.path.endsWith("/v1") ? { apiVersion: API_VERSION } : {};
}

function isClaude(model: string): boolean {
  return model.toLowerCase().includes("claude");
}

function path(operationPath: string): (call: Call) => string {
  return ({ target }) => {
    const version = target.options?.apiVersion;
    const query = version === undefined ? "" : `?api-version=${encodeURIComponent(String(version))}`;
    return `${String(target.options?.prefix ?? "")}${operationPath}${query}`;
  };
}

/** Responses lie on the v1 surface alone, which is `/openai/v1` of a resource. */
function responsesPath({ target }: Call): string {
  const base = new URL(target.base).pathname;
  return base.endsWith("/v1") ? "/responses" : "/openai/v1/responses";
}

/** Grok counts and names its reasoning here as on xAI's own platform. */
const REPAIRS: ChatRepairs = { messages: [reasoningContent], top: [reasoningInCompletion] };

const chat: readonly Endpoint[] = [
  {
    format: "openai-chat",
    path: path("/chat/completions"),
    parameters: chatRules({}),
    // https://learn.microsoft.com/rest/api/aifoundry/model-inference/get-chat-completions (2026-11-24): fields that the
    // service does not know go on to the model instead of being refused.
    headers: { "extra-parameters": "pass-through" },
    normaliseResponse: (body) => repairChat(body, REPAIRS),
    normaliseFrame: (frame) => repairChat(frame, REPAIRS),
    frameMarks: ['"reasoning_tokens"', '"reasoning"'],
  },
  { ...ANTHROPIC_MESSAGES, path: "/anthropic/v1/messages" },
  // https://learn.microsoft.com/azure/ai-foundry/openai/how-to/responses (2026-11-24)
  { format: "openai-responses", path: responsesPath },
];

export const azureAi: Provider = {
  id: "azure_ai",
  label: "AzureAI",
  documentation: {
    url: "https://learn.microsoft.com/rest/api/aifoundry/modelinference/",
    read: "2026-11-23",
  },
  owner: (model) => (isClaude(model) ? "anthropic" : "azure_ai"),
  environment: { key: KEY_VARIABLES, base: BASE_VARIABLES },
  key: "required",
  endpoints: {
    chat,
    "count-tokens": [{ ...ANTHROPIC_COUNT_TOKENS, path: "/anthropic/v1/messages/count_tokens" }],
    embeddings: [{ format: "openai-chat", path: path("/embeddings") }],
    rerank: [{ format: "openai-chat", path: "/v1/rerank" }],
    "image-generation": [{ format: "openai-chat", path: path("/images/generations") }],
  },
  configure,
  upstreamModel: (model) => model.replace(/^responses\//, ""),
  selectEndpoint: (operation, client, call, preferred) => {
    if (operation !== "chat") return undefined;
    if (isClaude(call.model)) return chat.find(({ format }) => format === "anthropic-messages");
    const only = call.target.options?.responses === true || call.facts.mode === "responses";
    const asks = preferred ?? (only ? "responses" : "chat");
    return preferredEndpoint(chat, client, asks);
  },
  sign: signWithEntra,
};
