import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { chat, type RunningGateway, startGateway } from "../support/gateway.ts";
import { type OwnRedis, ownRedis, testRedis } from "../support/services/redis.ts";
import { chatAnswer, startUpstream, type Upstream } from "../support/upstream.ts";

/** Several gateway processes on one Redis know the same of their deployments, and go on by themselves without it. */
const available = (await testRedis("shared-routing")) !== undefined;

interface ExplainedDeployment {
  readonly model_id: string;
  readonly considered: boolean;
  readonly dropped_because?: string;
  readonly state: {
    readonly cooldown: string;
    readonly requests_this_minute: number;
    readonly tokens_this_minute: number;
    readonly healthy?: boolean;
  };
}

/** Deployments that fail, by their keys. */
const broken = new Map<string, () => Response | Promise<Response>>();
let upstream: Upstream;
let redis: OwnRedis;
let gateways: readonly RunningGateway[] = [];

const deployment = (group: string, id: string, params: object = {}): unknown => ({
  model_name: group,
  litellm_params: { model: "openai/gpt-4o-mini", api_base: `${upstream.url}/v1`, api_key: `key-${id}`, ...params },
  model_info: { id },
});

const asked = (id: string): number =>
  upstream.requests.filter(({ headers }) => headers.get("authorization") === `Bearer key-${id}`).length;

async function explained(gateway: RunningGateway, model: string, id: string): Promise<ExplainedDeployment> {
  const response = await fetch(`${gateway.url}/utils/route/explain`, {
    method: "POST",
    headers: { authorization: `Bearer ${gateway.key}` },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "hello" }] }),
  });
  const { deployments } = (await response.json()) as { deployments: readonly ExplainedDeployment[] };
  const found = deployments.find(({ model_id }) => model_id === id);
  if (found === undefined) throw new Error(`${model} has no ${id}`);
  return found;
}

const ask = async (gateway: RunningGateway, model: string): Promise<number> => {
  const response = await chat(gateway, { model, messages: [{ role: "user", content: "hello" }] });
  await response.text();
  return response.status;
};

const refusal =
  (status: number, headers: Record<string, string> = {}) =>
  (): Response =>
    Response.json({ error: { message: "not now" } }, { status, headers });

/** Away from the end of a minute, at which counters begin anew. */
async function roomInMinute(seconds: number): Promise<void> {
  const left = 60_000 - (Date.now() % 60_000);
  if (left < seconds * 1000) await Bun.sleep(left + 50);
}

