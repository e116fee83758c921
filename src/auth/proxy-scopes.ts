import { nanoDollars } from "../admission/limit-settings.ts";
import type { Scope } from "../admission/scope.ts";
import { asNumber, asObject, asString, type Json } from "../json/json.ts";
import { formatDollars } from "../pricing/format-dollars.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import { nextReset, parseDuration, periodBegin, type ResetClock } from "../store/objects/budget-window.ts";

interface Compiled {
  readonly snapshot: Snapshot;
  readonly always: readonly Scope[];
  readonly byTag: ReadonlyMap<string, Scope>;
  /** Milliseconds since the epoch: the first moment at which one of the periods is over. */
  readonly until: number;
}

/**
 * Scopes that the configuration itself has: the budget of the whole proxy (`litellm_settings.max_budget`), its calls at a
 * time (`general_settings.global_max_parallel_requests`) and the budgets of tags (`litellm_settings.tag_budget_config`).
 */
export class ProxyScopes {
  readonly #resetClock: () => ResetClock;
  readonly #now: () => number;
  #compiled: Compiled | undefined;

  constructor(resetClock: () => ResetClock, now: () => number = Date.now) {
    this.#resetClock = resetClock;
    this.#now = now;
  }

  of(snapshot: Snapshot, tags: readonly string[]): readonly Scope[] {
    const { always, byTag } = this.#of(snapshot);
    if (byTag.size === 0 || tags.length === 0) return always;
    const tagged = tags.flatMap((tag) => byTag.get(tag) ?? []);
    return tagged.length === 0 ? always : [...always, ...tagged];
  }

  #of(snapshot: Snapshot): Compiled {
    let compiled = this.#compiled;
    if (
      compiled === undefined ||
      compiled.snapshot !== snapshot ||
      (compiled.until !== Number.POSITIVE_INFINITY && this.#now() >= compiled.until)
    ) {
      compiled = compile(snapshot, this.#now(), this.#resetClock());
      this.#compiled = compiled;
    }
    return compiled;
  }
}

function compile(snapshot: Snapshot, now: number, clock: ResetClock): Compiled {
  const { library, general } = snapshot;
  let until = Number.POSITIVE_INFINITY;
  const beginOf = (text: Json | undefined): number => {
    const duration = parseDuration(asString(text) ?? "");
    if (duration === undefined) return 0;
    until = Math.min(until, nextReset(duration, now, clock));
    return periodBegin(duration, now, clock);
  };
  const always: Scope[] = [];
  const budget = asNumber(library.raw.max_budget) ?? 0;
  if (budget > 0) {
    const since = beginOf(library.raw.budget_duration);
    always.push({
      // A new period is a new scope.
      id: `proxy:${since}`,
      descriptor: "proxy",
      value: "proxy",
      source: { dimension: "since", of: "proxy", entity: "", since },
      offset: 0n,
      limits: { maxBudget: nanoDollars(budget) },
      refusesWhen: "above",
      exceeded: (spent, limit) =>
        `Budget has been exceeded! Current cost: ${formatDollars(spent)}, Max budget: ${formatDollars(limit)}`,
    });
  }
  const parallel = asNumber(general.raw.global_max_parallel_requests);
  if (parallel !== undefined) {
    always.push({
      id: "proxy:parallel",
      descriptor: "global_max_parallel_requests",
      value: "proxy",
      source: { dimension: "none" },
      offset: 0n,
      limits: { parallel },
      refusesWhen: "at",
      exceeded: () => "",
    });
  }
  const byTag = new Map<string, Scope>();
  for (const [tag, value] of Object.entries(asObject(library.raw.tag_budget_config) ?? {})) {
    const settings = asObject(value);
    const limit = asNumber(settings?.max_budget) ?? asNumber(settings?.budget_limit);
    if (limit === undefined) continue;
    const since = beginOf(settings?.budget_duration ?? settings?.time_period);
    byTag.set(tag, {
      id: `tag-config:${tag}:${since}`,
      descriptor: "tag",
      value: tag,
      source: { dimension: "since", of: "tag", entity: tag, since },
      offset: 0n,
      limits: { maxBudget: nanoDollars(limit) },
      refusesWhen: "at",
      exceeded: (spent, most) =>
        `Exceeded budget for tag='${tag}', tag_spend=${formatDollars(spent)}, tag_budget_limit=${formatDollars(most)}`,
    });
  }
  return { snapshot, always, byTag, until };
}
