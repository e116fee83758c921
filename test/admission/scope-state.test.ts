import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import type { Counters } from "../../src/admission/counters.ts";
import { MemoryCounters } from "../../src/admission/memory-counters.ts";
import type { Limits, Scope, Verdict } from "../../src/admission/scope.ts";
import { extend, newState, settle, take } from "../../src/admission/scope-state.ts";
import { SqliteCounters } from "../../src/admission/sqlite-counters.ts";

function scope(id: string, limits: Limits, offset = 0n): Scope {
  return {
    id,
    descriptor: "api_key",
    value: id,
    source: { dimension: "key", entities: [id] },
    offset,
    limits,
    refusesWhen: "at",
    exceeded: () => "over",
  };
}

/** What a run of calls does: take one, let the oldest that is open hold more, or end it. */
const step = fc.oneof(
  fc.record({
    do: fc.constant("take" as const),
    amount: fc.bigInt({ min: 0n, max: 1_000n }),
    tokens: fc.integer({ min: 0, max: 50 }),
    scopes: fc.subarray([0, 1, 2], { minLength: 1 }),
    wait: fc.integer({ min: 0, max: 20_000 }),
  }),
  fc.record({ do: fc.constant("extend" as const), more: fc.bigInt({ min: 0n, max: 1_000n }) }),
  fc.record({ do: fc.constant("end" as const), share: fc.integer({ min: 0, max: 100 }) }),
);

const limits: fc.Arbitrary<Limits> = fc.record(
  {
    maxBudget: fc.bigInt({ min: 0n, max: 5_000n }),
    rpm: fc.integer({ min: 0, max: 8 }),
    tpm: fc.integer({ min: 0, max: 200 }),
    parallel: fc.integer({ min: 0, max: 4 }),
  },
  { requiredKeys: [] },
);

describe("leases over scopes", () => {
  test("no limit of any scope is ever passed, and what is refused holds nothing", () => {
    fc.assert(
      fc.property(fc.array(limits, { minLength: 3, maxLength: 3 }), fc.array(step, { maxLength: 60 }), (all, steps) => {
        const scopes = all.map((one, index) => scope(`s${index}`, one));
        const states = scopes.map(() => newState(0n));
        const open: { scopes: number[]; amount: bigint; tokens: number; takenAt: number }[] = [];
        let now = 0;
        let id = 0;
        for (const one of steps) {
          if (one.do === "extend") {
            const hold = open[0];
            if (hold === undefined) continue;
            const before = states.map(({ held }) => held);
            const extension = extend(
              hold.scopes.map((index) => scopes[index] as Scope),
              hold.scopes.map((index) => states[index] as never),
              one.more,
            );
            if (extension.granted) hold.amount += one.more;
            else {
              expect(extension.room).toBeLessThan(one.more);
              expect(states.map(({ held }) => held)).toEqual(before);
            }
          } else if (one.do === "end") {
            const hold = open.shift();
            if (hold === undefined) continue;
            // A provider bills at most what was bounded.
            const cost = (hold.amount * BigInt(one.share)) / 100n;
            settle(
              { ...hold, scopes: [] },
              hold.scopes.map((index) => states[index] as never),
              cost,
              hold.tokens,
            );
          } else {
            now += one.wait;
            const before = structuredClone(states.map(({ held, running, total }) => ({ held, running, total })));
            const verdict = take(
              {
                id: String(id++),
                scopes: one.scopes.map((index) => scopes[index] as Scope),
                amount: one.amount,
                free: false,
                tokens: one.tokens,
              },
              one.scopes.map((index) => states[index] as never),
              now,
            );
            if (verdict.admitted) open.push({ ...one, takenAt: now });
            else expect(states.map(({ held, running, total }) => ({ held, running, total }))).toEqual(before);
          }
          states.forEach((state, index) => {
            const { maxBudget, rpm, parallel } = all[index] as Limits;
            if (maxBudget !== undefined) expect(state.total + state.held <= maxBudget || state.held === 0n).toBe(true);
            if (maxBudget !== undefined) expect(state.total <= maxBudget).toBe(true);
            if (rpm !== undefined) expect(state.requests).toBeLessThanOrEqual(rpm);
            if (parallel !== undefined) expect(state.running).toBeLessThanOrEqual(parallel);
            expect(state.running).toBeGreaterThanOrEqual(0);
            expect(state.held >= 0n).toBe(true);
          });
        }
        for (const hold of open.splice(0)) {
          settle(
            { ...hold, scopes: [] },
            hold.scopes.map((index) => states[index] as never),
            0n,
            0,
          );
        }
        for (const state of states)
          expect({ held: state.held, running: state.running }).toEqual({ held: 0n, running: 0 });
      }),
      { numRuns: 300 },
    );
  });

  test("a clock that jumps back neither lifts nor freezes a limit per minute", () => {
    const one = scope("s", { rpm: 2 });
    const state = newState(0n);
    const ask = (id: string) => ({ id, scopes: [one], amount: 0n, free: true, tokens: 0 });
    expect(take(ask("a"), [state], 1_000_000).admitted).toBe(true);
    expect(take(ask("b"), [state], 1_000_001).admitted).toBe(true);
    expect(take(ask("c"), [state], 1_000_002).admitted).toBe(false);
    expect(take(ask("d"), [state], 5).admitted).toBe(true);
    expect(take(ask("e"), [state], 6).admitted).toBe(true);
    expect(take(ask("f"), [state], 7).admitted).toBe(false);
    expect(take(ask("g"), [state], 60_006).admitted).toBe(true);
  });
});

