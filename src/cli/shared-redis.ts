import type { Log } from "../events/log.ts";
import { asObject, type JsonObject, type MutableJsonObject } from "../json/json.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import { openRedis, type RedisClient } from "../store/redis/redis-client.ts";
import { type RedisSettings, RedisSettingsError, redisSettingsOf, sameRedis } from "../store/redis/redis-settings.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The connections to Redis; two where answers are kept in another one than limits. */
export interface SharedRedis {
  /** What instances share: limits, cooldowns, locks. */
  readonly coordination: RedisClient | undefined;
  /** Where answers are kept; the same client as `coordination` where it is the same Redis. */
  readonly cache: RedisClient | undefined;
  /** Whether one of them does not answer at the moment. */
  troubled(): boolean;
  close(): Promise<void>;
}

/**
 * The Redis that instances share is that of `general_settings.coordination_redis`, of `router_settings` (`redis_host`,
 * `redis_url` …, `cache_kwargs`), of `litellm_settings.cache_params` of type redis, or of the environment (`REDIS_URL`,
 * `REDIS_HOST` …), whichever comes first; answers are kept in that of `cache_params`, else in the shared one. What is
 * wrong with an address is told, and the gateway goes on without.
 */
export async function openSharedRedis(snapshot: Snapshot, environment: Environment, log: Log): Promise<SharedRedis> {
  const settings = settingsOf(coordinationKeys(snapshot), environment, log);
  const own = cacheKeys(snapshot);
  const cacheSettings = own === undefined ? undefined : settingsOf(own, environment, log);
  const apart = cacheSettings !== undefined && (settings === undefined || !sameRedis(settings, cacheSettings));
  const [coordination, other] = await Promise.all([
    open(settings, log),
    apart ? open(cacheSettings, log) : Promise.resolve(undefined),
  ]);
  const cache = apart ? other : coordination;
  return {
    coordination,
    cache,
    troubled: () => coordination?.trouble !== undefined || other?.trouble !== undefined,
    async close() {
      await Promise.all([coordination?.close(), other?.close()]);
    },
  };
}

function settingsOf(keys: JsonObject, environment: Environment, log: Log): RedisSettings | undefined {
  return orTold(log, () => redisSettingsOf(keys, environment));
}

function open(settings: RedisSettings | undefined, log: Log): Promise<RedisClient | undefined> {
  if (settings === undefined) return Promise.resolve(undefined);
  return openRedis(settings, { log }).catch((error: unknown) =>
    orTold(log, () => {
      throw error;
    }),
  );
}

function orTold<T>(log: Log, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RedisSettingsError)) throw error;
    log.error("redis is not used", { reason: error.message });
    return undefined;
  }
}

const ROUTER_KEYS = ["url", "host", "port", "password", "username", "db"];
/** LiteLLM's default is Redis. */
const REDIS_TYPES: ReadonlySet<unknown> = new Set([undefined, null, "redis", "redis-semantic", "valkey-semantic"]);
const ADDRESS_KEYS = ["url", "host", "redis_startup_nodes", "startup_nodes", "sentinel_nodes"];

function coordinationKeys(snapshot: Snapshot): JsonObject {
  const { general, router } = snapshot;
  const coordination = asObject(general.raw.coordination_redis);
  if (coordination !== undefined) return coordination;
  // `cache_kwargs` are whatever else a client of Redis can be told: nodes, sentinels, certificates.
  const own: MutableJsonObject = { ...asObject(router.raw.cache_kwargs) };
  for (const name of ROUTER_KEYS) {
    const value = router.raw[`redis_${name}`];
    if (value !== undefined && value !== null) own[name] = value;
  }
  return saysWhere(own) ? own : (cacheKeys(snapshot) ?? {});
}

/** `cache_params`, where it may say where Redis is. */
function cacheKeys({ library }: Snapshot): JsonObject | undefined {
  const params = asObject(library.raw.cache_params);
  return params !== undefined && REDIS_TYPES.has(params.type) ? params : undefined;
}

function saysWhere(keys: JsonObject): boolean {
  return ADDRESS_KEYS.some((name) => keys[name] !== undefined && keys[name] !== null);
}
