import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { UsageError } from "../../src/cli/arguments.ts";
import { readTraffic } from "../../src/cli/simulate/read-traffic.ts";
import { chat, startGateway } from "../support/gateway.ts";
import { ManagementClient } from "../support/management-client.ts";
import { type TestPostgres, testPostgres } from "../support/services/postgres.ts";

const postgres = await testPostgres("simulate");
const DATABASES: [string, TestPostgres | undefined][] = [
  ["SQLite", undefined],
  ...(postgres === undefined ? [] : [["PostgreSQL", postgres] as [string, TestPostgres]]),
];

const folder = mkdtempSync(join(tmpdir(), "isthmus-simulate-"));
const program = resolve(import.meta.dir, "../../bin/isthmus");

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

beforeAll(() => {
  const group = (price: number) =>
    `model_list:\n  - model_name: gpt\n    litellm_params: {model: openai/m, api_key: k, input_cost_per_token: ${price}, output_cost_per_token: 0}\n    model_info: {id: only}\n`;
  file("cheap.yml", group(1e-6));
  file("dear.yml", group(2e-6));
  const rows = Array.from({ length: 200 }, (_, index) =>
    JSON.stringify({
      startTime: new Date(Date.UTC(2026, 0, 1) + index * 1000).toISOString(),
      model_group: index % 10 === 9 ? "nobody" : "gpt",
      prompt_tokens: 100,
      completion_tokens: 10,
      api_key: index % 2 === 0 ? "a" : "b",
    }),
  );
  file("traffic.jsonl", `${rows.join("\n")}\n`);
  file("faults.json", JSON.stringify({ only: { outages: [{ from: 50, to: 100 }] } }));
  file("strange.json", JSON.stringify({ onlyy: { errorRate: 1 } }));
  file("budgets.json", JSON.stringify({ a: 0.001 }));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await postgres?.drop();
});

async function run(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  const child = Bun.spawn([program, "simulate", ...args], { cwd: folder, stderr: "pipe" });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { status: await child.exited, out, err };
}

interface Figures {
  total: { requests: number; succeeded: number; cost: number; budgetStops: number; errors: Record<string, number> };
  unknownModels: number;
}

