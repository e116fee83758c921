import type { Target } from "../snapshot/snapshot.ts";
import { awsRegion, configureAws } from "./aws-configure.ts";
import { AWS_REGION, awsDomain } from "./aws-region.ts";
import { parseBase } from "./base-url.ts";
import { bedrockCall } from "./bedrock-address.ts";
import { BEDROCK_CHAT, bedrockChatEndpoint } from "./bedrock-chat.ts";
import { betaHeaderIntoBody } from "./bedrock-claude.ts";
import { BEDROCK_COUNT_TOKENS } from "./bedrock-count-tokens.ts";
import { BEDROCK_EMBEDDINGS } from "./bedrock-embeddings.ts";
import { classifyBedrockError } from "./bedrock-exceptions.ts";
import { parseBedrockModel } from "./bedrock-model.ts";
import { BEDROCK_RERANK } from "./bedrock-rerank.ts";
import { signBedrock } from "./bedrock-sign.ts";
import { readEnvironment, readKey, readParameter } from "./credentials.ts";
import type { Call, ConfigureInput, ConfigureProblem, OutboundRequest, Provider, Send } from "./provider.ts";

export const BEDROCK_KEY_VARIABLES = ["AWS_BEARER_TOKEN_BEDROCK"];
const ENDPOINT_VARIABLES = ["AWS_BEDROCK_RUNTIME_ENDPOINT", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"];

/** Where, for which region and as whom a deployment calls Bedrock. */
export function configureBedrock(input: ConfigureInput): Target | ConfigureProblem {
  const model = parseBedrockModel(input.model, readParameter(input.params, ["base_model"]));
  if (model.route === "agent") {
    return { code: "invalid_value", key: "model", message: "Bedrock's agents are not supported; its models are." };
  }
  const endpoint = readEndpoint(input);
  if (endpoint !== undefined && "code" in endpoint) return endpoint;
  const modelId = readParameter(input.params, ["model_id"]);
  const id = parseBedrockModel(modelId ?? "");
  const named = model.region ?? id.region;
  const key = hasOwnKeys(input) ? undefined : readKey(input, BEDROCK_KEY_VARIABLES);
  const aws = key === undefined ? configureAws(input, named) : keyed(input, named);
  if ("code" in aws) return aws;
  const { region } = aws;
  return {
    base: endpoint?.base ?? `https://bedrock-runtime.${region}.${awsDomain(region)}`,
    headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
    credentials: {
      region,
      ...(readParameter(input.params, ["aws_region_name"]) === undefined ? {} : { fixedRegion: region }),
      ...(endpoint === undefined ? {} : { endpoint: endpoint.base }),
      ...(modelId === undefined ? {} : { modelId }),
      ...("source" in aws ? { source: JSON.stringify(aws.source) } : {}),
    },
  };
}

/** Keys or a role of the deployment itself are stronger than an API key in the environment. */
function hasOwnKeys(input: ConfigureInput): boolean {
  const own = ["aws_access_key_id", "aws_role_name", "aws_profile_name", "aws_web_identity_token"];
  return readParameter(input.params, ["api_key"]) === undefined && readParameter(input.params, own) !== undefined;
}

function keyed(input: ConfigureInput, named: string | undefined): { readonly region: string } | ConfigureProblem {
  const region = awsRegion(input, named);
  if (AWS_REGION.test(region)) return { region };
  const message = `${JSON.stringify(region)} is no AWS region; one looks like us-east-1.`;
  return { code: "invalid_value", key: "aws_region_name", message };
}

function readEndpoint(input: ConfigureInput): { readonly base: string } | ConfigureProblem | undefined {
  const given =
    readParameter(input.params, ["aws_bedrock_runtime_endpoint", "api_base", "base_url"]) ??
    readEnvironment(input.environment, ENDPOINT_VARIABLES);
  return given === undefined ? undefined : parseBase(given);
}

/** Operations whose exchange makes its own requests, and signs each of them. */
const SIGNED_BY_EXCHANGE: ReadonlySet<string> = new Set(["embeddings", "rerank", "count-tokens"]);

async function sign(request: OutboundRequest, call: Call, send: Send): Promise<OutboundRequest> {
  const claude = call.operation === "chat" && bedrockCall(call).model.route !== "mantle";
  const moved = claude || call.operation === "count-tokens" ? betaHeaderIntoBody(request, call) : request;
  return SIGNED_BY_EXCHANGE.has(call.operation) ? moved : signBedrock(moved, call, send);
}

/** Amazon Bedrock: every model over Converse, and the older ones and Claude's own clients over InvokeModel. */
export const bedrock: Provider = {
  id: "bedrock",
  aliases: ["bedrock_converse"],
  label: "Bedrock",
  documentation: {
    url: "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html",
    read: "2026-11-24",
  },
  owner: (model) => (parseBedrockModel(model).maker === "anthropic" ? "anthropic" : "bedrock"),
  environment: { key: BEDROCK_KEY_VARIABLES, base: ENDPOINT_VARIABLES },
  key: "optional",
  endpoints: {
    chat: BEDROCK_CHAT,
    embeddings: [BEDROCK_EMBEDDINGS],
    rerank: [BEDROCK_RERANK],
    "count-tokens": [BEDROCK_COUNT_TOKENS],
  },
  selectEndpoint: (operation, client, call, preferred) =>
    operation === "chat" ? bedrockChatEndpoint(client, call, preferred) : undefined,
  configure: configureBedrock,
  sign,
  classifyError: classifyBedrockError,
};
