import type { RedisClient } from "../store/redis/redis-client.ts";
import { type CacheStore, LONGEST_VALUE } from "./cache-store.ts";

/** Begins every key, so that a flush finds them among those of others. */
const PREFIX = "isthmus:cache:";

/** Keeps values in Redis, for all machines that share it. */
export class RedisStore implements CacheStore {
  readonly type = "redis";
  readonly #redis: RedisClient;
  readonly #prefix: string;

  constructor(redis: RedisClient, prefix = PREFIX) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  async get(key: string): Promise<string | undefined> {
    if (!this.#redis.usable) return undefined;
    const value = await this.#redis.send("GET", this.#prefix + key);
    return typeof value === "string" ? value : undefined;
  }

  async set(key: string, value: string, seconds: number): Promise<void> {
    if (value.length > LONGEST_VALUE) return;
    await this.#redis.send("SET", this.#prefix + key, value, "PX", Math.max(Math.ceil(seconds * 1000), 1));
  }

  async delete(keys: readonly string[]): Promise<number> {
    let count = 0;
    for (const key of keys) count += Number(await this.#redis.send("DEL", this.#prefix + key));
    return count;
  }

  async flush(): Promise<void> {
    for await (const keys of this.#redis.keys(this.#prefix)) {
      for (const key of keys) await this.#redis.send("UNLINK", key);
    }
  }

  async ping(): Promise<void> {
    await this.#redis.send("PING");
  }

  close(): void {}
}
