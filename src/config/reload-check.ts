import { asObject, asString } from "../json/json.ts";
import type { Diagnostic, Snapshot } from "../snapshot/snapshot.ts";

/**
 * Deployments that the new configuration names and cannot build although the one in force serves them: taking it would
 * end what works. What never worked may go on not working.
 */
export function lostDeployments(before: Snapshot, after: Snapshot): readonly Diagnostic[] {
  const lost = new Set<string>();
  for (const [name, listed] of listedByName(after)) {
    const built = builtOf(after, name);
    if (built < listed && built < Math.min(builtOf(before, name), listed)) lost.add(name);
  }
  if (lost.size === 0) return [];
  return after.diagnostics.filter(
    ({ code, message }) =>
      code === "deployment_skipped" && [...lost].some((name) => message.includes(`deployment of ${name} `)),
  );
}

function listedByName({ document }: Snapshot): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const entry of Array.isArray(document.model_list) ? document.model_list : []) {
    const name = asString(asObject(entry)?.model_name);
    if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

function builtOf(snapshot: Snapshot, name: string): number {
  let count = 0;
  for (const { modelName, stored } of snapshot.deploymentsById.values()) {
    if (modelName === name && stored === undefined) count++;
  }
  return count;
}
