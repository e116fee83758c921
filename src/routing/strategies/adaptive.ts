import type { Candidate } from "../candidate.ts";

/** Seconds that a deployment is taken for when nothing is known of any. */
const UNKNOWN_SECONDS = 0.5;
/** A figure of a provider's limits says nothing after its minute. */
const HEADROOM_MS = 60_000;
/** How much worse a deployment may look and still keep the requests whose prompt it has in its cache. */
export const WARM_ADVANTAGE = 4;

/**
 * What one more call to the candidate is expected to cost in time, lower is better: seconds to the first content, times
 * the calls that are already there, times what failures and used-up limits add. `known` stands in where nothing was
 * measured.
 */
export function adaptiveScore(candidate: Candidate, now: number, known: number): number {
  const { state } = candidate;
  const seconds = Math.max(state.latency(now) ?? known, 0.001);
  const reliable = Math.max(1 - state.errorRate(now), 0.02);
  return (
    (seconds * (state.inFlight + 1)) / (reliable * reliable * headroomOf(candidate, now) * (candidate.weight ?? 1))
  );
}

/** Share of the tightest limit that is still free, from 0.05 to 1: the provider's word, and the configured rpm and tpm. */
export function headroomOf({ state, rpm, tpm }: Candidate, now: number): number {
  let share = 1;
  const said = state.headroom;
  if (said !== undefined && now - said.at < HEADROOM_MS) share = said.share;
  if (rpm !== undefined && rpm > 0) share = Math.min(share, 1 - state.minute.requests(now) / rpm);
  if (tpm !== undefined && tpm > 0) share = Math.min(share, 1 - state.minute.tokens(now) / tpm);
  return Math.max(share, 0.05);
}

/**
 * Power of two choices: of two candidates taken by chance the better one, so that a deployment that looks best does not
 * draw everything at once (Mitzenmacher, 2001). `warm` is the candidate whose provider has the prompt's beginning in
 * its cache: it is one of the two, and stays the choice until it looks four times as bad as the other.
 */
export function adaptive(
  candidates: readonly Candidate[],
  random: () => number,
  now: number,
  warm?: Candidate,
): Candidate {
  const first = candidates[0];
  if (first === undefined) throw new RangeError("a strategy needs at least one candidate");
  if (candidates.length === 1) return first;
  const known = fastestKnown(candidates, now);
  const one = warm ?? usable(candidates, random());
  const other = otherThan(candidates, one, random());
  const mine = adaptiveScore(one, now, known);
  const theirs = adaptiveScore(other, now, known);
  if (warm !== undefined) return mine <= WARM_ADVANTAGE * theirs ? one : other;
  return mine <= theirs ? one : other;
}

/** A deployment without measurements is taken for as fast as the fastest, so that it gets its first calls. */
export function fastestKnown(candidates: readonly Candidate[], now: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (const { state } of candidates) {
    const seconds = state.latency(now);
    if (seconds !== undefined && seconds < best) best = seconds;
  }
  return best === Number.POSITIVE_INFINITY ? UNKNOWN_SECONDS : best;
}

/** By chance among those that weigh something; a weight of 0 means never. */
function usable(candidates: readonly Candidate[], random: number): Candidate {
  const weighing = candidates.some(({ weight }) => weight === 0) ? candidates.filter(({ weight }) => weight !== 0) : [];
  const pool = weighing.length === 0 ? candidates : weighing;
  return pool[Math.floor(random * pool.length)] as Candidate;
}

function otherThan(candidates: readonly Candidate[], one: Candidate, random: number): Candidate {
  const pool = candidates.filter((candidate) => candidate !== one && candidate.weight !== 0);
  return pool[Math.floor(random * pool.length)] ?? one;
}
