import type { Json, JsonObject, MutableJsonObject } from "../../json/json.ts";
import type { ConversationRequest, Message } from "../conversation.ts";
import type { RequestContext } from "../format.ts";
import { renderPrompt } from "../prompt.ts";
import type { ParameterReport } from "../report.ts";
import { FORMAT } from "./request-decode.ts";

/**
 * Conversation → text completion body. The prompt of a client of this format goes as it is; a conversation becomes the
 * text of its model's family's template where that is known, else a transcript (`User:`, `Assistant:`) with the system
 * text in front.
 */
export function encodeRequest(request: ConversationRequest, context: RequestContext): JsonObject {
  const { report } = context;
  const { sampling } = request;
  const body: MutableJsonObject = { model: context.model, prompt: promptOf(request.messages, context) };
  const put = (name: string, value: Json | undefined): void => {
    if (value !== undefined) body[name] = value;
  };
  put("max_tokens", sampling.maxOutputTokens);
  put("temperature", sampling.temperature);
  put("top_p", sampling.topP);
  put("n", sampling.n);
  put("seed", sampling.seed);
  put("stop", sampling.stop);
  put("presence_penalty", sampling.presencePenalty);
  put("frequency_penalty", sampling.frequencyPenalty);
  put("logit_bias", sampling.logitBias);
  if (sampling.logprobs === true) body.logprobs = sampling.topLogprobs ?? 0;
  put("user", request.user);
  put("stream", request.stream);
  if (request.stream === true && request.includeUsage === true) body.stream_options = { include_usage: true };
  for (const [name, value] of [
    ["top_k", sampling.topK],
    ["min_p", sampling.minP],
    ["repetition_penalty", sampling.repetitionPenalty],
  ] as const) {
    if (context.owner !== "openai") put(name, value);
    else if (value !== undefined) report.unsupported(name, "OpenAI's completions have no field for it");
  }
  reportInexpressible(request, report);
  spreadExtensions(request, body, report);
  return body;
}

function promptOf(messages: readonly Message[], context: RequestContext): string {
  for (const message of messages) {
    for (const part of message.parts) {
      if (part.type === "image" || part.type === "audio" || part.type === "video") {
        context.report.unsupported("messages", `a text completion takes no ${part.type}`);
      } else if (part.type === "file" && part.source.type !== "text") {
        context.report.unsupported("messages", "a text completion takes no files");
      } else if (part.type === "thinking" || part.type === "opaque") {
        context.report.dropped("messages", `a text completion has no place for ${part.type} parts`);
      }
    }
  }
  const [only] = messages;
  const [text] = only?.parts ?? [];
  if (messages.length === 1 && only?.native?.format === FORMAT && text?.type === "text") return text.text;
  return renderPrompt(context.model, messages);
}

function reportInexpressible(request: ConversationRequest, report: ParameterReport): void {
  const lacks = "text completions have no field for it";
  if ((request.tools ?? []).length > 0) report.unsupported("tools", lacks);
  if (request.toolChoice !== undefined) report.unsupported("tool_choice", lacks);
  if (request.responseFormat !== undefined && request.responseFormat.type !== "text") {
    report.unsupported("response_format", lacks);
  }
  if (request.modalities?.some((modality) => modality !== "text")) report.unsupported("modalities", lacks);
  if (request.audioOutput !== undefined) report.unsupported("audio", lacks);
  if (request.reasoning !== undefined) report.unsupported("reasoning_effort", lacks);
  if (request.verbosity !== undefined) report.unsupported("verbosity", lacks);
  if (request.prediction !== undefined) report.unsupported("prediction", lacks);
  if (request.previousResponseId !== undefined) report.unsupported("previous_response_id", lacks);
  if (request.parallelToolCalls !== undefined) report.dropped("parallel_tool_calls", lacks);
  if (request.safetyIdentifier !== undefined) report.dropped("safety_identifier", lacks);
  if (request.metadata !== undefined) report.dropped("metadata", lacks);
  if (request.store !== undefined) report.dropped("store", lacks);
  if (request.serviceTier !== undefined) report.dropped("service_tier", lacks);
  if (request.promptCacheKey !== undefined) report.dropped("prompt_cache_key", lacks);
  if (request.promptCacheRetention !== undefined) report.dropped("prompt_cache_retention", lacks);
  if (request.safetySettings !== undefined) report.dropped("safety_settings", lacks);
}

/** `suffix`, `echo`, `best_of` and what a provider added; a Chat Completions client's own extras go along. */
function spreadExtensions(request: ConversationRequest, body: MutableJsonObject, report: ParameterReport): void {
  const { extensions } = request;
  if (extensions === undefined) return;
  const goes = extensions.format === FORMAT || extensions.format === "openai-chat";
  for (const [name, value] of Object.entries(extensions.fields)) {
    if (!goes) report.dropped(name, `only ${extensions.format} knows it`);
    else if (value !== undefined) body[name] ??= value;
  }
}
