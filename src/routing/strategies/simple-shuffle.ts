import type { Candidate } from "../candidate.ts";

type Weighed = Pick<Candidate, "weight" | "rpm" | "tpm">;

/**
 * LiteLLM's default strategy: the first candidate decides by what is weighed (`weight`, else `rpm`, else `tpm`, else all
 * alike); candidates that lack the figure weigh nothing. `random` is uniform in [0, 1).
 */
export function simpleShuffle<C extends Weighed>(candidates: readonly C[], random: number): C {
  const first = candidates[0];
  if (first === undefined) throw new RangeError("simpleShuffle needs at least one candidate");
  if (candidates.length === 1) return first;
  const measure = (["weight", "rpm", "tpm"] as const).find((name) => first[name] !== undefined);
  if (measure !== undefined) {
    let total = 0;
    for (const candidate of candidates) total += candidate[measure] ?? 0;
    if (total > 0) {
      let rest = random * total;
      for (const candidate of candidates) {
        const weight = candidate[measure] ?? 0;
        if (rest < weight) return candidate;
        rest -= weight;
      }
    }
  }
  return candidates[Math.floor(random * candidates.length)] ?? first;
}
