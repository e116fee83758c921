import type { JsonObject } from "../../json/json.ts";
import type { SpendRecord } from "../../ledger/record.ts";
import { pricesFor } from "../../pipeline/prices.ts";
import { nanoText, priceCall } from "../../pricing/cost.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import type { Usage } from "../../usage/usage.ts";
import { refused } from "../refusals.ts";
import { route } from "../route.ts";
import { visibleRecords } from "./spend-logs.ts";

export const explainRoute = route({
  method: "GET",
  path: "/spend/logs/{request_id}/explain",
  permission: "own",
  tag: "Budget & Spend Tracking",
  summary: "How the cost of a request comes about: buckets × prices, attempt by attempt",
  handle: async ({ management: { database, snapshot }, principal, params }) => {
    const [record] = await visibleRecords(database, principal, params.request_id as string);
    if (record === undefined) throw refused(404, `no request ${params.request_id} is in the ledger`);
    return explain(record, snapshot());
  },
});

/** Amounts are decimal text of dollars, exact. */
export function explain(record: SpendRecord, snapshot: Snapshot): JsonObject {
  const cost = BigInt(record.cost);
  const attempts = record.attempts.map((attempt) => ({
    deployment_id: attempt.deploymentId,
    provider: attempt.provider,
    model: attempt.model,
    status: attempt.status,
    cost: attempt.cost === undefined ? null : nanoText(BigInt(attempt.cost)),
    estimated: attempt.estimated === true,
  }));
  const sum = record.attempts.reduce((total, attempt) => total + BigInt(attempt.cost ?? 0), 0n);
  return {
    request_id: record.id,
    status: record.status,
    cost: nanoText(cost),
    estimated: record.estimated === true,
    price: record.price,
    attempts,
    // An interrupted request has no attempts on record: its cost is the bound of its lease.
    attempts_add_up: record.status === "interrupted" || sum === cost,
    ...arithmetic(record, snapshot, cost),
  };
}

/** The multiplication, by the prices that hold now; the row says what it was, and whether that is the same. */
function arithmetic(record: SpendRecord, snapshot: Snapshot, cost: bigint): JsonObject {
  if (record.status === "interrupted") {
    return { note: "the process died during the call: the cost is the upper bound that its lease reserved" };
  }
  const billed = record.attempts.filter((attempt) => attempt.cost !== undefined);
  const deployment = snapshot.deploymentsById.get(record.deploymentId);
  if (deployment === undefined)
    return { note: "the deployment is not configured any more, so its prices are not known" };
  if (billed.length > 1) return { note: "several attempts were billed; their usage is on record only as a sum" };
  const tier = record.metadata?.service_tier;
  const usage: Usage = { buckets: record.buckets, ...(typeof tier === "string" ? { serviceTier: tier } : {}) };
  const at = billed[0]?.startedAt ?? record.startedAt;
  const priced = priceCall(usage, pricesFor(deployment, record.model), { at });
  if (priced === undefined) return { note: "the model has no known price" };
  const same = priced.nano === cost;
  return {
    tier: typeof tier === "string" ? tier : "default",
    parts: priced.parts.map(({ bucket, side, count, price, amount }) => ({
      bucket,
      side,
      count,
      price_per_unit: price,
      amount,
      text: `${count} × ${price} = ${amount}`,
    })),
    sum: priced.exact,
    rounded: nanoText(priced.nano),
    matches: same,
    ...(same || billed.length === 0
      ? {}
      : { note: "the prices have changed since, or the provider stated its own; the row keeps what was charged" }),
  };
}
