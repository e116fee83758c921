import { asString, type JsonObject } from "../json/json.ts";
import type { PriceSheet } from "../snapshot/snapshot.ts";
import type { CatalogueEntry } from "./catalogue.ts";
import { findEntry } from "./catalogue.ts";
import { type Decimal, parseDecimal } from "./decimal.ts";
import { compileSchedule, type OffPeakSchedule } from "./off-peak.ts";
import { parsePriceKey } from "./price-fields.ts";
import { type PriceRange, type PriceRules, type PriceTable, rulesFromFields } from "./price-rules.ts";
import type { RateSet } from "./rates.ts";

/** What `PriceSheet.data` holds. */
export interface CompiledPrices {
  readonly rules: PriceRules;
  readonly provider: string | undefined;
  readonly mode: string | undefined;
  /** Whether the operator declared prices, so that the provider's own statement does not count. */
  readonly custom: boolean;
  readonly free: boolean;
  /** Prompt sizes above which other prices apply, ascending. */
  readonly thresholds: readonly number[];
  /** Lengths of video in seconds above which other prices apply, ascending. */
  readonly intervals: readonly number[];
  readonly tokenRanges: readonly PriceRange[];
  readonly resultRanges: readonly PriceRange[];
  readonly schedule: OffPeakSchedule | undefined;
  /** What discounts and margins make of the prices. */
  readonly adjustment?: { readonly factor: Decimal; readonly fee: Decimal };
  /** Whether a web search is charged once per prompt, however many queries it took. */
  readonly searchPerPrompt: boolean;
  /** True when nothing but the counts decides the price of a call without tier, size and region. */
  readonly flat: boolean;
  /** Rates by context, filled as contexts occur; bounded because contexts come from what the rules declare. */
  readonly compiled: Map<string, RateSet>;
  /** The most that an input and an output token can cost, by context. */
  readonly bounds: Map<string, TokenBound>;
}

/** Dollars per token in units of 10^exponent. */
export interface TokenBound {
  readonly input: bigint;
  readonly output: bigint;
  readonly request: bigint;
  readonly exponent: number;
}

/** Meters that name something other than dollars. */
const NOT_DOLLARS = new Set(["input_dbu", "output_dbu"]);

/** Gemini 2 grounding is billed per prompt: https://ai.google.dev/gemini-api/docs/pricing (2026-11). */
const SEARCH_PER_PROMPT = new Set(["gemini", "vertex_ai", "vertex_ai-language-models"]);

/** A declaration of one side's base price replaces everything that was known of that side. */
const INPUT_SIDE = /^(?:input(?:_audio|_image|_video)?|cache_[a-z0-9_]+)(?:[:/>@]|$)/;
const OUTPUT_SIDE = /^output(?:_reasoning|_audio|_image|_video)?(?:[:/>@]|$)/;

const EMPTY: PriceRules = { prices: new Map(), ranges: [], multipliers: new Map() };

function isDeclared({ prices, ranges, offPeak, multipliers }: PriceRules): boolean {
  return prices.size > 0 || ranges.length > 0 || offPeak !== undefined || multipliers.size > 0;
}

/**
 * Own prices over the catalogue's. With both `input` and `output` declared they stand alone; with one of them, nothing of
 * the catalogue's same side (tiers, thresholds, cache …) remains, since it was derived from the price that was replaced.
 */
function merge(known: PriceRules, own: PriceRules): PriceRules {
  const declares = (side: string): boolean => own.prices.has(side) || own.ranges.some(({ prices }) => prices.has(side));
  const input = declares("input");
  const output = declares("output");
  if (input && output) return own;
  const keep = (prices: PriceTable): Map<string, string> =>
    new Map([...prices].filter(([key]) => !(input && INPUT_SIDE.test(key)) && !(output && OUTPUT_SIDE.test(key))));
  const prices = new Map([...keep(known.prices), ...own.prices]);
  const ranges =
    own.ranges.length > 0 ? own.ranges : known.ranges.map((range) => ({ ...range, prices: keep(range.prices) }));
  const offPeak = own.offPeak ?? (known.offPeak && { ...known.offPeak, prices: keep(known.offPeak.prices) });
  return {
    prices,
    ranges,
    multipliers: new Map([...known.multipliers, ...own.multipliers]),
    ...(offPeak === undefined ? {} : { offPeak }),
  };
}

function everyPrice({ prices, ranges, offPeak }: PriceRules): [string, string][] {
  return [prices, ...ranges.map((range) => range.prices), offPeak?.prices ?? new Map()]
    .flatMap((table) => [...table])
    .filter(([key]) => !NOT_DOLLARS.has(parsePriceKey(key).meter));
}

/** The price of a code session is catalogued once per provider, as the model `<provider>/container`. */
function withContainer(rules: PriceRules, provider: string | undefined): PriceRules {
  if (provider === undefined || rules.prices.has("code_sessions")) return rules;
  const session = findEntry(`${provider}/container`)?.prices.prices.get("code_sessions");
  return session === undefined ? rules : { ...rules, prices: new Map([...rules.prices, ["code_sessions", session]]) };
}

/**
 * The prices of a model: the catalogue's, with the LiteLLM-named price fields in `overrides` (numbers or decimal text;
 * other members are ignored) put over them. Undefined means that no price is known, which is not the same as free.
 * Throws InvalidPriceError for a price that is negative or no number, and an Error for unreadable quiet hours.
 */
export function priceSheet(options: {
  readonly entry?: CatalogueEntry | undefined;
  readonly overrides?: JsonObject | undefined;
  readonly name: string;
}): PriceSheet | undefined {
  const { entry, overrides, name } = options;
  const own = overrides === undefined ? EMPTY : rulesFromFields(overrides);
  const custom = isDeclared(own);
  const known = entry?.prices ?? EMPTY;
  const declared = custom ? merge(known, own) : known;
  const prices = everyPrice(declared);
  if (prices.length === 0) return undefined;
  const rules = withContainer(declared, entry?.provider);
  const keys = [...rules.prices.keys()].map(parsePriceKey);
  const thresholds = [...new Set(keys.flatMap(({ aboveTokens }) => aboveTokens ?? []))].sort((a, b) => a - b);
  const intervals = [...new Set(keys.flatMap(({ aboveSeconds }) => aboveSeconds ?? []))].sort((a, b) => a - b);
  const unit = overrides?.web_search_billing_unit ?? entry?.webSearchBillingUnit;
  const mode = asString(overrides?.mode) ?? entry?.mode;
  const data: CompiledPrices = {
    rules,
    provider: entry?.provider,
    mode,
    custom,
    free: prices.every(([, text]) => parseDecimal(text)?.mantissa === 0n),
    thresholds,
    intervals,
    tokenRanges: rules.ranges.filter(({ by }) => by === "tokens"),
    resultRanges: rules.ranges.filter(({ by }) => by === "results"),
    schedule: rules.offPeak === undefined ? undefined : compileSchedule(rules.offPeak.schedule),
    searchPerPrompt: unit === undefined ? SEARCH_PER_PROMPT.has(entry?.provider ?? "") : unit === "per_prompt",
    flat: thresholds.length === 0 && rules.ranges.length === 0 && rules.offPeak === undefined && intervals.length === 0,
    compiled: new Map(),
    bounds: new Map(),
  };
  return { name, data };
}

/** Whether every declared price is 0. */
export function isFree(sheet: PriceSheet): boolean {
  return (sheet.data as CompiledPrices).free;
}
