import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { UsageError } from "../../src/cli/arguments.ts";
import { readTraffic } from "../../src/cli/simulate/read-traffic.ts";

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
  file("budgets.json", JSON.stringify({ a: 0.001 }));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

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
    [["--config", "cheap.yml", "--traffic", "nowhere.jsonl"], "cannot be read"],
    [["--config", "cheap.yml", "--traffic", "traffic.jsonl", "--faults", "traffic.jsonl"], "JSON object"],
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
