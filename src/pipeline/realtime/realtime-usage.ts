import { asNumber, asObject, asString, isObject, type JsonObject, parseJson } from "../../json/json.ts";
import type { Bucket, Usage } from "../../usage/usage.ts";

/** Events that may say what was consumed; all others pass unread. */
const MARKS = ['"response.done"', '"conversation.item.input_audio_transcription.completed"'];

/**
 * What one event of the provider says was consumed; undefined for nearly all of them. Transcripts inside a conversation
 * are billed by another model and are counted only where they are what the session is for.
 * https://platform.openai.com/docs/api-reference/realtime-server-events (2026-11-25)
 */
export function realtimeUsage(event: string, transcribes: boolean): Usage | undefined {
  if (!MARKS.some((mark) => event.includes(mark))) return undefined;
  const parsed = parseJson(event);
  if (!isObject(parsed)) return undefined;
  const type = asString(parsed.type);
  if (type === "response.done") return responseUsage(asObject(asObject(parsed.response)?.usage));
  return type === MARKS[1]?.slice(1, -1) && transcribes ? transcriptUsage(asObject(parsed.usage)) : undefined;
}

function responseUsage(usage: JsonObject | undefined): Usage | undefined {
  if (usage === undefined) return undefined;
  const { buckets, put } = counting();
  const input = asObject(usage.input_token_details);
  const output = asObject(usage.output_token_details);
  const cachedDetails = asObject(input?.cached_tokens_details);
  const cached = count(input?.cached_tokens);
  const cachedAudio = Math.min(count(cachedDetails?.audio_tokens), cached);
  const cachedImage = Math.min(count(cachedDetails?.image_tokens), cached - cachedAudio);
  const audio = Math.max(count(input?.audio_tokens) - cachedAudio, 0);
  const image = Math.max(count(input?.image_tokens) - cachedImage, 0);
  put("cache_read_audio", cachedAudio);
  put("cache_read", cached - cachedAudio);
  put("input_audio", audio);
  put("input_image", image);
  put("input", count(usage.input_tokens) - cached - audio - image);
  const spoken = count(output?.audio_tokens);
  put("output_audio", spoken);
  put("output", count(usage.output_tokens) - spoken);
  return { buckets };
}

function transcriptUsage(usage: JsonObject | undefined): Usage | undefined {
  if (usage === undefined) return undefined;
  const { buckets, put } = counting();
  if (usage.type === "duration") {
    put("input_seconds", count(usage.seconds));
    return { buckets };
  }
  const audio = count(asObject(usage.input_token_details)?.audio_tokens);
  put("input_audio", audio);
  put("input", count(usage.input_tokens) - audio);
  put("output", count(usage.output_tokens));
  return { buckets };
}

function counting(): {
  readonly buckets: { [B in Bucket]?: number };
  readonly put: (bucket: Bucket, n: number) => void;
} {
  const buckets: { [B in Bucket]?: number } = {};
  return {
    buckets,
    put: (bucket, n) => {
      if (n > 0) buckets[bucket] = n;
    },
  };
}

function count(value: unknown): number {
  return Math.max(asNumber(value) ?? 0, 0);
}
