import { findEntry } from "../pricing/catalogue.ts";
import type { Deployment, Snapshot, WildcardGroup } from "../snapshot/snapshot.ts";
import { capture, type ModelMatch } from "./match-model.ts";

/** What a requested name leads to: everything that can be looked up is a table, built once per configuration. */
export class ModelIndex {
  readonly #snapshot: Snapshot;
  readonly #byProviderModel = new Map<string, ModelMatch>();
  /** Team → its own names → their deployments. */
  readonly #teams = new Map<string, Map<string, Deployment[]>>();
  readonly #teamPatterns = new Map<string, WildcardGroup[]>();
  readonly #exact = new Map<string, ModelMatch>();

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
    for (const [group, deployments] of snapshot.groups) {
      this.#exact.set(group, { group, deployments });
      for (const deployment of deployments) {
        const name = deployment.litellmModel;
        if (this.#byProviderModel.has(name)) continue;
        this.#byProviderModel.set(name, {
          group,
          deployments: deployments.filter((other) => other.litellmModel === name),
        });
      }
    }
    for (const deployment of snapshot.deploymentsById.values()) this.#addToTeam(deployment);
  }

  /**
   * LiteLLM's order (its router documentation, "wildcard routing", 2026): deployment id, the team's own names, alias,
   * exact name, patterns from the most specific to `*`, then a deployment whose own provider model is the name.
   */
  match(requested: string, teamId?: string): ModelMatch | undefined {
    const byId = this.#snapshot.deploymentsById.get(requested);
    if (byId !== undefined) return { group: byId.modelName, deployments: [byId], pinned: true };
    if (teamId !== undefined) {
      const own = this.#teamMatch(requested, teamId);
      if (own !== undefined) return own;
    }
    const name = this.#snapshot.aliases.get(requested)?.model ?? requested;
    return (
      this.#exact.get(name) ??
      matchPattern(this.#snapshot.wildcards, name) ??
      this.#byProviderModel.get(name) ??
      this.#bareName(name)
    );
  }

  #teamMatch(requested: string, teamId: string): ModelMatch | undefined {
    const names = this.#teams.get(teamId);
    const name = this.#snapshot.aliases.get(requested)?.model ?? requested;
    const deployments = names?.get(requested) ?? names?.get(name);
    if (deployments !== undefined) return { group: name, deployments };
    return matchPattern(this.#teamPatterns.get(teamId) ?? [], name);
  }

  /** `gpt-4o-mini` is served by `openai/*` too, where the catalogue knows whose model it is. */
  #bareName(name: string): ModelMatch | undefined {
    if (name.includes("/") || this.#snapshot.wildcards.length === 0) return undefined;
    const provider = findEntry(name)?.provider;
    if (provider === undefined) return undefined;
    const match = matchPattern(this.#snapshot.wildcards, `${provider}/${name}`);
    return match === undefined ? undefined : { ...match, group: name };
  }

  #addToTeam(deployment: Deployment): void {
    const { team_id: team, team_public_model_name: publicName } = deployment.info;
    if (typeof team !== "string") return;
    const name = typeof publicName === "string" ? publicName : deployment.modelName;
    if (name.includes("*")) {
      const patterns = this.#teamPatterns.get(team) ?? [];
      this.#teamPatterns.set(team, patterns);
      const same = patterns.find(({ pattern }) => pattern === name);
      if (same === undefined) patterns.push({ pattern: name, pieces: name.split("*"), deployments: [deployment] });
      else (same.deployments as Deployment[]).push(deployment);
      return;
    }
    const names = this.#teams.get(team) ?? new Map<string, Deployment[]>();
    this.#teams.set(team, names);
    const list = names.get(name);
    if (list === undefined) names.set(name, [deployment]);
    else list.push(deployment);
  }
}

function matchPattern(wildcards: readonly WildcardGroup[], name: string): ModelMatch | undefined {
  for (const wildcard of wildcards) {
    const captured = capture(wildcard.pieces, name);
    if (captured !== undefined) return { group: name, deployments: wildcard.deployments, captured };
  }
  return undefined;
}
