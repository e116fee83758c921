import type { Deployment, Snapshot } from "../snapshot/snapshot.ts";
import type { FallbackTarget } from "./fallbacks.ts";
import type { ModelMatch } from "./match-model.ts";
import { ModelIndex } from "./model-index.ts";
import { type GroupParts, type RouteGroup, routeGroup } from "./route-group.ts";
import { type RoutingRules, routingRules } from "./routing-rules.ts";

/** A name that was resolved: who may serve it, and how one of them is chosen. */
export interface Resolved {
  readonly match: ModelMatch;
  readonly group: RouteGroup;
}

/** One configuration as the router uses it. Built when the first request meets the configuration. */
export class SnapshotRouting {
  readonly rules: RoutingRules;
  /** Prompts of fewer bytes fit into every deployment's context window. */
  readonly smallestWindow: number;
  readonly #index: ModelIndex;
  readonly #parts: GroupParts;
  readonly #groups = new WeakMap<readonly Deployment[], RouteGroup>();

  constructor(snapshot: Snapshot, parts: Omit<GroupParts, "rules">) {
    this.rules = routingRules(snapshot);
    this.#index = new ModelIndex(snapshot);
    this.#parts = { ...parts, rules: this.rules };
    let smallest = Number.POSITIVE_INFINITY;
    for (const { facts } of snapshot.deploymentsById.values()) {
      if (facts.maxInputTokens !== undefined && facts.maxInputTokens < smallest) smallest = facts.maxInputTokens;
    }
    this.smallestWindow = smallest;
  }

  /** Who serves a name; a name that nobody knows goes to the first default fallback. */
  resolve(model: string, teamId?: string): Resolved | undefined {
    const match = this.#index.match(model, teamId);
    if (match !== undefined) return { match, group: this.#groupOf(match) };
    return undefined;
  }

  /** `default_fallbacks`, or the fallbacks of `*`. */
  get defaultFallbacks(): readonly FallbackTarget[] {
    return this.rules.fallbacks.general?.get("*") ?? [];
  }

  #groupOf(match: ModelMatch): RouteGroup {
    const { deployments } = match;
    const known = this.#groups.get(deployments);
    if (known !== undefined) return known;
    const group = routeGroup(match.group, deployments, this.#parts);
    this.#groups.set(deployments, group);
    return group;
  }
}
