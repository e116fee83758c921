import type { Json, JsonObject, MutableJsonObject } from "../../json/json.ts";
import type { ConversationRequest } from "../conversation.ts";
import { reportInexpressible } from "../expressible.ts";
import type { RequestContext } from "../format.ts";
import { renderPrompt } from "../prompt.ts";
import { EXPRESSIBLE } from "./expressible.ts";

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
  reportInexpressible(request, "triton", EXPRESSIBLE, report);
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
