import type { ErrorCode } from "../errors/gateway-error.ts";
import type { RouterSettings } from "../snapshot/snapshot.ts";
import { policyFigure } from "./error-classes.ts";

export interface RetryInput {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly group: string;
  readonly router: RouterSettings;
  /** From the deployment, then from the request, in LiteLLM's order of precedence. */
  readonly deploymentRetries: number | undefined;
  readonly requestRetries: number | undefined;
}

/** How many further attempts a failure of this class may have. A policy that names the class also makes it retryable. */
export function allowedRetries(input: RetryInput): number {
  const policy =
    policyFigure(input.router.modelGroupRetryPolicy?.[input.group], input.code, "Retries") ??
    policyFigure(input.router.retryPolicy, input.code, "Retries");
  if (policy !== undefined) return policy;
  if (!input.retryable) return 0;
  return input.deploymentRetries ?? input.requestRetries ?? input.router.numRetries;
}

export interface RetryWaitInput {
  /** Attempts made so far, at least 1. */
  readonly attempts: number;
  /** Seconds, as the provider said. */
  readonly retryAfter: number | undefined;
  /** `router_settings.retry_after`, seconds. */
  readonly minimum: number;
  /** Whether another deployment can take the next attempt at once. */
  readonly otherDeployment: boolean;
  /** Uniform in [0, 1). */
  readonly random: number;
}

const INITIAL_SECONDS = 0.5;
const LONGEST_SECONDS = 8;
const JITTER_SECONDS = 0.75;
const LONGEST_RETRY_AFTER = 60;

/** Seconds to wait before the next attempt: the provider's word where it gives one, else exponential with jitter. */
export function retryWait(input: RetryWaitInput): number {
  if (input.otherDeployment) return 0;
  const { retryAfter } = input;
  if (retryAfter !== undefined && retryAfter > 0 && retryAfter <= LONGEST_RETRY_AFTER) {
    return Math.max(retryAfter, input.minimum);
  }
  const backoff = Math.min(INITIAL_SECONDS * 2 ** (input.attempts - 1), LONGEST_SECONDS);
  return Math.max(backoff + JITTER_SECONDS * input.random, input.minimum);
}
