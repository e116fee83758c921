import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  add,
  ceilToNano,
  compare,
  type Decimal,
  decimalOf,
  decimalText,
  multiply,
  parseDecimal,
  roundToNano,
  shortText,
} from "../../src/pricing/decimal.ts";
import { fraction, isSame, nanoOf, plus, times } from "./source-table.ts";

const decimals = fc.record({
  mantissa: fc.bigInt({ min: 0n, max: 10n ** 24n }),
  exponent: fc.integer({ min: -30, max: 6 }),
});
const asFraction = (value: Decimal) => fraction(`${value.mantissa}e${value.exponent}`);

test("text and value are the same thing", () => {
  fc.assert(
    fc.property(decimals, (value) => {
      for (const text of [decimalText(value), shortText(value), `${value.mantissa}E${value.exponent}`]) {
        expect(isSame(asFraction(parseDecimal(text) as Decimal), asFraction(value))).toBe(true);
      }
    }),
  );
});

test("sums, products, comparison and rounding agree with fractions", () => {
  fc.assert(
    fc.property(decimals, decimals, (a, b) => {
      expect(isSame(asFraction(add(a, b)), plus(asFraction(a), asFraction(b)))).toBe(true);
      expect(isSame(asFraction(multiply(a, b)), times(asFraction(a), asFraction(b)))).toBe(true);
      const [left, right] = [asFraction(a), asFraction(b)];
      expect(Math.sign(compare(a, b))).toBe(Math.sign(Number(left.over * right.under - right.over * left.under)));
      expect(roundToNano(a)).toBe(nanoOf(left));
      const up = ceilToNano(a);
      expect(up * left.under >= left.over * 1_000_000_000n && (up - 1n) * left.under < left.over * 1_000_000_000n).toBe(
        true,
      );
    }),
    { numRuns: 500 },
  );
});

test("negative amounts round to the even neighbour too", () => {
  expect([5n, 15n, 25n].map((mantissa) => roundToNano({ mantissa: -mantissa, exponent: -10 }))).toEqual([0n, -2n, -2n]);
});

test("a number is the decimal it is written as", () => {
  expect(decimalText(decimalOf(1.3e-10))).toBe("0.00000000013");
  expect(decimalText(decimalOf(0.1 + 0.2))).toBe("0.30000000000000004");
  expect(() => decimalOf(Number.NaN)).toThrow(RangeError);
});

test.each(["", "abc", "1,5", "0x10", "1e", "--1", "Infinity", "1e99999", "1 2", "."])("%p is no decimal", (text) => {
  expect(parseDecimal(text)).toBeUndefined();
});
