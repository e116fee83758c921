/** What each bucket costs by the rules of the price table, computed from its field names alone. */
import type { Bucket } from "../../src/usage/usage.ts";
import { type Fraction, fraction, NOTHING, NumberText, type SourceEntry, times } from "./source-table.ts";

export interface Circumstances {
  /** Suffix of the fields: `priority`, `flex`, `batches` …. */
  readonly tier?: string;
  readonly promptTokens: number;
  readonly offPeak?: boolean;
}

function priceIn(fields: unknown, name: string): Fraction | undefined {
  const value = (fields as SourceEntry | undefined)?.[name];
  return value instanceof NumberText ? fraction(value.text) : undefined;
}

const halved = (price: Fraction, tier: string | undefined): Fraction =>
  tier === "batches" ? { over: price.over, under: price.under * 2n } : price;

/** Thousands of prompt tokens above which a field's stem has another price, in this tier or the standard one. */
function thresholds(entry: SourceEntry, stem: string, tier: string | undefined): number[] {
  const found: number[] = [];
  for (const field of Object.keys(entry)) {
    if (!field.startsWith(stem) || !field.includes("k_tokens")) continue;
    const above = /^_above_(\d+)k_tokens(?:_([a-z]+))?$/.exec(field.slice(stem.length));
    if (above !== null && (above[2] === undefined || above[2] === tier)) found.push(Number(above[1]));
  }
  return found.sort((a, b) => b - a);
}

/** The price of one field's stem: off-peak, then range, then the highest threshold passed, then base; tier's own first. */
export function stemPrice(
  entry: SourceEntry,
  stem: string,
  { tier, promptTokens, offPeak }: Circumstances,
): Fraction | undefined {
  if (offPeak === true) {
    const quiet = priceIn(entry.off_peak_pricing, stem);
    if (quiet !== undefined) return halved(quiet, tier);
  }
  const tiers = (entry.tiered_pricing ?? []) as SourceEntry[];
  const within = tiers.filter((item) => item.range !== undefined);
  const upTo = (item: SourceEntry): number => Number((item.range as NumberText[])[1]?.text);
  const range = within.find((item) => promptTokens <= upTo(item)) ?? within.at(-1);
  const ranged = range === undefined ? undefined : priceIn(range, stem);
  if (ranged !== undefined) return halved(ranged, tier);
  const levels = thresholds(entry, stem, tier).filter(
    (thousands) =>
      promptTokens > thousands * 1000 || (entry.litellm_provider === "xai" && promptTokens === thousands * 1000),
  );
  const level = levels[0] === undefined ? stem : `${stem}_above_${levels[0]}k_tokens`;
  const own = tier === undefined ? undefined : priceIn(entry, `${level}_${tier}`);
  if (own !== undefined) return own;
  const standard = priceIn(entry, level);
  return standard === undefined ? undefined : halved(standard, tier);
}

const INPUT = "input_cost_per_token";
const OUTPUT = "output_cost_per_token";
const READ = "cache_read_input_token_cost";
const WRITE = "cache_creation_input_token_cost";

/** Fields to take each token bucket's price from, the first that is there. */
export const TOKEN_FIELDS: Partial<Record<Bucket, readonly string[]>> = {
  input: [INPUT],
  input_audio: ["input_cost_per_audio_token", INPUT],
  input_image: ["input_cost_per_image_token", INPUT],
  input_video: ["input_cost_per_video_token", INPUT],
  cache_read: [READ, "input_cost_per_token_cache_hit", INPUT],
  cache_read_audio: [
    "cache_read_input_audio_token_cost",
    READ,
    "input_cost_per_token_cache_hit",
    "input_cost_per_audio_token",
    INPUT,
  ],
  cache_write_5m: [WRITE, INPUT],
  cache_write_1h: [`${WRITE}_above_1hr`, WRITE, INPUT],
  output: [OUTPUT],
  output_reasoning: ["output_cost_per_reasoning_token", OUTPUT],
  output_audio: ["output_cost_per_audio_token", OUTPUT],
  output_image: ["output_cost_per_image_token", OUTPUT],
  output_video: ["output_cost_per_video_token", OUTPUT],
};

/** Dollars per token of a bucket. */
export function tokenPrice(entry: SourceEntry, bucket: Bucket, circumstances: Circumstances): Fraction {
  for (const field of TOKEN_FIELDS[bucket] ?? []) {
    const price = stemPrice(entry, field, circumstances);
    if (price !== undefined) return price;
  }
  return NOTHING;
}

/** What a call pays before it consumes anything. */
export function requestFee(entry: SourceEntry): Fraction {
  return priceIn(entry, "input_cost_per_request") ?? NOTHING;
}

const isPositive = (price: Fraction | undefined): price is Fraction => price !== undefined && price.over > 0n;

/** Dollars per unit of a bucket that is not counted in tokens, in the standard tier; undefined when nothing says so. */
export function unitPrice(entry: SourceEntry, bucket: Bucket): Fraction | undefined {
  const at = (field: string): Fraction | undefined => stemPrice(entry, field, { promptTokens: 0 });
  const images = entry.mode === "image_generation" || entry.mode === "image_edit";
  const sized = (stem: string): Fraction | undefined => {
    const plain = at(stem);
    if (plain !== undefined) return plain;
    const sizes = Object.keys(entry).filter((field) => field.startsWith(`${stem}_`) && /_\d[\d.]*[kKp]?$/.test(field));
    const prices = sizes.flatMap((field) => priceIn(entry, field) ?? []);
    return prices.sort((a, b) => (a.over * b.under < b.over * a.under ? 1 : -1))[0];
  };
  const seconds = sized("output_cost_per_second");
  switch (bucket) {
    case "input_characters":
      return at("input_cost_per_character");
    case "output_characters":
      return at("output_cost_per_character");
    case "input_seconds": {
      const heard = at("input_cost_per_audio_per_second") ?? at("input_cost_per_second") ?? at("cost_per_second");
      return entry.mode === "audio_transcription" && !isPositive(heard) ? (seconds ?? heard) : heard;
    }
    case "output_seconds":
      return seconds;
    case "input_video_seconds":
      return at("input_cost_per_video_per_second");
    case "output_video_seconds":
      return at("output_cost_per_video_per_second") ?? seconds;
    case "input_images":
      return images && sized("output_cost_per_image") === undefined ? undefined : at("input_cost_per_image");
    case "output_images":
      return sized("output_cost_per_image") ?? (images ? at("input_cost_per_image") : undefined);
    case "input_pixels":
      return images ? undefined : at("input_cost_per_pixel");
    case "output_pixels": {
      const made = at("output_cost_per_pixel");
      return images && !isPositive(made) ? (at("input_cost_per_pixel") ?? made) : made;
    }
    case "queries": {
      const first = ((entry.tiered_pricing ?? []) as SourceEntry[]).find(
        (item) => item.max_results_range !== undefined,
      );
      return priceIn(first, "input_cost_per_query") ?? at("input_cost_per_query");
    }
    case "pages":
      return at("ocr_cost_per_page") ?? at("ocr_cost_per_credit");
    case "annotated_pages":
      return at("annotation_cost_per_page");
    case "web_searches":
      return priceIn(entry.search_context_cost_per_query, "search_context_size_medium");
    case "maps_queries":
      return priceIn(entry, "google_maps_grounding_cost_per_query");
    case "file_searches": {
      const thousand = priceIn(entry, "file_search_cost_per_1k_calls");
      return thousand === undefined ? undefined : times(thousand, { over: 1n, under: 1000n });
    }
    default:
      return undefined;
  }
}
