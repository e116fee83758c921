import type { Deployment, Snapshot } from "../snapshot/snapshot.ts";

/** The deployments that may serve a requested name. */
export interface ModelMatch {
  /** The group that was routed to, aliases followed. */
  readonly group: string;
  readonly deployments: readonly Deployment[];
  /** What the star of a wildcard stood for; undefined where the name matched exactly. */
  readonly captured?: readonly string[];
}

/**
 * LiteLLM's order (its router documentation, "wildcard routing", 2026): deployment id, alias, exact name, patterns from
 * the most specific to `*`, and last a deployment whose own provider model is the requested name.
 */
export function matchModel(snapshot: Snapshot, requested: string): ModelMatch | undefined {
  const byId = snapshot.deploymentsById.get(requested);
  if (byId !== undefined) return { group: byId.modelName, deployments: [byId] };

  const name = snapshot.aliases.get(requested)?.model ?? requested;
  const exact = snapshot.groups.get(name);
  if (exact !== undefined) return { group: name, deployments: exact };

  for (const wildcard of snapshot.wildcards) {
    const captured = capture(wildcard.pieces, name);
    if (captured !== undefined) return { group: name, deployments: wildcard.deployments, captured };
  }

  for (const [group, deployments] of snapshot.groups) {
    const same = deployments.filter((deployment) => deployment.litellmModel === name);
    if (same.length > 0) return { group, deployments: same };
  }
  return undefined;
}

/** What each star matched when the literal pieces fit the name in order; undefined when they do not. */
export function capture(pieces: readonly string[], name: string): string[] | undefined {
  const first = pieces[0] ?? "";
  const last = pieces[pieces.length - 1] ?? "";
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return undefined;
  const captured: string[] = [];
  let at = first.length;
  for (let index = 1; index < pieces.length; index++) {
    const piece = pieces[index] as string;
    const found = index === pieces.length - 1 ? name.length - last.length : name.indexOf(piece, at);
    if (found < at) return undefined;
    captured.push(name.slice(at, found));
    at = found + piece.length;
  }
  return captured;
}

/** The name that goes upstream: stars of the deployment's model take what the request's name had in their place. */
export function upstreamModel(
  deployment: Deployment,
  captured: readonly string[] | undefined,
  requested: string,
): string {
  const model = deployment.upstreamModel;
  if (captured === undefined || !model.includes("*")) return model;
  if (model === "*" && deployment.modelName === "*") return requested;
  let index = 0;
  return model.replaceAll("*", () => captured[Math.min(index++, captured.length - 1)] ?? "");
}
