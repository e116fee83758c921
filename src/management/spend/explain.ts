import type { JsonObject } from "../../json/json.ts";
import type { AttemptRecord, SpendRecord } from "../../ledger/record.ts";
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
  const billed = record.attempts.filter((attempt) => attempt.cost !== undefined);
  const sum = billed.reduce((total, attempt) => total + BigInt(attempt.cost ?? 0), 0n);
  const explained = new Map(
    billed.map((attempt) => [
      attempt,
      arithmetic(
        attempt,
        billed.length === 1 ? cost : BigInt(attempt.cost ?? 0),
        usageOf(record, attempt, billed),
        snapshot,
      ),
    ]),
  );
  const only = billed[0];
  return {
    request_id: record.id,
    status: record.status,
    cost: nanoText(cost),
    estimated: record.estimated === true,
    price: record.price,
    attempts: record.attempts.map((attempt) => ({
      deployment_id: attempt.deploymentId,
      provider: attempt.provider,
      model: attempt.model,
      status: attempt.status,
      cost: attempt.cost === undefined ? null : nanoText(BigInt(attempt.cost)),
      estimated: attempt.estimated === true,
      ...(billed.length > 1 ? explained.get(attempt) : {}),
    })),
    // An interrupted request has no attempts on record: its cost is the bound of its lease.
    attempts_add_up: record.status === "interrupted" || sum === cost,
    ...(billed.length === 1 && only !== undefined ? explained.get(only) : summary(record, [...explained.values()])),
  };
}

/** What a row says that no single multiplication explains. */
function summary(record: SpendRecord, attempts: readonly JsonObject[]): JsonObject {
  if (record.status === "interrupted") {
    return { note: "the process died during the call: the cost is the upper bound that its lease reserved" };
  }
  if (record.cacheHit === true)
    return { note: "the answer came from the cache: nobody was called and nothing is owed" };
  if (attempts.length === 0) {
    return {
      note:
        record.price === "unknown" && record.attempts.length > 0
          ? "the model has no known price"
          : "nothing that was called can have been billed",
    };
  }
  return {
    matches: attempts.every(({ matches }) => matches === true),
    note: "several attempts were billed: each is explained beside its cost, and the row is their sum",
  };
}

/** What an attempt consumed: its own record, or the row's where it alone was billed; undefined where nobody kept it. */
function usageOf(record: SpendRecord, attempt: AttemptRecord, billed: readonly AttemptRecord[]): Usage | undefined {
  if (attempt.usage !== undefined) return attempt.usage;
  if (billed.length > 1) return undefined;
  const tier = record.metadata?.service_tier;
  return { buckets: record.buckets, ...(typeof tier === "string" ? { serviceTier: tier } : {}) };
}

/** The multiplication, by the prices that hold now; the row says what it was, and whether that is the same. */
function arithmetic(attempt: AttemptRecord, charged: bigint, usage: Usage | undefined, snapshot: Snapshot): JsonObject {
  if (usage === undefined) return { note: "what this attempt consumed was not kept" };
  const deployment = snapshot.deploymentsById.get(attempt.deploymentId);
  if (deployment === undefined)
    return { note: "the deployment is not configured any more, so its prices are not known" };
  const priced = priceCall(usage, pricesFor(deployment, attempt.model), { at: attempt.startedAt });
  if (priced === undefined) return { note: "the model has no known price" };
  const same = priced.nano === charged;
  const note = priced.reported
    ? "the provider stated the cost itself"
    : same
      ? undefined
      : "the prices have changed since; the row keeps what was charged";
  return {
    tier: usage.serviceTier ?? "default",
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
    ...(note === undefined ? {} : { note }),
  };
}
