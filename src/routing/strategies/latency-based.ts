import type { Candidate } from "../candidate.ts";
import { anyOf } from "./lowest.ts";

/** `routing_strategy_args` of latency-based routing. */
export interface LatencyArguments {
  /** Milliseconds for which a sample counts. */
  readonly ttl: number;
  /** How much slower than the best a candidate may be and still be chosen: 0.5 allows half as slow again. */
  readonly buffer: number;
}

/** What was never measured comes first, so that it is measured. */
export function meanLatency(candidate: Candidate, now: number, ttl: number): number {
  return candidate.state.perToken.mean(now, ttl) ?? 0;
}

/** By chance among the candidates whose mean seconds per token are at most the best's × (1 + buffer). */
export function latencyBased(
  candidates: readonly Candidate[],
  random: number,
  now: number,
  { ttl, buffer }: LatencyArguments,
): Candidate {
  const means = candidates.map((candidate) => meanLatency(candidate, now, ttl));
  const limit = Math.min(...means) * (1 + buffer);
  return anyOf(
    candidates.filter((_, index) => (means[index] as number) <= limit),
    random,
  );
}
