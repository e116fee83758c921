import { priceCall } from "../../pricing/cost.ts";
import type { Deployment, Snapshot } from "../../snapshot/snapshot.ts";
import type { AutoDecision } from "../auto/decision.ts";
import type { Candidate } from "../candidate.ts";
import type { UsedTokens } from "../minute-counts.ts";
import type { RouteGroup } from "../route-group.ts";
import { type AttemptStep, RoutePlan } from "../route-plan.ts";
import type { RouteRequest } from "../route-request.ts";
import { Router } from "../router.ts";
import type { SnapshotRouting } from "../snapshot-routing.ts";
import { EventQueue } from "./event-queue.ts";
import { type Behaviour, ProviderModel } from "./provider-model.ts";
import { seededRandom } from "./random.ts";
import { type SimulationReport, Tally, tallyOf } from "./simulation-report.ts";
import type { TrafficRequest } from "./traffic.ts";

export interface SimulationOptions {
  readonly snapshot: Snapshot;
  /** In the order of its time. */
  readonly traffic: Iterable<TrafficRequest>;
  readonly seed: number;
  readonly behaviourOf: (deployment: Deployment) => Behaviour;
  /** Key → nano-dollars that it may spend: a request that does not fit beside those under way is refused. */
  readonly keyBudgets?: ReadonlyMap<string, bigint>;
  /** Sees every attempt before it begins. */
  readonly onAttempt?: (attempt: ObservedAttempt) => void;
  /** Sees how every request ended. */
  readonly onEnd?: (request: TrafficRequest, ending: ObservedEnding) => void;
}

export interface ObservedAttempt {
  readonly step: AttemptStep;
  readonly candidate: Candidate;
  readonly request: TrafficRequest;
  /** Milliseconds of the virtual clock. */
  readonly now: number;
}

export interface ObservedEnding {
  readonly success: boolean;
  readonly attempts: number;
  readonly groups: number;
}

/** Bytes of a token of prompt, as the gateway estimates them. */
const BYTES_PER_TOKEN = 4;
const EMPTY = {};

/**
 * Serves traffic of the past by a configuration, on a virtual clock, with providers that behave as they are told: the
 * router, its plans, budgets and cooldowns are those of the gateway.
 */
