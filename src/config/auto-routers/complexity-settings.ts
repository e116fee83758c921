import { asArray, asNumber, asObject, asString, type Json, type JsonObject } from "../../json/json.ts";
import { keywordList } from "../../routing/auto/keywords.ts";
import {
  type ComplexityRouter,
  type ComplexityRules,
  type CustomDimension,
  type Dimension,
  type KeywordRule,
  TIERS,
  type Tier,
} from "../../snapshot/auto-router.ts";
import { CODE_KEYWORDS, REASONING_KEYWORDS, SIMPLE_KEYWORDS, TECHNICAL_KEYWORDS } from "./default-keywords.ts";
import type { Notes } from "./notes.ts";

const WEIGHTS: Readonly<Record<Dimension, number>> = {
  tokenCount: 0.1,
  codePresence: 0.3,
  reasoningMarkers: 0.25,
  technicalTerms: 0.25,
  simpleIndicators: 0.05,
  multiStepPatterns: 0.03,
  questionComplexity: 0.02,
};
const BOUNDARIES = { simple_medium: 0.15, medium_complex: 0.35, complex_reasoning: 0.6 };
const TOKENS = { simple: 15, complex: 400 };
const ESCALATIONS = ["LITELLM ESCALATE"];
const SESSION_SECONDS = 3600;

/** What of `complexity_router_config` decides here. */
const USED: ReadonlySet<string> = new Set([
  ...["tiers", "default_model", "tier_boundaries", "reasoning_override_min_score", "token_thresholds"],
  ...["dimension_weights", "custom_dimensions", "code_keywords", "reasoning_keywords", "technical_keywords"],
  ...["custom_technical_keywords", "simple_keywords", "escalation_keywords", "keyword_tier_rules", "tier_labels"],
  ...["session_affinity", "session_affinity_ttl_seconds"],
]);

/** LiteLLM's other keys, and why they have no effect. */
const WITHOUT_EFFECT: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [
    /^(classifier_|capability_|opensource_|llm_v2|hybrid_|heuristic_|local_heuristic|classification_)/,
    "questions are judged by rules, not by another model",
  ],
  [
    /^(tier_definitions|fallback_tier|enable_non_reasoning_tier)$/,
    "the tiers are SIMPLE, MEDIUM, COMPLEX and REASONING",
  ],
  [/^(semantic_keyword_matching|embedding_model|match_threshold)$/, "words are looked for as they are written"],
  [/^adaptive/, "models of a tier are taken by chance"],
  [/^deployment_affinity$/, "router_settings.optional_pre_call_checks has session_affinity"],
];

/** The rules of `complexity_router_config`; LiteLLM's defaults where it is silent. */
export function complexityRules(config: JsonObject, notes: Notes): ComplexityRules {
  const boundaries = { ...BOUNDARIES, ...figures(config.tier_boundaries, "tier_boundaries", BOUNDARIES, notes) };
  const tokens = { ...TOKENS, ...figures(config.token_thresholds, "token_thresholds", TOKENS, notes) };
  const { simple_medium: medium, medium_complex: complex, complex_reasoning: reasoning } = boundaries;
  if (!(medium <= complex && complex <= reasoning)) {
    notes.warn(["tier_boundaries"], "the boundaries do not rise from simple_medium to complex_reasoning");
  }
  const technical = texts(config.technical_keywords) ?? TECHNICAL_KEYWORDS;
  return {
    weights: { ...WEIGHTS, ...figures(config.dimension_weights, "dimension_weights", WEIGHTS, notes) },
    custom: asArray(config.custom_dimensions).flatMap((item, index) => customDimension(item, index, notes)),
    boundaries: [medium, complex, reasoning],
    reasoningFrom: asNumber(config.reasoning_override_min_score) ?? medium,
    tokens: [tokens.simple, tokens.complex],
    code: keywordList(texts(config.code_keywords) ?? CODE_KEYWORDS),
    reasoning: keywordList(texts(config.reasoning_keywords) ?? REASONING_KEYWORDS),
    technical: keywordList([...technical, ...(texts(config.custom_technical_keywords) ?? [])]),
    simple: keywordList(texts(config.simple_keywords) ?? SIMPLE_KEYWORDS),
  };
}

