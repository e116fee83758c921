import { asNumber, asObject, asString, type JsonObject } from "../../json/json.ts";
import { type Bucket, inputTokens, outputTokens, totalTokens, type Usage } from "../../usage/usage.ts";

/** Providers whose `completion_tokens` leave out the reasoning tokens (xAI: prompt + completion + reasoning = total). */
function reasoningIsOutside(usage: JsonObject, completion: number, reasoning: number): boolean {
  const prompt = asNumber(usage.prompt_tokens) ?? 0;
  const total = asNumber(usage.total_tokens);
  return reasoning > 0 && total !== undefined && total === prompt + completion + reasoning;
}

/** OpenAI's `usage`, and what compatible servers make of it, as disjoint buckets. */
export function decodeUsage(
  usage: JsonObject | undefined,
  extras: { readonly serviceTier?: string | undefined } = {},
): Usage | undefined {
  if (usage === undefined) return undefined;
  const prompt = asNumber(usage.prompt_tokens) ?? asNumber(usage.input_tokens);
  const completion = asNumber(usage.completion_tokens) ?? asNumber(usage.output_tokens) ?? 0;
  if (prompt === undefined && asNumber(usage.total_tokens) === undefined) return undefined;
  const input = prompt ?? Math.max((asNumber(usage.total_tokens) ?? 0) - completion, 0);
  const inDetails = asObject(usage.prompt_tokens_details) ?? asObject(usage.input_tokens_details);
  const outDetails = asObject(usage.completion_tokens_details) ?? asObject(usage.output_tokens_details);

  const written =
    asNumber(usage.cache_creation_input_tokens) ??
    asNumber(inDetails?.cache_creation_tokens) ??
    asNumber(inDetails?.cache_write_tokens) ??
    0;
  const split = asObject(inDetails?.cache_creation_token_details);
  const write1h = Math.min(asNumber(split?.ephemeral_1h_input_tokens) ?? 0, written);
  const cached =
    asNumber(inDetails?.cached_tokens) ??
    asNumber(usage.prompt_cache_hit_tokens) ??
    asNumber(usage.cache_read_input_tokens) ??
    asNumber(usage.cached_tokens) ??
    0;
  const audioIn = asNumber(inDetails?.audio_tokens) ?? 0;
  const imageIn = asNumber(inDetails?.image_tokens) ?? 0;
  const videoIn = asNumber(inDetails?.video_tokens) ?? 0;
  const reasoning = asNumber(outDetails?.reasoning_tokens) ?? asNumber(usage.reasoning_tokens) ?? 0;
  const output = reasoningIsOutside(usage, completion, reasoning) ? completion + reasoning : completion;
  const audioOut = asNumber(outDetails?.audio_tokens) ?? 0;
  const imageOut = asNumber(outDetails?.image_tokens) ?? 0;

  const buckets: { [B in Bucket]?: number } = {};
  // A server that counts fewer prompt tokens than cached ones left these out of its prompt.
  let restIn = cached > input ? input + cached : input;
  const take = (bucket: Bucket, count: number): void => {
    const taken = Math.max(Math.min(count, restIn), 0);
    if (taken > 0) buckets[bucket] = (buckets[bucket] ?? 0) + taken;
    restIn -= taken;
  };
  take("cache_read", cached);
  take("cache_write_1h", write1h);
  take("cache_write_5m", written - write1h);
  take("input_audio", audioIn);
  take("input_image", imageIn);
  take("input_video", videoIn);
  if (restIn > 0) buckets.input = restIn;
  let restOut = output;
  const give = (bucket: Bucket, count: number): void => {
    const given = Math.max(Math.min(count, restOut), 0);
    if (given > 0) buckets[bucket] = given;
    restOut -= given;
  };
  give("output_reasoning", reasoning);
  give("output_audio", audioOut);
  give("output_image", imageOut);
  if (restOut > 0) buckets.output = restOut;
  const searches =
    asNumber(usage.num_search_queries) ??
    asNumber(asObject(usage.server_tool_use)?.web_search_requests) ??
    asNumber(usage.num_sources_used);
  if (searches !== undefined && searches > 0) buckets.web_searches = searches;

  const cost = costText(usage.cost);
  const accepted = asNumber(outDetails?.accepted_prediction_tokens);
  const rejected = asNumber(outDetails?.rejected_prediction_tokens);
  const notes = {
    ...(accepted === undefined ? {} : { acceptedPredictionTokens: accepted }),
    ...(rejected === undefined ? {} : { rejectedPredictionTokens: rejected }),
  };
  const total = asNumber(usage.total_tokens);
  return {
    buckets,
    ...(total === undefined ? {} : { reportedTotalTokens: total }),
    ...(cost === undefined ? {} : { reportedCost: cost }),
    ...(extras.serviceTier === undefined ? {} : { serviceTier: extras.serviceTier }),
    ...(Object.keys(notes).length === 0 ? {} : { notes }),
  };
}

/** OpenRouter states a number, Perplexity an object with a total. */
function costText(cost: unknown): string | undefined {
  const number = asNumber(cost) ?? asNumber(asObject(cost)?.total_cost);
  return number === undefined ? undefined : String(number);
}

/** The usage object of a whole answer or a chunk: top level, or where Groq's streams have it. */
export function usageOf(body: JsonObject): Usage | undefined {
  const usage = asObject(body.usage) ?? asObject(asObject(body.x_groq)?.usage);
  const serviceTier = asString(body.service_tier);
  return decodeUsage(usage, { serviceTier });
}

/** Buckets as OpenAI's `usage`, with LiteLLM's members for caches. */
export function encodeUsage(usage: Usage): JsonObject {
  const { buckets, notes } = usage;
  const cached = (buckets.cache_read ?? 0) + (buckets.cache_read_audio ?? 0);
  const write5m = buckets.cache_write_5m ?? 0;
  const write1h = buckets.cache_write_1h ?? 0;
  const written = write5m + write1h;
  return {
    prompt_tokens: inputTokens(usage),
    completion_tokens: outputTokens(usage),
    total_tokens: totalTokens(usage),
    prompt_tokens_details: {
      cached_tokens: cached,
      ...(buckets.input_audio === undefined ? {} : { audio_tokens: buckets.input_audio }),
      ...(buckets.input_image === undefined ? {} : { image_tokens: buckets.input_image }),
      ...(buckets.input_video === undefined ? {} : { video_tokens: buckets.input_video }),
      ...(written === 0
        ? {}
        : {
            cache_creation_tokens: written,
            cache_creation_token_details: { ephemeral_5m_input_tokens: write5m, ephemeral_1h_input_tokens: write1h },
          }),
    },
    completion_tokens_details: {
      reasoning_tokens: buckets.output_reasoning ?? 0,
      ...(buckets.output_audio === undefined ? {} : { audio_tokens: buckets.output_audio }),
      ...(buckets.output_image === undefined ? {} : { image_tokens: buckets.output_image }),
      ...(notes?.acceptedPredictionTokens === undefined
        ? {}
        : { accepted_prediction_tokens: notes.acceptedPredictionTokens }),
      ...(notes?.rejectedPredictionTokens === undefined
        ? {}
        : { rejected_prediction_tokens: notes.rejectedPredictionTokens }),
    },
    ...(written === 0 && cached === 0 ? {} : { cache_creation_input_tokens: written, cache_read_input_tokens: cached }),
    ...(buckets.web_searches === undefined ? {} : { server_tool_use: { web_search_requests: buckets.web_searches } }),
    ...(usage.reportedCost === undefined ? {} : { cost: Number(usage.reportedCost) }),
  };
}
