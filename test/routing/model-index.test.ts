import { describe, expect, test } from "bun:test";
import { ModelIndex } from "../../src/routing/model-index.ts";
import { entry, snapshotOf } from "../support/snapshot-of.ts";

describe("which group a name leads to", () => {
  const index = new ModelIndex(
    snapshotOf({
      model_list: [
        entry("gpt", "gpt-1"),
        entry("claude", "claude-1", { model: "anthropic/claude-sonnet-4-5" }),
        entry("openai/*", "all-of-openai", { model: "openai/*" }),
        entry("openai/gpt-4*", "some-of-openai", { model: "openai/gpt-4*" }),
        entry("teams-own", "team-1", {}, { team_id: "t", team_public_model_name: "gpt" }),
        entry("teams-all", "team-2", {}, { team_id: "t", team_public_model_name: "team/*" }),
      ],
      router_settings: { model_group_alias: { short: "claude", "gpt-1": "claude" } },
    }),
  );
  const ids = (name: string, team?: string): string[] | undefined =>
    index.match(name, team)?.deployments.map(({ id }) => id);

  test.each([
    ["a deployment's id beats an alias", "gpt-1", undefined, ["gpt-1"]],
    ["an alias", "short", undefined, ["claude-1"]],
    ["an exact name", "gpt", undefined, ["gpt-1"]],
    ["the most specific pattern", "openai/gpt-4o", undefined, ["some-of-openai"]],
    ["the other pattern", "openai/o3", undefined, ["all-of-openai"]],
    ["a provider's own name", "anthropic/claude-sonnet-4-5", undefined, ["claude-1"]],
    ["a bare name whose provider the catalogue knows", "gpt-4o", undefined, ["some-of-openai"]],
    ["a team's own name", "gpt", "t", ["team-1"]],
    ["a team's own pattern", "team/anything", "t", ["team-2"]],
    ["nobody else's pattern", "team/anything", "other", undefined],
    ["a name that nobody has", "nothing-like-it", undefined, undefined],
  ] as const)("%s", (_, name, team, expected) => {
    expect(ids(name, team)).toEqual(expected as string[] | undefined);
  });

  test("a bare name keeps its own name for the caller", () => {
    expect(index.match("gpt-4o")).toMatchObject({ group: "gpt-4o", captured: ["o"] });
  });
});
