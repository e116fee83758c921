import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { durationMs, nanoDollars, SpendWindow } from "../../src/routing/spend-window.ts";

describe("a budget's window", () => {
  test("what was spent is the sum of the present window, which begins with its first spend", () => {
    const spend = fc.record({ wait: fc.nat(500), nano: fc.bigInt({ min: 1n, max: 1_000_000n }) });
    fc.assert(
      fc.property(fc.array(spend, { maxLength: 40 }), (spends) => {
        const window = new SpendWindow("provider", "provider x", 1_000_000n, 1000);
        let now = 0;
        let start: number | undefined;
        let sum = 0n;
        for (const { wait, nano } of spends) {
          now += wait;
          if (start !== undefined && now >= start + 1000) {
            start = undefined;
            sum = 0n;
          }
          start ??= now;
          sum += nano;
          window.add(nano, now);
          expect(window.spent(now)).toBe(sum);
          expect(window.exceeded(now)).toBe(sum >= 1_000_000n);
        }
      }),
    );
  });

  test("others' spend counts in the window that it belongs to", () => {
    const window = new SpendWindow("provider", "provider x", 100n, 1000);
    window.add(10n, 500);
    window.others(200, 50n, 600);
    expect(window.spent(600)).toBe(60n);
    expect(window.spent(1200)).toBe(0n);
    window.others(100, 99n, 1300);
    expect(window.spent(1300)).toBe(0n);
  });

  test("durations as LiteLLM writes them", () => {
    expect(durationMs("30s")).toBe(30_000);
    expect(durationMs("1mo")).toBe(30 * 86_400_000);
    expect(durationMs("2w")).toBe(14 * 86_400_000);
    expect(durationMs("1 day")).toBeUndefined();
    expect(nanoDollars(0.1)).toBe(100_000_000n);
  });
});
