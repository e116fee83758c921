import { type Bucket, TOKEN_BUCKETS, UNIT_BUCKETS } from "../usage/usage.ts";
import { add, compare, type Decimal, HALF, mantissaAt, multiply, NANO, ONE, parseDecimal, ZERO } from "./decimal.ts";
import type { Meter, PriceTier } from "./price-fields.ts";
import type { PriceRange, PriceRules, PriceTable } from "./price-rules.ts";

/** What selects one set of rates among all that a model declares. */
export interface RateContext {
  readonly tier?: PriceTier;
  /** The highest price threshold that the prompt passes, 0 for none. */
  readonly aboveTokens: number;
  /** The longest interval of seconds that the video passes, 0 for none. */
  readonly aboveSeconds: number;
  readonly tokenRange?: PriceRange;
  readonly resultRange?: PriceRange;
  readonly offPeak: boolean;
  /** Resolution or size of generated media, as the price names write it. */
  readonly size?: string;
  readonly searchContextSize: string;
  readonly longCacheRetention: boolean;
  /** Names in `PriceRules.multipliers` that apply. */
  readonly occasions: readonly string[];
}

/** One bucket's price under one context. */
export interface Rate {
  /** Dollars per unit. */
  readonly price: Decimal;
  /** The price in units of the set's exponent. */
  readonly mantissa: bigint;
  /** The same as a number, NaN where a number cannot hold it exactly. */
  readonly scaled: number;
  readonly side: "input" | "output" | "tools";
  /** Buckets that measure the same thing in another unit; if one of them has a count, this one is not charged. */
  readonly yieldsTo: readonly Bucket[];
}

export interface RateSet {
  readonly rates: Readonly<Partial<Record<Bucket, Rate>>>;
  /** A fee per call, whatever it consumed. */
  readonly request?: Rate;
  /** All mantissas count units of 10^exponent dollars; at most -9. */
  readonly exponent: number;
  /** How many such units make a nano-dollar. */
  readonly perNano: number;
}

const IMAGE_MODES = new Set(["image_generation", "image_edit"]);

/** Meters to try for each bucket of tokens, the bucket's own first. */
const TOKEN_METERS: Readonly<Record<(typeof TOKEN_BUCKETS)[number], readonly Meter[]>> = {
  input: ["input"],
  input_audio: ["input_audio", "input"],
  input_image: ["input_image", "input"],
  input_video: ["input_video", "input"],
  cache_read: ["cache_read", "cache_hit", "input"],
  cache_read_audio: ["cache_read_audio", "cache_read", "cache_hit", "input_audio", "input"],
  cache_write_5m: ["cache_write_5m", "input"],
  cache_write_1h: ["cache_write_1h", "cache_write_5m", "input"],
  output: ["output"],
  output_reasoning: ["output_reasoning", "output"],
  output_audio: ["output_audio", "output"],
  output_image: ["output_image", "output"],
  output_video: ["output_video", "output"],
};

/** Buckets that measure one thing in several units: the first that has a count and a price of its own is charged. */
const ALTERNATIVES: readonly (readonly Bucket[])[] = [
  ["input_image", "input_images", "input_pixels"],
  ["output_image", "output_images", "output_pixels"],
  ["input_audio", "input_seconds"],
  ["output_audio", "output_seconds", "output_characters"],
  ["input_video", "input_video_seconds"],
  ["output_video", "output_video_seconds"],
];

const TOOL_BUCKETS = new Set<Bucket>(["web_searches", "file_searches", "code_sessions", "maps_queries"]);

function sideOf(bucket: Bucket): Rate["side"] {
  if (TOOL_BUCKETS.has(bucket)) return "tools";
  return bucket.startsWith("output") ? "output" : "input";
}

/** Finds prices by meter within one context. */
class PriceLookup {
  readonly #rules: PriceRules;
  readonly #context: RateContext;
  readonly #thresholds: readonly number[];

  constructor(rules: PriceRules, context: RateContext, thresholds: readonly number[]) {
    this.#rules = rules;
    this.#context = context;
    this.#thresholds = thresholds.filter((threshold) => threshold <= context.aboveTokens).reverse();
  }

