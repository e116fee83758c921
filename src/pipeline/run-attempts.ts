import type { AnswerCache } from "../cache/answer-cache.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import type { RoutePlan } from "../routing/route-plan.ts";
import { admit } from "./admit.ts";
import { ClientGone } from "./attempt.ts";
import { type CacheAccess, type CacheWriter, cacheAccess, cachedResponse, lookInCache } from "./cached-answer.ts";
import { isEmbeddingList, lookForEmbeddings } from "./cached-embeddings.ts";
import { callerContext } from "./caller-context.ts";
import { configuredContext, requireRules, trackedContext, validatedContext } from "./configured-context.ts";
import { customerRequest } from "./customer-context.ts";
import type { Gateway } from "./gateway.ts";
import { pretendFailure } from "./mock-testing.ts";
import type { RequestContext } from "./request-context.ts";
import { type MakeCall, RequestRun } from "./request-run.ts";
import { planFor } from "./routed-request.ts";
import { requireParams, ruledContext } from "./ruled-context.ts";
import { meaningOf } from "./semantic-meaning.ts";
import { Settlement } from "./settlement.ts";

export type { AttemptRun, Target } from "./attempt-run.ts";
export { idleTimeoutOf, timeoutOf } from "./time-limits.ts";

/**
 * Serves a request: asks one deployment after another as its plan says, and settles whatever happens. `call` makes one
 * attempt, in the context and at the target that its run has.
 */
export async function runAttempts(gateway: Gateway, arrived: RequestContext, call: MakeCall): Promise<Response> {
  const validated = validatedContext(gateway, configuredContext(callerContext(gateway, arrived)));
  const asked = ruledContext(validated instanceof Promise ? await validated : validated);
  const ruled = customerRequest(gateway, asked);
  const { context: customers, refusal } = (ruled instanceof Promise ? await ruled : ruled) ?? {
    context: asked,
    refusal: undefined,
  };
  const context = trackedContext(customers);
  const settlement = new Settlement(gateway, context);
  tellStart(gateway, context);
  try {
    if (refusal !== undefined) throw refusal;
    requireRules(arrived, customers);
    requireParams(context);
    const plan = await planFor(gateway, context);
    if (!plan.known) throw unknownModel(context);
    if (context.isCopy !== true) pretendFailure(plan, context);
    const admitted = gateway.gate === undefined ? undefined : admit(gateway.gate, context, plan);
    const {
      context: final,
      lease,
      reserved,
    } = (admitted instanceof Promise ? await admitted : admitted) ?? {
      context,
      lease: undefined,
      reserved: undefined,
    };
    settlement.lease = lease;
    settlement.reserved = reserved;
    const { cache } = gateway;
    const access = cache === undefined || context.isCopy === true ? undefined : cacheAccess(cache, final);
    if (cache === undefined || access === undefined) {
      return await answered(gateway, final, settlement, plan, call);
    }
    return await throughCache(gateway, cache, access, final, settlement, plan, call);
  } catch (error) {
    throw settleFailure(gateway, settlement, error);
  }
}

/** Answers from the cache, or makes the answer and lets it be kept. */
async function throughCache(
  gateway: Gateway,
  cache: AnswerCache,
  access: CacheAccess,
  context: RequestContext,
  settlement: Settlement,
  plan: RoutePlan,
  call: MakeCall,
): Promise<Response> {
  if (isEmbeddingList(context)) return embeddingsThroughCache(gateway, cache, access, context, settlement, plan, call);
  const looked = await lookInCache(cache, access, context, () => meaningOf(gateway, cache, context));
  if (looked.kind === "hit") return cachedResponse(context, access, looked, settlement);
  settlement.afterwards = looked.release;
  return answered(gateway, { ...context, cacheWriter: looked.writer }, settlement, plan, call);
}

/** The answer of a deployment; a copy of the request goes where that deployment says. */
async function answered(
  gateway: Gateway,
  context: RequestContext,
  settlement: Settlement,
  plan: RoutePlan,
  call: MakeCall,
): Promise<Response> {
  const run = new RequestRun(gateway, context, settlement, plan, call);
  const response = await run.run();
  const settings = run.served?.settings;
  if (settings?.silentModel !== undefined) {
    gateway.mirror?.copy(gateway, context, settings, (copy) => runAttempts(gateway, copy, call));
  }
  return response;
}

/** Vectors are kept one by one; the list as a whole only makes equal requests at the same time wait for one another. */
async function embeddingsThroughCache(
  gateway: Gateway,
  cache: AnswerCache,
  access: CacheAccess,
  context: RequestContext,
  settlement: Settlement,
  plan: RoutePlan,
  call: MakeCall,
): Promise<Response> {
  const whole = { ...access, use: { ...access.use, write: false } };
  const looked = await lookInCache(cache, whole, context, () => undefined);
  if (looked.kind === "hit") return cachedResponse(context, access, looked, settlement);
  settlement.afterwards = looked.release;
  const list = await lookForEmbeddings(cache, access.use, context);
  if (list.kind === "hit") {
    looked.writer.pass(list.answer);
    return cachedResponse(context, access, list, settlement);
  }
  const cacheWriter: CacheWriter = {
    save: (text, type, settled, usage) => {
      list.writer.save(text, type, settled, usage);
      looked.writer.save(text, type, settled, usage);
    },
  };
  const { partial } = list;
  const asking = { ...context, cacheWriter, ...(partial === undefined ? {} : { partial }) };
  return answered(gateway, asking, settlement, plan, call);
}

function unknownModel(context: RequestContext): GatewayError {
  const hasWildcards = context.snapshot.wildcards.length > 0;
  const message = hasWildcards
    ? `litellm.BadRequestError: You passed in model=${context.requestedModel}. There are no healthy deployments for this model`
    : `${context.routeName}: Invalid model name passed in model=${context.requestedModel}. Call \`/v1/models\` to view available models for your key.`;
  return new GatewayError("invalid_request", message, hasWildcards ? {} : { providerFields: { error: message } });
}

function tellStart({ events }: Gateway, context: RequestContext): void {
  if (!events.heard) return;
  events.emit({
    type: "started",
    id: context.id,
    at: context.startedAt,
    model: context.requestedModel,
    callType: context.callType,
    stream: context.stream,
    keyHash: context.principal.keyHash,
    teamId: context.principal.teamId,
  });
}

/** Every way out that is not an answer. The row is written before the caller can see the error. */
export function settleFailure(gateway: Gateway, settlement: Settlement, error: unknown): unknown {
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
