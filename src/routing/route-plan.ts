import { type ErrorCode, GatewayError } from "../errors/gateway-error.ts";
import type { AutoDecision } from "./auto/decision.ts";
import type { Candidate } from "./candidate.ts";
import type { FailureFacts } from "./cooldown.ts";
import { type FallbackTables, type FallbackTarget, fallbacksAfter } from "./fallbacks.ts";
import { crossedBudget, noDeployment, outsideRegion } from "./no-deployment.ts";
import { allowedRetries, retryWait } from "./retry-policy.ts";
import type { RouteRequest } from "./route-request.ts";
import type { Router } from "./router.ts";
import type { RoutingRules } from "./routing-rules.ts";
import { remaining, select } from "./select.ts";
import type { Drop, NoRoom, SelectionInput } from "./selection.ts";
import type { Resolved, SnapshotRouting } from "./snapshot-routing.ts";
import { byId } from "./stages/affinity.ts";
import { inRegion } from "./stages/pre-call-checks.ts";

/** A failed attempt, or a group that could not be asked at all. */
export interface RouteFailure extends FailureFacts {
  /** What the client gets when nothing else works. */
  readonly error: Error;
  /** Id of the provider that failed; undefined where none was asked. */
  readonly provider?: string | undefined;
}

/** The group that is being asked. */
export interface RouteTarget extends Resolved {
  /** As it was asked for or as the fallback names it. */
  readonly model: string;
  /** Members of the request that the fallback replaces. */
  readonly overrides: FallbackTarget["overrides"];
  /** Fallbacks before this one; 0 for the group that was asked for. */
  readonly fallbacks: number;
}

export type RouteStep =
  | {
      readonly kind: "attempt";
      readonly target: RouteTarget;
      readonly candidate: Candidate;
      /** Attempts on this group before this one. */
      readonly retries: number;
      /** Retries that the last failure of this group was allowed; 0 where there was none. */
      readonly maxRetries: number;
      /** Names of the prompt's beginnings, to be remembered when the call succeeds. */
      readonly prefixes: readonly string[];
    }
  | { readonly kind: "wait"; readonly seconds: number }
  /** All slots are taken: ask again when one is free. */
  | { readonly kind: "queue"; readonly target: RouteTarget }
  | { readonly kind: "stop"; readonly report: RouteReport };

export type AttemptStep = Extract<RouteStep, { kind: "attempt" }>;

/** How a request failed for good. */
export interface RouteReport {
  /** The failure of the group that was asked for. */
  readonly original: RouteFailure;
  /** The failure that came last; the same as `original` where no fallback was tried. */
  readonly last: RouteFailure;
  readonly group: string;
  /** Groups that were tried after it, in this order. */
  readonly fallbacks: readonly string[];
  /** Groups for which general fallbacks are configured; undefined where none are. */
  readonly configured: readonly string[] | undefined;
  /** The failure has a list of fallbacks of its own kind. */
  readonly ownList: boolean;
}

export interface RoutePlanOptions {
  readonly router: Router;
  readonly routing: SnapshotRouting;
  readonly request: RouteRequest;
  /** What the auto router decided whose name was asked for. */
  readonly decision?: AutoDecision | undefined;
  /** `num_retries` of the request. */
  readonly requestRetries?: number | undefined;
  /** One attempt, whatever the policies say. */
  readonly once?: boolean | undefined;
  /** The request's own lists, which go before the configured ones. */
  readonly fallbacks?: Partial<FallbackTables> | undefined;
  readonly disableFallbacks?: boolean | undefined;
  /** Whether the caller may use a group as a fallback; default yes. */
  readonly mayUse?: ((model: string) => boolean) | undefined;
}

const NO_TRIES: ReadonlySet<string> = new Set();
const NO_FALLBACKS: readonly FallbackTarget[] = [];

/**
 * The course of one request over deployments and groups: which one next, after which wait, and when it is over. It makes
 * no calls; whoever drives it says how each attempt ended. Attempts are bounded: for each group one more than its
 * retries, for each request one group more than `max_fallbacks`, and over all of them by `num_retries_per_request`.
 */
