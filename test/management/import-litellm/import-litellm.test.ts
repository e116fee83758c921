import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { temporaryFolder } from "../../../scripts/services/service.ts";
import { OldSecrets } from "../../../src/management/import-litellm/old-secrets.ts";
import { openStrings } from "../../../src/management/import-litellm/opened-strings.ts";
import { eventually } from "../../support/eventually.ts";
import { ROOT, type RunningGateway, startGateway } from "../../support/gateway.ts";
import { ManagementClient } from "../../support/management-client.ts";
import { testPostgres } from "../../support/services/postgres.ts";
import { startUpstream, type Upstream } from "../../support/upstream.ts";
import {
  fillOldDatabase,
  hash,
  insertOld,
  KEYS,
  OLD_SALT,
  SEALED,
  SEALED_ELSEWHERE,
  SEALED_EMPTY,
  UPSTREAM_SECRET,
} from "./old-gateway.ts";

setDefaultTimeout(60_000);

describe("texts that LiteLLM sealed", () => {
  const secrets = new OldSecrets(OLD_SALT);

  test("every form opens, and only with its salt", () => {
    for (const form of Object.values(SEALED)) {
      expect(secrets.read(form.model)).toEqual({ kind: "opened", text: "openai/gpt-4o" });
      expect(secrets.read(form.api_base)).toEqual({ kind: "opened", text: "os.environ/OLD_UPSTREAM" });
      expect(secrets.read(form.api_key)).toEqual({ kind: "opened", text: UPSTREAM_SECRET });
      expect(new OldSecrets("another").read(form.api_key).kind).toBe("closed");
    }
    for (const form of Object.values(SEALED_EMPTY)) expect(secrets.read(form)).toEqual({ kind: "opened", text: "" });
    expect(secrets.read(SEALED_ELSEWHERE)).toEqual({ kind: "closed", prefixed: false });
  });

  test("one changed character is noticed", () => {
    for (const { api_key } of Object.values(SEALED)) {
      const changed = `${api_key.slice(0, 30)}${api_key[30] === "A" ? "B" : "A"}${api_key.slice(31)}`;
      expect(secrets.read(changed).kind).toBe("closed");
    }
    expect(secrets.read("v2:gcm:short")).toEqual({ kind: "closed", prefixed: true });
  });

  test("plain base64 of old releases opens, too", () => {
    const old = SEALED.box.api_key.replaceAll("-", "+").replaceAll("_", "/");
    expect(secrets.read(old)).toEqual({ kind: "opened", text: UPSTREAM_SECRET });
  });

  test("plain texts stay, also long ones in a row that nobody sealed", () => {
    const long = `sk-${"Ab1_".repeat(20)}`;
    for (const text of ["openai/gpt-4o", "https://example.com/v1?x=1", "", "sk-short"]) {
      expect(secrets.read(text)).toEqual({ kind: "plain", text });
    }
    const plain = openStrings(secrets, { model: "openai/gpt-4o", api_key: long }, "model");
    expect(plain).toEqual({ value: { model: "openai/gpt-4o", api_key: long }, closed: [] });
    // Where the model is sealed the key is as well, so this one belongs to another salt.
    expect(openStrings(secrets, { model: SEALED.box.model, api_key: SEALED_ELSEWHERE }, "model").closed).toEqual([
      "api_key",
    ]);
    expect(openStrings(secrets, { api_key: SEALED_ELSEWHERE }).closed).toEqual(["api_key"]);
    expect(openStrings(secrets, { deep: [{ key: SEALED.v3.api_key }], rpm: 1 }).value).toEqual({
      deep: [{ key: UPSTREAM_SECRET }],
      rpm: 1,
    });
  });
});

const old = await testPostgres("old_gateway");
const folder = temporaryFolder("import");
let upstream: Upstream;

beforeAll(async () => {
  upstream = startUpstream(({ headers, json }) =>
    Response.json({
      id: "x",
      object: "chat.completion",
      model: json?.model,
      choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
      usage: { prompt_tokens: 10, completion_tokens: 10, total_tokens: 20 },
      seen: headers.get("authorization"),
    }),
  );
  if (old !== undefined) await fillOldDatabase(old);
});
afterAll(async () => {
  await upstream.stop();
  await old?.drop();
  folder.remove();
});

interface Target {
  readonly name: string;
  readonly dataDir: string;
  readonly env: Readonly<Record<string, string>>;
}

