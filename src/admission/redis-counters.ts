import type { Log } from "../events/log.ts";
import type { RedisClient, RedisReply } from "../store/redis/redis-client.ts";
import type { Counters, ReadSpend } from "./counters.ts";
import { MemoryCounters } from "./memory-counters.ts";
import { ADD, EXPIRE, RENEW, SEED, SETTLE, TAKE } from "./redis-scripts.ts";
import type { Ask, LimitKind, Remainder, Scope, Verdict } from "./scope.ts";

/** A lease whose owner does not renew it for so long is the lease of a dead process. */
const LEASE_MS = 30_000;
const RENEW_MS = 10_000;
/** A scope that nobody has used for so long is read from the ledger when it returns. */
const KEPT_MS = 3_600_000;
const RENEWED_AT_ONCE = 500;
/** Settlements that wait for Redis to come back; beyond this the leases end by themselves. */
const MOST_WAITING = 100_000;

export interface RedisCountersOptions {
  readonly redis: RedisClient;
  readonly read: ReadSpend;
  readonly log: Log;
  /** Begins every key; default `isthmus`. */
  readonly prefix?: string;
}

interface Waiting {
  readonly id: string;
  readonly cost: bigint;
  readonly tokens: number;
}

/**
 * The counters of all machines that share a Redis: one call of a script for all scopes of a request. While Redis is away
 * this process counts by itself, from the ledger on, and adds what was spent meanwhile when Redis is back.
 */
export class RedisCounters implements Counters {
  readonly #redis: RedisClient;
  readonly #read: ReadSpend;
  readonly #log: Log;
  /** All keys share one slot of a cluster, as one script takes them all. */
  readonly #prefix: string;
  readonly #open = new Set<string>();
  readonly #timer: ReturnType<typeof setInterval>;
  #waiting: Waiting[] = [];
  /** Counts while Redis is away. */
  #alone: MemoryCounters | undefined;
  readonly #aloneScopes = new Map<string, readonly Scope[]>();
  /** Nano-dollars spent without Redis, by scope. */
  #unreported = new Map<string, bigint>();

  constructor(options: RedisCountersOptions) {
    this.#redis = options.redis;
    this.#read = options.read;
    this.#log = options.log;
    this.#prefix = `{${options.prefix ?? "isthmus"}}:admission:`;
    this.#timer = setInterval(() => void this.sweep(), RENEW_MS);
    this.#timer.unref();
  }

  async take(ask: Ask): Promise<Verdict> {
    const sent = this.#redis.usable;
    try {
      return await this.#take(ask);
    } catch (error) {
      // A slow Redis may still take the lease after nobody waits for it: it is given back, as the call is counted here.
      if (sent) this.#retryLater({ id: ask.id, cost: 0n, tokens: 0 });
      this.#log.debug("limits are counted without redis", { reason: String(error) });
      return this.#takeAlone(ask);
    }
  }

