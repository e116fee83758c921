import type { MutableJsonObject } from "../json/json.ts";
import type { Target } from "../snapshot/snapshot.ts";
import { azureAddress, azurePath, azureResourcePath, azureResponsesPath } from "./azure-address.ts";
import { azureCredential, azureHeaders, signWithEntra } from "./azure-credentials.ts";
import { parseBase } from "./base-url.ts";
import { missingBase, missingKey, readBase } from "./credentials.ts";
import { responsesOption, selectorOf } from "./openai-compatible/openai-compatible.ts";
import { OPENAI_CHAT_RULES } from "./openai-models.ts";
import { refuseField } from "./parameters.ts";
import type { Call, ConfigureInput, ConfigureProblem, Endpoint, ParameterRules, Provider } from "./provider.ts";

const KEY_VARIABLES = ["AZURE_API_KEY", "AZURE_OPENAI_API_KEY"];
const BASE_VARIABLES = ["AZURE_API_BASE", "AZURE_OPENAI_ENDPOINT"];
/** Prefixes that say which family an opaquely named deployment belongs to. */
const FAMILY_PREFIXES = ["o_series/", "gpt5_series/"];
const RESPONSES_PREFIX = "responses/";

function configure(input: ConfigureInput): Target | ConfigureProblem {
  const written = readBase(input, BASE_VARIABLES);
  if (written === undefined) return missingBase("Azure OpenAI", BASE_VARIABLES);
  const parsed = parseBase(written);
  if ("code" in parsed) return parsed;
  const credential = azureCredential(input, KEY_VARIABLES);
  if (credential === undefined) return missingKey("Azure OpenAI", KEY_VARIABLES);
  const { base, ...address } = azureAddress(parsed, input);
  const family = FAMILY_PREFIXES.find((prefix) => input.model.startsWith(prefix));
  return {
    base,
    headers: azureHeaders(credential),
    credentials: credential.type === "entra" ? credential.credentials : {},
    options: {
      ...address,
      ...(family === undefined ? {} : { family: input.model }),
      ...responsesOption(input.model),
    },
  };
}

function upstreamModel(model: string): string {
  const prefix = [...FAMILY_PREFIXES, RESPONSES_PREFIX].find((candidate) => model.startsWith(candidate));
  return prefix === undefined ? model : model.slice(prefix.length);
}

function endpoint(path: string, rest: Partial<Endpoint> = {}): readonly Endpoint[] {
  return [{ format: "openai-chat", path: (call: Call) => azurePath(path, call), ...rest }];
}

/** First versions of the dated paths that know a field. https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle (2026-11-24) */
const STREAM_OPTIONS_SINCE = "2024-09-01-preview";
const REQUIRED_TOOL_SINCE = "2024-05-01-preview";

/** Older versions answer 400 to what they do not know. */
function olderVersions(body: MutableJsonObject, call: Call): void {
  const { surface, apiVersion } = call.target.options ?? {};
  if (surface === "v1" || typeof apiVersion !== "string") return;
  if (apiVersion < STREAM_OPTIONS_SINCE && body.stream_options !== undefined) {
    delete body.stream_options;
    call.report.dropped("stream_options", `unknown before api-version ${STREAM_OPTIONS_SINCE}`);
  }
  if (apiVersion < REQUIRED_TOOL_SINCE && body.tool_choice === "required") {
    refuseField(body, "tool_choice", `required is unknown before api-version ${REQUIRED_TOOL_SINCE}`, call);
  }
}

const CHAT_RULES: ParameterRules = {
  ...OPENAI_CHAT_RULES,
  custom: (body, call) => {
    OPENAI_CHAT_RULES.custom?.(body, call);
    olderVersions(body, call);
  },
};

const chat: readonly Endpoint[] = [
  {
    format: "openai-chat",
    path: (call) => azurePath("/chat/completions", call),
    parameters: CHAT_RULES,
  },
  { format: "openai-responses", path: azureResponsesPath },
];

export const azure: Provider = {
  id: "azure",
  label: "Azure",
  documentation: { url: "https://learn.microsoft.com/azure/ai-foundry/openai/reference", read: "2026-11-23" },
  owner: "openai",
  keepsResponses: true,
  resources: {
    kinds: ["files", "batches", "fine-tuning", "vector-stores", "assistants", "containers", "evals", "videos"],
    path: azureResourcePath,
  },
  environment: { key: KEY_VARIABLES, base: BASE_VARIABLES },
  key: "required",
  endpoints: {
    chat,
    completions: [{ format: "openai-completions", path: (call) => azurePath("/completions", call) }],
    embeddings: endpoint("/embeddings"),
    "image-generation": endpoint("/images/generations"),
    "image-edit": endpoint("/images/edits"),
    transcription: endpoint("/audio/transcriptions"),
    translation: endpoint("/audio/translations"),
    speech: endpoint("/audio/speech"),
    realtime: endpoint("/realtime"),
  },
  configure,
  upstreamModel,
  selectEndpoint: selectorOf({ chat }),
  sign: signWithEntra,
  classifyError: (failure, status, body) => {
    if (status === 404 && body.includes("DeploymentNotFound")) return { ...failure, code: "not_found" };
    if (failure.upstreamCode === "content_filter" || body.includes("ResponsibleAIPolicyViolation")) {
      return { ...failure, code: "content_policy_violation" };
    }
    return failure;
  },
};

/** The legacy Completions of Azure OpenAI. */
export const azureText: Provider = {
  ...azure,
  id: "azure_text",
  endpoints: { completions: azure.endpoints.completions ?? [], chat: azure.endpoints.completions ?? [] },
  selectEndpoint: () => undefined,
};
