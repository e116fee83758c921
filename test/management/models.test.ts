import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { ManagementClient, unique } from "../support/management-client.ts";
import { testPostgres } from "../support/services/postgres.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

const postgres = await testPostgres("models");
const folder = mkdtempSync(join(tmpdir(), "isthmus-models-"));
let upstream: Upstream;

beforeAll(() => {
  upstream = startUpstream(({ headers, json }) =>
    Response.json({
      id: "x",
      object: "chat.completion",
      model: json?.model,
      choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
      seen: headers.get("authorization"),
    }),
  );
});
afterAll(async () => {
  await upstream.stop();
  await postgres?.drop();
  rmSync(folder, { recursive: true, force: true });
});

const SECRET = "sk-upstream-secret-0123456789";
const params = (extra = {}) => ({ model: "openai/m", api_base: `${upstream.url}/v1`, api_key: SECRET, ...extra });

// Processes are started and looked at until they agree.
setDefaultTimeout(60_000);

/** Two processes on one database. */
for (const store of ["sqlite", "postgres"] as const) {
  describe.skipIf(store === "postgres" && postgres === undefined)(`models in the database, ${store}`, () => {
    let gateways: RunningGateway[];
    let api: ManagementClient;
    let other: ManagementClient;

    beforeAll(async () => {
      const url = store === "sqlite" ? `file://${join(folder, "shared.db")}` : (postgres?.url as string);
      const start = () =>
        startGateway({
          config: `model_list:
  - model_name: declared
    litellm_params: {model: openai/m, api_base: "${upstream.url}/v1", api_key: from-the-file}
    model_info: {id: of-the-file}
  - model_name: by-credential
    litellm_params: {model: openai/m, api_base: "${upstream.url}/v1", litellm_credential_name: later}
credential_list:
  - credential_name: filed
    credential_values: {api_key: sk-filed-0123456789abcdef}
`,
          env: { DATABASE_URL: url, STORE_MODEL_IN_DB: "True", LITELLM_SALT_KEY: "salt-of-the-test" },
        });
      gateways = [await start(), await start()];
      api = new ManagementClient(gateways[0] as RunningGateway);
      other = new ManagementClient(gateways[1] as RunningGateway);
    });
    afterAll(async () => {
      for (const gateway of gateways) await gateway.stop();
    });

    const versionOf = async (client: ManagementClient) =>
      (await client.ok("GET", "/health/readiness/details")).configuration_version;

    test("a new model serves the next request here, and soon on the replica, which says so", async () => {
      const name = unique("model");
      const made = await api.ok("POST", "/model/new", { model_name: name, litellm_params: params() });
      expect(made).toMatchObject({ model_name: name, litellm_params: { model: "openai/m" }, blocked: false });
      expect(JSON.stringify(made)).not.toContain(SECRET);
      const answer = await api.chat(name);
      expect(answer).toMatchObject({ status: 200, body: { seen: `Bearer ${SECRET}` } });
      await eventually(async () => (await other.chat(name)).status === 200);
      expect(await versionOf(other)).toBe(await versionOf(api));

      const shown = await api.ok("GET", `/model/info?litellm_model_id=${made.model_id}`);
      expect(shown.data).toMatchObject([{ model_name: name, model_info: { id: made.model_id, db_model: true } }]);
      expect(JSON.stringify(shown)).not.toContain(SECRET);
      const audit = await api.ok("GET", "/audit?page_size=5");
      expect(JSON.stringify(audit)).toContain(made.model_id);
      expect(JSON.stringify(audit)).not.toContain(SECRET);

      await api.ok("POST", "/model/delete", { id: made.model_id });
      expect((await api.chat(name)).status).toBe(400);
      await eventually(async () => (await other.chat(name)).status === 400);
      expect((await api.call("POST", "/model/delete", { id: made.model_id })).status).toBe(400);
    });

    test("what is sent is merged into what is there; null clears; a mask that comes back changes nothing", async () => {
      const name = unique("model");
      const { model_id: id } = await api.ok("POST", "/model/new", {
        model_name: name,
        litellm_params: params({ rpm: 10, temperature: 0.5 }),
        model_info: { mode: "chat", access_groups: ["fast"] },
      });
      const patched = await api.ok("PATCH", `/model/${id}/update`, {
        litellm_params: { rpm: 20, temperature: null },
        model_info: { access_groups: ["slow"] },
      });
      expect(patched.litellm_params).toMatchObject({ rpm: 20, model: "openai/m" });
      expect(patched.litellm_params.temperature).toBeUndefined();
      expect(patched.model_info).toMatchObject({ mode: "chat", access_groups: ["slow"] });
      const masked = patched.litellm_params.api_key;
      expect(masked).toContain("****");
      await api.ok("POST", "/model/update", { model_info: { id }, litellm_params: { api_key: masked } });
      expect((await api.chat(name)).body.seen).toBe(`Bearer ${SECRET}`);
      await api.ok("POST", "/model/update", { model_info: { id }, litellm_params: { api_key: "sk-another" } });
      expect((await api.chat(name)).body.seen).toBe("Bearer sk-another");
      await api.ok("POST", "/model/block", { model_id: id });
      expect((await api.chat(name)).status).toBe(400);
      await api.ok("POST", "/model/unblock", { model_id: id });
      expect((await api.chat(name)).status).toBe(200);

      await api.ok("POST", "/model/new", {
        model_name: name,
        litellm_params: params({ api_key: "sk-second", rpm: 20 }),
      });
      const seen = new Set<string>();
      await eventually(async () => seen.add((await api.chat(name)).body.seen).size === 2);
    });

    test("bad models are refused with the reason, and nothing is stored", async () => {
      const refusals = [
        [{ litellm_params: params() }, 422, "model_name"],
        [{ model_name: "m", litellm_params: {} }, 422, "model"],
        [{ model_name: "m", litellm_params: params({ model: "opnai/m" }) }, 400, "opnai"],
        [{ model_name: "m", litellm_params: { model: "openai/m" } }, 400, "api_key"],
        [{ model_name: "m", litellm_params: params({ rpm: "many" }) }, 400, "rpm"],
        [{ model_name: "m", litellm_params: params({ api_key: "os.environ/LITELLM_MASTER_KEY" }) }, 400, "os.environ"],
        [{ model_name: "m", litellm_params: params({ input_cost_per_token: -1 }) }, 400, "input_cost_per_token"],
        [{ model_name: "x".repeat(10_000), litellm_params: params() }, 422, "at most"],
        [{ model_name: "a\nb", litellm_params: params() }, 422, "Control"],
        [{ model_name: "m", litellm_params: params(), model_info: { id: "of-the-file" } }, 400, "config.yaml, line 2"],
        [{ model_name: "m", litellm_params: params(), model_info: { team_id: "nobody" } }, 400, "does not exist"],
      ] as const;
      for (const [body, status, word] of refusals) {
        const answer = await api.call("POST", "/model/new", body);
        expect({ status: answer.status, said: JSON.stringify(answer.body).includes(word), word }).toEqual({
          status,
          said: true,
          word,
        });
      }
      const { data } = await api.ok("GET", "/model/info");
      expect(data.some((one: { model_name: string }) => one.model_name === "m")).toBe(false);
    });

    test("what a file declares is the file's", async () => {
      for (const [method, path, body] of [
        ["POST", "/model/delete", { id: "of-the-file" }],
        ["PATCH", "/model/of-the-file/update", { model_name: "x" }],
        ["PATCH", "/credentials/filed", { credential_values: { api_key: "x" }, credential_info: {} }],
        ["DELETE", "/credentials/filed", undefined],
      ] as const) {
        const answer = await api.call(method, path, body);
        expect(answer.status).toBe(400);
        expect(JSON.stringify(answer.body)).toMatch(/config\.yaml, line \d+/);
      }
    });

    test("a team's model is the team's: its admin writes it, its keys call it by its name, nobody else does", async () => {
      const lead = await api.person("internal_user");
      const { team_id } = await api.ok("POST", "/team/new", {
        models: ["declared"],
        members_with_roles: [{ role: "admin", user_id: lead.id }],
      });
      const stranger = await api.person("internal_user");
      const name = unique("ours");
      const body = { model_name: name, litellm_params: params(), model_info: { team_id } };
      expect((await api.call("POST", "/model/new", body, stranger.key)).status).toBe(403);
      expect((await api.call("POST", "/model/new", { ...body, model_info: {} }, lead.key)).status).toBe(403);
      const foreign = { ...body, litellm_params: { ...params(), litellm_credential_name: "filed" } };
      expect((await api.call("POST", "/model/new", foreign, lead.key)).status).toBe(403);
      const keyless = { ...body, litellm_params: { ...params(), api_key: undefined } };
      expect((await api.call("POST", "/model/new", keyless, lead.key)).status).toBe(400);

      const made = await api.ok("POST", "/model/new", body, lead.key);
      const { key } = await api.ok("POST", "/key/generate", { team_id });
      expect((await api.chat(name, key)).status).toBe(200);
      expect((await api.chat(name, stranger.key)).status).toBe(400);
      for (const way of [made.model_id, made.model_name]) {
        expect((await api.chat(way, stranger.key)).status).toBe(403);
      }
      const names = async (who: string) =>
        (await api.ok("GET", "/v1/models", undefined, who)).data.map(({ id }: { id: string }) => id);
      expect(await names(key)).toContain(name);
      expect(await names(stranger.key)).not.toContain(name);
      const infos = async (who: string) =>
        (await api.ok("GET", "/model/info", undefined, who)).data.map((one: { model_name: string }) => one.model_name);
      expect(await infos(key)).toContain(name);
      expect(await infos(stranger.key)).not.toContain(name);

      // Calls that go elsewhere do not take the secret along.
      const update = `/model/${made.model_id}/update`;
      const moved = { litellm_params: { api_base: `${upstream.url}/elsewhere/v1` } };
      expect((await api.call("PATCH", update, moved, stranger.key)).status).toBe(403);
      await api.ok("PATCH", update, { litellm_params: { rpm: 100 } }, lead.key);
      expect((await api.chat(name, key)).body.seen).toBe(`Bearer ${SECRET}`);
      await api.ok("PATCH", update, moved, lead.key);
      expect((await api.chat(name, key)).body.seen ?? null).toBe(null);
      await api.ok("POST", "/model/delete", { id: made.model_id }, lead.key);
      expect((await api.chat(name, key)).status).not.toBe(200);
    });

    test("credentials are used by their name, on the files' models too, and are not shown", async () => {
      const values = { api_key: "sk-credential-0123456789" };
      const made = { credential_name: "later", credential_values: values, credential_info: { description: "x" } };
      expect((await api.chat("by-credential")).status).toBe(400);
      await api.ok("POST", "/credentials", made);
      expect((await api.call("POST", "/credentials", made)).status).toBe(400);
      expect((await api.chat("by-credential")).body.seen).toBe(`Bearer ${values.api_key}`);
      const { model_id: id } = await api.ok("POST", "/model/new", {
        model_name: "with-later",
        litellm_params: { model: "openai/m", api_base: `${upstream.url}/v1`, litellm_credential_name: "later" },
      });
      await api.ok("PATCH", "/credentials/later", {
        credential_values: { api_key: "sk-changed" },
        credential_info: {},
      });
      expect((await api.chat("with-later")).body.seen).toBe("Bearer sk-changed");
      const listed = await api.ok("GET", "/credentials");
      expect(listed.credentials.map((one: { credential_name: string }) => one.credential_name)).toEqual([
        "filed",
        "later",
      ]);
      const byName = await api.ok("GET", "/credentials/by_name/later");
      expect(JSON.stringify([listed, byName])).not.toMatch(/sk-changed|sk-filed/);
      expect((await api.ok("GET", `/credentials/by_model/${id}`)).credential_values.api_base).toContain("127.0.0.1");
      expect((await api.call("DELETE", "/credentials/later")).status).toBe(400);

      const checked = await api.ok("GET", "/credentials/migrate-encryption/check");
      expect(checked.report.locations.credentials_table).toEqual({ already_v2: 1, legacy: 0, undecryptable: 0 });
      const migrated = await api.ok("POST", "/credentials/migrate-encryption?rotate=true");
      expect(migrated.report.locations.credentials_table).toEqual({ already_v2: 0, legacy: 1, undecryptable: 0 });
      const after = await api.ok("GET", "/credentials/migrate-encryption/check");
      expect(after.report.locations.credentials_table).toEqual({ already_v2: 1, legacy: 0, undecryptable: 0 });
      await eventually(async () => (await other.chat("with-later")).body.seen === "Bearer sk-changed");
      await api.ok("PATCH", "/credentials/later", {
        credential_values: { api_key: "sk-rotated" },
        credential_info: {},
      });
      await eventually(async () => (await other.chat("with-later")).body.seen === "Bearer sk-rotated");
    });

    test("keys see their models alone", async () => {
      const { key } = await api.ok("POST", "/key/generate", { models: ["declared"] });
      const { data } = await api.ok("GET", "/model/info", undefined, key);
      expect(data.map((one: { model_name: string }) => one.model_name)).toEqual(["declared"]);
      const page = await api.ok("GET", "/v2/model/info?sortBy=model_name", undefined, key);
      expect(page.total_count).toBe(1);
      const hidden = await api.call("GET", "/model/info?litellm_model_id=none", undefined, key);
      expect(hidden.status).toBe(400);
    });
  });
}

