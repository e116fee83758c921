import type { Json, JsonObject, MutableJsonObject } from "../../json/json.ts";
import type { ConversationRequest } from "../conversation.ts";
import type { RequestContext } from "../format.ts";
import { renderPrompt } from "../prompt.ts";

/** Members of the body beside `parameters`. */
const BODY_FIELDS = new Set(["project_id", "space_id", "moderations"]);

/**
 * Conversation → body of watsonx's text generation (https://cloud.ibm.com/apidocs/watsonx-ai#text-generation, 2026-11-24).
 * The provider adds project and space. Fields that the conversation has no word for are parameters.
 */
export function encodeRequest(request: ConversationRequest, context: RequestContext): JsonObject {
  const { report } = context;
  const { sampling } = request;
  const parameters: MutableJsonObject = {};
  const put = (name: string, value: Json | undefined): void => {
    if (value !== undefined) parameters[name] = value;
  };
  // A temperature of 0 is refused; greedy decoding is what it means.
  const greedy = sampling.temperature === 0;
  if (sampling.temperature !== undefined || sampling.topP !== undefined || sampling.topK !== undefined) {
    parameters.decoding_method = greedy ? "greedy" : "sample";
  }
  put("max_new_tokens", sampling.maxOutputTokens);
  put("temperature", greedy ? undefined : sampling.temperature);
  put("top_p", greedy ? undefined : sampling.topP);
  put("top_k", greedy ? undefined : sampling.topK);
  put("random_seed", sampling.seed);
  put("stop_sequences", sampling.stop);
  put("repetition_penalty", sampling.repetitionPenalty);
  const body: MutableJsonObject = {
    model_id: context.model,
    input: renderPrompt(context.model, request.messages),
    parameters,
  };
  reportInexpressible(request, context);
  for (const [name, value] of Object.entries(request.extensions?.fields ?? {})) {
    if (value === undefined) continue;
    if (request.extensions?.format !== "openai-chat") report.dropped(name, "watsonx does not know it");
    else if (BODY_FIELDS.has(name)) body[name] = value;
    else put(name, parameters[name] ?? value);
  }
  return body;
}

function reportInexpressible(request: ConversationRequest, { report }: RequestContext): void {
  const { sampling } = request;
  const unsupported = (set: boolean, parameter: string): void => {
    if (set) report.unsupported(parameter, "watsonx's text generation has no parameter for it");
  };
  unsupported((request.tools?.length ?? 0) > 0, "tools");
  unsupported(request.toolChoice !== undefined && request.toolChoice.type !== "none", "tool_choice");
  unsupported(request.responseFormat !== undefined && request.responseFormat.type !== "text", "response_format");
  unsupported(sampling.n !== undefined && sampling.n !== 1, "n");
  unsupported(sampling.presencePenalty !== undefined && sampling.presencePenalty !== 0, "presence_penalty");
  unsupported(sampling.frequencyPenalty !== undefined && sampling.frequencyPenalty !== 0, "frequency_penalty");
  unsupported(sampling.logitBias !== undefined, "logit_bias");
  unsupported(sampling.logprobs === true, "logprobs");
  unsupported(request.reasoning !== undefined, "reasoning_effort");
  const media = request.messages.some((message) =>
    message.parts.some((part) => part.type === "image" || part.type === "audio" || part.type === "video"),
  );
  unsupported(media, "messages.media");
  if (request.user !== undefined) report.dropped("user", "watsonx has no field for it");
}
