import type { Lease } from "../admission/admission.ts";
import { UpstreamError } from "../errors/gateway-error.ts";
import type { Provider } from "../providers/provider.ts";
import { headroomIn } from "../routing/headroom.ts";
import type { UsedTokens } from "../routing/minute-counts.ts";
import type { RouteFailure } from "../routing/route-plan.ts";
import type { ActiveCall } from "../routing/router.ts";
import type { Deployment, PriceSheet } from "../snapshot/snapshot.ts";
import type { UpstreamHeaders } from "../upstream/transport.ts";
import { inputTokens, outputTokens, totalTokens, type Usage } from "../usage/usage.ts";
import type { AttemptProgress } from "./attempt.ts";
import { canOutgrow, reservedFor } from "./bounds.ts";
import type { Gateway } from "./gateway.ts";
import type { RequestContext } from "./request-context.ts";
import type { AttemptEnd, Settlement } from "./settlement.ts";
import { Superseded } from "./upstream-call.ts";

/** Where one attempt goes. */
export interface Target {
  readonly deployment: Deployment;
  readonly provider: Provider;
  /** The name that goes upstream. */
  readonly model: string;
  readonly prices: PriceSheet | undefined;
}

export interface AttemptRunOptions {
  readonly gateway: Gateway;
  readonly context: RequestContext;
  readonly target: Target;
  readonly settlement: Settlement;
  readonly active: ActiveCall;
  /** What is held of the budgets of its provider and deployment. */
  readonly held: Lease | undefined;
  /** Called once when the answer is at hand; throws Superseded when another attempt has it already. */
  readonly claim: (run: AttemptRun) => void;
}

/** One attempt under way: it is told how far it came, and tells the router and the settlement how it ended, once. */
export class AttemptRun {
  /** The request as this attempt's group gets it: under another name after a fallback. */
  readonly context: RequestContext;
  readonly target: Target;
  readonly settlement: Settlement;
  /** Milliseconds since the epoch. */
  readonly startedAt = Date.now();
  readonly progress: AttemptProgress;
  /** The call went out, or was about to. */
  called = false;
  readonly #options: AttemptRunOptions;
  readonly #startedClock = performance.now();
  #seconds: number | undefined;
  #ended = false;

  constructor(options: AttemptRunOptions) {
    this.#options = options;
    this.context = options.context;
    this.target = options.target;
    this.settlement = options.settlement;
    const leased = options.held !== undefined || options.settlement.lease !== undefined;
    const metered = leased && options.context.stream && canOutgrow(reservedFor(this), options.context);
    this.progress = { sent: false, usage: undefined, textLength: 0, metered };
  }

  /** What is held of the budgets of its provider and deployment. */
  get held(): Lease | undefined {
    return this.#options.held;
  }

  /** Journals the lease before the first call of the request goes out. */
  beforeCall(): void {
    this.called = true;
    const { deployment, model, prices } = this.target;
    this.settlement.open(deployment, model, prices);
  }

  /** Milliseconds since the attempt began. */
  elapsed(): number {
    return performance.now() - this.#startedClock;
  }

  /** The answer is at hand, whole or with its first content: no other attempt may become the answer. */
  answered(headers?: UpstreamHeaders): void {
    this.#options.claim(this);
    this.#seconds = this.elapsed() / 1000;
    const { active, gateway } = this.#options;
    if (headers === undefined || active.group.strategy !== "adaptive") return;
    const share = headroomIn(headers);
    if (share !== undefined) active.candidate.state.headroom = { share, at: gateway.router.now() };
  }

  /** Adds the attempt to the request's row and to what is known of its deployment. Only the first call counts. */
  end(end: AttemptEnd, failure?: RouteFailure): void {
    if (this.#ended) return;
    this.#ended = true;
    const { gateway, active } = this.#options;
    const { usage, cost } = this.settlement.note(this.target, this.startedAt, this.progress, end);
    this.held?.settle(cost ?? 0n, 0);
    gateway.router.ended(active, {
      status: end.status,
      failure: end.status === "failure" ? (failure ?? BROKEN_OFF) : undefined,
      seconds: this.#seconds,
      tokens: usage === undefined ? undefined : usedTokens(usage),
      cost,
    });
  }

  /** Nothing went out: the deployment's slot is free again, and there is nothing to note. */
  release(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.held?.settle(0n, 0);
    this.#options.gateway.router.ended(this.#options.active, { status: "cancelled" });
  }

  /** What a call that threw was noted as. Anything but a provider's failure is thrown again by the caller. */
  endWith(error: unknown): RouteFailure | undefined {
    if (error instanceof UpstreamError) {
      const { upstreamStatus, retryAfter } = error.failure;
      const failure: RouteFailure = {
        code: error.code,
        retryable: error.retryable,
        retryAfter,
        error,
        provider: this.target.provider.id,
      };
      this.end(
        {
          status: "failure",
          errorCode: error.code,
          ...(upstreamStatus === undefined ? {} : { httpStatus: upstreamStatus }),
        },
        failure,
      );
      return failure;
    }
    if (error instanceof Superseded) this.end({ status: "cancelled" });
    else this.end({ status: "failure" });
    return undefined;
  }
}

function usedTokens(usage: Usage): UsedTokens {
  const { cache_read = 0, cache_read_audio = 0 } = usage.buckets;
  return {
    total: totalTokens(usage),
    input: inputTokens(usage) - cache_read - cache_read_audio,
    output: outputTokens(usage),
  };
}

/** A stream that broke after its first content. */
const BROKEN_OFF: RouteFailure = {
  code: "api_connection",
  retryable: true,
  error: new Error("the answer broke off"),
};
