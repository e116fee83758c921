/** What is known of the world's models: prices, context sizes, capabilities. Refreshed by `scripts/convert-prices.ts`. */
import { asObject, asString, type JsonObject, type MutableJsonObject } from "../json/json.ts";
import file from "./catalogue/catalogue.generated.json" with { type: "json" };
import { type CatalogueFile, parseCapabilities, parseRules } from "./catalogue-text.ts";
import { nameVariants, servesProvider } from "./model-names.ts";
import { fieldsFromRules, type PriceRules } from "./price-rules.ts";

/** One model of the catalogue. */
export interface CatalogueEntry {
  readonly name: string;
  /** LiteLLM's name of the provider, which may be a product line of it (`vertex_ai-language-models`). */
  readonly provider: string;
  /** `chat`, `embedding`, `image_generation` …; undefined where it is not recorded. */
  readonly mode: string | undefined;
  readonly maxInputTokens: number | undefined;
  readonly maxOutputTokens: number | undefined;
  /** By capability as LiteLLM names it without `supports_`: `function_calling`, `vision` …; absent means unknown. */
  readonly supports: Readonly<Record<string, boolean>>;
  readonly prices: PriceRules;
  /** The provider's page that the prices were taken from. */
  readonly source: string | undefined;
  /** `YYYY-MM-DD`. */
  readonly deprecationDate: string | undefined;
  /** `per_query` or `per_prompt`. */
  readonly webSearchBillingUnit: string | undefined;
  /** Everything under LiteLLM's field names, for `/model/info`. */
  litellmFields(): JsonObject;
}

const catalogue: CatalogueFile = file;

class Lines {
  readonly #text: string;
  #lines: readonly string[] | undefined;
  constructor(text: string) {
    this.#text = text;
  }
  at(index: string | undefined): string {
    if (index === undefined || index === "") return "";
    this.#lines ??= this.#text.split("\n");
    return this.#lines[Number(index)] ?? "";
  }
}

const prices = new Lines(catalogue.prices);
const capabilitySets = new Lines(catalogue.capabilitySets);
const sources = new Lines(catalogue.sources);
const others = new Lines(catalogue.others);

function count(text: string | undefined): number | undefined {
  return text === undefined || text === "" ? undefined : Number(text);
}

class TextEntry implements CatalogueEntry {
  readonly name: string;
  readonly provider: string;
  readonly mode: string | undefined;
  readonly maxInputTokens: number | undefined;
  readonly maxOutputTokens: number | undefined;
  readonly #columns: readonly string[];
  #prices: PriceRules | undefined;
  #supports: Readonly<Record<string, boolean>> | undefined;

  constructor(name: string, line: string) {
    const columns = line.split("\t");
    this.name = name;
    this.provider = catalogue.providers[Number(columns[0])] ?? "";
    this.mode = columns[1] === "" ? undefined : catalogue.modes[Number(columns[1])];
    this.maxInputTokens = count(columns[2]);
    this.maxOutputTokens = count(columns[3]);
    this.#columns = columns;
  }

  get prices(): PriceRules {
    this.#prices ??= parseRules(prices.at(this.#columns[4]));
    return this.#prices;
  }

  get supports(): Readonly<Record<string, boolean>> {
    this.#supports ??= parseCapabilities(capabilitySets.at(this.#columns[5]), catalogue.capabilities);
    return this.#supports;
  }

