import type { UpstreamFailure } from "../errors/gateway-error.ts";
import type { JsonObject, MutableJsonObject } from "../json/json.ts";
import type { Target } from "../snapshot/snapshot.ts";
import { parseBase } from "./base-url.ts";
import { missingBase, missingKey, readBase, readEnvironment, readKey, readParameter } from "./credentials.ts";
import { accessToken } from "./oauth-token.ts";
import { chatRules } from "./openai-compatible/openai-compatible.ts";
import type { Call, ConfigureInput, ConfigureProblem, Endpoint, OutboundRequest, Provider, Send } from "./provider.ts";
import { watsonxEmbeddings, watsonxRerank } from "./watsonx-tasks.ts";

/** Every call says which day's API it means (https://cloud.ibm.com/apidocs/watsonx-ai#active-version-dates, 2026-11-24). */
const VERSION = "2024-03-13";
const IAM = "https://iam.cloud.ibm.com/identity/token";
const BASE_VARIABLES = ["WATSONX_API_BASE", "WATSONX_URL", "WX_URL", "WML_URL"];
const KEY_VARIABLES = ["WATSONX_APIKEY", "WATSONX_API_KEY", "WX_API_KEY"];
const DEPLOYMENT = /^deployment\//;

function configure(input: ConfigureInput): Target | ConfigureProblem {
  const region = readParameter(input.params, ["watsonx_region_name"]);
  const regional = region === undefined ? undefined : `https://${region}.ml.cloud.ibm.com`;
  const written = readParameter(input.params, ["api_base", "base_url"]) ?? regional ?? readBase(input, BASE_VARIABLES);
  if (written === undefined) return missingBase("Watsonx", BASE_VARIABLES);
  const parsed = parseBase(written);
  if ("code" in parsed) return parsed;
  const read = (parameters: readonly string[], variables: readonly string[]): string | undefined =>
    readParameter(input.params, parameters) ?? readEnvironment(input.environment, variables);
  const token = read(["token", "watsonx_token"], ["WATSONX_TOKEN", "WX_TOKEN"]);
  const zen = read(["zen_api_key", "watsonx_zenapikey"], ["WATSONX_ZENAPIKEY"]);
  const key = readParameter(input.params, ["apikey"]) ?? readKey(input, KEY_VARIABLES);
  const issuer = read(["iam_url", "watsonx_iam_url"], ["WATSONX_IAM_URL"]) ?? IAM;
  if (token === undefined && zen === undefined && key === undefined) return missingKey("Watsonx", KEY_VARIABLES);
  const authorization = token !== undefined ? `Bearer ${token}` : zen === undefined ? undefined : `ZenApiKey ${zen}`;
  const project = read(["project_id", "watsonx_project"], ["WATSONX_PROJECT_ID", "WX_PROJECT_ID"]);
  const space = read(
    ["space_id", "watsonx_space_id"],
    ["WATSONX_DEPLOYMENT_SPACE_ID", "WATSONX_SPACE_ID", "WX_SPACE_ID"],
  );
  const version = readParameter(input.params, ["api_version"]) ?? VERSION;
  return {
    base: parsed.base.replace(/\/ml\/v1(\/.*)?$/, ""),
    headers: authorization === undefined ? {} : { authorization },
    credentials: authorization === undefined && key !== undefined ? { key, issuer } : {},
    query: { version, ...parsed.query },
    options: {
      ...(project === undefined ? {} : { project_id: project }),
      ...(space === undefined ? {} : { space_id: space }),
    },
  };
}

/** An API key is exchanged for a token (https://cloud.ibm.com/docs/account?topic=account-iamtoken_from_apikey, 2026-11-24). */
async function sign(request: OutboundRequest, call: Call, send: Send): Promise<OutboundRequest> {
  const { key, issuer } = call.target.credentials;
  if (key === undefined || issuer === undefined) return request;
  const grant = "urn:ibm:params:oauth:grant-type:apikey";
  const token = await accessToken({
    issuer: "IBM Cloud",
    name: JSON.stringify(["watsonx", issuer, key]),
    send,
    request: {
      method: "POST",
      url: issuer,
      headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json" },
      body: `grant_type=${encodeURIComponent(grant)}&apikey=${encodeURIComponent(key)}`,
    },
  });
  return { ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } };
}

