import type { Scope } from "../admission/scope.ts";
import type { Deployment, Snapshot } from "../snapshot/snapshot.ts";
import type { Database } from "../store/database.ts";
import { modelAccessGroupBudgets } from "../store/objects/access-groups.ts";
import { parseDuration, periodBegin, type ResetClock } from "../store/objects/budget-window.ts";
import { budgets } from "../store/objects/budgets.ts";
import { budgetSentence } from "./grant.ts";

interface GroupBudget {
  readonly group: string;
  /** Nano-dollars. */
  readonly limit: bigint;
  /** When its present period began; 0 where it has none. */
  readonly since: number;
}

/** Budgets of access groups of models: what all callers together may spend on them. */
export class GroupBudgets {
  readonly #database: Database;
  readonly #resetClock: () => ResetClock;
  #budgets: readonly GroupBudget[] = [];
  /** Group → scope, for each configuration. */
  #scopes = new WeakMap<Snapshot, Map<string, Scope>>();

  constructor(database: Database, resetClock: () => ResetClock) {
    this.#database = database;
    this.#resetClock = resetClock;
  }

  /** Reads them again; a period that is over begins anew with it. */
  async refresh(now: number): Promise<void> {
    const { kysely } = this.#database;
    const rows = await modelAccessGroupBudgets.all(kysely);
    const ids = rows.map((row) => row.budget_id);
    const found = new Map((await budgets.findMany(kysely, ids)).map((row) => [row.budget_id, row]));
    this.#budgets = rows.flatMap((row) => {
      const budget = found.get(row.budget_id);
      if (budget === undefined || budget.max_budget_nano === null) return [];
      const duration = budget.budget_duration === null ? undefined : parseDuration(budget.budget_duration);
      const since = duration === undefined ? 0 : periodBegin(duration, now, this.#resetClock());
      return [{ group: row.access_group_name, limit: budget.max_budget_nano, since }];
    });
    this.#scopes = new WeakMap();
  }

  /** The scopes of a call that these deployments may serve. */
  of(snapshot: Snapshot, deployments: readonly Deployment[]): readonly Scope[] {
    if (this.#budgets.length === 0) return NONE;
    const groups = deployments[0]?.info.access_groups;
    if (!Array.isArray(groups)) return NONE;
    const scopes = this.#of(snapshot);
    return groups.flatMap((group) => scopes.get(String(group)) ?? []);
  }

  #of(snapshot: Snapshot): ReadonlyMap<string, Scope> {
    let scopes = this.#scopes.get(snapshot);
    if (scopes === undefined) {
      scopes = new Map(this.#budgets.map((budget) => [budget.group, scopeFor(budget, snapshot)]));
      this.#scopes.set(snapshot, scopes);
    }
    return scopes;
  }
}

function scopeFor({ group, limit, since }: GroupBudget, snapshot: Snapshot): Scope {
  const models = new Set<string>();
  for (const { info, modelName } of snapshot.deploymentsById.values()) {
    if (Array.isArray(info.access_groups) && info.access_groups.includes(group)) models.add(modelName);
  }
  return {
    // A new period is a new scope.
    id: `access-group:${group}:${since}`,
    descriptor: "model_access_group",
    value: group,
    source: { dimension: "model-groups", models: [...models], since },
    offset: 0n,
    limits: { maxBudget: limit },
    refusesWhen: "at",
    exceeded: budgetSentence(`Model Access Group=${group}`),
  };
}

const NONE: readonly Scope[] = [];
