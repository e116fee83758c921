import type { Limits, Scope, SpendSource } from "../admission/scope.ts";
import { asNumber, asObject, type JsonObject } from "../json/json.ts";
import { formatDollars } from "../pricing/format-dollars.ts";
import type { CallerRules } from "./caller-rules.ts";
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
  readonly teamPerModel?: PerModelLimits | undefined;
  /** What is said of every request; undefined where nothing is. */
  readonly rules?: CallerRules | undefined;
  /** Shown in headers. */
  readonly keyLimits: Limits;
}

export interface PerModelLimits {
  readonly keyHash: string;
  /** They are the limits of the key's team. */
  readonly teamId?: string;
  readonly alias: string | undefined;
  readonly rpm: Readonly<Record<string, number>>;
  readonly tpm: Readonly<Record<string, number>>;
  /** Model → its budget in nano-dollars and the beginning of its present period. */
  readonly budgets: ReadonlyMap<string, { readonly limit: bigint; readonly since: number }>;
}

/** The scopes that calls of a model have beside those of every call. */
export function modelScopes(limits: PerModelLimits, model: string): Scope[] {
  const { rpm, tpm, budgets, teamId, keyHash, alias } = limits;
  const kind = teamId === undefined ? "key-model" : "team-model";
  const owner = teamId ?? keyHash;
  const descriptor = teamId === undefined ? "model_per_key" : "model_per_team";
  const source = (since: number): SpendSource =>
    teamId === undefined
      ? { dimension: "key-model", keyHash, model, since }
      : { dimension: "team-model", teamId, model, since };
  const scopes: Scope[] = [];
  if (rpm[model] !== undefined || tpm[model] !== undefined) {
    scopes.push({
      id: `${kind}:${owner}:${model}`,
      descriptor,
      value: `${owner}:${model}`,
      source: source(0),
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
      id: `${kind}-budget:${owner}:${model}:${budget.since}`,
      descriptor,
      value: `${owner}:${model}`,
      source: source(budget.since),
      offset: 0n,
      limits: { maxBudget: budget.limit },
      refusesWhen: "at",
      exceeded: () =>
        teamId === undefined
          ? `LiteLLM Virtual Key: ${keyHash}, key_alias: ${alias ?? "None"}, exceeded budget for model=${model}`
          : `Team=${teamId} exceeded budget for model=${model}`,
    });
  }
  return scopes;
}

/** The scopes of a key's calls with a tag that it has limits for. */
export function tagScopes(
  { tagRpm }: Pick<CallerRules, "tagRpm">,
  keyHash: string,
  tags: readonly string[],
): readonly Scope[] {
  return tags.flatMap((tag): Scope[] => {
    const rpm = tagRpm[tag];
    if (rpm === undefined) return [];
    return [
      {
        id: `key-tag:${keyHash}:${tag}`,
        descriptor: "tag_per_key",
        value: `${keyHash}:${tag}`,
        source: { dimension: "key", entities: [keyHash] },
        offset: 0n,
        limits: { rpm },
        refusesWhen: "at",
        exceeded: () => "",
      },
    ];
  });
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
