import type { FinishReason } from "../conversation.ts";

const LENGTH = new Set([
  "length",
  "max_tokens",
  "MAX_TOKENS",
  "compaction",
  "LENGTH",
  "maximum_tokens",
  "model_context_window_exceeded",
  "model_length",
  "time_limit",
  "token_limit",
]);
const TOOLS = new Set(["tool_use", "tool_calls", "tool_call", "TOOL_CALL", "function_call"]);
const FILTER = new Set([
  "content_filter",
  "content_filtered",
  "refusal",
  "guardrail_intervened",
  "SAFETY",
  "RECITATION",
  "LANGUAGE",
  "BLOCKLIST",
  "PROHIBITED_CONTENT",
  "SPII",
  "IMAGE_SAFETY",
  "ESCALATION",
  "MODEL_ARMOR",
  "ERROR_TOXIC",
  "sensitive",
]);

/** The reason behind a provider's word. Tool calls that are there make it `tool-calls`, whatever was said but a limit. */
export function decodeFinish(raw: string | undefined, calls: boolean): FinishReason {
  if (raw !== undefined && LENGTH.has(raw)) return "length";
  if (raw !== undefined && FILTER.has(raw)) return "content-filter";
  if (calls || (raw !== undefined && TOOLS.has(raw))) return "tool-calls";
  return "stop";
}

/** OpenAI's word. */
export function encodeFinish(reason: FinishReason): string {
  switch (reason) {
    case "length":
      return "length";
    case "tool-calls":
      return "tool_calls";
    case "content-filter":
      return "content_filter";
    default:
      return "stop";
  }
}
