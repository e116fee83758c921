import { asNumber } from "../json/json.ts";
import { upperBound } from "../pricing/upper-bound.ts";
import type { Deployment, PriceSheet } from "../snapshot/snapshot.ts";
import type { AffinityMap } from "./affinity.ts";
import type { Candidate } from "./candidate.ts";
import type { DeploymentState } from "./deployment-state.ts";
import type { RoutingRules, StrategyName } from "./routing-rules.ts";
import type { Stage } from "./selection.ts";
import { SlotQueue } from "./slot-queue.ts";
import type { SpendWindow } from "./spend-window.ts";
import { affinityStage } from "./stages/affinity.ts";
import {
  healthy,
  lowestOrder,
  notCooledDown,
  ownTeam,
  unpaused,
  untried,
  withinBudget,
  withinCapacity,
} from "./stages/availability.ts";
import { preCallChecks, rateLimits, requiredRegion } from "./stages/pre-call-checks.ts";
import { tagged } from "./stages/tags.ts";

/** A group with all that its selections need, worked out once per configuration. */
export interface RouteGroup {
  readonly candidates: readonly Candidate[];
  readonly stages: readonly { readonly name: StageName; readonly run: Stage }[];
  readonly strategy: StrategyName;
  /** Whether its choices look at what providers have in their prompt caches. */
  readonly promptCaching: boolean;
  /** Whether its choices are remembered. */
  readonly remembers: boolean;
  readonly affinityHeaders: readonly string[];
  /** Requests that wait for a free slot. */
  readonly queue: SlotQueue;
}

export type StageName =
  | "team"
  | "tags"
  | "paused"
  | "cooldown"
  | "health"
  | "budget"
  | "region"
  | "checks"
  | "rate"
  | "capacity"
  | "untried"
  | "affinity"
  | "order";

/** LiteLLM takes this for the price of a model that has none. */
const UNKNOWN_PRICE = 5;

/** Strategies that drop what is over its rpm or tpm, whatever the checks say. */
const LIMITING: ReadonlySet<StrategyName> = new Set<StrategyName>([
  "usage-based-routing",
  "usage-based-routing-v2",
  "latency-based-routing",
  "cost-based-routing",
  "adaptive",
]);

export interface GroupParts {
  readonly rules: RoutingRules;
  readonly affinity: AffinityMap;
  readonly stateOf: (id: string) => DeploymentState;
  readonly budgetsOf: (deployment: Deployment) => readonly SpendWindow[];
}

export function routeGroup(name: string, deployments: readonly Deployment[], parts: GroupParts): RouteGroup {
  const { rules } = parts;
  const candidates = deployments.map((deployment) => candidateOf(deployment, parts));
  const strategy = rules.strategies.get(name) ?? rules.strategy;
  const affinity = rules.groupAffinity.get(name) ?? rules.affinity;
  const affinityHeaders = affinityHeadersOf(deployments);
  const remembers = affinity.session || affinity.caller || affinity.responses || affinityHeaders.length > 0;
  // The first deployment that says something about it speaks for the group.
  const ownTagging = deployments.find(({ info }) => typeof info.enable_tag_filtering === "boolean");
  const tagging = ownTagging === undefined ? rules.tags.enabled : ownTagging.info.enable_tag_filtering === true;
  const stages: { name: StageName; run: Stage }[] = [];
  const add = (stage: StageName, run: Stage, applies = true): void => {
    if (applies) stages.push({ name: stage, run });
  };
  const several = candidates.length > 1;
  add(
    "team",
    ownTeam,
    candidates.some(({ teamId }) => teamId !== undefined),
  );
  add(
    "paused",
    unpaused,
    deployments.some(({ info }) => info.blocked === true),
  );
  add("tags", tagged, tagging);
  add("cooldown", notCooledDown, rules.cooldown.enabled);
  add("health", healthy, rules.healthRouting.enabled);
  add(
    "budget",
    withinBudget,
    candidates.some(({ budgets }) => budgets.length > 0),
  );
  add("region", requiredRegion);
  add("checks", preCallChecks, rules.preCallChecks);
  add("rate", rateLimits, !rules.preCallChecks && (rules.enforceRateLimits || LIMITING.has(strategy)));
  add(
    "capacity",
    withinCapacity,
    candidates.some(({ maxParallel }) => maxParallel !== undefined),
  );
  add("untried", untried, several && !rules.weightedFailover);
  add("affinity", affinityStage(parts.affinity, affinity, name, affinityHeaders), several && remembers);
  add("order", lowestOrder, several && candidates.some(({ order }) => order !== candidates[0]?.order));
  return {
    candidates,
    stages,
    strategy,
    promptCaching: several && (affinity.promptCaching || strategy === "adaptive"),
    remembers: several && remembers,
    affinityHeaders,
    queue: new SlotQueue(),
  };
}

function candidateOf(deployment: Deployment, parts: GroupParts): Candidate {
  const { settings, info } = deployment;
  const params = info;
  const rpm = settings.rpm ?? asNumber(params.rpm);
  const tpm = settings.tpm ?? asNumber(params.tpm);
  return {
    deployment,
    state: parts.stateOf(deployment.id),
    weight: settings.weight,
    rpm,
    tpm,
    itpm: settings.itpm ?? asNumber(params.itpm),
    otpm: settings.otpm ?? asNumber(params.otpm),
    maxParallel: parallelLimit(settings.maxParallelRequests, rpm, tpm, parts.rules.defaultMaxParallel),
    order: settings.order ?? Number.MAX_SAFE_INTEGER,
    tags: new Set(settings.tags ?? []),
    tagPatterns: (settings.tagRegex ?? []).flatMap(patternOf),
    teamId: typeof info.team_id === "string" ? info.team_id : undefined,
    region: settings.regionName ?? deployment.target.credentials.region,
    budgets: parts.budgetsOf(deployment),
    price: deployment.prices === undefined ? UNKNOWN_PRICE : tokenPrice(deployment.prices),
  };
}

/** LiteLLM's rule: the own figure, else rpm, else a sixth of the thousands of tpm, else the router's default. */
export function parallelLimit(
  own: number | undefined,
  rpm: number | undefined,
  tpm: number | undefined,
  standard: number | undefined,
): number | undefined {
  const limit = own ?? rpm ?? (tpm === undefined ? standard : Math.max(1, Math.floor(tpm / 1000 / 6)));
  return limit === undefined ? undefined : Math.max(1, limit);
}

/** A pattern that cannot be compiled is told by the check of the configuration; here it matches nothing. */
function patternOf(source: string): RegExp[] {
  try {
    return [new RegExp(source, "i")];
  } catch {
    return [];
  }
}

function affinityHeadersOf(deployments: readonly Deployment[]): readonly string[] {
  const names = deployments.flatMap(({ settings }) =>
    settings.providerAffinityHeader === undefined ? [] : [settings.providerAffinityHeader.toLowerCase()],
  );
  return [...new Set(names)];
}

/** Dollars of one token in and one out. */
function tokenPrice(prices: PriceSheet): number {
  return Number(upperBound(prices, { inputTokens: 1000, outputTokens: 1000, media: [] })) / 1e12;
}
