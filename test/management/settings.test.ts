import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "../../src/store/database.ts";
import { eventually } from "../support/eventually.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { ManagementClient } from "../support/management-client.ts";
import { chatAnswer, startUpstream, type Upstream } from "../support/upstream.ts";

const folder = mkdtempSync(join(tmpdir(), "isthmus-settings-"));
const url = `file://${join(folder, "shared.db")}`;
let upstream: Upstream;
let config: string;
const gateways: RunningGateway[] = [];
let api: ManagementClient;
let replica: ManagementClient;

async function start(): Promise<RunningGateway> {
  const gateway = await startGateway({ config, env: { DATABASE_URL: url, STORE_MODEL_IN_DB: "True" } });
  gateways.push(gateway);
  return gateway;
}

beforeAll(async () => {
  upstream = startUpstream(({ headers }) =>
    headers.get("authorization") === "Bearer broken"
      ? Response.json({ error: { message: "broken" } }, { status: 500 })
      : Response.json(chatAnswer("fine")),
  );
  const deployment = (name: string) =>
    `  - {model_name: ${name}, litellm_params: {model: openai/m, api_base: "${upstream.url}/v1", api_key: ${name}}}\n`;
  config = `model_list:
${deployment("broken")}${deployment("spare")}${deployment("other")}router_settings:
  num_retries: 0
  disable_cooldowns: true
litellm_settings:
  context_window_fallbacks: [{broken: [other]}]
`;
  api = new ManagementClient(await start());
  replica = new ManagementClient(await start());
});
afterAll(async () => {
  for (const gateway of gateways) await gateway.stop();
  await upstream.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe("fallbacks that are stored", () => {
  test("count from the next request on, on every replica, and after a start", async () => {
    expect((await api.chat("broken")).status).toBe(500);
    const body = { model: "broken", fallback_models: ["spare"] };
    expect(await api.ok("POST", "/fallback", body)).toEqual({
      ...body,
      fallback_type: "general",
      message: "Fallback configuration saved successfully",
    });
    expect((await api.chat("broken")).status).toBe(200);
    await eventually(async () => (await replica.chat("broken")).status === 200);
    expect(await api.ok("GET", "/fallback/broken")).toEqual({ ...body, fallback_type: "general" });
    const later = new ManagementClient(await start());
    expect((await later.chat("broken")).status).toBe(200);
  });

  test("are replaced, deleted, and refused where they are none", async () => {
    await api.ok("POST", "/fallback", { model: "spare", fallback_models: ["other"] });
    await api.ok("POST", "/fallback", { model: "broken", fallback_models: ["other", "spare"] });
    expect((await api.ok("GET", "/fallback/broken")).fallback_models).toEqual(["other", "spare"]);
    expect((await api.ok("GET", "/fallback/spare")).fallback_models).toEqual(["other"]);
    await api.ok("DELETE", "/fallback/broken");
    expect((await api.call("GET", "/fallback/broken")).status).toBe(404);
    expect((await api.call("DELETE", "/fallback/broken")).status).toBe(404);
    expect((await api.chat("broken")).status).toBe(500);
    const refusedWith = async (body: object): Promise<number> => (await api.call("POST", "/fallback", body)).status;
    expect(await refusedWith({ model: "nobody", fallback_models: ["spare"] })).toBe(404);
    expect(await refusedWith({ model: "broken", fallback_models: ["nobody"] })).toBe(400);
    expect(await refusedWith({ model: "broken", fallback_models: ["broken"] })).toBe(400);
    expect(await refusedWith({ model: "broken", fallback_models: [] })).toBe(422);
  });

  test("belong to the file where the file has them, in whichever section", async () => {
    const answer = await api.call("POST", "/fallback", {
      model: "broken",
      fallback_models: ["spare"],
      fallback_type: "context_window",
    });
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toMatch(/declared in .*config\.yaml, line 9: it can only be changed there/);
    expect((await api.ok("GET", "/fallback/broken?fallback_type=context_window")).fallback_models).toEqual(["other"]);
  });
});

describe("settings that are stored", () => {
  test("several at once, all or none", async () => {
    await api.ok("POST", "/config/update", {
      router_settings: { routing_strategy: "adaptive", cooldown_time: 7 },
      litellm_settings: { drop_params: true },
    });
    expect((await api.ok("GET", "/router/settings")).current_values).toMatchObject({
      routing_strategy: "adaptive",
      cooldown_time: 7,
      num_retries: 0,
    });
    const wrong = await api.call("POST", "/config/update", {
      router_settings: { cooldown_time: 9, routing_strategy: "no-such-strategy" },
    });
    expect(wrong.status).toBe(400);
    expect((await api.ok("GET", "/router/settings")).current_values.cooldown_time).toBe(7);
    await api.ok("POST", "/config/update", { router_settings: { routing_strategy: null, cooldown_time: null } });
    expect((await api.ok("GET", "/router/settings")).current_values).not.toHaveProperty("cooldown_time");
  });

  test.each([
    ["a file's", { router_settings: { num_retries: 3 } }, "declared in"],
    ["an unknown one", { router_settings: { number_of_retries: 3 } }, "has no key number_of_retries"],
    ["one without effect", { general_settings: { alerting: ["slack"] } }, "has no effect"],
    ["one for the start", { general_settings: { master_key: "sk-other" } }, "read when the gateway starts"],
    ["a reference", { litellm_settings: { drop_params: "os.environ/HOME" } }, "os.environ/HOME is not resolved"],
    ["the environment", { environment_variables: { A: "b" } }, "set them where it is started"],
    ["models", { model_list: [{}] }, "/model/new"],
  ])("%s is refused", async (_, body, message) => {
    const answer = await api.call("POST", "/config/update", body);
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toContain(message);
  });

  test("one general setting; the list says whose each is", async () => {
    const field = { field_name: "always_include_stream_usage", config_type: "general_settings" };
    const row = async () =>
      (await api.ok("GET", "/config/list?config_type=general_settings")).find(
        ({ field_name }: { field_name: string }) => field_name === field.field_name,
      );
    expect(await row()).toMatchObject({ source: "default", editable: true, stored_in_db: null });
    await api.ok("POST", "/config/field/update", { ...field, field_value: true });
    expect(await row()).toMatchObject({ source: "database", editable: true, stored_in_db: true, field_value: true });
    expect((await api.ok("GET", `/config/field/info?field_name=${field.field_name}`)).field_value).toBe(true);
    expect((await api.call("POST", "/config/field/update", { ...field, field_value: "perhaps" })).status).toBe(400);
    await api.ok("POST", "/config/field/delete", field);
    expect(await row()).toMatchObject({ source: "default", stored_in_db: null });
    expect((await api.call("POST", "/config/field/delete", field)).status).toBe(400);
  });

  test("the operator's own routes, their secrets sealed", async () => {
    const endpoint = { path: "/own", target: `${upstream.url}/v1`, headers: { authorization: "Bearer secret-value" } };
    const { endpoints } = await api.ok("POST", "/config/pass_through_endpoint", endpoint);
    const [{ id }] = endpoints;
    expect(JSON.stringify(endpoints)).not.toContain("secret-value");
    const before = upstream.requests.length;
    await api.ok("POST", "/own", { any: "thing" });
    expect(upstream.requests[before]?.headers.get("authorization")).toBe("Bearer secret-value");
    await api.ok("POST", `/config/pass_through_endpoint/${id}`, { path: "/renamed" });
    await api.ok("POST", "/renamed", {});
    expect((await api.ok("GET", "/config/pass_through_endpoint")).endpoints).toMatchObject([
      { id, path: "/renamed", is_from_config: false },
    ]);
    const database = openDatabase({ url });
    const rows = await database.kysely.selectFrom("setting").selectAll().execute();
    await database.close();
    expect(JSON.stringify(rows)).not.toContain("secret-value");
    await api.ok("DELETE", `/config/pass_through_endpoint?endpoint_id=${id}`);
    expect((await api.call("POST", "/renamed", {})).status).toBe(404);
  });

  test("survive new keys of their encryption, and are in the audit log", async () => {
    await api.ok("POST", "/config/update", { router_settings: { fallbacks: [{ broken: ["spare"] }] } });
    await api.ok("POST", "/credentials/migrate-encryption?rotate=true");
    expect((await api.chat("broken")).status).toBe(200);
    const audit = await api.ok("GET", "/audit?page_size=100");
    expect(JSON.stringify(audit)).toContain("router_settings.fallbacks");
  });

  test("nobody but administrators", async () => {
    const { key } = await api.person("internal_user");
    for (const path of ["/config/update", "/fallback", "/config/field/update", "/config/pass_through_endpoint"]) {
      expect([path, (await api.call("POST", path, {}, key)).status]).toEqual([path, expect.any(Number)]);
      expect((await api.call("POST", path, {}, key)).status).toBeGreaterThanOrEqual(401);
      expect((await api.call("POST", path, {}, key)).status).toBeLessThan(404);
    }
    for (const path of ["/router/settings", "/cache/settings", "/active/callbacks", "/config/yaml"]) {
      expect((await api.call("GET", path, undefined, key)).status).toBeLessThan(404);
      expect((await api.call("GET", path)).status).toBe(200);
    }
  });
});

test("without a database for models nothing is stored", async () => {
  const alone = await startGateway({ config });
  const client = new ManagementClient(alone);
  expect((await client.call("POST", "/fallback", { model: "broken", fallback_models: ["spare"] })).status).toBe(400);
  await alone.stop();
});
