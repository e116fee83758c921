import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { durationMs, nanoDollars, SpendWindow } from "../../src/routing/spend-window.ts";

describe("a budget's window", () => {
  test("what was spent is the sum of the present window, which begins at a multiple of its length", () => {
    const spend = fc.record({ wait: fc.nat(500), nano: fc.bigInt({ min: 1n, max: 1_000_000n }) });
    fc.assert(
      fc.property(fc.array(spend, { maxLength: 40 }), (spends) => {
        const window = new SpendWindow("provider", "x", "provider x", 1_000_000n, 1000);
        let now = 0;
        const sums = new Map<number, bigint>();
        for (const { wait, nano } of spends) {
          now += wait;
          const second = Math.floor(now / 1000);
          const sum = (sums.get(second) ?? 0n) + nano;
          sums.set(second, sum);
          window.add(nano, now);
          expect(window.begin(now)).toBe(second * 1000);
          expect(window.spent(now)).toBe(sum);
          expect(window.exceeded(now)).toBe(sum >= 1_000_000n);
        }
      }),
    );
  });

  test("what all processes spent takes the place of what this one did, where it is more", () => {
    const window = new SpendWindow("provider", "x", "provider x", 100n, 1000);
    window.add(10n, 500);
    window.learn(60n, 600);
    expect(window.spent(600)).toBe(60n);
    window.learn(50n, 600);
    expect(window.spent(600)).toBe(60n);
    expect(window.spent(1200)).toBe(0n);
  });

  test("durations as LiteLLM writes them", () => {
    expect(durationMs("30s")).toBe(30_000);
    expect(durationMs("1mo")).toBe(30 * 86_400_000);
    expect(durationMs("2w")).toBe(14 * 86_400_000);
    expect(durationMs("1 day")).toBeUndefined();
    expect(nanoDollars(0.1)).toBe(100_000_000n);
  });
});
