import type { ErrorCode } from "../errors/gateway-error.ts";
import { asNumber } from "../json/json.ts";
import type { Deployment, Snapshot } from "../snapshot/snapshot.ts";
import { AffinityMap, type Binding } from "./affinity.ts";
import type { Candidate } from "./candidate.ts";
import { cooldownAfter, type FailureFacts } from "./cooldown.ts";
import { type Cooldown, DeploymentState } from "./deployment-state.ts";
import type { UsedTokens } from "./minute-counts.ts";
import type { RouteGroup } from "./route-group.ts";
import type { RouteRequest } from "./route-request.ts";
import { figures, type RoutingRules } from "./routing-rules.ts";
import { SnapshotRouting } from "./snapshot-routing.ts";
import { durationMs, nanoDollars, SpendWindow } from "./spend-window.ts";
import { affinityKeys } from "./stages/affinity.ts";
import { reservationOf, type TokenReservation } from "./token-reservation.ts";

/** How one call ended, as the router needs it. */
export interface CallOutcome {
  readonly status: "success" | "failure" | "cancelled";
  readonly failure?: FailureFacts | undefined;
  /** Seconds to the first content, or to the answer where it comes whole. */
  readonly seconds?: number | undefined;
  /** Undefined where nobody knows what was used. */
  readonly tokens?: UsedTokens | undefined;
  /** Nano-dollars. */
  readonly cost?: bigint | undefined;
}

/** A call under way. */
export interface ActiveCall {
  readonly group: RouteGroup;
  readonly groupName: string;
  readonly candidate: Candidate;
  readonly rules: RoutingRules;
  /** It began when the deployment was half-open. */
  readonly probe: boolean;
  /** What it holds of its deployment's limits, and since which minute. */
  readonly reserved: (TokenReservation & { readonly minute: number }) | undefined;
  ended: boolean;
}

export interface RouterOptions {
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Told of every cooldown that this router begins. */
  readonly onCooldown?: (deployment: Deployment, cooldown: Cooldown) => void;
}

/** Who is told of what this router found out by its own calls. */
export interface RouterWatcher {
  cooledDown(id: string, cooldown: Cooldown): void;
  /** A call showed that the deployment works again. */
  recovered(id: string): void;
  /** A failure that counts among those of its kind in the last `ttl` milliseconds. */
  failed(id: string, kind: string, ttl: number): void;
  /** A session, a caller or a header's value has its deployment, or goes on to have it. */
  bound(binding: Binding): void;
}

/** A prompt stays in a provider's cache for about five minutes after its last use. */
const PROMPT_CACHE_MS = 5 * 60_000;
/** LiteLLM's sample for a call that ran out of time, in seconds. */
const TIMEOUT_SAMPLE = 1000;
/** Catch-all deployments are never cooled down. */
const CATCH_ALL = "*";

/**
 * What a process knows of its deployments, and the choices that follow from it. It calls nobody and has no timers: its
 * clock and its chance are given, so that a simulation is the same code on another clock.
 */
export class Router {
  readonly affinity = new AffinityMap();
  readonly #options: RouterOptions;
  readonly #states = new Map<string, DeploymentState>();
  readonly #budgets = new Map<string, SpendWindow>();
  readonly #compiled = new WeakMap<Snapshot, SnapshotRouting>();
  #watcher: RouterWatcher | undefined;

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  get random(): () => number {
    return this.#options.random;
  }

  now(): number {
    return this.#options.now();
  }

