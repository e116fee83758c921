import type { UpstreamFailure } from "../../errors/gateway-error.ts";
import type { JsonObject, MutableJsonObject } from "../../json/json.ts";
import type { Call } from "../provider.ts";
import { finishWithToolCalls, reasoningContent, repairChat } from "./normalise.ts";
import type { OpenAiCompatibleRow } from "./openai-compatible.ts";

const FINISH = { eos: "stop" };
const repair = (body: JsonObject) =>
  repairChat(body, { messages: [reasoningContent], finish: FINISH, top: [finishWithToolCalls] });
const repairFrame = (body: JsonObject) => repairChat(body, { messages: [reasoningContent], finish: FINISH });

/** `logprobs` is the number of alternatives. https://docs.together.ai/reference/chat-completions-1 (2026-11-24) */
function logprobsAsNumber(body: MutableJsonObject, call: Call): void {
  if (typeof body.logprobs !== "boolean") return;
  const wanted = typeof body.top_logprobs === "number" ? Math.max(body.top_logprobs, 1) : 1;
  if (body.logprobs) body.logprobs = wanted;
  else delete body.logprobs;
  delete body.top_logprobs;
  call.report.converted("logprobs", "Together takes the number of alternatives");
}

export const togetherAi: OpenAiCompatibleRow = {
  id: "together_ai",
  aliases: ["togetherai"],
  label: "TogetherAI",
  documentation: "https://docs.together.ai/reference/chat-completions-1",
  base: "https://api.together.xyz/v1",
  hosts: ["api.together.ai"],
  keys: ["TOGETHERAI_API_KEY", "TOGETHER_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHER_AI_TOKEN"],
  bases: ["TOGETHER_AI_API_BASE", "TOGETHERAI_API_BASE"],
  serves: ["chat", "completions", "embeddings", "rerank", "image-generation", "transcription", "speech"],
  parameters: { rename: { max_completion_tokens: "max_tokens" }, custom: logprobsAsNumber },
  normaliseResponse: repair,
  normaliseFrame: repairFrame,
  frameMarks: ['"eos"', '"reasoning"'],
  classifyError: (failure: UpstreamFailure, status) =>
    status === 524 ? { ...failure, code: "gateway_timeout" } : failure,
};
