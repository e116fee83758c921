import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Candidate } from "../../src/routing/candidate.ts";
import { DeploymentState } from "../../src/routing/deployment-state.ts";
import type { UsedTokens } from "../../src/routing/minute-counts.ts";
import { seededRandom } from "../../src/routing/simulation/random.ts";
import { adaptive, adaptiveScore, WARM_ADVANTAGE } from "../../src/routing/strategies/adaptive.ts";
import { costBased } from "../../src/routing/strategies/cost-based.ts";
import { latencyBased, meanLatency } from "../../src/routing/strategies/latency-based.ts";
import { leastBusy } from "../../src/routing/strategies/least-busy.ts";
import { usageBased } from "../../src/routing/strategies/usage-based.ts";

const NOW = 1_800_000_000_000;

function candidate(
  id: string,
  figures: Partial<Candidate> = {},
  prepare?: (state: DeploymentState) => void,
): Candidate {
  const state = new DeploymentState(id);
  prepare?.(state);
  return {
    deployment: { id } as Candidate["deployment"],
    state,
    weight: undefined,
    rpm: undefined,
    tpm: undefined,
    itpm: undefined,
    otpm: undefined,
    maxParallel: undefined,
    order: 0,
    tags: new Set(),
    tagPatterns: [],
    teamId: undefined,
    region: undefined,
    budgets: [],
    price: 1,
    ...figures,
  };
}

const unit = fc.double({ min: 0, max: 0.999999, noNaN: true });
const figures = (max: number) => fc.array(fc.integer({ min: 0, max }), { minLength: 1, maxLength: 8 });

const tokens = (total: number): UsedTokens => ({ total, input: total, output: 0 });

describe("the strategies that look for the least", () => {
  test("choose one whose figure nobody undercuts, and each of those can be chosen", () => {
    fc.assert(
      fc.property(figures(5), unit, (counts, random) => {
        const busy = counts.map((count, index) =>
          candidate(String(index), {}, (state) => {
            state.inFlight = count;
          }),
        );
        expect(leastBusy(busy, random).state.inFlight).toBe(Math.min(...counts));
        const used = counts.map((count, index) =>
          candidate(String(index), {}, (state) => state.minute.used(tokens(count), NOW)),
        );
        expect(usageBased(used, random, NOW).state.minute.tokens(NOW)).toBe(Math.min(...counts));
        const priced = counts.map((count, index) => candidate(String(index), { price: count }));
        expect(costBased(priced, random).price).toBe(Math.min(...counts));
        const least = busy.filter(({ state }) => state.inFlight === Math.min(...counts));
        const reached = new Set(least.map((_, index) => leastBusy(busy, (index + 0.5) / least.length)));
        expect(reached.size).toBe(least.length);
      }),
    );
  });

  test("tokens of the last minute do not count in this one", () => {
    const a = candidate("a", {}, (state) => state.minute.used(tokens(1_000_000), NOW));
    const b = candidate("b", {}, (state) => state.minute.used(tokens(1), NOW + 60_000));
    expect(usageBased([a, b], 0.5, NOW + 60_000)).toBe(a);
  });
});

describe("latency-based routing", () => {
  test("chooses within the buffer of the best mean, and what was never measured first", () => {
    const seconds = fc.array(fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 5 }), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(seconds, unit, fc.double({ min: 0, max: 2, noNaN: true }), (samples, random, buffer) => {
        const all = samples.map((list, index) =>
          candidate(String(index), {}, (state) => {
            for (const value of list) state.perToken.add(value, NOW, 10);
          }),
        );
        const chosen = latencyBased(all, random, NOW, { ttl: 3_600_000, buffer });
        const best = Math.min(...all.map((one) => meanLatency(one, NOW, 3_600_000)));
        expect(meanLatency(chosen, NOW, 3_600_000)).toBeLessThanOrEqual(best * (1 + buffer));
        if (samples.some((list) => list.length === 0)) expect(best).toBe(0);
      }),
    );
  });

  test("keeps as many samples as it may, the newest ones, for as long as it may", () => {
    const { perToken } = new DeploymentState("a");
    for (let value = 1; value <= 25; value++) perToken.add(value, NOW, 10);
    expect(perToken.mean(NOW, 1000)).toBe(20.5);
    expect(perToken.mean(NOW + 2000, 1000)).toBeUndefined();
  });
});

describe("adaptive", () => {
  const measured = (id: string, seconds: number, failures = 0, extra: Partial<Candidate> = {}): Candidate =>
    candidate(id, extra, (state) => {
      for (let index = 0; index < 20; index++) {
        state.measured(seconds, NOW);
        state.ended(index >= failures, NOW);
      }
    });
  const shares = (candidates: readonly Candidate[], warm?: Candidate): Record<string, number> => {
    const random = seededRandom(9);
    const counts: Record<string, number> = {};
    for (let index = 0; index < 4000; index++) {
      const { id } = adaptive(candidates, random, NOW, warm).deployment;
      counts[id] = (counts[id] ?? 0) + 1 / 4000;
    }
    return counts;
  };

  test("the worst of several never gets a request, the best gets the most", () => {
    const found = shares([measured("fast", 0.2), measured("middle", 0.5), measured("slow", 2)]);
    expect(found.slow ?? 0).toBe(0);
    expect(found.fast ?? 0).toBeGreaterThan(0.6);
    expect(found.middle ?? 0).toBeGreaterThan(0.2);
  });

  test("failures, calls under way and used-up limits each make a deployment worse", () => {
    const score = (one: Candidate): number => adaptiveScore(one, NOW, 0.5);
    const plain = score(measured("a", 0.5));
    expect(score(measured("a", 0.5, 10))).toBeGreaterThan(plain);
    const busy = measured("a", 0.5);
    busy.state.inFlight = 5;
    expect(score(busy)).toBeCloseTo(plain * 6, 5);
    const limited = measured("a", 0.5, 0, { rpm: 10 });
    for (let index = 0; index < 8; index++) limited.state.minute.began(NOW);
    expect(score(limited)).toBeCloseTo(plain / 0.2, 5);
    const told = measured("a", 0.5);
    told.state.headroom = { share: 0.1, at: NOW };
    expect(score(told)).toBeCloseTo(plain * 10, 5);
    expect(adaptiveScore(told, NOW + 61_000, 0.5)).toBeLessThan(plain * 2);
  });

  test("what is not known is as good as the best, so that it is tried", () => {
    const found = shares([measured("known", 0.3), candidate("new")]);
    expect(found.new ?? 0).toBeGreaterThan(0.4);
  });

  test("a warm cache wins until its deployment looks too bad", () => {
    const warm = measured("warm", 0.2 * WARM_ADVANTAGE * 0.95);
    const cold = measured("cold", 0.2);
    expect(shares([warm, cold], warm)).toEqual({ warm: expect.closeTo(1, 6) });
    const tooBad = measured("bad", 0.2 * WARM_ADVANTAGE * 1.05);
    expect(shares([tooBad, cold], tooBad)).toEqual({ cold: expect.closeTo(1, 6) });
  });

  test("a weight of 0 gets nothing while others are there", () => {
    const found = shares([measured("a", 0.3), measured("none", 0.1, 0, { weight: 0 }), measured("b", 0.3)]);
    expect(found.none).toBeUndefined();
  });
});
