import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { generateBody, updateBody } from "../../src/management/keys/key-shape.ts";
import { STORED_FIELDS } from "../../src/management/stored-fields.ts";
import { newTeamBody, updateTeamBody } from "../../src/management/teams/team-shape.ts";
import { newUserBody } from "../../src/management/users/user-shape.ts";
import { eventually } from "../support/eventually.ts";
import { ROOT, type RunningGateway, startGateway } from "../support/gateway.ts";
import { type Answer, ManagementClient, unique } from "../support/management-client.ts";

setDefaultTimeout(30_000);

let gateway: RunningGateway;
let api: ManagementClient;

beforeAll(async () => {
  const priced = "model: openai/m, mock_response: hi, input_cost_per_token: 0.000001, output_cost_per_token: 0.000001";
  gateway = await startGateway({
    config: `model_list:
  - {model_name: priced, litellm_params: {${priced}}}
  - {model_name: other, litellm_params: {${priced}}, model_info: {access_groups: [grouped]}}
  - {model_name: tagged, litellm_params: {${priced}, tags: [gold]}}
  - {model_name: anyhow, litellm_params: {${priced}, tags: [default]}}
router_settings: {enable_tag_filtering: true}
litellm_settings: {cache: true, cache_params: {type: local}}
`,
  });
  api = new ManagementClient(gateway);
});
afterAll(() => gateway.stop());

type Fields = Record<string, unknown>;
type Probe = (key: string) => Promise<unknown>;

/** One field: what is set with it, what is seen, and what is seen of the same without it. */
interface Effect {
  readonly fields: Fields | (() => Promise<Fields>);
  readonly probe: Probe;
  readonly with: unknown;
  readonly without: unknown;
}

/** Words that nobody said before: the cache must not answer. */
const chat = (model: string, key?: unknown, extra: object = {}): Promise<Answer> =>
  api.chat(model, key, { messages: [{ role: "user", content: unique("hi") }], ...extra });

const status =
  (model: string, extra: object = {}): Probe =>
  async (key) =>
    (await chat(model, key, extra)).status;
/** The status of the second of two calls. */
const second =
  (model: string, extra: object = {}): Probe =>
  async (key) => {
    await chat(model, key, extra);
    return (await chat(model, key, extra)).status;
  };
const words = (answer: Answer): string => JSON.stringify(answer.body);
/** Whether the refusal of a call says something. */
const says =
  (text: string, model = "priced"): Probe =>
  async (key) =>
    words(await chat(model, key)).includes(text);
/** Whether a field is shown with something else than null. */
const shown =
  (field: string): Probe =>
  async (key) =>
    (await api.ok("GET", `/key/info?key=${key}`)).info[field] !== null;
/** The budget that one call of this size has to fit into, in dollars: an answer of few tokens, or the usual estimate. */
const small = { max_tokens: 10 };
const FITS_SMALL = 0.0005;
/** A tag that no deployment has: only with the key's own tags there is one. */
const SILVER = { metadata: { tags: ["silver"] } };
const tomorrow = () => new Date(Date.now() + 86_400_000).toISOString();
const inTeam = async (fields: Fields) => (await api.ok("POST", "/team/new", fields)).team_id as string;

/** What keys, teams and users have in common. */
const LIMITS: Readonly<Record<string, Effect>> = {
  models: { fields: { models: ["other"] }, probe: status("priced"), with: 403, without: 200 },
  max_budget: { fields: { max_budget: 0 }, probe: status("priced"), with: 422, without: 200 },
  max_parallel_requests: { fields: { max_parallel_requests: 0 }, probe: status("priced"), with: 429, without: 200 },
  rpm_limit: { fields: { rpm_limit: 1 }, probe: second("priced"), with: 429, without: 200 },
  tpm_limit: { fields: { tpm_limit: 1 }, probe: second("priced", small), with: 429, without: 200 },
};

