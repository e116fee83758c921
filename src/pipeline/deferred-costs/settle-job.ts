import { Lease } from "../../admission/admission.ts";
import type { Scope } from "../../admission/scope.ts";
import type { Deployment } from "../../snapshot/snapshot.ts";
import type { DeferredCost, DeferredKind } from "../../store/resources/deferred-costs.ts";
import { inputTokens, outputTokens, totalTokens } from "../../usage/usage.ts";
import type { Gateway } from "../gateway.ts";
import type { Bill } from "./bill.ts";

const CALL_TYPES: Readonly<Record<DeferredKind, string>> = {
  batch: "aretrieve_batch",
  "message-batch": "aretrieve_batch",
  response: "aretrieve_response",
};

/**
 * Writes the row of a job that is done, at a time that was decided once, as its id was when the job began: the ledger
 * keeps one row of an id and a time, so that a job which two processes settle, or one process twice, is paid once.
 */
export async function settleJob(
  gateway: Gateway,
  job: DeferredCost,
  deployment: Deployment,
  bill: Bill,
  { scopes, at }: { readonly scopes: readonly Scope[]; readonly at: number },
): Promise<void> {
  const { owner, spendId } = job;
  const { usage, nano, models } = bill;
  // Taken before the row is written: whoever reads totals from the ledger meanwhile must not count it twice.
  const lease = await leaseOver(gateway, spendId, scopes);
  const { modelGroup, ...payer } = owner;
  gateway.accounts.settle({
    ...payer,
    id: spendId,
    startedAt: at,
    endedAt: at,
    callType: CALL_TYPES[job.kind],
    modelGroup,
    status: "success",
    httpStatus: 200,
    cost: String(nano),
    price: bill.isKnown ? "known" : "unknown",
    model: models[0] ?? "",
    provider: deployment.provider,
    deploymentId: deployment.id,
    apiBase: deployment.target.base,
    buckets: usage.buckets,
    promptTokens: inputTokens(usage),
    completionTokens: outputTokens(usage),
    totalTokens: totalTokens(usage),
    stream: false,
    attempts: bill.attempts(job.createdAt, at),
    metadata:
      job.kind === "response"
        ? { response_id: job.id }
        : { batch_id: job.id, batch_models: models, batch_requests: bill.requests },
  });
  // What it consumed was consumed long ago: it does not count against the present minute.
  lease?.settle(nano, 0);
}

/** Money that was spent is spent: no limit keeps it from being counted. */
async function leaseOver(gateway: Gateway, id: string, scopes: readonly Scope[]): Promise<Lease | undefined> {
  if (gateway.gate === undefined || scopes.length === 0) return undefined;
  const unlimited = scopes.map((scope) => ({ ...scope, limits: {} }));
  const taken = await gateway.gate.admission.take({ id, scopes: unlimited, amount: 0n, free: true, tokens: 0 });
  return taken instanceof Lease ? taken : undefined;
}
