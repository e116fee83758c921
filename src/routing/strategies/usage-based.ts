import type { Candidate } from "../candidate.ts";
import { anyOf, lowest } from "./lowest.ts";

/** The candidate that used the fewest tokens in this minute; ties are broken by chance. */
export function usageBased(candidates: readonly Candidate[], random: number, now: number): Candidate {
  return anyOf(
    lowest(candidates, ({ state }) => state.minute.tokens(now)),
    random,
  );
}
