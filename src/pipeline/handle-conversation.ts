import { GatewayError, UpstreamError } from "../errors/gateway-error.ts";
import type { ParameterReport } from "../formats/report.ts";
import { replaceStringMember } from "../json/patch.ts";
import { findProvider } from "../providers/registry.ts";
import type { Provider } from "../providers/provider.ts";
import { matchModel, upstreamModel } from "../routing/match-model.ts";
import { allowedRetries, retryWait } from "../routing/retry-policy.ts";
import { simpleShuffle } from "../routing/simple-shuffle.ts";
import type { Deployment, PriceSheet } from "../snapshot/snapshot.ts";
import { answerHeaders } from "./answer-headers.ts";
import {
  type Answer,
  type AttemptProgress,
  answerContext,
  attempt,
  ClientGone,
  type StreamingAnswer,
  type WholeAnswer,
} from "./attempt.ts";
import type { Gateway } from "./gateway.ts";
import { type Prepared, prepareRequest } from "./prepare-request.ts";
import { clientError } from "./provider-error.ts";
import type { RequestContext } from "./request-context.ts";
import { Settlement } from "./settlement.ts";
import { streamBody } from "./stream-body.ts";

interface Target {
  readonly deployment: Deployment;
  readonly provider: Provider;
  readonly model: string;
  readonly prices: PriceSheet | undefined;
}

