import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { JsonObject } from "../../src/json/json.ts";
import { allEntries, findEntry } from "../../src/pricing/catalogue.ts";
import { costOf, formatDollars, nanoToNumber, priceCall, reportedCost, upperBound } from "../../src/pricing/cost.ts";
import { InvalidPriceError } from "../../src/pricing/price-rules.ts";
import { isFree, priceSheet } from "../../src/pricing/price-sheet.ts";
import type { PriceSheet } from "../../src/snapshot/snapshot.ts";
import {
  type Bucket,
  inputTokens,
  outputTokens,
  TOKEN_BUCKETS,
  UNIT_BUCKETS,
  type UnitBucket,
} from "../../src/usage/usage.ts";
import { fraction, isSame, NOTHING, nanoOf, plus, times } from "./source-table.ts";

const at = Date.UTC(2026, 10, 24, 2);
const own = (overrides: JsonObject) => priceSheet({ name: "own", overrides }) as PriceSheet;
const from = (name: string, overrides?: JsonObject) =>
  priceSheet({ entry: findEntry(name), overrides, name }) as PriceSheet;

const sheets = fc
  .constantFrom(...allEntries().filter((entry) => priceSheet({ entry, name: entry.name }) !== undefined))
  .map((entry) => priceSheet({ entry, name: entry.name }) as PriceSheet);
const tokenCounts = fc.dictionary(fc.constantFrom(...TOKEN_BUCKETS), fc.nat(400_000), { maxKeys: 6 });
const tier = fc.constantFrom(undefined, "default", "flex", "priority", "batch", "fast", "unheard-of");
const priceTexts = fc
  .tuple(fc.nat(99_999_999), fc.integer({ min: 3, max: 20 }))
  .map(([digits, power]) => `${digits}e-${power}`);
const withTier = (requestedTier: string | undefined) => ({
  at,
  ...(requestedTier === undefined ? {} : { requestedTier }),
});

