import type { AffinityMap } from "../affinity.ts";
import type { Candidate } from "../candidate.ts";
import type { RouteRequest } from "../route-request.ts";
import type { AffinityRules } from "../routing-rules.ts";
import { keep, prefer, type Stage } from "../selection.ts";

/** Names under which the deployment of a request is remembered, the most binding first. */
export function affinityKeys(
  request: RouteRequest,
  rules: AffinityRules,
  group: string,
  headers: readonly string[],
): readonly string[] {
  const keys: string[] = [];
  const caller = request.keyHash ?? "";
  for (const name of headers) {
    const value = request.header(name);
    if (value !== null) keys.push(`${group}\nheader\n${name}\n${value.slice(0, 256)}`);
  }
  if (rules.session && request.sessionId !== undefined) keys.push(`${group}\nsession\n${caller}\n${request.sessionId}`);
  if (rules.caller) keys.push(`${group}\ncaller\n${caller}`);
  return keys;
}

/** Prefers the deployment that served the same session, caller, header value or response before. */
export function affinityStage(
  map: AffinityMap,
  rules: AffinityRules,
  group: string,
  headers: readonly string[],
): Stage {
  return (candidates, input) => {
    if (candidates.length < 2) return candidates;
    const { previousDeployment } = input.request;
    if (rules.responses && previousDeployment !== undefined && byId(candidates, previousDeployment) !== undefined) {
      return keep(candidates, input, ({ deployment }) =>
        deployment.id === previousDeployment ? undefined : "affinity",
      );
    }
    for (const key of affinityKeys(input.request, rules, group, headers)) {
      const known = map.find(key, input.now);
      const found = known === undefined ? undefined : byId(candidates, known);
      if (found !== undefined) return prefer(candidates, input, (candidate) => candidate === found, "affinity");
    }
    return candidates;
  };
}

export function byId(candidates: readonly Candidate[], id: string): Candidate | undefined {
  return candidates.find(({ deployment }) => deployment.id === id);
}
