import { describe, expect, test } from "bun:test";
import { planChanges } from "../../src/config/plan/plan-changes.ts";
import { renderPlan } from "../../src/config/plan/render-plan.ts";
import type { JsonObject } from "../../src/json/json.ts";
import { shownConfiguration } from "../../src/management/configuration/shown-configuration.ts";

const model = (name: string, called: string, more: JsonObject = {}): JsonObject => ({
  model_name: name,
  litellm_params: { model: called, ...more },
});
const at = () => ({ file: "a.yml", line: 7, column: 3 });

describe("planChanges", () => {
  test("nothing, whatever the order of members and of models", () => {
    const before = {
      model_list: [model("a", "x/1", { rpm: 1 }), model("b", "x/2")],
      router_settings: { num_retries: 1 },
    };
    const after = {
      router_settings: { num_retries: 1, timeout: null },
      model_list: [model("b", "x/2"), { litellm_params: { rpm: 1, model: "x/1" }, model_name: "a" }],
    };
    expect(planChanges(before, after)).toEqual([]);
    expect(renderPlan([], at)).toBe("nothing changes");
  });

  test("deployments of one name are compared with those most like them", () => {
    const before = {
      model_list: [model("a", "x/1", { rpm: 1 }), model("a", "x/2"), model("a", "x/3"), model("gone", "x/4")],
    };
    const after = {
      model_list: [model("a", "x/2"), model("a", "x/1", { rpm: 2 }), model("a", "x/5"), model("new", "x/6")],
    };
    expect(renderPlan(planChanges(before, after), at).split("\n")).toEqual([
      "~ model a (x/1): litellm_params.rpm: 1 → 2  (a.yml:7)",
      '~ model a (x/5): litellm_params.model: "x/3" → "x/5"  (a.yml:7)',
      "+ model new (x/6)  (a.yml:7)",
      "- model gone (x/4)",
      "4 changes",
    ]);
  });

  test("declared keys, teams and budgets are compared by their names, whatever their order", () => {
    const before = {
      teams: [{ team_id: "a", max_budget: 1 }, { team_id: "b" }],
      virtual_keys: [{ key: "os.environ/ONE", key_alias: "crawler", rpm_limit: 2 }, { key: "os.environ/TWO" }],
    };
    const after = {
      budgets: [{ budget_id: "shared", max_budget: 5 }],
      teams: [{ team_id: "b" }, { team_id: "a", max_budget: 2 }],
      virtual_keys: [{ key: "os.environ/NEW", key_alias: "crawler", rpm_limit: 2 }],
    };
    expect(renderPlan(planChanges(before, after), at).split("\n")).toEqual([
      "+ budget shared  (a.yml:7)",
      "~ team a: max_budget: 1 → 2  (a.yml:7)",
      '~ key crawler: key: "os.environ/ONE" → "os.environ/NEW"  (a.yml:7)',
      "- key os.environ/TWO",
      "4 changes",
    ]);
  });

  test("what only a start takes is marked", () => {
    const changes = planChanges(
      { litellm_settings: { cache: true, num_retries: 1 }, general_settings: { master_key: "a" } },
      { litellm_settings: { cache: false }, general_settings: { master_key: "b" } },
    );
    expect(renderPlan(changes, at).split("\n")).toEqual([
      "~ litellm_settings.cache: true → false [next start]  (a.yml:7)",
      "- litellm_settings.num_retries (was 1)",
      '~ general_settings.master_key: "a" → "b" [next start]  (a.yml:7)',
      "3 changes; 2 of them only with the next start (marked so)",
    ]);
  });
});

describe("shownConfiguration", () => {
  test("secrets become fingerprints that differ as they do; references and figures stay", () => {
    const document = {
      model_list: [
        model("a", "x/1", {
          api_key: "sk-one",
          rpm: 5,
          input_cost_per_token: 1,
          extra_headers: { Authorization: "Bearer x" },
        }),
      ],
      general_settings: { master_key: "os.environ/KEY", database_url: "postgres://me:pass@host/db" },
      environment_variables: { PLAIN: "value", PORT: 1 },
    };
    const shown = shownConfiguration(document);
    const text = JSON.stringify(shown);
    for (const secret of ["sk-one", "Bearer x", "pass@", "value"]) expect(text).not.toContain(secret);
    expect(shown).toMatchObject({
      model_list: [{ litellm_params: { model: "x/1", rpm: 5, input_cost_per_token: 1 } }],
      general_settings: { master_key: "os.environ/KEY" },
    });
    const other = { ...document, model_list: [model("a", "x/1", { api_key: "sk-two" })] };
    expect(planChanges(shown, shownConfiguration(document))).toEqual([]);
    expect(
      planChanges(shown, shownConfiguration(other)).some(({ member }) => member === "litellm_params.api_key"),
    ).toBe(true);
  });
});
