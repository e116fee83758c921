import type { JsonObject } from "../json/json.ts";

/** Members of a request that change nothing about its answer. */
const LEFT_OUT = new Set([
  ...["cache", "caching", "metadata", "litellm_metadata", "user", "tags", "timeout", "request_timeout"],
  ...["stream_timeout", "num_retries", "max_retries", "fallbacks", "context_window_fallbacks"],
  ...["content_policy_fallbacks", "disable_fallbacks", "litellm_trace_id", "litellm_session_id", "litellm_call_id"],
  ...["no-log", "guardrails", "priority", "safety_identifier", "prompt_cache_key", "model"],
]);

/**
 * The key of an answer, as LiteLLM writes it: `namespace:` and the SHA-256, in hexadecimal, of what the answer depends on.
 * The same words in another order of members are the same request. Whole and streamed answers have keys of their own,
 * since each is kept as it went out.
 */
export function cacheKey(
  namespace: string | undefined,
  call: { readonly format: string; readonly operation: string; readonly model: string; readonly framing: string },
  body: JsonObject,
): string {
  const text = `${call.format}\n${call.operation}\n${call.framing}\n${call.model}\n${canonical(relevant(body))}`;
  const hash = sha256(text);
  return namespace === undefined ? hash : `${namespace}:${hash}`;
}

/** The members that the answer depends on, but for the model. */
export function relevant(body: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(body).filter(([name]) => !LEFT_OUT.has(name)));
}

export function sha256(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}

/** JSON with members in alphabetical order. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => {
    if (typeof member !== "object" || member === null || Array.isArray(member)) return member;
    return Object.fromEntries(Object.entries(member).sort(([one], [other]) => (one < other ? -1 : 1)));
  });
}
