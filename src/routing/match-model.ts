import type { Deployment } from "../snapshot/snapshot.ts";

/** The deployments that may serve a requested name. */
export interface ModelMatch {
  /** The group that was routed to, aliases followed. */
  readonly group: string;
  readonly deployments: readonly Deployment[];
  /** What the star of a wildcard stood for; undefined where the name matched exactly. */
  readonly captured?: readonly string[];
  /** The request names one deployment by its id: strategies and cooldowns do not count. */
  readonly pinned?: boolean;
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
