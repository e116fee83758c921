import type { Target } from "../snapshot/snapshot.ts";
import { parseBase, withoutPath } from "./base-url.ts";
import { missingKey, readBase, readEnvironment, readKey, readParameter } from "./credentials.ts";
import { encodePath } from "./endpoint-url.ts";
import { wrapList } from "./list-answer.ts";
import type { ConfigureInput, ConfigureProblem, Provider } from "./provider.ts";

const BASE = "https://serving.app.predibase.com";
const KEY_VARIABLES = ["PREDIBASE_API_KEY", "PREDIBASE_API_TOKEN"];
const BASE_VARIABLES = ["PREDIBASE_API_BASE"];
const TENANT_VARIABLES = ["PREDIBASE_TENANT_ID"];

function configure(input: ConfigureInput): Target | ConfigureProblem {
  const parsed = parseBase(readBase(input, BASE_VARIABLES) ?? BASE);
  if ("code" in parsed) return parsed;
  const key = readKey(input, KEY_VARIABLES);
  if (key === undefined) return missingKey("Predibase", KEY_VARIABLES);
  const tenant =
    readParameter(input.params, ["tenant_id", "predibase_tenant_id"]) ??
    readEnvironment(input.environment, TENANT_VARIABLES);
  if (tenant === undefined) {
    return {
      code: "missing_credential",
      key: "tenant_id",
      message: "Predibase has no tenant: set litellm_params.tenant_id or the environment variable PREDIBASE_TENANT_ID.",
    };
  }
  const address = withoutPath(parsed, ["/generate_stream", "/generate"]);
  return {
    base: address.base,
    headers: { authorization: `Bearer ${key}` },
    credentials: {},
    options: { tenant },
    ...(address.query === undefined ? {} : { query: address.query }),
  };
}

/** Fine-tuned open models on TGI, under a path for each tenant (https://docs.predibase.com/user-guide/inference/rest_api). */
export const predibase: Provider = {
  id: "predibase",
  label: "Predibase",
  documentation: { url: "https://docs.predibase.com/user-guide/inference/rest_api", read: "2026-11-24" },
  owner: "predibase",
  environment: { key: KEY_VARIABLES, base: BASE_VARIABLES },
  defaultBase: BASE,
  hosts: ["serving.app.predibase.com"],
  key: "required",
  endpoints: {
    chat: [
      {
        format: "huggingface-generate",
        path: ({ target, model, stream }) => {
          const tenant = encodeURIComponent(String(target.options?.tenant));
          const verb = stream ? "generate_stream" : "generate";
          return `/${tenant}/deployments/v2/llms/${encodePath(model)}/${verb}`;
        },
        exchange: async (request, send) => wrapList(await send(request)),
      },
    ],
  },
  configure,
};
