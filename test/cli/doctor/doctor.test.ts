import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { diagnose } from "../../../src/cli/doctor/diagnose.ts";
import type { Examination, Finding } from "../../../src/cli/doctor/finding.ts";
import { openDatabase } from "../../../src/store/database.ts";
import { migrate } from "../../../src/store/migrate.ts";
import { testPostgres } from "../../support/services/postgres.ts";
import { chatAnswer, startUpstream, type Upstream } from "../../support/upstream.ts";

const postgres = await testPostgres("doctor");
const redisUrl = process.env.TEST_REDIS_URL;
const folder = mkdtempSync(join(tmpdir(), "isthmus-doctor-"));
const certificates = join(import.meta.dir, "../../fixtures/certificates");

let upstream: Upstream;
/** What answers at the public address. */
let page: (request: Request) => Response;
const servers: Bun.Server<undefined>[] = [];
const addresses: Record<string, URL> = {};

beforeAll(() => {
  upstream = startUpstream(() => Response.json(chatAnswer("fine")));
  for (const name of ["good", "expired", "other"]) {
    const server = Bun.serve({
      hostname: "localhost",
      port: 0,
      tls: { cert: Bun.file(join(certificates, `${name}.crt`)), key: Bun.file(join(certificates, `${name}.key`)) },
      fetch: (request) => page(request),
    });
    servers.push(server);
    addresses[name] = new URL(`https://localhost:${server.port}`);
  }
});

