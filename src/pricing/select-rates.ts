import { inputTokens, type Usage } from "../usage/usage.ts";
import { isOffPeak } from "./off-peak.ts";
import type { PriceTier } from "./price-fields.ts";
import type { PriceRange } from "./price-rules.ts";
import type { CompiledPrices } from "./price-sheet.ts";
import { compileRates, type RateContext, type RateSet } from "./rates.ts";

/** Circumstances of a call that its usage does not tell. */
export interface CostOptions {
  /** `service_tier` of the request; counts where the answer names no tier. */
  readonly requestedTier?: string;
  /** When the call was made, in milliseconds since the epoch: decides on off-peak prices. */
  readonly at: number;
  /** Where the provider processed the call (`eu`, `us`, `us-east5` …); undefined and `global` cost no uplift. */
  readonly region?: string;
  /** Whether a prompt of exactly a threshold's size passes it. Default: only at xAI. */
  readonly thresholdInclusive?: boolean;
  /** Resolution or size of generated media as price names write it: `720p`, `1K`. */
  readonly size?: string;
  /** The most results that a search could return, for searches priced by that. */
  readonly maxResults?: number;
  /** Whether the provider keeps written cache for longer than twelve hours (`prompt_cache_retention: "24h"`). */
  readonly longCacheRetention?: boolean;
}

const TIER_OF: ReadonlyMap<string, PriceTier> = new Map([
  ["priority", "priority"],
  ["fast", "priority"],
  ["flex", "flex"],
  ["batch", "batches"],
  ["batches", "batches"],
  ["balanced", "balanced"],
  ["ultrafast", "ultrafast"],
  ["decisions", "decisions"],
]);

const NONE: readonly string[] = [];

/** A call to which nothing special applies. */
export const PLAIN_CONTEXT: RateContext = {
  aboveTokens: 0,
  aboveSeconds: 0,
  offPeak: false,
  searchContextSize: "medium",
  longCacheRetention: false,
  occasions: NONE,
};

/** The multipliers of `PriceRules` that a tier and a region call for. */
export function occasionsFor(
  { rules }: CompiledPrices,
  tier: string | undefined,
  region: string | undefined,
): readonly string[] {
  const { multipliers } = rules;
  if (multipliers.size === 0) return NONE;
  const occasions: string[] = [];
  if (tier === "fast" && multipliers.has("fast")) occasions.push("fast");
  if (region === undefined || region === "" || region === "global") return occasions;
  const area = /^(?:eu(?:rope)?|us)(?![a-z])/.exec(region)?.[0].slice(0, 2);
  if (area !== undefined) {
    for (const occasion of [area, `processing_${area}`]) if (multipliers.has(occasion)) occasions.push(occasion);
  }
  if (multipliers.has("endpoint")) occasions.push("endpoint");
  return occasions;
}

/** The tier whose prices apply. Where fast mode is a multiplier, the standard prices are multiplied. */
export function priceTier({ rules }: CompiledPrices, tier: string | undefined): PriceTier | undefined {
  if (tier === undefined || (tier === "fast" && rules.multipliers.has("fast"))) return undefined;
  return TIER_OF.get(tier);
}

/** The first range that reaches up to `figure`; the last one where it is beyond all. */
export function rangeFor(ranges: readonly PriceRange[], figure: number): PriceRange | undefined {
  return ranges.find(({ to }) => figure <= to) ?? ranges[ranges.length - 1];
}

/** The rates in a context, compiled on first use. */
export function ratesIn(prices: CompiledPrices, context: RateContext): RateSet {
  const { rules } = prices;
  const size = context.size !== undefined && hasSize(prices, context.size) ? context.size : "";
  const ranges = `${rules.ranges.indexOf(context.tokenRange as PriceRange)},${rules.ranges.indexOf(context.resultRange as PriceRange)}`;
  const key = `${context.tier ?? ""}|${context.aboveTokens}|${context.aboveSeconds}|${ranges}|${context.offPeak}|${size}|${context.searchContextSize}|${context.longCacheRetention}|${context.occasions}`;
  let rates = prices.compiled.get(key);
  if (rates === undefined) {
    rates = compileRates(rules, prices.mode, prices.thresholds, prices.intervals, context, prices.adjustment);
    prices.compiled.set(key, rates);
  }
  return rates;
}

function hasSize({ rules }: CompiledPrices, size: string): boolean {
  return rules.prices.has(`output_seconds:${size}`) || rules.prices.has(`output_images:${size}`);
}

function passed(limits: readonly number[], figure: number, inclusive: boolean): number {
  let highest = 0;
  for (const limit of limits) if (inclusive ? figure >= limit : figure > limit) highest = limit;
  return highest;
}

/** The rates that apply to a call. */
export function selectRates(prices: CompiledPrices, usage: Usage, options: CostOptions): RateSet {
  const tier = usage.serviceTier ?? options.requestedTier;
  const priced = priceTier(prices, tier);
  const occasions = occasionsFor(prices, tier, options.region);
  const plain =
    prices.flat &&
    priced === undefined &&
    occasions.length === 0 &&
    options.size === undefined &&
    usage.searchContextSize === undefined &&
    options.longCacheRetention !== true;
  if (plain) {
    let rates = prices.compiled.get("");
    if (rates === undefined) {
      rates = compileRates(
        prices.rules,
        prices.mode,
        prices.thresholds,
        prices.intervals,
        PLAIN_CONTEXT,
        prices.adjustment,
      );
      prices.compiled.set("", rates);
    }
    return rates;
  }
  const prompt = prices.thresholds.length > 0 || prices.tokenRanges.length > 0 ? inputTokens(usage) : 0;
  const tokenRange = rangeFor(prices.tokenRanges, prompt);
  const resultRange = rangeFor(prices.resultRanges, options.maxResults ?? 0);
  return ratesIn(prices, {
    ...(priced === undefined ? {} : { tier: priced }),
    aboveTokens: passed(prices.thresholds, prompt, options.thresholdInclusive ?? prices.provider === "xai"),
    aboveSeconds: passed(prices.intervals, usage.buckets.input_video_seconds ?? 0, false),
    ...(tokenRange === undefined ? {} : { tokenRange }),
    ...(resultRange === undefined ? {} : { resultRange }),
    offPeak: prices.schedule !== undefined && isOffPeak(prices.schedule, options.at),
    ...(options.size === undefined ? {} : { size: options.size }),
    searchContextSize: usage.searchContextSize ?? "medium",
    longCacheRetention: options.longCacheRetention === true,
    occasions,
  });
}
