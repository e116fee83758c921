import { describe, expect, test } from "bun:test";
import { diagnosticsOf } from "./files.ts";

const HEAD = "general_settings: {master_key: sk-master-key-000}\n";

describe("keys, teams and budgets of the file", () => {
  test.each([
    ["virtual_keys: [{key: sk-aaaaaaaaaaaa}, {key: sk-aaaaaaaaaaaa}]", "this key is declared twice"],
    ["teams: [{team_id: a}, {team_id: a}]", "this team is declared twice"],
    ["budgets: [{budget_id: a}, {budget_id: a}]", "this budget is declared twice"],
    [
      "virtual_keys: [{key: sk-aaaaaaaaaaaa, key_alias: x}, {key: sk-bbbbbbbbbbbb, key_alias: x}]",
      "the alias x is also that of the key in line 2",
    ],
    ["virtual_keys: [{key: abc}]", "virtual_keys[0].key must be a key that begins with sk- and has no spaces"],
    ["virtual_keys: [{key: sk-master-key-000}]", "virtual_keys[0].key is the master key"],
    ["virtual_keys: [{key_alias: x}]", "virtual_keys[0] has no key"],
    ["virtual_keys: [{key: os.environ/NOT_THERE}]", "virtual_keys[0].key is unset"],
    ["virtual_keys: [{key: sk-aaaaaaaaaaaa, duration: 30d}]", "duration is no key of virtual_keys[]"],
    ["virtual_keys: [{key: sk-aaaaaaaaaaaa, expires: soon}]", "virtual_keys[0].expires must be a time"],
    ["teams: [{team_id: a, max_budget: -1}]", "teams[0].max_budget must be a number of at least 0"],
    ["budgets: [{budget_id: a, budget_duration: monthly}]", "budgets[0].budget_duration must be a duration"],
  ])("%s", (text, message) => {
    const found = diagnosticsOf(`${HEAD}${text}\n`).filter(({ severity }) => severity === "error");
    expect(found.map((one) => one.message).join("\n")).toContain(message);
    expect(found[0]?.location).toMatchObject({ line: 2 });
    expect(JSON.stringify(found)).not.toContain("sk-aaaa");
  });

  test("the time a key ends is called expires here", () => {
    const [found] = diagnosticsOf("virtual_keys: [{key: sk-aaaaaaaaaaaa, duration: 30d}]\n");
    expect(found?.suggestion).toBe("expires");
  });
});
