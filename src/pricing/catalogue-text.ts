/**
 * The catalogue's file: tables of texts, and one line per model that refers to them by number. Everything is text until
 * a model is looked up, because reading 4,500 models at every start would cost more than all the rest of it.
 */
import type { JsonObject } from "../json/json.ts";
import { type OffPeakPrices, type PriceRange, type PriceRules, parseTable, tableText } from "./price-rules.ts";

/** `src/pricing/catalogue/catalogue.generated.json`. */
export interface CatalogueFile {
  /** Version of this layout. */
  readonly schema: number;
  /** Model names, one a line. */
  readonly names: string;
  /** Per model, tab-separated: provider, mode, max input, max output, prices, capabilities, source, deprecation, other. */
  readonly models: string;
  readonly providers: readonly string[];
  readonly modes: readonly string[];
  readonly capabilities: readonly string[];
  /** Distinct prices as `rulesText`, one a line. */
  readonly prices: string;
  /** Distinct sets of capabilities, one a line: `+n` or `-n` by the number of the capability. */
  readonly capabilitySets: string;
  /** Distinct pages that the prices were taken from, one a line. */
  readonly sources: string;
  /** Distinct JSON objects with the remaining fields, one a line. */
  readonly others: string;
}

export const CATALOGUE_SCHEMA = 1;

interface RangeText {
  readonly by: PriceRange["by"];
  readonly from: number;
  readonly to: number;
  readonly prices: string;
}

interface RulesJson {
  readonly prices: string;
  readonly ranges?: readonly RangeText[];
  readonly offPeak?: { readonly schedule: JsonObject; readonly prices: string };
  readonly multipliers?: string;
}

/** One line of text for price rules: the plain prices alone, or a JSON object where there is more. */
export function rulesText({ prices, ranges, offPeak, multipliers }: PriceRules): string {
  if (ranges.length === 0 && offPeak === undefined && multipliers.size === 0) return tableText(prices);
  const json: RulesJson = {
    prices: tableText(prices),
    ...(ranges.length === 0 ? {} : { ranges: ranges.map((range) => ({ ...range, prices: tableText(range.prices) })) }),
    ...(offPeak === undefined ? {} : { offPeak: { schedule: offPeak.schedule, prices: tableText(offPeak.prices) } }),
    ...(multipliers.size === 0 ? {} : { multipliers: tableText(multipliers) }),
  };
  return JSON.stringify(json);
}

/** Reads `rulesText`. */
export function parseRules(text: string): PriceRules {
  if (!text.startsWith("{")) return { prices: parseTable(text), ranges: [], multipliers: new Map() };
  const json = JSON.parse(text) as RulesJson;
  const ranges = (json.ranges ?? []).map((range) => ({ ...range, prices: parseTable(range.prices) }));
  const offPeak: OffPeakPrices | undefined = json.offPeak && {
    schedule: json.offPeak.schedule,
    prices: parseTable(json.offPeak.prices),
  };
  return {
    prices: parseTable(json.prices),
    ranges,
    multipliers: parseTable(json.multipliers ?? ""),
    ...(offPeak === undefined ? {} : { offPeak }),
  };
}

/** `+n` or `-n` per capability that is known to be there or not. */
export function capabilityText(supports: Readonly<Record<string, boolean>>, names: readonly string[]): string {
  return Object.entries(supports)
    .map(([name, value]) => `${value ? "+" : "-"}${names.indexOf(name)}`)
    .join("");
}

/** Reads `capabilityText`. */
export function parseCapabilities(text: string, names: readonly string[]): Record<string, boolean> {
  const supports: Record<string, boolean> = {};
  for (const [item] of text.matchAll(/[+-]\d+/g)) {
    const name = names[Number(item.slice(1))];
    if (name !== undefined) supports[name] = item.startsWith("+");
  }
  return supports;
}
