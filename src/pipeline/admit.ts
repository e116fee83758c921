import type { Admission } from "../admission/admission.ts";
import { Lease } from "../admission/admission.ts";
import { limitSettingsOf } from "../admission/limit-settings.ts";
import type { Ask, Refusal, Scope } from "../admission/scope.ts";
import type { Customer } from "../auth/customers.ts";
import { modelScopes, tagScopes } from "../auth/grant.ts";
import type { Network } from "../config/ip-networks.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import { asNumber } from "../json/json.ts";
import type { RoutePlan } from "../routing/route-plan.ts";
import type { Deployment, PriceSheet, Snapshot } from "../snapshot/snapshot.ts";
import {
  affordable,
  allFree,
  boundsOf,
  type CallBounds,
  dearest,
  outputCapOf,
  pricesOfGroup,
  type Reserved,
} from "./bounds.ts";
import { defaultKeyScope } from "./default-key-limits.ts";
import { requireModel } from "./model-denial.ts";
import { pricesFor } from "./prices.ts";
import type { RequestContext } from "./request-context.ts";
import { COUNT_MARGIN, COUNT_OVERHEAD, promptTokens } from "./token-count.ts";

/** Bytes of a prompt for one token of it, for limits of tokens per minute. */
const BYTES_PER_TOKEN = 4;

/** Who says whether a call may go out. */
export interface Gate {
  readonly admission: Admission;
  /** Addresses that may call, beside those of the configuration. */
  readonly addresses: { readonly networks: readonly Network[] };
  /** Names of stored access groups → their models. */
  accessGroups(): ReadonlyMap<string, readonly string[]>;
  /** The rules of an end user; undefined where it has none. A promise only when they have to be looked up. */
  customer(endUser: string): Customer | undefined | Promise<Customer | undefined>;
  /** Whether the database has it: as a customer, as a user, or as a user's address. */
  knowsEndUser(endUser: string): Promise<boolean>;
  /** Scopes that the configuration has for every call, for its tags and for the access groups of its deployments. */
  configuredScopes(snapshot: Snapshot, deployments: readonly Deployment[], tags: readonly string[]): readonly Scope[];
  /** Scopes that a request names: its end user, its tags. A promise only when they have to be looked up. */
  namedScopes(endUser: string | undefined, tags: readonly string[]): readonly Scope[] | Promise<readonly Scope[]>;
}

/** A request that may go out, perhaps with less output than it could have had. */
export interface Admitted {
  readonly context: RequestContext;
  readonly lease: Lease | undefined;
  /** What the lease was taken for; absent where there is none. */
  readonly reserved?: Reserved | undefined;
}

/**
 * Admits a request: its key may use the model, and every scope that it belongs to has room for what it can cost at
 * most. Throws the caller's refusal.
 */
export function admit(gate: Gate, context: RequestContext, plan: RoutePlan): Admitted | Promise<Admitted> {
  requireModel(gate, context, context.requestedModel);
  const prices = pricesOf(plan);
  if (limitSettingsOf(context.snapshot).blocksUnpriced) requirePrice(context, prices);
  return admitAt(gate, context, prices, plan.target.match.deployments);
}

/**
 * Admits a request whose model is allowed, at these prices. `deployments` are those that may serve it, where they are
 * known: their access groups have budgets, too. Throws the caller's refusal.
 */
export function admitAt(
  gate: Gate,
  context: RequestContext,
  prices: readonly (PriceSheet | undefined)[],
  deployments: readonly Deployment[] = [],
): Admitted | Promise<Admitted> {
  let groups = gate.configuredScopes(context.snapshot, deployments, context.controls.tags);
  const { grant, keyHash } = context.principal;
  const perKey = defaultKeyScope(deployments, grant, keyHash, context.requestedModel);
  if (perKey !== undefined) groups = [...groups, perKey];
  const named = gate.namedScopes(context.controls.endUser, context.controls.tags);
  if (named instanceof Promise) {
    return named.then((scopes) =>
      admitOver(gate, context, prices, groups.length === 0 ? scopes : [...groups, ...scopes], deployments),
    );
  }
  return admitOver(gate, context, prices, groups.length === 0 ? named : [...groups, ...named], deployments);
}

function admitOver(
  gate: Gate,
  asked: RequestContext,
  prices: readonly (PriceSheet | undefined)[],
  named: readonly Scope[],
  deployments: readonly Deployment[],
): Admitted | Promise<Admitted> {
  const { grant } = asked.principal;
  const own = grant === undefined ? [] : grant.scopes;
  const perModel = [grant?.perModel, grant?.teamPerModel].flatMap((limits) =>
    limits === undefined ? [] : modelScopes(limits, asked.requestedModel),
  );
  const tagged = grant?.rules === undefined ? [] : tagScopes(grant.rules, asked.principal.keyHash, asked.controls.tags);
  const more = named.length + perModel.length + tagged.length;
  const scopes = more === 0 ? own : [...own, ...perModel, ...tagged, ...named];
  if (scopes.length === 0) return { context: asked, lease: undefined };

  const cap = outputCapOf(deployments);
  const { context, bounds } = boundsHeld(asked, boundsOf(asked), cap);
  const most = cap === undefined ? undefined : cap * bounds.choices;
  const ask = askFor(context, scopes, prices, bounds);
  const taken = gate.admission.take(ask);
  if (taken instanceof Lease) return { context, lease: taken, reserved: { prices, bounds, most } };
  return settleTake(gate, context, { prices, bounds, most }, ask, taken);
}

