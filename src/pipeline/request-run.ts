import { Lease } from "../admission/admission.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import { findProvider } from "../providers/registry.ts";
import { upstreamModel } from "../routing/match-model.ts";
import type { AttemptStep, RouteFailure, RoutePlan, RouteTarget } from "../routing/route-plan.ts";
import type { Deployment } from "../snapshot/snapshot.ts";
import { ClientGone } from "./attempt.ts";
import { affordAttempt, holdOfProvider } from "./attempt-leases.ts";
import { AttemptRun, type Target } from "./attempt-run.ts";
import type { Gateway } from "./gateway.ts";
import { hedgedAttempt } from "./hedged-attempt.ts";
import { pricesFor } from "./prices.ts";
import type { RequestContext } from "./request-context.ts";
import { reportedError } from "./route-error.ts";
import { contextFor } from "./routed-request.ts";
import type { Settlement } from "./settlement.ts";
import { waitForSlot, waitSeconds } from "./wait.ts";

/** Makes one attempt: resolves with the client's answer, whose own end settles the request from then on. */
export type MakeCall = (run: AttemptRun) => Promise<Response>;

/** What became of one attempt. */
export type Attempted =
  | { readonly kind: "answer"; readonly response: Response }
  | { readonly kind: "failed"; readonly failure: RouteFailure; readonly step: AttemptStep }
  /** Refused before anything went out: this group cannot express the request, another may. */
  | { readonly kind: "refused"; readonly failure: RouteFailure }
  /** Nothing went out: a budget of the deployment has no room for it, another deployment may have. */
  | { readonly kind: "no-room" }
  /** Nothing went out: the caller's budgets do not pay for it. */
  | { readonly kind: "unaffordable"; readonly failure: RouteFailure };

export interface AttemptHooks {
  readonly started?: (run: AttemptRun) => void;
  /** The answer is at hand; throws Superseded when another attempt has it already. */
  readonly claim?: (run: AttemptRun) => void;
  readonly superseded?: AbortSignal;
  /** Other attempts at the same request that are under way. */
  readonly alongside?: number;
}

/** One request on its way along its plan. */
export class RequestRun {
  readonly plan: RoutePlan;
  readonly #gateway: Gateway;
  /** As the client sent it. */
  readonly #asked: RequestContext;
  readonly #settlement: Settlement;
  readonly #call: MakeCall;
  #target: RouteTarget | undefined;
  #served: Deployment | undefined;
  /** As the present group gets it. */
  #context: RequestContext;

  constructor(gateway: Gateway, context: RequestContext, settlement: Settlement, plan: RoutePlan, call: MakeCall) {
    this.#gateway = gateway;
    this.#asked = context;
    this.#context = context;
    this.#settlement = settlement;
    this.plan = plan;
    this.#call = call;
  }

  /** Whose answer the client gets. */
  get served(): Deployment | undefined {
    return this.#served;
  }

  get gateway(): Gateway {
    return this.#gateway;
  }

