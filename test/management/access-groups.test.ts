import { afterAll, beforeAll, expect, test } from "bun:test";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { ManagementClient, unique } from "../support/management-client.ts";

let gateway: RunningGateway;
let api: ManagementClient;
beforeAll(async () => {
  const priced = "{model: openai/m, mock_response: hi, input_cost_per_token: 0.01, output_cost_per_token: 0.01}";
  gateway = await startGateway({
    config: `model_list:
  - {model_name: filed, litellm_params: ${priced}, model_info: {access_groups: [from-the-file]}}
  - {model_name: other, litellm_params: ${priced}}
general_settings: {store_model_in_db: true}
`,
  });
  api = new ManagementClient(gateway);
});
afterAll(() => gateway.stop());

const add = (name: string) =>
  api.ok("POST", "/model/new", {
    model_name: name,
    litellm_params: { model: "openai/m", mock_response: "hi", input_cost_per_token: 0.01, output_cost_per_token: 0.01 },
  });

test("keys and teams may name a group of models; who is in it changes with the next request", async () => {
  const [one, two, group] = [unique("one"), unique("two"), unique("group")];
  await add(one);
  await add(two);
  const { key } = await api.ok("POST", "/key/generate", { models: [group] });
  expect((await api.chat(one, key)).status).toBe(403);
  const made = await api.ok("POST", "/access_group/new", { access_group: group, model_names: [one] });
  expect(made).toMatchObject({ access_group: group, models_updated: 1 });
  expect((await api.chat(one, key)).status).toBe(200);
  expect((await api.chat(two, key)).status).toBe(403);
  expect((await api.call("POST", "/access_group/new", { access_group: group, model_names: [two] })).status).toBe(409);
  await api.ok("PUT", `/access_group/${group}/update`, { model_names: [two] });
  expect((await api.chat(one, key)).status).toBe(403);
  expect((await api.chat(two, key)).status).toBe(200);
  expect(await api.ok("GET", `/access_group/${group}/info`)).toEqual({
    access_group: group,
    model_names: [two],
    deployment_count: 1,
  });
  const listed = await api.ok("GET", "/access_group/list");
  expect(listed.access_groups.map((one: { access_group: string }) => one.access_group)).toContain("from-the-file");
  const names = async (query: string) =>
    (await api.ok("GET", `/v1/models?${query}`, undefined, key)).data.map(({ id }: { id: string }) => id);
  expect(await names("only_model_access_groups=true")).toEqual([group]);
  expect(await names("include_model_access_groups=true")).toEqual([two, group]);
  await api.ok("DELETE", `/access_group/${group}/delete`);
  expect((await api.chat(two, key)).status).toBe(403);
  expect((await api.call("GET", `/access_group/${group}/info`)).status).toBe(404);
});

test("what a file puts into a group stays there", async () => {
  for (const [method, path, body] of [
    ["POST", "/access_group/new", { access_group: unique("g"), model_names: ["filed"] }],
    ["DELETE", "/access_group/from-the-file/delete", undefined],
  ] as const) {
    const answer = await api.call(method, path, body);
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toContain("config.yaml, line 2");
  }
  const nobody = { access_group: unique("g"), model_names: ["nobody"] };
  expect((await api.call("POST", "/access_group/new", nobody)).status).toBe(404);
  expect((await api.call("POST", "/access_group/new", { access_group: unique("g") })).status).toBe(400);
});

test("a group's budget is what all keys together may spend on its models", async () => {
  const [model, group] = [unique("model"), unique("group")];
  await add(model);
  await api.ok("POST", "/access_group/new", { access_group: group, model_names: [model] });
  expect((await api.call("GET", `/access_group/${group}/budget`)).status).toBe(404);
  const set = await api.ok("PUT", `/access_group/${group}/budget`, { max_budget: 0.0001, budget_duration: "1d" });
  expect(set.litellm_budget_table).toMatchObject({ max_budget: 0.0001, budget_duration: "1d" });
  const { key } = await api.ok("POST", "/key/generate", {});
  const refused = await api.chat(model, key);
  expect(refused.status).toBe(422);
  expect(refused.body.error.message).toContain(group);
  expect((await api.chat("other", key)).status).toBe(200);
  await api.ok("PUT", `/access_group/${group}/budget`, { max_budget: 100_000 });
  expect((await api.chat(model, key)).status).toBe(200);
  await api.ok("DELETE", `/access_group/${group}/budget`);
  expect((await api.call("DELETE", `/access_group/${group}/budget`)).status).toBe(404);
});

test("unified groups widen the models of the keys and teams that have them", async () => {
  const { key, token_id } = await api.ok("POST", "/key/generate", { models: ["filed"] });
  const { team_id } = await api.ok("POST", "/team/new", { models: ["filed"] });
  const ofTeam = (await api.ok("POST", "/key/generate", { team_id })).key;
  expect((await api.chat("other", key)).status).toBe(403);
  const name = unique("unified");
  const body = { access_group_name: name, access_model_names: ["other"], assigned_key_ids: [key] };
  const made = await api.call("POST", "/v1/access_group", { ...body, assigned_team_ids: [team_id] });
  expect(made.status).toBe(201);
  expect(made.body).toMatchObject({ access_group_name: name, assigned_key_ids: [token_id] });
  expect((await api.call("POST", "/v1/unified_access_group", body)).status).toBe(409);
  expect((await api.chat("other", key)).status).toBe(200);
  expect((await api.chat("other", ofTeam)).status).toBe(200);
  const at = `/v1/access_group/${made.body.access_group_id}`;
  await api.ok("PUT", at, { assigned_team_ids: [] });
  expect((await api.chat("other", ofTeam)).status).toBe(403);
  expect((await api.chat("other", key)).status).toBe(200);
  await api.ok("PUT", at, { access_model_names: [] });
  expect((await api.chat("other", key)).status).toBe(403);
  expect((await api.call("DELETE", at)).status).toBe(204);
  expect((await api.call("GET", at)).status).toBe(404);
  const { info } = await api.ok("GET", `/key/info?key=${key}`);
  expect(info.access_group_ids).toEqual([]);
});
