import type { AffinityMap } from "./affinity.ts";
import type { Candidate } from "./candidate.ts";
import { promptPrefixes } from "./prompt-prefix.ts";
import type { RouteGroup, StageName } from "./route-group.ts";
import type { SelectionInput } from "./selection.ts";
import { byId } from "./stages/affinity.ts";
import { adaptive } from "./strategies/adaptive.ts";
import { costBased } from "./strategies/cost-based.ts";
import { latencyBased } from "./strategies/latency-based.ts";
import { leastBusy } from "./strategies/least-busy.ts";
import { simpleShuffle } from "./strategies/simple-shuffle.ts";
import { usageBased } from "./strategies/usage-based.ts";

/** The candidate that a request goes to, or the stage that left none. */
export type Selection =
  | { readonly candidate: Candidate; readonly prefixes: readonly string[] }
  | { readonly candidate: undefined; readonly emptiedBy: StageName };

/** The candidates that are left after all stages, or the stage that left none. */
export function remaining(
  group: RouteGroup,
  input: SelectionInput,
): { readonly kept: readonly Candidate[]; readonly emptiedBy: StageName | undefined } {
  let kept = group.candidates;
  for (const stage of group.stages) {
    kept = stage.run(kept, input);
    if (kept.length === 0) return { kept, emptiedBy: stage.name };
  }
  return { kept, emptiedBy: undefined };
}

export function select(group: RouteGroup, input: SelectionInput, affinity: AffinityMap): Selection {
  const { kept, emptiedBy } = remaining(group, input);
  if (emptiedBy !== undefined) return { candidate: undefined, emptiedBy };
  const prefixes = group.promptCaching ? promptPrefixes(input.request.body, input.request.promptBytes) : [];
  return { candidate: choose(group, kept, input, warmAmong(kept, prefixes, affinity, input.now)), prefixes };
}

/** The candidate that has a beginning of the prompt in its provider's cache, the longest beginning first. */
export function warmAmong(
  candidates: readonly Candidate[],
  prefixes: readonly string[],
  affinity: AffinityMap,
  now: number,
): Candidate | undefined {
  for (const prefix of prefixes) {
    const known = affinity.find(prefix, now);
    const warm = known === undefined ? undefined : byId(candidates, known);
    if (warm !== undefined) return warm;
  }
  return undefined;
}

function choose(
  group: RouteGroup,
  kept: readonly Candidate[],
  { random, now, rules }: SelectionInput,
  warm: Candidate | undefined,
): Candidate {
  if (group.strategy === "adaptive") return adaptive(kept, random, now, warm);
  if (warm !== undefined) return warm;
  switch (group.strategy) {
    case "simple-shuffle":
      return simpleShuffle(kept, random());
    case "least-busy":
      return leastBusy(kept, random());
    case "usage-based-routing":
    case "usage-based-routing-v2":
      return usageBased(kept, random(), now);
    case "latency-based-routing":
      return latencyBased(kept, random(), now, rules.latency);
    case "cost-based-routing":
      return costBased(kept, random());
  }
}
