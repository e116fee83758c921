import type { ErrorCode } from "../errors/gateway-error.ts";
import type { DeploymentState } from "./deployment-state.ts";
import { policyFigure } from "./error-classes.ts";

/** `cooldown_time`, `allowed_fails` and what belongs to them. Times in seconds. */
export interface CooldownRules {
  readonly enabled: boolean;
  readonly seconds: number;
  /** Undefined: LiteLLM's rules for a router without `allowed_fails`. */
  readonly allowedFails: number | undefined;
  readonly allowedFailsPolicy: Readonly<Record<string, number>> | undefined;
}

/** A failure as the rules of retries, cooldowns and fallbacks see it. */
export interface FailureFacts {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  /** Seconds, as the provider said. */
  readonly retryAfter?: number | undefined;
}

/** LiteLLM's figures (`DEFAULT_FAILURE_THRESHOLD_…`, `SINGLE_DEPLOYMENT_TRAFFIC_FAILURE_THRESHOLD`). */
const FAILED_SHARE = 0.5;
const FEWEST_REQUESTS = 5;
const LONE_REQUESTS = 1000;

/** `allowed_fails` where a policy is set and says nothing of the class. */
const ALLOWED = 3;
/** Failures that are counted together: by the router's rules. */
const SHARED_KIND = "";

/** Failures that say something about the deployment and not about the request. */
const CONSIDERED: ReadonlySet<ErrorCode> = new Set([
  "authentication",
  "not_found",
  "timeout",
  "rate_limit",
  "internal",
  "api_error",
  "api_connection",
  "bad_gateway",
  "service_unavailable",
  "gateway_timeout",
  "overloaded",
]);

/** Failures that will come again until somebody mends the configuration. */
const LASTING: ReadonlySet<ErrorCode> = new Set(["authentication", "not_found"]);

export interface CooldownInput {
  readonly failure: FailureFacts;
  readonly state: DeploymentState;
  readonly rules: CooldownRules;
  /** `litellm_params.cooldown_time`, seconds; 0 means never. */
  readonly own: number | undefined;
  /** `model_info.allowed_fails` and `allowed_fails_policy`: they go before the router's. */
  readonly ownAllowedFails?: number | undefined;
  readonly ownPolicy?: Readonly<Record<string, number>> | undefined;
  /** Counts a failure of this kind among those of the last `ttl` milliseconds and says how many there are. */
  readonly count: (kind: string, ttl: number) => number;
  /** Deployments of the group. */
  readonly groupSize: number;
  /** A deployment for whatever name nobody else serves is never cooled down. */
  readonly catchAll: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * Milliseconds for which the deployment gets no requests after this failure, undefined for none. Its counters must
 * already hold the failure. LiteLLM's rules, save that broken connections count as well: there, a deployment that
 * refuses connections is tried again and again.
 */
export function cooldownAfter(input: CooldownInput): number | undefined {
  const { failure, state, rules, own, groupSize, catchAll, now } = input;
  if (!rules.enabled || own === 0 || catchAll) return undefined;
  const named = policyFigure(input.ownPolicy, failure.code, "AllowedFails");
  // A deployment may name failures that otherwise are the request's fault.
  if (!CONSIDERED.has(failure.code) && named === undefined) return undefined;
  const seconds = own ?? sensible(failure.retryAfter) ?? rules.seconds;
  if (seconds <= 0) return undefined;
  const ms = seconds * 1000;
  if (state.phase(now) !== "none") return ms;
  const { ownAllowedFails, ownPolicy, count } = input;
  const allowed = policyFigure(rules.allowedFailsPolicy, failure.code, "AllowedFails") ?? rules.allowedFails ?? ALLOWED;
  if (ownAllowedFails !== undefined || ownPolicy !== undefined) {
    // A figure for all failures leaves a lone deployment alone; one for this class means it.
    if (named === undefined && ownAllowedFails !== undefined && groupSize === 1) return undefined;
    const kind = named !== undefined ? failure.code : ownAllowedFails !== undefined ? "any" : SHARED_KIND;
    return count(kind, ms) > (named ?? ownAllowedFails ?? allowed) ? ms : undefined;
  }
  if (rules.allowedFails !== undefined || rules.allowedFailsPolicy !== undefined) {
    return count(SHARED_KIND, ms) > allowed ? ms : undefined;
  }
  if (LASTING.has(failure.code)) return ms;
  if (failure.code === "rate_limit" && groupSize > 1) return ms;
  const failures = state.minute.failures(now);
  const calls = failures + state.minute.successes(now);
  if (failures === calls && calls >= LONE_REQUESTS) return ms;
  return groupSize > 1 && calls >= FEWEST_REQUESTS && failures / calls > FAILED_SHARE ? ms : undefined;
}

/** A provider's word counts when it is a wait and not a date far away. */
function sensible(retryAfter: number | undefined): number | undefined {
  return retryAfter !== undefined && retryAfter > 0 && retryAfter <= 3600 ? retryAfter : undefined;
}
