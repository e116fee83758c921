import { createHash } from "node:crypto";

/** A Lua script that runs atomically on the server. `KEYS` of one call must share a hash tag (`{…}`) on a cluster. */
export interface RedisScript {
  readonly name: string;
  readonly lua: string;
  /** What EVALSHA calls it by. */
  readonly sha: string;
}

/**
 * Registers a script once, at module level; the server learns its text with the first call that it does not know it by.
 *
 * @example
 * const TAKE = redisScript("take", "return redis.call('DECRBY', KEYS[1], ARGV[1])");
 * const left = await redis.run(TAKE, ["{key}:tokens"], [5]);
 */
export function redisScript(name: string, lua: string): RedisScript {
  return { name, lua, sha: createHash("sha1").update(lua).digest("hex") };
}
