import { redisScript } from "../store/redis/redis-script.ts";

/**
 * The arithmetic of `scope-state.ts` in Lua, over hashes with the members total, held, windowStart, requests, tokens,
 * running. Lua counts in doubles: exact up to 2^53 nano-dollars, nine million dollars a scope. The clock is Redis's.
 */
const PRELUDE = `
local WINDOW = 60000
local ENDED = 3600000
local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local function whole(number) return string.format('%.0f', number) end
local function finish(lease, cost, tokens)
  local raw = redis.call('HMGET', lease, 'scopes', 'amount', 'tokens', 'taken')
  if not raw[1] then return 0 end
  redis.call('DEL', lease)
  for _, key in ipairs(cjson.decode(raw[1])) do
    if redis.call('HEXISTS', key, 'total') == 1 then
      -- Redis knows no -0.
      if raw[2] ~= '0' then redis.call('HINCRBY', key, 'held', '-' .. raw[2]) end
      redis.call('HINCRBY', key, 'total', cost)
      redis.call('HINCRBY', key, 'running', -1)
      if tonumber(raw[4]) >= tonumber(redis.call('HGET', key, 'windowStart')) then
        redis.call('HINCRBY', key, 'tokens', whole(tonumber(tokens) - tonumber(raw[3])))
      end
    end
  end
  return 1
end
`;

/**
 * KEYS: the lease, the expiries, the instances, then one hash for each scope. ARGV: id, amount, free, tokens, milliseconds of the
 * lease, milliseconds that an idle scope is kept, then for each scope offset, budget, `at` or `above`, requests and
 * tokens per minute, calls at a time; empty is no limit.
 * Gives `{"missing", i…}` where scopes are not known, `{"refused", i, kind, spent, room, limit, remaining, resetMs}`, or
 * `{"admitted", instances, requests, tokens, spent, used, …}` with four values a scope: what is left of its limits, empty
 * where there is none, what was spent, offset included, and what is spent and held now, without it.
 */
export const TAKE = redisScript(
  "take",
  `${PRELUDE}
local now = clock()
local states = {}
local missing = {'missing'}
for i = 4, #KEYS do
  local raw = redis.call('HMGET', KEYS[i], 'total', 'held', 'windowStart', 'requests', 'tokens', 'running')
  if not raw[1] then table.insert(missing, whole(i - 4)) end
  states[i - 3] = raw
end
if #missing > 1 then return missing end
local amount, free, tokens = tonumber(ARGV[2]), ARGV[3] == '1', tonumber(ARGV[4])
for i, raw in ipairs(states) do
  local at = 7 + (i - 1) * 6
  local offset, budget, refuses = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), ARGV[at + 2]
  local rpm, tpm, parallel = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  local total, held, start = tonumber(raw[1]), tonumber(raw[2]), tonumber(raw[3])
  local requests, used, running = tonumber(raw[4]), tonumber(raw[5]), tonumber(raw[6])
  local over = now - start >= WINDOW or now < start
  if over then requests, used = 0, 0 end
  local reset = over and WINDOW or start + WINDOW - now
  local spent = total + offset
  local room = budget and budget - spent - held or 0
  local function refuse(kind, limit, remaining)
    return {'refused', whole(i - 1), kind, whole(spent), whole(room), whole(limit), whole(math.max(remaining, 0)), whole(reset)}
  end
  if budget and not free then
    local full
    if refuses == 'at' then full = spent >= budget else full = spent > budget end
    if full or amount > room then return refuse('budget', 0, 0) end
  end
  if parallel and running + 1 > parallel then return refuse('max_parallel_requests', parallel, parallel - running) end
  if rpm and requests + 1 > rpm then return refuse('requests', rpm, rpm - requests) end
  if tpm and used + tokens > tpm then return refuse('tokens', tpm, tpm - used) end
  raw.over, raw.now, raw.used, raw.spent, raw.rpm, raw.tpm = over, requests, used, spent, rpm, tpm
  raw.all = total + held + amount
end
local keys = {}
local answer = {'admitted', redis.call('ZCARD', KEYS[3])}
for i, raw in ipairs(states) do
  local key = KEYS[i + 3]
  keys[i] = key
  if raw.over then redis.call('HSET', key, 'windowStart', whole(now), 'requests', 0, 'tokens', 0) end
  redis.call('HINCRBY', key, 'held', ARGV[2])
  redis.call('HINCRBY', key, 'requests', 1)
  redis.call('HINCRBY', key, 'tokens', ARGV[4])
  redis.call('HINCRBY', key, 'running', 1)
  redis.call('PEXPIRE', key, ARGV[6])
  table.insert(answer, raw.rpm and whole(math.max(raw.rpm - raw.now - 1, 0)) or '')
  table.insert(answer, raw.tpm and whole(math.max(raw.tpm - raw.used - tokens, 0)) or '')
  table.insert(answer, whole(raw.spent))
  table.insert(answer, whole(raw.all))
end
redis.call('HSET', KEYS[1], 'scopes', cjson.encode(keys), 'amount', ARGV[2], 'tokens', ARGV[4], 'taken', whole(now))
redis.call('ZADD', KEYS[2], whole(now + tonumber(ARGV[5])), ARGV[1])
return answer`,
);

