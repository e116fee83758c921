import type { PriceSheet } from "../snapshot/snapshot.ts";
import { type Bucket, TOKEN_BUCKETS, type TokenBucket, type UnitBucket } from "../usage/usage.ts";
import { add, ceilToNano, compare, type Decimal, decimalOf, mantissaAt, multiply, NANO, ZERO } from "./decimal.ts";
import type { PriceRange } from "./price-rules.ts";
import type { CompiledPrices, TokenBound } from "./price-sheet.ts";
import type { RateContext, RateSet } from "./rates.ts";
import { occasionsFor, PLAIN_CONTEXT, priceTier, ratesIn } from "./select-rates.ts";

/** The most that a call can consume. */
export interface BoundedUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Things other than tokens: images, seconds, searches …. Default none. */
  readonly units?: { readonly [B in UnitBucket]?: number };
  /** Tier of the request. The standard prices count as well, since a provider may fall back to them. */
  readonly requestedTier?: string;
  /** Undefined: the dearest region counts. */
  readonly region?: string;
  /** Kinds of tokens besides text that the call can have, in or out. Default: all that the model has a price for. */
  readonly media?: readonly ("audio" | "image" | "video")[];
}

const MEDIA = /_(audio|image|video)$/;

/** Buckets of tokens of one side that a call with these media can fill. */
function possible(side: "input" | "output", media: BoundedUsage["media"]): readonly TokenBucket[] {
  return TOKEN_BUCKETS.filter((bucket) => {
    if (bucket.startsWith("output") !== (side === "output")) return false;
    const kind = MEDIA.exec(bucket)?.[1];
    return kind === undefined || media === undefined || (media as readonly string[]).includes(kind);
  });
}

/** The ranges that a figure of at most `most` can fall into. */
function within(ranges: readonly PriceRange[], most: number): readonly PriceRange[] {
  return ranges.filter(({ from }, at) => at === 0 || from < most);
}

/** Prompt thresholds that can be passed: inclusive, so that the bound holds whichever way a provider counts. */
function levelsOf({ thresholds }: CompiledPrices, prompt: number): readonly number[] {
  return [0, ...thresholds.filter((threshold) => prompt >= threshold)];
}

/** Every set of rates that the call can meet. */
function possibleRates(prices: CompiledPrices, usage: BoundedUsage): RateSet[] {
  const tier = priceTier(prices, usage.requestedTier);
  const regions = usage.region === undefined ? [undefined, "eu", "us"] : [usage.region];
  const tokenRanges = within(prices.tokenRanges, usage.inputTokens);
  const resultRanges = prices.resultRanges;
  const searches = usage.units?.web_searches === undefined ? ["medium"] : ["low", "medium", "high"];
  const choices: readonly (readonly Partial<RateContext>[])[] = [
    regions.map((region) => ({ occasions: occasionsFor(prices, usage.requestedTier, region) })),
    levelsOf(prices, usage.inputTokens).map((aboveTokens) => ({ aboveTokens })),
    [0, ...prices.intervals].map((aboveSeconds) => ({ aboveSeconds })),
    tokenRanges.length === 0 ? [{}] : tokenRanges.map((tokenRange) => ({ tokenRange })),
    resultRanges.length === 0 ? [{}] : resultRanges.map((resultRange) => ({ resultRange })),
    prices.schedule === undefined ? [{}] : [{ offPeak: false }, { offPeak: true }],
    tier === undefined ? [{}] : [{}, { tier }],
    prices.rules.prices.has("cache_write_12h") ? [{}, { longCacheRetention: true }] : [{}],
    searches.map((searchContextSize) => ({ searchContextSize })),
  ];
  let contexts: RateContext[] = [PLAIN_CONTEXT];
  for (const options of choices) {
    contexts = contexts.flatMap((context) => options.map((option) => ({ ...context, ...option })));
  }
  return contexts.map((context) => ratesIn(prices, context));
}

function highest(sets: readonly RateSet[], buckets: readonly Bucket[]): Decimal {
  let most = ZERO;
  for (const { rates } of sets) {
    for (const bucket of buckets) {
      const price = rates[bucket]?.price;
      if (price !== undefined && compare(price, most) > 0) most = price;
    }
  }
  return most;
}

function compileBound(prices: CompiledPrices, usage: BoundedUsage): TokenBound {
  const sets = possibleRates(prices, usage);
  const input = highest(sets, possible("input", usage.media));
  const output = highest(sets, possible("output", usage.media));
  const request = sets[0]?.request?.price ?? ZERO;
  const exponent = Math.min(NANO, input.exponent, output.exponent, request.exponent);
  return {
    input: mantissaAt(input, exponent),
    output: mantissaAt(output, exponent),
    request: mantissaAt(request, exponent),
    exponent,
  };
}

/** The price of the other things that the call can use, each at its highest. */
function unitBound(prices: CompiledPrices, usage: BoundedUsage): Decimal {
  let sum = ZERO;
  const sets = possibleRates(prices, usage);
  for (const [bucket, count] of Object.entries(usage.units ?? {}) as [UnitBucket, number | undefined][]) {
    if (count !== undefined && count > 0) sum = add(sum, multiply(highest(sets, [bucket]), decimalOf(count)));
  }
  return sum;
}

/**
 * Nano-dollars that a call can cost at most, rounded up: every token at the highest price that can apply to it, in the
 * tier that was asked for or the standard one, at any hour, with the dearest cache write. `costOf` of a usage within
 * these bounds never exceeds it.
 */
export function upperBound(sheet: PriceSheet, usage: BoundedUsage): bigint {
  const prices = sheet.data as CompiledPrices;
  const levels = levelsOf(prices, usage.inputTokens).length;
  const ranges = within(prices.tokenRanges, usage.inputTokens).length;
  const tier = priceTier(prices, usage.requestedTier) ?? (usage.requestedTier === "fast" ? "fast" : "");
  const occasions = usage.region === undefined ? "any" : occasionsFor(prices, usage.requestedTier, usage.region);
  const key = `${tier}|${occasions}|${usage.media}|${levels}|${ranges}`;
  let bound = prices.bounds.get(key);
  if (bound === undefined) {
    bound = compileBound(prices, { ...usage, units: {} });
    prices.bounds.set(key, bound);
  }
  const { input, output, request, exponent } = bound;
  const mantissa = input * whole(usage.inputTokens) + output * whole(usage.outputTokens) + request;
  const tokens = { mantissa, exponent };
  return ceilToNano(usage.units === undefined ? tokens : add(tokens, unitBound(prices, usage)));
}

function whole(tokens: number): bigint {
  return tokens > 0 ? BigInt(Math.ceil(tokens)) : 0n;
}
