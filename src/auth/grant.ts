import type { Limits, Scope } from "../admission/scope.ts";
import { asNumber, asObject, type JsonObject } from "../json/json.ts";
import { formatDollars } from "../pricing/format-dollars.ts";
import type { ModelList } from "./model-access.ts";

/** What a virtual key may do, compiled from its row and those that it belongs to. */
export interface Grant {
  /** Milliseconds since the epoch; undefined is never. */
  readonly expires: number | undefined;
  /** Why nobody may use it at present, in LiteLLM's words. */
  readonly blocked: string | undefined;
  readonly access: readonly ModelList[];
  /** Scopes of every call. */
  readonly scopes: readonly Scope[];
  /** Scopes of calls of one model, beside those. */
  readonly perModel: PerModelLimits | undefined;
  /** Shown in headers. */
  readonly keyLimits: Limits;
  /** The key's own scope, whose spend its answers show. */
  readonly keyScope: Scope;
}

export interface PerModelLimits {
  readonly keyHash: string;
  readonly alias: string | undefined;
  readonly rpm: Readonly<Record<string, number>>;
  readonly tpm: Readonly<Record<string, number>>;
  /** Model → its budget in nano-dollars and the beginning of its present period. */
  readonly budgets: ReadonlyMap<string, { readonly limit: bigint; readonly since: number }>;
}

/** The scopes that calls of a model have beside those of every call. */
export function modelScopes({ keyHash, alias, rpm, tpm, budgets }: PerModelLimits, model: string): Scope[] {
  const scopes: Scope[] = [];
  if (rpm[model] !== undefined || tpm[model] !== undefined) {
    scopes.push({
      id: `key-model:${keyHash}:${model}`,
      descriptor: "model_per_key",
      value: `${keyHash}:${model}`,
      source: { dimension: "key-model", keyHash, model, since: 0 },
      offset: 0n,
      limits: {
        ...(rpm[model] === undefined ? {} : { rpm: rpm[model] }),
        ...(tpm[model] === undefined ? {} : { tpm: tpm[model] }),
      },
      refusesWhen: "at",
      exceeded: () => "",
    });
  }
  const budget = budgets.get(model);
  if (budget !== undefined) {
    scopes.push({
      // A new period is a new scope.
      id: `key-model-budget:${keyHash}:${model}:${budget.since}`,
      descriptor: "model_per_key",
      value: `${keyHash}:${model}`,
      source: { dimension: "key-model", keyHash, model, since: budget.since },
      offset: 0n,
      limits: { maxBudget: budget.limit },
      refusesWhen: "at",
      exceeded: () =>
        `LiteLLM Virtual Key: ${keyHash}, key_alias: ${alias ?? "None"}, exceeded budget for model=${model}`,
    });
  }
  return scopes;
}

/** LiteLLM's sentence for a budget that is used up. */
export function budgetSentence(object: string): Scope["exceeded"] {
  return (spent, limit) =>
    `Budget has been exceeded! ${object} Current cost: ${formatDollars(spent)}, Max budget: ${formatDollars(limit)}`;
}

/** Model → a whole number, of what a field holds. */
export function countsOf(value: unknown): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [name, count] of Object.entries(asObject(value as JsonObject) ?? {})) {
    const number = asNumber(count);
    if (number !== undefined) counts[name] = number;
  }
  return counts;
}
