import type { Candidate } from "../candidate.ts";
import { keep, prefer, type SelectionInput, type Stage } from "../selection.ts";

/** Deployments of other teams are nobody else's. */
export const ownTeam: Stage = (candidates, input) =>
  keep(candidates, input, ({ teamId }) =>
    teamId === undefined || teamId === input.request.teamId ? undefined : "other_team",
  );

/** `model_info.blocked`: an administrator takes nothing from it for the time being. */
export const unpaused: Stage = (candidates, input) =>
  keep(candidates, input, ({ deployment }) => (deployment.info.blocked === true ? "paused" : undefined));

/**
 * Cooled-down deployments get nothing. One whose cooldown is over but not proven gets one call at a time while others
 * can serve, of all processes that share what they know, and all calls when there is no other.
 */
export const notCooledDown: Stage = (candidates, input) => {
  const open = keep(candidates, input, ({ state }, { now }) =>
    state.cooldown !== undefined && now < state.cooldown.until ? "cooldown" : undefined,
  );
  return prefer(
    open,
    input,
    ({ state }) => state.cooldown === undefined || state.mayProbe(input.now),
    "half_open_probe_under_way",
  );
};

/** `enable_health_check_routing`: what the background check found unhealthy, unless its word is stale. */
export const healthy: Stage = (candidates, input) => {
  const { staleMs, ignoreTransient } = input.rules.healthRouting;
  return keep(candidates, input, ({ state }, { now }) => {
    const { health } = state;
    if (health === undefined || health.healthy || now - health.at > staleMs) return undefined;
    return ignoreTransient && health.transient ? undefined : "unhealthy";
  });
};

/** Provider and deployment budgets that are used up, or have no room for this request. */
export const withinBudget: Stage = (candidates, input) =>
  keep(
    candidates,
    input,
    ({ budgets, deployment }, { now, withoutRoom }) => {
      const exceeded = budgets.find((budget) => budget.exceeded(now)) ?? withoutRoom?.get(deployment.id);
      return exceeded === undefined ? undefined : `${exceeded.kind}_budget`;
    },
    (candidate) => budgetText(candidate, input),
  );

function budgetText({ budgets, deployment }: Candidate, { now, withoutRoom }: SelectionInput): string | undefined {
  const exceeded = budgets.find((budget) => budget.exceeded(now));
  return exceeded?.describe(now) ?? withoutRoom?.get(deployment.id)?.detail;
}

/** Slots that are all taken. */
export const withinCapacity: Stage = (candidates, input) =>
  keep(candidates, input, ({ maxParallel, state }) =>
    maxParallel === undefined || state.inFlight < maxParallel ? undefined : "max_parallel_requests",
  );

/** A deployment that failed this request already comes last. */
export const untried: Stage = (candidates, input) =>
  input.tried.size === 0
    ? candidates
    : prefer(candidates, input, ({ deployment }) => !input.tried.has(deployment.id), "already_tried");

/** `order`: the lowest one that is left. */
export const lowestOrder: Stage = (candidates, input) => {
  let first = Number.POSITIVE_INFINITY;
  for (const { order } of candidates) if (order < first) first = order;
  return keep(candidates, input, ({ order }) => (order === first ? undefined : "order"));
};