  async run(): Promise<Response> {
    const { plan } = this;
    /** The group whose slot this request was woken for. */
    let woken: RouteTarget | undefined;
    for (;;) {
      const step = plan.next();
      if (woken !== undefined && step.kind !== "attempt") woken.group.queue.freed();
      woken = undefined;
      switch (step.kind) {
        case "attempt": {
          const response = await this.#attempt(step);
          if (response !== undefined) return response;
          break;
        }
        case "wait":
          await waitSeconds(this.#asked.request.signal, step.seconds);
          break;
        case "queue":
          if (!(await waitForSlot(this.#gateway, this.#context, step.target, plan.request.priority))) {
            plan.refuse(noSlot(step.target));
          } else {
            woken = step.target;
          }
          break;
        case "stop":
          throw reportedError(step.report, this.#asked);
      }
    }
  }

  /** Makes one attempt; whatever ends the request as a whole is thrown. */
  async once(step: AttemptStep, hooks: AttemptHooks = {}): Promise<Attempted> {
    const { plan } = this;
    const settlement = this.#settlement;
    const { router } = this.#gateway;
    const target = this.#targetOf(step);
    const { candidate } = step;
    const { alongside = 0 } = hooks;
    if (settlement.lease !== undefined && (settlement.attempts.length > 0 || step.target.fallbacks + alongside > 0)) {
      const error = await affordAttempt(this.#gateway, this.#context, settlement, target.prices, alongside);
      if (error !== undefined) return { kind: "unaffordable", failure: { code: error.code, retryable: false, error } };
    }
    const held =
      candidate.budgets.length === 0
        ? undefined
        : await holdOfProvider(this.#gateway, this.#context, settlement, candidate, target.prices);
    if (held !== undefined && !(held instanceof Lease)) {
      plan.withoutRoom(candidate, held, alongside > 0);
      return { kind: "no-room" };
    }
    const active = router.began(step.target.group, step.target.match.group, step.candidate, plan.rules, plan.request);
    const run = new AttemptRun({
      gateway: this.#gateway,
      context: hooks.superseded === undefined ? this.#context : { ...this.#context, superseded: hooks.superseded },
      target,
      settlement,
      active,
      held,
      claim: (self) => {
        hooks.claim?.(self);
        this.#served = target.deployment;
        settlement.route = {
          retries: step.retries,
          maxRetries: step.maxRetries,
          fallbacks: step.target.fallbacks,
          maxFallbacks: plan.rules.maxFallbacks,
          decision: plan.decision,
          failures: plan.failures,
        };
        router.remember(active, plan.request, step.prefixes);
        this.#tellSuccess(step, self);
      },
    });
    hooks.started?.(run);
    try {
      return { kind: "answer", response: await this.#call(run) };
    } catch (error) {
      return this.#failed(step, run, error);
    }
  }

  #failed(step: AttemptStep, run: AttemptRun, error: unknown): Attempted {
    if (!run.called) {
      run.release();
      if (!(error instanceof GatewayError)) throw error;
      return { kind: "refused", failure: { code: error.code, retryable: false, error } };
    }
    if (error instanceof ClientGone) {
      run.end({ status: "cancelled", httpStatus: 499 });
      throw error;
    }
    const failure = run.endWith(error);
    if (failure === undefined) throw error;
    this.#tellFailure(step, run, failure);
    return { kind: "failed", failure, step };
  }

  async #attempt(step: AttemptStep): Promise<Response | undefined> {
    this.#enter(step.target);
    const hedging = this.plan.rules.hedging.get(step.target.match.group);
    const attempted = hedging === undefined ? await this.once(step) : await hedgedAttempt(this, step, hedging);
    if (attempted.kind === "answer") return attempted.response;
    if (attempted.kind === "refused") this.plan.refuse(attempted.failure);
    else if (attempted.kind === "unaffordable") this.plan.unaffordable(attempted.failure);
    else if (attempted.kind === "failed") this.plan.failed(attempted.failure, attempted.step.candidate);
    return undefined;
  }

  /** Another group than before: the request changes its name, and what the fallback replaces. */
  #enter(target: RouteTarget): void {
    if (target === this.#target) return;
    const before = this.#target;
    this.#target = target;
    if (target.fallbacks === 0) return;
    this.#context = contextFor(this.#asked, target.model, target.overrides);
    const { events } = this.#gateway;
    if (!events.heard) return;
    events.emit({
      type: "fell-back",
      id: this.#asked.id,
      at: Date.now(),
      model: this.#asked.requestedModel,
      from: before?.model ?? this.#asked.requestedModel,
      to: target.model,
      errorCode: this.plan.lastFailure?.code ?? "internal",
    });
  }

  #targetOf(step: AttemptStep): Target {
    const { deployment } = step.candidate;
    const provider = findProvider(deployment.provider);
    if (provider === undefined) throw new GatewayError("internal", `no provider is called ${deployment.provider}`);
    const model = this.#asked.probeModel ?? upstreamModel(deployment, step.target.match.captured, step.target.model);
    return { deployment, provider, model, prices: pricesFor(deployment, model) };
  }

  #tellFailure(step: AttemptStep, run: AttemptRun, { code, error }: RouteFailure): void {
    const { deployment } = step.candidate;
    const { events, log } = this.#gateway;
    const { id, requestedModel: model } = this.#asked;
    log.debug("an attempt failed", { id, deployment: deployment.id, code });
    if (!events.heard) return;
    events.emit({
      type: "attempt-failed",
      id,
      at: Date.now(),
      model,
      deploymentId: deployment.id,
      provider: deployment.provider,
      group: step.target.model,
      errorCode: code,
      httpStatus: error instanceof GatewayError ? error.status : undefined,
      seconds: run.elapsed() / 1000,
    });
  }

  #tellSuccess(step: AttemptStep, run: AttemptRun): void {
    const { events } = this.#gateway;
    if (!events.heard) return;
    events.emit({
      type: "succeeded",
      id: this.#asked.id,
      at: Date.now(),
      model: this.#asked.requestedModel,
      deploymentId: step.candidate.deployment.id,
      provider: step.candidate.deployment.provider,
      group: step.target.model,
      seconds: run.elapsed() / 1000,
      retries: step.retries,
      fallbacks: step.target.fallbacks,
    });
  }
}

function noSlot({ model }: RouteTarget): RouteFailure {
  const error = new GatewayError(
    "no_deployment",
    `No deployments available for selected model, Try again in 1 seconds. All slots (max_parallel_requests) were taken for as long as the request may wait. Passed model=${model}.`,
    { headers: { "retry-after": "1" } },
  );
  return { code: error.code, retryable: false, error };
}
