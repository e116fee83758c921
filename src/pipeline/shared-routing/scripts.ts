import { redisScript } from "../../store/redis/redis-script.ts";

/**
 * One process's round: it says that it lives and what it used in this minute, and reads what all know.
 * KEYS: processes, use of the minute, cooldowns, health. ARGV: process, its use or "", milliseconds that it counts as
 * alive, milliseconds that use and the rest are kept. Returns the time in ms, how many processes live, and three hashes.
 */
export const SYNC = redisScript(
  "routing-sync",
  `local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
if ARGV[2] ~= '' then
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
end
return {now, redis.call('ZCARD', KEYS[1]), redis.call('HGETALL', KEYS[2]), redis.call('HGETALL', KEYS[3]), redis.call('HGETALL', KEYS[4])}`,
);

/**
 * The right to try a half-open deployment: taken when it is free, prolonged by its owner. KEYS: the right. ARGV: process,
 * milliseconds. Returns 1 or 0.
 */
export const TAKE_PROBE = redisScript(
  "routing-take-probe",
  `local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`,
);

/** Gives the right back, if it is this process's. KEYS: the right. ARGV: process. */
export const FREE_PROBE = redisScript(
  "routing-free-probe",
  `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`,
);