/** A deployment knows its model and its space; every other call names them. */
function addModel(body: MutableJsonObject, call: Call): void {
  delete body.model;
  delete body.model_id;
  if (DEPLOYMENT.test(call.model)) return;
  body.model_id = call.model;
  const { project_id: project, space_id: space } = call.target.options ?? {};
  if (body.project_id !== undefined || body.space_id !== undefined) return;
  if (project !== undefined) body.project_id = project;
  else if (space !== undefined) body.space_id = space;
}

function textPath(call: Call, verb: string): string {
  const stream = call.stream ? "_stream" : "";
  const deployment = call.model.replace(DEPLOYMENT, "");
  return DEPLOYMENT.test(call.model)
    ? `/ml/v1/deployments/${encodeURIComponent(deployment)}/text/${verb}${stream}`
    : `/ml/v1/text/${verb}${stream}`;
}

function chatBody(body: MutableJsonObject, call: Call): void {
  addModel(body, call);
  // The address says whether it streams.
  delete body.stream;
  delete body.stream_options;
  if (typeof body.tool_choice !== "string") return;
  body.tool_choice_option = body.tool_choice;
  delete body.tool_choice;
  call.report.renamed("tool_choice", "tool_choice_option", "watsonx's name for choices that are words");
}

/** OpenAI's shape, but for the model's name and the kind of object. */
function chatAnswer(object: string): (body: JsonObject) => JsonObject {
  return (body) => {
    if (!Array.isArray(body.choices) || (body.object !== undefined && body.model !== undefined)) return body;
    return { ...body, object: body.object ?? object, ...(isNamed(body) ? {} : { model: body.model_id }) };
  };
}

const isNamed = (body: JsonObject): boolean => body.model !== undefined || body.model_id === undefined;

const CHAT: Endpoint = {
  format: "openai-chat",
  path: (call) => textPath(call, "chat"),
  parameters: chatRules({
    rename: { max_completion_tokens: "max_tokens" },
    unsupported: { parallel_tool_calls: "watsonx has no field for it" },
    remove: { user: "watsonx has no field for it" },
    custom: chatBody,
  }),
  streamUsageOption: false,
  normaliseResponse: chatAnswer("chat.completion"),
  normaliseFrame: chatAnswer("chat.completion.chunk"),
};

const GENERATE: Endpoint = {
  format: "watsonx-generate",
  path: (call) => textPath(call, "generation"),
  parameters: { custom: addModel },
};

function classifyError(failure: UpstreamFailure, _status: number, body: string): UpstreamFailure {
  if (body.includes("token_quota_reached")) return { ...failure, code: "rate_limit" };
  if (!body.includes("model_no_support_for_function")) return failure;
  return {
    ...failure,
    message: `${failure.message} (a model without chat is called as watsonx_text/…)`,
  };
}

/** Chat models of IBM watsonx.ai. */
export const watsonx: Provider = {
  id: "watsonx",
  label: "Watsonx",
  documentation: { url: "https://cloud.ibm.com/apidocs/watsonx-ai", read: "2026-11-24" },
  owner: "watsonx",
  environment: { key: KEY_VARIABLES, base: BASE_VARIABLES },
  key: "required",
  endpoints: { chat: [CHAT], embeddings: [watsonxEmbeddings(addModel)], rerank: [watsonxRerank(addModel)] },
  configure,
  sign,
  classifyError,
};

/** Models without a chat endpoint: the conversation is written into one prompt. */
export const watsonxText: Provider = { ...watsonx, id: "watsonx_text", endpoints: { chat: [GENERATE] } };