  get source(): string | undefined {
    return sources.at(this.#columns[6]) || undefined;
  }

  get deprecationDate(): string | undefined {
    return this.#columns[7] || undefined;
  }

  get webSearchBillingUnit(): string | undefined {
    return asString(this.#other().web_search_billing_unit);
  }

  #other(): JsonObject {
    const text = others.at(this.#columns[8]);
    return text === "" ? {} : (JSON.parse(text) as JsonObject);
  }

  litellmFields(): JsonObject {
    const { provider_specific_entry: provided, ...other } = this.#other();
    const fields: MutableJsonObject = { ...other, ...fieldsFromRules(this.prices) };
    if (provided !== undefined) {
      fields.provider_specific_entry = { ...asObject(fields.provider_specific_entry), ...asObject(provided) };
    }
    for (const [capability, value] of Object.entries(this.supports)) fields[`supports_${capability}`] = value;
    fields.litellm_provider = this.provider;
    if (this.mode !== undefined) fields.mode = this.mode;
    if (this.maxInputTokens !== undefined) fields.max_input_tokens = this.maxInputTokens;
    if (this.maxOutputTokens !== undefined) fields.max_output_tokens = this.maxOutputTokens;
    if (this.source !== undefined) fields.source = this.source;
    if (this.deprecationDate !== undefined) fields.deprecation_date = this.deprecationDate;
    return fields;
  }
}

interface Index {
  readonly names: readonly string[];
  readonly lines: readonly string[];
  readonly position: ReadonlyMap<string, number>;
}

let built: Index | undefined;

function index(): Index {
  if (built === undefined) {
    const names = catalogue.names.split("\n");
    built = {
      names,
      lines: catalogue.models.split("\n"),
      position: new Map(names.map((name, at) => [name, at])),
    };
  }
  return built;
}

let lowerCase: ReadonlyMap<string, string> | undefined;

const entries = new Map<string, CatalogueEntry>();

const providerModels = new Map<string, readonly string[]>();

/** Newer entries, which win over those that came with this release. */
let newer: ReadonlyMap<string, CatalogueEntry> = new Map();

let edition = 0;

/** Another number after every change of entries, for whoever keeps what it made of them. */
export function catalogueEdition(): number {
  return edition;
}

/** Takes another version of entries, for all that is compiled from now on; an empty map brings back the release's own. */
export function useNewerEntries(map: ReadonlyMap<string, CatalogueEntry>): void {
  newer = map;
  edition++;
  lowerCase = undefined;
  providerModels.clear();
}

/** Every name, those of the release first. */
function allNames(): readonly string[] {
  const { names, position } = index();
  return newer.size === 0 ? names : [...names, ...[...newer.keys()].filter((name) => !position.has(name))];
}

function exact(name: string): CatalogueEntry | undefined {
  const known = newer.get(name) ?? entries.get(name);
  if (known !== undefined) return known;
  const { position, lines } = index();
  const at = position.get(name);
  if (at === undefined) return undefined;
  const entry = new TextEntry(name, lines[at] as string);
  entries.set(name, entry);
  return entry;
}

/**
 * The catalogue's entry for a model. Tried in turn: with the provider's prefix, as written, and the same with what only
 * says where or in which revision the model runs taken off (`us.`, `bedrock/eu-west-1/`, `azure/eu/`, `:0`, `-001`, a
 * fine-tune's own name); last without regard to case. Where the provider is known, from the argument or from the name's prefix, the entry must be
 * that provider's, so that another host's model of the same name does not lend its price. Undefined when nothing fits.
 */
export function findEntry(name: string, provider?: string): CatalogueEntry | undefined {
  const slash = name.indexOf("/");
  const owner = provider ?? (slash > 0 ? name.slice(0, slash).toLowerCase() : undefined);
  const isRight = (entry: CatalogueEntry): boolean =>
    owner === undefined || servesProvider(entry.provider, owner) || (provider === undefined && entry.name === name);
  const variants = nameVariants(name, provider);
  for (const variant of variants) {
    const entry = exact(variant);
    if (entry !== undefined && isRight(entry)) return entry;
  }
  lowerCase ??= new Map(allNames().map((known) => [known.toLowerCase(), known]));
  for (const variant of variants) {
    const known = lowerCase.get(variant.toLowerCase());
    const entry = known === undefined ? undefined : exact(known);
    if (entry !== undefined && isRight(entry)) return entry;
  }
  return undefined;
}

/** Every model of the catalogue. */
export function allEntries(): CatalogueEntry[] {
  return allNames().flatMap((name) => exact(name) ?? []);
}

/** Names of a provider's models without its prefix, in the catalogue's order; for listing what a wildcard stands for. */
export function modelsOfProvider(provider: string): readonly string[] {
  const known = providerModels.get(provider);
  if (known !== undefined) return known;
  const prefix = `${provider}/`;
  const { names, lines } = index();
  const numbers = new Set(
    catalogue.providers.flatMap((name, at) => (servesProvider(name, provider) ? [String(at)] : [])),
  );
  const models: string[] = [];
  names.forEach((name, at) => {
    const line = lines[at] as string;
    if (numbers.has(line.slice(0, line.indexOf("\t"))))
      models.push(name.startsWith(prefix) ? name.slice(prefix.length) : name);
  });
  for (const entry of newer.values()) {
    if (!servesProvider(entry.provider, provider)) continue;
    models.push(entry.name.startsWith(prefix) ? entry.name.slice(prefix.length) : entry.name);
  }
  const unique = [...new Set(models)];
  if (unique.length > 0) providerModels.set(provider, unique);
  return unique;
}
