import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { believableUsage } from "../../src/usage/believable-usage.ts";
import { inputTokens, outputTokens, totalTokens, type Usage } from "../../src/usage/usage.ts";

describe("what a provider says of usage", () => {
  test("is taken as it is where it can be true", () => {
    const usage: Usage = {
      buckets: { input: 10, output: 0, input_seconds: 1.5 },
      reportedTotalTokens: 12,
      reportedCost: "0.001",
    };
    expect(believableUsage(usage)).toBe(usage);
  });

  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, 1e300, "many", {}, null])(
    "a bucket of %p is not known",
    (count) => {
      expect(believableUsage({ buckets: { input: 1, output: count as number } })).toBeUndefined();
    },
  );

  test("a total or a price that cannot be is left out, the rest counts", () => {
    for (const total of [1e300, -1, 1.5, Number.NaN]) {
      expect(believableUsage({ buckets: { input: 3 }, reportedTotalTokens: total })).toEqual({ buckets: { input: 3 } });
    }
    for (const cost of ["-1", "1e300", "free"]) {
      expect(believableUsage({ buckets: { input: 3 }, reportedCost: cost })).toEqual({ buckets: { input: 3 } });
    }
  });

  test("whatever comes, sums are whole numbers of at least zero that a database can hold", () => {
    const count = fc.oneof(fc.double(), fc.integer(), fc.bigInt().map(Number)) as fc.Arbitrary<number>;
    fc.assert(
      fc.property(count, count, fc.option(count, { nil: undefined }), (input, output, total) => {
        const usage = believableUsage({
          buckets: { input, output },
          ...(total === undefined ? {} : { reportedTotalTokens: total }),
        });
        if (usage === undefined) return;
        for (const sum of [inputTokens(usage), outputTokens(usage), totalTokens(usage)]) {
          expect(Number.isSafeInteger(sum) && sum >= 0).toBe(true);
        }
      }),
    );
  });
});
