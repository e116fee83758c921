import { asArray, asObject, type Json, type JsonObject, type MutableJsonObject } from "../json/json.ts";
import { parseDecimal, shortText } from "./decimal.ts";
import { groupFieldOf, parsePriceField, parsePriceKey, priceFieldOf, priceGroupOf, priceKey } from "./price-fields.ts";

/** Decimal text of dollars by price name (`price-fields.ts`). */
export type PriceTable = ReadonlyMap<string, string>;

/** Prices that replace others while a figure of the call is in `(from, to]`. */
export interface PriceRange {
  /** `tokens`: of the prompt; `results`: the most that a search may return. */
  readonly by: "tokens" | "results";
  readonly from: number;
  readonly to: number;
  readonly prices: PriceTable;
}

/** Prices that replace others at quiet hours; `schedule` keeps LiteLLM's members (`windows`, `hours_utc` …). */
export interface OffPeakPrices {
  readonly schedule: JsonObject;
  readonly prices: PriceTable;
}

/** Everything that is declared about the prices of a model. */
export interface PriceRules {
  readonly prices: PriceTable;
  readonly ranges: readonly PriceRange[];
  readonly offPeak?: OffPeakPrices;
  /** Decimal text by occasion: `processing_eu`, `processing_us`, `endpoint` (regional), `us`, `eu`, `fast`. */
  readonly multipliers: PriceTable;
}

/** A price that is negative, not a number or no number at all. `field` is LiteLLM's name of it. */
export class InvalidPriceError extends Error {
  override readonly name = "InvalidPriceError";
  readonly field: string;
  constructor(field: string, value: unknown) {
    super(`${field} must be a number of dollars, zero or more, not ${JSON.stringify(value) ?? String(value)}`);
    this.field = field;
  }
}

const PROCESSING = /^regional_processing_uplift_multiplier_([a-z]+)$/;
/** Members of `provider_specific_entry` that multiply; others configure requests. */
const OCCASION = /^(?:fast|[a-z]{2})$/;

/** Whether a field declares a price or a change of prices. */
export function isPriceField(field: string): boolean {
  return (
    field === "tiered_pricing" ||
    field === "off_peak_pricing" ||
    field === "regional_endpoint_uplift_multiplier" ||
    PROCESSING.test(field) ||
    priceGroupOf(field) !== undefined ||
    parsePriceField(field) !== undefined
  );
}

/** Exact shortest text of a price given as a number or as decimal text. Throws InvalidPriceError. */
export function priceText(field: string, value: Json): string {
  const text = typeof value === "number" ? String(value) : typeof value === "string" ? value : "";
  const decimal = parseDecimal(text);
  if (decimal === undefined || decimal.mantissa < 0n) throw new InvalidPriceError(field, value);
  return shortText(decimal);
}

/** The plain prices among LiteLLM-named fields; other fields are left alone, null counts as absent. */
function pricesOf(fields: JsonObject): Map<string, string> {
  const prices = new Map<string, string>();
  for (const [field, value] of Object.entries(fields)) {
    if (value === undefined || value === null) continue;
    const group = priceGroupOf(field);
    if (group !== undefined) {
      const members = asObject(value);
      if (members === undefined) throw new InvalidPriceError(field, value);
      for (const [member, price] of Object.entries(members)) {
        if (price === undefined || price === null || !member.startsWith(group[1])) continue;
        prices.set(
          priceKey({ meter: group[0], variant: member.slice(group[1].length) }),
          priceText(`${field}.${member}`, price),
        );
      }
      continue;
    }
    const name = parsePriceField(field);
    if (name !== undefined) prices.set(priceKey(name), priceText(field, value));
  }
  return prices;
}

function rangesOf(declared: Json): PriceRange[] {
  if (!Array.isArray(declared)) throw new InvalidPriceError("tiered_pricing", declared);
  return asArray(declared).map((item) => {
    const fields = asObject(item) ?? {};
    const by = fields.range === undefined ? "results" : "tokens";
    const bounds = asArray(by === "tokens" ? fields.range : fields.max_results_range).map(Number);
    const [from, to] = bounds;
    if (from === undefined || to === undefined || !(from >= 0) || !(to > from)) {
      throw new InvalidPriceError("tiered_pricing.range", bounds);
    }
    return { by, from, to, prices: pricesOf(fields) };
  });
}

