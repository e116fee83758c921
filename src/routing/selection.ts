import type { Candidate } from "./candidate.ts";
import type { RouteRequest } from "./route-request.ts";
import type { RoutingRules } from "./routing-rules.ts";

/** Why a deployment was not considered. */
export type DropReason =
  | "other_team"
  | "paused"
  | "cooldown"
  | "half_open_probe_under_way"
  | "unhealthy"
  | "provider_budget"
  | "deployment_budget"
  | "affinity"
  | "context_window"
  | "region"
  | "rpm"
  | "tpm"
  | "itpm"
  | "otpm"
  | "response_format"
  | "tags"
  | "order"
  | "already_tried"
  | "max_parallel_requests";

export interface Drop {
  readonly candidate: Candidate;
  readonly reason: DropReason;
  /** For people: figures, names. */
  readonly detail?: string | undefined;
}

/** What the stages of one selection share. */
export interface SelectionInput {
  readonly request: RouteRequest;
  readonly rules: RoutingRules;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly random: () => number;
  /** Ids that this request was sent to already. */
  readonly tried: ReadonlySet<string>;
  /** Those whose budget has no room for this request, by their ids: whose it is, and the figures. */
  readonly withoutRoom?: ReadonlyMap<string, NoRoom> | undefined;
  /** Filled where somebody wants to know. */
  readonly drops: Drop[];
}

/** A budget of a provider or a deployment that cannot hold what a request may cost. */
export interface NoRoom {
  readonly kind: "provider" | "deployment";
  /** For people: figures, names. */
  readonly detail: string;
}

/** Narrows the candidates; a stage that keeps all returns the very same list. */
export type Stage = (candidates: readonly Candidate[], input: SelectionInput) => readonly Candidate[];

/** The candidates for which `judge` finds no reason to drop them. */
export function keep(
  candidates: readonly Candidate[],
  input: SelectionInput,
  judge: (candidate: Candidate, input: SelectionInput) => DropReason | undefined,
  detail?: (candidate: Candidate) => string | undefined,
): readonly Candidate[] {
  let kept: Candidate[] | undefined;
  for (let index = 0; index < candidates.length; index++) {
    const candidate = candidates[index] as Candidate;
    const reason = judge(candidate, input);
    if (reason === undefined) {
      kept?.push(candidate);
      continue;
    }
    kept ??= candidates.slice(0, index);
    input.drops.push({ candidate, reason, detail: detail?.(candidate) });
  }
  return kept ?? candidates;
}

/** As `keep`, but when nobody would be left all stay: a preference, not a condition. */
export function prefer(
  candidates: readonly Candidate[],
  input: SelectionInput,
  wanted: (candidate: Candidate) => boolean,
  reason: DropReason,
): readonly Candidate[] {
  if (!candidates.some(wanted)) return candidates;
  return keep(candidates, input, (candidate) => (wanted(candidate) ? undefined : reason));
}
