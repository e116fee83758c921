/** Exact decimals: `mantissa · 10^exponent`. Prices go down to 1e-10 dollars, where binary fractions would drift. */
export interface Decimal {
  readonly mantissa: bigint;
  readonly exponent: number;
}

export const ZERO: Decimal = { mantissa: 0n, exponent: 0 };
export const ONE: Decimal = { mantissa: 1n, exponent: 0 };
export const HALF: Decimal = { mantissa: 5n, exponent: -1 };

/** Dollars are settled in units of 10^-9. */
export const NANO = -9;

const DECIMAL_TEXT = /^([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$|^([+-]?)\.(\d+)(?:[eE]([+-]?\d{1,4}))?$/;

/** The value of decimal text such as `3e-7`, `.5` or `12.50`, trailing zeros removed; undefined when it is not such text. */
export function parseDecimal(text: string): Decimal | undefined {
  const match = DECIMAL_TEXT.exec(text.trim());
  if (match === null) return undefined;
  const sign = match[1] ?? match[5] ?? "";
  const whole = match[2] ?? "";
  const fraction = match[3] ?? match[6] ?? "";
  const mantissa = BigInt(`${whole}${fraction}`);
  const exponent = Number(match[4] ?? match[7] ?? 0) - fraction.length;
  return normalize({ mantissa: sign === "-" ? -mantissa : mantissa, exponent });
}

/** The exact value of the shortest text that a finite number round-trips through. Throws a RangeError otherwise. */
export function decimalOf(value: number): Decimal {
  const decimal = Number.isFinite(value) ? parseDecimal(String(value)) : undefined;
  if (decimal === undefined) throw new RangeError(`${value} is not a finite number`);
  return decimal;
}

function normalize({ mantissa, exponent }: Decimal): Decimal {
  if (mantissa === 0n) return ZERO;
  let digits = mantissa;
  let power = exponent;
  while (digits % 10n === 0n) {
    digits /= 10n;
    power += 1;
  }
  return { mantissa: digits, exponent: power };
}

export function multiply(a: Decimal, b: Decimal): Decimal {
  return normalize({ mantissa: a.mantissa * b.mantissa, exponent: a.exponent + b.exponent });
}

export function add(a: Decimal, b: Decimal): Decimal {
  const exponent = Math.min(a.exponent, b.exponent);
  return normalize({ mantissa: mantissaAt(a, exponent) + mantissaAt(b, exponent), exponent });
}

/** The mantissa once the exponent is lowered to `exponent`, which must not be above the value's own. */
export function mantissaAt(value: Decimal, exponent: number): bigint {
  return value.mantissa * 10n ** BigInt(value.exponent - exponent);
}

/** Negative, zero or positive as `a` is below, equal to or above `b`. */
export function compare(a: Decimal, b: Decimal): number {
  const exponent = Math.min(a.exponent, b.exponent);
  const difference = mantissaAt(a, exponent) - mantissaAt(b, exponent);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** `mantissa · 10^exponent` dollars in nano-dollars, a tie going to the even neighbour. */
export function roundToNano({ mantissa, exponent }: Decimal): bigint {
  if (exponent >= NANO) return mantissa * 10n ** BigInt(exponent - NANO);
  const unit = 10n ** BigInt(NANO - exponent);
  const negative = mantissa < 0n;
  const size = negative ? -mantissa : mantissa;
  const quotient = size / unit;
  const twice = (size % unit) * 2n;
  const up = twice > unit || (twice === unit && quotient % 2n === 1n);
  const rounded = up ? quotient + 1n : quotient;
  return negative ? -rounded : rounded;
}

/** The smallest count of nano-dollars that is not below the value. */
export function ceilToNano({ mantissa, exponent }: Decimal): bigint {
  if (exponent >= NANO) return mantissa * 10n ** BigInt(exponent - NANO);
  const unit = 10n ** BigInt(NANO - exponent);
  return (mantissa + unit - 1n) / unit;
}

/** Plain decimal text without an exponent: `0.00184896`. */
export function decimalText({ mantissa, exponent }: Decimal): string {
  if (mantissa === 0n) return "0";
  const sign = mantissa < 0n ? "-" : "";
  const digits = (mantissa < 0n ? -mantissa : mantissa).toString();
  if (exponent >= 0) return `${sign}${digits}${"0".repeat(exponent)}`;
  const padded = digits.padStart(1 - exponent, "0");
  const point = padded.length + exponent;
  const fraction = padded.slice(point).replace(/0+$/, "");
  return `${sign}${padded.slice(0, point)}${fraction === "" ? "" : `.${fraction}`}`;
}

/** The shortest notation: `3e-7`, `0.06`, `12`. Parses back to the same value. */
export function shortText(value: Decimal): string {
  const plain = decimalText(value);
  const scientific = `${value.mantissa}e${value.exponent}`;
  return plain.length <= scientific.length ? plain : scientific;
}
