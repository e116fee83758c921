import { asNumber, asString } from "../json/json.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";

/** Which tokens limits per minute count. */
export type CountedTokens = "total" | "input" | "output";

/**
 * How much of a budget a call without `max_tokens` holds: an estimate that a stream extends as it grows (`estimate`), the
 * most that the model can write (`strict`), or nothing (`none`, LiteLLM's `disable_budget_reservation`): then calls at
 * the same time may pass a budget together.
 */
export type Reservation = "estimate" | "strict" | "none";

/** What the configuration says of limits in general. Money is nano-dollars. */
export interface LimitSettings {
  readonly reservation: Reservation;
  readonly countedTokens: CountedTokens;
  /** A fallback that the caller's budgets cannot pay for is skipped. */
  readonly guardsFallbacks: boolean;
  /** A model without a price is refused. */
  readonly blocksUnpriced: boolean;
  /** While Redis is away, whoever has a budget, or a limit per minute or at a time, is refused. */
  readonly failClosed: { readonly budgets: boolean; readonly rates: boolean };
  /** Owners' budgets count for the keys of their teams, too. */
  readonly userBudgetOnTeamKeys: boolean;
  /** Budgets whose period is over begin anew. */
  readonly resets: boolean;
  /** What was spent beyond a budget counts in the next period. */
  readonly rollover: boolean;
  /** What is left of its limits per minute to a key that spent its budget and asked to be slowed down; 0 to 1. */
  readonly throttle: number | undefined;
  /** Calls at a time of a key that says nothing of it. */
  readonly parallelPerKey: number | undefined;
  /** Budget of end users that have none of their own. */
  readonly endUserBudgetId: string | undefined;
  readonly endUserBudget: bigint | undefined;
}

const compiled = new WeakMap<Snapshot, LimitSettings>();

export function limitSettingsOf(snapshot: Snapshot): LimitSettings {
  let settings = compiled.get(snapshot);
  if (settings === undefined) {
    settings = compile(snapshot);
    compiled.set(snapshot, settings);
  }
  return settings;
}

function compile({ general: { raw: general }, library: { raw: library } }: Snapshot): LimitSettings {
  const throttle = asNumber(library.budget_exceeded_throttle_percentage);
  const tokens = general.token_rate_limit_type;
  const endUserBudget = asNumber(library.max_end_user_budget);
  return {
    reservation:
      general.disable_budget_reservation === true ? "none" : general.reservation === "strict" ? "strict" : "estimate",
    countedTokens: tokens === "input" || tokens === "output" ? tokens : "total",
    guardsFallbacks: general.enforce_fallback_budget !== false,
    blocksUnpriced: library.block_requests_for_models_without_pricing === true,
    failClosed: {
      budgets: general.fail_closed_budget_enforcement === true,
      rates: general.fail_closed_rate_limit_enforcement === true,
    },
    userBudgetOnTeamKeys: general.apply_user_budget_to_team_keys === true,
    resets: general.disable_reset_budget !== true,
    rollover: library.budget_rollover === true,
    throttle: throttle !== undefined && throttle > 0 && throttle <= 1 ? throttle : undefined,
    parallelPerKey: asNumber(general.max_parallel_requests),
    endUserBudgetId: asString(library.max_end_user_budget_id),
    endUserBudget: endUserBudget === undefined ? undefined : nanoDollars(endUserBudget),
  };
}

export function nanoDollars(dollars: number): bigint {
  return BigInt(Math.round(dollars * 1e9));
}