function offPeakOf(declared: Json): OffPeakPrices {
  const fields = asObject(declared);
  if (fields === undefined) throw new InvalidPriceError("off_peak_pricing", declared);
  const schedule: MutableJsonObject = {};
  for (const [field, value] of Object.entries(fields)) {
    if (field !== "rates" && !isPriceField(field)) schedule[field] = value;
  }
  return { schedule, prices: pricesOf({ ...fields, ...asObject(fields.rates) }) };
}

/** Reads every price in LiteLLM-named fields (a catalogue entry, litellm_params, model_info). Throws InvalidPriceError. */
export function rulesFromFields(fields: JsonObject): PriceRules {
  const multipliers = new Map<string, string>();
  for (const [field, value] of Object.entries(fields)) {
    if (value === undefined || value === null) continue;
    const processing = PROCESSING.exec(field);
    if (processing !== null) multipliers.set(`processing_${processing[1]}`, priceText(field, value));
    if (field === "regional_endpoint_uplift_multiplier") multipliers.set("endpoint", priceText(field, value));
  }
  for (const [occasion, value] of Object.entries(asObject(fields.provider_specific_entry) ?? {})) {
    if (OCCASION.test(occasion) && value !== undefined && value !== null) {
      multipliers.set(occasion, priceText(`provider_specific_entry.${occasion}`, value));
    }
  }
  const tiered = fields.tiered_pricing ?? undefined;
  const quiet = fields.off_peak_pricing ?? undefined;
  return {
    prices: pricesOf(fields),
    ranges: tiered === undefined ? [] : rangesOf(tiered),
    multipliers,
    ...(quiet === undefined ? {} : { offPeak: offPeakOf(quiet) }),
  };
}

function fieldsOfTable(prices: PriceTable): MutableJsonObject {
  const fields: MutableJsonObject = {};
  for (const [key, text] of prices) {
    const name = parsePriceKey(key);
    const group = groupFieldOf(name.meter);
    if (group === undefined) {
      fields[priceFieldOf(name)] = Number(text);
    } else {
      const members = (fields[group[0]] ?? {}) as MutableJsonObject;
      members[`${group[1]}${name.variant ?? ""}`] = Number(text);
      fields[group[0]] = members;
    }
  }
  return fields;
}

/** The LiteLLM-named fields that `rulesFromFields` reads as these rules. */
export function fieldsFromRules({ prices, ranges, offPeak, multipliers }: PriceRules): MutableJsonObject {
  const fields = fieldsOfTable(prices);
  if (ranges.length > 0) {
    fields.tiered_pricing = ranges.map(({ by, from, to, prices: inside }) => ({
      [by === "tokens" ? "range" : "max_results_range"]: [from, to],
      ...fieldsOfTable(inside),
    }));
  }
  if (offPeak !== undefined) fields.off_peak_pricing = { ...offPeak.schedule, ...fieldsOfTable(offPeak.prices) };
  const occasions: MutableJsonObject = {};
  for (const [occasion, text] of multipliers) {
    if (occasion === "endpoint") fields.regional_endpoint_uplift_multiplier = Number(text);
    else if (occasion.startsWith("processing_")) {
      fields[`regional_processing_uplift_multiplier_${occasion.slice("processing_".length)}`] = Number(text);
    } else occasions[occasion] = Number(text);
  }
  if (multipliers.size > 0 && Object.keys(occasions).length > 0) fields.provider_specific_entry = occasions;
  return fields;
}

/** `name=price` items separated by spaces. */
export function tableText(prices: PriceTable): string {
  return [...prices].map(([key, text]) => `${key}=${text}`).join(" ");
}

/** Reads `tableText`. */
export function parseTable(text: string): Map<string, string> {
  const prices = new Map<string, string>();
  if (text === "") return prices;
  for (const item of text.split(" ")) {
    const end = item.lastIndexOf("=");
    prices.set(item.slice(0, end), item.slice(end + 1));
  }
  return prices;
}
