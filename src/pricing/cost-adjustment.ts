import { asNumber, asObject, type Json, type JsonObject } from "../json/json.ts";
import type { CostAdjustment, PriceSheet } from "../snapshot/snapshot.ts";
import { add, type Decimal, decimalOf, multiply, ONE, ZERO } from "./decimal.ts";
import type { CompiledPrices } from "./price-sheet.ts";

/** What is charged of a price: a share of it, and a fee for each call. */
export interface Adjustment extends CostAdjustment {
  readonly factor: Decimal;
  /** Dollars for each call that is billed. */
  readonly fee: Decimal;
}

/**
 * What LiteLLM's `cost_discount_config` (provider → share that is left off) and `cost_margin_config` (provider or
 * `global` → share that is added, or `{percentage, fixed_amount}`) make of a provider's prices: first the discount, then
 * the margin. Undefined where nothing does.
 */
export function costAdjustment(provider: string, library: JsonObject): Adjustment | undefined {
  const discount = asNumber(asObject(library.cost_discount_config)?.[provider]);
  const margins = asObject(library.cost_margin_config);
  const margin = marginOf(margins?.[provider] ?? margins?.global);
  if (discount === undefined && margin === undefined) return undefined;
  const left = add(ONE, decimalOf(-(discount ?? 0)));
  const added = add(ONE, decimalOf(margin?.share ?? 0));
  return { factor: multiply(left, added), fee: margin === undefined ? ZERO : decimalOf(margin.fee) };
}

function marginOf(value: Json | undefined): { readonly share: number; readonly fee: number } | undefined {
  if (typeof value === "number") return { share: value, fee: 0 };
  const margin = asObject(value);
  if (margin === undefined) return undefined;
  return { share: asNumber(margin.percentage) ?? 0, fee: asNumber(margin.fixed_amount) ?? 0 };
}

const adjusted = new WeakMap<CostAdjustment, WeakMap<PriceSheet, PriceSheet>>();

/** The prices as they are charged; each is worked out once. */
export function adjustedSheet(sheet: PriceSheet, adjustment: CostAdjustment | undefined): PriceSheet {
  if (adjustment === undefined) return sheet;
  let known = adjusted.get(adjustment);
  if (known === undefined) {
    known = new WeakMap();
    adjusted.set(adjustment, known);
  }
  let own = known.get(sheet);
  if (own === undefined) {
    own = compile(sheet, adjustment as Adjustment);
    known.set(sheet, own);
  }
  return own;
}

function compile({ name, data }: PriceSheet, adjustment: Adjustment): PriceSheet {
  const prices = data as CompiledPrices;
  const { factor, fee } = adjustment;
  const own: CompiledPrices = {
    ...prices,
    adjustment,
    free: (prices.free || factor.mantissa === 0n) && fee.mantissa === 0n,
    compiled: new Map(),
    bounds: new Map(),
  };
  return { name, data: own };
}
