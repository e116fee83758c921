import type { Log } from "../events/log.ts";
import { asObject, type JsonObject, type MutableJsonObject } from "../json/json.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import { openRedis, type RedisClient } from "../store/redis/redis-client.ts";
import { RedisSettingsError, redisSettingsOf } from "../store/redis/redis-settings.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The Redis that instances share: `general_settings.coordination_redis`, `router_settings.redis_host` (`redis_url` …),
 * `litellm_settings.cache_params` of type redis, else the environment's `REDIS_URL` or `REDIS_HOST`. Undefined when
 * nothing names one. What is wrong with an address is told, and the gateway goes on without.
 */
export async function openSharedRedis(
  snapshot: Snapshot,
  environment: Environment,
  log: Log,
): Promise<RedisClient | undefined> {
  try {
    const settings = redisSettingsOf(redisKeys(snapshot), environment);
    return settings === undefined ? undefined : await openRedis(settings, { log });
  } catch (error) {
    if (!(error instanceof RedisSettingsError)) throw error;
    log.error("redis is not used", { reason: error.message });
    return undefined;
  }
}

const ROUTER_PREFIX = "redis_";
/** LiteLLM's default is Redis. */
const REDIS_TYPES: ReadonlySet<unknown> = new Set([undefined, null, "redis", "redis-semantic", "valkey-semantic"]);

function redisKeys({ general, router, library }: Snapshot): JsonObject {
  const coordination = asObject(general.raw.coordination_redis);
  if (coordination !== undefined) return coordination;
  const own: MutableJsonObject = {};
  for (const name of ["url", "host", "port", "password", "username", "db"]) {
    const value = router.raw[`${ROUTER_PREFIX}${name}`];
    if (value !== undefined && value !== null) own[name] = value;
  }
  if (own.url !== undefined || own.host !== undefined) return own;
  const cache = asObject(library.raw.cache_params);
  return cache !== undefined && REDIS_TYPES.has(cache.type) ? cache : {};
}
