import type { Json, JsonObject, MutableJsonObject } from "../../json/json.ts";
import type { ConversationRequest } from "../conversation.ts";
import type { RequestContext } from "../format.ts";
import { renderPrompt } from "../prompt.ts";

/**
 * Conversation → body of Triton's generate extension: `text_input`, and the inputs of the model as `parameters`
 * (https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_generate.html and
 * TensorRT-LLM's names for them, 2026-11-24).
 */
export function encodeRequest(request: ConversationRequest, context: RequestContext): JsonObject {
  const { report } = context;
  const { sampling } = request;
  const parameters: MutableJsonObject = {};
  const put = (name: string, value: Json | undefined): void => {
    if (value !== undefined) parameters[name] = value;
  };
  put("max_tokens", sampling.maxOutputTokens);
  put("temperature", sampling.temperature);
  put("top_p", sampling.topP);
  put("top_k", sampling.topK);
  put("random_seed", sampling.seed);
  put("stop_words", sampling.stop);
  put("presence_penalty", sampling.presencePenalty);
  put("frequency_penalty", sampling.frequencyPenalty);
  put("repetition_penalty", sampling.repetitionPenalty);
  reportInexpressible(request, context);
  for (const [name, value] of Object.entries(request.extensions?.fields ?? {})) {
    if (request.extensions?.format === "openai-chat") put(name, parameters[name] ?? value);
    else report.dropped(name, "Triton does not know it");
  }
  return {
    text_input: renderPrompt(context.model, request.messages),
    parameters,
    ...(request.stream === undefined ? {} : { stream: request.stream }),
  };
}

function reportInexpressible(request: ConversationRequest, { report }: RequestContext): void {
  const { sampling } = request;
  const unsupported = (set: boolean, parameter: string): void => {
    if (set) report.unsupported(parameter, "Triton's generate extension takes one text");
  };
  unsupported((request.tools?.length ?? 0) > 0, "tools");
  unsupported(request.toolChoice !== undefined && request.toolChoice.type !== "none", "tool_choice");
  unsupported(request.responseFormat !== undefined && request.responseFormat.type !== "text", "response_format");
  unsupported(sampling.n !== undefined && sampling.n !== 1, "n");
  unsupported(sampling.logitBias !== undefined, "logit_bias");
  unsupported(sampling.logprobs === true, "logprobs");
  unsupported(request.reasoning !== undefined, "reasoning_effort");
  const media = request.messages.some((message) =>
    message.parts.some((part) => part.type === "image" || part.type === "audio" || part.type === "video"),
  );
  unsupported(media, "messages.media");
  if (request.user !== undefined) report.dropped("user", "Triton has no field for it");
}
