import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MemoryCounters } from "../../src/admission/memory-counters.ts";
import { RedisCounters } from "../../src/admission/redis-counters.ts";
import type { Limits, Scope, Verdict } from "../../src/admission/scope.ts";
import { Log } from "../../src/events/log.ts";
import { openRedis, type RedisClient } from "../../src/store/redis/redis-client.ts";
import { redisSettingsOf } from "../../src/store/redis/redis-settings.ts";
import { eventually } from "../support/eventually.ts";
import { ownRedis, testRedis } from "../support/services/redis.ts";

const server = await testRedis("admission");
const log = new Log({ level: "error", write: (text) => process.stderr.write(text) });

function scope(id: string, limits: Limits): Scope {
  return {
    id,
    descriptor: "api_key",
    value: id,
    source: { dimension: "key", entities: [id] },
    offset: 3n,
    limits,
    refusesWhen: "at",
    exceeded: () => "over",
  };
}

async function open(url: string, read: Record<string, unknown> = {}): Promise<RedisClient> {
  const settings = redisSettingsOf({ url, ...read }, {});
  if (settings === undefined) throw new Error("no settings");
  return openRedis(settings, { log });
}

const limits: fc.Arbitrary<Limits> = fc.record(
  {
    maxBudget: fc.bigInt({ min: 0n, max: 5_000n }),
    rpm: fc.integer({ min: 0, max: 8 }),
    tpm: fc.integer({ min: 0, max: 200 }),
    parallel: fc.integer({ min: 0, max: 4 }),
  },
  { requiredKeys: [] },
);