/** Serves one conversation, whatever the client's format: route → attempt → stream → settle. */
export async function handleConversation(
  gateway: Gateway,
  context: RequestContext,
  pricesFor: (deployment: Deployment, model: string) => PriceSheet | undefined,
): Promise<Response> {
  const settlement = new Settlement(gateway, context);
  try {
    const match = matchModel(context.snapshot, context.requestedModel);
    if (match === undefined) throw unknownModel(context);
    const pick = (): Target => {
      const deployment = simpleShuffle(match.deployments, gateway.random());
      const provider = findProvider(deployment.provider);
      if (provider === undefined) throw new GatewayError("internal", `no provider is called ${deployment.provider}`);
      const model = upstreamModel(deployment, match.captured, context.requestedModel);
      return { deployment, provider, model, prices: pricesFor(deployment, model) };
    };
    return await attempts(gateway, context, settlement, pick, match.deployments.length);
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

async function attempts(
  gateway: Gateway,
  context: RequestContext,
  settlement: Settlement,
  pick: () => Target,
  deployments: number,
): Promise<Response> {
  for (let made = 1; ; made++) {
    const target = pick();
    const { deployment, provider, model, prices } = target;
    const prepared = prepareRequest(context, deployment, provider, model);
    if (made === 1) settlement.open(deployment, prices);
    const startedAt = Date.now();
    const startedClock = performance.now();
    const progress: AttemptProgress = { sent: false, usage: undefined, textLength: 0 };
    try {
      const answer = await attempt(gateway, context, prepared, timeoutOf(context, deployment), progress);
      return respond(
        gateway,
        context,
        settlement,
        target,
        prepared,
        answer,
        progress,
        startedAt,
        performance.now() - startedClock,
      );
    } catch (error) {
      if (error instanceof ClientGone) {
        settlement.note(deployment, model, prices, startedAt, progress, { status: "cancelled", httpStatus: 499 });
        throw error;
      }
      const failure = error instanceof UpstreamError ? error : undefined;
      settlement.note(deployment, model, prices, startedAt, progress, {
        status: "failure",
        ...(failure?.failure.upstreamStatus === undefined ? {} : { httpStatus: failure.failure.upstreamStatus }),
        ...(failure === undefined ? {} : { errorCode: failure.code }),
      });
      if (failure === undefined) throw error;
      const retries = allowedRetries({
        code: failure.code,
        retryable: failure.retryable,
        group: context.requestedModel,
        router: context.snapshot.router,
        deploymentRetries: deployment.settings.numRetries,
        requestRetries: context.controls.numRetries,
      });
      if (made > retries) throw clientError(failure, provider, context);
      gateway.log.debug("retrying", { id: context.id, attempt: made, deployment: deployment.id, code: failure.code });
      await wait(
        context,
        retryWait({
          attempts: made,
          retryAfter: failure.failure.retryAfter,
          minimum: context.snapshot.router.retryAfter,
          otherDeployment: deployments > 1,
          random: gateway.random(),
        }),
      );
    }
  }
}

/** Seconds: the caller's word, the deployment's, the router's, the library's. */
function timeoutOf(context: RequestContext, deployment: Deployment): number {
  const { controls, snapshot } = context;
  const whole =
    controls.timeout ?? deployment.settings.timeout ?? snapshot.router.timeout ?? snapshot.library.requestTimeout;
  if (!context.stream) return whole;
  return controls.streamTimeout ?? deployment.settings.streamTimeout ?? snapshot.router.streamTimeout ?? whole;
}

async function wait(context: RequestContext, seconds: number): Promise<void> {
  if (seconds <= 0) return;
  const { signal } = context.request;
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

function respond(
  gateway: Gateway,
  context: RequestContext,
  settlement: Settlement,
  target: Target,
  prepared: Prepared,
  answer: Answer,
  progress: AttemptProgress,
  startedAt: number,
  upstreamMs: number,
): Response {
  const note = (status: "success" | "failure" | "cancelled"): void =>
    settlement.note(target.deployment, target.model, target.prices, startedAt, progress, { status, httpStatus: 200 });
  if (answer.kind === "whole") return wholeResponse(gateway, context, settlement, prepared, answer, note, upstreamMs);
  return streamResponse(gateway, context, settlement, prepared, answer, progress, note, upstreamMs);
}

function wholeResponse(
  gateway: Gateway,
  context: RequestContext,
  settlement: Settlement,
  prepared: Prepared,
  answer: WholeAnswer,
  note: (status: "success") => void,
  upstreamMs: number,
): Response {
  note("success");
  const text = wholeText(context, prepared, answer);
  settlement.settle({ status: "success", httpStatus: 200 });
  const headers = answerHeaders(
    gateway,
    context,
    prepared.deployment,
    answer.headers,
    settlement,
    upstreamMs,
    shown(prepared.call.report),
  );
  return new Response(text, { status: 200, headers });
}

function wholeText(context: RequestContext, prepared: Prepared, answer: WholeAnswer): string {
  if (answer.response !== undefined) {
    return JSON.stringify(context.client.encodeResponse(answer.response, answerContext(context, prepared)));
  }
  const model = answer.body.model;
  if (answer.text === undefined) {
    return JSON.stringify(typeof model === "string" ? { ...answer.body, model: context.requestedModel } : answer.body);
  }
  return typeof model === "string"
    ? replaceStringMember(answer.text, "model", model, context.requestedModel)
    : answer.text;
}

function streamResponse(
  gateway: Gateway,
  context: RequestContext,
  settlement: Settlement,
  prepared: Prepared,
  answer: StreamingAnswer,
  progress: AttemptProgress,
  note: (status: "success" | "failure" | "cancelled") => void,
  upstreamMs: number,
): Response {
  settlement.firstContentAt = Date.now();
  const headers = answerHeaders(
    gateway,
    context,
    prepared.deployment,
    answer.headers,
    settlement,
    upstreamMs,
    shown(prepared.call.report),
  );
  const body = streamBody({
    answer,
    deadlines: gateway.deadlines,
    idleSeconds: timeoutOf(context, prepared.deployment),
    failureOf: (failure) => clientError(new UpstreamError(failure), prepared.provider, context),
    settle: (status, failure) => {
      progress.usage = answer.tap.usage;
      progress.textLength = answer.tap.textLength;
      note(status);
      settlement.settle({
        status,
        httpStatus: status === "cancelled" ? 499 : 200,
        ...(failure === undefined ? {} : { errorCode: failure.code, errorMessage: failure.message }),
      });
    },
  });
  return new Response(body, { status: 200, headers });
}

/** The parameter report as a header: at most 1,000 visible ASCII characters. */
function shown(report: ParameterReport): string | undefined {
  if (report.changes.length === 0) return undefined;
  const text = report.changes
    .map((change) => `${change.parameter} ${change.action}${change.to === undefined ? "" : ` to ${change.to}`}`)
    .join(", ")
    .replace(/[^\x20-\x7e]/g, "?");
  return text.length > 1000 ? `${text.slice(0, 997)}...` : text;
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
