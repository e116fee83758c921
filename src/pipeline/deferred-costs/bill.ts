import { type AttemptRecord, attemptUsage } from "../../ledger/record.ts";
import { priceCall } from "../../pricing/cost.ts";
import { add, type Decimal, parseDecimal, roundToNano, ZERO } from "../../pricing/decimal.ts";
import type { Deployment } from "../../snapshot/snapshot.ts";
import { believableUsage } from "../../usage/believable-usage.ts";
import { addUsage, type Usage } from "../../usage/usage.ts";
import { pricesFor } from "../prices.ts";

interface ModelBill {
  usage: Usage;
  /** Exact; rounded once, at the end. Undefined when the price is unknown. */
  cost: Decimal | undefined;
  requests: number;
}

/** What the many answers of one job cost: each at the price of its own size, their sum rounded once for each model. */
export class Bill {
  readonly #deployment: Deployment;
  readonly #tier: string | undefined;
  readonly #at: number;
  readonly #models = new Map<string, ModelBill>();

  /** `tier`: at which prices, whatever an answer says. */
  constructor(deployment: Deployment, at: number, tier: string | undefined) {
    this.#deployment = deployment;
    this.#at = at;
    this.#tier = tier;
  }

  add(model: string, told: Usage): void {
    const believed = believableUsage(told);
    if (believed === undefined) return;
    const usage: Usage = this.#tier === undefined ? believed : { ...believed, serviceTier: this.#tier };
    const priced = priceCall(usage, pricesFor(this.#deployment, model), { at: this.#at });
    const cost = priced === undefined ? undefined : (parseDecimal(priced.exact) ?? ZERO);
    const known = this.#models.get(model);
    if (known === undefined) {
      this.#models.set(model, { usage, cost, requests: 1 });
      return;
    }
    known.usage = addUsage(known.usage, usage);
    known.cost = known.cost === undefined || cost === undefined ? undefined : add(known.cost, cost);
    known.requests++;
  }

  get requests(): number {
    return [...this.#models.values()].reduce((sum, { requests }) => sum + requests, 0);
  }

  get models(): readonly string[] {
    return [...this.#models.keys()];
  }

  get usage(): Usage {
    return [...this.#models.values()].reduce<Usage>((sum, { usage }) => addUsage(sum, usage), { buckets: {} });
  }

  /** Nano-dollars. */
  get nano(): bigint {
    return [...this.#models.values()].reduce(
      (sum, { cost }) => sum + (cost === undefined ? 0n : roundToNano(cost)),
      0n,
    );
  }

  /** Whether every price is known. */
  get isKnown(): boolean {
    return [...this.#models.values()].every(({ cost }) => cost !== undefined);
  }

  /** One for each model. */
  attempts(startedAt: number, endedAt: number): readonly AttemptRecord[] {
    const several = this.#models.size > 1;
    return [...this.#models].map(([model, { cost, usage }]) => ({
      deploymentId: this.#deployment.id,
      provider: this.#deployment.provider,
      model,
      startedAt,
      endedAt,
      status: "success" as const,
      httpStatus: 200,
      cost: cost === undefined ? undefined : String(roundToNano(cost)),
      usage: several ? attemptUsage(usage) : undefined,
    }));
  }
}