describe("isthmus simulate", () => {
  test("says what traffic of the past would have cost, the same each time", async () => {
    const args = ["--config", "cheap.yml", "--traffic", "traffic.jsonl", "--json"];
    const first = await run(...args);
    expect(first.status).toBe(0);
    const report = (JSON.parse(first.out) as Record<string, Figures>)["cheap.yml"] as Figures;
    expect(report).toMatchObject({ unknownModels: 20, total: { succeeded: 180 } });
    expect(report.total.cost).toBeCloseTo(180 * 100 * 1e-6, 9);
    expect((await run(...args)).out).toBe(first.out);
  });

  test("with faults and budgets", async () => {
    const { out } = await run(
      ...["--config", "cheap.yml", "--traffic", "traffic.jsonl", "--json"],
      ...["--faults", "faults.json", "--budgets", "budgets.json"],
    );
    const { total } = (JSON.parse(out) as Record<string, Figures>)["cheap.yml"] as Figures;
    expect(Object.values(total.errors).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(10);
    expect(total.budgetStops).toBeGreaterThan(50);
  });

  test("compares two configurations", async () => {
    const { out, status } = await run("--config", "cheap.yml", "--traffic", "traffic.jsonl", "--compare", "dear.yml");
    expect(status).toBe(0);
    expect(out).toMatch(/difference\n {2}all +cost \+\$0\.018, failures 0/);
  });

  test.each([
    [[], "needs a configuration and traffic"],
    [["--config", "cheap.yml", "--traffic", "traffic.jsonl", "--ledger"], "--traffic log.jsonl or --ledger"],
    [["--config", "cheap.yml", "--ledger", "--since", "yesterday"], "--since is a time"],
    [["--config", "cheap.yml", "--ledger", "--data-dir", "empty"], "has no requests of this time"],
    [["--config", "cheap.yml", "--traffic", "nowhere.jsonl"], "cannot be read"],
    [["--config", "cheap.yml", "--traffic", "traffic.jsonl", "--faults", "traffic.jsonl"], "JSON object"],
    [
      ["--config", "cheap.yml", "--traffic", "traffic.jsonl", "--faults", "strange.json"],
      "called onlyy; did you mean only?",
    ],
    [["--config", "cheap.yml", "--traffic", "traffic.jsonl", "--seed", "x"], "--seed"],
  ])("%j is a usage error", async (args, said) => {
    const { status, err } = await run(...args);
    expect(status).toBe(2);
    expect(err).toContain(said);
  });
});

test("a line that is no request is named", () => {
  expect(() => readTraffic('{"at":1,"model":"m"}\n{"model":"m"}\n', "log.jsonl")).toThrow(UsageError);
  expect(() => readTraffic('{"at":1,"model":"m"}\nnonsense\n', "log.jsonl")).toThrow("log.jsonl:2");
  expect(readTraffic('{"at":2,"model":"b"}\n{"at":1,"model":"a"}', "x").map(({ model }) => model)).toEqual(["a", "b"]);
});

describe.each(DATABASES)("traffic of the ledger in %s", (_, database) => {
  test("is made again, without the gateway's own calls and what the cache answered", async () => {
    const echo = (id: string, price: number) => ({
      model_name: "gpt",
      litellm_params: { model: "echo/echo", input_cost_per_token: price, output_cost_per_token: price },
      model_info: { id },
    });
    const smart = {
      model_name: "smart",
      litellm_params: {
        model: "auto_router/complexity_router",
        complexity_router_config: { tiers: { SIMPLE: "gpt" } },
      },
    };
    const configuration = {
      model_list: [echo("one", 1e-6), smart],
      litellm_settings: { cache: true, cache_params: { type: "local" } },
    };
    const env: Record<string, string> = database === undefined ? {} : { DATABASE_URL: database.url };
    const dataDir = join(folder, crypto.randomUUID());
    const gateway = await startGateway({ config: JSON.stringify(configuration), env, dataDir });
    let alice = "";
    try {
      const client = new ManagementClient(gateway);
      alice = String((await client.ok("POST", "/key/generate", { key_alias: "alice" })).key);
      for (const content of ["one", "two", "two", "three"]) {
        const body = { model: "gpt", messages: [{ role: "user", content }] };
        await (await chat(gateway, body, { authorization: `Bearer ${alice}` })).text();
      }
      await (await chat(gateway, { model: "smart", messages: [{ role: "user", content: "hello" }] })).text();
      await (await chat(gateway, { model: "nobody", messages: [{ role: "user", content: "x" }] })).text();
      await fetch(`${gateway.url}/health`, { headers: { authorization: `Bearer ${gateway.key}` } });
    } finally {
      await gateway.stop();
    }
    const config = file("ledger.json", JSON.stringify(configuration));
    const dearer = file("dearer.json", JSON.stringify({ ...configuration, model_list: [echo("one", 2e-6), smart] }));
    const child = Bun.spawn(
      [
        program,
        "simulate",
        "--config",
        config,
        "--compare",
        dearer,
        "--ledger",
        "--data-dir",
        dataDir,
        "--since",
        "1h",
        "--json",
      ],
      { cwd: folder, env: { ...process.env, ...env }, stderr: "pipe" },
    );
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    expect([await child.exited, err]).toEqual([
      0,
      expect.stringMatching(/^4 requests of the ledger \(.*\), 3 rows left out\n$/),
    ]);
    type Report = Record<
      string,
      Figures & { keys: Record<string, { requests: number }>; models: Record<string, { succeeded: number }> }
    >;
    const reports = JSON.parse(out) as Report;
    const before = reports[config];
    expect(before).toMatchObject({
      total: { requests: 4, succeeded: 4 },
      models: { gpt: { succeeded: 3 }, smart: { succeeded: 1 } },
    });
    expect(before?.keys.alice?.requests).toBe(3);
    expect(reports[dearer]?.total.cost).toBeCloseTo(2 * (before?.total.cost ?? 0), 9);
  }, 60_000);
});
