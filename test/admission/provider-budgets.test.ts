import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { ManagementClient } from "../support/management-client.ts";
import { testRedis } from "../support/services/redis.ts";
import { chatAnswer, chatStream, type ReceivedRequest, startUpstream } from "../support/upstream.ts";

/** One call bills 10 tokens in and 5 out: 10 × 1,000 + 5 × 4,000 nano-dollars. */
const COST = 30_000;
const few = { max_tokens: 5 };

const served: string[] = [];
const upstream = startUpstream(() => Response.json({}));
const redis = await testRedis("provider-budgets");
const running: RunningGateway[] = [];

async function answer({ json, headers }: ReceivedRequest): Promise<Response> {
  served.push(String(headers.get("authorization")).slice("Bearer key-of-".length));
  await Bun.sleep(5);
  return json?.stream === true ? chatStream(["a", "b", "c", "d", "e"]) : Response.json(chatAnswer("fine"));
}

beforeEach(() => {
  served.length = 0;
  upstream.handler = answer;
});
afterAll(async () => {
  await Promise.all(running.map((gateway) => gateway.stop()));
  await upstream.stop();
});

interface Entry {
  readonly group: string;
  /** Its key, by which the provider knows it. */
  readonly name: string;
  readonly params?: object;
}

async function start(
  entries: readonly Entry[],
  router: object,
  options: { args?: readonly string[]; env?: Record<string, string>; general?: object } = {},
): Promise<ManagementClient> {
  const gateway = await startGateway({
    config: JSON.stringify({
      model_list: entries.map(({ group, name, params }) => ({
        model_name: group,
        litellm_params: {
          model: "openai/a-model",
          api_base: `${upstream.url}/v1`,
          api_key: `key-of-${name}`,
          input_cost_per_token: 1e-6,
          output_cost_per_token: 4e-6,
          ...params,
        },
        model_info: { id: name },
      })),
      router_settings: { num_retries: 0, ...router },
      general_settings: options.general ?? {},
    }),
    ...(options.args === undefined ? {} : { args: options.args }),
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  running.push(gateway);
  return new ManagementClient(gateway);
}

const times = (name: string): number => served.filter((one) => one === name).length;

async function burst(clients: readonly ManagementClient[], model: string, count: number): Promise<number[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const client = clients[index % clients.length] as ManagementClient;
      const { status } = await client.chat(model, undefined, index % 2 === 0 ? few : { ...few, stream: true });
      return status;
    }),
  );
}

/** Many calls at once, which hold more than they cost, and then what is left, one by one. */
async function useUp(clients: readonly ManagementClient[], model: string): Promise<number[]> {
  const statuses = await burst(clients, model, 150);
  for (let call = 0; call < CALLS - 150; call++) {
    statuses.push((await (clients[call % clients.length] as ManagementClient).chat(model, undefined, few)).status);
  }
  return statuses;
}

const CALLS = 200;

/** Bound of one call in nano-dollars is about 0.17 of a thousandth; fifty calls are paid for. */
const LIMIT = (COST * 50) / 1e9;

const SHARING = [
  ["one process", { count: 1, args: [] as string[], env: {} as Record<string, string> }],
  ["four processes of one machine", { count: 1, args: ["--num_workers", "4"], env: {} as Record<string, string> }],
  ...(redis === undefined
    ? []
    : [["two machines over Redis", { count: 2, args: [] as string[], env: { REDIS_URL: redis.url } }] as const]),
] as const;

describe.each(SHARING)("budgets of providers and deployments: %s", (name, { count, args, env }) => {
  test("a deployment's is never passed, and the others take what it cannot", async () => {
    const entries = [
      { group: "m", name: `poor-${name}`, params: { order: 1, max_budget: LIMIT, budget_duration: "30d" } },
      { group: "m", name: `rich-${name}`, params: { order: 2 } },
    ];
    const clients = await Promise.all(Array.from({ length: count }, () => start(entries, {}, { args, env })));
    expect(new Set(await useUp(clients, "m"))).toEqual(new Set([200]));
    expect(times(`poor-${name}`)).toBeLessThanOrEqual(50);
    expect(times(`poor-${name}`)).toBeGreaterThanOrEqual(40);
    expect(times(`rich-${name}`)).toBe(CALLS - times(`poor-${name}`));
  }, 60_000);

  test("a provider's is never passed; without room anywhere it is LiteLLM's refusal", async () => {
    const provider_budget_config = { openai: { budget_limit: LIMIT, time_period: "30d" } };
    const entries = [
      { group: "m", name: `a-${name}` },
      { group: "m", name: `b-${name}` },
    ];
    // Machines share the provider's budget, so what an earlier test spent of it counts: another provider's.
    const clients = await Promise.all(
      Array.from({ length: count }, () =>
        start(
          entries.map((entry) => ({ ...entry, params: { model: "deepseek/deepseek-chat" } })),
          { provider_budget_config: { deepseek: provider_budget_config.openai } },
          { args, env },
        ),
      ),
    );
    const statuses = await useUp(clients, "m");
    const answered = statuses.filter((status) => status === 200).length;
    expect(served.length).toBe(answered);
    expect(answered).toBeLessThanOrEqual(50);
    expect(answered).toBeGreaterThanOrEqual(40);
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    const refused = await clients[0]?.chat("m", undefined, { max_tokens: 1_000_000 });
    expect(refused?.status).toBe(429);
    expect(refused?.body.error.message).toContain("No deployments available - crossed budget: Exceeded budget for");
    expect(refused?.body.error.message).toContain("provider deepseek");
  }, 60_000);
});

