/**
 * What a call consumed, as disjoint buckets: no token is in two of them, so a price is a plain sum over buckets.
 * Every format derives its own totals (`prompt_tokens`, `input_tokens` …) from these on the way out.
 */

/** Buckets counted in tokens. `input` is uncached text; `output` is visible text, tool calls included. */
export const TOKEN_BUCKETS = [
  "input",
  "input_audio",
  "input_image",
  "input_video",
  "cache_read",
  "cache_read_audio",
  "cache_write_5m",
  "cache_write_1h",
  "output",
  "output_reasoning",
  "output_audio",
  "output_image",
  "output_video",
] as const;

/** Buckets counted in something other than tokens. */
export const UNIT_BUCKETS = [
  "input_characters",
  "output_characters",
  "input_seconds",
  "output_seconds",
  "input_video_seconds",
  "output_video_seconds",
  "input_images",
  "output_images",
  "input_pixels",
  "output_pixels",
  "queries",
  "pages",
  "annotated_pages",
  "web_searches",
  "file_searches",
  "code_sessions",
  "maps_queries",
] as const;

export type TokenBucket = (typeof TOKEN_BUCKETS)[number];
export type UnitBucket = (typeof UNIT_BUCKETS)[number];
export type Bucket = TokenBucket | UnitBucket;

export type Buckets = { readonly [B in Bucket]?: number };

export interface Usage {
  readonly buckets: Buckets;
  /** The provider's own statement of the call's price in US dollars, as decimal text (OpenRouter `usage.cost` …). */
  readonly reportedCost?: string;
  /** The tier that served the call (`default`, `flex`, `priority`, `batch` …), which may select other prices. */
  readonly serviceTier?: string;
  /** `low`, `medium` or `high`: selects the price of a web search. */
  readonly searchContextSize?: "low" | "medium" | "high";
  /** Figures that lie inside a bucket and carry no price of their own. */
  readonly notes?: { readonly acceptedPredictionTokens?: number; readonly rejectedPredictionTokens?: number };
  /** The provider's own total, when it counts something that its parts do not show. */
  readonly reportedTotalTokens?: number;
  /** True when the figures are the gateway's own count or bound because the provider gave none. */
  readonly estimated?: boolean;
}

const INPUT_TOKEN_BUCKETS = TOKEN_BUCKETS.filter((bucket) => !bucket.startsWith("output"));
const OUTPUT_TOKEN_BUCKETS = TOKEN_BUCKETS.filter((bucket) => bucket.startsWith("output"));

function sum(buckets: Buckets, names: readonly TokenBucket[]): number {
  let total = 0;
  for (const name of names) total += buckets[name] ?? 0;
  return total;
}

/** Every input token, cached and cache-writing ones included. */
export function inputTokens(usage: Usage): number {
  return sum(usage.buckets, INPUT_TOKEN_BUCKETS);
}

/** Every output token, reasoning included. */
export function outputTokens(usage: Usage): number {
  return sum(usage.buckets, OUTPUT_TOKEN_BUCKETS);
}

/** Input plus output tokens, or the provider's own total where it is larger. */
export function totalTokens(usage: Usage): number {
  return Math.max(inputTokens(usage) + outputTokens(usage), usage.reportedTotalTokens ?? 0);
}

/** Adds two usages bucket by bucket; the second one's tier wins. */
export function addUsage(a: Usage, b: Usage): Usage {
  const buckets: { [B in Bucket]?: number } = { ...a.buckets };
  for (const [name, count] of Object.entries(b.buckets) as [Bucket, number][]) {
    buckets[name] = (buckets[name] ?? 0) + count;
  }
  const tier = b.serviceTier ?? a.serviceTier;
  return {
    buckets,
    ...(tier === undefined ? {} : { serviceTier: tier }),
    ...(a.estimated || b.estimated ? { estimated: true } : {}),
  };
}
