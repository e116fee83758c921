import type { Target } from "../snapshot/snapshot.ts";
import { ANTHROPIC_COUNT_TOKENS } from "./anthropic.ts";
import { parseBase, withoutPath } from "./base-url.ts";
import { configureBedrock } from "./bedrock.ts";
import { bedrockCall } from "./bedrock-address.ts";
import { classifyBedrockError } from "./bedrock-exceptions.ts";
import { parseBedrockModel } from "./bedrock-model.ts";
import { bedrockOpenaiAnswer, bedrockOpenaiFrame, REASONING_MARKS } from "./bedrock-openai.ts";
import { signBedrock } from "./bedrock-sign.ts";
import { readBase, readKey } from "./credentials.ts";
import { PLAIN_CHAT_RULES } from "./openai-compatible/openai-compatible.ts";
import type { Call, ConfigureInput, ConfigureProblem, Endpoint, Provider } from "./provider.ts";
import { preferredEndpoint } from "./select-endpoint.ts";

const KEY_VARIABLES = ["BEDROCK_MANTLE_API_KEY", "AWS_BEARER_TOKEN_BEDROCK"];
const BASE_VARIABLES = ["BEDROCK_MANTLE_API_BASE"];

const CHAT: Endpoint = {
  format: "openai-chat",
  path: (call) => address(call, "/v1/chat/completions"),
  parameters: PLAIN_CHAT_RULES,
  normaliseResponse: bedrockOpenaiAnswer,
  normaliseFrame: bedrockOpenaiFrame,
  frameMarks: REASONING_MARKS,
};

/** OpenAI's closed models answer under `/openai/v1` only, the open ones under `/v1`. */
const RESPONSES: Endpoint = {
  format: "openai-responses",
  path: (call) => address(call, isOpenaiClosed(call.model) ? "/openai/v1/responses" : "/v1/responses"),
};

const MESSAGES: Endpoint = {
  format: "anthropic-messages",
  path: (call) => address(call, "/anthropic/v1/messages"),
  headers: { "anthropic-version": "2023-06-01" },
  parameters: { keepCacheControl: true },
};

/** Also for the models that Bedrock's own CountTokens does not know. */
const COUNT_TOKENS: Endpoint = {
  ...ANTHROPIC_COUNT_TOKENS,
  path: (call) => address(call, "/anthropic/v1/messages/count_tokens"),
  headers: { "anthropic-version": "2023-06-01" },
};

/** A base that names its own surface keeps it. */
function address(call: Call, path: string): string {
  const { target } = call;
  if (target.options?.surface === true) return path.replace(/^(?:\/openai|\/anthropic)?\/v1/, "");
  const { region } = bedrockCall(call);
  return target.options?.given === true ? path : `https://bedrock-mantle.${region}.api.aws${path}`;
}

function isOpenaiClosed(model: string): boolean {
  return /openai\.gpt-(?!oss)/.test(model);
}

function configure(input: ConfigureInput): Target | ConfigureProblem {
  const written = readBase(input, BASE_VARIABLES);
  const parsed = written === undefined ? undefined : parseBase(written);
  if (parsed !== undefined && "code" in parsed) return parsed;
  const key = readKey(input, KEY_VARIABLES);
  const { api_base: _base, base_url: _url, ...params } = input.params;
  const target = configureBedrock({
    ...input,
    params: { ...params, ...(key === undefined ? {} : { api_key: key }) },
    environment: {
      ...input.environment,
      AWS_BEDROCK_RUNTIME_ENDPOINT: undefined,
      AWS_ENDPOINT_URL_BEDROCK_RUNTIME: undefined,
    },
  });
  if ("code" in target) return target as ConfigureProblem;
  const { endpoint: _, ...credentials } = target.credentials;
  const given = parsed === undefined ? undefined : withoutPath(parsed);
  return {
    base: given?.base ?? `https://bedrock-mantle.${credentials.region}.api.aws`,
    headers: target.headers,
    credentials: { ...credentials, service: "bedrock-mantle" },
    options: { given: given !== undefined, surface: given?.path.endsWith("/v1") === true },
  };
}

/** Amazon Bedrock's OpenAI-compatible host (https://docs.aws.amazon.com/bedrock/latest/userguide/bedrock-mantle.html). */
export const bedrockMantle: Provider = {
  id: "bedrock_mantle",
  label: "BedrockMantle",
  documentation: {
    url: "https://docs.aws.amazon.com/bedrock/latest/userguide/bedrock-mantle.html",
    read: "2026-11-24",
  },
  owner: (model) => {
    const { maker } = parseBedrockModel(model);
    return maker === "anthropic" || maker === "openai" ? maker : "bedrock";
  },
  environment: { key: KEY_VARIABLES, base: BASE_VARIABLES },
  key: "optional",
  endpoints: { chat: [CHAT, RESPONSES, MESSAGES], "count-tokens": [COUNT_TOKENS] },
  selectEndpoint: (operation, client, call, preferred) => {
    if (operation !== "chat") return undefined;
    if (parseBedrockModel(call.model).maker === "anthropic") return MESSAGES;
    const only = call.facts.mode === "responses" || isOpenaiClosed(call.model);
    return preferredEndpoint([CHAT, RESPONSES], client, preferred ?? (only ? "responses" : undefined));
  },
  configure,
  upstreamModel: (model) => parseBedrockModel(model).id,
  sign: signBedrock,
  classifyError: classifyBedrockError,
};