const KEY: Readonly<Record<string, Effect>> = {
  ...LIMITS,
  key: {
    fields: async () => ({ key: `sk-${unique("own")}` }),
    probe: async (key) => key.startsWith("sk-own"),
    with: true,
    without: false,
  },
  key_alias: {
    fields: async () => ({ key_alias: unique("named"), max_budget: 0 }),
    probe: says("Key=named"),
    with: true,
    without: false,
  },
  duration: {
    fields: { duration: "1s" },
    probe: async (key) => {
      await Bun.sleep(1_100);
      return (await chat("priced", key)).status;
    },
    with: 401,
    without: 200,
  },
  spend: { fields: { spend: 5, max_budget: 5 }, probe: status("priced"), with: 422, without: 200 },
  soft_budget: {
    fields: { soft_budget: 0.0000001 },
    probe: async (key) => {
      await chat("priced", key);
      const { info } = await api.ok("GET", `/key/info?key=${key}`);
      if (info.soft_budget === null) return false;
      const token = new Bun.CryptoHasher("sha256").update(key).digest("hex");
      return eventually(async () => {
        const { passed } = await api.ok("GET", "/budget/soft_budget/report");
        return passed.some(({ id }: { id: string }) => id === token);
      });
    },
    with: true,
    without: false,
  },
  budget_duration: {
    fields: { max_budget: 1, budget_duration: "30d" },
    probe: shown("budget_reset_at"),
    with: true,
    without: false,
  },
  user_id: {
    fields: async () => ({ user_id: (await api.person("internal_user", { models: ["other"] })).id }),
    probe: status("priced"),
    with: 403,
    without: 200,
  },
  team_id: {
    fields: async () => ({ team_id: await inTeam({ models: ["other"] }) }),
    probe: status("priced"),
    with: 403,
    without: 200,
  },
  organization_id: {
    fields: async () => {
      const body = { organization_alias: unique("org"), models: ["other"] };
      return { organization_id: (await api.ok("POST", "/organization/new", body)).organization_id };
    },
    probe: status("priced"),
    with: 403,
    without: 200,
  },
  project_id: {
    fields: async () => {
      const body = { team_id: await inTeam({}), models: ["other"] };
      return { project_id: (await api.ok("POST", "/project/new", body)).project_id };
    },
    probe: status("priced"),
    with: 403,
    without: 200,
  },
  budget_id: {
    fields: async () => ({ budget_id: (await api.ok("POST", "/budget/new", { max_budget: 0 })).budget_id }),
    probe: status("priced"),
    with: 422,
    without: 200,
  },
  budget_limits: {
    fields: { budget_limits: [{ budget_duration: "1d", max_budget: 0 }] },
    probe: status("priced"),
    with: 422,
    without: 200,
  },
  allowed_cache_controls: {
    fields: { allowed_cache_controls: ["ttl"] },
    probe: async (key) => {
      const extra = { cache: { "no-cache": true }, messages: [{ role: "user", content: unique("cached") }] };
      const ask = () =>
        fetch(`${gateway.url}/v1/chat/completions`, {
          method: "POST",
          headers: { authorization: `Bearer ${key}` },
          body: JSON.stringify({ model: "priced", ...extra }),
        });
      await (await ask()).text();
      const answer = await ask();
      await answer.text();
      return answer.headers.has("x-litellm-cache-key");
    },
    with: true,
    without: false,
  },
  metadata: { fields: { metadata: { tags: ["gold"] } }, probe: status("tagged", SILVER), with: 200, without: 401 },
  tags: { fields: { tags: ["gold"] }, probe: status("tagged", SILVER), with: 200, without: 401 },
  model_max_budget: {
    fields: { model_max_budget: { priced: { max_budget: 0, budget_duration: "1d" } } },
    probe: status("priced"),
    with: 422,
    without: 200,
  },
  model_rpm_limit: { fields: { model_rpm_limit: { priced: 1 } }, probe: second("priced"), with: 429, without: 200 },
  model_tpm_limit: {
    fields: { model_tpm_limit: { priced: 1 } },
    probe: second("priced", small),
    with: 429,
    without: 200,
  },
  tag_rpm_limit: {
    fields: { tag_rpm_limit: { slow: 1 } },
    probe: second("anyhow", { metadata: { tags: ["slow"] } }),
    with: 429,
    without: 200,
  },
  blocked: { fields: { blocked: true }, probe: status("priced"), with: 401, without: 200 },
  aliases: { fields: { aliases: { mine: "priced" } }, probe: status("mine"), with: 200, without: 400 },
  default_estimated_output_tokens: {
    fields: { default_estimated_output_tokens: 10, max_budget: FITS_SMALL },
    probe: async (key) => {
      await chat("priced", key);
      const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify({ model: "priced", messages: [{ role: "user", content: unique("hi") }] }),
      });
      await answer.text();
      return answer.headers.get("x-isthmus-parameters")?.includes("max_tokens") === true;
    },
    with: false,
    without: true,
  },
  default_estimated_output_tokens_per_model: {
    fields: { default_estimated_output_tokens_per_model: { priced: 10 }, max_budget: FITS_SMALL },
    probe: async (key) => {
      const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify({ model: "priced", messages: [{ role: "user", content: unique("hi") }] }),
      });
      await answer.text();
      return answer.headers.get("x-isthmus-parameters")?.includes("max_tokens") === true;
    },
    with: false,
    without: true,
  },
  enforced_params: {
    fields: { enforced_params: ["user", "metadata.project"] },
    probe: status("priced"),
    with: 400,
    without: 200,
  },
  allowed_routes: { fields: { allowed_routes: ["/v1/embeddings"] }, probe: status("priced"), with: 403, without: 200 },
  denied_passthrough_routes: {
    fields: { denied_passthrough_routes: ["/anthropic/*"] },
    probe: async (key) => (await api.call("POST", "/anthropic/v1/none", {}, key)).status === 403,
    with: true,
    without: false,
  },
  key_type: { fields: { key_type: "management" }, probe: status("priced"), with: 403, without: 200 },
  access_group_ids: {
    fields: async () => {
      const made = await api.call("POST", "/v1/access_group", {
        access_group_name: unique("g"),
        access_model_names: ["priced"],
      });
      return { models: ["other"], access_group_ids: [made.body.access_group_id] };
    },
    probe: status("priced"),
    with: 200,
    without: 403,
  },
  auto_rotate: {
    fields: { auto_rotate: true, rotation_interval: "30d" },
    probe: shown("key_rotation_at"),
    with: true,
    without: false,
  },
  rotation_interval: {
    fields: { auto_rotate: true, rotation_interval: "30d" },
    probe: shown("key_rotation_at"),
    with: true,
    without: undefined,
  },
};

