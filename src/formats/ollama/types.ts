/** The wire words of Ollama's own API (https://docs.ollama.com/api/chat and …/generate, 2026-11-24). */
import type { JsonObject } from "../../json/json.ts";

/** A message; content is always text, images stand beside it as base64. */
export interface OllamaMessage extends JsonObject {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string;
  readonly thinking?: string;
  readonly images?: readonly string[];
  readonly tool_calls?: readonly OllamaToolCall[];
  /** Of a tool's answer: which function, and in newer versions which call. */
  readonly tool_name?: string;
  readonly tool_call_id?: string;
}

export interface OllamaToolCall extends JsonObject {
  /** Newer versions only. */
  readonly id?: string;
  readonly function: {
    readonly index?: number;
    readonly name: string;
    readonly arguments: JsonObject;
  };
}

/** Members of a request beside `options`, which hold everything that steers the model. */
export const REQUEST_FIELDS: ReadonlySet<string> = new Set([
  "model",
  "messages",
  "tools",
  "format",
  "options",
  "stream",
  "think",
  "keep_alive",
  "logprobs",
  "top_logprobs",
  "truncate",
  "shift",
  "template",
  "raw",
  "suffix",
  "context",
]);

/** What a finished answer says beside the message; durations are in nanoseconds. */
export const TIMINGS = ["total_duration", "load_duration", "prompt_eval_duration", "eval_duration"] as const;