export class RoutePlan {
  readonly #options: RoutePlanOptions;
  readonly #tables: FallbackTables;
  #target: RouteTarget | undefined;
  #tried: Set<string> | undefined;
  #withoutRoom: Map<string, NoRoom> | undefined;
  /** Attempts made on the present group. */
  #made = 0;
  /** On the groups before it. */
  #madeBefore = 0;
  #maxRetries = 0;
  #wait = 0;
  /** The last failure of the present group. */
  #failure: RouteFailure | undefined;
  #original: RouteFailure | undefined;
  readonly #failures: RouteFailure[] = [];
  #originalGroup = "";
  #last: RouteFailure | undefined;
  #pending: FallbackTarget[] = [];
  #visited: Set<string> | undefined;
  readonly #fallbacks: string[] = [];
  #done = false;

  constructor(options: RoutePlanOptions) {
    this.#options = options;
    const { routing, request, decision, fallbacks } = options;
    const model = decision?.model ?? request.model;
    const configured = routing.rules.fallbacks;
    this.#tables = {
      general: fallbacks?.general ?? configured.general,
      contextWindow: fallbacks?.contextWindow ?? configured.contextWindow,
      contentPolicy: fallbacks?.contentPolicy ?? configured.contentPolicy,
    };
    const resolved = routing.resolve(model, request.teamId);
    if (resolved !== undefined) {
      this.#target = { ...resolved, model, overrides: undefined, fallbacks: 0 };
      return;
    }
    // LiteLLM sends a name that nobody knows to the first default fallback.
    const [first] = options.disableFallbacks === true ? [] : (this.#tables.general?.get("*") ?? []);
    const standard = first === undefined ? undefined : routing.resolve(first.model, request.teamId);
    if (first !== undefined && standard !== undefined) {
      this.#target = { ...standard, model: first.model, overrides: first.overrides, fallbacks: 0 };
    }
  }

  get rules(): RoutingRules {
    return this.#options.routing.rules;
  }

  get request(): RouteRequest {
    return this.#options.request;
  }

  /** What an auto router decided; undefined where none was asked for. */
  get decision(): AutoDecision | undefined {
    return this.#options.decision;
  }

  /** The lists of fallbacks that apply: the request's own before the configured ones. */
  get tables(): FallbackTables {
    return this.#tables;
  }

  /** The failure that led to the present step. */
  get lastFailure(): RouteFailure | undefined {
    return this.#last;
  }

  /** False where nobody serves the name; then nothing else may be called. */
  get known(): boolean {
    return this.#target !== undefined;
  }

