import type { Target } from "../snapshot/snapshot.ts";
import { parseBase, withoutPath } from "./base-url.ts";
import { cohereEmbeddings } from "./cohere-embeddings.ts";
import { cohereRerank } from "./cohere-rerank.ts";
import { missingKey, readBase, readKey } from "./credentials.ts";
import type { ConfigureInput, ConfigureProblem, Endpoint, Provider } from "./provider.ts";
import { preferredEndpoint } from "./select-endpoint.ts";

const BASE = "https://api.cohere.com";
const KEY_VARIABLES = ["COHERE_API_KEY", "CO_API_KEY"];
const BASE_VARIABLES = ["COHERE_API_BASE", "CO_API_URL"];
/** LiteLLM's configurations name the endpoint, its version, or only the host. */
const BASE_ENDINGS = ["/audio/transcriptions", "/chat", "/embed", "/rerank", "/generate"];
/** `cohere/v1/command-r` asks for the first version of the API. */
const LEGACY_PREFIX = "v1/";

function configure(input: ConfigureInput): Target | ConfigureProblem {
  const parsed = parseBase(readBase(input, BASE_VARIABLES) ?? BASE);
  if ("code" in parsed) return parsed;
  const key = readKey(input, KEY_VARIABLES);
  if (key === undefined) return missingKey("Cohere", KEY_VARIABLES);
  const address = withoutPath(parsed, BASE_ENDINGS);
  const legacy = address.path.endsWith("/v1") || input.model.startsWith(LEGACY_PREFIX);
  return {
    base: address.base.replace(/\/v[12]$/, ""),
    headers: { authorization: `Bearer ${key}` },
    credentials: {},
    ...(address.query === undefined ? {} : { query: address.query }),
    ...(legacy ? { options: { version: "v1" } } : {}),
  };
}

const CHAT: Endpoint = { format: "cohere", path: "/v2/chat" };
const LEGACY_CHAT: Endpoint = { format: "cohere-v1", path: "/v1/chat", framing: "ndjson" };

export const cohere: Provider = {
  id: "cohere",
  aliases: ["cohere_chat"],
  label: "Cohere",
  documentation: { url: "https://docs.cohere.com/reference/chat", read: "2026-11-24" },
  owner: "cohere",
  environment: { key: KEY_VARIABLES, base: BASE_VARIABLES },
  defaultBase: BASE,
  hosts: ["api.cohere.com", "api.cohere.ai"],
  key: "required",
  endpoints: {
    chat: [CHAT, LEGACY_CHAT],
    embeddings: [cohereEmbeddings],
    rerank: [cohereRerank],
    transcription: [{ format: "cohere", path: "/v2/audio/transcriptions" }],
  },
  selectEndpoint: (operation, client, call, preferred) => {
    if (operation !== "chat") return undefined;
    if (call.target.options?.version === "v1") return LEGACY_CHAT;
    return preferredEndpoint([CHAT, LEGACY_CHAT], client, preferred);
  },
  configure,
  upstreamModel: (model) => (model.startsWith(LEGACY_PREFIX) ? model.slice(LEGACY_PREFIX.length) : model),
};
