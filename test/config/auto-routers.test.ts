import { expect, test } from "bun:test";
import type { JsonObject } from "../../src/json/json.ts";
import { entry, snapshotOf } from "../support/snapshot-of.ts";

function told(params: JsonObject): readonly string[] {
  const { diagnostics } = snapshotOf({
    model_list: [entry("cheap", "cheap"), { model_name: "smart", litellm_params: params }],
  });
  return diagnostics.map(({ severity, message, suggestion }) =>
    [severity, message, suggestion].filter((part) => part !== undefined).join("|"),
  );
}

const complexity = (config: JsonObject): JsonObject => ({
  model: "auto_router/complexity_router",
  complexity_router_config: { tiers: { SIMPLE: "cheap" }, ...config },
});

test("a good one says nothing", () => {
  expect(told(complexity({ classifier_type: "heuristic", default_model: "cheap" }))).toEqual([]);
});

test("what cannot be built is skipped with its reason", () => {
  for (const [params, problem] of [
    [{ model: "auto_router/complexity_router" }, "names no model"],
    [{ model: "auto_router/quality_router", quality_router_config: { available_models: ["cheap"] } }, "quality_tier"],
    [{ model: "auto_router/adaptive_router" }, "is not done here"],
    [{ model: "auto_router/x" }, "auto_router_default_model is unset"],
    [
      {
        model: "auto_router/x",
        auto_router_default_model: "cheap",
        auto_router_embedding_model: "cheap",
        auto_router_config_path: "/nowhere.json",
      },
      "/nowhere.json cannot be read",
    ],
  ] as const) {
    const lines = told(params);
    expect(lines.find((line) => line.startsWith("error|the deployment of smart is skipped"))).toContain(problem);
  }
});

test("what has no effect, and what was written wrong, is told with what was meant", () => {
  const lines = told(
    complexity({
      classifier_type: "llm",
      tier_boundary: {},
      tiers: { SIMPLE: "cheap", MEDUIM: "cheap", COMPLEX: "nobody" },
      dimension_weights: { codePresense: 1 },
      keyword_tier_rules: [{ keywords: [], tier: "SIMPLE" }],
      custom_dimensions: [{ name: "x", weight: 1, patterns: ["("] }],
    }),
  );
  for (const part of [
    "classifier_type: it has no effect: questions are judged by rules",
    "tier_boundary: no such key counts here|tier_boundaries",
    "MEDUIM: no tier has this name|MEDIUM",
    "codePresense: it must be a number under one of the known names|codePresence",
    "keyword_tier_rules.0: a rule needs keywords",
    "custom_dimensions.0: ",
    "smart leads to nobody, which nobody serves",
  ]) {
    expect(lines.join("\n")).toContain(part);
  }
});