async function importInto(
  target: Target,
  args: readonly string[] = [],
  salt = OLD_SALT,
): Promise<{ readonly status: number; readonly out: string; readonly err: string }> {
  const child = Bun.spawn(
    [
      ...[process.execPath, join(ROOT, "src/cli/main.ts"), "import", "litellm"],
      ...["--database-url", old?.url ?? "", "--salt-key", salt, "--data-dir", target.dataDir, ...args],
    ],
    { env: { PATH: process.env.PATH ?? "", ...target.env }, stdout: "pipe", stderr: "pipe" },
  );
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { status: await child.exited, out, err };
}

async function reportOf(target: Target, args: readonly string[] = []) {
  const { status, out, err } = await importInto(target, ["--json", ...args]);
  expect({ status, err }).toEqual({ status: 0, err: "" });
  // biome-ignore lint/suspicious/noExplicitAny: looked into field by field
  const report = JSON.parse(out) as any;
  // biome-ignore lint/suspicious/noExplicitAny: looked into field by field
  const kinds = new Map<string, any>(report.kinds.map((kind: { kind: string }) => [kind.kind, kind]));
  const counts = Object.fromEntries(
    [...kinds].map(([name, kind]) => [name, [kind.new, kind.same, kind.differs, kind.skipped]]),
  );
  return { ...report, kinds, counts };
}

const targets = (): readonly Target[] => {
  const env = (url: string | undefined) => ({
    LITELLM_SALT_KEY: "salt-of-the-new-gateway",
    LITELLM_MASTER_KEY: "sk-test-0123456789abcdef",
    STORE_MODEL_IN_DB: "True",
    OLD_UPSTREAM: `${upstream?.url ?? ""}/v1`,
    ...(url === undefined ? {} : { DATABASE_URL: url }),
  });
  return [
    { name: "SQLite", dataDir: join(folder.path, "sqlite"), env: env(undefined) },
    { name: "the very same database", dataDir: join(folder.path, "same"), env: env(old?.url) },
    {
      name: "a schema of its own in it",
      dataDir: join(folder.path, "schema"),
      env: env(`${old?.url ?? ""}?schema=Isth mus`),
    },
  ];
};

