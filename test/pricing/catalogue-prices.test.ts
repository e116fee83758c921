import { describe, expect, test } from "bun:test";
import { allEntries, findEntry } from "../../src/pricing/catalogue.ts";
import { type CostOptions, costOf } from "../../src/pricing/cost.ts";
import { isFree, priceSheet } from "../../src/pricing/price-sheet.ts";
import type { PriceSheet } from "../../src/snapshot/snapshot.ts";
import { type Bucket, TOKEN_BUCKETS, UNIT_BUCKETS, type Usage } from "../../src/usage/usage.ts";
import { requestFee, TOKEN_FIELDS, tokenPrice, unitPrice } from "./expected-rates.ts";
import {
  fraction,
  isSame,
  NOTHING,
  NumberText,
  nanoOf,
  plain,
  plus,
  readSourceTable,
  type SourceEntry,
  times,
} from "./source-table.ts";

const table = readSourceTable();
/** A Tuesday at 02:00 UTC, which no off-peak window of the table covers, and 04:30, which all do. */
const PEAK = Date.UTC(2026, 10, 24, 2);
const QUIET = Date.UTC(2026, 10, 24, 4, 30);
const TIERS = [undefined, "priority", "flex", "batches", "balanced", "ultrafast", "decisions"] as const;

function sheetOf(name: string): PriceSheet | undefined {
  return priceSheet({ entry: findEntry(name), name });
}

/** Fields of dollars in an entry, the grouped ones aside. */
function priceFields(entry: SourceEntry): string[] {
  return Object.keys(entry).filter((field) => /cost/.test(field) && entry[field] instanceof NumberText);
}

/** Fields whose unit no usage bucket counts. */
const WITHOUT_BUCKET =
  /^(?:explicit_cache_read|cache_read_input_image|cache_creation_input_audio|citation_cost|input_dbu|output_dbu|input_cost_per_text_message|ocr_cost_per_credit|cost_per_second|code_interpreter|input_cost_per_token_cache_hit)/;

