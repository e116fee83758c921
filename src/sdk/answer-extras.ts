import type { ParameterChange, ParameterReport } from "../formats/report.ts";
import type { CatalogueEntry } from "../pricing/catalogue.ts";
import { priceCall } from "../pricing/cost.ts";
import { priceSheet } from "../pricing/price-sheet.ts";
import type { Usage } from "../usage/usage.ts";

/** What every answer carries beside OpenAI's own members, as `isthmus`. */
export interface AnswerExtras {
  /** Disjoint buckets; undefined where the provider says nothing. */
  readonly usageBuckets: Usage | undefined;
  /** US dollars; undefined when the price is unknown. */
  readonly cost: number | undefined;
  /** Parameters that were dropped, renamed, clamped or converted. */
  readonly parameterChanges: readonly ParameterChange[];
  /** The model that answered, `provider/model`: another than was asked for after a fallback. */
  readonly model: string;
}

export function answerExtras(
  model: string,
  entry: CatalogueEntry | undefined,
  report: ParameterReport,
  usage: Usage | undefined,
): AnswerExtras {
  const sheet = entry === undefined ? undefined : priceSheet({ entry, name: entry.name });
  const cost = usage === undefined ? undefined : priceCall(usage, sheet, { at: Date.now() });
  return {
    usageBuckets: usage,
    cost: cost === undefined ? undefined : Number(cost.nano) / 1e9,
    parameterChanges: report.changes,
    model,
  };
}
