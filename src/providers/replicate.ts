import { versionOf } from "../formats/replicate/request.ts";
import type { Target } from "../snapshot/snapshot.ts";
import { parseBase, withoutPath } from "./base-url.ts";
import { missingKey, readBase, readKey } from "./credentials.ts";
import { encodePath } from "./endpoint-url.ts";
import type { ConfigureInput, ConfigureProblem, Provider } from "./provider.ts";
import { runPrediction } from "./replicate-prediction.ts";

const BASE = "https://api.replicate.com/v1";
const KEY_VARIABLES = ["REPLICATE_API_KEY", "REPLICATE_API_TOKEN"];
const BASE_VARIABLES = ["REPLICATE_API_BASE"];
const DEPLOYMENT_PREFIX = "deployments/";

function configure(input: ConfigureInput): Target | ConfigureProblem {
  const parsed = parseBase(readBase(input, BASE_VARIABLES) ?? BASE);
  if ("code" in parsed) return parsed;
  const key = readKey(input, KEY_VARIABLES);
  if (key === undefined) return missingKey("Replicate", KEY_VARIABLES);
  const address = withoutPath(parsed, ["/predictions"]);
  return {
    base: address.path === "" ? `${address.base}/v1` : address.base,
    headers: { authorization: `Bearer ${key}` },
    credentials: {},
    ...(address.query === undefined ? {} : { query: address.query }),
  };
}

/** Official models and deployments are called by name, all others by version. */
function predictionPath(model: string): string {
  if (versionOf(model) !== undefined) return "/predictions";
  if (model.startsWith(DEPLOYMENT_PREFIX)) return `/${encodePath(model)}/predictions`;
  return `/models/${encodePath(model)}/predictions`;
}

export const replicate: Provider = {
  id: "replicate",
  label: "Replicate",
  documentation: { url: "https://replicate.com/docs/reference/http", read: "2026-11-24" },
  owner: "replicate",
  environment: { key: KEY_VARIABLES, base: BASE_VARIABLES },
  defaultBase: BASE,
  hosts: ["api.replicate.com"],
  key: "required",
  endpoints: {
    chat: [{ format: "replicate", path: ({ model }) => predictionPath(model), exchange: runPrediction }],
  },
  configure,
};
