import type {
  AutoRouter,
  ComplexityRouter,
  QualityModel,
  QualityRouter,
  SemanticRouter,
  Tier,
} from "../../snapshot/auto-router.ts";
import { TIERS } from "../../snapshot/auto-router.ts";
import type { AffinityMap } from "../affinity.ts";
import { complexityOf } from "./complexity.ts";
import { matched } from "./keywords.ts";

/** Why: LiteLLM's words for the cause of a decision, `quality_tier` of quality routers among them. */
export type Cause =
  | "heuristic_scorer"
  /** Two words of reasoning, whatever the score. */
  | "reasoning_override"
  /** A word of `keyword_tier_rules`. */
  | "literal_keyword_match"
  /** A word of a quality router's model. */
  | "keyword"
  /** The user asked for the next higher tier. */
  | "escalation"
  /** The session has its model already. */
  | "session_affinity_pin"
  | "quality_tier"
  | "semantic_match"
  | "semantic_no_match"
  /** The embedding model gave no vector. */
  | "semantic_error"
  /** Explained without asking the embedding model. */
  | "semantic_not_asked"
  /** No question, or nobody for the tier. */
  | "default_fallback";

/** What an auto router decided, and why. */
export interface AutoDecision {
  /** The name that was asked for. */
  readonly router: string;
  readonly kind: AutoRouter["kind"];
  /** The model group that serves the request. */
  readonly model: string;
  readonly because: Cause;
  readonly tier?: string | undefined;
  readonly score?: number | undefined;
  readonly signals?: readonly string[] | undefined;
  readonly keyword?: string | undefined;
  /** Of a quality router: how difficult the question looks. */
  readonly complexity?: Tier | undefined;
}

