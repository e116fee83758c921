import { GatewayError } from "../errors/gateway-error.ts";
import type { Log } from "../events/log.ts";
import type { RedisClient, RedisReply } from "../store/redis/redis-client.ts";
import { AloneCounters } from "./alone-counters.ts";
import type { Counters, ReadSpend } from "./counters.ts";
import { EXPIRE, EXTEND, RENEW, SEED, SETTLE, SETTLE_LATE, TAKE } from "./redis-scripts.ts";
import type { Ask, Extension, LimitKind, Remainder, Scope, Verdict } from "./scope.ts";

/** A lease whose owner does not renew it for so long is the lease of a dead process. */
const LEASE_MS = 30_000;
const RENEW_MS = 10_000;
/** A scope that nobody has used for so long is read from the ledger when it returns. */
const KEPT_MS = 3_600_000;
const RENEWED_AT_ONCE = 500;
/** Settlements that wait for Redis to come back; beyond this the leases end by themselves. */
const MOST_WAITING = 100_000;
const TOLD_AT_ONCE = 1_000;
/** Scopes whose use is remembered for the time when Redis is away. */
const MOST_REMEMBERED = 100_000;

export interface RedisCountersOptions {
  readonly redis: RedisClient;
  readonly read: ReadSpend;
  readonly log: Log;
  /** Begins every key; default `isthmus`. */
  readonly prefix?: string;
  /** What is refused while Redis is away instead of being counted by this process alone; default nothing. */
  readonly failClosed?: () => { readonly budgets: boolean; readonly rates: boolean };
}

interface Settlement {
  readonly id: string;
  readonly cost: bigint;
  readonly tokens: number;
  /** Given where Redis may not know the call; then its cost is added to these. */
  readonly scopes?: readonly Scope[];
}

interface OpenCall {
  readonly scopes: readonly Scope[];
  /** How often Redis had come back when it was admitted: one that came back since may have forgotten it. */
  readonly returns: number;
}

/**
 * The counters of all machines that share a Redis: one call of a script for all scopes of a request. While Redis is away
 * this process counts by itself, within its share of what was left, and tells what was spent as soon as Redis answers.
 */
export class RedisCounters implements Counters {
  readonly #redis: RedisClient;
  readonly #read: ReadSpend;
  readonly #log: Log;
  readonly #failClosed: NonNullable<RedisCountersOptions["failClosed"]>;
  /** All keys share one slot of a cluster, as one script takes them all. */
  readonly #prefix: string;
  readonly #instance = crypto.randomUUID();
  readonly #open = new Map<string, OpenCall>();
  readonly #timer: ReturnType<typeof setInterval>;
  /** Nano-dollars used of scopes, spent and held, as Redis told last. */
  readonly #used = new Map<string, bigint>();
  readonly #seeding = new Map<string, Promise<void>>();
  #instances = 1;
  #returns = 0;
  #waiting: Settlement[] = [];
  #telling: Promise<void> | undefined;
  /** Counts while Redis is away. */
  #alone: AloneCounters | undefined;
  #closed = false;