for (const at of [0, 1]) {
  describe.skipIf(old === undefined)(`moving in: ${targets()[at]?.name}`, () => {
    let target: Target;
    let gateway: RunningGateway;
    let api: ManagementClient;

    beforeAll(() => {
      target = targets()[at] as Target;
    });
    afterAll(async () => {
      await gateway?.stop();
    });

    test("a dry run says what it would take and takes nothing", async () => {
      const { counts, kinds, leftOut } = await reportOf(target, ["--dry-run"]);
      expect(counts).toMatchObject({
        budgets: [4, 0, 0, 0],
        organizations: [1, 0, 0, 0],
        teams: [2, 0, 0, 0],
        users: [3, 0, 0, 1],
        "team members": [4, 0, 0, 1],
        keys: [6, 0, 0, 1],
        "replaced keys": [1, 0, 0, 1],
        customers: [1, 0, 0, 0],
        credentials: [1, 0, 0, 0],
        models: [6, 0, 0, 1],
        settings: [2, 0, 0, 4],
      });
      expect(kinds.get("keys").spendNano).toBe("8000011345");
      expect(leftOut.map(({ table }: { table: string }) => table)).toEqual([
        "LiteLLM_MCPServerTable",
        "LiteLLM_SpendLogs",
      ]);
      expect((await reportOf(target, ["--dry-run"])).counts.keys).toEqual([6, 0, 0, 1]);
    });

    test("a wrong salt names what it does not open, and nothing is taken", async () => {
      const { status, out, err } = await importInto(target, [], "wrong");
      expect({ status, out }).toEqual({ status: 1, out: "" });
      expect(err).toContain("credentials: openai-eu: api_key, api_base");
      expect(err).toContain(
        "models: gpt (of-box): litellm_params.model, litellm_params.api_key, litellm_params.api_base",
      );
      expect(err).toContain("nothing was taken");
      expect(err).not.toContain("plain");
      expect((await reportOf(target, ["--dry-run"])).counts.budgets).toEqual([4, 0, 0, 0]);
    });

    test("what is taken is told; a second run changes nothing", async () => {
      const { status, out } = await importInto(target);
      expect(status).toBe(0);
      expect(out).toContain("keys");
      expect(out).toContain("a login at LiteLLM's dashboard");
      expect(out).toContain("without its key_alias laptop, which another has");
      expect(out).toContain("it needs the variable UNSET, which is not set here");
      expect(out).toMatch(/unknown \(unknown\): it will not be served: /);
      expect(out).toContain("without its password");
      expect(out).not.toContain(UPSTREAM_SECRET);
      const again = await reportOf(target);
      for (const [kind, [added, , differs]] of Object.entries(again.counts) as [string, number[]][]) {
        expect({ kind, added, differs }).toEqual({ kind, added: 0, differs: 0 });
      }
      expect(again.counts.keys).toEqual([0, 6, 0, 1]);
      expect((await importInto(target)).out).toContain("Nothing was missing");
    });

    test("a gateway accepts the old keys and shows everything as it was", async () => {
      gateway = await startGateway({ dataDir: target.dataDir, env: target.env });
      api = new ManagementClient(gateway);
      const { info } = await api.ok("GET", `/key/info?key=${hash(KEYS.alice)}`);
      expect(info).toMatchObject({
        key_alias: "laptop",
        user_id: "alice",
        spend: 0.000012345,
        max_budget: 1,
        models: ["gpt"],
        tags: ["mine"],
        model_rpm_limit: { gpt: 3 },
        metadata: { note: "free text" },
        aliases: { fast: "gpt" },
        object_permission: { mcp_servers: ["files"] },
        created_at: "2025-03-01T10:00:00.123Z",
      });
      // Its period had no end in the old database.
      expect(Date.parse(info.budget_reset_at)).toBeGreaterThan(Date.now());
      const { team_info: team } = await api.ok("GET", "/team/info?team_id=team");
      expect(team).toMatchObject({
        team_alias: "Builders",
        organization_id: "org",
        spend: 3.5,
        tags: ["building"],
        metadata: { own: "kept" },
        model_aliases: { smart: "gpt" },
        member_budget_id: "of-members",
      });
      expect(team.members_with_roles).toEqual([
        { role: "admin", user_id: "alice", user_email: "alice@example.com" },
        { role: "user", user_id: "bob", user_email: "bob@example.com" },
      ]);
      const callbacks = await api.ok("GET", "/team/team/callback");
      expect(callbacks.data.success_callbacks).toEqual(["langfuse"]);
      expect(await api.ok("GET", "/organization/info?organization_id=org")).toMatchObject({ spend: 12.125 });
      expect(await api.ok("GET", "/customer/info?end_user_id=customer")).toMatchObject({
        spend: 0.5,
        blocked: true,
        litellm_budget_table: { max_budget: 0.75, allowed_models: ["gpt"] },
      });
      expect(await api.ok("GET", "/project/info?project_id=project")).toMatchObject({
        model_rpm_limit: { gpt: 9 },
        spend: 0.125,
      });
      const { logs } = await api
        .ok("GET", `/audit?object_id=${hash(KEYS.alice)}`)
        .then((body) => ({ logs: body.audit_logs }));
      expect(logs[0]).toMatchObject({ action: "created", changed_by: "isthmus import litellm" });
    });

    test("models answer with their old secrets, whichever form they had", async () => {
      for (const model of ["gpt", "v2", "v3", "by-credential"]) {
        const { status, body } = await api.chat(model);
        expect({ model, status }).toEqual({ model, status: 200 });
        expect(upstream.requests.at(-1)?.headers.get("authorization")).toBe(`Bearer ${UPSTREAM_SECRET}`);
        expect(body.choices[0].message.content).toBe("hi");
      }
      const stored = await api.ok("GET", "/v2/model/info");
      expect(JSON.stringify(stored)).not.toContain(UPSTREAM_SECRET);
    });

    test("what was spent before counts against budgets", async () => {
      const refused = await api.chat("gpt", KEYS.spent);
      expect(refused.status).toBe(422);
      expect(refused.body.error.message).toContain("Current cost: 2.0, Max budget: 2.0");
      // The budget of the tier has a millionth of a dollar left; a call may cost two cents.
      expect((await api.chat("gpt", KEYS.tier, { max_tokens: 10 })).status).toBe(422);
      expect((await api.chat("gpt", KEYS.expired)).status).toBe(401);
      const before = (await api.ok("GET", `/key/info?key=${hash(KEYS.alice)}`)).info.spend;
      expect((await api.chat("fast", KEYS.alice, { max_tokens: 10 })).status).toBe(200);
      expect((await api.chat("gpt", KEYS.replaced, { max_tokens: 10 })).status).toBe(200);
      await eventually(async () => {
        const after = (await api.ok("GET", `/key/info?key=${hash(KEYS.alice)}`)).info.spend;
        return Math.abs(after - before - 0.04) < 1e-9;
      });
      expect((await api.chat("smart", KEYS.team, { max_tokens: 10 })).status).toBe(200);
    });

    test("what was changed here stays; the report says in what it differs", async () => {
      await api.ok("POST", "/key/update", { key: hash(KEYS.team), rpm_limit: 61, tags: ["other"] });
      const { counts, kinds } = await reportOf(target);
      expect(counts.keys).toEqual([0, 5, 1, 1]);
      expect(kinds.get("keys").remarks.differs[0].text).toBe("rpm_limit, tags");
      const { info } = await api.ok("GET", `/key/info?key=${hash(KEYS.team)}`);
      expect(info).toMatchObject({ rpm_limit: 61, tags: ["other"] });
    });
  });
}

