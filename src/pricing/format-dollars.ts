import { decimalText, NANO } from "./decimal.ts";

const MAX_EXACT = BigInt(Number.MAX_SAFE_INTEGER);

/** Nano-dollars as the nearest number of dollars. */
export function nanoToNumber(nano: bigint): number {
  // Both are exact as numbers, and a division of exact numbers rounds once.
  if (nano >= 0n && nano <= MAX_EXACT) return Number(nano) / 1e9;
  return Number(decimalText({ mantissa: nano, exponent: NANO }));
}

/** Dollars as Python writes a float, which is what clients of `x-litellm-response-cost` parse: `3.15e-06`, `0.0`, `12.5`. */
export function formatDollars(nano: bigint): string {
  const [digits, power] = nanoToNumber(nano).toExponential().split("e") as [string, string];
  const exponent = Number(power);
  const sign = digits.startsWith("-") ? "-" : "";
  const significant = digits.replace(/[-.]/g, "");
  if (exponent < -4 || exponent >= 16) {
    const rest = significant.length > 1 ? `.${significant.slice(1)}` : "";
    const size = String(Math.abs(exponent)).padStart(2, "0");
    return `${sign}${significant[0]}${rest}e${exponent < 0 ? "-" : "+"}${size}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${significant}`;
  const whole = significant.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}.${significant.slice(exponent + 1) || "0"}`;
}
