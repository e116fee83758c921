import type { FinishReason } from "../conversation.ts";

const REASONS: Readonly<Record<string, FinishReason>> = {
  length: "length",
  max_tokens: "length",
  content_filtered: "content-filter",
  content_filter: "content-filter",
  error_toxic: "content-filter",
  error: "error",
};

/** What the makers' own words for the end of an answer mean: `FINISH`, `COMPLETE`, `stop`, `endoftext`, `LENGTH` … */
export function finishOf(raw: string): FinishReason {
  return REASONS[raw.toLowerCase()] ?? "stop";
}
