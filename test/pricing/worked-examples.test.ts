import { expect, test } from "bun:test";
import { type Cost, costOf, nanoText } from "../../src/pricing/cost.ts";
import { priceSheet } from "../../src/pricing/price-sheet.ts";
import type { PriceSheet } from "../../src/snapshot/snapshot.ts";
import { inputTokens, type Usage } from "../../src/usage/usage.ts";

const A = priceSheet({
  name: "a",
  overrides: {
    input_cost_per_token: 3.6e-7,
    cache_read_input_token_cost: 3.6e-8,
    input_cost_per_audio_token: 1.05e-5,
    output_cost_per_audio_token: "2.1e-5",
    output_cost_per_reasoning_token: 3.3e-6,
    output_cost_per_token: 2.88e-6,
    input_cost_per_token_flex: 1.8e-7,
    output_cost_per_token_flex: 1.44e-6,
    input_cost_per_token_priority: 7.2e-7,
    output_cost_per_token_priority: 5.76e-6,
    search_context_cost_per_query: {
      search_context_size_low: 0.01,
      search_context_size_medium: 0.0125,
      search_context_size_high: 0.015,
    },
  },
}) as PriceSheet;

const B = priceSheet({
  name: "b",
  overrides: {
    input_cost_per_token: "0.0000033",
    output_cost_per_token: 1.65e-5,
    cache_read_input_token_cost: 3.3e-7,
    cache_creation_input_token_cost: 4.125e-6,
    cache_creation_input_token_cost_above_1hr: 6.6e-6,
  },
}) as PriceSheet;

const figures = ({ inputNano, outputNano, exact }: Cost) => [nanoText(inputNano), nanoText(outputNano), exact];

const examples: [string, Usage, string | undefined, [string, string, string]][] = [
  ["text", { buckets: { input: 1840, output: 412 } }, undefined, ["0.0006624", "0.00118656", "0.00184896"]],
  [
    "cached",
    { buckets: { input: 640, cache_read: 12288, output: 380 } },
    undefined,
    ["0.000672768", "0.0010944", "0.001767168"],
  ],
  [
    "audio in",
    { buckets: { input: 96, input_audio: 1450, output: 210 } },
    undefined,
    ["0.01525956", "0.0006048", "0.01586436"],
  ],
  [
    "audio out",
    { buckets: { input: 220, output: 180, output_audio: 1120 } },
    undefined,
    ["0.0000792", "0.0240384", "0.0241176"],
  ],
  [
    "reasoning",
    { buckets: { input: 1240, output: 560, output_reasoning: 3480 } },
    undefined,
    ["0.0004464", "0.0130968", "0.0135432"],
  ],
  ["flex", { buckets: { input: 1840, output: 412 } }, "flex", ["0.0003312", "0.00059328", "0.00092448"]],
  ["priority", { buckets: { input: 1840, output: 412 } }, "priority", ["0.0013248", "0.00237312", "0.00369792"]],
  ["fast is priority", { buckets: { input: 1840, output: 412 } }, "fast", ["0.0013248", "0.00237312", "0.00369792"]],
  [
    "the answer's tier wins",
    { buckets: { input: 1840, output: 412 }, serviceTier: "default" },
    "priority",
    ["0.0006624", "0.00118656", "0.00184896"],
  ],
  [
    "search",
    { buckets: { input: 1840, output: 412, web_searches: 1 } },
    undefined,
    ["0.0006624", "0.00118656", "0.01434896"],
  ],
  ["small search", { buckets: { web_searches: 1 }, searchContextSize: "low" }, undefined, ["0", "0", "0.01"]],
  [
    "batch without batch prices",
    { buckets: { input: 1840, output: 412 }, serviceTier: "batch" },
    undefined,
    ["0.0003312", "0.00059328", "0.00092448"],
  ],
];

test.each(examples)("rates A: %s", (_name, usage, requestedTier, expected) => {
  const cost = costOf(usage, A, { at: 0, ...(requestedTier === undefined ? {} : { requestedTier }) });
  expect(figures(cost)).toEqual(expected);
  expect(nanoText(cost.nano)).toBe(expected[2]);
});

test("rates B: cache writes for five minutes and for an hour", () => {
  const usage: Usage = {
    buckets: { input: 1840, cache_read: 6144, cache_write_5m: 2048, cache_write_1h: 1024, output: 412 },
  };
  expect(inputTokens(usage)).toBe(11_056);
  expect(figures(costOf(usage, B, { at: 0 }))).toEqual(["0.02330592", "0.006798", "0.03010392"]);
});
