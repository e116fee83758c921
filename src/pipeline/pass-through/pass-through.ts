import { GatewayError, UpstreamError } from "../../errors/gateway-error.ts";
import { formatDollars } from "../../pricing/cost.ts";
import type { OutboundRequest } from "../../providers/provider.ts";
import type { PriceSheet } from "../../snapshot/snapshot.ts";
import type { UpstreamResponse } from "../../upstream/transport.ts";
import type { Usage } from "../../usage/usage.ts";
import { admitAt } from "../admit.ts";
import { callHeaders } from "../answer-headers.ts";
import { type AttemptProgress, asCallError } from "../attempt.ts";
import type { Target } from "../attempt-run.ts";
import { secretsOf, withoutSecrets } from "../deployment-secrets.ts";
import type { Gateway } from "../gateway.ts";
import { modelDenial } from "../model-denial.ts";
import { plainCall } from "../plain-call.ts";
import { pricesFor } from "../prices.ts";
import { relayBody } from "../relay-body.ts";
import type { RequestContext } from "../request-context.ts";
import { settleFailure } from "../run-attempts.ts";
import { SECURITY_HEADERS } from "../security-headers.ts";
import { Settlement } from "../settlement.ts";
import { ClientGone, UpstreamCall } from "../upstream-call.ts";
import { incomingHeaders } from "./pass-headers.ts";
import type { PassThroughTarget } from "./pass-through-targets.ts";
import { type AnswerShape, answerShape, UsageReader } from "./usage-reader.ts";

/** One request to a provider's own API, ready to go out but for the signature. */
export interface PassThroughRequest {
  readonly target: PassThroughTarget;
  /** The model's name upstream; undefined where the request names none. */
  readonly model: string | undefined;
  /** Path behind the base, for what its answer is written in. */
  readonly path: string;
  readonly outbound: OutboundRequest;
  /** Seconds. */
  readonly timeout: number;
  /** Consumed by every call, whatever its answer says: endpoints with a price of their own. */
  readonly fixedUsage?: Usage;
  /** Instead of the deployment's. */
  readonly prices?: PriceSheet;
  /** As whose admission it counts: how large the work is that the request stands for. Default: the request. */
  readonly admitted?: RequestContext;
  /** Makes of a JSON answer what the caller gets; answers of other types pass. */
  readonly rewrite?: (text: string) => Promise<string>;
}

/** Calls that consume nothing that is billed by itself. */
const NOTHING: Usage = { buckets: {} };

/**
 * Passes a request on as it is and its answer back as it comes, and settles what it cost as far as the answer says.
 * The row is written before the end of the answer can be seen. Throws the gateway's own refusals.
 */
export async function passThrough(
  gateway: Gateway,
  context: RequestContext,
  request: PassThroughRequest,
): Promise<Response> {
  const { target, model = "" } = request;
  const settlement = new Settlement(gateway, context);
  try {
    const prices = request.prices ?? pricesFor(target.deployment, model);
    if (gateway.gate !== undefined) {
      requireEither(gateway, context, request);
      const admitted = admitAt(gateway.gate, request.admitted ?? context, [prices]);
      settlement.lease = (admitted instanceof Promise ? await admitted : admitted).lease;
    }
    settlement.open(target.deployment, model, prices);
    return await call(gateway, context, request, settlement, { ...target, model, prices });
  } catch (error) {
    throw settleFailure(gateway, settlement, error);
  }
}

/** A key that may call a model may do so by its bare name and by the provider's. */
function requireEither(gateway: Gateway, context: RequestContext, { model, target }: PassThroughRequest): void {
  if (gateway.gate === undefined || model === undefined || context.requestedModel === "") return;
  const asked = context.requestedModel;
  const denial = modelDenial(gateway.gate, context, asked);
  if (denial === undefined) return;
  if (modelDenial(gateway.gate, context, `${target.provider.id}/${asked}`) !== undefined) throw denial;
}

