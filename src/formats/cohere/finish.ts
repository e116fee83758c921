import type { FinishReason } from "../conversation.ts";
import type { CohereFinish } from "./types.ts";

const REASONS: Readonly<Record<CohereFinish, FinishReason>> = {
  COMPLETE: "stop",
  STOP_SEQUENCE: "stop",
  MAX_TOKENS: "length",
  ERROR_LIMIT: "length",
  TOOL_CALL: "tool-calls",
  ERROR_TOXIC: "content-filter",
  ERROR: "error",
  TIMEOUT: "error",
  USER_CANCEL: "error",
};

/** Cohere's word for how an answer ended → ours; an unknown word is a plain stop. */
export function decodeFinish(raw: string | undefined, calls: boolean): FinishReason {
  const reason = raw !== undefined && isCohereFinish(raw) ? REASONS[raw] : "stop";
  return reason === "stop" && calls ? "tool-calls" : reason;
}

/** Our word → Cohere's; a word of Cohere's own comes back as it was. */
export function encodeFinish(reason: FinishReason, raw: string | undefined, stopSequence?: string): CohereFinish {
  if (raw !== undefined && isCohereFinish(raw)) return raw;
  switch (reason) {
    case "length":
      return "MAX_TOKENS";
    case "tool-calls":
      return "TOOL_CALL";
    case "content-filter":
      return "ERROR_TOXIC";
    case "error":
      return "ERROR";
    default:
      return stopSequence === undefined ? "COMPLETE" : "STOP_SEQUENCE";
  }
}

function isCohereFinish(word: string): word is CohereFinish {
  return Object.hasOwn(REASONS, word);
}
