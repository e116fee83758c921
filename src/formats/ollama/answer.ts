import { asNumber, asString, isObject, type Json, type JsonObject } from "../../json/json.ts";
import type { Bucket, Usage } from "../../usage/usage.ts";
import type { Extensions, FinishReason } from "../conversation.ts";
import { withEstimatedInput } from "../estimated-usage.ts";
import type { ResponseContext } from "../format.ts";
import { TIMINGS } from "./types.ts";

/** Seconds of `created_at`. */
export function createdOf(body: JsonObject): number | undefined {
  const milliseconds = Date.parse(asString(body.created_at) ?? "");
  return Number.isNaN(milliseconds) || milliseconds <= 0 ? undefined : Math.floor(milliseconds / 1000);
}

/** What tells the calls of this answer from those of others: the digits of its time, which has nanoseconds. */
export function callPrefix(body: JsonObject): string {
  const digits = (asString(body.created_at) ?? "").replace(/\D/g, "");
  return digits === "" ? "" : `${digits}_`;
}

/** `stop` also stands behind tool calls; `load` and `unload` answer requests without messages. */
export function decodeFinish(raw: string | undefined, calls: boolean): FinishReason {
  if (raw === "length") return "length";
  return calls ? "tool-calls" : "stop";
}

/** Counts of a finished answer. A prompt that was cached whole may go uncounted: then it is estimated. */
export function decodeUsage(body: JsonObject, context: ResponseContext): Usage | undefined {
  const input = asNumber(body.prompt_eval_count);
  const output = asNumber(body.eval_count);
  if (input === undefined && output === undefined) return undefined;
  const cached = Math.min(asNumber(body.prompt_eval_cached_count) ?? 0, input ?? 0);
  if (input === undefined || cached === 0) return withEstimatedInput(input, output ?? 0, context);
  const buckets: { [B in Bucket]?: number } = { cache_read: cached, output: output ?? 0 };
  if (input > cached) buckets.input = input - cached;
  return { buckets };
}

/** How long the answer took, for clients of the same format. */
export function timingsOf(body: JsonObject): Extensions | undefined {
  const fields: Record<string, Json> = {};
  for (const name of TIMINGS) {
    const value = asNumber(body[name]);
    if (value !== undefined) fields[name] = value;
  }
  return Object.keys(fields).length === 0 ? undefined : { format: "ollama", fields };
}

/** Ollama's list (https://docs.ollama.com/api/chat, 2026-11-24) is what OpenAI calls `content`. */
export function decodeLogprobs(list: Json | undefined): Json | undefined {
  if (!Array.isArray(list) || list.length === 0) return undefined;
  const content = (list as readonly Json[]).filter(isObject).map((item) => ({
    token: asString(item.token) ?? "",
    logprob: asNumber(item.logprob) ?? 0,
    bytes: item.bytes ?? null,
    top_logprobs: item.top_logprobs ?? [],
  }));
  return { content, refusal: null };
}
