import { asArray, isObject, type Json, type JsonObject, type MutableJsonObject } from "../../json/json.ts";
import type { ConversationRequest, Message, Reasoning, ResponseFormat } from "../conversation.ts";
import { boundedUserId } from "../end-user-id.ts";
import { reportInexpressible } from "../expressible.ts";
import type { RequestContext } from "../format.ts";
import type { ParameterReport } from "../report.ts";
import { EXPRESSIBLE } from "./expressible.ts";
import { encodeInput } from "./items-encode.ts";
import { LOGPROBS } from "./request-decode.ts";
import { encodeToolChoice, encodeTools } from "./tools.ts";
import { FORMAT } from "./wire.ts";

const ENCRYPTED = "reasoning.encrypted_content";

/** Conversation → Responses body. */
export function encodeRequest(request: ConversationRequest, context: RequestContext): JsonObject {
  const { report } = context;
  const { instructions, messages } = splitInstructions(request.messages);
  const body: MutableJsonObject = { model: context.model, input: encodeInput(messages, context) };
  const put = (name: string, value: Json | undefined): void => {
    if (value !== undefined) body[name] = value;
  };
  put("instructions", instructions);
  const tools = encodeTools(request.tools ?? [], report);
  if (tools.length > 0) body.tools = tools;
  if (request.toolChoice !== undefined) body.tool_choice = encodeToolChoice(request.toolChoice, request.tools ?? []);
  put("parallel_tool_calls", request.parallelToolCalls);
  put("stream", request.stream);
  put("max_output_tokens", atLeast(request.sampling.maxOutputTokens, report));
  put("temperature", request.sampling.temperature);
  put("top_p", request.sampling.topP);
  put("top_logprobs", request.sampling.topLogprobs);
  const text: JsonObject = {
    ...(request.responseFormat === undefined ? {} : { format: encodeFormat(request.responseFormat) }),
    ...(request.verbosity === undefined ? {} : { verbosity: request.verbosity }),
  };
  if (Object.keys(text).length > 0) body.text = text;
  const reasoning = encodeReasoningSettings(request.reasoning, report);
  if (Object.keys(reasoning).length > 0) body.reasoning = reasoning;
  const include = includes(request, context);
  if (include.length > 0) body.include = include;
  put("user", boundedUserId(request.user, report));
  put("safety_identifier", request.safetyIdentifier);
  put("metadata", request.metadata);
  put("store", request.store);
  put("service_tier", request.serviceTier);
  put("prompt_cache_key", request.promptCacheKey);
  put("prompt_cache_retention", request.promptCacheRetention);
  put("previous_response_id", request.previousResponseId);
  encodeForeignSampling(request, body, context);
  reportInexpressible(request, FORMAT, EXPRESSIBLE, report);
  spreadExtensions(request, body, report);
  return body;
}

/** The API's smallest limit (2026-11-24); clients of other formats probe with less. */
const SMALLEST_LIMIT = 16;

function atLeast(limit: number | undefined, report: ParameterReport): number | undefined {
  if (limit === undefined || limit >= SMALLEST_LIMIT) return limit;
  report.clamped("max_tokens", SMALLEST_LIMIT, "the Responses API takes no smaller limit");
  return SMALLEST_LIMIT;
}

/** The first system text is the instructions, unless the client of this format wrote it as an item. */
function splitInstructions(messages: readonly Message[]): {
  readonly instructions: string | undefined;
  readonly messages: readonly Message[];
} {
  const [first, ...rest] = messages;
  if (first?.role !== "system" || first.native?.format === FORMAT) return { instructions: undefined, messages };
  if (!first.parts.every((part) => part.type === "text")) return { instructions: undefined, messages };
  const text = first.parts.map((part) => (part.type === "text" ? part.text : "")).join("\n\n");
  return { instructions: text === "" ? undefined : text, messages: rest };
}

/** `text.format`; a schema must have a name. */
export function encodeFormat(format: ResponseFormat): JsonObject {
  switch (format.type) {
    case "text":
      return { type: "text" };
    case "json":
      return { type: "json_object" };
    case "json-schema":
      return {
        type: "json_schema",
        name: format.name ?? "response",
        ...(format.description === undefined ? {} : { description: format.description }),
        schema: format.schema,
        ...(format.strict === undefined ? {} : { strict: format.strict }),
      };
  }
}

