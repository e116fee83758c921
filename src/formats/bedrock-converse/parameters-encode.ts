import type { JsonObject, MutableJsonObject } from "../../json/json.ts";
import { ANSWER_TOKENS, type EncodedThinking } from "../anthropic-messages/thinking.ts";
import type { ConversationRequest } from "../conversation.ts";
import type { RequestContext } from "../format.ts";
import type { ModelTraits } from "./model-traits.ts";
import { FORMAT } from "./types.ts";

export interface EncodedSampling {
  readonly inferenceConfig: JsonObject;
  /** Members of `additionalModelRequestFields`. */
  readonly additional: JsonObject;
  readonly maxTokens?: number;
}

/** `inferenceConfig`, and `top_k`, which each family calls differently. */
export function encodeSampling(
  request: ConversationRequest,
  traits: ModelTraits,
  thinking: EncodedThinking,
  context: RequestContext,
): EncodedSampling {
  const { sampling } = request;
  const { report } = context;
  const config: MutableJsonObject = {};
  const additional: MutableJsonObject = {};
  const budget = thinking.thinking?.budget_tokens;
  const maxTokens = sampling.maxOutputTokens;
  if (maxTokens !== undefined) config.maxTokens = maxTokens;
  // The model's own default may be smaller than the budget.
  else if (typeof budget === "number" && request.extensions?.format !== FORMAT)
    config.maxTokens = context.capabilities.maxOutputTokens ?? budget + ANSWER_TOKENS;
  if (sampling.temperature !== undefined) {
    const bounded = traits.kind === "claude" || traits.kind === "nova" || traits.kind === "nova-2";
    const temperature = bounded ? Math.min(Math.max(sampling.temperature, 0), 1) : sampling.temperature;
    if (temperature !== sampling.temperature) report.clamped("temperature", temperature, "it lies between 0 and 1");
    config.temperature = temperature;
  }
  if (sampling.topP !== undefined) config.topP = sampling.topP;
  if (sampling.stop !== undefined) {
    const stop = sampling.stop.filter((entry) => entry !== "");
    if (stop.length > 0) config.stopSequences = stop;
  }
  if (sampling.topK !== undefined) {
    if (traits.kind === "nova" || traits.kind === "nova-2") additional.inferenceConfig = { topK: sampling.topK };
    else additional.top_k = sampling.topK;
  }
  if (request.extensions?.format !== FORMAT) removeRefused(config, additional, traits, thinking, context);
  return { inferenceConfig: config, additional, ...(maxTokens === undefined ? {} : { maxTokens }) };
}

/** What Claude refuses, on Bedrock as elsewhere. */
function removeRefused(
  config: MutableJsonObject,
  additional: MutableJsonObject,
  { family }: ModelTraits,
  thinking: EncodedThinking,
  { report, model }: RequestContext,
): void {
  if (family === undefined) return;
  const refuse = (holder: MutableJsonObject, field: string, parameter: string, reason: string): void => {
    if (holder[field] === undefined) return;
    delete holder[field];
    report.unsupported(parameter, reason);
  };
  const thinks = thinking.thinking !== undefined && thinking.thinking.type !== "disabled";
  if (family.sampling === "none") {
    if (config.temperature === 1) delete config.temperature;
    if (config.topP === 1) delete config.topP;
    refuse(config, "temperature", "temperature", `${model} takes no sampling parameters`);
    refuse(config, "topP", "top_p", `${model} takes no sampling parameters`);
    refuse(additional, "top_k", "top_k", `${model} takes no sampling parameters`);
  } else if (thinks) {
    if (config.temperature !== 1) refuse(config, "temperature", "temperature", "with thinking on, it must be 1");
    if (typeof config.topP === "number" && config.topP < 0.95)
      refuse(config, "topP", "top_p", "with thinking on, it is at least 0.95");
    refuse(additional, "top_k", "top_k", "with thinking on, there is no top_k");
  }
  if (family.sampling === "one" && config.temperature !== undefined) {
    refuse(config, "topP", "top_p", `${model} takes temperature or top_p, not both`);
  }
}
