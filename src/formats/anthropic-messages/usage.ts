import { asNumber, asObject, asString, type JsonObject, type MutableJsonObject } from "../../json/json.ts";
import { type Bucket, inputTokens, outputTokens, type Usage } from "../../usage/usage.ts";
import { otherMembers } from "./types.ts";

const KNOWN = new Set([
  "input_tokens",
  "output_tokens",
  "cache_creation_input_tokens",
  "cache_read_input_tokens",
  "cache_creation",
  "output_tokens_details",
  "server_tool_use",
  "service_tier",
  "speed",
]);

/**
 * `usage` as disjoint buckets: cached tokens lie outside `input_tokens`, thinking inside `output_tokens`
 * (https://platform.claude.com/docs/en/api/messages, 2026-11).
 */
export function decodeUsage(usage: JsonObject | undefined): Usage | undefined {
  if (usage === undefined) return undefined;
  const creation = asObject(usage.cache_creation);
  const written = count(usage.cache_creation_input_tokens);
  const hour = count(creation?.ephemeral_1h_input_tokens);
  const minutes = Math.max(count(creation?.ephemeral_5m_input_tokens), written - hour);
  const output = count(usage.output_tokens);
  const thinking = Math.min(count(asObject(usage.output_tokens_details)?.thinking_tokens), output);
  const buckets: { [B in Bucket]?: number } = {};
  const put = (bucket: Bucket, value: number): void => {
    if (value > 0) buckets[bucket] = value;
  };
  put("input", count(usage.input_tokens));
  put("cache_read", count(usage.cache_read_input_tokens));
  put("cache_write_5m", minutes);
  put("cache_write_1h", hour);
  put("output", output - thinking);
  put("output_reasoning", thinking);
  put("web_searches", count(asObject(usage.server_tool_use)?.web_search_requests));
  // Fast mode has prices of its own, like a tier.
  const tier = usage.speed === "fast" ? "fast" : asString(usage.service_tier);
  return { buckets, ...(tier === undefined ? {} : { serviceTier: tier }) };
}

function count(value: unknown): number {
  return Math.max(asNumber(value) ?? 0, 0);
}

/** Members of `usage` that are no buckets (`inference_geo`, web fetches …), for clients of this format. */
export function otherUsage(usage: JsonObject | undefined): JsonObject | undefined {
  if (usage === undefined) return undefined;
  const fetches = count(asObject(usage.server_tool_use)?.web_fetch_requests);
  const rest = otherMembers(usage, KNOWN);
  if (fetches === 0) return rest;
  return { ...rest, server_tool_use: { web_fetch_requests: fetches } };
}

/** Buckets as `usage`; what only this format knows is put back. */
export function encodeUsage(usage: Usage | undefined, other: JsonObject | undefined): JsonObject {
  const buckets = usage?.buckets ?? {};
  const minutes = buckets.cache_write_5m ?? 0;
  const hour = buckets.cache_write_1h ?? 0;
  const read = (buckets.cache_read ?? 0) + (buckets.cache_read_audio ?? 0);
  const thinking = buckets.output_reasoning ?? 0;
  const searches = buckets.web_searches ?? 0;
  const { server_tool_use: fetched, ...rest } = other ?? {};
  const encoded: MutableJsonObject = {
    input_tokens: usage === undefined ? 0 : inputTokens(usage) - read - minutes - hour,
    cache_creation_input_tokens: minutes + hour,
    cache_read_input_tokens: read,
    output_tokens: usage === undefined ? 0 : outputTokens(usage),
    ...rest,
  };
  if (minutes + hour > 0) {
    encoded.cache_creation = { ephemeral_5m_input_tokens: minutes, ephemeral_1h_input_tokens: hour };
  }
  if (thinking > 0) encoded.output_tokens_details = { thinking_tokens: thinking };
  if (searches > 0 || fetched !== undefined) {
    encoded.server_tool_use = { web_search_requests: searches, web_fetch_requests: 0, ...asObject(fetched) };
  }
  if (usage?.serviceTier === "fast") encoded.speed = "fast";
  else if (usage?.serviceTier !== undefined) {
    encoded.service_tier = usage.serviceTier === "default" ? "standard" : usage.serviceTier;
  }
  return encoded;
}
