import { expect, test } from "bun:test";
import { entry, snapshotOf } from "../support/snapshot-of.ts";

test("default_litellm_params stand in where a deployment says nothing", () => {
  const { deploymentsById } = snapshotOf({
    model_list: [entry("m", "silent"), entry("m", "own", { timeout: 5, temperature: 1 })],
    router_settings: { default_litellm_params: { timeout: 30, temperature: 0.2, num_retries: null } },
  });
  const of = (id: string) => deploymentsById.get(id);
  expect([of("silent")?.settings.timeout, of("own")?.settings.timeout]).toEqual([30, 5]);
  expect([of("silent")?.defaults.temperature, of("own")?.defaults.temperature]).toEqual([0.2, 1]);
});

test("model_alias_map names models of deployments and of requests", () => {
  const { deploymentsById, aliases } = snapshotOf({
    model_list: [entry("m", "a", { model: "old-name" }), entry("n", "b")],
    router_settings: { model_group_alias: { mine: "m" } },
    litellm_settings: { model_alias_map: { "old-name": "openai/gpt-4o", friendly: "n", mine: "n" } },
  });
  expect(deploymentsById.get("a")?.litellmModel).toBe("openai/gpt-4o");
  expect(aliases.get("friendly")).toEqual({ model: "n", hidden: true });
  expect(aliases.get("mine")?.model).toBe("m");
});
