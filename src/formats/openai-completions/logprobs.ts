import { asArray, asNumber, asObject, asString, isObject, type Json, type JsonObject } from "../../json/json.ts";

/** Text completions write log probabilities as parallel lists; a conversation has Chat Completions' list of tokens. */
export function decodeLogprobs(value: Json | undefined): Json | undefined {
  const logprobs = asObject(value);
  if (logprobs === undefined) return undefined;
  // Some servers write the newer form here too.
  if (Array.isArray(logprobs.content)) return logprobs;
  const values = asArray(logprobs.token_logprobs);
  const tops = asArray(logprobs.top_logprobs);
  const content = asArray(logprobs.tokens).map((token, index) => ({
    token: asString(token) ?? "",
    // The first token of an echoed prompt has none.
    logprob: asNumber(values[index]) ?? null,
    bytes: bytesOf(asString(token) ?? ""),
    top_logprobs: Object.entries(asObject(tops[index]) ?? {}).map(([candidate, logprob]) => ({
      token: candidate,
      logprob: asNumber(logprob) ?? null,
      bytes: bytesOf(candidate),
    })),
  }));
  return content.length === 0 ? undefined : { content, refusal: null };
}

/** The parallel lists; `offset` is where the first token's text begins. */
export function encodeLogprobs(value: Json | undefined, offset: number): JsonObject | null {
  const content = asArray(asObject(value)?.content).filter(isObject);
  if (content.length === 0) return null;
  let at = offset;
  const offsets = content.map((entry) => {
    const start = at;
    at += (asString(entry.token) ?? "").length;
    return start;
  });
  const tops = content.map((entry) =>
    Object.fromEntries(
      asArray(entry.top_logprobs)
        .filter(isObject)
        .map((top) => [asString(top.token) ?? "", top.logprob ?? null]),
    ),
  );
  return {
    tokens: content.map((entry) => entry.token ?? ""),
    token_logprobs: content.map((entry) => entry.logprob ?? null),
    top_logprobs: tops.some((top) => Object.keys(top).length > 0) ? tops : null,
    text_offset: offsets,
  };
}

function bytesOf(text: string): readonly number[] {
  return [...new TextEncoder().encode(text)];
}