const TEAM: Readonly<Record<string, Effect>> = {
  ...LIMITS,
  ...Object.fromEntries(
    [
      "budget_limits",
      "metadata",
      "tags",
      "model_max_budget",
      "model_rpm_limit",
      "model_tpm_limit",
      "blocked",
      "access_group_ids",
    ]
      .concat(
        "default_estimated_output_tokens",
        "default_estimated_output_tokens_per_model",
        "denied_passthrough_routes",
      )
      .map((name) => [name, KEY[name] as Effect]),
  ),
  model_aliases: { fields: { model_aliases: { ours: "priced" } }, probe: status("ours"), with: 200, without: 400 },
};

/** Makes one of a kind with the fields, and returns a key of it. */
const MAKE: Readonly<Record<string, (fields: Fields) => Promise<string>>> = {
  key: async (fields) => (await api.ok("POST", "/key/generate", fields)).key,
  team: async (fields) => (await api.ok("POST", "/key/generate", { team_id: await inTeam(fields) })).key,
  user: async (fields) => {
    const user = await api.ok("POST", "/user/new", { ...fields, auto_create_key: false });
    return (await api.ok("POST", "/key/generate", { user_id: user.user_id })).key;
  },
};

const USER: Readonly<Record<string, Effect>> = { ...LIMITS, blocked: KEY.blocked as Effect };

describe.each([
  ["key", KEY],
  ["team", TEAM],
  ["user", USER],
] as const)("fields of a %s", (kind, effects) => {
  const make = MAKE[kind] as (fields: Fields) => Promise<string>;
  test.each(Object.keys(effects))("%s counts", async (name) => {
    const effect = effects[name] as Effect;
    const fields = typeof effect.fields === "function" ? await effect.fields() : effect.fields;
    const others = Object.fromEntries(Object.entries(fields).filter(([field]) => field !== name));
    expect(await effect.probe(await make(fields))).toBe(effect.with);
    if (effect.without === undefined) return;
    expect(await effect.probe(await make(others))).toBe(effect.without);
  });
});

