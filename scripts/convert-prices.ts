/**
 * Turns LiteLLM's public price table into the catalogue: `bun scripts/convert-prices.ts <model-prices.json> [<output>]`.
 * Fails on a price field that it does not know, so that a new one is never lost in silence.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { asObject, asString, type Json, type JsonObject, type MutableJsonObject } from "../src/json/json.ts";
import { CATALOGUE_SCHEMA, type CatalogueFile, capabilityText, rulesText } from "../src/pricing/catalogue-text.ts";
import { isPriceField, type PriceRules, rulesFromFields } from "../src/pricing/price-rules.ts";

/** Marks a number that is kept as its source text, because a double may not be what was written. */
const NUMBER = "\u0000";
const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

function parseKeepingNumbers(text: string): JsonObject {
  const marked = text.replace(STRING_OR_NUMBER, (token) =>
    token.startsWith('"') ? token : JSON.stringify(`${NUMBER}${token}`),
  );
  return JSON.parse(marked) as JsonObject;
}

/** The same value with every kept number as `convert` makes it of its text. */
function mapNumbers(value: Json | undefined, convert: (text: string) => Json): Json {
  if (typeof value === "string") return value.startsWith(NUMBER) ? convert(value.slice(1)) : value;
  if (Array.isArray(value)) return value.map((item: Json) => mapNumbers(item, convert));
  const object = asObject(value);
  if (object === undefined) return value ?? null;
  return Object.fromEntries(Object.entries(object).map(([key, item]) => [key, mapNumbers(item, convert)]));
}

/** Entries that describe the table itself. */
const NOT_MODELS = new Set(["sample_spec", "fallback_generalizations"]);
const COLUMNS = new Set([
  "litellm_provider",
  "mode",
  "max_input_tokens",
  "max_output_tokens",
  "source",
  "deprecation_date",
]);
const LOOKS_LIKE_PRICE = /cost|price|pricing|multiplier/;

class Table {
  readonly rows: string[] = [];
  readonly #numbers = new Map<string, number>();
  /** The number of a row, which is added when it is new; empty text has none. */
  number(text: string | undefined): string {
    if (text === undefined || text === "") return "";
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.rows.push(text) - 1;
      this.#numbers.set(text, number);
    }
    return String(number);
  }
}

/** Prices from the numbers' source text; hours and weekdays are plain numbers. */
function exactRules(exact: JsonObject, plain: JsonObject): PriceRules {
  const rules = rulesFromFields(exact);
  const schedule = rulesFromFields(plain).offPeak?.schedule;
  return rules.offPeak === undefined || schedule === undefined
    ? rules
    : { ...rules, offPeak: { ...rules.offPeak, schedule } };
}

function convert(source: JsonObject): CatalogueFile {
  const tables = {
    providers: new Table(),
    modes: new Table(),
    prices: new Table(),
    sets: new Table(),
    sources: new Table(),
    others: new Table(),
  };
  const capabilities = new Table();
  const names: string[] = [];
  const models: string[] = [];
  for (const [name, kept] of Object.entries(source)) {
    if (NOT_MODELS.has(name)) continue;
    const exact = asObject(mapNumbers(kept, (text) => text)) ?? {};
    const plain = asObject(mapNumbers(kept, Number)) ?? {};
    const provider = asString(plain.litellm_provider);
    if (provider === undefined) throw new Error(`${name} has no litellm_provider`);
    const rules = exactRules(exact, plain);
    const supports: Record<string, boolean> = {};
    const other: MutableJsonObject = {};
    for (const [field, value] of Object.entries(plain)) {
      if (COLUMNS.has(field) || isPriceField(field)) continue;
      if (LOOKS_LIKE_PRICE.test(field)) throw new Error(`${name}: unknown price field ${field}`);
      if (field.startsWith("supports_") && typeof value === "boolean") {
        const capability = field.slice("supports_".length);
        capabilities.number(capability);
        supports[capability] = value;
      } else if (field === "provider_specific_entry") {
        const rest = Object.entries(asObject(value) ?? {}).filter(([occasion]) => !rules.multipliers.has(occasion));
        if (rest.length > 0) other[field] = Object.fromEntries(rest);
      } else other[field] = value;
    }
    names.push(name);
    models.push(
      [
        tables.providers.number(provider),
        tables.modes.number(asString(plain.mode)),
        plain.max_input_tokens ?? "",
        plain.max_output_tokens ?? "",
        tables.prices.number(rulesText(rules)),
        tables.sets.number(capabilityText(supports, capabilities.rows)),
        tables.sources.number(asString(plain.source)),
        asString(plain.deprecation_date) ?? "",
        tables.others.number(Object.keys(other).length === 0 ? "" : JSON.stringify(other)),
      ].join("\t"),
    );
  }
  return {
    schema: CATALOGUE_SCHEMA,
    providers: tables.providers.rows,
    modes: tables.modes.rows,
    capabilities: capabilities.rows,
    names: names.join("\n"),
    models: models.join("\n"),
    prices: tables.prices.rows.join("\n"),
    capabilitySets: tables.sets.rows.join("\n"),
    sources: tables.sources.rows.join("\n"),
    others: tables.others.rows.join("\n"),
  };
}

const [input, output = new URL("../src/pricing/catalogue/catalogue.generated.json", import.meta.url).pathname] =
  process.argv.slice(2);
if (input === undefined) {
  console.error("usage: bun scripts/convert-prices.ts <model-prices.json> [<output>]");
  process.exit(2);
}
const catalogue = convert(parseKeepingNumbers(readFileSync(input, "utf8")));
writeFileSync(output, `${JSON.stringify(catalogue)}\n`);
console.log(
  `${catalogue.names.split("\n").length} models, ${catalogue.prices.split("\n").length} distinct price lists`,
);
