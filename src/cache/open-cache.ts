import { join } from "node:path";
import type { Log } from "../events/log.ts";
import { asObject, asString, type Json, type JsonObject } from "../json/json.ts";
import { readEnvironment } from "../providers/credentials.ts";
import type { ConfigureInput, Send } from "../providers/provider.ts";
import type { RedisClient } from "../store/redis/redis-client.ts";
import type { DeadlineWheel } from "../upstream/deadline-wheel.ts";
import { type Transport, toResponse } from "../upstream/transport.ts";
import { AnswerCache } from "./answer-cache.ts";
import { cacheRules } from "./cache-rules.ts";
import type { CacheStore } from "./cache-store.ts";
import { DiskStore } from "./disk-store.ts";
import { MemoryStore } from "./memory-store.ts";
import { azureBlobService } from "./objects/azure-blob.ts";
import { gcsService } from "./objects/gcs.ts";
import type { ObjectService } from "./objects/object-service.ts";
import { ObjectStore } from "./objects/object-store.ts";
import { s3Service } from "./objects/s3.ts";
import { RedisStore } from "./redis-store.ts";
import { RemoteCalls } from "./remote-calls.ts";
import { QdrantIndex } from "./semantic/qdrant-index.ts";
import { RedisIndex } from "./semantic/redis-index.ts";
import type { SemanticIndex } from "./semantic/semantic-index.ts";
import { SqliteIndex } from "./semantic/sqlite-index.ts";

const MEMORY_BYTES = 64 * 1024 * 1024;
const DISK_BYTES = 1024 * 1024 * 1024;
const OBJECT_PREFIX = "isthmus-cache";
/** Seconds for one call to a bucket or to Qdrant. */
const CALL_TIMEOUT = 2;

export interface CacheOptions {
  /** `litellm_settings`. */
  readonly settings: JsonObject;
  /** `router_settings.caching_groups`. */
  readonly groups?: Json | undefined;
  readonly dataDir: string;
  readonly redis: RedisClient | undefined;
  readonly transport: Transport;
  readonly deadlines: DeadlineWheel;
  readonly environment: ConfigureInput["environment"];
  readonly readFile: ConfigureInput["readFile"];
  readonly log: Log;
}

/** The cache that `litellm_settings.cache` and `cache_params` ask for; undefined when none is asked for. */
export function openCache(options: CacheOptions): AnswerCache | undefined {
  const { settings, redis, log } = options;
  if (settings.cache !== true) return undefined;
  const params = asObject(settings.cache_params) ?? {};
  // LiteLLM's default is Redis; where there is none, memory serves.
  const type = asString(params.type) ?? (redis === undefined ? "local" : "redis");
  const store = storeOf(type, params, options);
  const index = indexOf(type, params, options);
  if (typeof store !== "string" && typeof index !== "string") {
    return new AnswerCache(cacheRules({ ...params, type }, options.groups), store, log, index);
  }
  log.error("answers are not cached", { type, reason: typeof store === "string" ? store : String(index) });
  return undefined;
}

function storeOf(type: string, params: JsonObject, options: CacheOptions): CacheStore | string {
  const { dataDir, redis, environment, readFile } = options;
  const send: Send = async (request) => toResponse(await options.transport.open(request).response);
  switch (type) {
    case "local":
    case "qdrant-semantic":
      return new MemoryStore(MEMORY_BYTES);
    case "disk":
    case "disk-semantic":
      return new DiskStore(asString(params.disk_cache_dir) ?? join(dataDir, "cache"), DISK_BYTES);
    case "redis":
    case "redis-semantic":
    case "valkey-semantic":
      return redis === undefined ? "nothing says where Redis is" : new RedisStore(redis);
    case "s3":
      return bucket(s3Service(params, environment, readFile, send), params.s3_path, options);
    case "gcs":
      return bucket(gcsService(params, environment, readFile, send), params.gcs_path, options);
    case "azure-blob":
      return bucket(azureBlobService(params, environment, send), undefined, options);
    default:
      return "this type of cache is not served yet";
  }
}

function bucket(
  service: ObjectService | string,
  path: JsonObject[string],
  { transport, deadlines }: CacheOptions,
): CacheStore | string {
  if (typeof service === "string") return service;
  // Never the whole bucket: what is flushed must be the cache's own.
  const prefix = (asString(path) ?? "").replace(/^\/+|\/+$/g, "") || OBJECT_PREFIX;
  return new ObjectStore(service, new RemoteCalls({ transport, deadlines, seconds: CALL_TIMEOUT }), `${prefix}/`);
}

const INDEX_NAME = "litellm_semantic_cache_index";
const QUANTIZATIONS = ["binary", "scalar", "product"] as const;

/** The questions of a semantic cache; undefined for any other, a text where something is missing. */
function indexOf(type: string, params: JsonObject, options: CacheOptions): SemanticIndex | undefined | string {
  const { dataDir, redis, environment, transport, deadlines } = options;
  switch (type) {
    case "disk-semantic":
      return new SqliteIndex(asString(params.disk_cache_dir) ?? join(dataDir, "cache"), DISK_BYTES);
    case "redis-semantic":
      return redis === undefined
        ? undefined
        : new RedisIndex(redis, asString(params.redis_semantic_cache_index_name) ?? INDEX_NAME);
    case "valkey-semantic":
      return redis === undefined
        ? undefined
        : new RedisIndex(redis, asString(params.valkey_semantic_cache_index_name) ?? INDEX_NAME);
    case "qdrant-semantic": {
      const url = asString(params.qdrant_api_base) ?? readEnvironment(environment, ["QDRANT_API_BASE", "QDRANT_URL"]);
      const collection = asString(params.qdrant_collection_name);
      if (url === undefined) return "qdrant_api_base is not set";
      if (collection === undefined) return "qdrant_collection_name is not set";
      return new QdrantIndex(
        {
          url: url.replace(/\/+$/, ""),
          apiKey: asString(params.qdrant_api_key) ?? readEnvironment(environment, ["QDRANT_API_KEY"]),
          collection,
          quantization: QUANTIZATIONS.find((name) => name === params.qdrant_quantization_config),
        },
        new RemoteCalls({ transport, deadlines, seconds: CALL_TIMEOUT }),
      );
    }
    default:
      return undefined;
  }
}
