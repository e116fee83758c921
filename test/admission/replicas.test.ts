import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { verify } from "../../src/ledger/verify.ts";
import { openDatabase } from "../../src/store/database.ts";
import { eventually } from "../support/eventually.ts";
import { chat, type RunningGateway, startGateway } from "../support/gateway.ts";
import { ManagementClient } from "../support/management-client.ts";
import { type OwnRedis, ownRedis, testRedis } from "../support/services/redis.ts";
import { SlowProxy } from "../support/slow-proxy.ts";
import { chatAnswer, chatStream, startUpstream } from "../support/upstream.ts";

/** One call bills 10 tokens in and 5 out: 10 × 1,000 + 5 × 4,000 nano-dollars. */
const COST = 30_000;
const CALLS = Number(process.env.TEST_BURST_CALLS ?? 1_000);

const available = (await testRedis("replicas")) !== undefined;
let redis: OwnRedis;
let held: (() => void)[] | undefined;
const upstream = startUpstream(async ({ json }) => {
  if (held !== undefined) await new Promise<void>((resolve) => held?.push(resolve));
  await Bun.sleep(5);
  return json?.stream === true ? chatStream(["a", "b", "c", "d", "e"]) : Response.json(chatAnswer("fine"));
});
const running = new Set<RunningGateway>();
const folders: string[] = [];

beforeAll(async () => {
  if (available) redis = await ownRedis();
});
beforeEach(() => {
  upstream.requests.length = 0;
  held = undefined;
});
afterEach(async () => {
  for (const free of held?.splice(0) ?? []) free();
  await Promise.all([...running].map((gateway) => gateway.stop("SIGKILL")));
  running.clear();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
afterAll(async () => {
  await upstream.stop();
  if (available) await redis.stop();
});

const CONFIG = JSON.stringify({
  model_list: [
    {
      model_name: "m",
      litellm_params: {
        model: "openai/a-model",
        api_base: `${upstream.url}/v1`,
        api_key: "k",
        input_cost_per_token: 1e-6,
        output_cost_per_token: 4e-6,
        num_retries: 0,
      },
    },
  ],
});

const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "isthmus-replicas-"));
  folders.push(folder);
  return folder;
};

async function start(dataDir: string, url: string | undefined): Promise<RunningGateway> {
  const env = url === undefined ? {} : { REDIS_URL: url };
  const gateway = await startGateway({ config: CONFIG, dataDir, env });
  running.add(gateway);
  return gateway;
}

async function keyWith(gateway: RunningGateway, fields: object): Promise<string> {
  return (await new ManagementClient(gateway).ok("POST", "/key/generate", fields)).key;
}

async function call(gateway: RunningGateway, key: string, stream: boolean): Promise<number> {
  const body = { model: "m", stream, max_tokens: 5, messages: [{ role: "user", content: "hi" }] };
  const response = await chat(gateway, body, { authorization: `Bearer ${key}` });
  await response.text();
  return response.status;
}

/** All at once, and then one by one until nothing fits any more. Returns how many were answered. */
async function useUp(gateways: readonly RunningGateway[], key: string): Promise<number> {
  const at = (index: number) => gateways[index % gateways.length] as RunningGateway;
  const statuses = await Promise.all(Array.from({ length: CALLS }, (_, i) => call(at(i), key, i % 2 === 0)));
  // What a call held goes back a moment after its answer: only when every gateway refuses, in peace, nothing fits.
  for (let index = 0, refused = 0; refused <= gateways.length; index++) {
    const status = await call(at(index), key, false);
    statuses.push(status);
    refused = status === 422 ? refused + 1 : 0;
    if (status === 422) await Bun.sleep(100);
  }
  expect(new Set(statuses)).toEqual(new Set([200, 422]));
  return statuses.filter((status) => status === 200).length;
}

/** What Redis knows of a key, once it says that nothing is held. */
async function settledIn(url: string, key: string, seconds: number): Promise<bigint> {
  const client = new Bun.RedisClient(url);
  const scope = `{isthmus}:admission:scope:key:${createHash("sha256").update(key).digest("hex")}`;
  try {
    const total = await eventually(
      async () => {
        const [sum, amount, calls] = (await client.send("HMGET", [scope, "total", "held", "running"])) as string[];
        return amount === "0" && calls === "0" ? sum : undefined;
      },
      { seconds, what: "nothing is held" },
    );
    return BigInt(total);
  } finally {
    client.close();
  }
}

/** The rows of a data directory that nobody serves any more: all counters must equal their sums. */
async function ledgerOf(dataDir: string): Promise<{ rows: number; cost: bigint; ids: number }> {
  const database = openDatabase({ dataDir });
  try {
    expect((await verify(database)).differences).toEqual([]);
    const rows = await database.kysely.selectFrom("spend").select(["id", "cost_nano", "status"]).execute();
    const billed = rows.filter(({ cost_nano }) => BigInt(cost_nano) > 0n);
    const cost = billed.reduce((sum, { cost_nano }) => sum + BigInt(cost_nano), 0n);
    return { rows: billed.length, cost, ids: new Set(billed.map(({ id }) => id)).size };
  } finally {
    await database.close();
  }
}

