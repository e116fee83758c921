import { Lease } from "../admission/admission.ts";
import { limitSettingsOf } from "../admission/limit-settings.ts";
import type { Refusal, Scope } from "../admission/scope.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { NoRoom } from "../routing/selection.ts";
import type { SpendWindow } from "../routing/spend-window.ts";
import type { PriceSheet } from "../snapshot/snapshot.ts";
import { attemptBounds, dearest } from "./bounds.ts";
import type { Gateway } from "./gateway.ts";
import type { RequestContext } from "./request-context.ts";
import type { Settlement } from "./settlement.ts";
import { extendLease } from "./stream-allowance.ts";
import { COUNT_MARGIN, COUNT_OVERHEAD, promptTokens } from "./token-count.ts";

/**
 * Makes sure that the caller's budgets cover an attempt beyond the first: another deployment or group may be dearer, and
 * the attempts before may have been billed. `alongside`: attempts that are still under way. Resolves with the refusal
 * where they do not.
 */
export async function affordAttempt(
  gateway: Gateway,
  context: RequestContext,
  settlement: Settlement,
  prices: PriceSheet | undefined,
  alongside: number,
): Promise<GatewayError | undefined> {
  const { lease } = settlement;
  const { guardsFallbacks, reservation } = limitSettingsOf(context.snapshot);
  if (lease === undefined || !lease.budgeted || !guardsFallbacks) return undefined;
  const most = dearest([prices], attemptBounds(settlement, context));
  const needed = settlement.cost + (reservation === "none" ? 0n : most * BigInt(1 + alongside));
  if (needed <= lease.amount) return undefined;
  const extension = await extendLease(gateway, settlement, context.id, needed - lease.amount);
  if (extension.granted) return undefined;
  return new GatewayError(
    "budget_exceeded",
    `Budget has been exceeded! What is left of it does not pay for another attempt, at ${context.requestedModel}`,
  );
}

/**
 * Holds what an attempt may cost of the budgets of its provider and its deployment; undefined where there is nothing to
 * hold it of. Resolves with the budget that has no room for it.
 */
export async function holdOfProvider(
  gateway: Gateway,
  context: RequestContext,
  settlement: Settlement,
  candidate: Candidate,
  prices: PriceSheet | undefined,
): Promise<Lease | NoRoom | undefined> {
  const { gate, router } = gateway;
  if (gate === undefined || candidate.budgets.length === 0) return undefined;
  const now = router.now();
  const scopes = candidate.budgets.map((budget) => scopeOf(budget, now));
  const bounds = attemptBounds(settlement, context);
  const holds = limitSettingsOf(context.snapshot).reservation !== "none";
  const ask = {
    id: `${context.id}/${crypto.randomUUID()}`,
    scopes,
    amount: holds ? dearest([prices], bounds) : 0n,
    free: false,
    tokens: 0,
  };
  let taken = await gate.admission.take(ask);
  if (!(taken instanceof Lease) && taken.refusal.room > 0n && context.operation === "chat") {
    const counted = Math.ceil((await promptTokens(context)) * COUNT_MARGIN) + COUNT_OVERHEAD;
    const inputTokens = Math.min(bounds.inputTokens, counted);
    taken = await gate.admission.take({ ...ask, amount: dearest([prices], { ...bounds, inputTokens }) });
  }
  if (taken instanceof Lease) {
    for (const [index, { spent }] of taken.remainders.entries()) candidate.budgets[index]?.learn(spent, now);
    return taken;
  }
  const { refusal } = taken;
  const budget = candidate.budgets[scopes.indexOf(refusal.scope)];
  budget?.learn(refusal.spent, now);
  return { kind: budget?.kind ?? "provider", detail: detailOf(budget, refusal, now) };
}

function scopeOf(budget: SpendWindow, now: number): Scope {
  const since = budget.begin(now);
  return {
    // A new window is a new scope.
    id: `${budget.kind}:${budget.entity}:${since}`,
    descriptor: budget.kind,
    value: budget.entity,
    source: { dimension: "since", of: budget.kind, entity: budget.entity, since },
    offset: 0n,
    limits: { maxBudget: budget.limit },
    refusesWhen: "at",
    exceeded: () => budget.describe(now),
  };
}

function detailOf(budget: SpendWindow | undefined, { spent, room }: Refusal, now: number): string {
  if (budget === undefined || spent >= budget.limit) return budget?.describe(now) ?? "";
  const dollars = (nano: bigint): number => Number(nano) / 1e9;
  const used = `${dollars(spent)} spent, ${dollars(budget.limit - spent - room)} held by calls under way`;
  return `Exceeded budget for ${budget.label}: ${used}, too little left of ${dollars(budget.limit)}`;
}
