import { Redis } from "ioredis";
import { type Examination, type Finding, findingsOf } from "./finding.ts";
import { redisAddress, shownAddress } from "./redis-address.ts";

const { ok, warning, problem } = findingsOf("redis");

const OLDEST_VERSION = 6;
const SLOW_MS = 5;
const MOST_CLOCK_SKEW_MS = 5_000;
const WHY = "limits that all instances share, and the cache, are kept there";

/** Redis: reachable, password, version, latency, what it does when its memory is full, clock. */
export async function checkRedis(examination: Examination): Promise<Finding[]> {
  const address = redisAddress(examination.environment);
  if (address === undefined) {
    return [ok("redis_unused", "no Redis is configured: each machine counts limits by itself")];
  }
  if (!URL.canParse(address) || !/^(rediss?|valkeys?):$/.test(new URL(address).protocol)) {
    return [
      problem("redis_url", "REDIS_URL is not an address of Redis", {
        why: WHY,
        fix: "write redis://default:password@host:6379/0, with @ : / # ? in the password escaped (@ is %40)",
      }),
    ];
  }
  const url = new URL(address);
  let failure: unknown;
  const redis = new Redis(address, {
    lazyConnect: true,
    connectTimeout: examination.patienceMs,
    commandTimeout: examination.patienceMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    enableOfflineQueue: false,
  });
  redis.on("error", (error) => {
    failure ??= error;
  });
  try {
    await redis.connect();
    const [latency, information, memory, time] = [
      await latencyOf(redis),
      await redis.info("server"),
      await memoryOf(redis),
      await redis.time(),
    ];
    return [
      ...latencyFinding(latency, url),
      ...versionFinding(information),
      ...memory,
      ...clockFinding(Number(time[0]) * 1000 + Number(time[1]) / 1000),
    ];
  } catch (error) {
    return [connectionFinding(failure ?? error, url)];
  } finally {
    redis.disconnect();
  }
}

function connectionFinding(error: unknown, url: URL): Finding {
  const message = error instanceof Error ? error.message : String(error);
  const code = (error as { code?: string }).code ?? "";
  const where = `${url.hostname}:${url.port || 6379}`;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return problem("redis_host", `the host ${url.hostname} of Redis is not known here`, {
      why: `${WHY}; inside a container the names of other containers are known only on a shared network`,
      fix: "correct REDIS_HOST (or REDIS_URL), or connect both to one network: docker network connect internal_network CONTAINER",
    });
  }
  if (code === "ECONNREFUSED") {
    return problem("redis_refused", `nothing listens at ${where}`, {
      why: WHY,
      fix: "start Redis, or correct REDIS_HOST and REDIS_PORT (or REDIS_URL)",
    });
  }
  if (/WRONGPASS|NOAUTH|invalid password|no password is set|without any password/i.test(message)) {
    return problem("redis_password", `Redis at ${where} refuses the password`, {
      why: WHY,
      fix: "correct REDIS_PASSWORD (or REDIS_URL); compare with requirepass there",
    });
  }
  return problem("redis_unreachable", `Redis at ${shownAddress(url.href)} cannot be used: ${message}`, {
    why: WHY,
    fix: `try: redis-cli -h ${url.hostname} -p ${url.port || 6379} ping`,
  });
}

/** Milliseconds, the middle one of five. */
async function latencyOf(redis: Redis): Promise<number> {
  const taken: number[] = [];
  for (let round = 0; round < 5; round++) {
    const before = performance.now();
    await redis.ping();
    taken.push(performance.now() - before);
  }
  return taken.sort((left, right) => left - right)[2] as number;
}

function latencyFinding(latency: number, url: URL): Finding[] {
  if (latency <= SLOW_MS) {
    return [ok("redis", `Redis at ${url.hostname}:${url.port || 6379} answers in ${latency.toFixed(1)} ms`)];
  }
  return [
    warning("redis_slow", `Redis needs ${latency.toFixed(1)} ms to answer`, {
      why: "a request may wait that long before it goes out",
      fix: "run it nearer to the gateway, or look at its load: redis-cli --latency",
    }),
  ];
}

function versionFinding(information: string): Finding[] {
  const version = /^(?:redis|valkey)_version:(\S+)/m.exec(information)?.[1] ?? "0";
  if (Number.parseInt(version, 10) >= OLDEST_VERSION) return [ok("redis_version", `Redis ${version}`)];
  return [
    problem("redis_version", `Redis ${version} is too old`, {
      why: "its scripts need version 6 or newer",
      fix: "upgrade Redis",
    }),
  ];
}

/** Hosted servers forbid CONFIG; `INFO memory` then says the same. */
async function memoryOf(redis: Redis): Promise<Finding[]> {
  const memory = await redis.info("memory");
  const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1] ?? "unknown";
  const limit = Number(/^maxmemory:(\d+)/m.exec(memory)?.[1] ?? 0);
  if (policy === "noeviction") return [ok("redis_eviction", "Redis keeps what it was given (noeviction)")];
  return [
    warning("redis_eviction", `Redis drops keys when its memory is full (maxmemory-policy ${policy})`, {
      why: `a counter that is dropped is a limit that is forgotten${limit === 0 ? "; without maxmemory it does not happen yet" : ""}`,
      fix: "redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf; or give the cache a Redis of its own",
    }),
  ];
}

function clockFinding(now: number): Finding[] {
  const skew = Math.abs(now - Date.now());
  if (skew <= MOST_CLOCK_SKEW_MS) return [];
  return [
    warning("redis_clock", `Redis's clock and this machine's differ by ${Math.round(skew / 1000)} s`, {
      why: "windows of rate limits go by Redis's clock, budgets by this machine's",
      fix: "synchronise both: timedatectl set-ntp true",
    }),
  ];
}