/** What a complexity router has beside its rules and its default model. */
export function complexityTiers(
  config: JsonObject,
  notes: Notes,
): Pick<ComplexityRouter, "models" | "labels" | "keywordRules" | "escalations" | "sessionMs"> {
  for (const key of Object.keys(config)) {
    if (USED.has(key)) continue;
    if (key === "classifier_type" && config[key] === "heuristic") continue;
    const reason = WITHOUT_EFFECT.find(([pattern]) => pattern.test(key))?.[1];
    notes.warn([key], reason === undefined ? "no such key counts here" : `it has no effect: ${reason}`, [...USED]);
  }
  const models = new Map<Tier, readonly string[]>();
  for (const [name, value] of Object.entries(asObject(config.tiers) ?? {})) {
    const tier = tierNamed(name);
    if (tier === undefined) notes.warn(["tiers", name], "no tier has this name", TIERS);
    else models.set(tier, modelsOf(value));
  }
  const labels = new Map<Tier, string>();
  for (const [name, label] of Object.entries(asObject(config.tier_labels) ?? {})) {
    const tier = tierNamed(name);
    if (tier !== undefined && typeof label === "string") labels.set(tier, label);
  }
  const seconds = asNumber(config.session_affinity_ttl_seconds) ?? SESSION_SECONDS;
  return {
    models,
    labels,
    keywordRules: asArray(config.keyword_tier_rules).flatMap((item, index) => keywordRule(item, index, notes)),
    escalations: (texts(config.escalation_keywords) ?? ESCALATIONS)
      .map((word) => word.trim())
      .filter((word) => word !== ""),
    sessionMs: config.session_affinity === true ? seconds * 1000 : undefined,
  };
}

function tierNamed(name: string): Tier | undefined {
  return TIERS.find((tier) => tier === name.trim().toUpperCase());
}

/** A name, or several, or objects with one. */
function modelsOf(value: Json | undefined): readonly string[] {
  return (Array.isArray(value) ? (value as readonly Json[]) : [value]).flatMap((item) => {
    const name = asString(item) ?? asString(asObject(item)?.model_name);
    return name === undefined ? [] : [name];
  });
}

function keywordRule(item: Json, index: number, notes: Notes): readonly KeywordRule[] {
  const rule = asObject(item);
  const tier = tierNamed(asString(rule?.tier) ?? "");
  const keywords = texts(rule?.keywords) ?? [];
  if (tier !== undefined && keywords.length > 0) return [{ tier, keywords: keywordList(keywords) }];
  notes.warn(["keyword_tier_rules", index], "a rule needs keywords and one of the tiers; it is left out", TIERS);
  return [];
}

function customDimension(item: Json, index: number, notes: Notes): readonly CustomDimension[] {
  const own = asObject(item);
  const name = asString(own?.name);
  const weight = asNumber(own?.weight);
  if (name === undefined || weight === undefined) {
    notes.warn(["custom_dimensions", index], "a dimension needs a name and a weight; it is left out");
    return [];
  }
  const patterns = (texts(own?.patterns) ?? []).flatMap((source) => {
    try {
      return [new RegExp(source, "i")];
    } catch (error) {
      notes.warn(["custom_dimensions", index], `${(error as Error).message}; the pattern is left out`);
      return [];
    }
  });
  const saturation = own?.scoring_mode === "match_count" ? 2 : 1;
  return [{ name, weight, keywords: keywordList(texts(own?.keywords) ?? []), patterns, saturation }];
}

function texts(value: Json | undefined): readonly string[] | undefined {
  return Array.isArray(value) ? (value as readonly Json[]).filter((item) => typeof item === "string") : undefined;
}

/** The figures of a map whose names are known. */
function figures<K extends string>(
  value: Json | undefined,
  key: string,
  known: Readonly<Record<K, number>>,
  notes: Notes,
): Partial<Record<K, number>> {
  const found: Partial<Record<K, number>> = {};
  for (const [name, figure] of Object.entries(asObject(value) ?? {})) {
    const own = (Object.keys(known) as K[]).find((one) => one === name);
    if (own !== undefined && typeof figure === "number") found[own] = figure;
    else notes.warn([key, name], "it must be a number under one of the known names", Object.keys(known));
  }
  return found;
}
