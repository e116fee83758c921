import type { UpstreamFailure } from "../../errors/gateway-error.ts";
import { asObject, type JsonObject } from "../../json/json.ts";
import { reasoningContent, repairChat } from "./normalise.ts";
import type { OpenAiCompatibleRow } from "./openai-compatible.ts";

/** Streams state their usage in `x_groq.usage` of the last chunk, whether or not it was asked for. */
function groqUsage(body: JsonObject): JsonObject {
  const usage = asObject(body.x_groq)?.usage;
  return usage === undefined || (body.usage !== undefined && body.usage !== null) ? body : { ...body, usage };
}

const repair = (body: JsonObject) => repairChat(body, { messages: [reasoningContent], top: [groqUsage] });

/** A request above the per-minute token limit is answered with 413 and the code of a rate limit. */
function classifyError(failure: UpstreamFailure, status: number): UpstreamFailure {
  const limited = status === 413 && failure.upstreamCode === "rate_limit_exceeded";
  return limited ? { ...failure, code: "rate_limit", upstreamStatus: 429 } : failure;
}

const UNSUPPORTED = "Groq answers 400 to it (https://console.groq.com/docs/openai, 2026-11-24)";

export const groq: OpenAiCompatibleRow = {
  id: "groq",
  label: "Groq",
  documentation: "https://console.groq.com/docs/api-reference",
  base: "https://api.groq.com/openai/v1",
  keys: ["GROQ_API_KEY"],
  bases: ["GROQ_API_BASE"],
  // https://console.groq.com/docs/batch (2026-11-26)
  resources: { kinds: ["files", "batches"] },
  serves: ["chat", "responses", "transcription", "translation", "speech"],
  parameters: {
    unsupported: { n: UNSUPPORTED, logprobs: UNSUPPORTED, top_logprobs: UNSUPPORTED, logit_bias: UNSUPPORTED },
    // Any other member is "property '…' is unsupported".
    messageFields: ["role", "content", "name", "tool_calls", "tool_call_id", "function_call", "reasoning"],
  },
  normaliseResponse: repair,
  normaliseFrame: repair,
  frameMarks: ['"reasoning"', '"x_groq"'],
  classifyError,
};
