import type { Lease } from "../admission/admission.ts";
import { limitSettingsOf } from "../admission/limit-settings.ts";
import type { CachedAnswer } from "../cache/answer-cache.ts";
import type { ErrorCode } from "../errors/gateway-error.ts";
import type { Json } from "../json/json.ts";
import {
  type AttemptRecord,
  type AttemptUsage,
  attemptUsage,
  type SpendRecord,
  type SpendStatus,
} from "../ledger/record.ts";
import { priceCall, upperBound } from "../pricing/cost.ts";
import { isFree } from "../pricing/price-sheet.ts";
import type { AutoDecision } from "../routing/auto/decision.ts";
import type { RouteFailure } from "../routing/route-plan.ts";
import type { Deployment, PriceSheet } from "../snapshot/snapshot.ts";
import { believableUsage } from "../usage/believable-usage.ts";
import { addUsage, inputTokens, outputTokens, totalTokens, type Usage } from "../usage/usage.ts";
import type { AttemptProgress } from "./attempt.ts";
import type { Target } from "./attempt-run.ts";
import { boundsOf, type Reserved } from "./bounds.ts";
import type { Gateway } from "./gateway.ts";
import { type RequestContext, visibleCallId } from "./request-context.ts";
import { rowTags } from "./row-tags.ts";
import { answerObject, storedContent, storesContent } from "./stored-content.ts";

/** UTF-16 units per token in running text; figures derived from it are marked as estimated. */
const UNITS_PER_TOKEN = 4;

/** How a request ended, as its row and its answer say it. */
export interface Outcome {
  readonly status: SpendStatus;
  readonly httpStatus: number;
  readonly errorCode?: ErrorCode;
  readonly errorMessage?: string | undefined;
}

/** How one attempt ended, as the row has it. */
export interface AttemptEnd {
  readonly status: AttemptRecord["status"];
  readonly httpStatus?: number;
  readonly errorCode?: ErrorCode;
}

/** What one attempt consumed: known, estimated, or nothing. */
export interface AttemptSpend {
  readonly usage: Usage | undefined;
  /** Nano-dollars; undefined where nothing can have been billed or the price is unknown. */
  readonly cost: bigint | undefined;
}

/** What the router did for a request, as its answer's headers say it. */
export interface RouteTrace {
  /** Attempts on the answering group before the one that answered. */
  readonly retries: number;
  /** Retries that the last failure was allowed. */
  readonly maxRetries: number;
  readonly fallbacks: number;
  readonly maxFallbacks: number;
  /** Of the groups before the answering one. */
  readonly failures: readonly RouteFailure[];
  /** What an auto router decided. */
  readonly decision: AutoDecision | undefined;
}

/** The tokens that limits per minute count of a call. */
function countedTokens({ snapshot }: RequestContext, usage: Usage): number {
  const { countedTokens: counted } = limitSettingsOf(snapshot);
  if (counted === "total") return totalTokens(usage);
  return counted === "input" ? inputTokens(usage) : outputTokens(usage);
}

/** The one place where a request's money is decided. Opened before the first call goes out, settled exactly once. */
export class Settlement {
  readonly #gateway: Gateway;
  readonly #context: RequestContext;
  #rowTags: readonly string[] | undefined;
  readonly #attempts: AttemptRecord[] = [];
  #nano = 0n;
  #usage: Usage | undefined;
  #estimated = false;
  #tier: string | undefined;
  #price: SpendRecord["price"] = "unknown";
  #deployment: Deployment | undefined;
  #model = "";
  #settled = false;
  #opened = false;
  #cached: CachedAnswer | undefined;
  route: RouteTrace | undefined;
  /** Called once when the request is settled, however it ended. */
  afterwards: (() => void) | undefined;
  /** What admission holds for the request. */
  lease: Lease | undefined;
  /** What the lease was taken for. */
  reserved: Reserved | undefined;
  firstContentAt: number | undefined;
  /** What was answered, where rows are to hold it (see `keepsContent`). */
  answer: Json | undefined;
  /** Of a list of embeddings: the inputs whose vectors the cache had, which the row's tokens and cost leave out. */
  cachedInputs = 0;

  constructor(gateway: Gateway, context: RequestContext) {
    this.#gateway = gateway;
    this.#context = context;
  }

