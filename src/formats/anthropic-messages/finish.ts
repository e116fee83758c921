import type { FinishReason } from "../conversation.ts";

/** https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons (2026-11) */
const REASONS: Readonly<Record<string, FinishReason>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  compaction: "length",
  tool_use: "tool-calls",
  pause_turn: "pause",
  refusal: "content-filter",
};

/** Anthropic's word → reason; an answer with calls ends with them, whatever the word. */
export function decodeFinish(raw: string | undefined, calls: boolean): FinishReason {
  const reason = REASONS[raw ?? ""] ?? "stop";
  return reason === "stop" && calls ? "tool-calls" : reason;
}

/** Reason → Anthropic's word. Its own word comes back as it was, unless the reason says otherwise. */
export function encodeFinish(
  reason: FinishReason,
  raw: string | undefined,
  stopSequence: string | undefined,
  refused: boolean,
): string {
  if (raw !== undefined && REASONS[raw] === reason) return raw;
  switch (reason) {
    case "length":
      return "max_tokens";
    case "tool-calls":
      return "tool_use";
    case "pause":
      return "pause_turn";
    case "content-filter":
      return "refusal";
    default:
      if (refused) return "refusal";
      return stopSequence === undefined ? "end_turn" : "stop_sequence";
  }
}
