import type { Json, JsonObject, MutableJsonObject } from "../../json/json.ts";
import type { ConversationRequest } from "../conversation.ts";
import { reportInexpressible } from "../expressible.ts";
import type { RequestContext } from "../format.ts";
import { renderPrompt } from "../prompt.ts";
import { EXPRESSIBLE } from "./expressible.ts";

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
  if (greedy) {
    if (sampling.topP !== undefined) report.dropped("top_p", "at a temperature of 0 nothing is sampled");
    if (sampling.topK !== undefined) report.dropped("top_k", "at a temperature of 0 nothing is sampled");
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
  reportInexpressible(request, "watsonx-generate", EXPRESSIBLE, report);
  for (const [name, value] of Object.entries(request.extensions?.fields ?? {})) {
    if (value === undefined) continue;
    if (request.extensions?.format !== "openai-chat") report.dropped(name, "watsonx does not know it");
    else if (BODY_FIELDS.has(name)) body[name] = value;
    else put(name, parameters[name] ?? value);
  }
  return body;
}
