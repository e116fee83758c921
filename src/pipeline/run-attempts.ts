import { GatewayError, UpstreamError } from "../errors/gateway-error.ts";
import type { Provider } from "../providers/provider.ts";
import { findProvider } from "../providers/registry.ts";
import { matchModel, upstreamModel } from "../routing/match-model.ts";
import { allowedRetries, retryWait } from "../routing/retry-policy.ts";
import { simpleShuffle } from "../routing/simple-shuffle.ts";
import type { Deployment, PriceSheet } from "../snapshot/snapshot.ts";
import { type AttemptProgress, ClientGone } from "./attempt.ts";
import type { Gateway } from "./gateway.ts";
import { pricesFor } from "./prices.ts";
import { clientError } from "./provider-error.ts";
import type { RequestContext } from "./request-context.ts";
import { Settlement } from "./settlement.ts";

/** Where one attempt goes. */
export interface Target {
  readonly deployment: Deployment;
  readonly provider: Provider;
  /** The name that goes upstream. */
  readonly model: string;
  readonly prices: PriceSheet | undefined;
}

/** One attempt under way. */
export interface AttemptRun {
  readonly target: Target;
  readonly settlement: Settlement;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly progress: AttemptProgress;
  /** Journals the lease before the first call goes out. */
  readonly beforeCall: () => void;
  /** Milliseconds since the attempt began. */
  readonly elapsed: () => number;
}

/**
 * Serves a request: finds its deployments, calls one, tries again as the retry policy says, and settles whatever
 * happens. `call` resolves with the client's answer; from then on the answer's own end settles it.
 */
export async function runAttempts(
  gateway: Gateway,
  context: RequestContext,
  call: (run: AttemptRun) => Promise<Response>,
): Promise<Response> {
  const settlement = new Settlement(gateway, context);
  try {
    const match = matchModel(context.snapshot, context.requestedModel);
    if (match === undefined) throw unknownModel(context);
    for (let made = 1; ; made++) {
      const deployment = simpleShuffle(match.deployments, gateway.random());
      const provider = findProvider(deployment.provider);
      if (provider === undefined) throw new GatewayError("internal", `no provider is called ${deployment.provider}`);
      const model = upstreamModel(deployment, match.captured, context.requestedModel);
      const target: Target = { deployment, provider, model, prices: pricesFor(deployment, model) };
      const failure = { error: undefined as UpstreamError | undefined };
      const response = await once(settlement, target, made === 1, call, failure);
      if (response !== undefined) return response;
      await beforeNext(gateway, context, target, failure.error as UpstreamError, made, match.deployments.length);
    }
  } catch (error) {
    throw settleFailure(gateway, settlement, error);
  }
}

function unknownModel(context: RequestContext): GatewayError {
  const hasWildcards = context.snapshot.wildcards.length > 0;
  const message = hasWildcards
    ? `litellm.BadRequestError: You passed in model=${context.requestedModel}. There are no healthy deployments for this model`
    : `${context.routeName}: Invalid model name passed in model=${context.requestedModel}. Call \`/v1/models\` to view available models for your key.`;
  return new GatewayError("invalid_request", message, hasWildcards ? {} : { providerFields: { error: message } });
}

/** The answer, or undefined with the provider's failure in `failure`; anything else that goes wrong is thrown. */
async function once(
  settlement: Settlement,
  target: Target,
  first: boolean,
  call: (run: AttemptRun) => Promise<Response>,
  failure: { error: UpstreamError | undefined },
): Promise<Response | undefined> {
  const { deployment, model, prices } = target;
  const startedAt = Date.now();
  const startedClock = performance.now();
  const progress: AttemptProgress = { sent: false, usage: undefined, textLength: 0 };
  let called = false;
  try {
    return await call({
      target,
      settlement,
      startedAt,
      progress,
      beforeCall: () => {
        called = true;
        if (first) settlement.open(deployment, model, prices);
      },
      elapsed: () => performance.now() - startedClock,
    });
  } catch (error) {
    if (!called) throw error;
    if (error instanceof ClientGone) {
      settlement.note(deployment, model, prices, startedAt, progress, { status: "cancelled", httpStatus: 499 });
      throw error;
    }
    const upstream = error instanceof UpstreamError ? error : undefined;
    settlement.note(deployment, model, prices, startedAt, progress, {
      status: "failure",
      ...(upstream?.failure.upstreamStatus === undefined ? {} : { httpStatus: upstream.failure.upstreamStatus }),
      ...(upstream === undefined ? {} : { errorCode: upstream.code }),
    });
    if (upstream === undefined) throw error;
    failure.error = upstream;
    return undefined;
  }
}

/** Waits as the policy says, or throws the error that the client gets. */
async function beforeNext(
  gateway: Gateway,
  context: RequestContext,
  { deployment, provider }: Target,
  failure: UpstreamError,
  made: number,
  deployments: number,
): Promise<void> {
  const { router } = context.snapshot;
  const retries = allowedRetries({
    code: failure.code,
    retryable: failure.retryable,
    group: context.requestedModel,
    router,
    deploymentRetries: deployment.settings.numRetries,
    requestRetries: context.controls.numRetries,
  });
  if (made > retries) throw clientError(failure, provider, context);
  gateway.log.debug("retrying", { id: context.id, attempt: made, deployment: deployment.id, code: failure.code });
  const seconds = retryWait({
    attempts: made,
    retryAfter: failure.failure.retryAfter,
    minimum: router.retryAfter,
    otherDeployment: deployments > 1,
    random: gateway.random(),
  });
  if (seconds > 0) await waitFor(context.request.signal, seconds);
}

async function waitFor(signal: AbortSignal, seconds: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
  if (signal.aborted) throw new ClientGone();
}

/** Seconds: the caller's word, the deployment's, the router's, the library's. */
export function timeoutOf(context: RequestContext, deployment: Deployment): number {
  const { controls, snapshot } = context;
  const { settings } = deployment;
  const whole = controls.timeout ?? settings.timeout ?? snapshot.router.timeout ?? snapshot.library.requestTimeout;
  if (!context.stream) return whole;
  return controls.streamTimeout ?? settings.streamTimeout ?? snapshot.router.streamTimeout ?? whole;
}

/** Every way out that is not an answer. The row is written before the caller can see the error. */
function settleFailure(gateway: Gateway, settlement: Settlement, error: unknown): unknown {
  if (error instanceof ClientGone) {
    settlement.settle({
      status: "cancelled",
      httpStatus: 499,
      errorCode: "client_closed_request",
      errorMessage: error.message,
    });
    return error;
  }
  if (error instanceof GatewayError) {
    settlement.settle({
      status: "failure",
      httpStatus: error.status,
      errorCode: error.code,
      errorMessage: error.message,
    });
    return error;
  }
  const message = error instanceof Error ? error.message : String(error);
  gateway.log.error("a request failed inside the gateway", {
    error: error instanceof Error ? (error.stack ?? message) : message,
  });
  settlement.settle({ status: "failure", httpStatus: 500, errorCode: "internal", errorMessage: message });
  return error;
}
