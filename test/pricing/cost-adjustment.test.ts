import { expect, test } from "bun:test";
import fc from "fast-check";
import { costOf, upperBound } from "../../src/pricing/cost.ts";
import { adjustedSheet, costAdjustment } from "../../src/pricing/cost-adjustment.ts";
import { add, multiply, parseDecimal, roundToNano } from "../../src/pricing/decimal.ts";
import { isFree, priceSheet } from "../../src/pricing/price-sheet.ts";
import type { PriceSheet } from "../../src/snapshot/snapshot.ts";

const sheetOf = (prices: Readonly<Record<string, number>>): PriceSheet =>
  priceSheet({ name: "m", overrides: prices }) as PriceSheet;
const PRICES = { input_cost_per_token: 0.000_003, output_cost_per_token: 0.000_015 };

test("discounts and margins: the price of the row is exactly the share of it, within the bound that was reserved", () => {
  const amount = fc.integer({ min: 0, max: 10_000 }).map((tenThousandths) => tenThousandths / 10_000);
  const tokens = fc.integer({ min: 0, max: 1_000_000 });
  fc.assert(
    fc.property(amount, amount, amount, tokens, tokens, (discount, percentage, fixed_amount, input, output) => {
      const library = {
        cost_discount_config: { p: discount },
        cost_margin_config: { p: { percentage, fixed_amount } },
      };
      const adjustment = costAdjustment("p", library);
      if (adjustment === undefined) throw new Error("there is one");
      const plain = sheetOf(PRICES);
      const sheet = adjustedSheet(plain, adjustment);
      const usage = { buckets: { input, output } };
      const before = parseDecimal(costOf(usage, plain, { at: 0 }).exact);
      const cost = costOf(usage, sheet, { at: 0 });
      if (before === undefined) throw new Error("no amount");
      expect(cost.nano).toBe(roundToNano(add(multiply(before, adjustment.factor), adjustment.fee)));
      expect(upperBound(sheet, { inputTokens: input, outputTokens: output })).toBeGreaterThanOrEqual(cost.nano);
    }),
  );
});

test("a provider's own margin before that of all; others are left alone; what the provider states is adjusted, too", () => {
  const library = { cost_discount_config: { openai: 0.05 }, cost_margin_config: { global: 0.1, azure: 0.5 } };
  const nano = (provider: string): bigint =>
    costOf({ buckets: { input: 1_000_000 } }, adjustedSheet(sheetOf(PRICES), costAdjustment(provider, library)), {
      at: 0,
    }).nano;
  expect(nano("openai")).toBe(3_135_000_000n);
  expect(nano("azure")).toBe(4_500_000_000n);
  expect(nano("anthropic")).toBe(3_300_000_000n);
  expect(costAdjustment("anthropic", { cost_discount_config: { openai: 0.05 } })).toBeUndefined();
});

test("a fee makes what was free cost something, and a discount of all makes it free", () => {
  const free = sheetOf({ input_cost_per_token: 0, output_cost_per_token: 0 });
  expect(isFree(free)).toBe(true);
  const fee = costAdjustment("p", { cost_margin_config: { p: { fixed_amount: 0.002 } } });
  expect(isFree(adjustedSheet(free, fee))).toBe(false);
  expect(costOf({ buckets: { input: 1 } }, adjustedSheet(free, fee), { at: 0 }).nano).toBe(2_000_000n);
  const all = costAdjustment("p", { cost_discount_config: { p: 1 } });
  expect(isFree(adjustedSheet(sheetOf(PRICES), all))).toBe(true);
});
