import { asArray, asNumber, asObject, asString, type JsonObject } from "../json/json.ts";
import type { Bucket, Usage } from "../usage/usage.ts";
import type { Operation } from "./provider.ts";

/** What the request of an operation says of its size. */
export interface OperationInput {
  readonly operation: Operation;
  /** The JSON body, or the text fields of a form. */
  readonly fields: JsonObject;
}

/** Usage of an answer that is no conversation, as disjoint buckets. Undefined where nothing can be told. */
export function operationUsage(input: OperationInput, answer: JsonObject | undefined): Usage | undefined {
  const usage = asObject(answer?.usage);
  switch (input.operation) {
    case "embeddings":
      return buckets({ input: tokens(usage, "prompt_tokens", "input_tokens", "total_tokens") });
    case "rerank":
      return rerankUsage(answer);
    case "image-generation":
    case "image-edit":
    case "image-variation":
      return imageUsage(input.fields, answer, usage);
    case "transcription":
    case "translation":
      return transcriptionUsage(answer, usage);
    case "speech":
      return buckets({ input_characters: [...(asString(input.fields.input) ?? "")].length });
    case "moderation":
    case "count-tokens":
      return { buckets: {} };
    case "ocr":
      return buckets({
        pages: asNumber(asObject(answer?.usage_info)?.pages_processed) ?? asArray(answer?.pages).length,
      });
    case "completions":
      return buckets({ input: tokens(usage, "prompt_tokens"), output: tokens(usage, "completion_tokens") });
    default:
      return undefined;
  }
}

function buckets(counts: { readonly [B in Bucket]?: number | undefined }): Usage | undefined {
  const entries = Object.entries(counts).filter(([, count]) => count !== undefined && count > 0);
  return entries.length === 0 && !Object.values(counts).some((count) => count !== undefined)
    ? undefined
    : { buckets: Object.fromEntries(entries) };
}

function tokens(usage: JsonObject | undefined, ...names: readonly string[]): number | undefined {
  for (const name of names) {
    const count = asNumber(usage?.[name]);
    if (count !== undefined) return count;
  }
  return undefined;
}

function rerankUsage(answer: JsonObject | undefined): Usage | undefined {
  const meta = asObject(answer?.meta);
  const billed = asObject(meta?.billed_units);
  const units = asNumber(billed?.search_units);
  if (units !== undefined) return buckets({ queries: units });
  const total = asNumber(billed?.total_tokens) ?? asNumber(asObject(meta?.tokens)?.input_tokens);
  return total === undefined ? buckets({ queries: 1 }) : buckets({ input: total });
}

function imageUsage(
  fields: JsonObject,
  answer: JsonObject | undefined,
  usage: JsonObject | undefined,
): Usage | undefined {
  const images = asArray(answer?.data).length;
  if (usage === undefined)
    return buckets({ output_images: images, output_pixels: images * pixelsOf(asString(fields.size)) });
  const details = asObject(usage.input_tokens_details);
  const inputImage = asNumber(details?.image_tokens) ?? 0;
  return buckets({
    input: (tokens(usage, "input_tokens", "prompt_tokens") ?? 0) - inputImage,
    input_image: inputImage,
    output_image: tokens(usage, "output_tokens", "completion_tokens"),
  });
}

/** Pixels of an image of this size (`1024x1536`); an image without a size has 1024 × 1024. */
export function pixelsOf(size: string | undefined): number {
  const found = /^(\d+)x(\d+)$/.exec(size ?? "1024x1024");
  return found === null ? 1024 * 1024 : Number(found[1]) * Number(found[2]);
}

function transcriptionUsage(answer: JsonObject | undefined, usage: JsonObject | undefined): Usage | undefined {
  const seconds = asNumber(usage?.seconds) ?? asNumber(answer?.duration);
  if (usage?.type !== "tokens" && seconds !== undefined) return buckets({ input_seconds: seconds });
  if (usage === undefined) return undefined;
  const audio = asNumber(asObject(usage.input_token_details)?.audio_tokens) ?? 0;
  return buckets({
    input: (tokens(usage, "input_tokens", "prompt_tokens") ?? 0) - audio,
    input_audio: audio,
    output: tokens(usage, "output_tokens", "completion_tokens"),
  });
}