/**
 * KEYS: the lease, the scopes that it was taken over. ARGV: nano-dollars more, then for each scope offset and budget;
 * empty is no budget. Gives `{"missing"}` where the lease or a scope is not known, `{"refused", room}` or `{"granted"}`.
 */
export const EXTEND = redisScript(
  "extend",
  `${PRELUDE}
if redis.call('EXISTS', KEYS[1]) == 0 then return {'missing'} end
local more, least = tonumber(ARGV[1]), nil
for i = 2, #KEYS do
  local raw = redis.call('HMGET', KEYS[i], 'total', 'held')
  if not raw[1] then return {'missing'} end
  local at = 2 + (i - 2) * 2
  local budget = tonumber(ARGV[at + 1])
  if budget then
    local room = budget - tonumber(ARGV[at]) - tonumber(raw[1]) - tonumber(raw[2])
    if not least or room < least then least = room end
  end
end
if least and more > least then return {'refused', whole(math.max(least, 0))} end
for i = 2, #KEYS do redis.call('HINCRBY', KEYS[i], 'held', ARGV[1]) end
redis.call('HINCRBY', KEYS[1], 'amount', ARGV[1])
return {'granted'}`,
);

/**
 * KEYS: the lease, the expiries, the mark of its end. ARGV: id, cost, tokens. Gives 1 when there was such a lease. The
 * mark stays for as long as somebody whose answer was lost may ask again (`SETTLE_LATE`).
 */
export const SETTLE = redisScript(
  "settle",
  `${PRELUDE}
redis.call('ZREM', KEYS[2], ARGV[1])
if finish(KEYS[1], ARGV[2], ARGV[3]) == 0 then return 0 end
redis.call('SET', KEYS[3], 'settled', 'PX', 120000)
return 1`,
);

/** KEYS: the expiries. ARGV: milliseconds of a lease, then the ids whose owner lives. */
export const RENEW = redisScript(
  "renew",
  `${PRELUDE}
local expires = whole(clock() + tonumber(ARGV[1]))
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], 'XX', expires, ARGV[i]) end
return 1`,
);

/**
 * Ends the leases of owners that died: spent in full, like the row of an interrupted call. An owner that was only away
 * corrects that (`SETTLE_LATE`). Says also that this instance lives. KEYS: the expiries, the instances. ARGV: the prefix
 * of leases, the instance, milliseconds until it counts as dead. Gives how many instances there are.
 */
export const EXPIRE = redisScript(
  "expire",
  `${PRELUDE}
local now = clock()
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', whole(now - 1), 'LIMIT', 0, 200)
for _, id in ipairs(ids) do
  redis.call('ZREM', KEYS[1], id)
  local lease = ARGV[1] .. id
  local raw = redis.call('HMGET', lease, 'amount', 'tokens')
  if raw[1] then
    finish(lease, raw[1], raw[2])
    redis.call('SET', lease .. ':ended', raw[1], 'PX', ENDED)
  end
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', whole(now - 1))
redis.call('ZADD', KEYS[2], whole(now + tonumber(ARGV[3])), ARGV[2])
return redis.call('ZCARD', KEYS[2])`,
);

/**
 * Ends a call that Redis may not know: it was counted elsewhere, or Redis was away meanwhile. Its lease ends where it is
 * there; otherwise its cost is added to the scopes that are, less what its lease's expiry counted. Sent twice it counts
 * once. KEYS: the lease, the expiries, the mark of its end, the scopes. ARGV: id, cost, tokens.
 */
export const SETTLE_LATE = redisScript(
  "settle-late",
  `${PRELUDE}
redis.call('ZREM', KEYS[2], ARGV[1])
local counted = redis.call('GET', KEYS[3])
if counted == 'settled' then return 0 end
redis.call('SET', KEYS[3], 'settled', 'PX', ENDED)
if not counted and finish(KEYS[1], ARGV[2], ARGV[3]) == 1 then return 1 end
for i = 4, #KEYS do
  if redis.call('HEXISTS', KEYS[i], 'total') == 1 then
    redis.call('HINCRBY', KEYS[i], 'total', whole(tonumber(ARGV[2]) - tonumber(counted or '0')))
  end
end
return 1`,
);

/** KEYS: a scope. ARGV: its total, milliseconds that it is kept. Does nothing when it is there. */
export const SEED = redisScript(
  "seed",
  `if redis.call('HSETNX', KEYS[1], 'total', ARGV[1]) == 1 then
  redis.call('HSET', KEYS[1], 'held', 0, 'windowStart', -100000000, 'requests', 0, 'tokens', 0, 'running', 0)
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1`,
);
