import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rotateDueKeys } from "../../src/management/keys/rotate-keys.ts";
import type { Management, ModelHost } from "../../src/management/management.ts";
import { openManagement } from "../../src/management/open-management.ts";
import { openDatabase } from "../../src/store/database.ts";
import { eventually } from "../support/eventually.ts";
import { startGateway } from "../support/gateway.ts";
import { ManagementClient, unique } from "../support/management-client.ts";
import { snapshotOf } from "../support/snapshot-of.ts";

const DAY = 86_400_000;

test("a key with auto_rotate gets a new secret when its time has come, which its holder can fetch with the old one", async () => {
  const folder = mkdtempSync(join(tmpdir(), "isthmus-rotate-"));
  const url = `file://${join(folder, "keys.db")}`;
  const gateway = await startGateway({ env: { DATABASE_URL: url } });
  const api = new ManagementClient(gateway);
  expect((await api.call("POST", "/key/generate", { auto_rotate: true })).status).toBe(400);
  const { key, token_id } = await api.ok("POST", "/key/generate", { auto_rotate: true, rotation_interval: "30d" });
  const other = await api.ok("POST", "/key/generate", {});
  const due = (await api.ok("GET", `/key/info?key=${key}`)).info.key_rotation_at;
  await api.ok("POST", "/key/update", { key, metadata: { a: 1 } });
  expect((await api.ok("GET", `/key/info?key=${key}`)).info.key_rotation_at).toBe(due);
  expect((await api.call("POST", "/key/rotated", undefined, key)).status).toBe(404);

  const database = openDatabase({ url });
  const quiet = { info() {}, warning() {}, error() {} } as unknown as Management["log"];
  const snapshot = snapshotOf({ model_list: [] });
  let now = Date.now();
  const management = await openManagement({
    database,
    log: quiet,
    saltKey: gateway.key,
    sealedByMasterKey: true,
    snapshot: () => snapshot,
    models: { problemOf: () => undefined } as unknown as ModelHost,
    priceMapUrl: undefined,
    fetchText: () => Promise.reject(new Error("nothing is fetched here")),
    now: () => now,
  });
  expect(await rotateDueKeys(management, "24h")).toBe(0);
  now += 31 * DAY;
  expect(await rotateDueKeys(management, "24h")).toBe(1);
  expect(await rotateDueKeys(management, "24h")).toBe(0);

  const fetched = await eventually(async () => {
    const answer = await api.call("POST", "/key/rotated", undefined, key);
    return answer.status === 200 && answer.body;
  });
  expect(fetched.key).not.toBe(key);
  expect((await api.chat("echo", fetched.key)).status).toBe(200);
  expect((await api.chat("echo", key)).status).toBe(200);
  const { info } = await api.ok("GET", `/key/info?key=${fetched.key}`);
  expect(info).toMatchObject({ rotation_count: 1, metadata: { a: 1 } });
  expect(JSON.stringify([info, await api.ok("GET", "/audit?page_size=20")])).not.toMatch(/rotated_secret|sealed:/);
  expect((await api.call("POST", "/key/rotated", undefined, other.key)).status).toBe(404);
  expect(token_id).not.toBe(fetched.token_id);

  now += 2 * DAY;
  await rotateDueKeys(management, "24h");
  expect((await api.call("POST", "/key/rotated", undefined, fetched.key)).status).toBe(404);
  await database.close();
  await gateway.stop();
  rmSync(folder, { recursive: true, force: true });
}, 30_000);

test("who has spent its soft budget is in the report, and is not refused", async () => {
  const priced = "{model: openai/m, mock_response: hi, input_cost_per_token: 0.01, output_cost_per_token: 0.01}";
  const gateway = await startGateway({ config: `model_list:\n  - {model_name: priced, litellm_params: ${priced}}\n` });
  const api = new ManagementClient(gateway);
  const user = unique("customer");
  const tag = unique("tag");
  const { team_id } = await api.ok("POST", "/team/new", { team_alias: "t", soft_budget: 0.00001 });
  const { key, token_id } = await api.ok("POST", "/key/generate", { team_id, soft_budget: 0.00001 });
  await api.ok("POST", "/customer/new", { user_id: user, soft_budget: 0.00001 });
  await api.ok("POST", "/tag/new", { name: tag, soft_budget: 0.00001 });
  const rich = await api.ok("POST", "/key/generate", { soft_budget: 1_000 });
  const call = { user, metadata: { tags: [tag] } };
  expect((await api.chat("priced", key, call)).status).toBe(200);
  expect((await api.chat("priced", rich.key)).status).toBe(200);
  const report = await eventually(async () => {
    const { passed } = await api.ok("GET", "/budget/soft_budget/report");
    return passed.length === 4 && passed;
  });
  expect(report.map((one: { object: string }) => one.object).toSorted()).toEqual(["customer", "key", "tag", "team"]);
  expect(report.find((one: { object: string }) => one.object === "key").id).toBe(token_id);
  expect((await api.chat("priced", key, call)).status).toBe(200);
  await gateway.stop();
}, 30_000);
