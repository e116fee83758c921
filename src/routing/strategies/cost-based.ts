import type { Candidate } from "../candidate.ts";
import { anyOf, lowest } from "./lowest.ts";

/** The candidate whose price of one token in and one out is lowest; ties are broken by chance. */
export function costBased(candidates: readonly Candidate[], random: number): Candidate {
  return anyOf(
    lowest(candidates, ({ price }) => price),
    random,
  );
}
