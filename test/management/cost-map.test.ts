import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runWhenDue } from "../../src/management/cost-map/schedule.ts";
import type { Management } from "../../src/management/management.ts";
import { openDatabase } from "../../src/store/database.ts";
import { eventually } from "../support/eventually.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { ManagementClient } from "../support/management-client.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

const folder = mkdtempSync(join(tmpdir(), "isthmus-prices-"));
const database = `file://${join(folder, "shared.db")}`;
let upstream: Upstream;
let gateways: RunningGateway[];
let api: ManagementClient;
let replica: ManagementClient;
let map: Record<string, unknown>;

const config = `model_list:
  - {model_name: "*", litellm_params: {model: "openai/*", api_key: k, mock_response: hi}}
  - {model_name: mini, litellm_params: {model: openai/gpt-4o-mini, api_key: k}}
  - {model_name: shown, litellm_params: {model: openai/gpt-4o-mini, api_key: k}}
`;

beforeAll(async () => {
  upstream = startUpstream(() => Response.json(map));
  const start = () =>
    startGateway({
      config,
      env: { DATABASE_URL: database, LITELLM_MODEL_COST_MAP_URL: `${upstream.url}/prices.json` },
    });
  gateways = [await start(), await start()];
  api = new ManagementClient(gateways[0] as RunningGateway);
  replica = new ManagementClient(gateways[1] as RunningGateway);
  map = await api.ok("GET", "/public/litellm_model_cost_map", undefined, null);
});
afterAll(async () => {
  for (const gateway of gateways) await gateway.stop();
  await upstream.stop();
  rmSync(folder, { recursive: true, force: true });
});

const priceOf = async (client: ManagementClient) =>
  (await client.ok("GET", "/model_group/info?model_group=mini")).data[0].input_cost_per_token;

test("a new price map counts at once here and soon on the replica, also after a start", async () => {
  const before = await priceOf(api);
  const entry = map["gpt-4o-mini"] as Record<string, unknown>;
  map = { ...map, "gpt-4o-mini": { ...entry, input_cost_per_token: 0.5 }, "brand-new": { ...entry } };
  const answer = await api.ok("POST", "/reload/model_cost_map");
  expect(answer).toMatchObject({ status: "success", models_count: Object.keys(map).length, skipped: [] });
  expect(before).not.toBe(0.5);
  expect(await priceOf(api)).toBe(0.5);
  await eventually(async () => (await priceOf(replica)) === 0.5);
  expect((await api.ok("GET", "/get/litellm_model_cost_map"))["brand-new"].litellm_provider).toBe("openai");
  const started = await startGateway({ config, env: { DATABASE_URL: database } });
  expect(await priceOf(new ManagementClient(started))).toBe(0.5);
  await started.stop();
}, 60_000);

test("what is no price map changes nothing", async () => {
  const kept = map;
  for (const wrong of [{}, { "gpt-4o-mini": { litellm_provider: "openai", input_cost_per_token: 1 } }, []]) {
    map = wrong as Record<string, unknown>;
    expect((await api.call("POST", "/reload/model_cost_map")).status).toBe(502);
  }
  upstream.handler = () => new Response("not here", { status: 404 });
  expect((await api.call("POST", "/reload/model_cost_map")).status).toBe(502);
  upstream.handler = () => Response.json(map);
  map = kept;
  expect(await priceOf(api)).toBe(0.5);
});

test("a schedule is kept, shown and cancelled; when it is due one process loads", async () => {
  expect((await api.call("POST", "/schedule/model_cost_map_reload?hours=0")).status).toBe(422);
  await api.ok("POST", "/schedule/model_cost_map_reload?hours=6");
  const status = await api.ok("GET", "/schedule/model_cost_map_reload/status");
  expect(status).toMatchObject({ scheduled: true, interval_hours: 6 });

  const opened = openDatabase({ url: database });
  const now = Date.now() + 7 * 3_600_000;
  let loads = 0;
  const management = {
    database: opened,
    log: { info() {}, warning() {} },
    now: () => now,
    priceMapUrl: "prices",
    changed() {},
    fetchText: async () => {
      loads++;
      return { status: 200, text: JSON.stringify(map) };
    },
  } as unknown as Management;
  const turns = await Promise.all([runWhenDue(management), runWhenDue(management), runWhenDue(management)]);
  expect(turns.filter((turn) => turn)).toHaveLength(1);
  expect(loads).toBe(1);
  expect(await runWhenDue(management)).toBe(false);
  await opened.close();
  await api.ok("DELETE", "/schedule/model_cost_map_reload");
  expect((await api.ok("GET", "/schedule/model_cost_map_reload/status")).scheduled).toBe(false);
});

test("everybody sees the model groups that were made public, and no others", async () => {
  expect(await api.ok("GET", "/public/model_hub", undefined, null)).toEqual([]);
  expect((await api.call("POST", "/model_group/make_public", { model_groups: ["nothing"] })).status).toBe(400);
  await api.ok("POST", "/model_group/make_public", { model_groups: ["shown"] });
  const hub = await api.ok("GET", "/public/model_hub", undefined, null);
  expect(hub).toMatchObject([{ model_group: "shown", providers: ["openai"], is_public_model_group: true }]);
  const { data } = await api.ok("GET", "/model_group/info?model_group=shown");
  expect(data).toMatchObject([{ is_public_model_group: true }]);
  expect(await api.ok("GET", "/public/providers", undefined, null)).toContain("openai");
  const fields = await api.ok("GET", "/public/providers/fields", undefined, null);
  expect(fields.find((one: { provider: string }) => one.provider === "openai").credential_fields[0]).toMatchObject({
    key: "api_key",
    field_type: "password",
  });
});

test("what a file makes public only the file changes", async () => {
  const declared = `${config}litellm_settings:\n  public_model_groups: [mini]\n`;
  const gateway = await startGateway({ config: declared });
  const client = new ManagementClient(gateway);
  const answer = await client.call("POST", "/model_group/make_public", { model_groups: ["shown"] });
  expect(answer.status).toBe(400);
  expect(JSON.stringify(answer.body)).toContain("config.yaml, line 6");
  expect(await client.ok("GET", "/public/model_hub", undefined, null)).toMatchObject([{ model_group: "mini" }]);
  await gateway.stop();
});
