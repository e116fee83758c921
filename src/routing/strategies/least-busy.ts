import type { Candidate } from "../candidate.ts";
import { anyOf, lowest } from "./lowest.ts";

/** The candidate with the fewest calls under way; ties are broken by chance. */
export function leastBusy(candidates: readonly Candidate[], random: number): Candidate {
  return anyOf(
    lowest(candidates, ({ state }) => state.inFlight),
    random,
  );
}
