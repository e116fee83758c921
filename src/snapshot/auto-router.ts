import type { JsonObject } from "../json/json.ts";
import type { SourceLocation } from "./snapshot.ts";

/** A tier of complexity, from the easiest on. */
export type Tier = "SIMPLE" | "MEDIUM" | "COMPLEX" | "REASONING";

export const TIERS: readonly Tier[] = ["SIMPLE", "MEDIUM", "COMPLEX", "REASONING"];

/** Words of one kind, as they are looked for in a question: lower case. */
export interface KeywordList {
  /** Found as whole words. */
  readonly words: readonly string[];
  /** Found anywhere: several words, or a script that writes none apart. */
  readonly phrases: readonly string[];
}

/** What is measured of a question; each is a score from -1 to 1, times its weight. */
export type Dimension =
  | "tokenCount"
  | "codePresence"
  | "reasoningMarkers"
  | "technicalTerms"
  | "simpleIndicators"
  | "multiStepPatterns"
  | "questionComplexity";

/** A dimension of the operator's own. */
export interface CustomDimension {
  readonly name: string;
  readonly weight: number;
  readonly keywords: KeywordList;
  readonly patterns: readonly RegExp[];
  /** Different matches that make the whole weight; fewer make their share. */
  readonly saturation: number;
}

/** How a question becomes a tier: `complexity_router_config` of LiteLLM, its rule-based part. */
export interface ComplexityRules {
  readonly weights: Readonly<Record<Dimension, number>>;
  readonly custom: readonly CustomDimension[];
  /** The lowest scores of MEDIUM, COMPLEX and REASONING. */
  readonly boundaries: readonly [number, number, number];
  /** Two words of reasoning make REASONING from this score on. */
  readonly reasoningFrom: number;
  /** Estimated tokens: fewer than the first count for SIMPLE, more than the second against it. */
  readonly tokens: readonly [number, number];
  readonly code: KeywordList;
  readonly reasoning: KeywordList;
  readonly technical: KeywordList;
  readonly simple: KeywordList;
}

/** Words that decide by themselves. */
export interface KeywordRule {
  readonly keywords: KeywordList;
  readonly tier: Tier;
}

interface Common {
  /** `model_info.id`, or the digest of its entry. */
  readonly id: string;
  /** `litellm_params`, references resolved. */
  readonly params: JsonObject;
  readonly info: JsonObject;
  /** It is of the database. */
  readonly stored?: boolean;
  /** The name that clients ask for. */
  readonly name: string;
  /** Only this team's; undefined: everybody's. */
  readonly teamId: string | undefined;
  /** Who answers what the rules say nothing of. */
  readonly defaultModel: string | undefined;
  readonly source: SourceLocation;
}

export interface ComplexityRouter extends Common {
  readonly kind: "complexity";
  readonly rules: ComplexityRules;
  /** One of several models is taken by chance. */
  readonly models: ReadonlyMap<Tier, readonly string[]>;
  readonly labels: ReadonlyMap<Tier, string>;
  readonly keywordRules: readonly KeywordRule[];
  /** Found as they are written; each takes the question to the next higher tier. */
  readonly escalations: readonly string[];
  /** A session keeps its first model for so many milliseconds after its last question; undefined: it does not. */
  readonly sessionMs: number | undefined;
}

/** A model that a quality router may choose: `model_info.litellm_routing_preferences`. */
export interface QualityModel {
  readonly name: string;
  readonly tier: number;
  /** Lower case; found anywhere in the question. */
  readonly keywords: readonly string[];
}

export interface QualityRouter extends Common {
  readonly kind: "quality";
  readonly rules: ComplexityRules;
  readonly qualityOf: ReadonlyMap<Tier, number>;
  /** The best first; within a tier by `order`, then by price, then by name. */
  readonly models: readonly QualityModel[];
}

/** A route of a semantic router: what is asked in words like these goes to the model of its name. */
export interface SemanticRoute {
  readonly name: string;
  readonly utterances: readonly string[];
  /** How alike a question must be, from -1 to 1. */
  readonly threshold: number;
}

export interface SemanticRouter extends Common {
  readonly kind: "semantic";
  readonly defaultModel: string;
  readonly embeddingModel: string;
  /** UTF-16 units of a question that are looked at. */
  readonly longestInput: number;
  readonly routes: readonly SemanticRoute[];
}

/** A model name that stands for others: `litellm_params.model: auto_router/…`. */
export type AutoRouter = ComplexityRouter | QualityRouter | SemanticRouter;

export function autoRouterOfId(autoRouters: ReadonlyMap<string, AutoRouter>, id: string): AutoRouter | undefined {
  return [...autoRouters.values()].find((router) => router.id === id);
}
