import { asArray, asNumber, asObject, asString, type Json, type JsonObject } from "../json/json.ts";
import type { RouterSettings, Snapshot } from "../snapshot/snapshot.ts";
import type { CooldownRules } from "./cooldown.ts";
import { type FallbackTables, fallbackTable } from "./fallbacks.ts";
import { durationMs, nanoDollars } from "./spend-window.ts";
import type { LatencyArguments } from "./strategies/latency-based.ts";

export type StrategyName =
  | "simple-shuffle"
  | "least-busy"
  | "usage-based-routing"
  | "usage-based-routing-v2"
  | "latency-based-routing"
  | "cost-based-routing"
  | "adaptive";

const STRATEGIES: ReadonlySet<string> = new Set<StrategyName>([
  "simple-shuffle",
  "least-busy",
  "usage-based-routing",
  "usage-based-routing-v2",
  "latency-based-routing",
  "cost-based-routing",
  "adaptive",
]);

/** LiteLLM's values that are no strategy of their own, or none that is open. */
export function strategyNamed(name: string): StrategyName | undefined {
  if (name === "provider-budget-routing") return "simple-shuffle";
  return STRATEGIES.has(name) ? (name as StrategyName) : undefined;
}

/** Kinds of `optional_pre_call_checks` that bind requests to deployments. */
export interface AffinityRules {
  readonly session: boolean;
  readonly caller: boolean;
  readonly promptCaching: boolean;
  readonly responses: boolean;
  /** Milliseconds. */
  readonly ttl: number;
}

/** `hedging`: a second attempt on another deployment when the first shows no content in time. */
export interface HedgeRules {
  /** Seconds. */
  readonly after: number;
  /** Attempts beside the first. */
  readonly most: number;
}

/** What the router does, from `router_settings` and the same keys in `litellm_settings`. */
export interface RoutingRules {
  readonly settings: RouterSettings;
  readonly strategy: StrategyName;
  /** Model group → its own strategy, from `routing_groups`. */
  readonly strategies: ReadonlyMap<string, StrategyName>;
  readonly latency: LatencyArguments & { readonly most: number };
  readonly cooldown: CooldownRules;
  readonly fallbacks: FallbackTables;
  readonly maxFallbacks: number;
  /** Attempts of one request over all groups: one more than `num_retries_per_request`; undefined: no bound of its own. */
  readonly mostAttempts: number | undefined;
  readonly preCallChecks: boolean;
  /** `enforce_model_rate_limits`. */
  readonly enforceRateLimits: boolean;
  readonly tags: { readonly enabled: boolean; readonly matchAny: boolean; readonly prefix: string };
  readonly affinity: AffinityRules;
  /** Model group → its own affinity, from `model_group_affinity_config`. */
  readonly groupAffinity: ReadonlyMap<string, AffinityRules>;
  readonly weightedFailover: boolean;
  readonly defaultMaxParallel: number | undefined;
  readonly defaultPriority: number;
  readonly providerBudgets: ReadonlyMap<string, { readonly limit: bigint; readonly period: number | undefined }>;
  readonly healthRouting: { readonly enabled: boolean; readonly staleMs: number; readonly ignoreTransient: boolean };
  readonly hedging: ReadonlyMap<string, HedgeRules>;
  readonly dropParams: boolean;
}

const MAX_FALLBACKS = 5;
const COOLDOWN_SECONDS = 5;
const AFFINITY_SECONDS = 3600;
const LATENCY = { ttl: 3600, buffer: 0, most: 10 };
/** Twice LiteLLM's interval of health checks: an older word is no word. */
const STALE_SECONDS = 600;

