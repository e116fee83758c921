import type { Json, JsonObject, MutableJsonObject } from "../../json/json.ts";
import type { ConversationRequest, Message } from "../conversation.ts";
import { reportInexpressible } from "../expressible.ts";
import type { RequestContext } from "../format.ts";
import { renderPrompt } from "../prompt.ts";
import type { ParameterReport } from "../report.ts";
import { EXPRESSIBLE } from "./expressible.ts";
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
  reportInexpressible(request, FORMAT, EXPRESSIBLE, report);
  spreadExtensions(request, body, report);
  return body;
}

function promptOf(messages: readonly Message[], context: RequestContext): string {
  const [only] = messages;
  const [text] = only?.parts ?? [];
  if (messages.length === 1 && only?.native?.format === FORMAT && text?.type === "text") return text.text;
  return renderPrompt(context.model, messages);
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
