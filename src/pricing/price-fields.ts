/**
 * Our names of prices, and how LiteLLM's 250 field names compose from them:
 * `<what>_cost_per_<unit>[_<size>][_above_<n>s_interval][_above_<n>k_tokens][_<tier>]`.
 */

/** Tiers that can have prices of their own; everything else is the standard tier. */
export const PRICE_TIERS = ["priority", "flex", "batches", "balanced", "ultrafast", "decisions"] as const;
export type PriceTier = (typeof PRICE_TIERS)[number];

/** What is metered → the stem of LiteLLM's field. Dollars per single unit unless the name says otherwise. */
const STEMS = {
  input: "input_cost_per_token",
  input_audio: "input_cost_per_audio_token",
  input_image: "input_cost_per_image_token",
  input_video: "input_cost_per_video_token",
  cache_read: "cache_read_input_token_cost",
  cache_read_audio: "cache_read_input_audio_token_cost",
  cache_read_image: "cache_read_input_image_token_cost",
  cache_read_explicit: "explicit_cache_read_input_token_cost",
  cache_hit: "input_cost_per_token_cache_hit",
  cache_write_5m: "cache_creation_input_token_cost",
  cache_write_1h: "cache_creation_input_token_cost_above_1hr",
  cache_write_12h: "cache_creation_input_token_cost_above_12hr",
  cache_write_audio: "cache_creation_input_audio_token_cost",
  output: "output_cost_per_token",
  output_reasoning: "output_cost_per_reasoning_token",
  output_audio: "output_cost_per_audio_token",
  output_image: "output_cost_per_image_token",
  output_video: "output_cost_per_video_token",
  citations: "citation_cost_per_token",
  computer_use_input_1k: "computer_use_input_cost_per_1k_tokens",
  computer_use_output_1k: "computer_use_output_cost_per_1k_tokens",
  input_dbu: "input_dbu_cost_per_token",
  output_dbu: "output_dbu_cost_per_token",
  input_characters: "input_cost_per_character",
  output_characters: "output_cost_per_character",
  input_seconds: "input_cost_per_second",
  output_seconds: "output_cost_per_second",
  seconds: "cost_per_second",
  input_audio_seconds: "input_cost_per_audio_per_second",
  output_audio_seconds: "output_cost_per_audio_per_second",
  input_video_seconds: "input_cost_per_video_per_second",
  output_video_seconds: "output_cost_per_video_per_second",
  input_images: "input_cost_per_image",
  output_images: "output_cost_per_image",
  input_pixels: "input_cost_per_pixel",
  output_pixels: "output_cost_per_pixel",
  queries: "input_cost_per_query",
  requests: "input_cost_per_request",
  messages: "input_cost_per_text_message",
  pages: "ocr_cost_per_page",
  credits: "ocr_cost_per_credit",
  annotated_pages: "annotation_cost_per_page",
  file_searches_1k: "file_search_cost_per_1k_calls",
  file_search_gigabyte_days: "file_search_cost_per_gb_per_day",
  vector_store_gigabyte_days: "vector_store_cost_per_gb_per_day",
  code_sessions: "code_interpreter_cost_per_session",
  maps_queries: "google_maps_grounding_cost_per_query",
} as const;

/** Fields that hold an object of prices, one per variant: meter → [field, prefix of its members]. */
const GROUPS = {
  web_searches: ["search_context_cost_per_query", "search_context_size_"],
  guardrail_units: ["guardrail_cost_per_unit", ""],
} as const;

export type Meter = keyof typeof STEMS | keyof typeof GROUPS;

/** One price: what is metered and when it applies. */
export interface PriceName {
  readonly meter: Meter;
  /** Size, resolution or other kind of the thing: `720p`, `1K`, `medium`. */
  readonly variant?: string;
  /** Applies to media longer than so many seconds. */
  readonly aboveSeconds?: number;
  /** Applies to calls with more prompt tokens than this. */
  readonly aboveTokens?: number;
  readonly tier?: PriceTier;
}

const METER_OF_STEM = new Map<string, Meter>(Object.entries(STEMS).map(([meter, stem]) => [stem, meter as Meter]));
const METER_OF_GROUP = new Map<string, [Meter, string]>(
  Object.entries(GROUPS).map(([meter, [field, prefix]]) => [field, [meter as Meter, prefix]]),
);

