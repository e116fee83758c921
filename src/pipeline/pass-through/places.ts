import type { FormatId } from "../../formats/conversation.ts";
import type { JsonObject } from "../../json/json.ts";

/** A provider whose own API can be called through the gateway: `/<prefix>/…`. */
export interface Place {
  readonly prefix: string;
  /** Its id in the registry of providers; absent for services that serve no models. */
  readonly provider?: string;
  readonly label: string;
  /** In whose words the gateway's own refusals are told. */
  readonly errorFormat: FormatId;
  /** litellm_params that the path itself gives. */
  readonly params?: (path: string) => JsonObject;
  /** The host and path where a request goes, when it is not simply the base and the rest of the path. */
  readonly address?: (base: string, path: string) => string;
  /** A service of its own: where it is and what lets us in. */
  readonly service?: (
    environment: Readonly<Record<string, string | undefined>>,
  ) => { readonly base: string; readonly headers: Readonly<Record<string, string>> } | { readonly missing: string };
}

const openai = { provider: "openai", label: "OpenAI", errorFormat: "openai-chat" } as const;

/** Every provider with a route of its own. The names are LiteLLM's. */
export const PLACES: readonly Place[] = [
  { prefix: "openai", ...openai },
  { prefix: "openai_passthrough", ...openai },
  { prefix: "anthropic", provider: "anthropic", label: "Anthropic", errorFormat: "anthropic-messages" },
  { prefix: "azure", provider: "azure", label: "Azure OpenAI", errorFormat: "openai-chat" },
  { prefix: "azure_ai", provider: "azure_ai", label: "Azure AI", errorFormat: "openai-chat" },
  {
    prefix: "bedrock",
    provider: "bedrock",
    label: "Bedrock",
    errorFormat: "openai-chat",
    address: (base, path) =>
      joined(AGENTS.test(path) ? base.replace("//bedrock-runtime.", "//bedrock-agent-runtime.") : base, path),
  },
  { prefix: "cohere", provider: "cohere", label: "Cohere", errorFormat: "openai-chat" },
  { prefix: "gemini", provider: "gemini", label: "Gemini", errorFormat: "gemini" },
  { prefix: "mistral", provider: "mistral", label: "Mistral", errorFormat: "openai-chat" },
  {
    prefix: "vertex_ai",
    provider: "vertex_ai",
    label: "Vertex AI",
    errorFormat: "gemini",
    params: vertexParams,
    address: vertexAddress,
  },
  {
    prefix: "vertex-ai",
    provider: "vertex_ai",
    label: "Vertex AI",
    errorFormat: "gemini",
    params: vertexParams,
    address: vertexAddress,
  },
  { prefix: "vllm", provider: "hosted_vllm", label: "vLLM", errorFormat: "openai-chat" },
  {
    prefix: "assemblyai",
    label: "AssemblyAI",
    errorFormat: "openai-chat",
    service: assembly("https://api.assemblyai.com"),
  },
  {
    prefix: "eu.assemblyai",
    label: "AssemblyAI",
    errorFormat: "openai-chat",
    service: assembly("https://api.eu.assemblyai.com"),
  },
  { prefix: "langfuse", label: "Langfuse", errorFormat: "openai-chat", service: langfuse },
];

/** What Bedrock serves on another host: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Agents_for_Amazon_Bedrock_Runtime.html (2026-11-24) */
const AGENTS =
  /^(?:agents|flows|knowledgebases|prompts|optimize-prompt|rerank|retrieveAndGenerate|retrieveAndGenerateStream|sessions)(?:\/|$)/;

const VERSION = /^v\d/;

/**
 * The base and the rest of a path, with a segment that both have once: `…/v1` and `v1/files` make `…/v1/files`. A version
 * that the path names itself stands for the base's.
 */
export function joined(base: string, path: string): string {
  const rest = path.startsWith("/") ? path.slice(1) : path;
  const [first = ""] = rest.split("/", 1);
  const cut = base.lastIndexOf("/");
  const last = base.slice(cut + 1);
  const isTwice = new URL(base).pathname.length > 1 && (first === last || (VERSION.test(first) && VERSION.test(last)));
  return `${isTwice ? base.slice(0, cut) : base}/${rest}`;
}

const VERTEX_PLACE = /(?:^|\/)projects\/([^/]+)\/locations\/([^/]+)/;

function vertexParams(path: string): JsonObject {
  const found = VERTEX_PLACE.exec(path);
  return found === null ? {} : { vertex_project: found[1] ?? "", vertex_location: found[2] ?? "" };
}

/** Google's clients leave the version out. */
function vertexAddress(base: string, path: string): string {
  return joined(base, /^v\d/.test(path) ? path : `v1/${path}`);
}

function assembly(base: string): NonNullable<Place["service"]> {
  return ({ ASSEMBLYAI_API_KEY: key, ASSEMBLYAI_API_BASE: given }) =>
    key === undefined || key === ""
      ? { missing: "ASSEMBLYAI_API_KEY" }
      : { base: withoutSlash(given ?? base), headers: { authorization: key } };
}

function langfuse(
  environment: Readonly<Record<string, string | undefined>>,
): ReturnType<NonNullable<Place["service"]>> {
  const { LANGFUSE_PUBLIC_KEY: user, LANGFUSE_SECRET_KEY: secret, LANGFUSE_HOST: host } = environment;
  if (user === undefined || secret === undefined) return { missing: "LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY" };
  return {
    base: withoutSlash(host ?? "https://cloud.langfuse.com"),
    headers: { authorization: `Basic ${btoa(`${user}:${secret}`)}` },
  };
}

function withoutSlash(base: string): string {
  return base.endsWith("/") ? base.slice(0, -1) : base;
}