describe.skipIf(table === undefined)("the catalogue against the public price table", () => {
  const models = table as Map<string, SourceEntry>;

  test("has every model and every field of it, value for value", () => {
    expect(allEntries().map(({ name }) => name)).toEqual([...models.keys()]);
    for (const [name, source] of models)
      expect({ name, ...findEntry(name)?.litellmFields() }).toEqual({ name, ...(plain(source) as object) });
  });

  test("keeps every price as the exact decimal of its source text", () => {
    let compared = 0;
    for (const [name, source] of models) {
      const texts = priceFields(source).map((field) => (source[field] as NumberText).text);
      const kept = [...(findEntry(name)?.prices.prices ?? new Map<string, string>())]
        .filter(([key]) => !/^(?:web_searches|guardrail_units)/.test(key))
        .map(([, text]) => text);
      expect([name, kept.length]).toEqual([name, texts.length]);
      const order = (all: string[]) =>
        all.map((text) => fraction(text)).sort((a, b) => (a.over * b.under < b.over * a.under ? -1 : 1));
      const [ours, theirs] = [order(kept), order(texts)];
      ours.forEach((price, at) => {
        compared += 1;
        if (!isSame(price, theirs[at] ?? NOTHING)) throw new Error(`${name}: a price differs`);
      });
    }
    expect(compared).toBeGreaterThan(15_000);
  });

  test("charges every bucket of tokens in every tier, below, at and above every threshold", () => {
    let compared = 0;
    for (const [name, source] of models) {
      const sheet = sheetOf(name);
      if (sheet === undefined) continue;
      const limits = JSON.stringify(plain(source)).matchAll(/_above_(\d+)k_tokens|"range":\[\d+,(\d+)\]/g);
      const sizes = new Set(
        [
          1000,
          ...[...limits].map(([, thousands, end]) => (end === undefined ? Number(thousands) * 1000 : Number(end))),
        ].flatMap((n) => [n, n + 1]),
      );
      const used = new Set(
        Object.keys(plain(source) as object).flatMap(
          (field) => /_(priority|flex|batches|balanced|ultrafast|decisions)$/.exec(field)?.[1] ?? [],
        ),
      );
      for (const tier of TIERS) {
        // A tier that the entry does not name must cost the standard price, which one prompt size shows.
        const known = tier === undefined || tier === "batches" || used.has(tier);
        for (const promptTokens of known ? sizes : [1000]) {
          for (const offPeak of source.off_peak_pricing === undefined ? [false] : [false, true]) {
            const options: CostOptions = {
              at: offPeak ? QUIET : PEAK,
              ...(tier === undefined ? {} : { requestedTier: tier }),
            };
            for (const bucket of TOKEN_BUCKETS) {
              // Everything else of the prompt is text, so that the prompt has its size whatever the bucket.
              const counted = bucket === "input" ? promptTokens : 997;
              const rest = bucket === "input" ? 0 : bucket.startsWith("output") ? promptTokens : promptTokens - counted;
              const usage: Usage = { buckets: { [bucket]: counted, ...(rest === 0 ? {} : { input: rest }) } };
              const circumstances = { ...(tier === undefined ? {} : { tier }), promptTokens, offPeak };
              const price = (b: Bucket) => tokenPrice(source, b, circumstances);
              const expected = plus(
                plus(times(price(bucket), fraction(String(counted))), times(price("input"), fraction(String(rest)))),
                requestFee(source),
              );
              const cost = costOf(usage, sheet, options);
              compared += 1;
              if (cost.nano !== nanoOf(expected) || !isSame(fraction(cost.exact), expected)) {
                throw new Error(
                  `${name} ${bucket} ${tier} ${promptTokens} ${offPeak}: ${cost.exact}, not ${expected.over}/${expected.under}`,
                );
              }
            }
          }
        }
      }
    }
    expect(compared).toBeGreaterThan(200_000);
  }, 60_000);

  test("charges every bucket of other units", () => {
    let compared = 0;
    for (const [name, source] of models) {
      const sheet = sheetOf(name);
      if (sheet === undefined) continue;
      for (const bucket of UNIT_BUCKETS) {
        const price = unitPrice(source, bucket);
        if (price === undefined) continue;
        const perPrompt =
          bucket === "web_searches" &&
          /^(?:gemini|vertex_ai-language-models)$/.test(String(source.litellm_provider)) &&
          source.web_search_billing_unit === undefined;
        const count = bucket === "input_video_seconds" ? "7" : bucket.endsWith("seconds") ? "7.25" : "3";
        const expected = plus(times(price, fraction(perPrompt ? "1" : count)), requestFee(source));
        const cost = costOf({ buckets: { [bucket]: Number(count) } }, sheet, { at: PEAK });
        compared += 1;
        if (!isSame(fraction(cost.exact), expected) || cost.nano !== nanoOf(expected)) {
          throw new Error(`${name} ${bucket}: ${cost.exact}, not ${expected.over}/${expected.under}`);
        }
      }
    }
    expect(compared).toBeGreaterThan(1000);
  });

  test("every price field decides the cost of some call, or counts a unit that no bucket has", () => {
    const stems = new Map(Object.entries(TOKEN_FIELDS).map(([bucket, fields]) => [fields?.[0], bucket as Bucket]));
    const idle = new Set<string>();
    for (const [name, source] of models) {
      const sheet = sheetOf(name);
      for (const field of priceFields(source)) {
        if (WITHOUT_BUCKET.test(field)) continue;
        const parts = /^(.*?)(?:_above_(\d+)k_tokens)?(?:_(priority|flex|batches|balanced|ultrafast|decisions))?$/.exec(
          field,
        );
        const bucket = stems.get(parts?.[1]);
        if (bucket === undefined || sheet === undefined) {
          if (!/second|image|pixel|character|query|page|request|_above_12hr/.test(field)) idle.add(field);
          continue;
        }
        // Ranges stand in front of the plain price of the same thing.
        if (source.tiered_pricing !== undefined) continue;
        const prompt = parts?.[2] === undefined ? 10 : Number(parts[2]) * 1000 + 1;
        const text = bucket === "input" ? prompt : bucket.startsWith("output") ? prompt : prompt - 1;
        const tier = parts?.[3];
        const usage = { buckets: { input: text, ...(bucket === "input" ? {} : { [bucket]: 1 }) } };
        const cost = costOf(usage, sheet, { at: PEAK, ...(tier === undefined ? {} : { requestedTier: tier }) });
        const charged = cost.parts.find((part) => part.bucket === bucket)?.price ?? "nothing";
        const own = fraction((source[field] as NumberText).text);
        if (!isSame(own, fraction(charged))) throw new Error(`${name} ${field}: ${charged}`);
      }
    }
    expect([...idle]).toEqual([]);
  });

  test("an entry without prices is unknown, one whose prices are all 0 is free", () => {
    for (const [name, source] of models) {
      const declared = priceFields(source).filter((field) => !field.includes("dbu"));
      const nested = source.tiered_pricing ?? source.search_context_cost_per_query ?? source.guardrail_cost_per_unit;
      const sheet = sheetOf(name);
      expect([name, sheet === undefined]).toEqual([name, declared.length === 0 && nested === undefined]);
      if (sheet === undefined || nested !== undefined) continue;
      expect([name, isFree(sheet)]).toEqual([
        name,
        declared.every((field) => Number((source[field] as NumberText).text) === 0),
      ]);
    }
  });
});
