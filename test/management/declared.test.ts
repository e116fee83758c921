import { afterAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { eventually } from "../support/eventually.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { ManagementClient } from "../support/management-client.ts";
import { testPostgres } from "../support/services/postgres.ts";

const CRAWLER = "sk-declared-crawler-000111222";
const SECOND = "sk-declared-second-333444555";
const MODELS = ["one", "two"].map((name) => ({
  model_name: name,
  litellm_params: { model: "echo/echo", input_cost_per_token: 0.001, output_cost_per_token: 0.001 },
}));
const hash = (key: string): string => createHash("sha256").update(key).digest("hex");

/** A configuration file that a gateway watches. */
class ConfigFile {
  readonly folder = mkdtempSync(join(tmpdir(), "isthmus-declared-"));
  readonly path = join(this.folder, "config.yml");

  write(document: object): void {
    writeFileSync(`${this.path}.new`, stringify({ model_list: MODELS, ...document }));
    renameSync(`${this.path}.new`, this.path);
  }

  start(document: object, url?: string, env: Readonly<Record<string, string>> = {}): Promise<RunningGateway> {
    this.write(document);
    return startGateway({
      args: ["--config", this.path],
      dataDir: join(this.folder, "data"),
      env: { CRAWLER_KEY: CRAWLER, SECOND_KEY: SECOND, ...(url === undefined ? {} : { DATABASE_URL: url }), ...env },
    });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const postgres = await testPostgres("declared");
afterAll(() => postgres?.drop());

describe.each(["SQLite", ...(postgres === undefined ? [] : ["PostgreSQL"])])(
  "declared in the file, on %s",
  (dialect) => {
    const url = dialect === "SQLite" ? undefined : postgres?.url;
    const file = new ConfigFile();
    afterAll(() => file.remove());
    const declared = {
      budgets: [{ budget_id: "shared", max_budget: 5, budget_duration: "30d" }],
      teams: [{ team_id: "search", team_alias: "Search", models: ["one"], max_budget: 100, team_member_budget: 3 }],
      virtual_keys: [
        {
          key: "os.environ/CRAWLER_KEY",
          key_alias: "crawler",
          team_id: "search",
          budget_id: "shared",
          rpm_limit: 2,
          metadata: { owner: "ada" },
          expires: "2100-01-01",
        },
      ],
    };

    test("what the file declares is held, shown, left alone by the API, and ends with the file", async () => {
      const gateway = await file.start(declared, url);
      const client = new ManagementClient(gateway);
      try {
        expect((await client.chat("one", CRAWLER)).status).toBe(200);
        expect((await client.chat("two", CRAWLER)).status).toBe(403);
        const { info } = await client.ok("GET", `/key/info?key=${CRAWLER}`);
        expect(info).toMatchObject({
          key_alias: "crawler",
          team_id: "search",
          rpm_limit: 2,
          metadata: { owner: "ada" },
        });
        expect(info).toMatchObject({ expires: "2100-01-01T00:00:00.000Z", litellm_budget_table: { max_budget: 5 } });
        expect((await client.ok("GET", "/key/list?size=100")).keys).toEqual([hash(CRAWLER)]);
        const team = await client.ok("GET", "/team/info?team_id=search");
        expect(team).toMatchObject({
          team_info: { team_alias: "Search", max_budget: 100 },
          keys: [{ key_alias: "crawler" }],
        });
        expect(await client.ok("POST", "/budget/info", { budgets: ["shared"] })).toMatchObject([
          { budget_duration: "30d" },
        ]);
        await eventually(async () => (await client.ok("GET", `/key/info?key=${CRAWLER}`)).info.spend > 0);
        // One of two is used, the refused one counts too or not: the third is one too many in any case.
        const more = [await client.chat("one", CRAWLER), await client.chat("one", CRAWLER)];
        expect(more.map(({ status }) => status)).toContain(429);

        for (const [method, path, body] of [
          ["POST", "/key/update", { key: CRAWLER, rpm_limit: 5 }],
          ["POST", "/key/delete", { keys: [CRAWLER] }],
          ["POST", "/key/block", { key: CRAWLER }],
          ["POST", `/key/${CRAWLER}/regenerate`, {}],
          ["POST", "/team/update", { team_id: "search", max_budget: 5 }],
          ["POST", "/team/delete", { team_ids: ["search"] }],
          ["POST", "/team/block", { team_id: "search" }],
          ["POST", "/budget/update", { budget_id: "shared", max_budget: 5000 }],
          ["POST", "/budget/delete", { id: "shared" }],
        ] as const) {
          const refused = await client.call(method, path, body);
          expect([path, refused.status]).toEqual([path, 400]);
          expect(refused.body.detail.error).toMatch(
            /is declared in .*config\.yml, line \d+: it can only be changed there/,
          );
        }
        expect((await client.call("POST", "/key/generate", { key: CRAWLER })).status).toBe(400);

        // Another limit, and a second key in place of nothing.
        const [crawler] = declared.virtual_keys;
        const second = { key: "os.environ/SECOND_KEY", models: ["two"] };
        file.write({ ...declared, virtual_keys: [{ ...crawler, rpm_limit: 1000 }, second] });
        await eventually(async () => (await client.chat("two", SECOND)).status === 200);
        expect((await client.chat("one", CRAWLER)).status).toBe(200);

        // A key of the API's keeps the team; the declared ones end, and the budget that nobody has.
        const own = await client.ok("POST", "/key/generate", { team_id: "search" });
        file.write({});
        await eventually(async () => (await client.chat("one", CRAWLER)).status === 401);
        expect((await client.chat("two", SECOND)).status).toBe(401);
        expect((await client.chat("one", own.key)).status).toBe(200);
        await eventually(() => gateway.output().includes("it stays, since somebody has it"));
        expect(await client.ok("POST", "/budget/info", { budgets: ["shared"] })).toEqual([]);
        expect((await client.ok("GET", "/key/list?status=deleted&return_full_object=true")).keys).toHaveLength(2);
        // Nobody's any more: the API may change it.
        await client.ok("POST", "/team/update", { team_id: "search", max_budget: 5 });
        const audit = await client.ok("GET", `/audit?object_id=${hash(CRAWLER)}`);
        expect(audit.audit_logs.map((one: { action: string }) => one.action).sort()).toEqual([
          "created",
          "deleted",
          "updated",
        ]);
      } finally {
        await gateway.stop();
      }
    });

    test("a start with another file takes another set, and what the API made under a declared name is the file's", async () => {
      let gateway = await file.start({}, url);
      let client = new ManagementClient(gateway);
      await client.ok("POST", "/key/generate", { key: SECOND, max_budget: 1, models: ["one"] });
      expect((await client.chat("one", SECOND)).status).toBe(200);
      await eventually(async () => (await client.ok("GET", `/key/info?key=${SECOND}`)).info.spend > 0);
      await gateway.stop();
      gateway = await file.start({ virtual_keys: [{ key: "os.environ/SECOND_KEY", models: ["two"] }] }, url);
      client = new ManagementClient(gateway);
      await eventually(() =>
        gateway.output().includes("what the API made belongs to the configuration file from now on"),
      );
      const { info } = await client.ok("GET", `/key/info?key=${SECOND}`);
      expect(info).toMatchObject({ models: ["two"], max_budget: null });
      expect(info.spend).toBeGreaterThan(0);
      await gateway.stop();
      gateway = await file.start({}, url);
      client = new ManagementClient(gateway);
      expect((await client.chat("two", SECOND)).status).toBe(401);
      await gateway.stop();
    });
  },
);

describe("a file that does not fit", () => {
  test("changes nothing on reload, and names its line", async () => {
    const file = new ConfigFile();
    const key = { key: "os.environ/CRAWLER_KEY", models: ["one"] };
    const gateway = await file.start({ virtual_keys: [key] });
    const client = new ManagementClient(gateway);
    try {
      await client.ok("POST", "/key/generate", { key_alias: "taken" });
      const wrong: readonly (readonly [object, string])[] = [
        [
          { virtual_keys: [{ ...key, max_bugdet: 1 }] },
          "max_bugdet is no key of virtual_keys[] (did you mean max_budget?)",
        ],
        [{ virtual_keys: [{ key: "os.environ/NOBODY" }] }, "virtual_keys[0].key is unset"],
        [{ virtual_keys: [{ ...key, team_id: "nowhere" }] }, "Team doesn't exist in db. Team=nowhere."],
        [{ virtual_keys: [{ ...key, key_alias: "taken" }] }, "the alias taken is that of the key"],
        // The first is right: it must not stay either.
        [{ virtual_keys: [{ key: "os.environ/SECOND_KEY" }, { ...key, budget_id: "none" }] }, "Budget doesn't exist"],
      ];
      for (const [document, message] of wrong) {
        file.write(document);
        await eventually(() => gateway.output().includes(message), { what: message });
        const line = gateway
          .output()
          .split("\n")
          .find((one) => one.includes(message) && !one.includes("warning"));
        expect(line).toMatch(/config\.yml:\d+:\d+: error: /);
      }
      expect((await client.chat("one", CRAWLER)).status).toBe(200);
      expect((await client.chat("one", SECOND)).status).toBe(401);
    } finally {
      await gateway.stop();
      file.remove();
    }
  });

  test("aliases of declared keys may be exchanged", async () => {
    const file = new ConfigFile();
    const named = (one: string, other: string) => ({
      virtual_keys: [
        { key: "os.environ/CRAWLER_KEY", key_alias: one },
        { key: "os.environ/SECOND_KEY", key_alias: other },
      ],
    });
    const gateway = await file.start(named("a", "b"));
    const client = new ManagementClient(gateway);
    try {
      file.write(named("b", "a"));
      await eventually(async () => (await client.ok("GET", `/key/info?key=${CRAWLER}`)).info.key_alias === "b");
      expect((await client.ok("GET", `/key/info?key=${SECOND}`)).info.key_alias).toBe("a");
    } finally {
      await gateway.stop();
      file.remove();
    }
  });

  test("refuses a start", async () => {
    const file = new ConfigFile();
    const failed = await file.start({ virtual_keys: [{ key: CRAWLER, team_id: "nowhere" }] }).then(
      () => "started",
      (error: unknown) => String(error),
    );
    expect(failed).toMatch(/config\.yml:\d+:\d+: error: the key sk-\.\.\.1222: Team doesn't exist/);
    file.remove();
  });
});