/** Fields that other tests see at work, or that say who and what for. */
const ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  key: ["temp_budget_increase", "temp_budget_expiry"],
  team: [
    ...["team_id", "team_alias", "organization_id", "members", "admins", "members_with_roles", "soft_budget"],
    ...["budget_duration", "team_member_permissions", "team_member_budget", "team_member_budget_duration"],
    ...["team_member_rpm_limit", "team_member_tpm_limit", "team_member_key_duration", "default_team_member_models"],
  ],
  user: [
    ...["user_id", "user_email", "user_alias", "user_role", "teams", "organizations", "auto_create_key", "key_type"],
    ...["key_alias", "duration", "team_id", "organization_id", "spend", "soft_budget", "budget_duration", "metadata"],
  ],
};

test("every field has an effect that is seen, or a reason why it is only kept", () => {
  const bodies = {
    key: { ...generateBody.shape, ...updateBody.shape },
    team: newTeamBody.shape,
    user: newUserBody.shape,
  };
  for (const [kind, shape] of Object.entries(bodies)) {
    const known = [
      ...Object.keys({ key: KEY, team: TEAM, user: USER }[kind as keyof typeof bodies]),
      ...Object.keys(STORED_FIELDS[kind as keyof typeof bodies]),
      ...(ELSEWHERE[kind] ?? []),
    ];
    expect([kind, known.filter((name, at) => known.indexOf(name) !== at)]).toEqual([kind, []]);
    expect([kind, Object.keys(shape).toSorted()]).toEqual([kind, known.toSorted()]);
  }
});

/** One value for each field that is only kept. */
const SAMPLES: Fields = {
  ...Object.fromEntries(["guardrails", "policies", "prompts", "tags", "enforced_params"].map((name) => [name, ["a"]])),
  ...Object.fromEntries(
    ["mcp_rpm_limit", "model_rpm_limit", "model_tpm_limit", "tag_rpm_limit"].map((name) => [name, { a: 1 }]),
  ),
  object_permission: { models: ["a"] },
  tpd_limit: 10,
  agent_id: "a",
  config: { a: 1 },
  permissions: { a: true },
  budget_fallbacks: { a: ["b"] },
  rpm_limit_type: "best_effort_throughput",
  tpm_limit_type: "guaranteed_throughput",
  throttle_on_budget_exceeded: true,
  end_user_budget_id: "a",
  enable_prompt_caching: true,
  disable_global_guardrails: true,
  allowed_passthrough_routes: ["/a"],
  allowed_vector_store_indexes: [{ index_name: "a" }],
  router_settings: { num_retries: 1 },
  secret_manager_settings: { a: 1 },
  enforced_batch_output_expires_after: { anchor: "created_at", seconds: 3600 },
  enforced_file_expires_after: { anchor: "created_at", seconds: 3600 },
};

test("what is only kept is shown as it was set, and is cleared by null", async () => {
  const places = {
    key: {
      make: "/key/generate",
      update: "/key/update",
      info: (id: string) => `/key/info?key=${id}`,
      at: "info",
      id: "key",
    },
    team: {
      make: "/team/new",
      update: "/team/update",
      info: (id: string) => `/team/info?team_id=${id}`,
      at: "team_info",
      id: "team_id",
    },
  } as const;
  for (const [kind, place] of Object.entries(places)) {
    const stored = Object.keys(STORED_FIELDS[kind as keyof typeof places]).filter(
      (name) => name !== "send_invite_email",
    );
    const fields = Object.fromEntries(stored.map((name) => [name, SAMPLES[name]]));
    const made = await api.ok("POST", place.make, fields);
    const id = made[place.id];
    const before = (await api.ok("GET", place.info(id)))[place.at];
    for (const name of stored) expect([name, before[name]]).toEqual([name, SAMPLES[name] as never]);
    const changeable = stored.filter((name) => kind === "key" || name in updateTeamBody.shape);
    const cleared = Object.fromEntries(changeable.map((name) => [name, null]));
    await api.ok("POST", place.update, { [place.id]: id, ...cleared });
    const after = (await api.ok("GET", place.info(id)))[place.at];
    for (const name of changeable) expect([name, after[name]]).not.toEqual([name, SAMPLES[name] as never]);
  }
});