export function simulate(options: SimulationOptions): SimulationReport {
  return new Simulation(options).run();
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #router: Router;
  readonly #routing: SnapshotRouting;
  readonly #providers = new Map<string, ProviderModel>();
  readonly #total = new Tally();
  readonly #models = new Map<string, Tally>();
  readonly #deployments = new Map<string, Tally>();
  readonly #keys = new Map<string, Tally>();
  /** Nano-dollars by key. */
  readonly #held = new Map<string, bigint>();
  #queue = new EventQueue();
  #start = 0;
  #cooldowns = 0;
  #mostAttempts = 0;
  #unknown = 0;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#router = new Router({
      random: seededRandom(options.seed),
      now: () => this.#queue.now,
      onCooldown: () => {
        this.#cooldowns++;
      },
    });
    this.#routing = this.#router.of(options.snapshot);
  }

  run(): SimulationReport {
    const traffic = this.#options.traffic[Symbol.iterator]();
    const first = traffic.next();
    if (!first.done) {
      this.#start = first.value.at;
      this.#queue = new EventQueue(this.#start);
      this.#arrive(first.value, traffic);
    }
    while (this.#queue.step()) {
      // Each entry plans what follows from it.
    }
    return {
      total: this.#total,
      models: this.#models,
      deployments: this.#deployments,
      keys: this.#keys,
      cooldowns: this.#cooldowns,
      mostAttempts: this.#mostAttempts,
      unknownModels: this.#unknown,
    };
  }

  /** One request at a time waits for its moment: traffic of any length needs little memory. */
  #arrive(request: TrafficRequest, rest: Iterator<TrafficRequest>): void {
    this.#queue.at(request.at, () => {
      const next = rest.next();
      if (!next.done) this.#arrive(next.value, rest);
      this.#begin(request);
    });
  }

  #begin(request: TrafficRequest): void {
    const tallies = [this.#total, tallyOf(this.#models, request.model), tallyOf(this.#keys, request.key)];
    for (const tally of tallies) tally.requests++;
    const plan = new RoutePlan({
      router: this.#router,
      routing: this.#routing,
      request: routeRequest(request),
      decision: decisionOf(this.#options.snapshot, request),
    });
    if (!plan.known) {
      this.#unknown++;
      for (const tally of tallies) tally.failed("unknown_model");
      return;
    }
    const budget = this.#options.keyBudgets?.get(request.key);
    const most = budget === undefined ? 0n : mostOf(request, plan.target.group);
    if (budget !== undefined && tallyOf(this.#keys, request.key).cost + this.#heldBy(request.key) + most > budget) {
      for (const tally of tallies) tally.budgetStops++;
      return;
    }
    this.hold(request.key, most);
    new Course(this, plan, request, tallies, most).go();
  }

  #heldBy(key: string): bigint {
    return this.#held.get(key) ?? 0n;
  }

  /** What requests under way may still cost their keys; a negative amount is given back. */
  hold(key: string, nano: bigint): void {
    if (nano !== 0n) this.#held.set(key, this.#heldBy(key) + nano);
  }

  get queue(): EventQueue {
    return this.#queue;
  }

  get router(): Router {
    return this.#router;
  }

  get options(): SimulationOptions {
    return this.#options;
  }

  tallyOf(deployment: Deployment): Tally {
    return tallyOf(this.#deployments, deployment.id);
  }

  attempts(count: number): void {
    if (count > this.#mostAttempts) this.#mostAttempts = count;
  }

  providerOf(deployment: Deployment): ProviderModel {
    let provider = this.#providers.get(deployment.id);
    if (provider === undefined) {
      const { behaviourOf, seed } = this.#options;
      provider = new ProviderModel(deployment, behaviourOf(deployment), seed, this.#start);
      this.#providers.set(deployment.id, provider);
    }
    return provider;
  }
}

/** One simulated request along its plan. */
class Course {
  readonly #simulation: Simulation;
  readonly #plan: RoutePlan;
  readonly #request: TrafficRequest;
  readonly #tallies: readonly Tally[];
  readonly #held: bigint;
  #attempts = 0;

  /** `held`: nano-dollars of its key's budget, until it ends. */
  constructor(
    simulation: Simulation,
    plan: RoutePlan,
    request: TrafficRequest,
    tallies: readonly Tally[],
    held: bigint,
  ) {
    this.#held = held;
    this.#simulation = simulation;
    this.#plan = plan;
    this.#request = request;
    this.#tallies = tallies;
  }

  /** `woken`: the group whose slot it was woken for; if it does not take the slot, the next in line may. */
  go(woken?: RouteGroup): void {
    const { queue, options } = this.#simulation;
    const step = this.#plan.next();
    if (woken !== undefined && step.kind !== "attempt") woken.queue.freed();
    switch (step.kind) {
      case "attempt":
        this.#attempt(step);
        break;
      case "wait":
        queue.at(queue.now + step.seconds * 1000, () => this.go());
        break;
      case "queue":
        step.target.group.queue.wait(0, () => queue.at(queue.now, () => this.go(step.target.group)));
        break;
      case "stop": {
        const { code, error } = step.report.original;
        const budget = error.message.includes("crossed budget");
        for (const tally of this.#tallies) {
          tally.failed(code);
          tally.attempts += this.#attempts;
          tally.fallbacks += step.report.fallbacks.length;
          if (budget) tally.budgetStops++;
        }
        this.#simulation.attempts(this.#attempts);
        this.#simulation.hold(this.#request.key, -this.#held);
        const groups = 1 + step.report.fallbacks.length;
        options.onEnd?.(this.#request, { success: false, attempts: this.#attempts, groups });
        break;
      }
    }
  }

  #attempt(step: AttemptStep): void {
    const { queue, router, options } = this.#simulation;
    const { candidate, target } = step;
    const { deployment } = candidate;
    options.onAttempt?.({ step, candidate, request: this.#request, now: queue.now });
    this.#attempts++;
    const own = this.#simulation.tallyOf(deployment);
    own.requests++;
    own.attempts++;
    const call = router.began(target.group, target.match.group, candidate, this.#plan.rules, this.#plan.request);
    const answer = this.#simulation
      .providerOf(deployment)
      .call(queue.now, this.#request.completionTokens, timeoutOf(options.snapshot, deployment));
    const begun = queue.now;
    queue.at(begun + answer.firstSeconds * 1000, () => {
      const { failure } = answer;
      if (failure !== undefined) {
        own.failed(failure.code);
        router.ended(call, { status: "failure", failure });
        this.#plan.failed({ ...failure, error: new Error(failure.code), provider: deployment.provider }, candidate);
        this.go();
        return;
      }
      router.remember(call, this.#plan.request, step.prefixes);
      const waited = (queue.now - this.#request.at) / 1000;
      queue.at(begun + answer.totalSeconds * 1000, () => {
        const cost = this.#succeeded(step, own, answer.firstSeconds, waited);
        router.ended(call, {
          status: "success",
          seconds: answer.firstSeconds,
          tokens: usedBy(this.#request),
          cost,
        });
      });
    });
  }

  #succeeded(step: AttemptStep, own: Tally, firstSeconds: number, waited: number): bigint {
    const { options, queue } = this.#simulation;
    const { promptTokens, completionTokens } = this.#request;
    const cost = costOf(this.#request, step.candidate.deployment, queue.now);
    for (const tally of [own, ...this.#tallies]) {
      tally.succeeded++;
      tally.cost += cost;
      tally.promptTokens += promptTokens;
      tally.completionTokens += completionTokens;
    }
    own.measured(firstSeconds);
    for (const tally of this.#tallies) {
      tally.measured(waited);
      tally.attempts += this.#attempts;
      tally.fallbacks += step.target.fallbacks;
    }
    this.#simulation.attempts(this.#attempts);
    this.#simulation.hold(this.#request.key, -this.#held);
    options.onEnd?.(this.#request, { success: true, attempts: this.#attempts, groups: 1 + step.target.fallbacks });
    return cost;
  }
}

/** What a request costs at the dearest deployment of a group. */
function mostOf(request: TrafficRequest, { candidates }: RouteGroup): bigint {
  let most = 0n;
  for (const { deployment } of candidates) {
    const cost = costOf(request, deployment, request.at);
    if (cost > most) most = cost;
  }
  return most;
}

function costOf(
  { promptTokens, cachedTokens, completionTokens }: TrafficRequest,
  { prices }: Deployment,
  at: number,
): bigint {
  const buckets = {
    input: Math.max(0, promptTokens - cachedTokens),
    ...(cachedTokens > 0 ? { cache_read: cachedTokens } : {}),
    output: completionTokens,
  };
  return priceCall({ buckets }, prices, { at })?.nano ?? 0n;
}

function timeoutOf(snapshot: Snapshot, { settings }: Deployment): number {
  return settings.timeout ?? snapshot.router.timeout ?? snapshot.library.requestTimeout;
}

/** What an auto router decided then, where the configuration has it. */
function decisionOf({ autoRouters }: Snapshot, { model, routedTo }: TrafficRequest): AutoDecision | undefined {
  const router = autoRouters.get(model);
  const chosen = routedTo ?? router?.defaultModel;
  if (router === undefined || chosen === undefined) return undefined;
  return { router: model, kind: router.kind, model: chosen, because: "default_fallback" };
}

function routeRequest(request: TrafficRequest): RouteRequest {
  return {
    model: request.model,
    stream: request.stream,
    teamId: request.team,
    keyHash: request.key,
    tags: request.tags,
    header: () => null,
    promptTokens: request.promptTokens,
    promptBytes: request.promptTokens * BYTES_PER_TOKEN,
    exactTokens: request.promptTokens,
    hasMessages: true,
    hasResponseFormat: false,
    sessionId: request.session,
    priority: 0,
    body: EMPTY,
  };
}

function usedBy({ promptTokens, cachedTokens, completionTokens }: TrafficRequest): UsedTokens {
  return {
    total: promptTokens + completionTokens,
    input: Math.max(0, promptTokens - cachedTokens),
    output: completionTokens,
  };
}