test("the salt key can be changed: the start that knows the old one seals with the new one", async () => {
  const url = `file://${join(folder, "salted.db")}`;
  const start = (env: Record<string, string>) =>
    startGateway({ env: { DATABASE_URL: url, STORE_MODEL_IN_DB: "True", ...env } });
  const first = await start({});
  const api = new ManagementClient(first);
  await api.ok("POST", "/model/new", { model_name: "kept", litellm_params: params() });
  await first.stop();

  const lost = await start({ LITELLM_SALT_KEY: "new-salt" });
  expect((await new ManagementClient(lost).chat("kept")).status).toBe(400);
  expect(lost.output()).toContain("another LITELLM_SALT_KEY");
  await lost.stop();

  const moved = await start({ LITELLM_SALT_KEY: "new-salt", LITELLM_MIGRATE_FROM_MASTER_KEY: first.key });
  expect((await new ManagementClient(moved).chat("kept")).body.seen).toBe(`Bearer ${SECRET}`);
  await moved.stop();

  const last = await start({ LITELLM_SALT_KEY: "new-salt" });
  expect((await new ManagementClient(last).chat("kept")).status).toBe(200);
  await last.stop();
});

test("without store_model_in_db the database holds no models", async () => {
  const gateway = await startGateway();
  const answer = await new ManagementClient(gateway).call("POST", "/model/new", {
    model_name: "m",
    litellm_params: params(),
  });
  expect(answer.status).toBe(400);
  expect(JSON.stringify(answer.body)).toContain("STORE_MODEL_IN_DB");
  await gateway.stop();
});

test("where the master key seals, secrets can be sealed for another", async () => {
  const url = `file://${join(folder, "master.db")}`;
  const env = { DATABASE_URL: url, STORE_MODEL_IN_DB: "True" };
  const first = await startGateway({ env });
  const api = new ManagementClient(first);
  await api.ok("POST", "/model/new", { model_name: "kept", litellm_params: params() });
  const next = "sk-the-next-master-key-42";
  const { key } = await api.person("proxy_admin");
  expect((await api.call("POST", "/key/regenerate", { new_master_key: next }, key)).status).toBe(403);
  await api.ok("POST", "/key/regenerate", { key: first.key, new_master_key: next });
  await first.stop();
  const second = await startGateway({ env, key: next });
  expect((await new ManagementClient(second).chat("kept")).status).toBe(200);
  await second.stop();
});