async function call(
  gateway: Gateway,
  context: RequestContext,
  request: PassThroughRequest,
  settlement: Settlement,
  target: Target,
): Promise<Response> {
  const { outbound, timeout, path, fixedUsage } = request;
  const shape = fixedUsage === undefined && outbound.method === "POST" ? answerShape(path) : undefined;
  const progress: AttemptProgress = { sent: false, usage: undefined, textLength: 0, metered: false };
  const startedAt = Date.now();
  // A provider signs what goes to its model routes; this says that nothing else is to be done.
  const described = plainCall(target.deployment, "completions", { model: target.model, stream: context.stream });
  const upstream = new UpstreamCall(gateway, context, {
    provider: target.provider,
    endpoint: {},
    call: described,
    outbound,
    timeoutSeconds: timeout,
    onSend: () => {
      progress.sent = true;
    },
  });
  const note = (status: "success" | "failure" | "cancelled", httpStatus: number): void => {
    settlement.note(target, startedAt, progress, { status, httpStatus });
  };
  try {
    const response = await upstream.response();
    if (response.status >= 400) {
      progress.usage = NOTHING;
      note("failure", response.status);
      settlement.settle({
        status: "failure",
        httpStatus: response.status,
        errorCode: "api_error",
        errorMessage: `${target.provider.label} answered ${response.status}`,
      });
      return await refused(context, settlement, target, response);
    }
    const { rewrite } = request;
    return await answer({
      context,
      settlement,
      target,
      response,
      shape,
      progress,
      note,
      fixedUsage,
      upstream,
      rewrite,
    });
  } catch (error) {
    const failure = asCallError(error, upstream.reason, { outbound }, timeout, progress);
    upstream.abort(failure);
    if (failure instanceof ClientGone) note("cancelled", 499);
    else note("failure", failure instanceof GatewayError ? failure.status : 500);
    throw failure instanceof UpstreamError
      ? new GatewayError(failure.code, `${target.provider.label}: ${failure.message}`, { cause: failure })
      : failure;
  } finally {
    upstream.finish();
  }
}

interface Answering {
  readonly context: RequestContext;
  readonly settlement: Settlement;
  readonly target: Target;
  readonly response: UpstreamResponse;
  readonly shape: AnswerShape | undefined;
  readonly progress: AttemptProgress;
  readonly note: (status: "success" | "failure" | "cancelled", httpStatus: number) => void;
  readonly fixedUsage: Usage | undefined;
  readonly upstream: UpstreamCall;
  readonly rewrite: PassThroughRequest["rewrite"];
}

async function answer(answering: Answering): Promise<Response> {
  const { context, settlement, target, response, shape, progress, note, fixedUsage, upstream, rewrite } = answering;
  const contentType = response.headers.get("content-type") ?? "";
  const reader =
    shape === undefined
      ? undefined
      : new UsageReader({
          shape,
          contentType,
          provider: target.provider.id,
          model: target.model,
          fields: context.body,
        });
  const settle = (status: "success" | "failure" | "cancelled"): void => {
    progress.usage = reader === undefined ? (fixedUsage ?? NOTHING) : reader.end();
    progress.textLength = reader?.textLength ?? 0;
    note(status, response.status);
    settlement.settle({ status, httpStatus: status === "cancelled" ? 499 : response.status });
  };
  if (rewrite !== undefined && contentType.includes("json")) {
    const text = await rewrite(withoutSecrets(await response.text(), secretsOf(target.deployment)));
    settle("success");
    return new Response(text, { status: response.status, headers: headersOf(context, settlement, target, response) });
  }
  // What an answer cost stands in its head, so a whole one is read first.
  if (reader !== undefined && contentType.includes("json") && !contentType.includes("stream")) {
    const text = await response.text();
    reader.push(new TextEncoder().encode(text));
    settle("success");
    return new Response(text, { status: response.status, headers: headersOf(context, settlement, target, response) });
  }
  const body = relayBody({ response, settle, abort: upstream.abort, look: (chunk) => reader?.push(chunk) });
  return new Response(hasBody(response) ? body : null, {
    status: response.status,
    headers: headersOf(context, settlement, target, response),
  });
}

/** The provider's refusal as it is, but for the credential, which some say again. */
async function refused(
  context: RequestContext,
  settlement: Settlement,
  target: Target,
  response: UpstreamResponse,
): Promise<Response> {
  const text = withoutSecrets(await response.text(), secretsOf(target.deployment));
  return new Response(text, { status: response.status, headers: headersOf(context, settlement, target, response) });
}

function hasBody({ status }: UpstreamResponse): boolean {
  return status !== 204 && status !== 205 && status !== 304;
}

function headersOf(
  context: RequestContext,
  settlement: Settlement,
  target: Target,
  response: UpstreamResponse,
): Headers {
  const headers = incomingHeaders(response.headers, secretsOf(target.deployment));
  for (const [name, value] of Object.entries({ ...SECURITY_HEADERS, ...callHeaders(context) }))
    headers.set(name, value);
  headers.set("x-litellm-model-api-base", target.deployment.target.base);
  if (settlement.settled) headers.set("x-litellm-response-cost", formatDollars(settlement.cost));
  const key = settlement.lease?.remainders.find(({ scope }) => scope.descriptor === "api_key");
  headers.set("x-litellm-key-spend", formatDollars((key?.spent ?? 0n) + settlement.cost));
  return headers;
}