test("what a budget has spent outlives the process", async () => {
  const entries = [
    { group: "m", name: "poor", params: { order: 1, max_budget: LIMIT, budget_duration: "30d" } },
    { group: "m", name: "rich", params: { order: 2 } },
  ];
  const first = await start(entries, {});
  await burst([first], "m", 100);
  const before = times("poor");
  expect(before).toBeGreaterThan(5);
  const gateway = running.at(-1) as RunningGateway;
  await eventually(async () => {
    const rows = await first.ok("GET", "/spend/logs");
    return rows.length === 100;
  });
  const { dataDir } = gateway;
  const kept = `${dataDir}-kept`;
  gateway.process.kill("SIGTERM");
  await gateway.process.exited;
  const { cpSync, rmSync } = await import("node:fs");
  cpSync(dataDir, kept, { recursive: true });
  try {
    const again = await start(entries, {}, { args: ["--data-dir", kept] });
    for (const size of [60, 30]) await burst([again], "m", size);
    expect(times("poor")).toBeGreaterThan(before);
    expect(times("poor")).toBeLessThanOrEqual(50);
    await running.at(-1)?.stop();
  } finally {
    rmSync(kept, { recursive: true, force: true });
  }
}, 60_000);

describe("fallbacks and the caller's budget", () => {
  const entries: readonly Entry[] = [
    { group: "cheap", name: "cheap", params: { input_cost_per_token: 0, output_cost_per_token: 0 } },
    { group: "dear", name: "dear", params: { input_cost_per_token: 1e-4, output_cost_per_token: 1e-4 } },
    { group: "fair", name: "fair" },
  ];
  const failing = (request: ReceivedRequest): Response | Promise<Response> => {
    if (request.headers.get("authorization") !== "Bearer key-of-cheap") return answer(request);
    served.push("cheap");
    return Response.json({ error: { message: "down" } }, { status: 500 });
  };
  const fallbacks = [{ cheap: ["dear", "fair"] }];

  test("one that it cannot pay for is skipped, at any number of calls at once", async () => {
    const client = await start(entries, { fallbacks, disable_cooldowns: true });
    upstream.handler = failing;
    const { key } = await client.ok("POST", "/key/generate", { max_budget: (COST * 20) / 1e9 });
    const answers = await Promise.all(Array.from({ length: 100 }, () => client.chat("cheap", key, few)));
    expect(times("dear")).toBe(0);
    expect(times("fair")).toBeLessThanOrEqual(20);
    expect(times("fair")).toBeGreaterThan(2);
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused.length).toBe(100 - times("fair"));
    // The failure of what was asked for is what the caller hears.
    expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([500]));
    await eventually(async () => {
      const { spend } = (await client.ok("GET", `/key/info?key=${key}`)).info;
      return Math.round(spend * 1e9) === times("fair") * COST;
    });
  }, 30_000);

  test("with room the lease grows to the dearer model; without enforce_fallback_budget nobody asks", async () => {
    const client = await start(entries, { fallbacks, disable_cooldowns: true });
    upstream.handler = failing;
    const { key } = await client.ok("POST", "/key/generate", { max_budget: 1 });
    expect((await client.chat("cheap", key, few)).status).toBe(200);
    expect(served).toEqual(["cheap", "dear"]);
    const unguarded = await start(
      entries,
      { fallbacks, disable_cooldowns: true },
      { general: { enforce_fallback_budget: false } },
    );
    const poor = await unguarded.ok("POST", "/key/generate", { max_budget: 1e-9 });
    expect((await unguarded.chat("cheap", poor.key, few)).status).toBe(200);
    expect(served.slice(2)).toEqual(["cheap", "dear"]);
  }, 30_000);
});
