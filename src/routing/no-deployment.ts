import { GatewayError } from "../errors/gateway-error.ts";
import { secondsToNextMinute } from "./minute-counts.ts";
import type { RouteGroup, StageName } from "./route-group.ts";
import type { Drop, DropReason } from "./selection.ts";

export interface NoDeploymentInput {
  readonly group: RouteGroup;
  /** The name that was routed. */
  readonly model: string;
  readonly emptiedBy: StageName;
  readonly drops: readonly Drop[];
  readonly preCallChecks: boolean;
  /** Seconds, for a cooldown that says nothing. */
  readonly cooldownSeconds: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

const RATES: readonly DropReason[] = ["rpm", "tpm", "itpm", "otpm"];

/** The refusal of a request that no deployment of its group can take, in LiteLLM's words. */
export function noDeployment(input: NoDeploymentInput): GatewayError {
  const { group, model, emptiedBy, drops, now } = input;
  const reasons = new Set(drops.map(({ reason }) => reason));
  const overRate = RATES.some((rate) => reasons.has(rate));
  switch (emptiedBy) {
    case "tags":
      return new GatewayError(
        "authentication",
        `Not allowed to access model due to tags configuration. Passed model=${model}`,
        { type: "auth_error" },
      );
    case "team":
      return new GatewayError(
        "invalid_request",
        `litellm.BadRequestError: You passed in model=${model}. There are no healthy deployments for this model`,
      );
    case "paused":
      return new GatewayError(
        "service_unavailable",
        `litellm.ServiceUnavailableError: Model '${model}' is currently paused and cannot accept requests.`,
      );
    case "budget":
      return crossedBudget(drops);
    case "region":
      return outsideRegion(model);
    case "checks":
    case "rate":
      if (reasons.has("context_window") && !overRate) {
        const detail = drops.find(({ reason }) => reason === "context_window")?.detail ?? "";
        return new GatewayError(
          "context_window_exceeded",
          `litellm.ContextWindowExceededError: litellm.BadRequestError: No deployment of ${model} has room for the prompt: ${detail}`,
        );
      }
      return refused(input, overRate ? secondsToNextMinute(now) : 1, false);
    case "cooldown": {
      const first = Math.min(...group.candidates.map(({ state }) => state.cooldown?.until ?? Number.POSITIVE_INFINITY));
      const seconds = Number.isFinite(first) ? Math.max(1, Math.ceil((first - now) / 1000)) : input.cooldownSeconds;
      return refused(input, seconds, true);
    }
    default:
      return refused(input, input.cooldownSeconds, false);
  }
}

/** No deployment is left whose provider's and own budget has room. */
export function crossedBudget(drops: readonly Drop[]): GatewayError {
  const lines = drops.flatMap(({ reason, detail }) =>
    reason.endsWith("_budget") && detail !== undefined ? [detail] : [],
  );
  return new GatewayError("no_deployment", `No deployments available - crossed budget: ${lines.join("\n")}\n`, {
    type: "internal_server_error",
  });
}

/** Nothing that may serve a model is where an end user's data may go. */
export function outsideRegion(model: string): GatewayError {
  return new GatewayError(
    "invalid_request",
    `litellm.BadRequestError: No deployment of ${model} is in the region that this end user's requests must stay in`,
  );
}

function refused(input: NoDeploymentInput, seconds: number, cooling: boolean): GatewayError {
  const ids = input.drops
    .filter(({ reason }) => reason === "cooldown")
    .map(({ candidate }) => `'${candidate.deployment.id}'`);
  const all = cooling ? " All deployments for selected model are in cooldown." : "";
  return new GatewayError(
    "no_deployment",
    `No deployments available for selected model, Try again in ${seconds} seconds.${all} Passed model=${input.model}. ` +
      `pre-call-checks=${input.preCallChecks ? "True" : "False"}, cooldown_list=[${ids.join(", ")}]`,
    { headers: { "retry-after": String(seconds) }, ...(cooling ? { type: "all_deployments_in_cooldown" } : {}) },
  );
}
