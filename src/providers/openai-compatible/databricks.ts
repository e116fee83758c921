import { asArray, isObject, type Json, type JsonObject, type MutableJsonObject } from "../../json/json.ts";
import type { Target } from "../../snapshot/snapshot.ts";
import { parseBase, withoutPath } from "../base-url.ts";
import { missingBase, missingKey, readBase, readEnvironment, readKey, readParameter } from "../credentials.ts";
import { accessToken } from "../oauth-token.ts";
import type { Call, ConfigureInput, ConfigureProblem, OutboundRequest, Provider, Send } from "../provider.ts";
import { reasoningContent, repairChat, textContent } from "./normalise.ts";
import { openaiCompatible } from "./openai-compatible.ts";

const KEY_VARIABLES = ["DATABRICKS_API_KEY", "DATABRICKS_TOKEN"];
const BASE_VARIABLES = ["DATABRICKS_API_BASE"];

const repair = (body: JsonObject) => repairChat(body, { messages: [textContent, reasoningContent] });

/** Some endpoints refuse members that are null. */
function withoutNulls(body: MutableJsonObject, call: Call): void {
  const messages = asArray(body.messages);
  const hasNull = (message: Json) =>
    isObject(message) && Object.entries(message).some(([name, value]) => value === null && name !== "content");
  if (!messages.some(hasNull)) return;
  body.messages = messages.map((message) =>
    hasNull(message)
      ? Object.fromEntries(
          Object.entries(message as JsonObject).filter(([name, value]) => value !== null || name === "content"),
        )
      : message,
  );
  call.report.dropped("messages[].*", "members that are null are refused");
}

const row = openaiCompatible({
  id: "databricks",
  label: "Databricks",
  documentation: "https://docs.databricks.com/machine-learning/foundation-model-apis/api-reference",
  keys: KEY_VARIABLES,
  bases: BASE_VARIABLES,
  serves: ["chat", "completions", "embeddings"],
  owner: (model) => (model.includes("claude") ? "anthropic" : "databricks"),
  parameters: {
    rename: { max_completion_tokens: "max_tokens" },
    keepCacheControl: true,
    custom: withoutNulls,
  },
  normaliseResponse: repair,
  normaliseFrame: repair,
  frameMarks: ['"content":[', '"content": [', '"reasoning"'],
});

function configure(input: ConfigureInput): Target | ConfigureProblem {
  const written = readBase(input, BASE_VARIABLES);
  if (written === undefined) return missingBase("Databricks", BASE_VARIABLES);
  const parsed = parseBase(written);
  if ("code" in parsed) return parsed;
  const address = withoutPath(parsed);
  const base = address.path === "" ? `${address.base}/serving-endpoints` : address.base;
  const key = readKey(input, KEY_VARIABLES);
  if (key !== undefined) return { base, headers: { authorization: `Bearer ${key}` }, credentials: {} };
  const client =
    readParameter(input.params, ["client_id"]) ?? readEnvironment(input.environment, ["DATABRICKS_CLIENT_ID"]);
  const secret =
    readParameter(input.params, ["client_secret"]) ?? readEnvironment(input.environment, ["DATABRICKS_CLIENT_SECRET"]);
  if (client === undefined || secret === undefined) return missingKey("Databricks", KEY_VARIABLES);
  const tokenUrl = `${new URL(base).origin}/oidc/v1/token`;
  return { base, headers: {}, credentials: { client, secret, tokenUrl } };
}

/** https://docs.databricks.com/dev-tools/auth/oauth-m2m (2026-11-24) */
async function sign(request: OutboundRequest, call: Call, send: Send): Promise<OutboundRequest> {
  const { client, secret, tokenUrl } = call.target.credentials;
  if (client === undefined || secret === undefined || tokenUrl === undefined) return request;
  const token = await accessToken({
    issuer: "Databricks",
    name: JSON.stringify([tokenUrl, client, secret]),
    send,
    request: {
      method: "POST",
      url: tokenUrl,
      headers: {
        authorization: `Basic ${btoa(`${client}:${secret}`)}`,
        "content-type": "application/x-www-form-urlencoded",
      },
      body: "grant_type=client_credentials&scope=all-apis",
    },
  });
  return { ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } };
}

export const databricks: Provider = { ...row, configure, sign };
