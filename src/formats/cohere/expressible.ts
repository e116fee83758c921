import type { ConversationRequest } from "../conversation.ts";
import type { ParameterReport } from "../report.ts";

/** Reports what the conversation asks and `/v2/chat` has no field for (https://docs.cohere.com/reference/chat, 2026-11-24). */
export function reportInexpressible(request: ConversationRequest, report: ParameterReport): void {
  const { sampling } = request;
  const lacks = "Cohere has no field for it";
  const unsupported = (set: boolean, parameter: string): void => {
    if (set) report.unsupported(parameter, lacks);
  };
  unsupported(sampling.n !== undefined && sampling.n !== 1, "n");
  unsupported(sampling.minP !== undefined, "min_p");
  unsupported(sampling.repetitionPenalty !== undefined, "repetition_penalty");
  unsupported(sampling.logitBias !== undefined && Object.keys(sampling.logitBias).length > 0, "logit_bias");
  unsupported(sampling.topLogprobs !== undefined && sampling.topLogprobs > 0, "top_logprobs");
  unsupported(request.parallelToolCalls === false, "parallel_tool_calls");
  unsupported(request.prediction !== undefined, "prediction");
  unsupported(request.verbosity !== undefined, "verbosity");
  unsupported(request.modalities?.some((modality) => modality !== "text") === true, "modalities");
  unsupported(request.audioOutput !== undefined, "audio");
  unsupported(request.previousResponseId !== undefined, "previous_response_id");

  const dropped = (set: boolean, parameter: string): void => {
    if (set) report.dropped(parameter, lacks);
  };
  dropped(request.user !== undefined, "user");
  dropped(request.safetyIdentifier !== undefined, "safety_identifier");
  dropped(request.metadata !== undefined, "metadata");
  dropped(request.store !== undefined, "store");
  dropped(request.serviceTier !== undefined, "service_tier");
  dropped(request.promptCacheKey !== undefined, "prompt_cache_key");
  dropped(request.promptCacheRetention !== undefined, "prompt_cache_retention");
  dropped(request.safetySettings !== undefined, "safety_settings");
}