  /** The price of a meter: quiet hours before ranges, ranges before thresholds, a tier's own before the standard one. */
  of(meter: Meter, variant?: string): Decimal | undefined {
    const { tier, offPeak, tokenRange, resultRange } = this.#context;
    const name = variant === undefined ? meter : `${meter}:${variant}`;
    const replaced =
      (offPeak ? this.#rules.offPeak?.prices.get(name) : undefined) ??
      tokenRange?.prices.get(name) ??
      resultRange?.prices.get(name);
    if (replaced !== undefined) return this.#batch(replaced);
    const { prices } = this.#rules;
    const threshold = this.#thresholds.find(
      (tokens) => prices.has(`${name}>${tokens}`) || (tier !== undefined && prices.has(`${name}>${tokens}@${tier}`)),
    );
    const level = threshold === undefined ? name : `${name}>${threshold}`;
    const own = tier === undefined ? undefined : prices.get(`${level}@${tier}`);
    if (own !== undefined) return parseDecimal(own);
    const standard = prices.get(level);
    return standard === undefined ? undefined : this.#batch(standard);
  }

  /** Without a batch price, batches cost half of the standard one. */
  #batch(text: string): Decimal | undefined {
    const price = parseDecimal(text);
    return price === undefined || this.#context.tier !== "batches" ? price : multiply(price, HALF);
  }

  first(meters: readonly Meter[]): Decimal | undefined {
    for (const meter of meters) {
      const price = this.of(meter);
      if (price !== undefined) return price;
    }
    return undefined;
  }

  /** The price for the call's size, else the plain one, else the highest of any size: too much rather than nothing. */
  sized(meter: Meter): Decimal | undefined {
    const { size } = this.#context;
    const exact = size === undefined ? undefined : this.of(meter, size);
    return exact ?? this.of(meter) ?? this.#highest(this.#rules.prices, meter);
  }

  #highest(prices: PriceTable, meter: Meter): Decimal | undefined {
    let highest: Decimal | undefined;
    for (const key of prices.keys()) {
      if (!key.startsWith(`${meter}:`) || key.includes("@") || key.includes(">")) continue;
      const price = this.of(meter, key.slice(meter.length + 1));
      if (price !== undefined && (highest === undefined || compare(price, highest) > 0)) highest = price;
    }
    return highest;
  }

  /** The price of a second of video, by the length of the whole. */
  video(intervals: readonly number[]): Decimal | undefined {
    const passed = intervals.filter((seconds) => seconds <= this.#context.aboveSeconds).reverse();
    const key = passed.map((seconds) => `input_video_seconds/${seconds}`).find((name) => this.#rules.prices.has(name));
    const text = key === undefined ? undefined : this.#rules.prices.get(key);
    return text === undefined ? this.of("input_video_seconds") : this.#batch(text);
  }

  search(): Decimal | undefined {
    for (const size of [this.#context.searchContextSize, "medium", "high", "low"]) {
      const text = this.#rules.prices.get(`web_searches:${size}`);
      if (text !== undefined) return parseDecimal(text);
    }
    return undefined;
  }

  tool(meter: Meter): Decimal | undefined {
    const text = this.#rules.prices.get(meter);
    return text === undefined ? undefined : parseDecimal(text);
  }
}

function positive(price: Decimal | undefined): Decimal | undefined {
  return price === undefined || price.mantissa === 0n ? undefined : price;
}

/** Prices of the buckets that are not counted in tokens. */
function unitPrices(
  lookup: PriceLookup,
  mode: string | undefined,
  intervals: readonly number[],
): Partial<Record<Bucket, Decimal>> {
  const images = mode !== undefined && IMAGE_MODES.has(mode);
  const outputImages = lookup.sized("output_images");
  const inputPixels = lookup.of("input_pixels");
  const outputPixels = lookup.of("output_pixels");
  const heard = lookup.first(["input_audio_seconds", "input_seconds", "seconds"]);
  const outputSeconds = lookup.sized("output_seconds");
  const perThousand = lookup.tool("file_searches_1k");
  const found: Partial<Record<Bucket, Decimal | undefined>> = {
    input_characters: lookup.of("input_characters"),
    output_characters: lookup.of("output_characters"),
    // Some transcribers declare what they charge for a second of sound as the price of output.
    input_seconds: mode === "audio_transcription" ? (positive(heard) ?? outputSeconds ?? heard) : heard,
    output_seconds: lookup.of("output_audio_seconds") ?? outputSeconds,
    input_video_seconds: lookup.video(intervals),
    output_video_seconds: lookup.of("output_video_seconds") ?? outputSeconds,
    // The price tables write the price of a generated image or pixel as one of input where no output price stands.
    input_images: images && outputImages === undefined ? undefined : lookup.of("input_images"),
    output_images: outputImages ?? (images ? lookup.of("input_images") : undefined),
    input_pixels: images ? undefined : inputPixels,
    output_pixels: images ? (positive(outputPixels) ?? inputPixels ?? outputPixels) : outputPixels,
    queries: lookup.of("queries"),
    pages: lookup.first(["pages", "credits"]),
    annotated_pages: lookup.of("annotated_pages"),
    web_searches: lookup.search(),
    file_searches: perThousand === undefined ? undefined : multiply(perThousand, { mantissa: 1n, exponent: -3 }),
    code_sessions: lookup.tool("code_sessions"),
    maps_queries: lookup.tool("maps_queries"),
  };
  return Object.fromEntries(Object.entries(found).filter(([, price]) => price !== undefined));
}

/** Buckets that take precedence over each bucket, given which of them have prices of their own. */
function precedence(own: ReadonlySet<Bucket>): Map<Bucket, Bucket[]> {
  const yields = new Map<Bucket, Bucket[]>();
  for (const group of ALTERNATIVES) {
    group.forEach((bucket, at) => {
      const before = own.has(bucket) ? group.slice(0, at) : group;
      const others = before.filter((other) => other !== bucket && own.has(other));
      if (others.length > 0) yields.set(bucket, others);
    });
  }
  return yields;
}

/** Works out what every bucket costs in one context. Called once per context; the result is kept. */
export function compileRates(
  rules: PriceRules,
  mode: string | undefined,
  thresholds: readonly number[],
  intervals: readonly number[],
  context: RateContext,
  adjustment?: { readonly factor: Decimal; readonly fee: Decimal },
): RateSet {
  const lookup = new PriceLookup(rules, context, thresholds);
  const prices = new Map<Bucket, Decimal>();
  const own = new Set<Bucket>();
  for (const bucket of TOKEN_BUCKETS) {
    const meters = TOKEN_METERS[bucket];
    const longCache =
      bucket === "cache_write_5m" && context.longCacheRetention ? lookup.of("cache_write_12h") : undefined;
    const price = longCache ?? lookup.first(meters);
    if (price === undefined) continue;
    prices.set(bucket, price);
    if (lookup.of(meters[0] as Meter) !== undefined) own.add(bucket);
  }
  const units = unitPrices(lookup, mode, intervals);
  for (const bucket of UNIT_BUCKETS) {
    const price = units[bucket];
    if (price === undefined) continue;
    prices.set(bucket, price);
    own.add(bucket);
  }
  let uplift = ONE;
  for (const occasion of context.occasions) {
    uplift = multiply(uplift, parseDecimal(rules.multipliers.get(occasion) ?? "1") ?? ONE);
  }
  const final = new Map<Bucket | "request", Decimal>();
  for (const [bucket, price] of prices) final.set(bucket, TOOL_BUCKETS.has(bucket) ? price : multiply(price, uplift));
  const request = lookup.tool("requests");
  if (request !== undefined && request.mantissa > 0n) final.set("request", request);
  if (adjustment !== undefined) {
    for (const [bucket, price] of final) final.set(bucket, multiply(price, adjustment.factor));
    if (adjustment.fee.mantissa > 0n) final.set("request", add(final.get("request") ?? ZERO, adjustment.fee));
  }

  let exponent = NANO;
  for (const price of final.values()) exponent = Math.min(exponent, price.exponent);
  const yields = precedence(own);
  const rateOf = (price: Decimal, side: Rate["side"], yieldsTo: readonly Bucket[]): Rate => {
    const mantissa = mantissaAt(price, exponent);
    const scaled = Number(mantissa);
    return { price, mantissa, scaled: Number.isSafeInteger(scaled) ? scaled : Number.NaN, side, yieldsTo };
  };
  const rates: Partial<Record<Bucket, Rate>> = {};
  for (const bucket of prices.keys()) {
    rates[bucket] = rateOf(final.get(bucket) ?? ZERO, sideOf(bucket), yields.get(bucket) ?? []);
  }
  const fee = final.get("request");
  return {
    rates,
    exponent,
    perNano: 10 ** (NANO - exponent),
    ...(fee === undefined ? {} : { request: rateOf(fee, "input", []) }),
  };
}
