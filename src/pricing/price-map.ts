import { asNumber, asObject, asString, isObject, type JsonObject, type MutableJsonObject } from "../json/json.ts";
import { allEntries, type CatalogueEntry } from "./catalogue.ts";
import { type PriceRules, rulesFromFields } from "./price-rules.ts";

/** Fewer entries are no price map: what a proxy or a captive portal answers must not take prices away. */
const FEWEST = 50;
/** Nor is a map that lost more than half of what is known. */
const LEAST_SHARE = 0.5;
/** Entries that describe the map itself. */
const NOT_MODELS: ReadonlySet<string> = new Set(["sample_spec", "fallback_generalizations"]);

/** A price map that must not be taken. */
export class UnusablePriceMap extends Error {
  override readonly name = "UnusablePriceMap";
}

/** LiteLLM's price map, read anew. */
export interface PriceMap {
  readonly entries: ReadonlyMap<string, CatalogueEntry>;
  /** Models whose prices cannot be understood: what was known of them stays. */
  readonly skipped: readonly string[];
}

/**
 * Reads `model_prices_and_context_window.json`. Throws UnusablePriceMap when it is no such map: no object, too few
 * models, or less than half of those that are known.
 */
export function readPriceMap(value: unknown): PriceMap {
  if (!isObject(value)) throw new UnusablePriceMap("it is no map of models");
  const entries = new Map<string, CatalogueEntry>();
  const skipped: string[] = [];
  for (const [name, member] of Object.entries(value)) {
    const fields = asObject(member);
    if (fields === undefined || NOT_MODELS.has(name)) continue;
    const entry = entryOf(name, fields);
    if (entry === undefined) skipped.push(name);
    else entries.set(name, entry);
  }
  const least = Math.max(FEWEST, Math.floor(allEntries().length * LEAST_SHARE));
  if (entries.size < least) {
    throw new UnusablePriceMap(`it has ${entries.size} usable models, and fewer than ${least} are not believed`);
  }
  return { entries, skipped };
}

function entryOf(name: string, fields: JsonObject): CatalogueEntry | undefined {
  let prices: PriceRules;
  try {
    prices = rulesFromFields(fields);
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
  const provider = asString(fields.litellm_provider);
  if (provider === undefined) return undefined;
  const supports: Record<string, boolean> = {};
  for (const [field, value] of Object.entries(fields)) {
    if (field.startsWith("supports_") && typeof value === "boolean") supports[field.slice("supports_".length)] = value;
  }
  const shown: MutableJsonObject = { ...fields };
  return {
    name,
    provider,
    mode: asString(fields.mode),
    maxInputTokens: asNumber(fields.max_input_tokens),
    maxOutputTokens: asNumber(fields.max_output_tokens),
    supports,
    prices,
    source: asString(fields.source),
    deprecationDate: asString(fields.deprecation_date),
    webSearchBillingUnit: asString(fields.web_search_billing_unit),
    litellmFields: () => shown,
  };
}
