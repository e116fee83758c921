import type { PriceSheet } from "../snapshot/snapshot.ts";
import type { Bucket, Buckets, Usage } from "../usage/usage.ts";
import {
  add,
  type Decimal,
  decimalOf,
  decimalText,
  multiply,
  NANO,
  parseDecimal,
  roundToNano,
  ZERO,
} from "./decimal.ts";
import type { CompiledPrices } from "./price-sheet.ts";
import type { Rate, RateSet } from "./rates.ts";
import { type CostOptions, selectRates } from "./select-rates.ts";

export { formatDollars, nanoToNumber } from "./format-dollars.ts";
export type { CostOptions } from "./select-rates.ts";
export { type BoundedUsage, upperBound } from "./upper-bound.ts";

/** What one bucket of a call cost. Amounts are decimal text of dollars, exact. */
export interface CostPart {
  /** `request` is a fee per call. */
  readonly bucket: Bucket | "request";
  readonly side: "input" | "output" | "tools";
  readonly count: number;
  readonly price: string;
  readonly amount: string;
}

/** What a call cost. All but `nano` are worked out when they are read. */
export interface Cost {
  /** Nano-dollars, the exact sum rounded once, a tie going to the even neighbour. */
  readonly nano: bigint;
  /** Decimal text of dollars, not rounded. */
  readonly exact: string;
  /** The charged buckets, in the order of the usage; empty where the provider stated the cost. */
  readonly parts: readonly CostPart[];
  /** The input's share, tools excluded, rounded on its own; 0 where the provider stated the cost. */
  readonly inputNano: bigint;
  /** The output's share, tools excluded, rounded on its own; 0 where the provider stated the cost. */
  readonly outputNano: bigint;
  /** Whether the figure is the provider's own. */
  readonly reported: boolean;
}

/** Whether the same thing is charged in another unit. */
function yields(buckets: Buckets, rate: Rate): boolean {
  for (const other of rate.yieldsTo) if ((buckets[other] ?? 0) > 0) return true;
  return false;
}

class ComputedCost implements Cost {
  readonly nano: bigint;
  readonly reported = false;
  readonly #buckets: Buckets;
  readonly #rates: RateSet;
  readonly #searchPerPrompt: boolean;
  #parts: readonly (CostPart & { readonly value: Decimal })[] | undefined;

  constructor(buckets: Buckets, rates: RateSet, searchPerPrompt: boolean) {
    this.#buckets = buckets;
    this.#rates = rates;
    this.#searchPerPrompt = searchPerPrompt;
    const quick = quickNano(buckets, rates, searchPerPrompt);
    this.nano = quick ?? roundToNano(this.#sum());
  }

  get parts(): readonly CostPart[] {
    return this.#computed().map(({ bucket, side, count, price, amount }) => ({ bucket, side, count, price, amount }));
  }

  get exact(): string {
    return decimalText(this.#sum());
  }

  get inputNano(): bigint {
    return roundToNano(this.#sum("input"));
  }

  get outputNano(): bigint {
    return roundToNano(this.#sum("output"));
  }

  #sum(side?: Rate["side"]): Decimal {
    let sum = ZERO;
    for (const part of this.#computed()) if (side === undefined || part.side === side) sum = add(sum, part.value);
    return sum;
  }

  #computed(): readonly (CostPart & { readonly value: Decimal })[] {
    this.#parts ??= charged(this.#buckets, this.#rates, this.#searchPerPrompt).map(([bucket, count, rate]) => {
      const value = multiply(rate.price, decimalOf(count));
      const { side, price } = rate;
      return { bucket, side, count, price: decimalText(price), amount: decimalText(value), value };
    });
    return this.#parts;
  }
}

function charged(buckets: Buckets, rates: RateSet, searchPerPrompt: boolean): [Bucket | "request", number, Rate][] {
  const rows: [Bucket | "request", number, Rate][] = [];
  for (const [bucket, count] of Object.entries(buckets) as [Bucket, number | undefined][]) {
    const rate = rates.rates[bucket];
    if (rate === undefined || count === undefined || !(count > 0) || yields(buckets, rate)) continue;
    rows.push([bucket, bucket === "web_searches" && searchPerPrompt ? 1 : count, rate]);
  }
  if (rates.request !== undefined) rows.push(["request", 1, rates.request]);
  return rows;
}

/**
 * The nano-dollars by number arithmetic, or undefined where that could be inexact. Sound because all terms are
 * non-negative integers: a sum that is a safe integer had only safe integers as parts, and those are exact.
 */
function quickNano(
  buckets: Buckets,
  { rates, request, perNano }: RateSet,
  searchPerPrompt: boolean,
): bigint | undefined {
  let total = request === undefined ? 0 : request.scaled;
  for (const name in buckets) {
    const rate = rates[name as Bucket];
    let count = buckets[name as Bucket];
    if (rate === undefined || count === undefined || !(count > 0)) continue;
    if (rate.yieldsTo.length > 0 && yields(buckets, rate)) continue;
    if (searchPerPrompt && name === "web_searches") count = 1;
    if (!Number.isInteger(count)) return undefined;
    total += rate.scaled * count;
  }
  if (!Number.isSafeInteger(total) || !Number.isSafeInteger(perNano)) return undefined;
  const rest = total % perNano;
  const floor = (total - rest) / perNano;
  const twice = rest * 2;
  const up = twice > perNano || (twice === perNano && floor % 2 === 1);
  return BigInt(up ? floor + 1 : floor);
}

class ReportedCost implements Cost {
  readonly nano: bigint;
  readonly exact: string;
  readonly parts: readonly CostPart[] = [];
  readonly inputNano = 0n;
  readonly outputNano = 0n;
  readonly reported = true;
  constructor(value: Decimal) {
    this.nano = roundToNano(value);
    this.exact = decimalText(value);
  }
}

/** The cost that the provider itself stated; undefined when it stated none, or something that is no amount. */
export function reportedCost(usage: Usage, adjustment?: CompiledPrices["adjustment"]): Cost | undefined {
  if (usage.reportedCost === undefined) return undefined;
  const value = parseDecimal(usage.reportedCost);
  if (value === undefined || value.mantissa < 0n) return undefined;
  if (adjustment === undefined) return new ReportedCost(value);
  return new ReportedCost(add(multiply(value, adjustment.factor), adjustment.fee));
}

/**
 * What a call cost: the provider's own statement, unless the operator declared prices; else every bucket at its price.
 * Buckets without a price add nothing. Counts may be fractions; they are taken as the decimals they are written as.
 */
export function costOf(usage: Usage, sheet: PriceSheet, options: CostOptions): Cost {
  const prices = sheet.data as CompiledPrices;
  if (usage.reportedCost !== undefined && !prices.custom) {
    const reported = reportedCost(usage, prices.adjustment);
    if (reported !== undefined) return reported;
  }
  return new ComputedCost(usage.buckets, selectRates(prices, usage, options), prices.searchPerPrompt);
}

/** As `costOf`, for a model whose price may be unknown; undefined when nobody can say what the call cost. */
export function priceCall(usage: Usage, sheet: PriceSheet | undefined, options: CostOptions): Cost | undefined {
  return sheet === undefined ? reportedCost(usage) : costOf(usage, sheet, options);
}

/** Nano-dollars as exact decimal text of dollars. */
export function nanoText(nano: bigint): string {
  return decimalText({ mantissa: nano, exponent: NANO });
}
