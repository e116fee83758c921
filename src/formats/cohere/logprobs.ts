import { asArray, asNumber, asObject, asString, isObject, type Json, type JsonObject } from "../../json/json.ts";

/** Cohere's `{token_ids, text, logprobs}` items as OpenAI's object; an item of several tokens has their sum. */
export function decodeLogprobs(items: readonly Json[]): Json | undefined {
  const content = items.filter(isObject).map((item) => ({
    token: asString(item.text) ?? "",
    logprob: asArray(item.logprobs).reduce<number>((sum, value) => sum + (asNumber(value) ?? 0), 0),
    bytes: null,
    top_logprobs: [],
  }));
  return content.length === 0 ? undefined : { content, refusal: null };
}

/** OpenAI's object as Cohere's items. Token ids are known to nobody but the model's own tokenizer. */
export function encodeLogprobs(logprobs: Json): JsonObject[] {
  return asArray(asObject(logprobs)?.content)
    .filter(isObject)
    .map((item) => ({
      token_ids: [],
      text: asString(item.token) ?? "",
      logprobs: [asNumber(item.logprob) ?? 0],
    }));
}
