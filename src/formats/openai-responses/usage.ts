import { asArray, asNumber, asObject, asString, isObject, type Json, type JsonObject } from "../../json/json.ts";
import { type Bucket, inputTokens, outputTokens, totalTokens, type Usage } from "../../usage/usage.ts";

/** xAI states prices in ticks: 10^10 of them are a dollar (docs.x.ai, Models and pricing, 2026-11). */
const TICKS_PER_DOLLAR_DIGITS = 10;

/** What an answer consumed. `output` are its items, for answers whose own list is empty. */
export function decodeUsage(
  response: JsonObject,
  output: readonly Json[] = asArray(response.output),
): Usage | undefined {
  const usage = asObject(response.usage);
  if (usage === undefined) return undefined;
  const count = (holder: JsonObject | undefined, name: string): number => Math.max(asNumber(holder?.[name]) ?? 0, 0);
  const inDetails = asObject(usage.input_tokens_details);
  const outDetails = asObject(usage.output_tokens_details);
  const buckets: { [B in Bucket]?: number } = {};
  const put = (bucket: Bucket, value: number): void => {
    if (value > 0) buckets[bucket] = value;
  };

  // The total holds every detail. Some servers count more cached tokens than the prompt has.
  let rest = count(usage, "input_tokens");
  for (const [bucket, name] of [
    ["cache_read", "cached_tokens"],
    ["cache_write_5m", "cache_write_tokens"],
    ["input_audio", "audio_tokens"],
    ["input_image", "image_tokens"],
  ] as const) {
    const value = Math.min(count(inDetails, name), rest);
    put(bucket, value);
    rest -= value;
  }
  put("input", rest);
  const produced = count(usage, "output_tokens");
  rest = produced;
  for (const [bucket, name] of [
    ["output_reasoning", "reasoning_tokens"],
    ["output_audio", "audio_tokens"],
    ["output_image", "image_tokens"],
  ] as const) {
    const value = Math.min(count(outDetails, name), rest);
    put(bucket, value);
    rest -= value;
  }
  put("output", rest);

  const hosted = hostedCalls(response, usage, output);
  put("web_searches", hosted.webSearches);
  put("file_searches", hosted.fileSearches);
  put("code_sessions", hosted.codeSessions);

  const total = asNumber(usage.total_tokens);
  const tier = asString(response.service_tier);
  const ticks = asNumber(usage.cost_in_usd_ticks);
  return {
    buckets,
    ...(total === undefined || total <= count(usage, "input_tokens") + produced ? {} : { reportedTotalTokens: total }),
    ...(tier === undefined || tier === "auto" ? {} : { serviceTier: tier }),
    ...(ticks === undefined ? {} : { reportedCost: dollars(ticks) }),
    ...contextSize(response),
  };
}

/** Calls of hosted tools that are billed beside the tokens. */
function hostedCalls(response: JsonObject, usage: JsonObject, output: readonly Json[]) {
  const items = output.filter(isObject);
  const ofType = (type: string) => items.filter((item) => item.type === type && item.status !== "failed");
  const stated =
    asNumber(asObject(asObject(response.tool_usage)?.web_search)?.num_requests) ??
    asNumber(asObject(usage.server_side_tool_usage_details)?.web_search_calls);
  // Opening a page and searching within one are not billed (OpenAI, Pricing, 2026-11).
  const searches = ofType("web_search_call").filter((item) => {
    const action = asString(asObject(item.action)?.type);
    return action === undefined || action === "search";
  });
  return {
    webSearches: stated ?? searches.length,
    fileSearches: ofType("file_search_call").length,
    codeSessions: new Set(ofType("code_interpreter_call").map((item) => asString(item.container_id) ?? item.id)).size,
  };
}

/** The size that was asked for selects the price of a search. */
function contextSize(response: JsonObject): Pick<Usage, "searchContextSize"> {
  for (const tool of asArray(response.tools)) {
    const size = asObject(tool)?.search_context_size;
    if (size === "low" || size === "medium" || size === "high") return { searchContextSize: size };
  }
  return {};
}

function dollars(ticks: number): string {
  const digits = BigInt(Math.max(Math.round(ticks), 0))
    .toString()
    .padStart(TICKS_PER_DOLLAR_DIGITS + 1, "0");
  const point = digits.length - TICKS_PER_DOLLAR_DIGITS;
  const fraction = digits.slice(point).replace(/0+$/, "");
  return fraction === "" ? digits.slice(0, point) : `${digits.slice(0, point)}.${fraction}`;
}

/** Buckets as `usage` of an answer. */
export function encodeUsage(usage: Usage): JsonObject {
  const { buckets } = usage;
  const some = (name: string, value: number | undefined): JsonObject => (value ? { [name]: value } : {});
  const written = (buckets.cache_write_5m ?? 0) + (buckets.cache_write_1h ?? 0);
  return {
    input_tokens: inputTokens(usage),
    input_tokens_details: {
      cached_tokens: (buckets.cache_read ?? 0) + (buckets.cache_read_audio ?? 0),
      ...some("cache_write_tokens", written),
      ...some("audio_tokens", buckets.input_audio),
      ...some("image_tokens", buckets.input_image),
    },
    output_tokens: outputTokens(usage),
    output_tokens_details: {
      reasoning_tokens: buckets.output_reasoning ?? 0,
      ...some("audio_tokens", buckets.output_audio),
      ...some("image_tokens", buckets.output_image),
    },
    total_tokens: totalTokens(usage),
  };
}