/** OpenAI knows efforts, not budgets: the same steps as between Messages and Chat Completions. */
function encodeReasoningSettings(reasoning: Reasoning | undefined, report: ParameterReport): JsonObject {
  if (reasoning === undefined) return {};
  if (reasoning.summary === "none") report.converted("reasoning.summary", "no summary is what leaving it out means");
  const summary = reasoning.summary === undefined || reasoning.summary === "none" ? {} : { summary: reasoning.summary };
  if (reasoning.effort !== undefined) return { effort: reasoning.effort, ...summary };
  const { budgetTokens, mode } = reasoning;
  if (mode === "disabled" || budgetTokens === 0) {
    report.converted("thinking", "thinking that is off is an effort of none");
    return { effort: "none", ...summary };
  }
  if (budgetTokens !== undefined) {
    const effort =
      budgetTokens >= 4096 ? "high" : budgetTokens >= 2048 ? "medium" : budgetTokens >= 1024 ? "low" : "minimal";
    report.converted("thinking", "a budget of thinking is an effort");
    return { effort, ...summary };
  }
  if (mode !== undefined)
    report.converted("thinking", "thinking without a budget is the model's own effort, or medium");
  return mode === "enabled" ? { effort: "medium", ...summary } : summary;
}

/**
 * What the answer shall hold besides. Clients of other formats never ask for encrypted reasoning and need it to go on
 * thinking in the next turn; models that do not reason refuse it.
 */
function includes(request: ConversationRequest, context: RequestContext): string[] {
  const own = request.extensions?.format === FORMAT ? asArray(request.extensions.fields.include) : [];
  const include = own.filter((item) => typeof item === "string");
  if (request.sampling.logprobs === true && !include.includes(LOGPROBS)) include.push(LOGPROBS);
  const keepsReasoning = context.owner === "openai" || context.owner === "xai";
  if (
    keepsReasoning &&
    context.capabilities.reasoning === true &&
    request.extensions?.format !== FORMAT &&
    request.reasoning?.mode !== "disabled" &&
    request.reasoning?.effort !== "none"
  ) {
    include.push(ENCRYPTED);
  }
  return include;
}

/** A value that means the same as none. */
function saysNothing(name: string, value: Json): boolean {
  if (name === "logit_bias") return isObject(value) && Object.keys(value).length === 0;
  return name === "repetition_penalty" ? value === 1 : value === 0 && name !== "seed" && name !== "top_k";
}

/** Sampling that OpenAI's API lacks and that compatible servers take. */
function encodeForeignSampling(request: ConversationRequest, body: MutableJsonObject, context: RequestContext): void {
  const { sampling } = request;
  const values: readonly (readonly [string, Json | undefined])[] = [
    ["stop", sampling.stop],
    ["seed", sampling.seed],
    ["presence_penalty", sampling.presencePenalty],
    ["frequency_penalty", sampling.frequencyPenalty],
    ["logit_bias", sampling.logitBias],
    ["top_k", sampling.topK],
    ["min_p", sampling.minP],
    ["repetition_penalty", sampling.repetitionPenalty],
  ];
  for (const [name, value] of values) {
    if (value === undefined) continue;
    if (context.owner !== "openai") body[name] = value;
    else if (!saysNothing(name, value)) context.report.unsupported(name, "OpenAI's Responses API has no field for it");
  }
}

/** Own fields as they were; fields that a Chat Completions client added for the provider go along. */
function spreadExtensions(request: ConversationRequest, body: MutableJsonObject, report: ParameterReport): void {
  const { extensions } = request;
  if (extensions === undefined) return;
  if (extensions.format !== FORMAT && extensions.format !== "openai-chat") {
    for (const name of Object.keys(extensions.fields)) report.dropped(name, `only ${extensions.format} knows it`);
    return;
  }
  for (const [name, value] of Object.entries(extensions.fields)) {
    if (value === undefined) continue;
    const given = body[name];
    body[name] = isObject(given) && isObject(value) ? { ...value, ...given } : (given ?? value);
  }
}
