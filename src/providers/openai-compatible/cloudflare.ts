import { parseBase } from "../base-url.ts";
import { readEnvironment, readParameter } from "../credentials.ts";
import type { OpenAiCompatibleRow } from "./openai-compatible.ts";

/**
 * Workers AI through its OpenAI-compatible twin, which knows tools and images; bases written for `/ai/run` lead there.
 * https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility/ (2026-11-24)
 */
export const cloudflare: OpenAiCompatibleRow = {
  id: "cloudflare",
  label: "Cloudflare",
  documentation: "https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility/",
  keys: ["CLOUDFLARE_API_KEY", "CLOUDFLARE_API_TOKEN"],
  bases: ["CLOUDFLARE_API_BASE"],
  serves: ["chat", "responses", "embeddings"],
  address: (input, given) => {
    if (given !== undefined) {
      const base = given.base.replace(/\/ai\/run$/, "/ai/v1").replace(/\/ai$/, "/ai/v1");
      return { ...given, base };
    }
    const account =
      readParameter(input.params, ["account_id", "cloudflare_account_id"]) ??
      readEnvironment(input.environment, ["CLOUDFLARE_ACCOUNT_ID"]);
    if (account === undefined) {
      return {
        code: "missing_api_base",
        key: "account_id",
        message:
          "Cloudflare has no account: set the environment variable CLOUDFLARE_ACCOUNT_ID or litellm_params.api_base.",
      };
    }
    return parseBase(`https://api.cloudflare.com/client/v4/accounts/${encodeURIComponent(account)}/ai/v1`);
  },
};
