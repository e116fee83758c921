import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { ALL_MANAGEMENT_ROUTES } from "../../../src/management/all-routes.ts";
import type { Database } from "../../../src/store/database.ts";
import type { RunningGateway } from "../../support/gateway.ts";
import { ManagementClient, unique } from "../../support/management-client.ts";
import { type Fixtures, makeFixtures } from "./fixtures.ts";
import { digestOf, isRefusal, stores } from "./gateway-on-store.ts";

setDefaultTimeout(120_000);

const JUNK = [
  ...[
    "'; DROP TABLE virtual_key; --",
    '" OR 1=1 --',
    "%",
    "_",
    "\\",
    "a\u0000b",
    "a\r\nset-cookie: b=c",
    "-1",
    "1e999",
  ],
  ...[
    "NaN",
    "9999999999999999999999",
    "2026-02-31",
    "",
    "null",
    "[]",
    "../../etc/passwd",
    "💥\ud800",
    "x".repeat(10_000),
  ],
];

/** What else a query needs. */
const GOOD: Readonly<Record<string, string>> = { start_date: "2026-01-01", end_date: "2026-01-02" };

describe.each(await stores("attacks"))("attacks on $name", (store) => {
  let gateway: RunningGateway;
  let database: Database;
  let api: ManagementClient;
  let fixtures: Fixtures;

  beforeAll(async () => {
    ({ gateway, database } = await store.start());
    api = new ManagementClient(gateway);
    fixtures = await makeFixtures(api);
  });
  afterAll(() => store.stop());

  const fill = (path: string): string =>
    path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(fixtures.byName[name])));

  test("junk in every query parameter of every read is refused or finds nothing", async () => {
    const before = await digestOf(database);
    const wrong: string[] = [];
    for (const { method, path, querySchemas = {} } of ALL_MANAGEMENT_ROUTES) {
      if (method !== "GET") continue;
      for (const name of Object.keys(querySchemas)) {
        const others = Object.entries(querySchemas).flatMap(([other, schema]) =>
          other === name || schema.safeParse(undefined).success ? [] : [[other, GOOD[other] ?? "a"]],
        );
        const answers = await Promise.all(
          JUNK.map((junk) => {
            const query = new URLSearchParams([...others, [name, junk.toWellFormed()]]);
            return api.call(method, `${fill(path)}?${query}`);
          }),
        );
        answers.forEach((answer, at) => {
          if (answer.status < 400 || isRefusal(answer)) return;
          wrong.push(`${path}?${name}=${JSON.stringify(JUNK[at])?.slice(0, 40)}: ${answer.status}`);
        });
      }
    }
    expect(wrong).toEqual([]);
    expect(await digestOf(database)).toBe(before);
  });

  test("junk in every path finds nothing", async () => {
    const before = await digestOf(database);
    const wrong: string[] = [];
    for (const { method, path } of ALL_MANAGEMENT_ROUTES) {
      if (!path.includes("{")) continue;
      for (const junk of [
        ...JUNK.map((one) => encodeURIComponent(one.toWellFormed().slice(0, 4_000))),
        "%",
        "%zz",
        "%00",
        "%c0%80",
      ]) {
        if (junk === "") continue;
        const answer = await api.call(method, path.replaceAll(/\{\w+\}/g, junk), method === "GET" ? undefined : {});
        if (!isRefusal(answer)) wrong.push(`${method} ${path} with ${junk.slice(0, 40)}: ${answer.status}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(await digestOf(database)).toBe(before);
  });

  test("SQL in a name is a name: kept and found as it was written", async () => {
    const name = `Robert'); DROP TABLE virtual_key; -- " \\ % ${unique("")}`;
    const { team_id } = await api.ok("POST", "/team/new", { team_alias: name, team_id: `${name}!` });
    expect(team_id).toBe(`${name}!`);
    const { key } = await api.ok("POST", "/key/generate", { key_alias: name, team_id, metadata: { [name]: name } });
    await api.ok("POST", "/user/new", { user_id: name, user_alias: name, auto_create_key: false });
    await api.ok("POST", "/organization/new", { organization_id: name, organization_alias: name });
    await api.ok("POST", "/budget/new", { budget_id: name });
    await api.ok("POST", "/customer/new", { user_id: name, alias: name });
    await api.ok("POST", "/tag/new", { name, description: name });
    const query = encodeURIComponent(name);
    expect((await api.ok("GET", `/key/info?key=${key}`)).info).toMatchObject({
      key_alias: name,
      metadata: { [name]: name },
    });
    expect((await api.ok("GET", `/key/list?key_alias=${query}`)).total_count).toBe(1);
    expect((await api.ok("GET", `/v2/team/list?search=${query}`)).total).toBe(1);
    expect((await api.ok("GET", `/v2/team/list?search=${query.replace("Robert", "r_bert")}`)).total).toBe(0);
    expect((await api.ok("GET", `/user/list?search=${query}`)).total).toBe(1);
    expect((await api.ok("GET", `/user/info?user_id=${query}`)).user_info.user_alias).toBe(name);
    expect((await api.ok("GET", `/customer/info?end_user_id=${query}`)).alias).toBe(name);
    expect((await api.ok("POST", "/budget/info", { budgets: [name] }))[0].budget_id).toBe(name);
    expect((await api.ok("POST", "/tag/info", { names: [name] }))[name].description).toBe(name);
    expect((await api.ok("POST", "/team/delete", { team_ids: [team_id] })).deleted_teams).toEqual([team_id]);
    expect((await api.call("GET", `/key/info?key=${key}`)).status).toBe(404);
  });

  test("a body that is nested deeper than any stack, and one of a million members", async () => {
    const before = await digestOf(database);
    const deep = `${'{"a":'.repeat(200_000)}1${"}".repeat(200_000)}`;
    for (const body of [`{"metadata":${deep}}`, `{"models":${"[".repeat(200_000)}${"]".repeat(200_000)}}`]) {
      const answer = await api.call("POST", "/key/generate", body);
      expect([answer.status, isRefusal(answer)]).toEqual([expect.any(Number) as never, true]);
    }
    const many = JSON.stringify({ models: Array.from({ length: 1_000_000 }, () => "m") });
    expect((await api.call("POST", "/key/generate", many)).status).toBe(422);
    expect(await digestOf(database)).toBe(before);
  });

  test("what is gone, in use, or there already", async () => {
    const { byName, byRoute } = fixtures;
    const { budget_id, organization_id, team_id, user_id, project_id, key, credential_name } = byName;
    await api.ok("POST", "/key/generate", { budget_id, project_id, team_id, key_alias: "taken" });
    const litellm_params = { model: "openai/m", litellm_credential_name: credential_name };
    await api.ok("POST", "/model/new", { model_name: unique("with"), litellm_params });
    const gone = "gone";
    const table: readonly (readonly [string, string, unknown, number])[] = [
      ["POST", "/key/update", { key: "sk-gone" }, 404],
      ["POST", "/key/delete", { keys: ["sk-gone"] }, 404],
      ["POST", "/key/delete", { keys: [key, "sk-gone"] }, 404],
      ["POST", "/key/delete", { keys: [] }, 400],
      ["POST", "/key/block", { key: "sk-gone" }, 404],
      ["POST", "/key/regenerate", { key: "sk-gone" }, 404],
      ["POST", "/key/generate", { team_id: gone }, 404],
      ["POST", "/key/generate", { organization_id: gone }, 400],
      ["POST", "/key/generate", { project_id: gone }, 400],
      ["POST", "/key/generate", { budget_id: gone }, 400],
      ["POST", "/key/generate", { key_alias: "taken" }, 400],
      ["POST", "/key/update", { key, key_alias: "taken" }, 400],
      ["POST", "/key/update", { key, team_id: gone }, 404],
      ["POST", "/key/generate", { key }, 400],
      ["POST", "/key/generate", { key: "no-prefix" }, 400],
      ["POST", "/key/regenerate", { key, new_key: key }, 400],
      ["POST", "/user/new", { user_id }, 409],
      ["POST", "/user/new", { teams: [gone] }, 404],
      ["POST", "/user/new", { organizations: [gone] }, 404],
      ["POST", "/user/update", { user_id: gone }, 404],
      ["POST", "/user/update", { user_email: "gone@example.com" }, 404],
      ["POST", "/user/delete", { user_ids: [user_id, gone] }, 404],
      ["POST", "/team/new", { team_id }, 400],
      ["POST", "/team/new", { organization_id: gone }, 400],
      ["POST", "/team/update", { team_id: gone }, 404],
      ["POST", "/team/update", { team_id, organization_id: gone }, 400],
      ["POST", "/team/delete", { team_ids: [team_id, gone] }, 404],
      ["POST", "/team/member_add", { team_id: gone, member: { user_id } }, 404],
      ["POST", "/team/member_add", { team_id, member: { user_id } }, 400],
      ["POST", "/team/member_update", { team_id, user_id: gone }, 400],
      ["POST", "/team/member_delete", { team_id, user_id: gone }, 400],
      ["POST", "/team/block", { team_id: gone }, 404],
      ["POST", "/team/model/add", { team_id: gone, models: [] }, 404],
      ["POST", "/team/permissions_update", { team_id, team_member_permissions: ["/user/new"] }, 400],
      ["POST", "/organization/new", { organization_alias: "a", organization_id }, 400],
      ["POST", "/organization/new", { organization_alias: "a", budget_id: gone }, 400],
      ["PATCH", "/organization/update", { organization_id: gone }, 404],
      ["DELETE", "/organization/delete", { organization_ids: [organization_id] }, 400],
      ["DELETE", "/organization/delete", { organization_ids: [gone] }, 404],
      ["POST", "/organization/member_add", { organization_id: gone, member: { role: "org_admin", user_id } }, 404],
      ["POST", "/budget/new", { budget_id }, 400],
      ["POST", "/budget/update", { budget_id: gone }, 404],
      ["POST", "/budget/delete", { id: gone }, 404],
      ["POST", "/budget/delete", { id: budget_id }, 400],
      ["POST", "/project/new", { team_id: gone }, 404],
      ["POST", "/project/new", { team_id, project_id }, 400],
      ["POST", "/project/update", { project_id: gone }, 404],
      ["DELETE", "/project/delete", { project_ids: [project_id] }, 400],
      ["DELETE", "/project/delete", { project_ids: [gone] }, 404],
      ["POST", "/customer/new", byRoute["/customer/update"], 400],
      ["POST", "/customer/new", { user_id: unique("c"), budget_id: gone }, 400],
      ["POST", "/customer/update", { user_id: gone }, 404],
      ["POST", "/customer/delete", { user_ids: [gone] }, 404],
      ["POST", "/tag/new", { name: byName.name }, 400],
      ["POST", "/tag/update", { name: gone }, 404],
      ["POST", "/tag/delete", { name: gone }, 404],
      ["POST", "/model/delete", { id: gone }, 400],
      ["POST", "/model/update", { model_info: { id: gone } }, 404],
      ["PATCH", `/model/${gone}/update`, {}, 404],
      ["POST", "/model/block", { model_id: gone }, 404],
      ["POST", "/credentials", { credential_name, credential_info: {}, credential_values: {} }, 400],
      ["PATCH", `/credentials/${gone}`, {}, 404],
      ["DELETE", `/credentials/${gone}`, undefined, 404],
      ["DELETE", `/credentials/${credential_name}`, undefined, 400],
      ["PUT", `/v1/access_group/${gone}`, {}, 404],
      ["DELETE", `/v1/access_group/${gone}`, undefined, 404],
      ["POST", "/invitation/new", { user_id: gone }, 400],
      ["POST", "/invitation/update", { invitation_id: gone, is_accepted: true }, 404],
      ["POST", "/invitation/delete", { invitation_id: gone }, 404],
      ["DELETE", `/config/pass_through_endpoint?endpoint_id=${gone}`, undefined, 404],
      ["DELETE", `/fallback/${gone}`, undefined, 404],
    ];
    const before = await digestOf(database);
    const wrong: unknown[] = [];
    for (const [method, path, body, status] of table) {
      const answer = await api.call(method, path, body);
      if (answer.status !== status || !isRefusal(answer)) wrong.push([method, path, body, answer]);
    }
    expect(wrong).toEqual([]);
    expect(await digestOf(database)).toBe(before);
  });

  test("after all of it the gateway serves, and nothing in it failed", async () => {
    expect((await api.chat("echo")).status).toBe(200);
    expect(gateway.process.exitCode).toBe(null);
    expect(gateway.output()).not.toContain("a handler failed");
  });
});
