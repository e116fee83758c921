import { asArray, asObject, parseJson } from "../json/json.ts";
import type { Target } from "../snapshot/snapshot.ts";
import { configureAws } from "./aws-configure.ts";
import { awsKeys } from "./aws-keys.ts";
import { awsDomain } from "./aws-region.ts";
import { signAwsRequest } from "./aws-signature.ts";
import type { AwsSource } from "./aws-source.ts";
import { parseBase } from "./base-url.ts";
import { readParameter } from "./credentials.ts";
import { embeddingsAnswer } from "./embeddings-answer.ts";
import { wrapList } from "./list-answer.ts";
import { PLAIN_CHAT_RULES } from "./openai-compatible/openai-compatible.ts";
import type { Call, ConfigureInput, ConfigureProblem, Endpoint, OutboundRequest, Provider, Send } from "./provider.ts";
import { unwrapPayload } from "./sagemaker-stream.ts";

const BASE_PARAMETERS = ["sagemaker_base_url", "api_base", "base_url"];
/** Several models behind one endpoint are told apart by this header. */
const COMPONENT_HEADER = "x-amzn-sagemaker-inference-component";

function configure(input: ConfigureInput): Target | ConfigureProblem {
  const aws = configureAws(input);
  if ("code" in aws) return aws;
  const written = readParameter(input.params, BASE_PARAMETERS);
  const parsed = parseBase(written ?? `https://runtime.sagemaker.${aws.region}.${awsDomain(aws.region)}`);
  if ("code" in parsed) return parsed;
  // The whole address of an endpoint may be given; its streaming twin is then derived from it.
  const named = /\/endpoints\/[^/]+(?=\/invocations(-response-stream)?$)/.exec(parsed.path)?.[0];
  const component = readParameter(input.params, ["model_id"]);
  return {
    base: named === undefined ? parsed.base : parsed.base.slice(0, parsed.base.lastIndexOf("/endpoints/")),
    headers: component === undefined ? {} : { [COMPONENT_HEADER]: component },
    credentials: { source: JSON.stringify(aws.source), region: aws.region },
    ...(named === undefined ? {} : { options: { endpoint: named } }),
    ...(parsed.query === undefined ? {} : { query: parsed.query }),
  };
}

function invocations({ target, stream }: Call): string {
  const endpoint = target.options?.endpoint ?? "/endpoints/{model}";
  return `${String(endpoint)}${stream ? "/invocations-response-stream" : "/invocations"}`;
}

async function sign(request: OutboundRequest, call: Call, send: Send): Promise<OutboundRequest> {
  const { source = "", region = "" } = call.target.credentials;
  const keys = await awsKeys(parseJson(source) as unknown as AwsSource, send);
  return signAwsRequest(request, { keys, region, service: "sagemaker" });
}

const exchange = async (request: OutboundRequest, send: Send): Promise<Response> =>
  unwrapPayload(await wrapList(await send(request)));

const GENERATE: Endpoint = { format: "sagemaker-generate", path: invocations, exchange };

const CHAT: Endpoint = {
  format: "openai-chat",
  path: invocations,
  parameters: PLAIN_CHAT_RULES,
  exchange: async (request, send) => unwrapPayload(await send(request)),
};

/** https://docs.aws.amazon.com/sagemaker/latest/dg/jumpstart-foundation-models-use.html (2026-11-24) */
const EMBEDDINGS: Endpoint = { format: "sagemaker-generate", path: invocations, streams: false, exchange: embed };

async function embed(request: OutboundRequest, send: Send, call: Call): Promise<Response> {
  const asked = asObject(typeof request.body === "string" ? parseJson(request.body) : undefined) ?? {};
  const texts = Array.isArray(asked.input) ? asked.input : [asked.input];
  // Another body than the one that was signed: its signature is made anew.
  const body = JSON.stringify({ text_inputs: texts });
  const response = await send(await sign({ ...request, body }, call, send));
  if (!response.ok) return response;
  const answer = asObject(parseJson(await response.text()));
  const held = answer?.embedding ?? answer?.embeddings;
  const vectors = typeof asArray(held)[0] === "number" ? [held ?? null] : asArray(held);
  const { encoding_format: encoding } = asked;
  return Response.json(embeddingsAnswer({ model: call.model, vectors, encoding, tokens: undefined }));
}

/** SageMaker endpoints that generate text from a prompt. */
export const sagemaker: Provider = {
  id: "sagemaker",
  label: "Sagemaker",
  documentation: {
    url: "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html",
    read: "2026-11-24",
  },
  owner: "sagemaker",
  environment: { key: ["AWS_ACCESS_KEY_ID"], base: [] },
  key: "optional",
  endpoints: { chat: [GENERATE], embeddings: [EMBEDDINGS] },
  configure,
  sign,
};

/** SageMaker endpoints that speak OpenAI's chat format. */
export const sagemakerChat: Provider = {
  ...sagemaker,
  id: "sagemaker_chat",
  aliases: ["sagemaker_nova"],
  endpoints: { chat: [CHAT], embeddings: [EMBEDDINGS] },
};
