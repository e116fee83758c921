import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { type RunningGateway, startGateway } from "../support/gateway.ts";

let gateway: RunningGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.stop());

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function call(method: string, path: string, body?: unknown, key = gateway.key): Promise<Answer> {
  const response = await fetch(gateway.url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const generate = async (fields: Record<string, unknown> = {}): Promise<Record<string, unknown>> => {
  const made = await call("POST", "/key/generate", fields);
  expect(made.status).toBe(200);
  return made.body;
};

const chat = (key: unknown): Promise<Answer> =>
  call("POST", "/v1/chat/completions", { model: "echo", messages: [{ role: "user", content: "hi" }] }, String(key));

describe("keys", () => {
  test("a new key works at once; only its hash is kept and shown", async () => {
    const made = await generate({ key_alias: `a-${crypto.randomUUID()}`, max_budget: 1.5, metadata: { team: "x" } });
    const key = String(made.key);
    expect(key).toMatch(/^sk-[\w-]{16,}$/);
    const hash = createHash("sha256").update(key).digest("hex");
    expect(made).toMatchObject({ token: hash, max_budget: 1.5, metadata: { team: "x" }, models: [] });
    expect((await chat(key)).status).toBe(200);
    const { body } = await call("GET", `/key/info?key=${key}`);
    expect(body.info).toMatchObject({ key_name: `sk-...${key.slice(-4)}`, max_budget: 1.5 });
    const listed = await call("GET", "/key/list?size=100");
    expect(listed.body.keys).toContain(hash);
    expect(JSON.stringify(listed.body)).not.toContain(key);
  });

  test("a change counts with the next request", async () => {
    const { key } = await generate({ rpm_limit: 1 });
    expect((await chat(key)).status).toBe(200);
    expect((await chat(key)).status).toBe(429);
    expect((await call("POST", "/key/update", { key, rpm_limit: null })).status).toBe(200);
    expect((await chat(key)).status).toBe(200);
    expect((await call("POST", "/key/update", { key, models: ["another"] })).status).toBe(200);
    expect((await chat(key)).status).toBe(403);
  });

  test("blocked, unblocked, deleted", async () => {
    const { key } = await generate();
    expect((await call("POST", "/key/block", { key })).status).toBe(200);
    expect((await chat(key)).status).toBe(401);
    expect((await call("POST", "/key/unblock", { key })).status).toBe(200);
    expect((await chat(key)).status).toBe(200);
    expect((await call("POST", "/key/delete", { keys: [key] })).body).toMatchObject({ deleted_keys: [key] });
    expect((await chat(key)).status).toBe(401);
    expect((await call("GET", `/key/info?key=${key}`)).status).toBe(404);
  });

  test("a key that is made anew keeps its settings; the old one ends", async () => {
    const { key } = await generate({ max_budget: 2 });
    const again = await call("POST", `/key/${key}/regenerate`, {});
    expect(again.status).toBe(200);
    expect(again.body.key).not.toBe(key);
    expect((await chat(again.body.key)).status).toBe(200);
    expect((await chat(key)).status).toBe(401);
  });

  test("an alias is somebody's alone", async () => {
    const key_alias = `alias-${crypto.randomUUID()}`;
    await generate({ key_alias });
    expect((await call("POST", "/key/generate", { key_alias })).status).toBe(400);
    expect((await call("GET", "/key/aliases")).status).toBe(200);
  });

  test.each([
    [{ max_budget: -1 }],
    [{ max_budget: "much" }],
    [{ rpm_limit: 1.5 }],
    [{ budget_duration: "fortnight" }],
    [{ models: "echo" }],
    [{ key: "no-prefix-0123456789" }],
    [{ key_alias: "x".repeat(10_000) }],
    [{ key_alias: "line\nbreak" }],
    [{ metadata: [1] }],
  ])("%j is refused, and makes nothing", async (fields) => {
    const before = (await call("GET", "/key/list")).body.total_count;
    const refused = await call("POST", "/key/generate", fields);
    expect(refused.status).toBeGreaterThanOrEqual(400);
    expect(refused.status).toBeLessThan(500);
    expect((await call("GET", "/key/list")).body.total_count).toBe(before as number);
  });

  test("a key cannot see, change or make what is not its own", async () => {
    const { key: mine } = await generate();
    const { key: other } = await generate();
    const as = (method: string, path: string, body?: unknown) => call(method, path, body, String(mine));
    expect((await as("GET", `/key/info?key=${other}`)).status).toBeGreaterThanOrEqual(401);
    expect((await as("POST", "/key/update", { key: other, max_budget: 1000 })).status).toBeGreaterThanOrEqual(401);
    expect((await as("POST", "/key/delete", { keys: [other] })).status).toBeGreaterThanOrEqual(400);
    expect((await chat(other)).status).toBe(200);
    expect((await as("POST", "/key/generate", { user_id: "somebody-else" })).status).toBeGreaterThanOrEqual(400);
    expect((await call("GET", "/key/info?key=sk-nobody")).status).toBe(404);
  });
});