const TIER = new RegExp(`^(.+)_(${PRICE_TIERS.join("|")})$`);
const ABOVE_TOKENS = /^(.+)_above_(\d+)k_tokens$/;
const ABOVE_SECONDS = /^(.+)_above_(\d+)s_interval$/;
const SIZE = /^(output_cost_per_(?:image|second)|input_cost_per_image)_(\d+(?:\.\d+)?[kKp]?)$/;

/** Reads a LiteLLM field such as `input_cost_per_token_above_200k_tokens_priority`; undefined when it is no price. */
export function parsePriceField(field: string): PriceName | undefined {
  let rest = field;
  const take = (pattern: RegExp): string | undefined => {
    const match = pattern.exec(rest);
    if (match === null) return undefined;
    rest = match[1] as string;
    return match[2];
  };
  const tier = take(TIER) as PriceTier | undefined;
  const aboveTokens = take(ABOVE_TOKENS);
  const aboveSeconds = take(ABOVE_SECONDS);
  const variant = METER_OF_STEM.has(rest) ? undefined : take(SIZE);
  const meter = METER_OF_STEM.get(rest);
  if (meter === undefined) return undefined;
  return {
    meter,
    ...(variant === undefined ? {} : { variant }),
    ...(aboveSeconds === undefined ? {} : { aboveSeconds: Number(aboveSeconds) }),
    ...(aboveTokens === undefined ? {} : { aboveTokens: Number(aboveTokens) * 1000 }),
    ...(tier === undefined ? {} : { tier }),
  };
}

/** The field that `parsePriceField` reads as this name. Names of grouped meters have none. */
export function priceFieldOf({ meter, variant, aboveSeconds, aboveTokens, tier }: PriceName): string {
  const size = variant === undefined ? "" : `_${variant}`;
  const seconds = aboveSeconds === undefined ? "" : `_above_${aboveSeconds}s_interval`;
  const tokens = aboveTokens === undefined ? "" : `_above_${aboveTokens / 1000}k_tokens`;
  return `${STEMS[meter as keyof typeof STEMS]}${size}${seconds}${tokens}${tier === undefined ? "" : `_${tier}`}`;
}

/** The meter and the prefix of the members of a field that holds an object of prices; undefined for other fields. */
export function priceGroupOf(field: string): readonly [Meter, string] | undefined {
  return METER_OF_GROUP.get(field);
}

/** The field and the prefix of its members for a meter that LiteLLM writes as an object; undefined for other meters. */
export function groupFieldOf(meter: Meter): readonly [string, string] | undefined {
  return (GROUPS as Partial<Record<Meter, readonly [string, string]>>)[meter];
}

/** Our text of a price name: `input`, `input>200000@flex`, `output_seconds:720p`. */
export function priceKey({ meter, variant, aboveSeconds, aboveTokens, tier }: PriceName): string {
  const size = variant === undefined ? "" : `:${variant}`;
  const seconds = aboveSeconds === undefined ? "" : `/${aboveSeconds}`;
  const tokens = aboveTokens === undefined ? "" : `>${aboveTokens}`;
  return `${meter}${size}${seconds}${tokens}${tier === undefined ? "" : `@${tier}`}`;
}

const KEY = /^([a-z0-9_]+)(?::([^/>@]+))?(?:\/(\d+))?(?:>(\d+))?(?:@([a-z]+))?$/;

/** Reads `priceKey` text. Throws when it is none. */
export function parsePriceKey(key: string): PriceName {
  const match = KEY.exec(key);
  if (match === null) throw new Error(`not a price name: ${key}`);
  const [, meter, variant, aboveSeconds, aboveTokens, tier] = match;
  return {
    meter: meter as Meter,
    ...(variant === undefined ? {} : { variant }),
    ...(aboveSeconds === undefined ? {} : { aboveSeconds: Number(aboveSeconds) }),
    ...(aboveTokens === undefined ? {} : { aboveTokens: Number(aboveTokens) }),
    ...(tier === undefined ? {} : { tier: tier as PriceTier }),
  };
}
