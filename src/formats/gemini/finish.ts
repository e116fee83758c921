import type { FinishReason } from "../conversation.ts";

const FILTERED = new Set([
  "SAFETY",
  "RECITATION",
  "LANGUAGE",
  "BLOCKLIST",
  "PROHIBITED_CONTENT",
  "SPII",
  "IMAGE_SAFETY",
  "IMAGE_PROHIBITED_CONTENT",
  "IMAGE_RECITATION",
  "IMAGE_OTHER",
  "NO_IMAGE",
  "MODEL_ARMOR",
  "OTHER",
  "ESCALATION",
]);

/** Google says `STOP` with tool calls too. */
export function decodeFinish(raw: string | undefined, calls: boolean): FinishReason {
  if (raw === "MAX_TOKENS") return "length";
  if (raw !== undefined && FILTERED.has(raw)) return "content-filter";
  return calls ? "tool-calls" : "stop";
}

const OWN_WORDS = new Set([
  ...FILTERED,
  "STOP",
  "MAX_TOKENS",
  "MALFORMED_FUNCTION_CALL",
  "UNEXPECTED_TOOL_CALL",
  "TOO_MANY_TOOL_CALLS",
  "FINISH_REASON_UNSPECIFIED",
]);

/** Google's word for how a choice ended; its own word comes back as it was. */
export function encodeFinish(reason: FinishReason, raw: string | undefined): string {
  if (raw !== undefined && OWN_WORDS.has(raw)) return raw;
  switch (reason) {
    case "length":
      return "MAX_TOKENS";
    case "content-filter":
      return "SAFETY";
    case "error":
      return "OTHER";
    default:
      return "STOP";
  }
}