describe("memory and SQLite", () => {
  test("give the same answers", async () => {
    const folder = mkdtempSync(join(tmpdir(), "isthmus-counters-"));
    try {
      await fc.assert(
        fc.asyncProperty(
          fc.array(limits, { minLength: 3, maxLength: 3 }),
          fc.array(step, { maxLength: 25 }),
          fc.array(fc.bigInt({ min: 0n, max: 2_000n }), { minLength: 3, maxLength: 3 }),
          async (all, steps, spent) => {
            let now = 1_000;
            const read = async (source: { entities?: readonly string[] }) =>
              spent[Number(source.entities?.[0]?.at(-1))] ?? 0n;
            const file = join(folder, `${crypto.randomUUID()}.db`);
            const counters: Counters[] = [
              new MemoryCounters(read as never, () => now),
              new SqliteCounters(file, read as never, () => now),
            ];
            const open: string[] = [];
            const asked = new Map<string, readonly Scope[]>();
            try {
              for (const one of steps) {
                if (one.do === "extend") {
                  const id = open[0] ?? "nobody";
                  const extensions = await Promise.all(
                    counters.map((each) => each.extend(id, asked.get(id) ?? [], one.more)),
                  );
                  expect(extensions[1]).toEqual(extensions[0] as never);
                  continue;
                }
                if (one.do === "end") {
                  const id = open.shift();
                  if (id === undefined) continue;
                  for (const each of counters) await each.settle(id, BigInt(one.share), one.share);
                  continue;
                }
                now += one.wait;
                const ask = {
                  id: crypto.randomUUID(),
                  scopes: one.scopes.map((index) => scope(`s${index}`, all[index] as Limits, 7n)),
                  amount: one.amount,
                  free: false,
                  tokens: one.tokens,
                };
                const verdicts: Verdict[] = [];
                for (const each of counters) verdicts.push(await each.take(ask));
                expect(told(verdicts[1] as Verdict)).toEqual(told(verdicts[0] as Verdict));
                if (verdicts[0]?.admitted) open.push(ask.id);
                asked.set(ask.id, ask.scopes);
              }
              for (let index = 0; index < 3; index++) {
                const one = scope(`s${index}`, {});
                expect(await counters[1]?.spentBy(one)).toBe(await counters[0]?.spentBy(one));
              }
            } finally {
              for (const each of counters) await each.close();
            }
          },
        ),
        { numRuns: 40 },
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("a lease whose owner died ends by itself, spent in full like the row of an interrupted call", async () => {
    const folder = mkdtempSync(join(tmpdir(), "isthmus-counters-"));
    try {
      let now = 1_000;
      const file = join(folder, "admission.db");
      const one = scope("s0", { maxBudget: 100n, parallel: 1 });
      const dead = new SqliteCounters(
        file,
        async () => 0n,
        () => now,
      );
      const alive = new SqliteCounters(
        file,
        async () => 0n,
        () => now,
      );
      const ask = (id: string) => ({ id, scopes: [one], amount: 60n, free: false, tokens: 0 });
      expect((await dead.take({ ...ask("a"), amount: 50n })).admitted).toBe(true);
      expect(dead.extend("a", [one], 51n)).toEqual({ granted: false, room: 50n });
      expect(dead.extend("a", [one], 10n)).toEqual({ granted: true });
      await dead.close(); // without settling: as kill -9 leaves it
      now += 29_000;
      alive.sweep();
      expect((await alive.take(ask("b"))).admitted).toBe(false);
      now += 2_000;
      alive.sweep();
      expect(await alive.spentBy(one)).toBe(60n);
      expect((await alive.take({ ...ask("c"), amount: 40n })).admitted).toBe(true);
      // A living owner renews its leases.
      now += 29_000;
      alive.sweep();
      now += 29_000;
      alive.sweep();
      alive.settle("c", 5n, 0);
      expect(await alive.spentBy(one)).toBe(65n);
      await alive.close();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

function told(verdict: Verdict): unknown {
  if (!verdict.admitted) {
    const { scope: refusing, ...rest } = verdict.refusal;
    return { ...rest, scope: refusing.id };
  }
  return verdict.remainders.map(({ scope: one, ...rest }) => ({ ...rest, scope: one.id }));
}
