import type { Json, JsonObject, MutableJsonObject } from "../../json/json.ts";
import type { ConversationRequest, ResponseFormat } from "../conversation.ts";
import { reportInexpressible } from "../expressible.ts";
import type { RequestContext } from "../format.ts";
import { renderPrompt } from "../prompt.ts";
import type { ParameterReport } from "../report.ts";
import { EXPRESSIBLE } from "./expressible.ts";

/** Members of the body beside `parameters`. */
const BODY_FIELDS = new Set(["options", "adapter_id", "adapter_source"]);

/**
 * Conversation → body of TGI's `/generate` (https://huggingface.co/docs/text-generation-inference/reference/api_reference,
 * 2026-11-24). Fields that the conversation has no word for are parameters.
 */
export function encodeRequest(request: ConversationRequest, context: RequestContext): JsonObject {
  const parameters: MutableJsonObject = { details: true, return_full_text: false };
  const body = encodeGeneration(request, context, parameters);
  if (request.stream !== undefined) body.stream = request.stream;
  return body;
}

/** `{inputs, parameters}`, with the parameters added to those given. */
export function encodeGeneration(
  request: ConversationRequest,
  context: RequestContext,
  parameters: MutableJsonObject,
): MutableJsonObject {
  const { report } = context;
  encodeParameters(request, parameters, report);
  const body: MutableJsonObject = { inputs: renderPrompt(context.model, request.messages), parameters };
  reportInexpressible(request, "huggingface-generate", EXPRESSIBLE, report);
  for (const [name, value] of Object.entries(request.extensions?.fields ?? {})) {
    if (value === undefined) continue;
    if (request.extensions?.format !== "openai-chat") report.dropped(name, "TGI does not know it");
    else if (BODY_FIELDS.has(name)) body[name] = value;
    else parameters[name] ??= value;
  }
  return body;
}

function encodeParameters(request: ConversationRequest, parameters: MutableJsonObject, report: ParameterReport): void {
  const { sampling } = request;
  const put = (name: string, value: Json | undefined): void => {
    if (value !== undefined) parameters[name] = value;
  };
  const inside = (parameter: string, value: number | undefined, min: number, max: number): number | undefined => {
    if (value === undefined || (value >= min && value <= max)) return value;
    const clamped = Math.min(Math.max(value, min), max);
    report.clamped(parameter, clamped, "TGI takes values strictly inside the range");
    return clamped;
  };
  put("max_new_tokens", inside("max_tokens", sampling.maxOutputTokens, 1, Number.MAX_SAFE_INTEGER));
  put("temperature", inside("temperature", sampling.temperature, 0.01, Number.MAX_SAFE_INTEGER));
  put("top_p", inside("top_p", sampling.topP, 0.01, 0.99));
  put("top_k", sampling.topK);
  put("seed", sampling.seed);
  put("stop", sampling.stop);
  put("frequency_penalty", sampling.frequencyPenalty);
  put("repetition_penalty", sampling.repetitionPenalty);
  if (sampling.n !== undefined && sampling.n > 1) {
    parameters.best_of = sampling.n;
    parameters.do_sample = true;
  }
  const grammar = encodeGrammar(request.responseFormat);
  if (grammar !== undefined) parameters.grammar = grammar;
}

function encodeGrammar(format: ResponseFormat | undefined): JsonObject | undefined {
  if (format?.type === "json") return { type: "json", value: { type: "object" } };
  return format?.type === "json-schema" ? { type: "json", value: format.schema } : undefined;
}
