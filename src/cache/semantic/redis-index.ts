import type { RedisClient, RedisReply } from "../../store/redis/redis-client.ts";
import { type SemanticIndex, type Similar, vectorBytes } from "./semantic-index.ts";

/** Begins the key of every question. */
const PREFIX = "isthmus:semantic:";
/** After an error, as of a server that has no search, it is left alone for so long: others use the connection, too. */
const PAUSE_MS = 30_000;

/**
 * Questions in Redis (8, or with RediSearch) or Valkey (with valkey-search): hashes below a prefix, and one index over
 * their vectors. https://redis.io/docs/latest/develop/ai/search-and-query/vectors/ (2026-11-26)
 */
export class RedisIndex implements SemanticIndex {
  readonly #redis: RedisClient;
  readonly #name: string;
  readonly #prefix: string;
  readonly #now: () => number;
  /** Sizes of vectors for which there is an index: another model for them gets another index. */
  readonly #indexes = new Map<number, Promise<void>>();
  #retryAt = 0;

  constructor(redis: RedisClient, name: string, now: () => number = () => performance.now()) {
    this.#redis = redis;
    this.#name = name;
    this.#prefix = `${PREFIX}${name}:`;
    this.#now = now;
  }

  async find(scope: string, vector: Float32Array): Promise<Similar | undefined> {
    if (!this.#redis.usable || this.#now() < this.#retryAt) return undefined;
    return this.#guarded(async () => {
      await this.#indexed(vector.length);
      const query = `(@scope:{${scope}})=>[KNN 1 @vector $vector AS distance]`;
      const reply = await this.#redis.send(
        ...(["FT.SEARCH", this.#indexOf(vector.length), query] as const),
        ...(["PARAMS", 2, "vector", vectorBytes(vector), "RETURN", 1, "distance", "DIALECT", 2] as const),
      );
      return nearest(reply, this.#prefixOf(vector.length).length);
    });
  }

  async add(scope: string, key: string, vector: Float32Array, _value: string, seconds: number): Promise<void> {
    if (!this.#redis.usable || this.#now() < this.#retryAt) return;
    await this.#guarded(async () => {
      await this.#indexed(vector.length);
      const name = this.#prefixOf(vector.length) + key;
      // Both go out together.
      await Promise.all([
        this.#redis.send("HSET", name, "scope", scope, "vector", vectorBytes(vector)),
        this.#redis.send("PEXPIRE", name, Math.max(Math.ceil(seconds * 1000), 1)),
      ]);
    });
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const dimensions of this.#indexes.keys()) {
      await Promise.all(keys.map((key) => this.#redis.send("DEL", this.#prefixOf(dimensions) + key)));
    }
  }

  async flush(): Promise<void> {
    for await (const keys of this.#redis.keys(this.#prefix)) {
      await Promise.all(keys.map((key) => this.#redis.send("UNLINK", key)));
    }
  }

  /** Whether the server can search by vectors: what it knows is listed, without touching the index. */
  async ping(): Promise<void> {
    await this.#redis.send("FT._LIST");
  }

  close(): void {}

  #indexOf(dimensions: number): string {
    return `${this.#name}_${dimensions}`;
  }

  #prefixOf(dimensions: number): string {
    return `${this.#prefix}${dimensions}:`;
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.#retryAt = this.#now() + PAUSE_MS;
      throw error;
    }
  }

  #indexed(dimensions: number): Promise<void> {
    let made = this.#indexes.get(dimensions);
    if (made === undefined) {
      made = this.#create(dimensions).catch((error: unknown) => {
        this.#indexes.delete(dimensions);
        throw error;
      });
      this.#indexes.set(dimensions, made);
    }
    return made;
  }

  async #create(dimensions: number): Promise<void> {
    const name = this.#indexOf(dimensions);
    const known = await this.#redis.send("FT._LIST");
    if (Array.isArray(known) && known.includes(name)) return;
    await this.#redis.send(
      ...([
        "FT.CREATE",
        name,
        "ON",
        "HASH",
        "PREFIX",
        1,
        this.#prefixOf(dimensions),
        "SCHEMA",
        "scope",
        "TAG",
      ] as const),
      ...(["vector", "VECTOR", "HNSW", 6, "TYPE", "FLOAT32", "DIM", dimensions, "DISTANCE_METRIC", "COSINE"] as const),
    );
  }
}

/** `[1, key, ["distance", "0.05"]]` → the key and its similarity. */
function nearest(reply: RedisReply, prefixLength: number): Similar | undefined {
  if (!Array.isArray(reply)) return undefined;
  const [, key, fields] = reply as readonly RedisReply[];
  if (typeof key !== "string" || !Array.isArray(fields)) return undefined;
  const at = fields.indexOf("distance");
  const distance = at < 0 ? Number.NaN : Number(fields[at + 1]);
  return Number.isNaN(distance) ? undefined : { key: key.slice(prefixLength), similarity: 1 - distance };
}