/** The rules of a configuration whose values have the types of their keys. */
export function routingRules(snapshot: Snapshot): RoutingRules {
  const own = snapshot.router.raw;
  const library = snapshot.library.raw;
  const read = (name: string): Json | undefined => own[name] ?? library[name] ?? undefined;
  const number = (name: string): number | undefined => asNumber(read(name));
  const flag = (name: string): boolean => read(name) === true;
  const checks = new Set(asArray(read("optional_pre_call_checks")).filter((item) => typeof item === "string"));
  const args = snapshot.router.routingStrategyArgs;
  const retriesPerRequest = asNumber(library.num_retries_per_request);
  const ttl = (number("deployment_affinity_ttl_seconds") ?? AFFINITY_SECONDS) * 1000;
  return {
    settings: snapshot.router,
    strategy: strategyNamed(snapshot.router.routingStrategy) ?? "simple-shuffle",
    strategies: groupStrategies(read("routing_groups")),
    latency: {
      ttl: (asNumber(args.ttl) ?? LATENCY.ttl) * 1000,
      buffer: asNumber(args.lowest_latency_buffer) ?? LATENCY.buffer,
      most: Math.max(1, asNumber(args.max_latency_list_size) ?? LATENCY.most),
    },
    cooldown: {
      enabled: !flag("disable_cooldowns"),
      seconds: number("cooldown_time") ?? COOLDOWN_SECONDS,
      allowedFails: number("allowed_fails"),
      allowedFailsPolicy: figures(read("allowed_fails_policy")),
    },
    fallbacks: {
      general: fallbackTable(read("fallbacks"), read("default_fallbacks")),
      contextWindow: fallbackTable(read("context_window_fallbacks")),
      contentPolicy: fallbackTable(read("content_policy_fallbacks")),
    },
    maxFallbacks: number("max_fallbacks") ?? MAX_FALLBACKS,
    mostAttempts: retriesPerRequest === undefined ? undefined : retriesPerRequest + 1,
    preCallChecks: flag("enable_pre_call_checks"),
    enforceRateLimits: checks.has("enforce_model_rate_limits"),
    tags: {
      enabled: flag("enable_tag_filtering"),
      matchAny: read("tag_filtering_match_any") !== false,
      prefix: asString(read("tag_routing_prefix")) ?? "",
    },
    affinity: affinityRules(checks, ttl),
    groupAffinity: new Map(
      Object.entries(asObject(read("model_group_affinity_config")) ?? {}).map(([group, names]) => [
        group,
        affinityRules(new Set(asArray(names)), ttl),
      ]),
    ),
    weightedFailover: flag("enable_weighted_failover"),
    defaultMaxParallel: number("default_max_parallel_requests"),
    defaultPriority: number("default_priority") ?? 0,
    providerBudgets: providerBudgets(asObject(read("provider_budget_config"))),
    healthRouting: {
      enabled: flag("enable_health_check_routing"),
      staleMs: (number("health_check_staleness_threshold") ?? STALE_SECONDS) * 1000,
      ignoreTransient: flag("health_check_ignore_transient_errors"),
    },
    hedging: hedging(asObject(read("hedging"))),
    dropParams: snapshot.library.dropParams,
  };
}

function affinityRules(checks: ReadonlySet<Json>, ttl: number): AffinityRules {
  return {
    session: checks.has("session_affinity"),
    caller: checks.has("deployment_affinity"),
    promptCaching: checks.has("prompt_caching"),
    responses: checks.has("responses_api_deployment_check"),
    ttl,
  };
}

/** `routing_groups`: `[{models: […], routing_strategy: …}]`. */
function groupStrategies(value: Json | undefined): ReadonlyMap<string, StrategyName> {
  const strategies = new Map<string, StrategyName>();
  for (const item of asArray(value)) {
    const entry = asObject(item);
    const name = strategyNamed(asString(entry?.routing_strategy) ?? "");
    if (name === undefined) continue;
    for (const model of asArray(entry?.models)) if (typeof model === "string") strategies.set(model, name);
  }
  return strategies;
}

/** A map of figures; what is no number in it is left out. */
export function figures(value: Json | undefined): Readonly<Record<string, number>> | undefined {
  const map = asObject(value);
  if (map === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(map).flatMap(([name, figure]) => (typeof figure === "number" ? [[name, figure]] : [])),
  );
}

function providerBudgets(value: JsonObject | undefined): RoutingRules["providerBudgets"] {
  const budgets = new Map<string, { limit: bigint; period: number | undefined }>();
  for (const [provider, settings] of Object.entries(value ?? {})) {
    const map = asObject(settings);
    const limit = asNumber(map?.budget_limit) ?? asNumber(map?.max_budget);
    if (limit === undefined) continue;
    const period = asString(map?.time_period) ?? asString(map?.budget_duration);
    budgets.set(provider, {
      limit: nanoDollars(limit),
      period: period === undefined ? undefined : durationMs(period),
    });
  }
  return budgets;
}

function hedging(value: JsonObject | undefined): ReadonlyMap<string, HedgeRules> {
  const rules = new Map<string, HedgeRules>();
  for (const [group, settings] of Object.entries(value ?? {})) {
    const map = asObject(settings);
    const after = asNumber(map?.after);
    if (after !== undefined) rules.set(group, { after, most: asNumber(map?.max_attempts) ?? 1 });
  }
  return rules;
}