test.skipIf(old === undefined)(
  "a secret of another salt ends the import, or is left where that is wanted",
  async () => {
    const target = { ...(targets()[0] as Target), dataDir: join(folder.path, "skipping") };
    const params = { model: SEALED.box.model, api_key: SEALED_ELSEWHERE };
    await insertOld(old as NonNullable<typeof old>, "LiteLLM_ProxyModelTable", {
      model_id: "foreign",
      model_name: "foreign",
      litellm_params: params,
    });
    const ended = await importInto(target);
    expect(ended.status).toBe(1);
    expect(ended.err).toContain("  models: foreign (foreign): litellm_params.api_key\n");
    expect(ended.err).not.toContain("of-box");
    const report = await reportOf(target, ["--skip-unreadable"]);
    expect(report.counts.models).toEqual([6, 0, 0, 2]);
    expect(report.unreadable).toEqual(["models: foreign (foreign): litellm_params.api_key"]);
  },
);

test.skipIf(old === undefined)(
  "a schema of its own in the same database; a start on LiteLLM's tables names the way",
  async () => {
    const own = targets()[2] as Target;
    expect((await reportOf(own, ["--skip-unreadable"])).counts.keys).toEqual([6, 0, 0, 1]);
    expect((await reportOf(own, ["--skip-unreadable"])).counts.keys).toEqual([0, 6, 0, 1]);
    const [{ total } = { total: 0 }] = await (old as NonNullable<typeof old>).query<{ total: number }>(
      `SELECT count(*)::int AS total FROM "Isth mus".virtual_key`,
    );
    expect(total).toBe(6);
    const bare = await testPostgres("hint");
    await bare?.query(`CREATE TABLE "LiteLLM_VerificationToken" (token TEXT PRIMARY KEY)`);
    const gateway = await startGateway({ env: { DATABASE_URL: bare?.url ?? "" } });
    expect(gateway.output()).toContain("isthmus import litellm");
    await gateway.stop();
    await bare?.drop();
  },
);

test.skipIf(old === undefined)("an older release's database has fewer tables and columns", async () => {
  const older = await testPostgres("older_gateway");
  if (older === undefined) return;
  await older.query(
    `CREATE TABLE "LiteLLM_VerificationToken" (token TEXT PRIMARY KEY, spend DOUBLE PRECISION NOT NULL DEFAULT 0)`,
  );
  await older.query(`INSERT INTO "LiteLLM_VerificationToken" VALUES ('${hash("sk-old")}', 0.25)`);
  const target = { ...(targets()[0] as Target), dataDir: join(folder.path, "older") };
  const { counts } = await reportOf(target, ["--database-url", older.url]);
  expect(counts.keys).toEqual([1, 0, 0, 0]);
  await older.drop();
});

test.skipIf(old === undefined)("what is no LiteLLM database is said so; usage errors are 2", async () => {
  const target = { ...(targets()[0] as Target), dataDir: join(folder.path, "none") };
  const url = new URL(old?.url ?? "");
  url.searchParams.set("schema", "nowhere");
  const none = await importInto(target, ["--database-url", url.href]);
  expect(none.status).toBe(1);
  expect(none.err).toContain('has no table "LiteLLM_VerificationToken"');
  expect((await importInto(target, ["--no-such-flag"])).status).toBe(2);
  const away = await importInto(target, ["--database-url", "postgres://u:secret-password@127.0.0.1:1/x"]);
  expect(away.status).toBe(1);
  expect(away.err).not.toContain("secret-password");
});
