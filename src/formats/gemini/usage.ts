import { asArray, asNumber, asObject, asString, type JsonObject } from "../../json/json.ts";
import { type Bucket, inputTokens, outputTokens, totalTokens, type Usage } from "../../usage/usage.ts";
import { field } from "./wire.ts";

type Modality = "text" | "audio" | "image" | "video";

function byModality(list: unknown): Record<Modality, number> {
  const counts: Record<Modality, number> = { text: 0, audio: 0, image: 0, video: 0 };
  for (const item of asArray(list)) {
    const row = asObject(item);
    const modality = asString(row?.modality)?.toLowerCase();
    const count = asNumber(field(row, "tokenCount")) ?? 0;
    // Documents are counted as images by Gemini's price list and as a modality of their own in its usage.
    if (modality === "document") counts.image += count;
    else if (modality === "text" || modality === "audio" || modality === "image" || modality === "video")
      counts[modality] += count;
  }
  return counts;
}

/**
 * `usageMetadata` as disjoint buckets. The prompt count holds the cached tokens, but not what tools brought in; thoughts
 * lie outside the candidates' count, unless prompt and candidates already make up the total (Gemini API reference,
 * UsageMetadata, 2026-11).
 */
export function decodeUsage(metadata: JsonObject | undefined): Usage | undefined {
  if (metadata === undefined) return undefined;
  const count = (name: string): number => Math.max(asNumber(field(metadata, name)) ?? 0, 0);
  const prompt = count("promptTokenCount") + count("toolUsePromptTokenCount");
  const cached = Math.min(count("cachedContentTokenCount"), prompt);
  const thoughts = count("thoughtsTokenCount");
  const candidates = count("candidatesTokenCount");
  const total = count("totalTokenCount");
  const inside = thoughts > 0 && total > 0 && prompt + candidates === total && candidates >= thoughts;

  const given = byModality(field(metadata, "promptTokensDetails"));
  const cachedBy = byModality(field(metadata, "cacheTokensDetails"));
  const uncached = (modality: Modality): number => Math.max(given[modality] - cachedBy[modality], 0);
  const audio = uncached("audio");
  const image = uncached("image");
  const video = uncached("video");
  const cachedAudio = Math.min(cachedBy.audio, cached);
  const produced = byModality(field(metadata, "candidatesTokensDetails"));
  const text = inside ? candidates - thoughts : candidates;
  const outAudio = Math.min(produced.audio, text);
  const outImage = Math.min(produced.image, text - outAudio);

  const buckets: { [B in Bucket]?: number } = {};
  const put = (bucket: Bucket, value: number): void => {
    if (value > 0) buckets[bucket] = value;
  };
  put("input", Math.max(prompt - cached - audio - image - video, 0));
  put("input_audio", audio);
  put("input_image", image);
  put("input_video", video);
  put("cache_read", cached - cachedAudio);
  put("cache_read_audio", cachedAudio);
  put("output", text - outAudio - outImage);
  put("output_audio", outAudio);
  put("output_image", outImage);
  put("output_reasoning", thoughts);
  const tier = asString(field(metadata, "serviceTier"));
  return {
    buckets,
    ...(total === 0 ? {} : { reportedTotalTokens: total }),
    ...(tier === undefined ? {} : { serviceTier: tier }),
  };
}

/** Buckets as `usageMetadata`. */
export function encodeUsage(usage: Usage): JsonObject {
  const { buckets } = usage;
  const thoughts = buckets.output_reasoning ?? 0;
  const cached = (buckets.cache_read ?? 0) + (buckets.cache_read_audio ?? 0);
  const details = (rows: readonly (readonly [string, number | undefined])[]): JsonObject[] =>
    rows.flatMap(([modality, tokenCount]) =>
      tokenCount === undefined || tokenCount === 0 ? [] : [{ modality, tokenCount }],
    );
  const prompt = details([
    ["TEXT", inputTokens(usage) - (buckets.input_audio ?? 0) - (buckets.input_image ?? 0) - (buckets.input_video ?? 0)],
    ["AUDIO", buckets.input_audio],
    ["IMAGE", buckets.input_image],
    ["VIDEO", buckets.input_video],
  ]);
  return {
    promptTokenCount: inputTokens(usage),
    candidatesTokenCount: outputTokens(usage) - thoughts,
    totalTokenCount: totalTokens(usage),
    ...(cached === 0 ? {} : { cachedContentTokenCount: cached }),
    ...(thoughts === 0 ? {} : { thoughtsTokenCount: thoughts }),
    ...(prompt.length === 0 ? {} : { promptTokensDetails: prompt }),
  };
}
