import { catalogueEdition, findEntry } from "../pricing/catalogue.ts";
import { adjustedSheet } from "../pricing/cost-adjustment.ts";
import { priceSheet } from "../pricing/price-sheet.ts";
import type { Deployment, PriceSheet } from "../snapshot/snapshot.ts";

const LIMIT = 2000;
const byName = new Map<string, PriceSheet | null>();
let edition = 0;

/**
 * The prices that apply to a call: the deployment's own, or, where its model is a pattern, those of the model that was
 * asked for. Undefined means unknown.
 */
export function pricesFor(deployment: Deployment, model: string): PriceSheet | undefined {
  if (deployment.prices !== undefined || !deployment.upstreamModel.includes("*")) return deployment.prices;
  if (edition !== catalogueEdition()) {
    byName.clear();
    edition = catalogueEdition();
  }
  const name = `${deployment.provider}/${model}`;
  const known = byName.get(name);
  if (known !== undefined) return known === null ? undefined : adjustedSheet(known, deployment.costAdjustment);
  const entry = findEntry(name) ?? findEntry(model, deployment.provider);
  const sheet = entry === undefined ? undefined : priceSheet({ entry, name });
  if (byName.size >= LIMIT) byName.clear();
  byName.set(name, sheet ?? null);
  return sheet === undefined ? undefined : adjustedSheet(sheet, deployment.costAdjustment);
}