export interface AutoInput {
  /** The last thing that the user asks; undefined where there is none, or where it is not text. */
  readonly question: string | undefined;
  readonly sessionId: string | undefined;
  readonly keyHash: string | undefined;
  readonly affinity: AffinityMap;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Undefined: the rules say nothing and there is no default model. */
export function complexityDecision(router: ComplexityRouter, input: AutoInput): AutoDecision | undefined {
  const session = sessionKey(router, input);
  const known = session === undefined ? undefined : input.affinity.find(session, input.now);
  const decision =
    known === undefined || !hasModel(router, known)
      ? chosen(router, input)
      : { router: router.name, kind: router.kind, model: known, because: "session_affinity_pin" as const };
  if (session !== undefined && decision !== undefined && router.sessionMs !== undefined) {
    input.affinity.remember(session, decision.model, input.now, router.sessionMs);
  }
  return decision;
}

function chosen(router: ComplexityRouter, { question, random }: AutoInput): AutoDecision | undefined {
  const base = { router: router.name, kind: router.kind };
  if (question === undefined) return byDefault(router);
  const named = (tier: Tier): string => router.labels.get(tier) ?? tier;
  const at = (tier: Tier, rest: Omit<AutoDecision, "router" | "kind" | "model" | "tier">): AutoDecision | undefined => {
    const pool = router.models.get(tier);
    const model =
      pool === undefined || pool.length === 0
        ? (router.defaultModel ?? router.models.get("MEDIUM")?.[0])
        : pool[Math.floor(random() * pool.length)];
    return model === undefined ? undefined : { ...base, model, tier: named(tier), ...rest };
  };
  const text = question.toLowerCase();
  const ruled = router.keywordRules
    .map(({ keywords, tier }) => ({ tier, keyword: matched(keywords, text, 1)[0] }))
    .filter(({ keyword }) => keyword !== undefined)
    // The most difficult tier that a word names wins, whatever the order of the rules.
    .toSorted((a, b) => TIERS.indexOf(b.tier) - TIERS.indexOf(a.tier))[0];
  const measured = complexityOf(question, router.rules);
  const tier = ruled?.tier ?? measured.tier;
  const escalation = router.escalations.find((words) => question.includes(words));
  if (escalation !== undefined) return at(nextTier(router, tier), { because: "escalation", keyword: escalation });
  if (ruled !== undefined) return at(tier, { because: "literal_keyword_match", keyword: ruled.keyword });
  const { score, signals, because } = measured;
  return at(tier, { because, score, signals });
}

/** The next higher tier that has models, else the same. */
function nextTier({ models }: ComplexityRouter, tier: Tier): Tier {
  return TIERS.slice(TIERS.indexOf(tier) + 1).find((higher) => (models.get(higher)?.length ?? 0) > 0) ?? tier;
}

function hasModel(router: ComplexityRouter, model: string): boolean {
  return model === router.defaultModel || [...router.models.values()].some((pool) => pool.includes(model));
}

function sessionKey({ name, sessionMs }: ComplexityRouter, { sessionId, keyHash }: AutoInput): string | undefined {
  if (sessionMs === undefined || sessionId === undefined) return undefined;
  return `auto\n${name}\n${keyHash ?? ""}\n${sessionId}`;
}

/** A model whose own words the question has, else one of the tier that its complexity asks for. */
export function qualityDecision(router: QualityRouter, { question }: AutoInput): AutoDecision | undefined {
  const base = { router: router.name, kind: router.kind };
  if (question === undefined) return byDefault(router);
  const text = question.toLowerCase();
  for (const { name, tier, keywords } of router.models) {
    const keyword = keywords.find((word) => text.includes(word));
    if (keyword !== undefined) return { ...base, model: name, because: "keyword", keyword, tier: String(tier) };
  }
  const { tier, score, signals } = complexityOf(question, router.rules);
  const quality = router.qualityOf.get(tier);
  const model = quality === undefined ? undefined : ofQuality(router.models, quality)?.name;
  if (quality === undefined || model === undefined) return byDefault(router);
  return { ...base, model, because: "quality_tier", tier: String(quality), score, signals, complexity: tier };
}

/** A model of the tier, else of the next higher one that there is, else of the next lower one. */
export function ofQuality(models: readonly QualityModel[], tier: number): QualityModel | undefined {
  let higher: QualityModel | undefined;
  for (const model of models) {
    if (model.tier === tier) return model;
    if (model.tier > tier && (higher === undefined || model.tier < higher.tier)) higher = model;
  }
  // They stand from the best to the worst, so the first lower one is the nearest.
  return higher ?? models.find((model) => model.tier < tier);
}

/** The route whose utterances are most like the question. `vectors` are of length 1, route by route. */
export function semanticDecision(
  router: SemanticRouter,
  question: readonly number[] | Float32Array,
  vectors: readonly (readonly (readonly number[] | Float32Array)[])[],
): AutoDecision {
  const found = mostAlike(question, vectors);
  const route = found === undefined ? undefined : router.routes[found.route];
  if (found === undefined || route === undefined || found.score <= route.threshold) {
    return semanticDefault(router, "semantic_no_match", found?.score);
  }
  return { router: router.name, kind: router.kind, model: route.name, because: "semantic_match", score: found.score };
}

export function semanticDefault(
  router: SemanticRouter,
  because: "semantic_no_match" | "semantic_error" | "semantic_not_asked",
  score?: number,
): AutoDecision {
  return { router: router.name, kind: router.kind, model: router.defaultModel, because, score };
}

/** Utterances that are compared in the end: semantic-router's figure. */
const NEAREST = 5;

/** Of the five nearest utterances, the route whose mean likeness is highest: semantic-router's rule. */
export function mostAlike(
  question: readonly number[] | Float32Array,
  vectors: readonly (readonly (readonly number[] | Float32Array)[])[],
): { readonly route: number; readonly score: number } | undefined {
  const nearest = vectors
    .flatMap((list, route) => list.map((vector) => ({ route, score: likeness(question, vector) })))
    .toSorted((a, b) => b.score - a.score || a.route - b.route)
    .slice(0, NEAREST);
  let best: { route: number; score: number } | undefined;
  for (const route of new Set(nearest.map((one) => one.route))) {
    const own = nearest.filter((one) => one.route === route);
    const score = own.reduce((sum, one) => sum + one.score, 0) / own.length;
    if (best === undefined || score > best.score) best = { route, score };
  }
  return best;
}

/** The cosine of two vectors of length 1. */
function likeness(a: readonly number[] | Float32Array, b: readonly number[] | Float32Array): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += (a[index] ?? 0) * (b[index] ?? 0);
  return sum;
}

function byDefault({ name, kind, defaultModel }: ComplexityRouter | QualityRouter): AutoDecision | undefined {
  return defaultModel === undefined
    ? undefined
    : { router: name, kind, model: defaultModel, because: "default_fallback" };
}
