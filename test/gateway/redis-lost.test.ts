import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { chat, type RunningGateway, startGateway } from "../support/gateway.ts";
import { ManagementClient } from "../support/management-client.ts";
import { rawLoad } from "../support/raw-load.ts";
import { type OwnRedis, ownRedis, testRedis } from "../support/services/redis.ts";
import { chatAnswer, startUpstream, type Upstream } from "../support/upstream.ts";

/** Redis goes away while calls are under way, and comes back. */
const available = (await testRedis("redis-lost")) !== undefined;
const RPM = 12;

let upstream: Upstream;
let redis: OwnRedis;
let gateway: RunningGateway;

beforeAll(async () => {
  if (!available) return;
  upstream = startUpstream(async () => {
    await Bun.sleep(5);
    return Response.json(chatAnswer("fine"));
  });
  redis = await ownRedis();
  gateway = await startGateway({
    env: { REDIS_URL: redis.url },
    config: JSON.stringify({
      model_list: [
        { model_name: "m", litellm_params: { model: "openai/m", api_base: `${upstream.url}/v1`, api_key: "k" } },
      ],
      litellm_settings: { num_retries: 0, cache: true, cache_params: { type: "redis" } },
    }),
  });
});
afterAll(async () => {
  if (!available) return;
  await gateway.stop();
  await redis.stop();
  await upstream.stop();
});

const ask = (content: string, headers: Record<string, string> = {}): Promise<Response> =>
  chat(gateway, { model: "m", messages: [{ role: "user", content }] }, headers);

async function degraded(): Promise<readonly string[]> {
  const response = await fetch(`${gateway.url}/health/readiness`);
  expect(response.status).toBe(200);
  return ((await response.json()) as { degraded?: string[] }).degraded ?? [];
}

async function isKept(content: string): Promise<boolean> {
  const response = await ask(content);
  expect([response.status, await response.text()]).toEqual([200, expect.stringContaining("fine")]);
  return response.headers.has("x-litellm-cache-key");
}

/** How many of these calls of a key of its own pass. */
async function passes(calls: number): Promise<number> {
  const { key } = (await new ManagementClient(gateway).ok("POST", "/key/generate", { rpm_limit: RPM })) as {
    key: string;
  };
  let passed = 0;
  for (let call = 0; call < calls; call++) {
    const { status } = await ask(`limited ${crypto.randomUUID()}`, { authorization: `Bearer ${key}` });
    expect([200, 429]).toContain(status);
    if (status === 200) passed++;
  }
  return passed;
}

describe.skipIf(!available).each(["killed", "frozen"] as const)("Redis, %s under load", (how) => {
  test("answers are asked for anew, limits hold, and everything is as before once it is back", async () => {
    const content = `kept ${crypto.randomUUID()}`;
    await eventually(() => isKept(content));
    const load = rawLoad({
      port: Number(new URL(gateway.url).port),
      callers: 8,
      head: `POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer ${gateway.key}\r\n`,
      body: JSON.stringify({ model: "m", cache: { "no-cache": true }, messages: [{ role: "user", content: "load" }] }),
      fresh: () => false,
      complete: (answer) => answer.includes("fine"),
    });
    await eventually(() => load.answered > 50);

    if (how === "killed") await redis.kill();
    else redis.freeze();
    await eventually(async () => (await degraded()).includes("redis"));
    expect(await isKept(content)).toBe(false);
    // Alone it has the whole of what was left to share.
    expect(await passes(RPM * 2)).toBe(RPM);

    if (how === "killed") await redis.start();
    else redis.thaw();
    await eventually(async () => (await degraded()).length === 0, { seconds: 30 });
    await eventually(() => isKept(content));
    expect(await passes(RPM * 2)).toBe(RPM);
    const { answered, failures } = await load.stop();
    expect(failures).toEqual([]);
    expect(answered).toBeGreaterThan(100);
  }, 60_000);
});
