import type { Json, MutableJsonObject } from "../../json/json.ts";
import type { ConversationRequest } from "../conversation.ts";
import type { RequestContext } from "../format.ts";

/** The wire names of what a model of texts takes; absent where it takes none. */
export interface SamplingNames {
  readonly maxTokens: string;
  readonly temperature: string;
  readonly topP: string;
  readonly topK?: string;
  readonly stop?: string;
  readonly n?: string;
}

/** Fills in the sampling parameters that the model has a name for, and reports all others that were set. */
export function encodeSampling(
  request: ConversationRequest,
  names: SamplingNames,
  target: MutableJsonObject,
  context: RequestContext,
): void {
  const { sampling } = request;
  const put = (parameter: string, name: string | undefined, value: Json | undefined): void => {
    if (value === undefined) return;
    if (name === undefined) context.report.unsupported(parameter, LACKS);
    else target[name] = value;
  };
  put("max_tokens", names.maxTokens, sampling.maxOutputTokens);
  put("temperature", names.temperature, sampling.temperature);
  put("top_p", names.topP, sampling.topP);
  put("top_k", names.topK, sampling.topK);
  put("stop", names.stop, sampling.stop);
  put("n", names.n, sampling.n === 1 ? undefined : sampling.n);
}

const LACKS = "this InvokeModel body has no field for it";

/** Reports everything of a request that a model of texts cannot take. */
export function reportInexpressible(request: ConversationRequest, context: RequestContext): void {
  const { sampling } = request;
  const { report } = context;
  const unsupported = (set: boolean, parameter: string): void => {
    if (set) report.unsupported(parameter, LACKS);
  };
  unsupported((request.tools?.length ?? 0) > 0, "tools");
  unsupported(request.toolChoice !== undefined && request.toolChoice.type !== "none", "tool_choice");
  unsupported(request.parallelToolCalls === false, "parallel_tool_calls");
  unsupported(request.responseFormat !== undefined && request.responseFormat.type !== "text", "response_format");
  unsupported(sampling.seed !== undefined, "seed");
  unsupported(sampling.presencePenalty !== undefined && sampling.presencePenalty !== 0, "presence_penalty");
  unsupported(sampling.frequencyPenalty !== undefined && sampling.frequencyPenalty !== 0, "frequency_penalty");
  unsupported(sampling.logitBias !== undefined, "logit_bias");
  unsupported(sampling.logprobs === true, "logprobs");
  unsupported(sampling.topLogprobs !== undefined && sampling.topLogprobs > 0, "top_logprobs");
  unsupported(request.reasoning?.effort !== undefined && request.reasoning.effort !== "none", "reasoning_effort");
  unsupported(request.reasoning?.budgetTokens !== undefined, "thinking");
  unsupported(request.audioOutput !== undefined, "audio");
  unsupported(request.prediction !== undefined, "prediction");
  unsupported(request.verbosity !== undefined, "verbosity");
  const dropped = (set: boolean, parameter: string): void => {
    if (set) report.dropped(parameter, LACKS);
  };
  dropped(request.user !== undefined, "user");
  dropped(request.metadata !== undefined, "metadata");
  dropped(request.store !== undefined, "store");
  dropped(request.serviceTier !== undefined, "service_tier");
  dropped(request.safetyIdentifier !== undefined, "safety_identifier");
  dropped(request.promptCacheKey !== undefined, "prompt_cache_key");
  const media = new Set(request.messages.flatMap((message) => message.parts.map((part) => part.type)));
  for (const kind of ["image", "audio", "video"] as const) {
    unsupported(media.has(kind), `messages.${kind}`);
  }
  if (media.has("thinking")) report.dropped("messages.thinking", "the model gets no thinking back");
}

/** Parameters of the model's own, as LiteLLM lets them pass: into the body, behind what was translated. */
export function spreadExtensions(request: ConversationRequest, body: MutableJsonObject, context: RequestContext): void {
  const { extensions } = request;
  if (extensions === undefined) return;
  for (const [name, value] of Object.entries(extensions.fields)) {
    if (value === undefined) continue;
    if (extensions.format === "openai-chat" || extensions.format === "openai-completions") body[name] ??= value;
    else context.report.dropped(name, `only ${extensions.format} knows it`);
  }
}