afterAll(async () => {
  await upstream.stop();
  await Promise.all(servers.map((server) => server.stop(true)));
  await postgres?.drop();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => {
  upstream.handler = () => Response.json(chatAnswer("fine"));
  page = () => Response.json("I'm alive!");
});

function config(text: string): string {
  const path = join(folder, `${crypto.randomUUID()}.yml`);
  writeFileSync(path, text);
  return path;
}

const goodConfig = (): string =>
  config(
    `model_list:\n  - model_name: gpt\n    litellm_params:\n      model: openai/gpt-4o\n      api_base: ${upstream.url}/v1\n      api_key: os.environ/PROVIDER_KEY\n`,
  );

function examine(changes: Partial<Examination> = {}): Promise<Finding[]> {
  return diagnose({
    config: goodConfig(),
    dataDir: join(folder, "data"),
    offline: false,
    publicUrl: undefined,
    patienceMs: 5_000,
    ...changes,
    environment: {
      LITELLM_MASTER_KEY: "sk-doctor-0123456789abcdef",
      LITELLM_SALT_KEY: "a-salt",
      PROVIDER_KEY: "sk-provider-secret",
      ...changes.environment,
    },
  });
}

/** The codes of what is not in order. */
async function faults(changes: Partial<Examination> = {}): Promise<string[]> {
  const findings = await examine(changes);
  return findings.filter(({ status }) => status === "problem" || status === "warning").map(({ code }) => code);
}

test("a deployment in order has no problem", async () => {
  const findings = await examine({ publicUrl: addresses.good });
  expect(findings.filter(({ status }) => status === "problem")).toEqual([]);
  expect(findings.map(({ code }) => code)).toEqual(
    expect.arrayContaining(["configuration", "master_key", "provider", "route", "data_folder", "open_files"]),
  );
});

describe("the configuration", () => {
  test.each([
    ["a slip in the YAML", "model_list:\n  - model_name: [a\n", "yaml_syntax"],
    ["a key that nobody knows", "modl_list: []\n", "unknown_key"],
    ["an include that is not there", "include: [models/nowhere.yml]\n", "file_missing"],
    [
      "a variable that is not set",
      "general_settings:\n  master_key: os.environ/NOT_SET_ANYWHERE\n",
      "missing_environment_variable",
    ],
    [
      "a provider that nobody knows",
      "model_list:\n  - model_name: a\n    litellm_params: {model: nobody/x, api_key: k}\n",
      "deployment_skipped",
    ],
  ])("%s is found, with its line", async (_, text, code) => {
    const findings = await examine({ config: config(text) });
    const found = findings.filter((finding) => finding.area === "configuration" && finding.status === "problem");
    expect(found.map((finding) => finding.code)).toContain(code);
    expect(found[0]?.what).toMatch(/\.yml:\d+:\d+: /);
  });
});

describe("the environment", () => {
  test("a well-known master key, a domain that is none", async () => {
    expect(await faults({ environment: { LITELLM_MASTER_KEY: "sk-1234" } })).toContain("master_key_weak");
    expect(await faults({ environment: { BASE_DOMAIN: "https://example.com/" } })).toContain("base_domain_form");
  });
});

describe("a provider's key", () => {
  test("that is refused is found, with the line that names it and without the key", async () => {
    upstream.handler = () => Response.json({ error: { message: "Incorrect API key provided" } }, { status: 401 });
    const findings = await examine();
    const found = findings.find(({ code }) => code === "provider_key");
    expect(found).toMatchObject({ status: "problem", area: "providers" });
    expect(found?.fix).toMatch(/\.yml:2/);
    expect(JSON.stringify(findings)).not.toContain("sk-provider-secret");
  });

  test("is not tried offline", async () => {
    upstream.requests.length = 0;
    await examine({ offline: true });
    expect(upstream.requests.length).toBe(0);
  });
});

describe.skipIf(postgres === undefined)("PostgreSQL", () => {
  const url = new URL(postgres?.url ?? "postgres://localhost/x");
  const at = (change: (url: URL) => void): Partial<Examination> => {
    const changed = new URL(url);
    change(changed);
    return { environment: { DATABASE_URL: changed.href } };
  };

  test("in order, after its schema was made", async () => {
    expect(await faults({ environment: { DATABASE_URL: url.href } })).toEqual(["postgres_schema_missing"]);
    const database = openDatabase({ url: url.href });
    await migrate(database);
    await database.close();
    expect(await faults({ environment: { DATABASE_URL: url.href } })).toEqual([]);
  });

  test("an old schema and a newer one", async () => {
    await postgres?.query("UPDATE schema_migration SET name = '9999-later' WHERE name = '0001-spend'");
    expect(await faults({ environment: { DATABASE_URL: url.href } })).toEqual(["postgres_schema_old"]);
    await postgres?.query("UPDATE schema_migration SET name = '0001-spend' WHERE name = '9999-later'");
    await postgres?.query("INSERT INTO schema_migration VALUES ('9999-later', 'x', 0)");
    expect(await faults({ environment: { DATABASE_URL: url.href } })).toEqual(["postgres_schema_new"]);
    await postgres?.query("DELETE FROM schema_migration WHERE name = '9999-later'");
  });

  test.each([
    ["no host of that name", (changed: URL) => (changed.hostname = "postgres.invalid"), "postgres_host"],
    ["nothing that listens", (changed: URL) => (changed.port = "1"), "postgres_refused"],
    ["no such database", (changed: URL) => (changed.pathname = "/nowhere"), "postgres_database"],
    ["no address", (changed: URL) => (changed.protocol = "mysql:"), "postgres_url"],
  ])("%s", async (_, change, code) => {
    expect(await faults(at(change))).toEqual([code]);
  });

  test("a wrong password and missing rights", async () => {
    const name = `doctor_${crypto.randomUUID().slice(0, 8)}`;
    await postgres?.query("DO $$ BEGIN CREATE ROLE password_needed; EXCEPTION WHEN duplicate_object THEN NULL; END $$");
    await postgres?.query(`CREATE ROLE ${name} LOGIN PASSWORD 'right' IN ROLE password_needed`);
    const as = (password: string) =>
      at((changed) => {
        changed.username = name;
        changed.password = password;
      });
    try {
      const findings = await examine(as("wrong-secret"));
      expect(findings.filter(({ area, status }) => area === "postgresql" && status === "problem")).toMatchObject([
        { code: "postgres_password" },
      ]);
      expect(JSON.stringify(findings)).not.toContain("wrong-secret");
      expect(await faults(as("right"))).toContain("postgres_rights");
    } finally {
      await postgres?.query(`DROP ROLE ${name}`);
    }
  });

  test("the parts of an address count as the whole one", async () => {
    const environment = {
      POSTGRES_HOST: url.hostname,
      POSTGRES_PORT: "1",
      POSTGRES_USER: "u",
      POSTGRES_PASSWORD: "p@ss/word",
      POSTGRES_LITELLM_DB: "x",
    };
    expect(await faults({ environment })).toEqual(["postgres_refused"]);
  });
});

describe.skipIf(redisUrl === undefined)("Redis", () => {
  const url = new URL(redisUrl ?? "redis://localhost");

  test("in order", async () => {
    expect(await faults({ environment: { REDIS_URL: url.href } })).toEqual([]);
    expect(await faults({ environment: { REDIS_HOST: url.hostname, REDIS_PORT: url.port } })).toEqual([]);
  });

  test("no host, nothing that listens, a wrong password, a policy that evicts", async () => {
    expect(await faults({ environment: { REDIS_HOST: "redis.invalid" } })).toEqual(["redis_host"]);
    expect(await faults({ environment: { REDIS_HOST: "127.0.0.1", REDIS_PORT: "1" } })).toEqual(["redis_refused"]);
    const redis = new Redis(url.href);
    const user = `doctor-${crypto.randomUUID()}`;
    const [, policy] = (await redis.config("GET", "maxmemory-policy")) as string[];
    try {
      await redis.call("ACL", "SETUSER", user, "on", ">right", "+@all", "~*");
      const login = (password: string): string => `redis://${user}:${password}@${url.host}`;
      expect(await faults({ environment: { REDIS_URL: login("wrong") } })).toEqual(["redis_password"]);
      await redis.config("SET", "maxmemory-policy", "allkeys-lru");
      expect(await faults({ environment: { REDIS_URL: login("right") } })).toEqual(["redis_eviction"]);
    } finally {
      await redis.config("SET", "maxmemory-policy", policy ?? "noeviction");
      await redis.call("ACL", "DELUSER", user);
      redis.disconnect();
    }
  });
});

describe("the public address", () => {
  test.each([
    ["an expired certificate", () => ({ publicUrl: addresses.expired }), "tls_expired"],
    ["a certificate for another name", () => ({ publicUrl: addresses.other }), "tls_name"],
    ["a name without an address", () => ({ publicUrl: new URL("https://isthmus.invalid") }), "dns_missing"],
    ["nothing that listens", () => ({ publicUrl: new URL("https://localhost:1") }), "tls_unreachable"],
    [
      "an address that is not the expected one",
      () => ({ publicUrl: addresses.good, environment: { ISTHMUS_PUBLIC_ADDRESS: "203.0.113.7" } }),
      "dns_elsewhere",
    ],
  ])("%s", async (_, changes, code) => {
    expect(await faults(changes())).toContain(code);
  });

  test.each([
    [
      "Traefik without a router for the name",
      () => new Response("404 page not found\n", { status: 404 }),
      "route_missing",
    ],
    ["Traefik that does not reach the gateway", () => new Response("Bad Gateway", { status: 502 }), "route_network"],
    [
      "Traefik without a healthy instance",
      () => new Response("no available server", { status: 503 }),
      "route_unhealthy",
    ],
    ["another service", () => new Response("<h1>Welcome</h1>"), "dns_elsewhere"],
  ])("%s", async (_, answer, code) => {
    page = answer;
    expect(await faults({ publicUrl: addresses.good })).toContain(code);
  });
});

describe("the machine", () => {
  test("a data folder that cannot be written", async () => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    expect(await faults({ dataDir: join(file, "data") })).toContain("data_folder");
  });

  test("too few files, by a run of the command; its status tells a script", async () => {
    const dataDir = join(folder, "cli");
    mkdirSync(dataDir);
    const program = join(import.meta.dir, "../../../bin/isthmus");
    const run = async (files: number) => {
      const child = Bun.spawn(
        [
          "sh",
          "-c",
          `ulimit -n ${files} && exec "$0" doctor --json --offline --config "$1" --data-dir "$2"`,
          program,
          goodConfig(),
          dataDir,
        ],
        { env: { PATH: process.env.PATH, PROVIDER_KEY: "k", LITELLM_MASTER_KEY: "sk-doctor-0123456789abcdef" } },
      );
      const report = JSON.parse(await new Response(child.stdout).text()) as { healthy: boolean; findings: Finding[] };
      return { status: await child.exited, report };
    };
    const few = await run(512);
    expect(few.status).toBe(1);
    expect(few.report.healthy).toBe(false);
    expect(few.report.findings.find(({ code }) => code === "open_files")?.status).toBe("problem");
    const enough = await run(8192);
    expect(enough).toMatchObject({ status: 0, report: { healthy: true } });
  });
});
