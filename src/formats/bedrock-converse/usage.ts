import {
  asArray,
  asNumber,
  asObject,
  asString,
  isObject,
  type JsonObject,
  type MutableJsonObject,
} from "../../json/json.ts";
import { type Bucket, inputTokens, outputTokens, totalTokens, type Usage } from "../../usage/usage.ts";

/**
 * `usage` as disjoint buckets: what the cache gave or took lies outside `inputTokens`, reasoning inside `outputTokens`
 * and not told apart (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html, 2026-11).
 */
export function decodeUsage(usage: JsonObject | undefined, serviceTier: JsonObject | undefined): Usage | undefined {
  if (usage === undefined) return undefined;
  const count = (name: string): number => Math.max(asNumber(usage[name]) ?? 0, 0);
  const written = count("cacheWriteInputTokens") || count("cacheWriteInputTokenCount");
  const hour = Math.min(
    asArray(usage.cacheDetails)
      .filter(isObject)
      .reduce((sum, row) => (row.ttl === "1h" ? sum + (asNumber(row.inputTokens) ?? 0) : sum), 0),
    written,
  );
  const buckets: { [B in Bucket]?: number } = {};
  const put = (bucket: Bucket, value: number): void => {
    if (value > 0) buckets[bucket] = value;
  };
  put("input", count("inputTokens"));
  put("cache_read", count("cacheReadInputTokens") || count("cacheReadInputTokenCount"));
  put("cache_write_5m", written - hour);
  put("cache_write_1h", hour);
  put("output", count("outputTokens"));
  const tier = asString(serviceTier?.type);
  return { buckets, ...(tier === undefined ? {} : { serviceTier: tier }) };
}

/** Buckets as `usage`. */
export function encodeUsage(usage: Usage | undefined): JsonObject {
  const buckets = usage?.buckets ?? {};
  const minutes = buckets.cache_write_5m ?? 0;
  const hour = buckets.cache_write_1h ?? 0;
  const read = (buckets.cache_read ?? 0) + (buckets.cache_read_audio ?? 0);
  const encoded: MutableJsonObject = {
    inputTokens: usage === undefined ? 0 : inputTokens(usage) - read - minutes - hour,
    outputTokens: usage === undefined ? 0 : outputTokens(usage),
    totalTokens: usage === undefined ? 0 : totalTokens(usage),
  };
  if (read > 0) encoded.cacheReadInputTokens = read;
  if (minutes + hour > 0) {
    encoded.cacheWriteInputTokens = minutes + hour;
    encoded.cacheDetails = [
      ...(minutes > 0 ? [{ ttl: "5m", inputTokens: minutes }] : []),
      ...(hour > 0 ? [{ ttl: "1h", inputTokens: hour }] : []),
    ];
  }
  return encoded;
}

/** What the answer says besides its message, its reason and its counts: `trace`, `metrics`, `performanceConfig` … */
export function otherAnswer(body: JsonObject, known: ReadonlySet<string>): JsonObject | undefined {
  const rest = Object.entries(body).filter(
    ([name, value]) => !known.has(name) && value !== null && value !== undefined && !isEmpty(asObject(value)),
  );
  return rest.length === 0 ? undefined : Object.fromEntries(rest);
}

function isEmpty(value: JsonObject | undefined): boolean {
  return value !== undefined && Object.keys(value).length === 0;
}
