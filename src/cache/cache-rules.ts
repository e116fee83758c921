import { asArray, asNumber, asObject, asString, type Json, type JsonObject } from "../json/json.ts";

/** `litellm_settings.cache_params`, as far as it says what is kept and for how long. Times are seconds. */
export interface CacheRules {
  readonly defaultOn: boolean;
  readonly ttl: number;
  readonly namespace: string | undefined;
  /** LiteLLM's call types whose answers are kept. */
  readonly callTypes: ReadonlySet<string>;
  /** Conversations of more messages are not kept; undefined is no limit. */
  readonly maxMessages: number | undefined;
  /** `router_settings.caching_groups`: model groups whose answers count for one another, each with the first of its set. */
  readonly groups: ReadonlyMap<string, string>;
  /** Where answers to questions that say the same in other words count, too. */
  readonly semantic: SemanticRules | undefined;
}

export interface SemanticRules {
  /** The model group that makes vectors of questions. */
  readonly embeddingModel: string;
  /** The least cosine of two questions that say the same. */
  readonly threshold: number;
  /** Seconds for making a vector; then the request goes on without. */
  readonly timeout: number;
  /** Longer questions are not compared, in tokens; undefined is no limit. */
  readonly maxInputTokens: number | undefined;
  /** Whether answers are shared among a key's end users. */
  readonly byEndUser: boolean;
}

const EMBEDDING_MODEL = "text-embedding-ada-002";
const SIMILARITY = 0.9;
const EMBEDDING_TIMEOUT = 2;

function semanticRules(params: JsonObject): SemanticRules | undefined {
  const kind = /^(redis|valkey|qdrant|disk)-semantic$/.exec(asString(params.type) ?? "")?.[1];
  if (kind === undefined) return undefined;
  return {
    embeddingModel: asString(params[`${kind}_semantic_cache_embedding_model`]) ?? EMBEDDING_MODEL,
    threshold: asNumber(params.similarity_threshold) ?? SIMILARITY,
    timeout: asNumber(params.semantic_cache_embedding_timeout) ?? EMBEDDING_TIMEOUT,
    maxInputTokens: asNumber(params.semantic_cache_embedding_max_input_tokens),
    byEndUser: params.semantic_cache_scope === "end_user",
  };
}

/** LiteLLM's: an answer in memory is good for ten minutes, one in Redis or on disk until it is evicted; ours is an hour. */
const DEFAULT_TTL = { local: 600, other: 3600 };

const DEFAULT_CALL_TYPES = [
  ...["completion", "acompletion", "embedding", "aembedding", "atranscription", "transcription"],
  ...["atext_completion", "text_completion", "arerank", "rerank", "responses", "aresponses"],
  ...["anthropic_messages", "agenerate_content", "agenerate_content_stream"],
];

export function cacheRules(params: JsonObject, cachingGroups?: Json): CacheRules {
  const local = params.type === "local" || params.type === undefined;
  const own = local ? asNumber(params.default_in_memory_ttl) : asNumber(params.default_in_redis_ttl);
  const types = Array.isArray(params.supported_call_types)
    ? params.supported_call_types.filter((type): type is string => typeof type === "string")
    : DEFAULT_CALL_TYPES;
  return {
    defaultOn: params.mode !== "default_off",
    ttl: asNumber(params.ttl) ?? own ?? (local ? DEFAULT_TTL.local : DEFAULT_TTL.other),
    namespace: asString(params.namespace),
    callTypes: new Set(types),
    maxMessages: asNumber(params.max_messages),
    groups: groupsOf(cachingGroups),
    semantic: semanticRules(params),
  };
}

function groupsOf(sets: Json | undefined): ReadonlyMap<string, string> {
  const groups = new Map<string, string>();
  for (const set of asArray(sets)) {
    const names = asArray(set).filter((name) => typeof name === "string");
    // Of several sets with one name the first counts, as in LiteLLM.
    for (const name of names) if (!groups.has(name)) groups.set(name, names[0] as string);
  }
  return groups;
}

/** What one request may do with the cache. */
export interface CacheUse {
  readonly read: boolean;
  readonly write: boolean;
  readonly ttl: number;
  /** Entries that are older are not good enough, in seconds. */
  readonly maxAge: number | undefined;
  readonly namespace: string | undefined;
}

/**
 * Reads the request's own words: `cache: {ttl, s-maxage, no-cache, no-store, namespace, use-cache}`, `caching`, and the
 * header `Cache-Control: s-maxage=N`. Undefined when the cache is not used at all.
 */
export function cacheUse(
  rules: CacheRules,
  callType: string,
  body: JsonObject,
  cacheControl: string | null,
): CacheUse | undefined {
  if (!rules.callTypes.has(callType)) return undefined;
  const words = asObject(body.cache) ?? {};
  const wanted = rules.defaultOn ? body.caching !== false : words["use-cache"] === true || body.caching === true;
  if (!wanted) return undefined;
  if (rules.maxMessages !== undefined && messagesIn(body) > rules.maxMessages) return undefined;
  const read = words["no-cache"] !== true;
  const write = words["no-store"] !== true;
  if (!read && !write) return undefined;
  const shared = /(?:^|[,\s])s-maxage=(\d+)/.exec(cacheControl ?? "")?.[1];
  return {
    read,
    write,
    ttl: asNumber(words.ttl) ?? (shared === undefined ? rules.ttl : Number(shared)),
    maxAge: asNumber(words["s-maxage"]) ?? asNumber(words["s-max-age"]),
    namespace: asString(words.namespace) ?? rules.namespace,
  };
}

/** Messages of a conversation, or items of a Responses request. */
function messagesIn({ messages, input }: JsonObject): number {
  if (Array.isArray(messages)) return messages.length;
  return Array.isArray(input) && input.every((item) => typeof item === "object") ? input.length : 0;
}