  async settle(id: string, cost: bigint, tokens: number): Promise<void> {
    const scopes = this.#aloneScopes.get(id);
    if (scopes !== undefined) {
      this.#aloneScopes.delete(id);
      this.#alone?.settle(id, cost, tokens);
      for (const scope of scopes) this.#unreported.set(scope.id, (this.#unreported.get(scope.id) ?? 0n) + cost);
      return;
    }
    if (!this.#open.delete(id)) return;
    try {
      await this.#settle({ id, cost, tokens });
    } catch {
      // Told when Redis went away; tried again when it is back.
      this.#retryLater({ id, cost, tokens });
    }
  }

  async spentBy(scope: Scope): Promise<bigint> {
    try {
      const total = await this.#redis.send("HGET", this.#scopeKey(scope.id), "total");
      if (typeof total === "string") return BigInt(total);
    } catch (error) {
      this.#log.debug("spend is read from the ledger", { reason: String(error) });
    }
    return this.#read(scope.source);
  }

  /** Renews this process's leases, ends those of processes that died, and tells Redis what it missed. */
  async sweep(): Promise<void> {
    if (!this.#redis.usable) return;
    try {
      await this.#tellMissed();
      const ids = [...this.#open];
      for (let at = 0; at < ids.length; at += RENEWED_AT_ONCE) {
        await this.#redis.run(RENEW, [this.#expiries], [LEASE_MS, ...ids.slice(at, at + RENEWED_AT_ONCE)]);
      }
      await this.#redis.run(EXPIRE, [this.#expiries], [`${this.#prefix}lease:`]);
    } catch (error) {
      this.#log.debug("leases could not be renewed", { reason: String(error) });
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.sweep();
    await this.#alone?.close();
  }

  get #expiries(): string {
    return `${this.#prefix}expiries`;
  }

  #scopeKey(id: string): string {
    return `${this.#prefix}scope:${id}`;
  }

  async #take(ask: Ask): Promise<Verdict> {
    const keys = [`${this.#prefix}lease:${ask.id}`, this.#expiries, ...ask.scopes.map(({ id }) => this.#scopeKey(id))];
    const args = [
      ...[ask.id, String(ask.amount), ask.free ? "1" : "0", String(ask.tokens), LEASE_MS, KEPT_MS],
      ...ask.scopes.flatMap(({ offset, limits, refusesWhen }) => [
        String(offset),
        limits.maxBudget === undefined ? "" : String(limits.maxBudget),
        refusesWhen,
        limits.rpm ?? "",
        limits.tpm ?? "",
        limits.parallel ?? "",
      ]),
    ];
    for (let tries = 0; ; tries++) {
      const reply = (await this.#redis.run(TAKE, keys, args)) as readonly RedisReply[];
      if (reply[0] !== "missing") {
        const verdict = verdictOf(ask, reply);
        if (verdict.admitted) this.#open.add(ask.id);
        return verdict;
      }
      if (tries === 3) throw new Error("scopes vanish from redis as soon as they are made");
      await Promise.all(reply.slice(1).map((index) => this.#seed(ask.scopes[Number(index)] as Scope)));
    }
  }

  async #seed(scope: Scope): Promise<void> {
    await this.#redis.run(SEED, [this.#scopeKey(scope.id)], [String(await this.#read(scope.source)), KEPT_MS]);
  }

  async #takeAlone(ask: Ask): Promise<Verdict> {
    this.#alone ??= new MemoryCounters(this.#read);
    const verdict = await this.#alone.take(ask);
    if (verdict.admitted) this.#aloneScopes.set(ask.id, ask.scopes);
    return verdict;
  }

  #retryLater(settlement: Waiting): void {
    if (this.#waiting.length < MOST_WAITING) this.#waiting.push(settlement);
  }

  async #settle({ id, cost, tokens }: Waiting): Promise<void> {
    await this.#redis.run(SETTLE, [`${this.#prefix}lease:${id}`, this.#expiries], [id, String(cost), tokens]);
  }

  async #tellMissed(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const [index, one] of waiting.entries()) {
      try {
        await this.#settle(one);
      } catch (error) {
        this.#waiting.push(...waiting.slice(index));
        throw error;
      }
    }
    if (this.#unreported.size === 0) return;
    const unreported = this.#unreported;
    this.#unreported = new Map();
    try {
      await this.#redis.run(
        ADD,
        [...unreported.keys()].map((id) => this.#scopeKey(id)),
        [...unreported.values()].map(String),
      );
    } catch (error) {
      for (const [id, cost] of unreported) this.#unreported.set(id, (this.#unreported.get(id) ?? 0n) + cost);
      throw error;
    }
    // The next time that Redis is away begins from the ledger again.
    if (this.#alone?.open === 0) this.#alone = undefined;
  }
}

function verdictOf(ask: Ask, reply: readonly RedisReply[]): Verdict {
  if (reply[0] === "refused") {
    const [, index, kind, spent, room, limit, remaining, resetMs] = reply;
    return {
      admitted: false,
      refusal: {
        scope: ask.scopes[Number(index)] as Scope,
        kind: kind as LimitKind,
        spent: BigInt(String(spent)),
        room: BigInt(String(room)),
        limit: Number(limit),
        remaining: Number(remaining),
        resetMs: Number(resetMs),
      },
    };
  }
  const remainders = ask.scopes.map(
    (scope, index): Remainder => ({
      scope,
      requests: count(reply[1 + index * 3]),
      tokens: count(reply[2 + index * 3]),
      spent: BigInt(String(reply[3 + index * 3])),
    }),
  );
  return { admitted: true, remainders };
}

function count(value: RedisReply | undefined): number | undefined {
  return value === "" || value === undefined || value === null ? undefined : Number(value);
}