  constructor(options: RedisCountersOptions) {
    this.#redis = options.redis;
    this.#read = options.read;
    this.#log = options.log;
    this.#failClosed = options.failClosed ?? (() => ({ budgets: false, rates: false }));
    this.#prefix = `{${options.prefix ?? "isthmus"}}:admission:`;
    this.#timer = setInterval(() => void this.sweep(), RENEW_MS);
    this.#timer.unref();
    this.#redis.onReturn(() => {
      this.#returns++;
      void this.sweep();
    });
    void this.sweep();
  }

  async take(ask: Ask): Promise<Verdict> {
    const sent = this.#redis.usable;
    try {
      return await this.#take(ask);
    } catch (error) {
      if (this.#mustNotGuess(ask)) {
        // A slow Redis may take the lease all the same.
        if (sent) this.#tell({ id: ask.id, cost: 0n, tokens: 0 });
        throw new GatewayError(
          "service_unavailable",
          "Limits cannot be checked at the moment, and may not be guessed",
          {
            cause: error,
          },
        );
      }
      this.#log.debug("limits are counted without redis", { reason: String(error) });
      const verdict = await this.#takeAlone(ask);
      // A slow Redis may still take the lease after nobody waits for it: that of a call that does not go out is given back.
      if (sent && !verdict.admitted) this.#tell({ id: ask.id, cost: 0n, tokens: 0 });
      return verdict;
    }
  }

  async extend(id: string, scopes: readonly Scope[], more: bigint): Promise<Extension> {
    if (this.#open.has(id)) {
      try {
        const keys = [this.#leaseKey(id), ...scopes.map((scope) => this.#scopeKey(scope.id))];
        const limits = scopes.flatMap(({ offset, limits: { maxBudget } }) => [String(offset), String(maxBudget ?? "")]);
        const [said, ...told] = (await this.#redis.run(EXTEND, keys, [String(more), ...limits])) as RedisReply[];
        if (said === "refused") return { granted: false, room: BigInt(String(told[0])) };
        if (said === "granted") return { granted: true };
      } catch (error) {
        this.#log.debug("a lease is extended without redis", { reason: String(error) });
      }
    }
    if (this.#failClosed().budgets) return { granted: false, room: 0n };
    return this.#countAlone().extend(id, scopes, more);
  }

  async settle(id: string, cost: bigint, tokens: number): Promise<void> {
    const scopes = this.#alone?.settle(id, cost, tokens);
    if (scopes !== undefined) {
      this.#open.delete(id);
      this.#tell({ id, cost, tokens, scopes });
      return;
    }
    const call = this.#open.get(id);
    if (call === undefined) return;
    this.#open.delete(id);
    const settlement = { id, cost, tokens, ...(call.returns === this.#returns ? {} : { scopes: call.scopes }) };
    try {
      await this.#settle(settlement);
    } catch {
      // Told when Redis went away. Whether it was done is not known, and doing it again must change nothing.
      this.#tell({ ...settlement, scopes: call.scopes });
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

  /** Tells Redis what it missed, renews this process's leases and ends those of processes that died. */
  async sweep(): Promise<void> {
    if (!this.#redis.usable || this.#closed) return;
    try {
      await this.#tellMissed();
      const ids = [...this.#open.keys(), ...(this.#alone?.ids() ?? [])];
      for (let at = 0; at < ids.length; at += RENEWED_AT_ONCE) {
        await this.#redis.run(RENEW, [this.#expiries], [LEASE_MS, ...ids.slice(at, at + RENEWED_AT_ONCE)]);
      }
      const live = [`${this.#prefix}lease:`, this.#instance, LEASE_MS];
      this.#instances = Number(await this.#redis.run(EXPIRE, [this.#expiries, this.#instanceKey], live));
    } catch (error) {
      this.#log.debug("leases could not be renewed", { reason: String(error) });
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.sweep();
    this.#closed = true;
    if (!this.#redis.usable) return;
    await this.#redis.send("ZREM", this.#instanceKey, this.#instance).catch((error: unknown) => {
      this.#log.debug("redis forgets this process by itself", { reason: String(error) });
    });
  }

  get #expiries(): string {
    return `${this.#prefix}expiries`;
  }

  get #instanceKey(): string {
    return `${this.#prefix}instances`;
  }

  #leaseKey(id: string): string {
    return `${this.#prefix}lease:${id}`;
  }

  #scopeKey(id: string): string {
    return `${this.#prefix}scope:${id}`;
  }

  async #take(ask: Ask): Promise<Verdict> {
    const returns = this.#returns;
    const keys = [
      ...[this.#leaseKey(ask.id), this.#expiries, this.#instanceKey],
      ...ask.scopes.map(({ id }) => this.#scopeKey(id)),
    ];
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
      if (reply[0] === "refused") return refusalOf(ask, reply);
      if (reply[0] === "admitted") {
        this.#open.set(ask.id, { scopes: ask.scopes, returns });
        return this.#admitted(ask, reply);
      }
      if (tries === 3) throw new Error("scopes vanish from redis as soon as they are made");
      await Promise.all(reply.slice(1).map((index) => this.#seed(ask.scopes[Number(index)] as Scope)));
    }
  }

  #admitted(ask: Ask, [, instances, ...told]: readonly RedisReply[]): Verdict {
    this.#instances = Number(instances);
    const remainders = ask.scopes.map((scope, index): Remainder => {
      const [requests, tokens, spent, used] = told.slice(index * 4, index * 4 + 4);
      const { maxBudget } = scope.limits;
      const all = BigInt(String(used));
      if (maxBudget !== undefined) this.#remember(scope.id, all);
      const room = maxBudget === undefined ? undefined : maxBudget - scope.offset - all;
      return { scope, requests: count(requests), tokens: count(tokens), spent: BigInt(String(spent)), room };
    });
    return { admitted: true, remainders };
  }

  #remember(id: string, used: bigint): void {
    if (this.#used.size >= MOST_REMEMBERED && !this.#used.has(id)) this.#used.clear();
    this.#used.set(id, used);
  }

  /** Requests that come at the same time for a scope that is not there ask the ledger once. */
  #seed(scope: Scope): Promise<void> {
    let seeding = this.#seeding.get(scope.id);
    if (seeding === undefined) {
      seeding = this.#read(scope.source)
        .then((total) => this.#redis.run(SEED, [this.#scopeKey(scope.id)], [String(total), KEPT_MS]))
        .then(() => undefined)
        .finally(() => this.#seeding.delete(scope.id));
      this.#seeding.set(scope.id, seeding);
    }
    return seeding;
  }

  /** `fail_closed_budget_enforcement` and `fail_closed_rate_limit_enforcement`. */
  #mustNotGuess({ scopes, free }: Ask): boolean {
    const { budgets, rates } = this.#failClosed();
    return scopes.some(
      ({ limits: { maxBudget, rpm, tpm, parallel } }) =>
        (budgets && maxBudget !== undefined && !free) ||
        (rates && (rpm !== undefined || tpm !== undefined || parallel !== undefined)),
    );
  }

  #takeAlone(ask: Ask): Promise<Verdict> {
    return this.#countAlone().take(ask);
  }

  #countAlone(): AloneCounters {
    this.#alone ??= new AloneCounters({
      read: this.#read,
      lastUsed: (id) => this.#used.get(id),
      instances: this.#instances,
    });
    return this.#alone;
  }

  /** Tells Redis as soon as it can be told. */
  #tell(settlement: Settlement): void {
    if (this.#waiting.length < MOST_WAITING) this.#waiting.push(settlement);
    if (!this.#redis.usable) return;
    this.#tellMissed().catch((error: unknown) => {
      this.#log.debug("redis is told later what was spent", { reason: String(error) });
    });
  }

  async #settle({ id, cost, tokens, scopes }: Settlement): Promise<void> {
    const lease = this.#leaseKey(id);
    const keys = [lease, this.#expiries, `${lease}:ended`];
    const args = [id, String(cost), tokens];
    if (scopes === undefined) await this.#redis.run(SETTLE, keys, args);
    else await this.#redis.run(SETTLE_LATE, [...keys, ...scopes.map((scope) => this.#scopeKey(scope.id))], args);
  }

  #tellMissed(): Promise<void> {
    this.#telling ??= this.#tellAll().finally(() => {
      this.#telling = undefined;
    });
    return this.#telling;
  }

  async #tellAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      // Sent in one turn, before any call of this process asks what is left.
      const told = this.#waiting.splice(0, TOLD_AT_ONCE);
      const results = await Promise.allSettled(told.map((one) => this.#settle(one)));
      const failed = told.filter((_, index) => results[index]?.status === "rejected");
      if (failed.length === 0) continue;
      this.#waiting.push(...failed);
      throw (results.find(({ status }) => status === "rejected") as PromiseRejectedResult).reason;
    }
    // The next time that Redis is away begins with what is left by then.
    if (this.#alone?.open === 0) this.#alone = undefined;
  }
}

function refusalOf(ask: Ask, reply: readonly RedisReply[]): Verdict {
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

function count(value: RedisReply | undefined): number | undefined {
  return value === "" || value === undefined || value === null ? undefined : Number(value);
}