  /** The rules of a configuration; what is known of deployments that it does not have is forgotten. */
  of(snapshot: Snapshot): SnapshotRouting {
    let compiled = this.#compiled.get(snapshot);
    if (compiled === undefined) {
      for (const id of this.#states.keys()) if (!snapshot.deploymentsById.has(id)) this.#states.delete(id);
      const rulesOf = (): RoutingRules => (compiled as SnapshotRouting).rules;
      compiled = new SnapshotRouting(snapshot, {
        affinity: this.affinity,
        stateOf: (id) => this.state(id),
        budgetsOf: (deployment) => this.#budgetsOf(deployment, rulesOf()),
      });
      this.#compiled.set(snapshot, compiled);
    }
    return compiled;
  }

  state(id: string): DeploymentState {
    let state = this.#states.get(id);
    if (state === undefined) {
      state = new DeploymentState(id);
      this.#states.set(id, state);
    }
    return state;
  }

  states(): Iterable<DeploymentState> {
    return this.#states.values();
  }

  /** Budget windows by their label. */
  budgets(): ReadonlyMap<string, SpendWindow> {
    return this.#budgets;
  }

  /** A call goes out. Every call that began must end. */
  began(
    group: RouteGroup,
    groupName: string,
    candidate: Candidate,
    rules: RoutingRules,
    request: RouteRequest,
  ): ActiveCall {
    const now = this.now();
    const { state } = candidate;
    const probe = state.cooldown !== undefined;
    if (probe) state.probes++;
    state.inFlight++;
    state.minute.began(now);
    const holds = reservationOf(candidate, request);
    const reserved = holds === undefined ? undefined : { ...holds, minute: state.minute.reserve(holds, now) };
    return { group, groupName, candidate, rules, probe, reserved, ended: false };
  }

  /** The second end of a call does nothing. */
  ended(call: ActiveCall, outcome: CallOutcome): void {
    if (call.ended) return;
    call.ended = true;
    const now = this.now();
    const { candidate } = call;
    const { state } = candidate;
    state.inFlight--;
    if (call.probe) state.probes--;
    const { reserved } = call;
    // Who says nothing of its use keeps what it held.
    if (reserved !== undefined && (outcome.tokens !== undefined || outcome.status !== "success")) {
      state.minute.release(reserved, reserved.minute, now);
    }
    if (outcome.tokens !== undefined) state.minute.used(outcome.tokens, now);
    if (outcome.cost !== undefined && outcome.cost > 0n) {
      for (const budget of candidate.budgets) budget.add(outcome.cost, now);
    }
    if (outcome.status === "success") this.#succeeded(call, outcome, now);
    else if (outcome.status === "failure" && outcome.failure !== undefined) this.#failed(call, outcome.failure, now);
    else if (outcome.seconds !== undefined) state.measured(outcome.seconds, now);
    call.group.queue.freed();
  }

  /** Binds what comes later to the deployment that served this request. */
  remember(call: ActiveCall, request: RouteRequest, prefixes: readonly string[]): void {
    const { group, groupName, rules, candidate } = call;
    const { id } = candidate.deployment;
    const now = this.now();
    for (const prefix of prefixes) this.affinity.remember(prefix, id, now, PROMPT_CACHE_MS);
    if (!group.remembers) return;
    const affinity = rules.groupAffinity.get(groupName) ?? rules.affinity;
    for (const key of affinityKeys(request, affinity, groupName, group.affinityHeaders)) {
      const news = this.affinity.bind(key, id, now, affinity.ttl);
      if (news) this.#watcher?.bound({ key, deployment: id, until: now + affinity.ttl });
    }
  }

  watch(watcher: RouterWatcher): void {
    this.#watcher = watcher;
  }

  /** What all processes together found out about a deployment: its cooldown, or that it works. */
  learned(id: string, cooldown: Cooldown | undefined): void {
    const state = this.state(id);
    state.cooldown = cooldown;
    if (cooldown === undefined) state.forgetFailures();
  }

  #succeeded(call: ActiveCall, outcome: CallOutcome, now: number): void {
    const { state } = call.candidate;
    state.minute.ended(true, now);
    state.ended(true, now);
    // Only a call that went out after the cooldown says something about the time after it.
    if (call.probe && state.phase(now) === "half-open") {
      state.cooldown = undefined;
      state.forgetFailures();
      this.#watcher?.recovered(state.id);
    }
    if (outcome.seconds === undefined) return;
    state.measured(outcome.seconds, now);
    const tokens = outcome.tokens?.output ?? 0;
    state.perToken.add(tokens > 0 ? outcome.seconds / tokens : outcome.seconds, now, call.rules.latency.most);
  }

  #failed(call: ActiveCall, failure: FailureFacts, now: number): void {
    const { candidate, group, rules } = call;
    const { state, deployment } = candidate;
    state.minute.ended(false, now);
    if (!CALLERS_FAULT.has(failure.code)) state.ended(false, now);
    if (failure.code === "timeout") state.perToken.add(TIMEOUT_SAMPLE, now, rules.latency.most);
    const ms = cooldownAfter({
      failure,
      state,
      rules: rules.cooldown,
      own: asNumber(deployment.info.cooldown_time) ?? deployment.settings.cooldownTime,
      ownAllowedFails: asNumber(deployment.info.allowed_fails),
      ownPolicy: figures(deployment.info.allowed_fails_policy),
      count: (kind, ttl) => {
        this.#watcher?.failed(state.id, kind, ttl);
        return state.countFailure(now, ttl, kind);
      },
      groupSize: group.candidates.length,
      catchAll: deployment.modelName === CATCH_ALL,
      now,
    });
    if (ms === undefined) return;
    const cooldown: Cooldown = { since: now, until: now + ms, code: failure.code };
    // A shorter wait that a later failure asks for does not shorten the longer one.
    if (state.cooldown === undefined || state.cooldown.until <= cooldown.until) state.cooldown = cooldown;
    this.#options.onCooldown?.(deployment, cooldown);
    this.#watcher?.cooledDown(state.id, cooldown);
  }

  #budgetsOf(deployment: Deployment, rules: RoutingRules): readonly SpendWindow[] {
    const found: SpendWindow[] = [];
    const provider = rules.providerBudgets.get(deployment.provider);
    if (provider !== undefined) {
      found.push(
        this.#window(
          "provider",
          deployment.provider,
          `provider ${deployment.provider}`,
          provider.limit,
          provider.period,
        ),
      );
    }
    const { maxBudget, budgetDuration } = deployment.settings;
    if (maxBudget !== undefined) {
      const label = `deployment model_name: ${deployment.modelName}, litellm_params.model: ${deployment.litellmModel}, model_id: ${deployment.id}`;
      const period = budgetDuration === undefined ? undefined : durationMs(budgetDuration);
      found.push(this.#window("deployment", deployment.id, label, nanoDollars(maxBudget), period));
    }
    return found;
  }

  #window(
    kind: SpendWindow["kind"],
    entity: string,
    label: string,
    limit: bigint,
    period: number | undefined,
  ): SpendWindow {
    let window = this.#budgets.get(label);
    if (window === undefined) {
      window = new SpendWindow(kind, entity, label, limit, period);
      this.#budgets.set(label, window);
    }
    window.limit = limit;
    window.period = period;
    return window;
  }
}

/** Failures that say nothing about how well a deployment works. */
const CALLERS_FAULT: ReadonlySet<ErrorCode> = new Set([
  "invalid_request",
  "unsupported_params",
  "unprocessable",
  "context_window_exceeded",
  "content_policy_violation",
  "request_too_large",
  "permission_denied",
]);
