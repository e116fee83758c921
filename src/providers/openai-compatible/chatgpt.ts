import type { MutableJsonObject } from "../../json/json.ts";
import { readEnvironment, readKey, readParameter } from "../credentials.ts";
import { accessToken } from "../oauth-token.ts";
import type { Call, OutboundRequest, Provider, Send } from "../provider.ts";
import { openaiCompatible } from "./openai-compatible.ts";

const TOKEN_URL = "https://auth.openai.com/oauth/token";
/** The public client of OpenAI's own command line, for which the refresh token was given. */
const CLIENT_ID = "app_EMoamEEZ73f0CkXaXp7hrann";
const KEY_VARIABLES = ["CHATGPT_ACCESS_TOKEN"];
const BASE_VARIABLES = ["CHATGPT_API_BASE"];

/** A subscription keeps nothing, always streams and wants instructions. */
function subscriptionBody(body: MutableJsonObject, call: Call): void {
  if (body.stream !== true) body.stream = true;
  body.store = false;
  if (typeof body.instructions !== "string") body.instructions = "You are a helpful assistant.";
  call.report.converted("store", "a ChatGPT subscription always streams and stores nothing");
}

const REFUSED = "a ChatGPT subscription does not take it";

const row = openaiCompatible({
  id: "chatgpt",
  label: "ChatGPT",
  documentation: "https://developers.openai.com/codex/auth",
  base: "https://chatgpt.com/backend-api/codex",
  keys: KEY_VARIABLES,
  bases: BASE_VARIABLES,
  key: "optional",
  serves: ["responses"],
  owner: "openai",
  rules: {
    responses: {
      remove: { max_output_tokens: REFUSED, temperature: REFUSED, top_p: REFUSED, metadata: REFUSED, user: REFUSED },
      custom: subscriptionBody,
    },
  },
});

export const chatgpt: Provider = {
  ...row,
  key: "required",
  configure: (input) => {
    const refresh =
      readParameter(input.params, ["refresh_token"]) ?? readEnvironment(input.environment, ["CHATGPT_REFRESH_TOKEN"]);
    if (readKey(input, KEY_VARIABLES) === undefined && refresh === undefined) {
      return {
        code: "missing_credential",
        key: "api_key",
        message:
          "ChatGPT has no login: set litellm_params.api_key to an access token, or CHATGPT_ACCESS_TOKEN, or CHATGPT_REFRESH_TOKEN.",
      };
    }
    const target = row.configure(input);
    if ("code" in target) return target;
    const account =
      readParameter(input.params, ["account_id"]) ?? readEnvironment(input.environment, ["CHATGPT_ACCOUNT_ID"]);
    return {
      ...target,
      headers: { ...target.headers, ...(account === undefined ? {} : { "chatgpt-account-id": account }) },
      credentials: refresh === undefined ? {} : { refresh },
    };
  },
  sign: async (request: OutboundRequest, call: Call, send: Send): Promise<OutboundRequest> => {
    const { refresh } = call.target.credentials;
    if (refresh === undefined) return request;
    const token = await accessToken({
      issuer: "ChatGPT",
      name: JSON.stringify([TOKEN_URL, refresh]),
      send,
      request: {
        method: "POST",
        url: TOKEN_URL,
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
          client_id: CLIENT_ID,
          grant_type: "refresh_token",
          refresh_token: refresh,
          scope: "openid profile email",
        }),
      },
    });
    return { ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } };
  },
};