  #tags(): readonly string[] | undefined {
    this.#rowTags ??= rowTags(this.#context) ?? [];
    return this.#rowTags.length === 0 ? undefined : this.#rowTags;
  }

  /** Whether the row is to hold what was asked and answered. */
  get keepsContent(): boolean {
    return storesContent(this.#context.snapshot);
  }

  get attempts(): readonly AttemptRecord[] {
    return this.#attempts;
  }

  /** Whether the lease is journaled. */
  get opened(): boolean {
    return this.#opened;
  }

  /** The most tokens that the prompt was taken for when the request was admitted. */
  get promptBound(): number {
    return (this.reserved?.bounds ?? boundsOf(this.#context)).inputTokens;
  }

  /** Whether the row is written. */
  get settled(): boolean {
    return this.#settled;
  }

  /** Nano-dollars of everything noted so far. */
  get cost(): bigint {
    return this.#nano;
  }

  get price(): SpendRecord["price"] {
    return this.#price;
  }

  /** Journals the lease, once. Throws when nothing more can be journaled; then no call may go out. */
  open(deployment: Deployment, model: string, prices: PriceSheet | undefined): void {
    if (this.#opened) return;
    const context = this.#context;
    const { principal, controls } = context;
    this.#deployment = deployment;
    const visible = visibleCallId(context);
    this.#gateway.accounts.open({
      id: context.id,
      callId: visible === context.id ? undefined : visible,
      startedAt: context.startedAt,
      amount: String(this.lease?.amount ?? (prices === undefined ? 0n : upperBound(prices, boundsOf(context)))),
      callType: context.callType,
      modelGroup: context.requestedModel,
      model,
      provider: deployment.provider,
      deploymentId: deployment.id,
      apiBase: deployment.target.base,
      stream: context.stream,
      sessionId: controls.sessionId,
      requesterIp: context.clientAddress,
      keyHash: principal.keyHash,
      keyAlias: principal.keyAlias,
      userId: principal.userId,
      teamId: principal.teamId,
      organizationId: principal.organizationId,
      endUser: controls.endUser,
      tags: this.#tags(),
    });
    this.#opened = true;
  }

  /** Adds one attempt with what it cost: known, estimated where the provider may have billed, or nothing. */
  note(target: Target, startedAt: number, progress: AttemptProgress, end: AttemptEnd): AttemptSpend {
    const { deployment, model, prices } = target;
    this.#deployment = deployment;
    this.#model = model;
    this.#price = prices === undefined ? "unknown" : isFree(prices) ? "free" : "known";
    const usage = this.#usageOf(progress);
    let cost: bigint | undefined;
    let recorded: AttemptUsage | undefined;
    if (usage !== undefined) {
      if (this.#usage !== undefined || usage.reportedCost !== undefined || usage.searchContextSize !== undefined) {
        recorded = attemptUsage(this.#withTier(usage));
        this.#recordEarlierUsage();
      }
      this.#usage = this.#usage === undefined ? usage : addUsage(this.#usage, usage);
      this.#estimated ||= usage.estimated === true;
      const tiered = this.#withTier(usage);
      this.#tier = tiered.serviceTier;
      const priced = priceCall(tiered, prices, { at: startedAt });
      if (priced === undefined) this.#price = "unknown";
      else if (prices === undefined) this.#price = "known";
      cost = priced?.nano;
      this.#nano += cost ?? 0n;
    }
    this.#attempts.push({
      deploymentId: deployment.id,
      provider: deployment.provider,
      model,
      startedAt,
      endedAt: Date.now(),
      status: end.status,
      httpStatus: end.httpStatus,
      errorCode: end.errorCode,
      cost: cost === undefined ? undefined : String(cost),
      estimated: usage?.estimated === true ? true : undefined,
      usage: recorded,
    });
    return { usage, cost };
  }

  /** The tier that was asked for counts where the answer names none. */
  #withTier(usage: Usage): Usage {
    const { service_tier: asked } = this.#context.body;
    return usage.serviceTier !== undefined || typeof asked !== "string" ? usage : { ...usage, serviceTier: asked };
  }

  /** Of the only attempt so far that was billed the row's sum is the usage; no longer so when another one follows. */
  #recordEarlierUsage(): void {
    const earlier = this.#attempts.findIndex(({ cost, usage }) => cost !== undefined && usage === undefined);
    const attempt = this.#attempts[earlier];
    if (attempt === undefined || this.#usage === undefined) return;
    const tier = this.#tier === undefined ? {} : { serviceTier: this.#tier };
    this.#attempts[earlier] = { ...attempt, usage: attemptUsage({ ...this.#usage, ...tier }) };
  }

  /** Who answered, for whoever keeps the answer. */
  get served(): { readonly model: string; readonly provider: string; readonly deploymentId: string } {
    return {
      model: this.#model,
      provider: this.#deployment?.provider ?? "",
      deploymentId: this.#deployment?.id ?? "",
    };
  }

  /** Writes the row of an answer that was kept: nobody was called and nothing is owed. */
  settleFromCache(answer: CachedAnswer): void {
    this.#usage = { buckets: answer.buckets };
    this.#price = "free";
    this.#cached = answer;
    if (this.keepsContent) this.answer = answerObject(answer.text);
    this.settle({ status: "success", httpStatus: 200 });
  }

  /** Writes the row. Further calls do nothing: whoever ends the request first says how it ended. */
  settle(outcome: Outcome): void {
    if (this.#settled) return;
    this.#settled = true;
    const context = this.#context;
    const usage = this.#usage ?? { buckets: {} };
    this.lease?.settle(this.#nano, countedTokens(context, usage));
    const untold = outcome.status === "failure" && context.snapshot.general.raw.disable_error_logs === true;
    // A failure that called somebody may be billed: its row stays, without what was said.
    if (!untold || this.#opened) this.#write(untold ? { ...outcome, errorMessage: undefined } : outcome, usage);
    this.#tell(outcome, usage);
    this.afterwards?.();
  }

  #write(outcome: Outcome, usage: Usage): void {
    const context = this.#context;
    const { principal, controls } = context;
    const visible = visibleCallId(context);
    this.#gateway.accounts.settle({
      id: context.id,
      startedAt: context.startedAt,
      endedAt: Date.now(),
      callType: context.callType,
      modelGroup: context.requestedModel,
      keyHash: principal.keyHash,
      status: outcome.status,
      httpStatus: outcome.httpStatus,
      cost: String(this.#nano),
      price: this.#price,
      model: this.#cached?.model ?? this.#model,
      provider: this.#cached?.provider ?? this.#deployment?.provider ?? "",
      deploymentId: this.#cached?.deploymentId ?? this.#deployment?.id ?? "",
      apiBase: this.#deployment?.target.base ?? "",
      cacheHit: this.#cached === undefined ? undefined : true,
      buckets: usage.buckets,
      promptTokens: inputTokens(usage),
      completionTokens: outputTokens(usage),
      totalTokens: totalTokens(usage),
      stream: context.stream,
      attempts: this.#attempts,
      keyAlias: principal.keyAlias,
      userId: principal.userId,
      teamId: principal.teamId,
      organizationId: principal.organizationId,
      endUser: controls.endUser,
      tags: this.#tags(),
      sessionId: controls.sessionId,
      requesterIp: context.clientAddress,
      estimated: this.#estimated || undefined,
      firstContentAt: this.firstContentAt,
      errorCode: outcome.errorCode,
      errorMessage: outcome.errorMessage,
      callId: visible === context.id ? undefined : visible,
      metadata: this.#metadata(),
    });
  }

  #metadata(): SpendRecord["metadata"] {
    const decision = this.route?.decision;
    const content = this.keepsContent ? storedContent(this.#context, this.answer) : undefined;
    if (this.#tier === undefined && this.cachedInputs === 0 && decision === undefined && content === undefined)
      return undefined;
    return {
      ...content,
      ...(decision === undefined ? {} : { routing_decision: decision }),
      ...(this.#tier === undefined ? {} : { service_tier: this.#tier }),
      ...(this.cachedInputs === 0 ? {} : { cached_inputs: this.cachedInputs }),
    };
  }

  #tell(outcome: Outcome, usage: Usage): void {
    const { events } = this.#gateway;
    if (!events.heard) return;
    const { id, requestedModel: model, principal, startedAt } = this.#context;
    const { status, httpStatus } = outcome;
    const at = Date.now();
    if (status !== "success") {
      events.emit({ type: "failed", id, at, model, errorCode: outcome.errorCode ?? "api_connection", httpStatus });
    }
    events.emit({
      type: "settled",
      id,
      at,
      model,
      status,
      httpStatus,
      cost: String(this.#nano),
      price: this.#price,
      promptTokens: inputTokens(usage),
      completionTokens: outputTokens(usage),
      seconds: (at - startedAt) / 1000,
      deploymentId: this.#deployment?.id ?? "",
      provider: this.#deployment?.provider ?? "",
      keyHash: principal.keyHash,
      teamId: principal.teamId,
    });
  }

  /** The provider's word where it can be true; what it says in vain is estimated like what it does not say. */
  #usageOf(progress: AttemptProgress): Usage | undefined {
    const told = progress.usage;
    const believed = told === undefined ? undefined : believableUsage(told);
    return believed ?? (told !== undefined || progress.sent ? this.#estimate(progress) : undefined);
  }

  /** What an attempt without usage may have cost: the prompt's bound and what was received. */
  #estimate(progress: AttemptProgress): Usage {
    return {
      estimated: true,
      buckets: {
        input: this.promptBound,
        ...(progress.textLength === 0 ? {} : { output: Math.ceil(progress.textLength / UNITS_PER_TOKEN) }),
      },
    };
  }
}