  /** The group that is being asked. */
  get target(): RouteTarget {
    if (this.#target === undefined) throw new RangeError("a plan for an unknown model has no target");
    return this.#target;
  }

  /** What to do now. After `attempt` comes `failed`, or nothing when it succeeded. */
  next(): RouteStep {
    for (;;) {
      if (this.#done) return { kind: "stop", report: this.#report() };
      if (this.#wait > 0) {
        const seconds = this.#wait;
        this.#wait = 0;
        return { kind: "wait", seconds };
      }
      const step = this.#choose();
      if (step !== undefined) return step;
    }
  }

  /** A second candidate for an attempt that shows nothing yet: another deployment of the same group, if one is free. */
  hedge(): AttemptStep | undefined {
    const { target } = this;
    if (this.#pinned || target.group.candidates.length < 2) return undefined;
    const input = this.#input([]);
    const { kept, emptiedBy } = remaining(target.group, input);
    if (emptiedBy !== undefined || kept.every(({ deployment }) => input.tried.has(deployment.id))) return undefined;
    const selection = select(target.group, this.#input([]), this.#options.router.affinity);
    if (selection.candidate === undefined || input.tried.has(selection.candidate.deployment.id)) return undefined;
    this.#note(selection.candidate);
    const { candidate, prefixes } = selection;
    return { kind: "attempt", target, candidate, retries: this.#made - 1, maxRetries: this.#maxRetries, prefixes };
  }

  /** An attempt failed: decides whether the group is asked again, which comes after it, or whether it is over. */
  failed(failure: RouteFailure, candidate: Candidate): void {
    this.#failure = failure;
    const { router, routing, requestRetries } = this.#options;
    const { target } = this;
    const retries = allowedRetries({
      code: failure.code,
      retryable: failure.retryable,
      group: target.match.group,
      router: routing.rules.settings,
      deploymentRetries: candidate.deployment.settings.numRetries,
      requestRetries,
    });
    this.#maxRetries = retries;
    if (this.#options.once === true || this.#made > retries || this.#isSpent() || this.#neverRetried(failure)) {
      this.#groupFailed(failure);
      return;
    }
    const { kept } = remaining(target.group, this.#input([]));
    // A full group has healthy deployments; it is waited for, not left.
    const left = kept.length > 0 || this.#pinned || this.#isFull();
    if (!left) {
      this.#groupFailed(failure);
      return;
    }
    this.#wait = retryWait({
      attempts: this.#made,
      retryAfter: failure.retryAfter,
      minimum: routing.rules.settings.retryAfter,
      otherDeployment: kept.some(({ deployment }) => this.#tried?.has(deployment.id) !== true),
      random: router.random(),
    });
  }

  /** The present group cannot be asked, whatever its deployments say: a refusal before the call, a test of fallbacks. */
  refuse(failure: RouteFailure): void {
    this.#groupFailed(failure);
  }

  /** A candidate that was chosen cannot be asked: its budget has no room for the request. Nothing was attempted. */
  withoutRoom({ deployment }: Candidate, noRoom: NoRoom, hedge: boolean): void {
    this.#withoutRoom ??= new Map();
    this.#withoutRoom.set(deployment.id, noRoom);
    if (!hedge) this.#made--;
  }

  /**
   * The caller's budget does not pay for another attempt on the present group. What a deployment of it said is worth more
   * than that.
   */
  unaffordable(failure: RouteFailure): void {
    this.#groupFailed(this.#failure ?? failure);
  }

  /** As if the first attempt had failed, though nobody was asked: a test of retries. */
  pretend(failure: RouteFailure): void {
    const [candidate] = this.target.group.candidates;
    if (candidate === undefined) return;
    this.#made++;
    this.failed(failure, candidate);
  }

  /** What became of each group that was given up, in their order. */
  get failures(): readonly RouteFailure[] {
    return this.#failures;
  }

  #choose(): RouteStep | undefined {
    const { target } = this;
    const { router, routing } = this.#options;
    const only = this.#only();
    if (only !== undefined) {
      const { requiredRegion: region } = this.request;
      if (region !== undefined && !inRegion(only.region, region)) {
        const error = outsideRegion(target.model);
        this.#groupFailed({ code: error.code, retryable: false, error });
        return undefined;
      }
      const noRoom = this.#withoutRoom?.get(only.deployment.id);
      if (noRoom !== undefined) {
        const { kind, detail } = noRoom;
        const error = crossedBudget([{ candidate: only, reason: `${kind}_budget`, detail }]);
        this.#groupFailed({ code: error.code, retryable: false, error });
        return undefined;
      }
      this.#note(only);
      return {
        kind: "attempt",
        target,
        candidate: only,
        retries: this.#made++,
        maxRetries: this.#maxRetries,
        prefixes: [],
      };
    }
    const drops: Drop[] = [];
    const input = this.#input(drops);
    const selection = select(target.group, input, router.affinity);
    for (const { reason, candidate } of drops) {
      if (reason === "half_open_probe_under_way") candidate.state.probeWanted = true;
    }
    if (selection.candidate !== undefined) {
      const { candidate, prefixes } = selection;
      this.#note(candidate);
      return { kind: "attempt", target, candidate, retries: this.#made++, maxRetries: this.#maxRetries, prefixes };
    }
    if (selection.emptiedBy === "capacity" && !target.group.queue.full) return { kind: "queue", target };
    const error = noDeployment({
      group: target.group,
      model: target.model,
      emptiedBy: selection.emptiedBy,
      drops,
      preCallChecks: routing.rules.preCallChecks,
      cooldownSeconds: routing.rules.cooldown.seconds,
      now: input.now,
    });
    // What a deployment said is worth more than that there is none left now.
    this.#groupFailed(this.#failure ?? { code: error.code, retryable: false, error });
    return undefined;
  }

  /** Only one deployment may serve the request: it was asked for by its id, or it holds what the request refers to. */
  get #pinned(): boolean {
    return this.target.match.pinned === true || this.request.pinnedDeployment !== undefined;
  }

  #only(): Candidate | undefined {
    const { candidates } = this.target.group;
    const { pinnedDeployment } = this.request;
    if (pinnedDeployment !== undefined) return byId(candidates, pinnedDeployment);
    return this.target.match.pinned === true ? candidates[0] : undefined;
  }

  #groupFailed(failure: RouteFailure): void {
    const { routing, request, disableFallbacks, mayUse } = this.#options;
    const { target } = this;
    this.#last = failure;
    this.#failures.push(failure);
    if (this.#original === undefined) {
      this.#original = failure;
      this.#originalGroup = target.model;
    }
    this.#visited ??= new Set([target.model]);
    const following =
      disableFallbacks === true || request.pinnedDeployment !== undefined
        ? NO_FALLBACKS
        : fallbacksAfter(this.#tables, failure.code, this.#namesOf(target));
    this.#pending = [...following, ...this.#pending];
    while (this.#fallbacks.length < routing.rules.maxFallbacks && !this.#isSpent()) {
      const fallback = this.#pending.shift();
      if (fallback === undefined) break;
      if (fallback.overrides === undefined && this.#visited.has(fallback.model)) continue;
      if (mayUse !== undefined && !mayUse(fallback.model)) continue;
      const resolved = routing.resolve(fallback.model, request.teamId);
      if (resolved === undefined) continue;
      this.#visited.add(fallback.model);
      this.#fallbacks.push(fallback.model);
      this.#target = { ...resolved, ...fallback, fallbacks: this.#fallbacks.length };
      this.#tried = undefined;
      this.#madeBefore += this.#made;
      this.#made = 0;
      this.#maxRetries = 0;
      this.#wait = 0;
      this.#failure = undefined;
      return;
    }
    this.#done = true;
  }

  /** Names under which the target may have fallbacks. */
  #namesOf({ model, match, fallbacks }: RouteTarget): readonly string[] {
    const asked = this.decision === undefined || fallbacks > 0 ? [] : [this.request.model];
    return [...asked, model, match.group];
  }

  /** `num_retries_per_request`. */
  #isSpent(): boolean {
    const { mostAttempts } = this.#options.routing.rules;
    return mostAttempts !== undefined && this.#madeBefore + this.#made >= mostAttempts;
  }

  /** LiteLLM's exceptions from retrying. */
  #neverRetried({ code }: RouteFailure): boolean {
    const { candidates } = this.target.group;
    switch (code) {
      case "not_found":
        return true;
      case "context_window_exceeded":
        return this.#tables.contextWindow !== undefined;
      case "content_policy_violation":
        return this.#tables.contentPolicy !== undefined;
      case "authentication":
        return candidates.length === 1;
      default:
        return false;
    }
  }

  #isFull(): boolean {
    return remaining(this.target.group, this.#input([])).emptiedBy === "capacity";
  }

  #note(candidate: Candidate): void {
    if (this.target.group.candidates.length < 2) return;
    this.#tried ??= new Set();
    this.#tried.add(candidate.deployment.id);
  }

  #input(drops: Drop[]): SelectionInput {
    const { router, routing, request } = this.#options;
    return {
      request,
      rules: routing.rules,
      now: router.now(),
      random: router.random,
      tried: this.#tried ?? NO_TRIES,
      withoutRoom: this.#withoutRoom,
      drops,
    };
  }

  #report(): RouteReport {
    const failed = this.#last ?? unreachable();
    const { general } = this.#tables;
    const original = this.#original ?? failed;
    return {
      original,
      last: failed,
      group: this.#originalGroup,
      fallbacks: this.#fallbacks,
      configured: general === undefined ? undefined : [...general.keys()],
      ownList: OWN_LISTS.has(original.code),
    };
  }
}

const OWN_LISTS: ReadonlySet<ErrorCode> = new Set(["context_window_exceeded", "content_policy_violation"]);

function unreachable(): RouteFailure {
  const error = new GatewayError("internal", "a plan ended without a failure");
  return { code: "internal", retryable: false, error };
}
