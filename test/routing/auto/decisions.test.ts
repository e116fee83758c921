import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { AffinityMap } from "../../../src/routing/affinity.ts";
import { complexityOf, tierOf } from "../../../src/routing/auto/complexity.ts";
import {
  type AutoInput,
  complexityDecision,
  mostAlike,
  ofQuality,
  qualityDecision,
} from "../../../src/routing/auto/decision.ts";
import { keywordList, matched } from "../../../src/routing/auto/keywords.ts";
import { questionOf, withoutReminders } from "../../../src/routing/auto/question.ts";
import type { ComplexityRouter, QualityRouter } from "../../../src/snapshot/auto-router.ts";
import { TIERS } from "../../../src/snapshot/auto-router.ts";
import { entry, snapshotOf } from "../../support/snapshot-of.ts";

const NOW = 1_800_000_000_000;
const CONFIG = {
  tiers: { SIMPLE: "cheap", MEDIUM: "middle", COMPLEX: ["strong", "other"], REASONING: "thinker" },
  keyword_tier_rules: [
    { keywords: ["invoice"], tier: "SIMPLE" },
    { keywords: ["lawsuit", "supreme court"], tier: "reasoning" },
  ],
};

function routerOf(config: object): ComplexityRouter {
  const models = ["cheap", "middle", "strong", "other", "thinker"].map((name) => entry(name, name));
  const params = { model: "auto_router/complexity_router", complexity_router_config: config as never };
  const snapshot = snapshotOf({ model_list: [...models, { model_name: "smart", litellm_params: params }] });
  const router = snapshot.autoRouters.get("smart");
  if (router?.kind !== "complexity") throw new Error(JSON.stringify(snapshot.diagnostics));
  return router;
}

const router = routerOf(CONFIG);
const input = (question: string | undefined, more: Partial<AutoInput> = {}): AutoInput => ({
  question,
  sessionId: undefined,
  keyHash: "k",
  affinity: new AffinityMap(),
  now: NOW,
  random: () => 0,
  ...more,
});

/** Scores and tiers of LiteLLM 1.106.2 for the same questions. */
const QUESTIONS: readonly (readonly [question: string, tier: string, score: number])[] = [
  ["hello", "SIMPLE", -0.15],
  ["What is the capital of France?", "SIMPLE", -0.15],
  ["Write a python function that sorts a list of numbers and explain how it works to a beginner", "MEDIUM", 0.3],
  [
    "Think step by step and show your work: which of these two plans of mine costs less over ten years?",
    "REASONING",
    0.25,
  ],
  [
    "Design a distributed architecture with low latency and high throughput for our api, with a database schema please",
    "COMPLEX",
    0.55,
  ],
];

describe("how difficult a question looks", () => {
  test.each(QUESTIONS)("%p is %s", (question, tier, score) => {
    const found = complexityOf(question, router.rules);
    expect([found.tier, Number(found.score.toFixed(6))] as const).toEqual([tier as never, score]);
  });

  test("a higher score is never a lower tier, and any question has one", () => {
    const score = fc.double({ min: -2, max: 2, noNaN: true });
    fc.assert(
      fc.property(score, score, fc.tuple(score, score, score), (a, b, bounds) => {
        const [one, two, three] = bounds.toSorted((x, y) => x - y) as [number, number, number];
        const order = (value: number): number => TIERS.indexOf(tierOf(value, [one, two, three]));
        expect(order(Math.max(a, b))).toBeGreaterThanOrEqual(order(Math.min(a, b)));
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 400 }), (question) => {
        const found = complexityOf(question, router.rules);
        expect(TIERS).toContain(found.tier);
        expect(Math.abs(found.score)).toBeLessThan(1.01);
      }),
    );
  });

  test("what was made to take long does not", () => {
    for (const evil of [
      "first ".repeat(200_000),
      "1".repeat(1_000_000),
      "<system-reminder>".repeat(60_000),
      "a)".repeat(400_000),
    ]) {
      const started = performance.now();
      complexityOf(withoutReminders(evil), router.rules);
      expect(performance.now() - started).toBeLessThan(500);
    }
  });

  test("words count where they stand by themselves, phrases and unspaced scripts anywhere", () => {
    const list = keywordList(["API", "api", "pull request", "发票", " "]);
    expect(list).toEqual({ words: ["api"], phrases: ["pull request", "发票"] });
    expect(matched(list, "the capital of apis")).toEqual([]);
    expect(matched(list, "an api, a pull requests; 我需要开发票")).toEqual(["api", "pull request", "发票"]);
  });

  test("own words, weights, bounds and dimensions", () => {
    const own = routerOf({
      ...CONFIG,
      technical_keywords: ["tariff"],
      custom_technical_keywords: ["customs"],
      token_thresholds: { simple: 0 },
      tier_boundaries: { simple_medium: 0.05 },
      dimension_weights: { technicalTerms: 0.4 },
      custom_dimensions: [
        { name: "law", weight: 0.5, keywords: ["statute"], patterns: ["§\\s*\\d+"], scoring_mode: "match_count" },
      ],
    });
    expect(complexityOf("tariff customs", own.rules)).toMatchObject({ tier: "MEDIUM", score: 0.2 });
    expect(complexityOf("see § 12", own.rules)).toMatchObject({ score: 0.25, signals: ["custom (law)"] });
    expect(complexityOf("see § 12 of the statute", own.rules)).toMatchObject({ score: 0.5, tier: "COMPLEX" });
  });
});

