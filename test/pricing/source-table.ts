/** The public price table, read without any code of the catalogue, and exact fractions to check costs with. */
import { existsSync, readFileSync } from "node:fs";

export const PRICE_FILE = process.env.ISTHMUS_PRICES ?? "../shared/data/model-prices.json";

/** An entry as the table has it, numbers as their source text. */
export interface SourceEntry {
  readonly [field: string]: unknown;
}

/** A number of the table, as text. */
export class NumberText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** The table's models, or undefined where the file is missing. */
export function readSourceTable(): Map<string, SourceEntry> | undefined {
  if (!existsSync(PRICE_FILE)) {
    console.log(`skipped: no price table at ${PRICE_FILE} (set ISTHMUS_PRICES)`);
    return undefined;
  }
  const models = new Map<string, SourceEntry>();
  for (const line of readFileSync(PRICE_FILE, "utf8").split("\n")) {
    const entry = /^"((?:[^"\\]|\\.)*)": (\{.*\}),?$/.exec(line);
    if (entry === null) continue;
    const name = JSON.parse(`"${entry[1]}"`) as string;
    if (name === "fallback_generalizations") continue;
    models.set(name, keepNumbers(entry[2] as string) as SourceEntry);
  }
  return models;
}

function keepNumbers(json: string): unknown {
  const source = json.replace(/("(?:[^"\\]|\\.)*")|(-?\d[\d.]*(?:[eE][+-]?\d+)?)/g, (_all, text, number) =>
    text === undefined ? `{"":"${number}"}` : text,
  );
  return JSON.parse(source, (_key, value) =>
    typeof value === "object" && value !== null && typeof value[""] === "string" ? new NumberText(value[""]) : value,
  );
}

/** Plain JSON: every kept number as the double it denotes. */
export function plain(value: unknown): unknown {
  if (value instanceof NumberText) return Number(value.text);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

/** A fraction of integers; the denominator is positive. */
export interface Fraction {
  readonly over: bigint;
  readonly under: bigint;
}

export const NOTHING: Fraction = { over: 0n, under: 1n };

export function fraction(text: string): Fraction {
  const [digits, power = "0"] = text.toLowerCase().split("e") as [string, string?];
  const [whole, decimals = ""] = digits.split(".") as [string, string?];
  const over = BigInt(whole + decimals);
  const shift = Number(power) - decimals.length;
  return shift >= 0 ? { over: over * 10n ** BigInt(shift), under: 1n } : { over, under: 10n ** BigInt(-shift) };
}

export const times = (a: Fraction, b: Fraction): Fraction => ({ over: a.over * b.over, under: a.under * b.under });
export const plus = (a: Fraction, b: Fraction): Fraction => ({
  over: a.over * b.under + b.over * a.under,
  under: a.under * b.under,
});
export const isSame = (a: Fraction, b: Fraction): boolean => a.over * b.under === b.over * a.under;

/** Nano-dollars, a tie to the even neighbour, by comparing distances to both neighbours. */
export function nanoOf(value: Fraction): bigint {
  const over = value.over * 1_000_000_000n;
  const below = over / value.under;
  const toBelow = over - below * value.under;
  const toAbove = (below + 1n) * value.under - over;
  if (toBelow === toAbove) return below % 2n === 0n ? below : below + 1n;
  return toBelow < toAbove ? below : below + 1n;
}
