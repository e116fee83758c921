import type { JsonObject } from "../json/json.ts";
import type { Target } from "../snapshot/snapshot.ts";
import { anthropicBetas } from "./anthropic-betas.ts";
import { parseBase, withoutPath } from "./base-url.ts";
import { missingKey, readBase, readEnvironment, readKey, readParameter } from "./credentials.ts";
import type { Call, ConfigureInput, ConfigureProblem, Endpoint, Provider } from "./provider.ts";

const BASE = "https://api.anthropic.com";
const KEY_VARIABLES = ["ANTHROPIC_API_KEY"];
const BASE_VARIABLES = ["ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"];
const BASE_ENDINGS = ["/v1/messages/count_tokens", "/v1/messages", "/messages", "/v1"];
/** Tokens of a Claude subscription: bearer instead of `x-api-key`, with this beta. */
const OAUTH_PREFIX = "sk-ant-oat";
const OAUTH_BETA = "oauth-2025-04-20";

/** Where and as whom Anthropic Messages calls go; also for other hosts that serve the same API. */
export function anthropicTarget(base: string, key: string | undefined, token: string | undefined): Target {
  const oauth = token === undefined && key?.startsWith(OAUTH_PREFIX) === true;
  const bearer = token ?? (oauth ? key : undefined);
  return {
    base,
    headers: {
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      ...(bearer !== undefined || key === undefined ? {} : { "x-api-key": key }),
      "anthropic-version": "2023-06-01",
      ...(bearer?.startsWith(OAUTH_PREFIX) === true ? { "anthropic-beta": OAUTH_BETA } : {}),
    },
    credentials: {},
  };
}

function configure(input: ConfigureInput): Target | ConfigureProblem {
  const parsed = parseBase(readBase(input, BASE_VARIABLES) ?? BASE);
  if ("code" in parsed) return parsed;
  const address = withoutPath(parsed, BASE_ENDINGS);
  const key = readKey(input, KEY_VARIABLES);
  const token =
    readParameter(input.params, ["auth_token"]) ??
    (key === undefined ? readEnvironment(input.environment, ["ANTHROPIC_AUTH_TOKEN"]) : undefined);
  if (key === undefined && token === undefined) return missingKey("Anthropic", KEY_VARIABLES);
  const target = anthropicTarget(address.base, key, token);
  return address.query === undefined ? target : { ...target, query: address.query };
}

/** `anthropic-beta` as the body demands, together with what the target sends anyway. */
export function anthropicBodyHeaders(body: JsonObject, call: Call): Record<string, string> {
  const betas = anthropicBetas(body, call.model);
  if (betas.length === 0) return {};
  const standing = call.target.headers["anthropic-beta"];
  return { "anthropic-beta": [...(standing === undefined ? [] : [standing]), ...betas].join(",") };
}

export const ANTHROPIC_MESSAGES: Endpoint = {
  format: "anthropic-messages",
  path: "/v1/messages",
  parameters: { keepCacheControl: true },
  bodyHeaders: anthropicBodyHeaders,
};

export const ANTHROPIC_COUNT_TOKENS: Endpoint = {
  format: "anthropic-messages",
  path: "/v1/messages/count_tokens",
  parameters: {
    keepCacheControl: true,
    // https://platform.claude.com/docs/en/api/messages-count-tokens (2026-11-24): no sampling, no maximum.
    remove: {
      max_tokens: "counting takes no maximum",
      stream: "counting does not stream",
      temperature: "counting does not sample",
      top_p: "counting does not sample",
      top_k: "counting does not sample",
      stop_sequences: "counting does not sample",
      metadata: "counting takes no metadata",
    },
  },
  bodyHeaders: anthropicBodyHeaders,
  streams: false,
};

export const anthropic: Provider = {
  id: "anthropic",
  label: "Anthropic",
  documentation: { url: "https://platform.claude.com/docs/en/api/messages", read: "2026-11-23" },
  owner: "anthropic",
  environment: { key: KEY_VARIABLES, base: BASE_VARIABLES },
  defaultBase: BASE,
  hosts: ["api.anthropic.com"],
  key: "required",
  endpoints: { chat: [ANTHROPIC_MESSAGES], "count-tokens": [ANTHROPIC_COUNT_TOKENS] },
  resources: { kinds: ["message-batches"], path: (path) => `/v1${path}` },
  configure,
};
