import type { FinishReason } from "../conversation.ts";

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, `stopReason` (2026-11) */
const REASONS: Readonly<Record<string, FinishReason>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  malformed_model_output: "stop",
  malformed_tool_use: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool-calls",
  guardrail_intervened: "content-filter",
  content_filtered: "content-filter",
};

/** Converse's word → reason. A call that was unwrapped into the answer leaves no call behind. */
export function decodeFinish(raw: string | undefined, calls: boolean): FinishReason {
  const reason = REASONS[raw ?? ""] ?? "stop";
  if (reason === "tool-calls" && !calls) return "stop";
  return reason === "stop" && calls ? "tool-calls" : reason;
}

/** Reason → Converse's word. Its own word comes back as it was, unless the reason says otherwise. */
export function encodeFinish(reason: FinishReason, raw: string | undefined, stopSequence: string | undefined): string {
  if (raw !== undefined && REASONS[raw] === reason) return raw;
  switch (reason) {
    case "length":
      return "max_tokens";
    case "tool-calls":
      return "tool_use";
    case "content-filter":
      return "content_filtered";
    default:
      return stopSequence === undefined ? "end_turn" : "stop_sequence";
  }
}