test("a temporary raise of a key's and of a member's budget counts until it expires", async () => {
  const { key } = await api.ok("POST", "/key/generate", { max_budget: 0 });
  expect((await chat("priced", key)).status).toBe(422);
  await api.ok("POST", "/key/update", { key, temp_budget_increase: 1, temp_budget_expiry: tomorrow() });
  expect((await chat("priced", key)).status).toBe(200);
});

test("a raise of a member's budget counts; keys of members are good as long as the team says", async () => {
  const person = await api.person("internal_user");
  const members_with_roles = [{ role: "user", user_id: person.id }];
  const team_id = await inTeam({ team_member_budget: 0, team_member_key_duration: "7d", members_with_roles });
  const { key, expires } = await api.ok("POST", "/key/generate", { team_id, user_id: person.id });
  expect(Date.parse(expires)).toBeGreaterThan(Date.now() + 6 * 86_400_000);
  expect((await api.ok("POST", "/key/generate", { team_id })).expires).toBe(null);
  expect((await chat("priced", key)).status).toBe(422);
  const member = { team_id, user_id: person.id, max_budget_in_team: 0 };
  await api.ok("POST", "/team/member_update", { ...member, temp_budget_increase: 1, temp_budget_expiry: tomorrow() });
  expect((await chat("priced", key)).status).toBe(200);
});

test("owners and team admins cannot lift, by metadata or groups, what others limited", async () => {
  const person = await api.person("internal_user");
  const made = await api.ok("POST", "/key/generate", {
    user_id: person.id,
    max_budget: 1,
    tags: ["t"],
    metadata: { own: 1 },
  });
  const change = (fields: Fields) => api.call("POST", "/key/update", { key: made.key, ...fields }, person.key);
  const raise = { temp_budget_increase: 100, temp_budget_expiry: tomorrow() };
  for (const fields of [
    { metadata: raise },
    { metadata: { tags: [], model_rpm_limit: { a: 1 } } },
    { tags: [] },
    { enforced_params: [] },
  ]) {
    expect([fields, (await change(fields)).status]).toEqual([fields, 403]);
  }
  expect((await change({ metadata: { own: 2 } })).status).toBe(200);
  const members_with_roles = [{ role: "admin", user_id: person.id }];
  const team_id = await inTeam({ models: ["other"], members_with_roles });
  const team = (fields: Fields) => api.call("POST", "/team/update", { team_id, ...fields }, person.key);
  for (const fields of [{ access_group_ids: ["x"] }, { metadata: { model_rpm_limit: { a: 9 } } }, { tags: ["x"] }]) {
    expect([fields, (await team(fields)).status]).toEqual([fields, 403]);
  }
  expect((await team({ metadata: { note: "ours" } })).status).toBe(200);
});

test("a member's own models, and those of all members, count", async () => {
  const person = await api.person("internal_user");
  const team_id = await inTeam({
    default_team_member_models: ["other"],
    members_with_roles: [{ role: "user", user_id: person.id }],
  });
  const { key } = await api.ok("POST", "/key/generate", { team_id, user_id: person.id });
  expect((await chat("priced", key)).status).toBe(403);
  expect((await chat("other", key)).status).toBe(200);
  await api.ok("POST", "/team/member_update", { team_id, user_id: person.id, allowed_models: ["priced"] });
  expect((await chat("priced", key)).status).toBe(200);
  expect((await chat("other", key)).status).toBe(403);
});

test("the documentation names every field that is only kept", () => {
  const page = readFileSync(join(ROOT, "docs/management.md"), "utf8");
  for (const [kind, fields] of Object.entries(STORED_FIELDS)) {
    for (const [reason, names] of Map.groupBy(Object.entries(fields), ([, text]) => text)) {
      const row = `| ${kind} | ${names.map(([name]) => `\`${name}\``).join(", ")} | ${reason} |`;
      expect(page).toContain(row);
    }
  }
});