describe.skipIf(!available)("gateways on one Redis", () => {
  beforeAll(async () => {
    redis = await ownRedis();
    upstream = startUpstream(
      ({ headers }) => broken.get(headers.get("authorization") ?? "")?.() ?? Response.json(chatAnswer("fine")),
    );
    const config = JSON.stringify({
      model_list: [
        deployment("pair", "pair-1", { weight: 1_000_000 }),
        deployment("pair", "pair-2", { weight: 1 }),
        deployment("trial", "trial-1"),
        deployment("trial", "trial-2"),
        deployment("limited", "limited-1", { rpm: 40 }),
        deployment("alone", "alone-1", { rpm: 40 }),
        deployment("checked", "checked-1"),
        {
          ...(deployment("shaky", "shaky-1") as object),
          model_info: { id: "shaky-1", allowed_fails: 3, cooldown_time: 60 },
        },
        deployment("shaky", "shaky-2", { weight: 0 }),
        ...["1", "2", "3"].map((number) => deployment("sessions", `sessions-${number}`)),
      ],
      router_settings: {
        redis_host: "127.0.0.1",
        redis_port: redis.port,
        num_retries: 0,
        cooldown_time: 2,
        allowed_fails: 0,
        optional_pre_call_checks: ["enforce_model_rate_limits", "session_affinity"],
        enable_health_check_routing: true,
      },
    });
    gateways = await Promise.all([1, 2, 3, 4].map(() => startGateway({ config })));
  }, 60_000);

  afterAll(async () => {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    await redis.stop();
    await upstream.stop();
  });

  test("one that cools a deployment down does it for all, within a second", async () => {
    broken.set("Bearer key-pair-1", refusal(429, { "retry-after": "60" }));
    expect(await ask(gateways[0] as RunningGateway, "pair")).toBe(429);
    const failed = performance.now();
    await eventually(
      async () => {
        const all = await Promise.all(gateways.map((gateway) => explained(gateway, "pair", "pair-1")));
        return all.every(
          ({ state, dropped_because }) => state.cooldown === "cooling" && dropped_because === "cooldown",
        );
      },
      { seconds: 1 },
    );
    expect(performance.now() - failed).toBeLessThan(1000);
    const before = asked("pair-1");
    for (const gateway of gateways) expect(await ask(gateway, "pair")).toBe(200);
    expect(asked("pair-1")).toBe(before);

    const late = await startGateway({
      config: JSON.stringify({
        model_list: [deployment("pair", "pair-1"), deployment("pair", "pair-2")],
        router_settings: { redis_url: redis.url },
      }),
    });
    try {
      expect((await explained(late, "pair", "pair-1")).state.cooldown).toBe("cooling");
    } finally {
      await late.stop();
    }
  }, 30_000);

  test("only one of them tries a deployment whose cooldown is over, and its success is known to all", async () => {
    broken.set("Bearer key-trial-1", refusal(500));
    await eventually(async () => (await ask(gateways[1] as RunningGateway, "trial")) === 500);
    await eventually(async () => {
      const all = await Promise.all(gateways.map((gateway) => explained(gateway, "trial", "trial-1")));
      return all.every(({ state }) => state.cooldown === "cooling");
    });
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let under = 0;
    let most = 0;
    broken.set("Bearer key-trial-1", async () => {
      most = Math.max(most, ++under);
      await held;
      under--;
      return Response.json(chatAnswer("fine again"));
    });
    const before = asked("trial-1");
    const started = performance.now();
    let done = false;
    // Each process has requests all the time; all but the trial are served by the other deployment.
    const load = gateways.map(async (gateway) => {
      while (!done) {
        void ask(gateway, "trial");
        await Bun.sleep(20);
      }
    });
    try {
      await eventually(() => asked("trial-1") > before, { seconds: 8, what: "a trial" });
      expect(performance.now() - started).toBeGreaterThan(1000);
      // Longer than the right to it lasts unless it is prolonged.
      await Bun.sleep(3000);
      expect([asked("trial-1") - before, most]).toEqual([1, 1]);
      release();
      await eventually(
        async () => {
          const all = await Promise.all(gateways.map((gateway) => explained(gateway, "trial", "trial-1")));
          return all.every(({ state, considered }) => state.cooldown === "none" && considered);
        },
        { seconds: 1 },
      );
    } finally {
      release();
      done = true;
      await Promise.all(load);
    }
  }, 30_000);

  test("a deployment's requests and tokens of this minute are those of all, and so is its limit", async () => {
    await roomInMinute(8);
    await Promise.all(gateways.map((gateway) => ask(gateway, "limited")));
    await eventually(
      async () => {
        const all = await Promise.all(gateways.map((gateway) => explained(gateway, "limited", "limited-1")));
        return all.every(({ state }) => state.requests_this_minute === 4 && state.tokens_this_minute === 60);
      },
      { seconds: 1 },
    );
    const statuses: number[] = [];
    for (let round = 0; round < 15; round++) {
      statuses.push(...(await Promise.all(gateways.map((gateway) => ask(gateway, "limited")))));
      await Bun.sleep(250);
    }
    // 40 in all; at most what comes within the time of telling is over.
    const served = 4 + statuses.filter((status) => status === 200).length;
    expect(served).toBeGreaterThanOrEqual(40);
    expect(served).toBeLessThan(48);
    expect(statuses.filter((status) => status === 429).length).toBe(64 - served);
  }, 90_000);

  test("what one's health check finds counts for all", async () => {
    broken.set("Bearer key-checked-1", refusal(503));
    const [first] = gateways as [RunningGateway];
    await fetch(`${first.url}/health?model=checked`, { headers: { authorization: `Bearer ${first.key}` } });
    await eventually(
      async () => {
        const all = await Promise.all(gateways.map((gateway) => explained(gateway, "checked", "checked-1")));
        return all.every(({ state }) => state.healthy === false);
      },
      { seconds: 1 },
    );
  }, 30_000);

  test("failures are counted over all of them", async () => {
    broken.set("Bearer key-shaky-1", refusal(500));
    // One each; none of them would cool it down by itself.
    for (const gateway of gateways) {
      expect((await explained(gateway, "shaky", "shaky-1")).state.cooldown).toBe("none");
      await eventually(async () => (await ask(gateway, "shaky")) === 500);
      await Bun.sleep(100);
    }
    await eventually(
      async () => {
        const all = await Promise.all(gateways.map((gateway) => explained(gateway, "shaky", "shaky-1")));
        return all.every(({ state }) => state.cooldown === "cooling");
      },
      { seconds: 1 },
    );
  }, 30_000);

  test("a session stays with its deployment, whichever process it comes to", async () => {
    const ask = async (gateway: RunningGateway, session: string): Promise<string> => {
      const body = { model: "sessions", messages: [{ role: "user", content: "hello" }], litellm_session_id: session };
      const response = await chat(gateway, body);
      await response.text();
      return response.headers.get("x-litellm-model-id") ?? "";
    };
    const sessions = Array.from({ length: 12 }, (_, index) => `session-${index}-of-the-test`);
    const [first] = gateways as [RunningGateway];
    const served = await Promise.all(sessions.map((session) => ask(first, session)));
    expect(new Set(served).size).toBeGreaterThan(1);
    await Bun.sleep(600);
    for (const gateway of gateways) {
      expect(await Promise.all(sessions.map((session) => ask(gateway, session)))).toEqual(served);
    }
  }, 30_000);

  test("without Redis each goes on by itself, within its share; when it is back they share again", async () => {
    await redis.kill();
    const [one, other] = gateways as [RunningGateway, RunningGateway];
    await eventually(async () => {
      const health = (await (await fetch(`${one.url}/health/readiness`)).json()) as { degraded?: readonly string[] };
      return health.degraded?.includes("redis") === true;
    });
    await roomInMinute(12);
    const statuses: number[] = [];
    for (let round = 0; round < 14; round++) {
      statuses.push(await ask(one, "alone"));
      await Bun.sleep(250);
    }
    // A quarter of 40.
    const served = statuses.filter((status) => status === 200).length;
    expect(served).toBeGreaterThanOrEqual(10);
    expect(served).toBeLessThanOrEqual(12);
    broken.set("Bearer key-trial-2", refusal(429, { "retry-after": "30" }));
    await eventually(async () => (await ask(one, "trial")) === 429);
    expect((await explained(other, "trial", "trial-2")).state.cooldown).toBe("none");

    // It comes back with nothing of what it had.
    await redis.start();
    await eventually(
      async () => {
        const all = await Promise.all(gateways.map((gateway) => explained(gateway, "trial", "trial-2")));
        return all.every(({ state }) => state.cooldown === "cooling");
      },
      { seconds: 15 },
    );
    await eventually(async () => (await explained(other, "alone", "alone-1")).state.requests_this_minute === served, {
      seconds: 15,
    });
  }, 90_000);
});
