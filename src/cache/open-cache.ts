import { join } from "node:path";
import type { Log } from "../events/log.ts";
import { asObject, asString, type JsonObject } from "../json/json.ts";
import type { RedisClient } from "../store/redis/redis-client.ts";
import { AnswerCache } from "./answer-cache.ts";
import { cacheRules } from "./cache-rules.ts";
import type { CacheStore } from "./cache-store.ts";
import { DiskStore } from "./disk-store.ts";
import { MemoryStore } from "./memory-store.ts";
import { RedisStore } from "./redis-store.ts";

const MEMORY_BYTES = 64 * 1024 * 1024;
const DISK_BYTES = 1024 * 1024 * 1024;

export interface CacheOptions {
  /** `litellm_settings`. */
  readonly settings: JsonObject;
  readonly dataDir: string;
  readonly redis: RedisClient | undefined;
  readonly log: Log;
}

/** The cache that `litellm_settings.cache` and `cache_params` ask for; undefined when none is asked for. */
export function openCache({ settings, dataDir, redis, log }: CacheOptions): AnswerCache | undefined {
  if (settings.cache !== true) return undefined;
  const params = asObject(settings.cache_params) ?? {};
  // LiteLLM's default is Redis; where there is none, memory serves.
  const type = asString(params.type) ?? (redis === undefined ? "local" : "redis");
  const store = storeOf(type, params, dataDir, redis);
  if (typeof store !== "string") return new AnswerCache(cacheRules({ ...params, type }), store, log);
  log.error("answers are not cached", { type, reason: store });
  return undefined;
}

function storeOf(
  type: string,
  params: JsonObject,
  dataDir: string,
  redis: RedisClient | undefined,
): CacheStore | string {
  switch (type) {
    case "local":
      return new MemoryStore(MEMORY_BYTES);
    case "disk":
      return new DiskStore(asString(params.disk_cache_dir) ?? join(dataDir, "cache"), DISK_BYTES);
    case "redis":
      return redis === undefined ? "nothing says where Redis is" : new RedisStore(redis);
    default:
      return "this type of cache is not served yet; local, disk and redis are";
  }
}