describe("costOf", () => {
  test("equals the fraction, rounded half-even, for any prices and counts", () => {
    fc.assert(
      fc.property(priceTexts, priceTexts, fc.nat(), fc.maxSafeNat(), (input, output, few, many) => {
        const sheet = own({ input_cost_per_token: input, output_cost_per_token: output });
        const cost = costOf({ buckets: { input: few, output: many } }, sheet, { at });
        const expected = plus(
          times(fraction(input), fraction(String(few))),
          times(fraction(output), fraction(String(many))),
        );
        expect(cost.nano).toBe(nanoOf(expected));
        expect(isSame(fraction(cost.exact), expected)).toBe(true);
        const parts = cost.parts.reduce((sum, { amount }) => plus(sum, fraction(amount)), NOTHING);
        expect(isSame(parts, expected)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    [1, 0n],
    [3, 2n],
    [5, 2n],
    [7, 4n],
  ])("%i half nano-dollars round to the even neighbour", (count, nano) => {
    expect(costOf({ buckets: { input: count } }, own({ input_cost_per_token: 5e-10 }), { at }).nano).toBe(nano);
  });

  test("takes fractional counts as the decimals they are written as", () => {
    const sheet = own({ input_cost_per_second: 0.0001 });
    expect(costOf({ buckets: { input_seconds: 0.1 + 0.2 } }, sheet, { at }).exact).toBe("0.000030000000000000004");
    expect(costOf({ buckets: { input_seconds: 12.34 } }, sheet, { at }).nano).toBe(1_234_000n);
  });

  test("does not take a product that only rounds to a whole number for one", () => {
    // 33.333333333333336 · 3 is 100 in doubles; with the 400 of the text it would look like a tie.
    const sheet = own({ input_cost_per_second: 3e-12, input_cost_per_token: 4e-12 });
    expect(costOf({ buckets: { input_seconds: 33.333333333333336, input: 100 } }, sheet, { at }).nano).toBe(1n);
  });

  test("is additive over buckets and calls where size decides nothing", () => {
    const flat = sheets.filter((sheet) => (sheet.data as { flat: boolean }).flat);
    fc.assert(
      fc.property(flat, tokenCounts, tier, (sheet, buckets, chosen) => {
        const fee = fraction(costOf({ buckets: {} }, sheet, withTier(chosen)).exact);
        let sum = fee;
        for (const [bucket, count] of Object.entries(buckets)) {
          const alone = fraction(costOf({ buckets: { [bucket]: count } }, sheet, withTier(chosen)).exact);
          sum = plus(sum, plus(alone, { over: -fee.over, under: fee.under }));
        }
        expect(isSame(fraction(costOf({ buckets }, sheet, withTier(chosen)).exact), sum)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test("never falls when a count grows within the same prompt size, and is never negative", () => {
    fc.assert(
      fc.property(
        sheets,
        tokenCounts,
        fc.constantFrom<Bucket>("output", "output_reasoning", "output_audio"),
        fc.nat(100_000),
        tier,
        (sheet, buckets, bucket, more, chosen) => {
          const before = costOf({ buckets }, sheet, withTier(chosen)).nano;
          const grown = { ...buckets, [bucket]: (buckets[bucket] ?? 0) + more };
          expect(before).toBeGreaterThanOrEqual(0n);
          expect(costOf({ buckets: grown }, sheet, withTier(chosen)).nano).toBeGreaterThanOrEqual(before);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("ignores counts that are negative or not finite numbers of things", () => {
    const sheet = own({ input_cost_per_token: 1e-6, output_cost_per_token: 1e-6 });
    expect(costOf({ buckets: { input: -5, output: 3 } }, sheet, { at }).nano).toBe(3000n);
    expect(costOf({ buckets: { input: Number.NaN, output: 3 } }, sheet, { at }).nano).toBe(3000n);
  });

  test("a total of rows loses nothing beyond what a number holds", () => {
    const sheet = own({ input_cost_per_token: 1e-9 });
    const row = costOf({ buckets: { input: Number.MAX_SAFE_INTEGER } }, sheet, { at }).nano;
    expect([row, row, row].reduce((sum, nano) => sum + nano, 1n)).toBe(27_021_597_764_222_974n);
  });

  test("charges a thing once, in the unit that has a price", () => {
    const both = own({ output_cost_per_image: 0.04, output_cost_per_image_token: 3e-5, output_cost_per_token: 1e-6 });
    expect(costOf({ buckets: { output_images: 1, output_image: 1290 } }, both, { at }).exact).toBe("0.0387");
    expect(costOf({ buckets: { output_images: 2 } }, both, { at }).exact).toBe("0.08");
    const perImage = own({ output_cost_per_image: 0.04, output_cost_per_token: 1e-6 });
    expect(costOf({ buckets: { output_images: 1, output_image: 1290 } }, perImage, { at }).exact).toBe("0.04");
  });

  test("sizes, regions, fast mode and long cache retention select their prices", () => {
    const video = own({ output_cost_per_second_720p: 0.1, output_cost_per_second_1080p: 0.3 });
    expect(costOf({ buckets: { output_video_seconds: 4 } }, video, { at, size: "720p" }).exact).toBe("0.4");
    expect(costOf({ buckets: { output_video_seconds: 4 } }, video, { at }).exact).toBe("1.2");
    const claude = own({
      input_cost_per_token: 5e-6,
      output_cost_per_token: 0,
      provider_specific_entry: { us: 1.1, fast: 2 },
      search_context_cost_per_query: { search_context_size_medium: 0.01 },
    });
    const usage = { buckets: { input: 100, web_searches: 1 } };
    expect(costOf(usage, claude, { at, region: "us" }).exact).toBe("0.01055");
    expect(costOf(usage, claude, { at, region: "global" }).exact).toBe("0.0105");
    expect(costOf(usage, claude, { at, requestedTier: "fast", region: "us" }).exact).toBe("0.0111");
    const retained = own({ cache_creation_input_token_cost: 1e-6, cache_creation_input_token_cost_above_12hr: 2e-6 });
    expect(costOf({ buckets: { cache_write_5m: 10 } }, retained, { at, longCacheRetention: true }).exact).toBe(
      "0.00002",
    );
    const vertex = own({ input_cost_per_token: 1e-5, regional_endpoint_uplift_multiplier: 1.1 });
    expect(costOf({ buckets: { input: 10 } }, vertex, { at, region: "europe-west1" }).exact).toBe("0.00011");
    const openai = own({ input_cost_per_token: 1e-5, regional_processing_uplift_multiplier_eu: 1.1 });
    expect(costOf({ buckets: { input: 10 } }, openai, { at, region: "eu" }).exact).toBe("0.00011");
    expect(costOf({ buckets: { input: 10 } }, openai, { at, region: "us" }).exact).toBe("0.0001");
  });

  test("a threshold is passed above it, at xAI and on request already at it", () => {
    const prices = {
      input_cost_per_token: 1e-6,
      input_cost_per_token_above_200k_tokens: 2e-6,
      output_cost_per_token: 0,
    };
    const exact = (count: number, sheet: PriceSheet, inclusive?: boolean) =>
      costOf({ buckets: { cache_read: count } }, sheet, {
        at,
        ...(inclusive === undefined ? {} : { thresholdInclusive: inclusive }),
      }).exact;
    expect([exact(200_000, own(prices)), exact(200_001, own(prices)), exact(200_000, own(prices), true)]).toEqual([
      "0.2",
      "0.400002",
      "0.4",
    ]);
    expect(exact(200_000, from("xai/grok-4.20", prices))).toBe("0.4");
  });
});

describe("reported cost", () => {
  const usage = { buckets: { input: 1000 }, reportedCost: "0.00012345678949" };
  test("wins over the catalogue, not over own prices, and stands in for unknown ones", () => {
    expect(costOf(usage, from("gpt-4o"), { at }).nano).toBe(123_457n);
    expect(costOf(usage, own({ input_cost_per_token: 1e-6 }), { at }).nano).toBe(1_000_000n);
    expect(priceCall(usage, undefined, { at })?.nano).toBe(123_457n);
    expect(priceCall({ buckets: { input: 5 } }, undefined, { at })).toBeUndefined();
  });
  test.each(["-1", "NaN", "free", ""])("is not believed when it is %p", (text) => {
    expect(reportedCost({ buckets: {}, reportedCost: text })).toBeUndefined();
    expect(costOf({ buckets: { input: 1000 }, reportedCost: text }, from("gpt-4o"), { at }).nano).toBeGreaterThan(0n);
  });
});

describe("upperBound", () => {
  test("is never below what a call within it costs", () => {
    const units = fc.dictionary(fc.constantFrom<UnitBucket>(...UNIT_BUCKETS), fc.nat(50), { maxKeys: 3 });
    const moments = fc.integer({ min: 0, max: 14 * 24 * 60 }).map((minute) => at + minute * 60_000);
    const regions = fc.constantFrom(undefined, "us", "eu", "us-east5", "global");
    fc.assert(
      fc.property(
        sheets,
        tokenCounts,
        units,
        tier,
        regions,
        moments,
        fc.boolean(),
        (sheet, tokens, counted, chosen, region, moment, retained) => {
          const usage = { buckets: { ...tokens, ...counted } };
          const options = {
            at: moment,
            longCacheRetention: retained,
            ...(chosen === undefined ? {} : { requestedTier: chosen }),
            ...(region === undefined ? {} : { region }),
          };
          const bound = upperBound(sheet, {
            inputTokens: inputTokens(usage),
            outputTokens: outputTokens(usage),
            units: counted,
            ...(chosen === undefined ? {} : { requestedTier: chosen }),
          });
          expect(bound).toBeGreaterThanOrEqual(costOf(usage, sheet, options).nano);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("counts the dearest price that the prompt can reach, and no dearer one", () => {
    const sheet = own({
      input_cost_per_token: 1e-6,
      input_cost_per_token_above_200k_tokens: 2e-6,
      input_cost_per_audio_token: 1e-5,
      output_cost_per_token: 3e-6,
      input_cost_per_token_priority: 5e-6,
    });
    const text = { outputTokens: 10, media: [] };
    expect(upperBound(sheet, { inputTokens: 100, ...text })).toBe(130_000n);
    expect(upperBound(sheet, { inputTokens: 100, ...text, requestedTier: "priority" })).toBe(530_000n);
    expect(upperBound(sheet, { inputTokens: 300_000, ...text })).toBe(600_030_000n);
    expect(upperBound(sheet, { inputTokens: 100, outputTokens: 10 })).toBe(1_030_000n);
  });
});

test("upperBound holds at any hour", () => {
  const quiet = { hours_utc: "00:00-01:00", input_cost_per_token: 1e-6 };
  const bound = (price: number) =>
    upperBound(own({ input_cost_per_token: price, off_peak_pricing: quiet }), { inputTokens: 10, outputTokens: 0 });
  expect([bound(2e-6), bound(5e-7)]).toEqual([20_000n, 10_000n]);
});

describe("priceSheet", () => {
  test("unknown is not free", () => {
    expect(priceSheet({ name: "x" })).toBeUndefined();
    expect(priceSheet({ name: "x", overrides: { model: "x", temperature: 0 } })).toBeUndefined();
    expect(isFree(own({ input_cost_per_token: 0, output_cost_per_token: "0.0" }))).toBe(true);
    expect(isFree(from("gpt-4o"))).toBe(false);
    expect(isFree(from("gpt-4o", { input_cost_per_token: 0, output_cost_per_token: 0 }))).toBe(true);
  });

  test("own prices of both sides stand alone", () => {
    const sheet = from("claude-opus-4-6", { input_cost_per_token: 0, output_cost_per_token: 0 });
    expect(isFree(from("claude-opus-4-6"))).toBe(false);
    expect(isFree(sheet)).toBe(true);
    expect(costOf({ buckets: { input: 1e6, cache_read: 5, web_searches: 3 } }, sheet, { at }).nano).toBe(0n);
  });

  test.each([-1, "abc", Number.NaN, Number.POSITIVE_INFINITY, true, "1,5", {}])(
    "refuses %p as a price and names the field",
    (value) => {
      expect(() => own({ output_cost_per_token_flex: value as never })).toThrow(InvalidPriceError);
      expect(() => own({ output_cost_per_token_flex: value as never })).toThrow(/output_cost_per_token_flex/);
    },
  );

  test("an own price of one side replaces that side of the catalogue's, null replaces nothing", () => {
    const usage = { buckets: { input: 10, cache_read: 10, output: 10 } };
    const known = findEntry("gpt-4o")?.litellmFields() ?? {};
    const output = Number(known.output_cost_per_token);
    expect(costOf(usage, from("gpt-4o", { input_cost_per_token: 1 }), { at }).exact).toBe(String(20 + 10 * output));
    expect(costOf(usage, from("gpt-4o", { input_cost_per_token: null }), { at }).nano).toBe(
      costOf(usage, from("gpt-4o"), { at }).nano,
    );
    const read = costOf(usage, from("gpt-4o", { cache_read_input_token_cost: 0 }), { at });
    expect(read.parts.map(({ price }) => Number(price))).toEqual([Number(known.input_cost_per_token), 0, output]);
  });
});

test("formatDollars writes what Python would", () => {
  const cases: [bigint, string][] = [
    [0n, "0.0"],
    [3150n, "3.15e-06"],
    [1n, "1e-09"],
    [100_000n, "0.0001"],
    [99_999n, "9.9999e-05"],
    [1_848_960n, "0.00184896"],
    [12_500_000_000n, "12.5"],
    [1_000_000_000n, "1.0"],
    [10n ** 24n, "1000000000000000.0"],
    [10n ** 25n, "1e+16"],
    [-3150n, "-3.15e-06"],
  ];
  for (const [nano, text] of cases) expect(formatDollars(nano)).toBe(text);
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 20n }), (nano) => Number(formatDollars(nano)) === nanoToNumber(nano)),
  );
});
