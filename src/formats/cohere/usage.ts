import { asNumber, asObject, type JsonObject } from "../../json/json.ts";
import { type Bucket, inputTokens, outputTokens, type Usage } from "../../usage/usage.ts";

/**
 * `usage` as disjoint buckets. `tokens` counts what the model saw, hidden template included; `billed_units` leaves the
 * template out. Cached and reasoning tokens lie inside `tokens`, image tokens lie outside (recorded: 34 input tokens
 * beside 259 image tokens), so a prompt with images is counted as it was billed.
 */
export function decodeUsage(usage: JsonObject | undefined): Usage | undefined {
  if (usage === undefined) return undefined;
  const tokens = asObject(usage.tokens);
  const billed = asObject(usage.billed_units);
  const count = (holder: JsonObject | undefined, name: string): number => Math.max(asNumber(holder?.[name]) ?? 0, 0);
  if (tokens === undefined && billed === undefined) return undefined;

  const seen = tokens?.input_tokens === undefined ? count(billed, "input_tokens") : count(tokens, "input_tokens");
  const image = count(tokens, "image_tokens");
  const prompt = image > 0 ? Math.max(seen, count(billed, "input_tokens")) : seen;
  const cached = Math.min(count(usage, "cached_tokens"), prompt);
  const written = tokens?.output_tokens === undefined ? count(billed, "output_tokens") : count(tokens, "output_tokens");
  const reasoning = Math.min(count(tokens, "reasoning_tokens"), written);
  const imageShare = Math.min(image, prompt - cached);

  const buckets: { [B in Bucket]?: number } = {};
  const put = (bucket: Bucket, value: number): void => {
    if (value > 0) buckets[bucket] = value;
  };
  put("input", prompt - cached - imageShare);
  put("input_image", imageShare);
  put("cache_read", cached);
  put("output", written - reasoning);
  put("output_reasoning", reasoning);
  put("queries", count(billed, "search_units"));
  return { buckets };
}

/** Buckets as `usage`. What other providers bill is what they count. */
export function encodeUsage(usage: Usage): JsonObject {
  const { buckets } = usage;
  const both = { input_tokens: inputTokens(usage), output_tokens: outputTokens(usage) };
  const cached = (buckets.cache_read ?? 0) + (buckets.cache_read_audio ?? 0);
  return {
    billed_units: both,
    tokens: {
      ...both,
      ...(buckets.output_reasoning === undefined ? {} : { reasoning_tokens: buckets.output_reasoning }),
      ...(buckets.input_image === undefined ? {} : { image_tokens: buckets.input_image }),
    },
    cached_tokens: cached,
  };
}
