import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { simpleShuffle } from "../../src/routing/strategies/simple-shuffle.ts";

interface Weighed {
  readonly id: string;
  readonly weight: number | undefined;
  readonly rpm: number | undefined;
  readonly tpm: number | undefined;
}

function deployment(id: string, figures: Partial<Weighed>): Weighed {
  return { weight: undefined, rpm: undefined, tpm: undefined, ...figures, id };
}

/** Share of each deployment when `random` sweeps its range evenly. */
function shares(candidates: readonly Weighed[]): Map<string, number> {
  const steps = 20_000;
  const counts = new Map<string, number>();
  for (let step = 0; step < steps; step++) {
    const { id } = simpleShuffle(candidates, (step + 0.5) / steps);
    counts.set(id, (counts.get(id) ?? 0) + 1 / steps);
  }
  return counts;
}

describe("simpleShuffle", () => {
  test("shares follow the weights up to 10,000, and a weight of 0 gets nothing", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 10_000 }), { minLength: 2, maxLength: 6 }), (weights) => {
        fc.pre(weights.some((weight) => weight > 0));
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const found = shares(weights.map((weight, index) => deployment(String(index), { weight })));
        weights.forEach((weight, index) => {
          expect(Math.abs((found.get(String(index)) ?? 0) - weight / total)).toBeLessThan(0.001);
        });
      }),
      { numRuns: 30 },
    );
  });

  test("the first candidate decides what is weighed: weight before rpm before tpm", () => {
    const byRpm = shares([deployment("a", { rpm: 10, tpm: 1 }), deployment("b", { rpm: 30, tpm: 99, weight: 5 })]);
    expect(byRpm.get("b")).toBeCloseTo(0.75, 2);
    const byWeight = shares([deployment("a", { weight: 1, rpm: 1000 }), deployment("b", { rpm: 1 })]);
    expect(byWeight.get("a")).toBeCloseTo(1, 5);
  });

  test("without figures all are alike", () => {
    const found = shares(["a", "b", "c", "d"].map((id) => deployment(id, {})));
    for (const share of found.values()) expect(share).toBeCloseTo(0.25, 2);
  });

  test("any random number in [0, 1) finds a candidate, also when no weight is positive", () => {
    const none = [deployment("a", { weight: 0 }), deployment("b", { weight: 0 })];
    for (const random of [0, 0.5, 0.9999999999999999]) expect(["a", "b"]).toContain(simpleShuffle(none, random).id);
  });
});
