import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  PRICE_TIERS,
  type PriceName,
  parsePriceField,
  parsePriceKey,
  priceFieldOf,
  priceKey,
} from "../../src/pricing/price-fields.ts";
import { fieldsFromRules, isPriceField, rulesFromFields } from "../../src/pricing/price-rules.ts";

test.each<[string, PriceName]>([
  ["input_cost_per_token", { meter: "input" }],
  ["output_cost_per_token_above_200k_tokens_priority", { meter: "output", aboveTokens: 200_000, tier: "priority" }],
  ["cache_creation_input_token_cost_above_1hr", { meter: "cache_write_1h" }],
  ["cache_creation_input_token_cost_above_1hr_above_200k_tokens", { meter: "cache_write_1h", aboveTokens: 200_000 }],
  ["input_cost_per_video_per_second_above_15s_interval", { meter: "input_video_seconds", aboveSeconds: 15 }],
  ["output_cost_per_second_1080p", { meter: "output_seconds", variant: "1080p" }],
  ["output_cost_per_image_0.5K", { meter: "output_images", variant: "0.5K" }],
  ["ocr_cost_per_page_batches", { meter: "pages", tier: "batches" }],
])("%s", (field, name) => {
  expect(parsePriceField(field)).toEqual(name);
  expect(parsePriceKey(priceKey(name))).toEqual(name);
});

test.each([
  "max_tokens",
  "input_cost_per_parsec",
  "cost",
  "supports_vision",
  "tpm",
  "input_cost_per_token_above_k_tokens",
  "model",
])("%s is no price", (field) => {
  expect(parsePriceField(field)).toBeUndefined();
  expect(isPriceField(field)).toBe(false);
});

test.each([
  "tiered_pricing",
  "off_peak_pricing",
  "search_context_cost_per_query",
  "regional_processing_uplift_multiplier_eu",
  "input_cost_per_token_flex",
])("%s is a price field", (field) => expect(isPriceField(field)).toBe(true));

test("every combination of modifiers is read as it is written", () => {
  const names = fc.record(
    {
      meter: fc.constantFrom<PriceName["meter"]>(
        "input",
        "cache_read",
        "cache_write_1h",
        "output_reasoning",
        "output_video",
      ),
      aboveTokens: fc.integer({ min: 1, max: 2000 }).map((thousands) => thousands * 1000),
      tier: fc.constantFrom(...PRICE_TIERS),
    },
    { requiredKeys: ["meter"] },
  );
  fc.assert(
    fc.property(names, (name) => {
      expect(parsePriceField(priceFieldOf(name))).toEqual(name);
      expect(parsePriceKey(priceKey(name))).toEqual(name);
    }),
  );
});

test("fields come back as they were declared", () => {
  const fields = {
    input_cost_per_token: 1e-6,
    search_context_cost_per_query: { search_context_size_low: 0.01 },
    tiered_pricing: [{ range: [0, 1000], input_cost_per_token: 2e-6 }],
    off_peak_pricing: { hours_utc: "00:00-01:00", input_cost_per_token: 5e-7 },
    provider_specific_entry: { us: 1.1 },
    regional_endpoint_uplift_multiplier: 1.1,
  };
  expect(fieldsFromRules(rulesFromFields(fields))).toEqual(fields);
});

test("a range without bounds is refused", () => {
  expect(() => rulesFromFields({ tiered_pricing: [{ range: [10, 5], input_cost_per_token: 1 }] })).toThrow(
    /tiered_pricing/,
  );
  expect(() => rulesFromFields({ tiered_pricing: { range: [0, 5] } })).toThrow(/tiered_pricing/);
});
