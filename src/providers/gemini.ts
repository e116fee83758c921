import type { Target } from "../snapshot/snapshot.ts";
import { parseBase } from "./base-url.ts";
import { missingKey, readBase, readKey } from "./credentials.ts";
import { GEMINI_EMBEDDINGS } from "./gemini-embeddings.ts";
import type { Call, ConfigureInput, ConfigureProblem, Endpoint, Provider } from "./provider.ts";

const BASE = "https://generativelanguage.googleapis.com/v1beta";
const KEY_VARIABLES = ["GEMINI_API_KEY", "GOOGLE_API_KEY"];
const BASE_VARIABLES = ["GEMINI_API_BASE"];

function configure(input: ConfigureInput): Target | ConfigureProblem {
  const parsed = parseBase(readBase(input, BASE_VARIABLES) ?? BASE);
  if ("code" in parsed) return parsed;
  const key = readKey(input, KEY_VARIABLES);
  if (key === undefined) return missingKey("Gemini", KEY_VARIABLES);
  // A bare host stands for the API's own version.
  const base = parsed.path === "" ? `${parsed.base}/v1beta` : parsed.base.replace(/\/models$/, "");
  return {
    base,
    headers: { "x-goog-api-key": key },
    credentials: {},
    ...(parsed.query === undefined ? {} : { query: parsed.query }),
  };
}

/** `:generateContent`, or its streaming twin as server-sent events. */
export function generateVerb(call: Call): string {
  return call.stream ? ":streamGenerateContent?alt=sse" : ":generateContent";
}

export const GEMINI_GENERATE: Endpoint = {
  format: "gemini",
  path: (call) => `/models/{model}${generateVerb(call)}`,
};

/** Google AI Studio. */
export const gemini: Provider = {
  id: "gemini",
  label: "Gemini",
  documentation: { url: "https://ai.google.dev/api/generate-content", read: "2026-11-24" },
  owner: "gemini",
  environment: { key: KEY_VARIABLES, base: BASE_VARIABLES },
  defaultBase: BASE,
  hosts: ["generativelanguage.googleapis.com"],
  key: "required",
  endpoints: {
    chat: [GEMINI_GENERATE],
    embeddings: [GEMINI_EMBEDDINGS],
    "count-tokens": [{ format: "gemini", path: "/models/{model}:countTokens", streams: false }],
  },
  configure,
  upstreamModel: (model) => model.replace(/^models\//, ""),
};
