import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { ManagementClient, unique } from "../../support/management-client.ts";
import { type Fixtures, makeFixtures } from "./fixtures.ts";
import { stores } from "./gateway-on-store.ts";

setDefaultTimeout(60_000);

const TIMES = 12;

describe.each(await stores("at_once"))("two administrators at once, on $name", (store) => {
  let api: ManagementClient;
  let fixtures: Fixtures;

  beforeAll(async () => {
    const started = await store.start();
    api = new ManagementClient(started.gateway);
    fixtures = await makeFixtures(api);
  });
  afterAll(() => store.stop());

  type Fields = Readonly<Record<string, unknown>>;
  /** What changes an object, two fields that each caller changes one of, and how they are then seen. */
  interface Kind {
    readonly name: string;
    readonly change: (fields: Fields) => Promise<unknown>;
    readonly fields: readonly [string, string];
    readonly read: () => Promise<Fields>;
  }

  const kinds = (): readonly Kind[] => {
    const { byName, byRoute } = fixtures;
    const { key, team_id, user_id, organization_id, budget_id, project_id, model_id, name } = byName;
    const customer = byRoute["/customer/update"]?.user_id;
    const limits = ["max_budget", "rpm_limit"] as const;
    const kind = (method: string, path: string, which: Fields, fields: Kind["fields"], read: Kind["read"]): Kind => ({
      name: path,
      change: (own) => api.ok(method, path, { ...which, ...own }),
      fields,
      read,
    });
    const get = async (path: string) => api.ok("GET", path);
    return [
      kind("POST", "/key/update", { key }, limits, async () => (await get(`/key/info?key=${key}`)).info),
      kind(
        "POST",
        "/team/update",
        { team_id },
        limits,
        async () => (await get(`/team/info?team_id=${team_id}`)).team_info,
      ),
      kind("POST", "/team/member_update", { team_id, user_id }, ["max_budget_in_team", "rpm_limit"], async () => {
        const { team_memberships } = await get(`/team/info?team_id=${team_id}`);
        const { max_budget, rpm_limit } = team_memberships[0].litellm_budget_table;
        return { max_budget_in_team: max_budget, rpm_limit };
      }),
      kind(
        "POST",
        "/user/update",
        { user_id },
        limits,
        async () => (await get(`/user/info?user_id=${user_id}`)).user_info,
      ),
      kind("PATCH", "/organization/update", { organization_id }, limits, async () => {
        return (await get(`/organization/info?organization_id=${organization_id}`)).litellm_budget_table;
      }),
      kind("POST", "/budget/update", { budget_id }, limits, async () => {
        return (await api.ok("POST", "/budget/info", { budgets: [budget_id] }))[0];
      }),
      kind("POST", "/project/update", { project_id }, limits, async () => {
        return (await get(`/project/info?project_id=${project_id}`)).litellm_budget_table;
      }),
      kind("POST", "/tag/update", { name }, limits, async () => {
        return (await api.ok("POST", "/tag/info", { names: [name] }))[String(name)].litellm_budget_table;
      }),
      kind("POST", "/customer/update", { user_id: customer }, ["max_budget", "alias"], async () => {
        const { alias, litellm_budget_table } = await get(`/customer/info?end_user_id=${customer}`);
        return { alias, max_budget: litellm_budget_table.max_budget };
      }),
      kind("PATCH", `/model/${model_id}/update`, {}, ["litellm_params", "model_info"], async () => {
        const { data } = await get(`/v1/model/info?litellm_model_id=${model_id}`);
        return { litellm_params: { rpm: data[0].litellm_params.rpm }, model_info: { note: data[0].model_info.note } };
      }),
      kind("PATCH", `/credentials/${byName.credential_name}`, {}, ["display_name", "credential_info"], async () => {
        return get(`/credentials/by_name/${byName.credential_name}`);
      }),
    ];
  };
  const VALUES: Readonly<Record<string, (at: number) => unknown>> = {
    litellm_params: (at) => ({ rpm: at }),
    model_info: (at) => ({ note: String(at) }),
    credential_info: (at) => ({ note: String(at) }),
    display_name: (at) => `name ${at}`,
    alias: (at) => `name ${at}`,
  };
  const written = (field: string, at: number): unknown => VALUES[field]?.(at) ?? at;

  test("who changes one field leaves alone what another changes beside it", async () => {
    for (const { name, change, fields, read } of kinds()) {
      const turns = Array.from({ length: TIMES }, (_, at) => at);
      await Promise.all(
        turns.map((at) => {
          const field = fields[at % 2] as string;
          return change({ [field]: written(field, at + 1) });
        }),
      );
      const after = await read();
      for (const [parity, field] of fields.entries()) {
        const values = turns.filter((at) => at % 2 === parity).map((at) => written(field, at + 1));
        expect([name, field, values]).toEqual([name, field, expect.arrayContaining([after[field]]) as never]);
      }
    }
  });

  test("of two who change one field the later one has the last word, and both are in the log in this order", async () => {
    const { key, token } = await api.ok("POST", "/key/generate", {});
    const budgets = Array.from({ length: TIMES }, (_, at) => at + 1);
    await Promise.all(budgets.map((max_budget) => api.ok("POST", "/key/update", { key, max_budget })));
    const { audit_logs } = await api.ok("GET", `/audit?object_id=${token}&action=updated&page_size=100`);
    const lines = audit_logs as { before_value: { max_budget: number }; updated_values: { max_budget: number } }[];
    const after = lines.map((line) => line.updated_values.max_budget);
    expect(after.toSorted((a, b) => a - b)).toEqual(budgets);
    // Newest first: each began where the one before it ended.
    expect(lines.slice(0, -1).map((line) => line.before_value.max_budget)).toEqual(after.slice(1));
    expect((await api.ok("GET", `/key/info?key=${key}`)).info.max_budget).toBe(after[0]);
  });

  test("of those who make one name at once, one succeeds", async () => {
    const makes = [
      ["/key/generate", { key_alias: unique("once") }],
      ["/key/generate", { key: `sk-${unique("once")}` }],
      ["/user/new", { user_id: unique("once"), auto_create_key: false }],
      ["/user/new", { user_email: `${unique("once")}@example.com`, auto_create_key: false }],
      ["/team/new", { team_id: unique("once") }],
      ["/organization/new", { organization_id: unique("once"), organization_alias: "a" }],
      ["/budget/new", { budget_id: unique("once") }],
      ["/project/new", { project_id: unique("once"), team_id: fixtures.byName.team_id }],
      ["/customer/new", { user_id: unique("once") }],
      ["/tag/new", { name: unique("once") }],
      ["/credentials", { credential_name: unique("once"), credential_info: {}, credential_values: { api_key: "a" } }],
    ] as const;
    for (const [path, body] of makes) {
      const answers = await Promise.all(Array.from({ length: TIMES }, () => api.call("POST", path, body)));
      const statuses = answers.map(({ status }) => status).toSorted();
      expect([path, statuses.filter((status) => status === 200)]).toEqual([path, [200]]);
      expect([path, statuses.every((status) => status === 200 || status === 400 || status === 409)]).toEqual([
        path,
        true,
      ]);
    }
  });

  test("of those who regenerate one key at once, one gets a key that works, and the others none", async () => {
    const { key } = await api.ok("POST", "/key/generate", {});
    const answers = await Promise.all(
      Array.from({ length: TIMES }, () => api.call("POST", "/key/regenerate", { key })),
    );
    const made = answers.filter(({ status }) => status === 200);
    expect(made.length).toBe(1);
    expect(answers.filter(({ status }) => status === 404).length).toBe(TIMES - 1);
    expect((await api.chat("echo", made[0]?.body.key)).status).toBe(200);
    expect((await api.chat("echo", key)).status).toBe(401);
  });

  test("who deletes what another changes: it is gone, and the change says so or came first", async () => {
    for (let at = 0; at < TIMES; at++) {
      const { key } = await api.ok("POST", "/key/generate", {});
      const [changed, deleted] = await Promise.all([
        api.call("POST", "/key/update", { key, max_budget: 5 }),
        api.call("POST", "/key/delete", { keys: [key] }),
      ]);
      expect(deleted.status).toBe(200);
      expect([200, 404]).toContain(changed.status);
      expect((await api.call("GET", `/key/info?key=${key}`)).status).toBe(404);
    }
  });
});