describe.skipIf(server === undefined)("counters over Redis", () => {
  let redis: RedisClient;
  beforeAll(async () => {
    redis = await open(server?.url ?? "");
  });
  afterAll(() => redis.close());

  test("give the answers that one process gives by itself", async () => {
    const step = fc.oneof(
      fc.record({
        take: fc.constant(true),
        amount: fc.bigInt({ min: 0n, max: 1_000n }),
        tokens: fc.integer({ min: 0, max: 50 }),
        scopes: fc.subarray([0, 1, 2], { minLength: 1 }),
      }),
      fc.record({ take: fc.constant(false), more: fc.bigInt({ min: 0n, max: 1_000n }) }),
      fc.record({ take: fc.constant(false), share: fc.integer({ min: 0, max: 100 }) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(limits, { minLength: 3, maxLength: 3 }),
        fc.array(step, { maxLength: 20 }),
        async (all, steps) => {
          const read = async () => 11n;
          const run = crypto.randomUUID();
          const memory = new MemoryCounters(read);
          // Two machines that share a Redis.
          const machines = [1, 2].map(() => new RedisCounters({ redis, read, log, prefix: `${server?.prefix}${run}` }));
          const open: { id: string; machine: RedisCounters; scopes: readonly Scope[] }[] = [];
          try {
            for (const [index, one] of steps.entries()) {
              const machine = machines[index % 2] as RedisCounters;
              if ("more" in one) {
                const first = open[0];
                if (first === undefined) continue;
                const { id, scopes } = first;
                const extension = await first.machine.extend(id, scopes, one.more);
                expect(extension).toEqual(memory.extend(id, scopes, one.more));
                continue;
              }
              if (!("amount" in one)) {
                const first = open.shift();
                if (first === undefined) continue;
                memory.settle(first.id, BigInt(one.share), one.share);
                await first.machine.settle(first.id, BigInt(one.share), one.share);
                continue;
              }
              const ask = {
                id: crypto.randomUUID(),
                scopes: one.scopes.map((number) => scope(`s${number}`, all[number] as Limits)),
                amount: one.amount,
                free: false,
                tokens: one.tokens,
              };
              const expected = await memory.take(ask);
              expect(told(await machine.take(ask))).toEqual(told(expected));
              if (expected.admitted) open.push({ id: ask.id, machine, scopes: ask.scopes });
            }
            for (const number of [0, 1, 2]) {
              const one = scope(`s${number}`, {});
              expect(await machines[0]?.spentBy(one)).toBe(await memory.spentBy(one));
            }
          } finally {
            for (const each of machines) await each.close();
          }
        },
      ),
      { numRuns: 40 },
    );
  }, 60_000);

  test("four machines at once never pass a budget, and use it up", async () => {
    const prefix = `${server?.prefix}burst`;
    const machines = [1, 2, 3, 4].map(() => new RedisCounters({ redis, read: async () => 0n, log, prefix }));
    const one = scope("s", { maxBudget: 10_003n });
    let spent = 0n;
    const call = async (index: number): Promise<void> => {
      const machine = machines[index % 4] as RedisCounters;
      const id = crypto.randomUUID();
      const verdict = await machine.take({ id, scopes: [one], amount: 150n, free: false, tokens: 0 });
      if (!verdict.admitted) return;
      await Bun.sleep(Math.random() * 5);
      spent += 100n;
      await machine.settle(id, 100n, 0);
    };
    for (let wave = 0; wave < 5; wave++) await Promise.all(Array.from({ length: 200 }, (_, index) => call(index)));
    expect(spent).toBeLessThanOrEqual(10_000n);
    expect(spent).toBeGreaterThanOrEqual(9_800n);
    expect(await machines[0]?.spentBy(one)).toBe(spent);
    for (const each of machines) await each.close();
  });
});

describe.skipIf(server === undefined)("Redis that goes away", () => {
  test("each process counts by itself, and tells what was spent when Redis is back", async () => {
    const own = await ownRedis();
    const redis = await open(own.url);
    let ledger = 1_000n;
    const counters = new RedisCounters({ redis, read: async () => ledger, log });
    const one = scope("s", { maxBudget: 10_000n });
    const ask = (id: string) => ({ id, scopes: [one], amount: 100n, free: false, tokens: 0 });
    try {
      expect((await counters.take(ask("a"))).admitted).toBe(true);
      await own.kill();
      await counters.settle("a", 50n, 0);
      expect((await counters.take(ask("b"))).admitted).toBe(true);
      await counters.settle("b", 70n, 0);
      const refused = await counters.take({ ...ask("c"), amount: 9_000n });
      expect(refused.admitted).toBe(false);
      expect((await counters.take(ask("e"))).admitted).toBe(true);
      // The server comes back empty: the scope is read from the ledger, which has by then what had ended.
      ledger = 1_120n;
      await own.start();
      await redis.ready(10);
      expect((await counters.take(ask("d"))).admitted).toBe(true);
      expect(await counters.spentBy(one)).toBe(1_120n);
      await counters.settle("e", 30n, 0);
      await eventually(async () => (await counters.spentBy(one)) === 1_150n);
    } finally {
      await counters.close();
      await redis.close();
      await own.stop();
    }
  }, 30_000);

  test("processes that lose Redis spend what was left between them", async () => {
    const own = await ownRedis();
    const clients = await Promise.all([1, 2, 3].map(() => open(own.url)));
    const machines = clients.map((redis) => new RedisCounters({ redis, read: async () => 0n, log }));
    const one = scope("s", { maxBudget: 10_003n, rpm: 1_000 });
    const spend = async (machine: RedisCounters): Promise<bigint> => {
      const id = crypto.randomUUID();
      const verdict = await machine.take({ id, scopes: [one], amount: 100n, free: false, tokens: 0 });
      if (verdict.admitted) await machine.settle(id, 100n, 0);
      return verdict.admitted ? 100n : 0n;
    };
    try {
      for (const machine of [...machines, ...machines]) expect(await spend(machine)).toBe(100n);
      await own.kill();
      let alone = 0n;
      for (let wave = 0; wave < 100; wave++) {
        for (const machine of machines) alone += await spend(machine);
      }
      // Each has a third of what it knew to be left, which is no more than there was after its own last call.
      expect(alone).toBeLessThanOrEqual(10_000n - 600n + 100n);
      expect(alone).toBeGreaterThanOrEqual(9_000n);
    } finally {
      for (const each of [...machines, ...clients]) await each.close();
      await own.stop();
    }
  }, 30_000);

  test("a call that Redis admitted gets more from its process's share, and all of it is told", async () => {
    const own = await ownRedis();
    const redis = await open(own.url);
    const counters = new RedisCounters({ redis, read: async () => 1_000n, log });
    const one = scope("s", { maxBudget: 10_003n });
    try {
      const asked = { id: "a", scopes: [one], amount: 100n, free: false, tokens: 0 };
      expect((await counters.take(asked)).admitted).toBe(true);
      expect(await counters.extend("a", [one], 8_901n)).toEqual({ granted: false, room: 8_900n });
      expect(await counters.extend("a", [one], 400n)).toEqual({ granted: true });
      await own.kill();
      expect(await counters.extend("a", [one], 500n)).toEqual({ granted: true });
      expect((await counters.extend("a", [one], 9_000n)).granted).toBe(false);
      const settled = counters.settle("a", 950n, 0);
      await own.start();
      await redis.ready(10);
      await settled;
      expect((await counters.take({ ...asked, id: "b" })).admitted).toBe(true);
      await eventually(
        async () => (await counters.spentBy(one)) === 1_000n || (await counters.spentBy(one)) === 1_950n,
      );
      await counters.settle("b", 0n, 0);
    } finally {
      await counters.close();
      await redis.close();
      await own.stop();
    }
  }, 30_000);

  test("a process that was too busy to read what Redis sent reads it first", async () => {
    const own = await ownRedis();
    const redis = await open(own.url, { socket_timeout: 0.1 });
    try {
      const reply = redis.send("PING");
      const until = performance.now() + 400;
      while (performance.now() < until);
      expect(await reply).toBe("PONG");
    } finally {
      await redis.close();
      await own.stop();
    }
  }, 30_000);

  test("a lease that a slow Redis took after nobody waited for it is given back", async () => {
    const own = await ownRedis();
    const redis = await open(own.url, { socket_timeout: 0.3 });
    const operator = await open(own.url);
    const counters = new RedisCounters({ redis, read: async () => 1_000n, log });
    const one = scope("s", { maxBudget: 10_000n });
    const ask = (id: string) => ({ id, scopes: [one], amount: 100n, free: false, tokens: 0 });
    const key = "{isthmus}:admission:scope:s";
    try {
      expect((await counters.take(ask("a"))).admitted).toBe(true);
      await counters.settle("a", 50n, 0);
      await operator.send("CLIENT", "PAUSE", 1_500, "WRITE");
      expect((await counters.take(ask("b"))).admitted).toBe(true);
      await counters.settle("b", 70n, 0);
      await eventually(async () =>
        Bun.deepEquals(await operator.send("HMGET", key, "total", "held", "running"), ["1120", "0", "0"]),
      );
    } finally {
      await counters.close();
      await redis.close();
      await operator.close();
      await own.stop();
    }
  }, 30_000);

  test("a settlement that a slow Redis made after nobody waited for it counts once", async () => {
    const own = await ownRedis();
    const redis = await open(own.url, { socket_timeout: 0.3 });
    const operator = await open(own.url);
    const counters = new RedisCounters({ redis, read: async () => 1_000n, log });
    const one = scope("s", { maxBudget: 10_000n });
    const key = "{isthmus}:admission:scope:s";
    const state = () => operator.send("HMGET", key, "total", "held", "running");
    try {
      const calls = ["a", "b", "c"];
      for (const id of calls) await counters.take({ id, scopes: [one], amount: 100n, free: false, tokens: 0 });
      await operator.send("CLIENT", "PAUSE", 1_500, "WRITE");
      await Promise.all(calls.map((id) => counters.settle(id, 50n, 0)));
      await eventually(async () => Bun.deepEquals(await state(), ["1150", "0", "0"]));
      await eventually(() => redis.usable);
      await counters.sweep();
      expect(await state()).toEqual(["1150", "0", "0"]);
    } finally {
      await counters.close();
      await redis.close();
      await operator.close();
      await own.stop();
    }
  }, 30_000);
});

function told(verdict: Verdict): unknown {
  if (!verdict.admitted) {
    const { scope: refusing, resetMs: _, ...rest } = verdict.refusal;
    return { ...rest, scope: refusing.id };
  }
  return verdict.remainders.map(({ scope: one, ...rest }) => ({ ...rest, scope: one.id }));
}
