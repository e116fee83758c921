import { afterAll, beforeAll, expect, test } from "bun:test";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { ManagementClient, unique } from "../support/management-client.ts";

let gateway: RunningGateway;
let api: ManagementClient;
beforeAll(async () => {
  gateway = await startGateway({
    config: `model_list:
  - {model_name: echo, litellm_params: {model: echo/echo}}
  - {model_name: priced, litellm_params: {model: openai/m, mock_response: hi, input_cost_per_token: 0.01, output_cost_per_token: 0.01}}
litellm_settings:
  default_internal_user_params: {available_teams: [open-to-all]}
`,
  });
  api = new ManagementClient(gateway);
});
afterAll(() => gateway.stop());

async function ledTeam(fields = {}) {
  const lead = await api.person("internal_user");
  const { team_id } = await api.ok("POST", "/team/new", {
    ...fields,
    members_with_roles: [{ role: "admin", user_id: lead.id }],
  });
  return { lead, team_id: team_id as string };
}

test("a project's models, block and budget count for its keys", async () => {
  const { lead, team_id } = await ledTeam({ models: ["echo", "priced"] });
  const stranger = await api.person("internal_user");
  const body = { team_id, project_alias: "search", models: ["echo"], metadata: { a: 1 } };
  expect((await api.call("POST", "/project/new", body, stranger.key)).status).toBe(403);
  expect((await api.call("POST", "/project/new", { ...body, models: ["other"] }, lead.key)).status).toBe(400);
  const made = await api.ok("POST", "/project/new", body, lead.key);
  const { project_id } = made;
  expect(made).toMatchObject({ project_alias: "search", models: ["echo"], blocked: false, spend: 0 });
  const { key, token_id } = await api.ok("POST", "/key/generate", { team_id, project_id }, lead.key);
  expect((await api.chat("echo", key)).status).toBe(200);
  const denied = await api.chat("priced", key);
  expect(denied).toMatchObject({ status: 403, body: { error: { type: "project_model_access_denied" } } });

  await api.ok("POST", "/project/update", { project_id, blocked: true }, lead.key);
  expect((await api.chat("echo", key)).status).toBe(401);
  await api.ok("POST", "/project/update", { project_id, blocked: false, models: [], max_budget: 0.0001 }, lead.key);
  expect((await api.chat("priced", key)).body.error.message).toContain(`Project=${project_id}`);
  expect((await api.chat("echo", key)).status).toBe(200);
  const info = await api.ok("GET", `/project/info?project_id=${project_id}`, undefined, lead.key);
  expect(info.litellm_budget_table).toMatchObject({ max_budget: 0.0001 });
  expect((await api.call("GET", `/project/info?project_id=${project_id}`, undefined, stranger.key)).status).toBe(403);
  expect(await api.ok("GET", "/project/list", undefined, stranger.key)).toEqual([]);
  expect(await api.ok("GET", "/project/list", undefined, lead.key)).toHaveLength(1);

  const gone = { project_ids: [project_id] };
  expect((await api.call("DELETE", "/project/delete", gone, lead.key)).status).toBe(400);
  await api.ok("POST", "/key/delete", { keys: [token_id] }, lead.key);
  expect((await api.call("DELETE", "/project/delete", gone, stranger.key)).status).toBe(403);
  expect(await api.ok("DELETE", "/project/delete", gone, lead.key)).toHaveLength(1);
  expect((await api.call("POST", "/project/update", { project_id })).status).toBe(404);
});

test("a team's callbacks: by its admin, once each, their variables shown to nobody", async () => {
  const { lead, team_id } = await ledTeam();
  const stranger = await api.person("internal_user");
  const at = `/team/${team_id}/callback`;
  const secret = "lf-secret-0123456789-abcdef";
  const body = {
    callback_name: "langfuse",
    callback_type: "success",
    callback_vars: { langfuse_secret_key: secret, langfuse_host: "https://langfuse.example.com" },
  };
  expect((await api.call("POST", at, body, stranger.key)).status).toBe(403);
  const set = await api.ok("POST", at, body, lead.key);
  expect((await api.call("POST", at, body, lead.key)).status).toBe(400);
  const got = await api.ok("GET", at, undefined, lead.key);
  expect(got.data).toMatchObject({ team_id, success_callbacks: ["langfuse"], failure_callbacks: [] });
  const info = await api.ok("GET", `/team/info?team_id=${team_id}`);
  const audit = await api.ok("GET", "/audit?page_size=10");
  expect(JSON.stringify([set, got, info, audit])).not.toMatch(/lf-secret-0123|sealed:/);
  expect((await api.call("GET", at, undefined, stranger.key)).status).toBe(403);
  await api.ok("POST", at, { ...body, callback_type: "failure" }, lead.key);
  await api.ok("DELETE", `${at}/langfuse`, undefined, lead.key);
  await api.ok("POST", at, body, lead.key);
  const off = await api.ok("POST", `/team/${team_id}/disable_logging`, undefined, lead.key);
  expect(off.data).toEqual({ team_id, success_callbacks: [], failure_callbacks: [] });
});

test("users join the teams that are open to all, themselves and as ordinary members", async () => {
  await api.ok("POST", "/team/new", { team_id: "open-to-all" });
  const closed = (await ledTeam()).team_id;
  const user = await api.person("internal_user");
  const available = await api.ok("GET", "/team/available", undefined, user.key);
  expect(available.map((team: { team_id: string }) => team.team_id)).toEqual(["open-to-all"]);
  const join = (team_id: string, member: object, more = {}) =>
    api.call("POST", "/team/member_add", { team_id, member, ...more }, user.key);
  expect((await join(closed, { role: "user", user_id: user.id })).status).toBe(403);
  expect((await join("open-to-all", { role: "admin", user_id: user.id })).status).toBe(403);
  expect((await join("open-to-all", { role: "user", user_id: "another" })).status).toBe(403);
  expect((await join("open-to-all", { role: "user", user_id: user.id }, { max_budget_in_team: 5 })).status).toBe(403);
  expect((await join("open-to-all", { role: "user", user_id: user.id })).status).toBe(200);
  expect(await api.ok("GET", "/team/available", undefined, user.key)).toEqual([]);
});

test("an invitation is its user's and its maker's", async () => {
  const user = await api.person("internal_user");
  const stranger = await api.person("internal_user");
  expect((await api.call("POST", "/invitation/new", { user_id: unique("nobody") })).status).toBe(400);
  expect((await api.call("POST", "/invitation/new", { user_id: user.id }, stranger.key)).status).toBe(403);
  const made = await api.ok("POST", "/invitation/new", { user_id: user.id });
  expect(made).toMatchObject({ user_id: user.id, is_accepted: false, accepted_at: null });
  const at = `/invitation/info?invitation_id=${made.id}`;
  expect((await api.ok("GET", at, undefined, user.key)).id).toBe(made.id);
  expect((await api.call("GET", at, undefined, stranger.key)).status).toBe(404);
  const accept = { invitation_id: made.id, is_accepted: true };
  expect((await api.call("POST", "/invitation/update", accept, stranger.key)).status).toBe(403);
  expect((await api.ok("POST", "/invitation/update", accept, user.key)).accepted_at).toBeString();
  expect((await api.call("POST", "/invitation/delete", { invitation_id: made.id }, stranger.key)).status).toBe(403);
  await api.ok("POST", "/invitation/delete", { invitation_id: made.id });
  expect((await api.call("GET", at)).status).toBe(404);
});