describe("a complexity router", () => {
  test("asks the model of the tier, one of several by chance, the default where nothing is asked", () => {
    expect(complexityDecision(router, input("hello"))).toMatchObject({ model: "cheap", tier: "SIMPLE" });
    const [complex] = QUESTIONS.filter(([, tier]) => tier === "COMPLEX").map(([question]) => question);
    expect(complexityDecision(router, input(complex, { random: () => 0.9 }))).toMatchObject({ model: "other" });
    expect(complexityDecision(router, input(undefined))).toBeUndefined();
    const standard = routerOf({ ...CONFIG, default_model: "middle" });
    expect(complexityDecision(standard, input(undefined))).toMatchObject({
      model: "middle",
      because: "default_fallback",
    });
  });

  test("a tier without models is the default's, else MEDIUM's", () => {
    const medium = routerOf({ tiers: { MEDIUM: "middle" } });
    expect(complexityDecision(medium, input("hello"))).toMatchObject({ model: "middle", tier: "SIMPLE" });
    const standard = routerOf({ tiers: { MEDIUM: "middle" }, default_model: "cheap" });
    expect(complexityDecision(standard, input("hello"))).toMatchObject({ model: "cheap" });
  });

  test("words of rules decide, the most difficult tier among them; who shouts gets the next higher one", () => {
    expect(complexityDecision(router, input("the invoice of that LAWSUIT"))).toMatchObject({
      model: "thinker",
      because: "literal_keyword_match",
      keyword: "lawsuit",
    });
    expect(complexityDecision(router, input("hello LITELLM ESCALATE"))).toMatchObject({
      model: "middle",
      because: "escalation",
    });
    expect(complexityDecision(router, input("hello litellm escalate"))).toMatchObject({ model: "cheap" });
  });

  test("a session keeps its model where it shall, and only as long", () => {
    const sticky = routerOf({ ...CONFIG, session_affinity: true, session_affinity_ttl_seconds: 60 });
    const affinity = new AffinityMap();
    const at = (question: string, now: number, sessionId = "s", keyHash = "k") =>
      complexityDecision(sticky, input(question, { affinity, now, sessionId, keyHash }))?.model;
    expect(at("the supreme court", NOW)).toBe("thinker");
    expect(at("hello", NOW + 50_000)).toBe("thinker");
    expect(at("hello", NOW + 100_000)).toBe("thinker");
    expect(at("hello", NOW + 50_000, "another")).toBe("cheap");
    expect(at("hello", NOW + 50_000, "s", "another key")).toBe("cheap");
    expect(at("hello", NOW + 200_000)).toBe("cheap");
  });
});

describe("a quality router", () => {
  const preferences = (quality_tier: number, more: object = {}) => ({
    litellm_routing_preferences: { quality_tier, ...more },
  });
  const snapshot = snapshotOf({
    model_list: [
      entry("small", "small", {}, preferences(1)),
      entry("dear", "dear", {}, { ...preferences(3), input_cost_per_token: 2 }),
      entry("fair", "fair", {}, { ...preferences(3, { keywords: ["Rust"] }), input_cost_per_token: 1 }),
      entry("poet", "poet", {}, preferences(2, { keywords: ["poem", "rust"] })),
      {
        model_name: "best",
        litellm_params: {
          model: "auto_router/quality_router",
          quality_router_config: { available_models: ["small", "dear", "fair", "poet"] },
        },
      },
    ],
  });
  const quality = snapshot.autoRouters.get("best") as QualityRouter;

  test("takes the model of the quality that the question asks for, the cheaper one of two", () => {
    expect(qualityDecision(quality, input("hello"))).toMatchObject({ model: "small", tier: "1", complexity: "SIMPLE" });
    const [complex] = QUESTIONS.filter(([, tier]) => tier === "COMPLEX").map(([question]) => question);
    expect(qualityDecision(quality, input(complex))).toMatchObject({ model: "fair", because: "quality_tier" });
  });

  test("a word of a model's own decides, the better model first", () => {
    expect(qualityDecision(quality, input("a poem, please"))).toMatchObject({ model: "poet", keyword: "poem" });
    expect(qualityDecision(quality, input("a poem about rust"))).toMatchObject({ model: "fair", because: "keyword" });
  });

  test("where nobody has the tier, the next better one answers, else the next worse", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 9 }),
        (tiers, wanted) => {
          const models = tiers.toSorted((a, b) => b - a).map((tier) => ({ name: `${tier}`, tier, keywords: [] }));
          const found = ofQuality(models, wanted)?.tier ?? 0;
          const better = tiers.filter((tier) => tier >= wanted);
          expect(found).toBe(better.length > 0 ? Math.min(...better) : Math.max(...tiers));
        },
      ),
    );
  });
});

test("of the five nearest utterances the route with the highest mean", () => {
  expect(
    mostAlike(
      [1, 0],
      [
        [[0, 1]],
        [
          [1, 0],
          [0.6, 0.8],
        ],
      ],
    ),
  ).toEqual({ route: 1, score: 0.8 });
  expect(
    mostAlike(
      [1, 0],
      [
        [[0.9, 0.1]],
        [
          [1, 0],
          [0.6, 0.8],
        ],
      ],
    ),
  ).toEqual({ route: 0, score: 0.9 });
  expect(mostAlike([1, 0], [])).toBeUndefined();
});

test("the question is the last text of a user, without what agents add", () => {
  const text = (role: "user" | "assistant", ...texts: string[]) => ({
    role,
    parts: texts.map((one) => ({ type: "text" as const, text: one })),
  });
  expect(questionOf({ messages: [text("user", "one"), text("assistant", "two"), text("user", "three", "four")] })).toBe(
    "three four",
  );
  const reminder = "<system-reminder>be brief</System-Reminder>";
  expect(questionOf({ messages: [text("user", `what ${reminder} now`), text("user", reminder)] })).toBe("what now");
  expect(questionOf({ messages: [text("assistant", "hello")] })).toBeUndefined();
});
