import { awsDomain } from "./aws-region.ts";
import { type BedrockModel, encodeModelId, parseBedrockModel } from "./bedrock-model.ts";
import type { Call } from "./provider.ts";

/** What `configure` keeps for the calls of a Bedrock deployment. */
export interface BedrockCall {
  readonly model: BedrockModel;
  /** Where the call goes and for which region it is signed. */
  readonly region: string;
  /** What stands in the address: the model, or `litellm_params.model_id` instead of it. */
  readonly id: string;
}

/** The model of a call, in the region of `aws_region_name`, else of its name, else of the deployment. */
export function bedrockCall(call: Call): BedrockCall {
  const model = parseBedrockModel(call.model, call.baseModel);
  const { region = "", fixedRegion, modelId } = call.target.credentials;
  return { model, region: fixedRegion ?? model.region ?? region, id: modelId ?? model.id };
}

/** The hosts of Bedrock: models, agents (which rank), and the OpenAI-compatible one. */
export type BedrockHost = "bedrock-runtime" | "bedrock-agent-runtime" | "bedrock-mantle";

/**
 * The whole address of a call. A configured endpoint stands for the runtime; the other hosts are told from it as far as
 * its name tells them. https://docs.aws.amazon.com/general/latest/gr/bedrock.html (2026-11-24)
 */
export function bedrockUrl(call: Call, host: BedrockHost, path: string): string {
  const { endpoint } = call.target.credentials;
  if (endpoint !== undefined) return `${endpoint.replace(/\/\/bedrock-runtime\./, `//${host}.`)}${path}`;
  const { region } = bedrockCall(call);
  return host === "bedrock-mantle"
    ? `https://bedrock-mantle.${region}.api.aws${path}`
    : `https://${host}.${region}.${awsDomain(region)}${path}`;
}

/** `/model/{id}/{verb}` on the runtime. */
export function modelUrl(call: Call, verb: string, id = bedrockCall(call).id): string {
  return bedrockUrl(call, "bedrock-runtime", `/model/${encodeModelId(id)}/${verb}`);
}

/** InvokeModel, streamed or not. */
export function invokeUrl(call: Call): string {
  return modelUrl(call, call.stream ? "invoke-with-response-stream" : "invoke");
}
