import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { isPermitted, ROLES, type Role } from "../../src/auth/permissions.ts";
import { ALL_MANAGEMENT_ROUTES } from "../../src/management/all-routes.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";

let gateway: RunningGateway;
beforeAll(async () => {
  // Every route is called: that of prices must not ask the internet.
  gateway = await startGateway({ env: { LITELLM_LOCAL_MODEL_COST_MAP: "True" } });
});
afterAll(() => gateway.stop());

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into field by field
  readonly body: any;
}

async function call(method: string, path: string, body?: unknown, key: unknown = gateway.key): Promise<Answer> {
  const response = await fetch(gateway.url + path, {
    method,
    headers: { ...(key === null ? {} : { authorization: `Bearer ${key}` }), "content-type": "application/json" },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

async function ok(method: string, path: string, body?: unknown, key?: unknown) {
  const answer = await call(method, path, body, key ?? gateway.key);
  expect(answer).toMatchObject({ status: 200 });
  return answer.body;
}

const chat = (key: unknown, extra = {}): Promise<Answer> =>
  call("POST", "/v1/chat/completions", { model: "echo", messages: [{ role: "user", content: "hi" }], ...extra }, key);

const unique = (name: string) => `${name}-${crypto.randomUUID().slice(0, 8)}`;

async function person(role: Role, fields = {}): Promise<{ id: string; key: string }> {
  const made = await ok("POST", "/user/new", { user_id: unique(role), user_role: role, ...fields });
  return { id: made.user_id, key: made.key };
}

describe("users", () => {
  test("a user comes with a key, is found by its address, and goes with its keys", async () => {
    const email = `${unique("ada")}@example.com`;
    const made = await ok("POST", "/user/new", { user_email: email, max_budget: 2, models: ["echo"] });
    expect((await chat(made.key)).status).toBe(200);
    const listed = await ok("GET", `/user/list?user_email=${email.toUpperCase()}`);
    expect(listed.users).toMatchObject([{ user_id: made.user_id, max_budget: 2, key_count: 1 }]);
    expect(JSON.stringify(listed)).not.toContain("password");
    expect((await call("POST", "/user/new", { user_email: email.toUpperCase() })).status).toBe(400);
    const info = await ok("GET", `/user/info?user_id=${made.user_id}`);
    expect(info.keys).toHaveLength(1);
    expect(await ok("POST", "/user/delete", { user_ids: [made.user_id] })).toBe(1);
    expect((await chat(made.key)).status).toBe(401);
    expect((await call("GET", `/user/info?user_id=${made.user_id}`)).status).toBe(404);
  });

  test("users change their name, not their limits, their role or others", async () => {
    const { id, key } = await person("internal_user");
    expect((await ok("POST", "/user/update", { user_id: id, user_alias: "Ada" }, key)).data.user_alias).toBe("Ada");
    for (const fields of [{ user_role: "proxy_admin" }, { max_budget: 1000 }, { models: [] }, { spend: 0 }]) {
      expect((await call("POST", "/user/update", { user_id: id, ...fields }, key)).status).toBe(403);
    }
    const other = await person("internal_user");
    expect((await call("POST", "/user/update", { user_id: other.id, user_alias: "x" }, key)).status).toBe(403);
    expect((await call("GET", `/user/info?user_id=${other.id}`, undefined, key)).status).toBe(403);
    expect((await call("POST", "/key/generate", { user_id: other.id }, key)).status).toBe(403);
    expect((await call("POST", "/user/new", {}, key)).status).toBe(403);
  });
});

describe("teams", () => {
  test("members, their roles and their keys", async () => {
    const lead = await person("internal_user");
    const member = await person("internal_user");
    const stranger = await person("internal_user");
    const team = await ok("POST", "/team/new", {
      team_alias: unique("team"),
      models: ["echo"],
      members_with_roles: [{ role: "admin", user_id: lead.id }],
    });
    const { team_id } = team;
    expect(team.members_with_roles).toMatchObject([{ role: "admin", user_id: lead.id }]);
    const added = { team_id, member: { role: "user", user_id: member.id }, max_budget_in_team: 1 };
    expect((await call("POST", "/team/member_add", added, stranger.key)).status).toBe(403);
    const answer = await ok("POST", "/team/member_add", added, lead.key);
    expect(answer.updated_team_memberships).toMatchObject([{ litellm_budget_table: { max_budget: 1 } }]);
    expect((await call("POST", "/team/member_add", added, lead.key)).status).toBe(400);

    const keyOfLead = await ok("POST", "/key/generate", { team_id, user_id: member.id }, lead.key);
    expect((await chat(keyOfLead.key)).status).toBe(200);
    expect((await call("POST", "/key/generate", { team_id }, member.key)).status).toBe(403);
    await ok("POST", "/team/permissions_update", { team_id, team_member_permissions: ["/key/generate"] }, lead.key);
    expect((await call("POST", "/key/generate", { team_id }, member.key)).status).toBe(200);
    expect((await call("POST", "/key/generate", { team_id }, stranger.key)).status).toBe(403);
    expect((await call("GET", `/team/info?team_id=${team_id}`, undefined, stranger.key)).status).toBe(403);
    expect((await ok("GET", `/team/info?team_id=${team_id}`, undefined, member.key)).keys).toHaveLength(2);
    expect((await call("POST", "/team/update", { team_id, max_budget: 99 }, lead.key)).status).toBe(403);

    await ok("POST", "/team/member_delete", { team_id, user_id: member.id }, lead.key);
    expect((await call("POST", "/team/member_delete", { team_id, user_id: member.id }, lead.key)).status).toBe(400);
    expect((await chat(keyOfLead.key)).status).toBe(401);
  });

  test("a team's block, models and limits count for its keys, and it goes with them", async () => {
    const { team_id } = await ok("POST", "/team/new", { rpm_limit: 1000 });
    const { key } = await ok("POST", "/key/generate", { team_id });
    expect((await chat(key)).status).toBe(200);
    await ok("POST", "/team/block", { team_id });
    expect((await chat(key)).status).toBe(401);
    await ok("POST", "/team/unblock", { team_id });
    await ok("POST", "/team/model/add", { team_id, models: ["another"] });
    expect((await chat(key)).status).toBe(403);
    await ok("POST", "/team/model/delete", { team_id, models: ["another"] });
    await ok("POST", "/team/update", { team_id, rpm_limit: 1 });
    expect((await chat(key)).status).toBe(429);
    await ok("POST", "/team/delete", { team_ids: [team_id] });
    expect((await chat(key)).status).toBe(401);
    expect((await call("GET", `/team/info?team_id=${team_id}`)).status).toBe(404);
    expect((await call("POST", "/team/delete", { team_ids: [team_id] })).status).toBe(404);
    expect((await ok("GET", "/v2/team/list?status=deleted")).teams[0]).toMatchObject({ team_id });
  });
});

describe("organizations", () => {
  test("their admins run their teams, not their limits, and nobody else's", async () => {
    const boss = await person("internal_user");
    const { organization_id } = await ok("POST", "/organization/new", { organization_alias: "Org", rpm_limit: 2 });
    const other = await ok("POST", "/organization/new", { organization_alias: "Other" });
    await ok("POST", "/organization/member_add", { organization_id, member: { role: "org_admin", user_id: boss.id } });
    const { team_id } = await ok("POST", "/team/new", { organization_id }, boss.key);
    const refusals = [
      await call("POST", "/team/new", { organization_id: other.organization_id }, boss.key),
      await call("POST", "/team/new", {}, boss.key),
      await call("PATCH", "/organization/update", { organization_id, rpm_limit: null }, boss.key),
      await call("PATCH", "/organization/update", { organization_id: other.organization_id, metadata: {} }, boss.key),
      await call("GET", `/organization/info?organization_id=${other.organization_id}`, undefined, boss.key),
      await call("POST", "/user/new", { user_role: "proxy_admin", organizations: [organization_id] }, boss.key),
    ];
    expect(refusals.map((answer) => answer.status)).toEqual([403, 403, 403, 403, 403, 403]);
    const { key } = await ok("POST", "/key/generate", { team_id }, boss.key);
    expect([(await chat(key)).status, (await chat(key)).status, (await chat(key)).status]).toEqual([200, 200, 429]);
    const info = await ok("GET", `/organization/info?organization_id=${organization_id}`, undefined, boss.key);
    expect(info).toMatchObject({
      members: [{ user_id: boss.id }],
      teams: [{ team_id }],
      litellm_budget_table: { rpm_limit: 2 },
    });
    expect(await ok("GET", "/organization/list", undefined, boss.key)).toHaveLength(1);
    const ids = { organization_ids: [organization_id] };
    expect((await call("DELETE", "/organization/delete", ids)).status).toBe(400);
    await ok("POST", "/team/delete", { team_ids: [team_id] }, boss.key);
    await ok("DELETE", "/organization/delete", ids);
    expect((await call("DELETE", "/organization/delete", ids)).status).toBe(404);
  });
});

describe("budgets, customers, tags", () => {
  test("a budget counts for whoever has it, and stays while somebody has it", async () => {
    const { budget_id } = await ok("POST", "/budget/new", { rpm_limit: 1, budget_duration: "30d" });
    expect((await ok("POST", "/budget/info", { budgets: [budget_id] }))[0].budget_reset_at).toMatch(/-01T00:00/);
    const { key } = await ok("POST", "/key/generate", { budget_id });
    expect((await chat(key)).status).toBe(200);
    expect((await chat(key)).status).toBe(429);
    expect((await call("POST", "/budget/delete", { id: budget_id })).status).toBe(400);
    await ok("POST", "/budget/update", { budget_id, rpm_limit: null });
    expect((await chat(key)).status).toBe(200);
    await ok("POST", "/key/delete", { keys: [key] });
    await ok("POST", "/budget/delete", { id: budget_id });
    expect((await call("POST", "/budget/update", { budget_id, max_budget: 5 })).status).toBe(404);
  });

  test("a customer's rate counts for requests that name it", async () => {
    const user_id = unique("customer");
    await ok("POST", "/customer/new", { user_id, rpm_limit: 1, alias: "A customer" });
    expect((await chat(gateway.key, { user: user_id })).status).toBe(200);
    expect((await chat(gateway.key, { user: user_id })).status).toBe(429);
    expect(await ok("GET", `/end_user/info?end_user_id=${user_id}`)).toMatchObject({
      alias: "A customer",
      litellm_budget_table: { rpm_limit: 1 },
    });
    expect((await call("POST", "/customer/new", { user_id })).status).toBe(400);
    expect((await call("POST", "/customer/new", { user_id: "x", budget_id: "b", max_budget: 1 })).status).toBe(422);
    await ok("POST", "/customer/delete", { user_ids: [user_id] });
    expect((await call("GET", `/customer/info?end_user_id=${user_id}`)).status).toBe(404);
  });

  test("a tag's rate counts for requests that carry it", async () => {
    const name = unique("tag");
    await ok("POST", "/tag/new", { name, rpm_limit: 1 });
    expect((await chat(gateway.key, { metadata: { tags: [name] } })).status).toBe(200);
    expect((await chat(gateway.key, { metadata: { tags: [name] } })).status).toBe(429);
    expect((await ok("POST", "/tag/info", { names: [name] }))[name].litellm_budget_table.rpm_limit).toBe(1);
    await ok("POST", "/tag/delete", { name });
  });
});

test("models by group and page by page", async () => {
  const { data } = await ok("GET", "/model_group/info?model_group=echo");
  expect(data).toMatchObject([{ model_group: "echo", providers: ["echo"] }]);
  const page = await ok("GET", "/v2/model/info?search=ECHO&size=1&sortBy=model_name");
  expect(page).toMatchObject({ data: [{ model_name: "echo" }], total_count: 1, current_page: 1, size: 1 });
  expect((await call("GET", "/v2/model/info?size=0")).status).toBe(400);
});

test("a key sees the models that it may call", async () => {
  const { key } = await ok("POST", "/key/generate", { models: ["another"] });
  expect((await ok("GET", "/v1/models", undefined, key)).data).toEqual([]);
  expect((await call("GET", "/v1/models/echo", undefined, key)).status).toBe(404);
  const { key: free } = await ok("POST", "/key/generate", {});
  expect((await ok("GET", "/models", undefined, free)).data).toMatchObject([{ id: "echo" }]);
});

test("what was changed, by whom, from what to what", async () => {
  const { key, token } = await ok("POST", "/key/generate", { max_budget: 1 });
  await ok("POST", "/key/update", { key, max_budget: 2 });
  const log = await ok("GET", `/audit?object_id=${token}&page_size=5`);
  expect(log.total).toBe(2);
  expect(log.audit_logs[0]).toMatchObject({
    action: "updated",
    changed_by: "default_user_id",
    table_name: "LiteLLM_VerificationToken",
    before_value: { max_budget: 1 },
    updated_values: { max_budget: 2 },
  });
  expect(JSON.stringify(log)).not.toContain(key);
  expect((await ok("GET", `/audit/${log.audit_logs[0].id}`)).object_id).toBe(token);
});

test("of two administrators who change one row at once none loses what the other wrote", async () => {
  const { key } = await ok("POST", "/key/generate", {});
  const changes = Array.from({ length: 20 }, (_, at) =>
    at % 2 === 0 ? { metadata: { at } } : at % 4 === 1 ? { max_budget: at } : { tags: [`t${at}`] },
  );
  await Promise.all(changes.map((fields) => ok("POST", "/key/update", { key, ...fields })));
  const { info } = await ok("GET", `/key/info?key=${key}`);
  expect(info.metadata.at % 2).toBe(0);
  expect(info.max_budget % 4).toBe(1);
  expect(info.tags[0]).toMatch(/^t/);
});

test.each([
  ["/team/new", { max_budget: -1 }, 400],
  ["/team/new", '{"max_budget": 1e999}', 422],
  ["/team/new", { max_budget: "NaN" }, 422],
  ["/team/new", { budget_duration: "1 fortnight" }, 400],
  ["/team/new", { team_alias: "x".repeat(10_000) }, 422],
  ["/team/new", { team_alias: "a\r\nset-cookie: b" }, 422],
  ["/team/new", { models: "echo" }, 422],
  ["/team/new", { organization_id: "gone" }, 400],
  ["/team/update", { max_budget: 1 }, 422],
  ["/team/update", { team_id: "'; DROP TABLE team; --" }, 404],
  ["/user/new", { user_email: "no address" }, 422],
  ["/user/new", { user_role: "emperor" }, 422],
  ["/user/new", { password: "short" }, 400],
  ["/user/new", { teams: ["gone"] }, 404],
  ["/user/update", { user_alias: "x" }, 400],
  ["/user/delete", { user_ids: ["gone"] }, 404],
  ["/budget/new", { tpm_limit: -5 }, 400],
  ["/budget/new", { rpm_limit: 1.5 }, 422],
  ["/budget/delete", { id: "gone" }, 404],
  ["/customer/new", {}, 422],
  ["/tag/update", { name: "gone" }, 404],
  ["/team/member_add", { team_id: "gone", member: { user_id: "x" } }, 404],
  ["/team/new", "[]", 400],
  ["/team/new", "{", 400],
])("%s refuses %j with %d", async (path, body, status) => {
  const answer = await call("POST", path, body);
  expect(answer.status).toBe(status);
  expect(answer.body.detail ?? answer.body.error?.message).toBeTruthy();
});

test("a refusal names the field, alone and among others", async () => {
  const alone = await call("POST", "/key/generate", { model_max_budget: { "a$&b": { max_budget: -2 } } });
  const field = "model_max_budget.a$&b.max_budget";
  expect(alone.body.error).toMatchObject({
    param: field,
    message: `${field} cannot be negative. Received ${field}=-2`,
  });
  const several = await call("POST", "/key/generate", { max_budget: -2, models: "echo" });
  expect(several.body.detail.map(({ msg }: { msg: string }) => msg).toSorted()).toEqual([
    "Input should be a valid list",
    "max_budget cannot be negative. Received max_budget=-2",
  ]);
});

test("every route, as every role and as nobody", async () => {
  const callers = new Map<Role, string>();
  for (const role of ["proxy_admin", "proxy_admin_viewer", "internal_user", "internal_user_viewer"] as const) {
    callers.set(role, (await person(role)).key);
  }
  const seen: string[] = [];
  const wrong: string[] = [];
  for (const { method, path, permission, handle } of ALL_MANAGEMENT_ROUTES) {
    expect(handle).toBeFunction();
    const at = path.replace(/\{\w+\}/g, "none");
    const body = method === "GET" ? undefined : {};
    const anonymous = await call(method, at, body, null);
    if (permission !== "public" && anonymous.status !== 401) wrong.push(`${path} as nobody: ${anonymous.status}`);
    for (const [role, key] of callers) {
      const answer = await call(method, at, body, key);
      const refusedByRole = JSON.stringify(answer.body).includes("Only proxy admin can be used to generate");
      const permitted = isPermitted(permission, { keyHash: "x", role });
      if (permitted === refusedByRole) wrong.push(`${method} ${path} as ${role}: ${answer.status}`);
      if (answer.status >= 500) wrong.push(`${method} ${path} as ${role}: ${answer.status}`);
      seen.push(role);
    }
  }
  expect(wrong).toEqual([]);
  expect(new Set(seen).size).toBe(4);
  expect(ROLES).toContain("customer");
}, 60_000);
