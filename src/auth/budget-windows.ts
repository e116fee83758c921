import type { Scope } from "../admission/scope.ts";
import { asArray, asNumber, asObject, asString, type Json } from "../json/json.ts";
import { parseDuration, periodBegin, type ResetClock } from "../store/objects/budget-window.ts";
import { budgetSentence } from "./grant.ts";

/** Whose `budget_limits` they are. */
export interface WindowOwner {
  readonly of: "key" | "team";
  readonly id: string;
  /** Under which ids the ledger knows it. */
  readonly entities: readonly string[];
  /** How a refusal names it. */
  readonly name: string;
}

/** `budget_limits`: `[{budget_duration, max_budget}]`, each a budget of its own period beside the others. */
export function windowScopes(owner: WindowOwner, limits: Json | undefined, now: number, clock: ResetClock): Scope[] {
  return asArray(limits).flatMap((item): Scope[] => {
    const window = asObject(item);
    const text = asString(window?.budget_duration);
    const amount = asNumber(window?.max_budget);
    const duration = text === undefined ? undefined : parseDuration(text);
    if (duration === undefined || amount === undefined) return [];
    const since = periodBegin(duration, now, clock);
    return [
      {
        // A new period is a new scope.
        id: `${owner.of}-window:${owner.id}:${text}:${since}`,
        descriptor: owner.of === "key" ? "api_key" : "team",
        value: owner.id,
        source: { dimension: "window", of: owner.of, entities: owner.entities, since },
        offset: 0n,
        limits: { maxBudget: BigInt(Math.round(amount * 1e9)) },
        refusesWhen: "at",
        exceeded: budgetSentence(`${owner.name} (${text})`),
      },
    ];
  });
}