/**
 * What is held of a call that sets no bound for its output: an estimate, at most what the model can write; with
 * `reservation: strict` all that it can write, or the estimate as a bound that goes upstream where that is not known.
 */
function boundsHeld(
  context: RequestContext,
  bounds: CallBounds,
  cap: number | undefined,
): { readonly context: RequestContext; readonly bounds: CallBounds } {
  if (bounds.outputAsked || context.operation !== "chat") return { context, bounds };
  const strict = limitSettingsOf(context.snapshot).reservation === "strict";
  const most = cap === undefined ? undefined : cap * bounds.choices;
  if (most !== undefined) {
    return { context, bounds: strict || most < bounds.outputTokens ? { ...bounds, outputTokens: most } : bounds };
  }
  if (!strict) return { context, bounds };
  return { context: { ...context, outputCap: Math.floor(bounds.outputTokens / bounds.choices) }, bounds };
}

async function settleTake(
  gate: Gate,
  context: RequestContext,
  reserved: Reserved,
  ask: Ask,
  pending: ReturnType<Admission["take"]>,
): Promise<Admitted> {
  const { prices, bounds } = reserved;
  const first = await pending;
  if (first instanceof Lease) return { context, lease: first, reserved };
  let refusal = first.refusal;
  const { throttled } = refusal.scope;
  if (refusal.kind === "budget" && throttled !== undefined) {
    const slowed = { ...refusal.scope, limits: throttled };
    const scopes = ask.scopes.map((scope) => (scope.id === slowed.id ? slowed : scope));
    const again = await gate.admission.take({ ...ask, scopes });
    if (again instanceof Lease) return { context, lease: again, reserved };
    refusal = again.refusal;
  }
  if (refusal.kind === "budget" && refusal.room > 0n && context.operation === "chat") {
    // What the cheap bound refuses is counted; where that is not enough, the output gets what room there is.
    const counted = Math.ceil((await promptTokens(context)) * COUNT_MARGIN) + COUNT_OVERHEAD;
    const exact = { ...bounds, inputTokens: Math.min(bounds.inputTokens, counted) };
    const output = bounds.outputAsked ? bounds.outputTokens : affordable(prices, exact, refusal.room);
    if (output !== undefined) {
      const fitted = { ...exact, outputTokens: output };
      const again = await gate.admission.take({ ...ask, amount: dearest(prices, fitted) });
      if (again instanceof Lease) {
        const each = Math.floor(output / bounds.choices);
        const capped = output < bounds.outputTokens ? { ...context, outputCap: each } : context;
        return { context: capped, lease: again, reserved: { ...reserved, bounds: fitted } };
      }
      refusal = again.refusal;
    }
  }
  throw refusalError(context, refusal);
}

function pricesOf(plan: RoutePlan): readonly (PriceSheet | undefined)[] {
  const { deployments, captured } = plan.target.match;
  if (captured === undefined || captured.length === 0) return pricesOfGroup(deployments);
  // A pattern's prices are those of the model that was asked for.
  return deployments.map((deployment) => pricesFor(deployment, plan.target.model));
}

function askFor(
  context: RequestContext,
  scopes: readonly Scope[],
  prices: readonly (PriceSheet | undefined)[],
  bounds: CallBounds,
): Ask {
  const { reservation, countedTokens } = limitSettingsOf(context.snapshot);
  const input = countedTokens === "output" ? 0 : Math.ceil(context.bytes / BYTES_PER_TOKEN);
  const output = countedTokens === "input" || !bounds.outputAsked ? 0 : bounds.outputTokens;
  return {
    id: context.id,
    scopes,
    amount: reservation === "none" ? 0n : dearest(prices, bounds),
    free: allFree(prices),
    tokens: input + output,
  };
}

/** LiteLLM's refusal of a model that nobody knows the price of. */
function requirePrice(context: RequestContext, prices: readonly (PriceSheet | undefined)[]): void {
  if (prices.some((sheet) => sheet !== undefined)) return;
  throw new GatewayError(
    "permission_denied",
    `Model '${context.requestedModel}' has no pricing in the cost map, so litellm cannot price the request. Requests ` +
      "for unpriced models are blocked because 'block_requests_for_models_without_pricing' is enabled. Add pricing " +
      "(input_cost_per_token/output_cost_per_token) to allow the request.",
    { type: "model_cost_map_missing", param: "model" },
  );
}

/** A refusal in LiteLLM's words. */
function refusalError(context: RequestContext, refusal: Refusal): GatewayError {
  const { scope, kind, limit, remaining, resetMs } = refusal;
  if (kind === "budget") {
    const status = asNumber(context.snapshot.library.raw.budget_exceeded_status_code);
    return new GatewayError("budget_exceeded", scope.exceeded(refusal.spent, scope.limits.maxBudget ?? 0n), {
      ...(status === undefined ? {} : { status }),
    });
  }
  const seconds = Math.max(Math.ceil(resetMs / 1000), 1);
  const resetAt = `${new Date(Date.now() + resetMs).toISOString().slice(0, 19).replace("T", " ")} UTC`;
  return new GatewayError(
    "rate_limit",
    `Rate limit exceeded for ${scope.descriptor}: ${scope.value}. Limit type: ${kind}. Current limit: ${limit}, ` +
      `Remaining: ${remaining}. Limit resets at: ${resetAt}`,
    { headers: { "retry-after": String(seconds), rate_limit_type: kind, reset_at: resetAt } },
  );
}
