import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Database } from "../../../src/store/database.ts";
import { ManagementClient, unique } from "../../support/management-client.ts";
import { digestOf, isRefusal, stores } from "./gateway-on-store.ts";

setDefaultTimeout(60_000);

type Call = readonly [method: string, path: string, body?: object];

describe.each(await stores("escalation"))("who would like to be more than it is, on $name", (store) => {
  let database: Database;
  let api: ManagementClient;
  /** Caller → its key. */
  const callers: Record<string, string> = {};
  const ids: Record<string, string> = {};

  beforeAll(async () => {
    const started = await store.start();
    database = started.database;
    api = new ManagementClient(started.gateway);
    for (const role of ["internal_user", "internal_user_viewer", "proxy_admin_viewer", "proxy_admin"]) {
      const { id, key } = await api.person(role);
      ids[role] = id;
      callers[role] = key;
    }
    for (const name of ["lead", "member", "boss", "stranger"]) {
      const { id, key } = await api.person("internal_user");
      ids[name] = id;
      callers[name] = key;
    }
    for (const name of ["own", "other"]) {
      const org = await api.ok("POST", "/organization/new", { organization_alias: unique(name), max_budget: 10 });
      const organization_id = org.organization_id as string;
      ids[`${name}_org`] = organization_id;
      const team = await api.ok("POST", "/team/new", { organization_id, max_budget: 5, models: ["echo"] });
      ids[`${name}_team`] = team.team_id;
      const key = await api.ok("POST", "/key/generate", { team_id: team.team_id, max_budget: 1 });
      ids[`${name}_key`] = key.key;
      ids[`${name}_project`] = (await api.ok("POST", "/project/new", { team_id: team.team_id })).project_id;
    }
    const team_id = ids.own_team;
    await api.ok("POST", "/team/member_add", { team_id, member: { role: "admin", user_id: ids.lead } });
    await api.ok("POST", "/team/member_add", {
      team_id,
      member: { role: "user", user_id: ids.member },
      max_budget_in_team: 1,
    });
    const organization_id = ids.own_org;
    await api.ok("POST", "/organization/member_add", {
      organization_id,
      member: { role: "org_admin", user_id: ids.boss },
    });
    const user_id = ids.internal_user;
    ids.limited_key = (await api.ok("POST", "/key/generate", { user_id, max_budget: 1, tags: ["t"] })).key;
    const admin = { user_id: ids.proxy_admin };
    callers.chat_only = (
      await api.ok("POST", "/key/generate", { ...admin, allowed_routes: ["/v1/chat/completions"] })
    ).key;
    callers.llm_api = (await api.ok("POST", "/key/generate", { ...admin, key_type: "llm_api" })).key;
    callers.read_only = (await api.ok("POST", "/key/generate", { ...admin, key_type: "read_only" })).key;
    callers.of_team = ids.own_key as string;
    callers.service = (
      await api.ok("POST", "/key/service-account/generate", { team_id, key_alias: unique("bot") })
    ).key;
    ids.budget = (await api.ok("POST", "/budget/new", { max_budget: 1 })).budget_id;
  });
  afterAll(() => store.stop());

  /** What nobody but an administrator may do, whoever asks. */
  const everybodys = (): readonly Call[] => [
    ["POST", "/user/update", { user_id: ids.internal_user, max_budget: 1_000 }],
    ["POST", "/user/update", { user_id: ids.internal_user, user_role: "proxy_admin" }],
    ["POST", "/user/update", { user_id: ids.lead, user_role: "proxy_admin" }],
    ["POST", "/user/new", { user_role: "proxy_admin" }],
    ["POST", "/user/new", { user_role: "proxy_admin", organizations: [ids.own_org] }],
    ["POST", "/user/bulk_update", { users: [{ user_id: ids.lead, max_budget: 1_000 }] }],
    ["POST", "/user/bulk_update", { all_users: true, user_updates: { user_role: "proxy_admin" } }],
    ["POST", "/user/delete", { user_ids: [ids.proxy_admin] }],
    ["POST", "/key/update", { key: ids.limited_key, max_budget: 1_000 }],
    ["POST", "/key/update", { key: ids.limited_key, spend: 0 }],
    ["POST", "/key/update", { key: ids.limited_key, tags: [] }],
    ["POST", "/key/update", { key: ids.limited_key, allowed_routes: ["*"] }],
    ["POST", "/key/update", { key: ids.limited_key, user_id: ids.proxy_admin }],
    ["POST", "/key/update", { key: ids.limited_key, metadata: { temp_budget_increase: 1_000 } }],
    ["POST", "/key/regenerate", { key: ids.limited_key, max_budget: 1_000 }],
    ["POST", `/key/${ids.limited_key}/reset_spend`, { reset_to: 0 }],
    ["POST", "/key/bulk_update", { keys: [{ key: ids.limited_key, max_budget: 1_000 }] }],
    ["POST", "/key/generate", { user_id: ids.proxy_admin }],
    ["POST", "/key/generate", { allowed_routes: ["/user/new"] }],
    ["POST", "/key/generate", { permissions: { anything: true } }],
    ["POST", "/key/generate", { team_id: ids.other_team }],
    ["POST", "/key/update", { key: ids.other_key, max_budget: 1_000 }],
    ["POST", "/key/delete", { keys: [ids.other_key] }],
    ["POST", "/key/block", { key: ids.other_key }],
    ["POST", "/key/regenerate", { key: ids.other_key }],
    ["POST", "/team/update", { team_id: ids.other_team, max_budget: 1_000 }],
    ["POST", "/team/update", { team_id: ids.own_team, organization_id: ids.other_org }],
    ["POST", "/team/delete", { team_ids: [ids.other_team] }],
    ["POST", "/team/block", { team_id: ids.other_team }],
    ["POST", "/team/model/add", { team_id: ids.other_team, models: ["*"] }],
    ["POST", "/team/member_add", { team_id: ids.other_team, member: { role: "admin", user_id: ids.lead } }],
    ["POST", "/team/bulk_member_add", { team_id: ids.other_team, all_users: true }],
    ["POST", "/team/member_update", { team_id: ids.other_team, user_id: ids.lead, role: "admin" }],
    ["POST", "/team/permissions_update", { team_id: ids.other_team, team_member_permissions: ["/key/generate"] }],
    ["POST", `/team/${ids.other_team}/callback`, { callback_name: "langfuse", callback_vars: {} }],
    ["POST", `/team/${ids.other_team}/disable_logging`, {}],
    ["POST", "/project/update", { project_id: ids.other_project, max_budget: 1_000 }],
    ["POST", "/project/new", { team_id: ids.other_team }],
    ["DELETE", "/project/delete", { project_ids: [ids.other_project] }],
    ["POST", "/organization/new", { organization_alias: "mine" }],
    ["PATCH", "/organization/update", { organization_id: ids.own_org, max_budget: 1_000 }],
    ["PATCH", "/organization/update", { organization_id: ids.other_org, models: [] }],
    ["DELETE", "/organization/delete", { organization_ids: [ids.other_org] }],
    [
      "POST",
      "/organization/member_add",
      { organization_id: ids.other_org, member: { role: "org_admin", user_id: ids.boss } },
    ],
    ["POST", "/budget/update", { budget_id: ids.budget, max_budget: 1_000 }],
    ["POST", "/budget/new", { max_budget: 1_000 }],
    ["POST", "/customer/new", { user_id: unique("c") }],
    ["POST", "/tag/new", { name: unique("t") }],
    ["POST", "/model/new", { model_name: "free", litellm_params: { model: "openai/m" } }],
    ["POST", "/credentials", { credential_name: unique("c"), credential_info: {}, credential_values: {} }],
    ["POST", "/config/update", { general_settings: { max_parallel_requests: 1 } }],
    ["POST", "/invitation/new", { user_id: ids.proxy_admin }],
    ["POST", "/add/allowed_ip", { ip: "10.0.0.1" }],
    ["POST", "/v1/access_group", { access_group_name: unique("g"), assigned_key_ids: [] }],
  ];

  test.each(["internal_user", "internal_user_viewer", "proxy_admin_viewer", "lead", "member", "boss", "stranger"])(
    "%s",
    async (caller) => {
      const before = await digestOf(database);
      const wrong: unknown[] = [];
      for (const [method, path, body] of everybodys()) {
        const answer = await api.call(method, path, body, callers[caller]);
        if (![401, 403, 404].includes(answer.status) || !isRefusal(answer)) wrong.push([method, path, body, answer]);
      }
      expect(wrong).toEqual([]);
      expect(await digestOf(database)).toBe(before);
    },
  );

  test.each(["chat_only", "llm_api", "read_only", "of_team", "service"])(
    "a key that is %s changes nothing, though an administrator's",
    async (caller) => {
      const before = await digestOf(database);
      const wrong: unknown[] = [];
      for (const [method, path, body] of everybodys()) {
        const answer = await api.call(method, path, body, callers[caller]);
        if (![401, 403].includes(answer.status) || !isRefusal(answer)) wrong.push([method, path, body, answer]);
      }
      expect(wrong).toEqual([]);
      expect(await digestOf(database)).toBe(before);
    },
  );

  test("a team's admin changes its own team within its limits, and its members' keys", async () => {
    const lead = callers.lead;
    const team_id = ids.own_team;
    for (const fields of [{ max_budget: 1_000 }, { models: [] }, { blocked: true }, { rpm_limit: 1_000 }]) {
      expect([fields, (await api.call("POST", "/team/update", { team_id, ...fields }, lead)).status]).toEqual([
        fields,
        403,
      ]);
    }
    await api.ok("POST", "/team/update", { team_id, team_alias: "Ours" }, lead);
    await api.ok("POST", "/key/update", { key: ids.own_key, key_alias: unique("ours") }, lead);
    const moved = { key: ids.own_key, team_id: ids.other_team };
    expect((await api.call("POST", "/key/update", moved, lead)).status).toBe(403);
    const taken = { key: ids.own_key, user_id: ids.stranger };
    expect((await api.call("POST", "/key/update", taken, lead)).status).toBe(403);
  });

  test("a viewer sees everything and no secret", async () => {
    const viewer = callers.proxy_admin_viewer;
    const all = JSON.stringify([
      await api.ok("GET", "/key/list?return_full_object=true&size=100", undefined, viewer),
      await api.ok("GET", "/user/list", undefined, viewer),
      await api.ok("GET", "/credentials", undefined, viewer),
    ]);
    for (const key of Object.values(callers)) expect(all).not.toContain(key);
    expect(all).not.toContain("scrypt:");
  });
});
