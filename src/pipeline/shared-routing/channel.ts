import type { Log } from "../../events/log.ts";
import type { RedisClient } from "../../store/redis/redis-client.ts";
import { encodeMessage, type RoutingMessage } from "./messages.ts";

/** An unproven cooldown and a check's result that are older, in milliseconds, say nothing. */
export const STALE_MS = 3_600_000;
const KEPT_MS = 86_400_000;

export interface ChannelOptions {
  readonly redis: RedisClient;
  readonly log: Log;
  /** Names the channel and begins every key. */
  readonly base: string;
}

/** How one process speaks to the others: nobody waits for it, and what is not heard now is read later. */
export class Channel {
  /** Of this process. */
  readonly process = crypto.randomUUID();
  /** Milliseconds that the clock of all, which is that of Redis, is ahead of this process's. */
  ahead = 0;
  readonly #options: ChannelOptions;

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  get base(): string {
    return this.#options.base;
  }

  publish(message: RoutingMessage): void {
    const { redis, base } = this.#options;
    if (redis.usable) redis.send("PUBLISH", base, encodeMessage(this.process, message)).catch(this.unheard);
  }

  /** Keeps it for those who were not listening. */
  keep(key: string, field: string, value: string): void {
    const { redis } = this.#options;
    if (!redis.usable) return;
    Promise.all([redis.send("HSET", key, field, value), redis.send("PEXPIRE", key, KEPT_MS)]).catch(this.unheard);
  }

  drop(key: string, field: string): void {
    this.#options.redis.send("HDEL", key, field).catch(this.unheard);
  }

  readonly unheard = (error: unknown): void => {
    this.#options.log.debug("other processes did not hear of routing", { reason: String(error) });
  };
}
