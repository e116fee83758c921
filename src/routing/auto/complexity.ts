import type { ComplexityRules, Dimension, KeywordList, Tier } from "../../snapshot/auto-router.ts";
import { matched } from "./keywords.ts";

/** How difficult a question looks, and what says so. */
export interface Complexity {
  readonly tier: Tier;
  /** The weighted sum of all dimensions. */
  readonly score: number;
  /** For people: what was found. */
  readonly signals: readonly string[];
  readonly because: "heuristic_scorer" | "reasoning_override";
}

interface Measured {
  readonly score: number;
  readonly signal?: string;
}

const NOTHING: Measured = { score: 0 };
const CHARACTERS_PER_TOKEN = 4;
const MANY_QUESTIONS = 3;
/** The operator's own patterns look at no more than this. */
const PATTERN_UNITS = 2048;
/** Words are looked for in so much of a question, in UTF-16 units; its length counts as a whole. */
const SCANNED_UNITS = 100_000;
/** `step 2`, `2. `, `b) `. */
const STEPS: readonly RegExp[] = [/step\s*\d/, /\d\.\s/, /[a-z]\)\s/];

/**
 * The tier of a question by its words, its length and its shape: LiteLLM's heuristic scorer. The question alone counts,
 * not the instructions around it, which are the same for every question of an application.
 */
export function complexityOf(question: string, rules: ComplexityRules): Complexity {
  const text = question.slice(0, SCANNED_UNITS).toLowerCase();
  const reasoning = matched(rules.reasoning, text);
  const measured: Readonly<Record<Dimension, Measured>> = {
    tokenCount: lengthScore(question, rules.tokens),
    codePresence: wordScore("code", matched(rules.code, text), 1, 2, [0.5, 1]),
    reasoningMarkers: wordScore("reasoning", reasoning, 1, 2, [0.7, 1]),
    technicalTerms: wordScore("technical", matched(rules.technical, text), 2, 4, [0.5, 1]),
    simpleIndicators: wordScore("simple", matched(rules.simple, text), 1, 2, [-1, -1]),
    multiStepPatterns: hasSteps(text) ? { score: 0.5, signal: "multi-step" } : NOTHING,
    questionComplexity: questionScore(question),
  };
  const signals: string[] = [];
  let score = 0;
  for (const [name, { score: own, signal }] of Object.entries(measured)) {
    score += own * rules.weights[name as Dimension];
    if (signal !== undefined) signals.push(signal);
  }
  for (const { name, weight, keywords, patterns, saturation } of rules.custom) {
    const hits = hitsOf(question, text, keywords, patterns, saturation);
    if (hits === 0) continue;
    score += (weight * hits) / saturation;
    signals.push(`custom (${name})`);
  }
  if (reasoning.length >= 2 && score >= rules.reasoningFrom) {
    return { tier: "REASONING", score, signals, because: "reasoning_override" };
  }
  return { tier: tierOf(score, rules.boundaries), score, signals, because: "heuristic_scorer" };
}

/** A higher score is never a lower tier. */
export function tierOf(score: number, [medium, complex, reasoning]: ComplexityRules["boundaries"]): Tier {
  if (score < medium) return "SIMPLE";
  if (score < complex) return "MEDIUM";
  return score < reasoning ? "COMPLEX" : "REASONING";
}

function lengthScore(question: string, [short, long]: ComplexityRules["tokens"]): Measured {
  const tokens = Math.floor(question.length / CHARACTERS_PER_TOKEN);
  if (tokens < short) return { score: -1, signal: `short (${tokens} tokens)` };
  return tokens > long ? { score: 1, signal: `long (${tokens} tokens)` } : NOTHING;
}

function wordScore(
  kind: string,
  found: readonly string[],
  some: number,
  many: number,
  [low, high]: readonly [number, number],
): Measured {
  if (found.length < some) return NOTHING;
  return { score: found.length >= many ? high : low, signal: `${kind} (${found.slice(0, 3).join(", ")})` };
}

function hasSteps(text: string): boolean {
  if (STEPS.some((step) => step.test(text))) return true;
  return text.split("\n").some((line) => {
    const first = line.indexOf("first");
    return first !== -1 && line.includes("then", first + "first".length);
  });
}

function questionScore(question: string): Measured {
  const count = question.split("?").length - 1;
  return count > MANY_QUESTIONS ? { score: 0.5, signal: `${count} questions` } : NOTHING;
}

function hitsOf(
  question: string,
  text: string,
  keywords: KeywordList,
  patterns: readonly RegExp[],
  saturation: number,
): number {
  let hits = matched(keywords, text, saturation).length;
  const beginning = question.slice(0, PATTERN_UNITS);
  for (const pattern of patterns) {
    if (hits >= saturation) break;
    if (pattern.test(beginning)) hits++;
  }
  return hits;
}