describe.skipIf(!available)("several gateways on one Redis", () => {
  test("four admit exactly what one admits, and never more than the budget", async () => {
    const budget = { max_budget: (COST * 60) / 1e9 };
    const alone = await start(newFolder(), undefined);
    const byOne = await useUp([alone], await keyWith(alone, budget));
    expect(upstream.requests.length).toBe(byOne);
    await alone.stop();
    running.delete(alone);

    upstream.requests.length = 0;
    const dataDir = newFolder();
    const gateways = [await start(dataDir, redis.url)];
    for (let more = 0; more < 3; more++) gateways.push(await start(dataDir, redis.url));
    const key = await keyWith(gateways[0] as RunningGateway, budget);
    const byFour = await useUp(gateways, key);
    expect(byFour).toBe(byOne);
    expect(byFour).toBeLessThanOrEqual(60);
    expect(byFour).toBeGreaterThanOrEqual(54);
    expect(upstream.requests.length).toBe(byFour);
    expect(await settledIn(redis.url, key, 10)).toBe(BigInt(byFour * COST));
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    expect(await ledgerOf(dataDir)).toEqual({ rows: byFour, cost: BigInt(byFour * COST), ids: byFour });
  }, 120_000);

  test("owners that are killed leave no hold behind, and the ledger has what they may have spent", async () => {
    const first = newFolder();
    const survivor = await start(first, redis.url);
    const victims = [await start(first, redis.url), await start(first, redis.url)];
    const key = await keyWith(survivor, { max_budget: 1, max_parallel_requests: 200 });
    held = [];
    const calls = [survivor, ...victims].flatMap((gateway) =>
      Array.from({ length: 10 }, (_, index) => call(gateway, key, index % 2 === 0).catch(() => 0)),
    );
    await eventually(() => upstream.requests.length === 30);
    for (const victim of victims) {
      await Bun.sleep(Math.random() * 200);
      victim.process.kill("SIGKILL");
    }
    const free = held;
    held = undefined;
    for (const one of free) one();
    expect((await Promise.all(calls)).filter((status) => status === 200)).toHaveLength(10);
    const total = await settledIn(redis.url, key, 50);
    // The killed ones' calls count with all that they held, which is more than they cost.
    expect(total).toBeGreaterThan(BigInt(30 * COST));
    expect(await call(survivor, key, false)).toBe(200);
    // A start in the same place recovers what they left, before it is ready.
    const again = await start(first, redis.url);
    await Promise.all([survivor.stop(), again.stop()]);
    expect(await ledgerOf(first)).toEqual({ rows: 31, cost: total + BigInt(COST), ids: 31 });
  }, 120_000);

  test("a Redis that takes two seconds, or is gone in the middle, passes no budget and loses nothing", async () => {
    const proxy = new SlowProxy(redis.port);
    const dataDir = newFolder();
    const gateway = await start(dataDir, `redis://127.0.0.1:${proxy.port}`);
    const key = await keyWith(gateway, { max_budget: (COST * 100) / 1e9 });
    const wave = async (count: number, break_?: () => void): Promise<number> => {
      const started = performance.now();
      const statuses = Promise.all(Array.from({ length: count }, (_, index) => call(gateway, key, index % 2 === 0)));
      if (break_ !== undefined) {
        await Bun.sleep(8);
        break_();
      }
      for (const status of await statuses) expect([200, 422]).toContain(status);
      return performance.now() - started;
    };
    try {
      await wave(20);
      proxy.delay = 2_000;
      // Half a second is what an answer may take; then it is counted here.
      expect(await wave(20)).toBeLessThan(8_000);
      expect(await wave(10)).toBeLessThan(4_000);
      proxy.delay = 0;
      await eventually(async () => (await readiness(gateway)).degraded === undefined, { seconds: 30 });
      await wave(20, () => proxy.stop());
      await wave(20);
      const away = await readiness(gateway);
      expect(away.status).toBe(200);
      proxy.start();
      await eventually(async () => (await readiness(gateway)).degraded === undefined, { seconds: 30 });
      await wave(20);
      while ((await call(gateway, key, false)) !== 422);
      const answered = upstream.requests.length;
      expect(answered).toBeLessThanOrEqual(100);
      expect(answered).toBeGreaterThan(90);
      expect(await settledIn(redis.url, key, 45)).toBe(BigInt(answered * COST));
      await gateway.stop();
      expect(await ledgerOf(dataDir)).toEqual({ rows: answered, cost: BigInt(answered * COST), ids: answered });
    } finally {
      proxy.stop();
    }
  }, 120_000);
});

async function readiness(gateway: RunningGateway): Promise<{ status: number; degraded: unknown }> {
  const response = await fetch(`${gateway.url}/health/readiness`);
  const { degraded } = (await response.json()) as { degraded?: unknown };
  return { status: response.status, degraded };
}
