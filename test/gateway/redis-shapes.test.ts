import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { $ } from "bun";
import { freePort } from "../../scripts/services/service.ts";
import { eventually } from "../support/eventually.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { ManagementClient } from "../support/management-client.ts";
import { ownRedis, testRedis } from "../support/services/redis.ts";
import {
  type Certificates,
  makeCertificates,
  ownCluster,
  ownSentinels,
  tlsArguments,
} from "../support/services/redis-shapes.ts";
import { chatAnswer, startUpstream, type Upstream } from "../support/upstream.ts";

/** Whatever the Redis looks like: two gateways share limits and answers over it, and go on when a part of it dies. */
const available = (await testRedis("redis-shapes")) !== undefined;
const PASSWORD = "a password: of/its own@";
const TAG = "{isthmus}";
const RPM = 1000;

let upstream: Upstream;
let certificates: Certificates;
const cleanUps: (() => Promise<unknown> | unknown)[] = [];

beforeAll(async () => {
  upstream = startUpstream(() => Response.json(chatAnswer("fine")));
  certificates = await makeCertificates();
});
afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
  await upstream.stop();
  certificates.remove();
});

interface Pair {
  readonly gateways: readonly [RunningGateway, RunningGateway];
  /** A call by the key that both know: what is left of its requests, and whether the answer was kept. */
  ask(gateway: RunningGateway, content: string): Promise<{ left: number; kept: boolean }>;
}

async function pair(settings: Record<string, unknown>, env: Record<string, string> = {}): Promise<Pair> {
  const config = JSON.stringify({
    model_list: [
      {
        model_name: "m",
        litellm_params: { model: "openai/gpt-4o-mini", api_base: `${upstream.url}/v1`, api_key: "k" },
      },
    ],
    ...settings,
  });
  const gateways = (await Promise.all([0, 1].map(() => startGateway({ config, env })))) as [
    RunningGateway,
    RunningGateway,
  ];
  const key = `sk-${crypto.randomUUID()}`;
  for (const gateway of gateways) {
    cleanUps.push(() => gateway.stop());
    await new ManagementClient(gateway).ok("POST", "/key/generate", { key, rpm_limit: RPM });
  }
  return {
    gateways,
    async ask(gateway, content) {
      const response = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify({ model: "m", messages: [{ role: "user", content }] }),
      });
      expect([response.status, await response.text()]).toEqual([200, expect.stringContaining("fine")]);
      return {
        left: Number(response.headers.get("x-ratelimit-api_key-remaining-requests")),
        kept: response.headers.has("x-litellm-cache-key"),
      };
    },
  };
}

const question = (): string => `question ${crypto.randomUUID()}`;

async function degraded({ url }: RunningGateway): Promise<readonly string[]> {
  const response = await fetch(`${url}/health/readiness`);
  expect(response.status).toBe(200);
  return ((await response.json()) as { degraded?: string[] }).degraded ?? [];
}

/** Both gateways count the same requests, and answer with what either of them was told. */
async function shares({ gateways: [one, other], ask }: Pair): Promise<void> {
  for (const gateway of [one, other]) {
    await eventually(async () => (await degraded(gateway)).length === 0, {
      what: "a gateway with its Redis",
      seconds: 30,
    });
  }
  const content = question();
  const first = await ask(one, content);
  await eventually(async () => (await ask(other, content)).kept, { what: "the other one's answer" });
  const second = await ask(other, question());
  expect(second.kept).toBe(false);
  expect(second.left).toBeLessThan(first.left - 1);
  expect((await ask(one, question())).left).toBe(second.left - 1);
}

describe.skipIf(!available)("two gateways", () => {
  test("on a cluster with TLS and a password, whose most important primary dies", async () => {
    const cluster = await ownCluster({ password: PASSWORD, tag: TAG, certificates });
    cleanUps.push(() => cluster.stop());
    const both = await pair({
      litellm_settings: {
        cache: true,
        cache_params: {
          type: "redis",
          redis_startup_nodes: cluster.tlsPorts.slice(0, 2).map((port) => ({ host: "127.0.0.1", port })),
          password: PASSWORD,
          ssl: true,
          ssl_ca_certs: certificates.ca,
        },
      },
    });
    await shares(both);
    // The answers are spread over the primaries, the counters are in one slot.
    for (let count = 0; count < 20; count++) await both.ask(both.gateways[0], question());
    const keysOf = async (port: number): Promise<string> =>
      $`redis-cli --no-auth-warning -a ${PASSWORD} -p ${port} keys "*"`.text();
    const kept = await Promise.all(cluster.primaries.map(({ port }) => keysOf(port)));
    expect(kept.filter((keys) => keys.includes("isthmus:cache:")).length).toBeGreaterThan(1);
    expect(kept.filter((keys) => keys.includes(`${TAG}:admission:scope`))).toHaveLength(1);

    await cluster.owner.kill();
    for (const gateway of both.gateways) await both.ask(gateway, question());
    await eventually(
      async () =>
        (await keysOf(cluster.replica.port)).includes(`${TAG}:admission:`) &&
        (await degraded(both.gateways[0])).length === 0,
      { seconds: 30 },
    );
    await eventually(
      () =>
        shares(both).then(
          () => true,
          () => false,
        ),
      { seconds: 30, what: "shared counters" },
    );
    await new ManagementClient(both.gateways[1]).ok("POST", "/cache/flushall");
    const left = await Promise.all(
      [...cluster.primaries.filter((node) => node !== cluster.owner), cluster.replica].map(({ port }) => keysOf(port)),
    );
    expect(left.join()).not.toContain("isthmus:cache:");
  }, 120_000);

  test("behind a sentinel, whose primary dies", async () => {
    const sentinels = await ownSentinels({ redis: PASSWORD, sentinel: "another" });
    cleanUps.push(() => sentinels.stop());
    const both = await pair(
      {
        litellm_settings: {
          cache: true,
          cache_params: { type: "redis", password: PASSWORD, sentinel_password: "another" },
        },
      },
      {
        REDIS_SENTINEL_NODES: JSON.stringify([["127.0.0.1", sentinels.sentinel.port]]),
        REDIS_SERVICE_NAME: sentinels.service,
      },
    );
    await shares(both);
    await sentinels.primary.kill();
    for (const gateway of both.gateways) await both.ask(gateway, question());
    await eventually(
      async () =>
        (await $`redis-cli --no-auth-warning -a ${PASSWORD} -p ${sentinels.replica.port} role`.text()).startsWith(
          "master",
        ),
      { seconds: 30 },
    );
    await eventually(
      () =>
        shares(both).then(
          () => true,
          () => false,
        ),
      { seconds: 30, what: "shared counters" },
    );
  }, 120_000);

  test("on a Redis that wants to see certificates, for limits, and another one for answers", async () => {
    const port = await freePort();
    const limits = await ownRedis(tlsArguments(certificates, port, "yes"));
    const answers = await ownRedis();
    cleanUps.push(
      () => limits.stop(),
      () => answers.stop(),
    );
    const both = await pair({
      router_settings: {
        redis_host: "localhost",
        redis_port: port,
        cache_kwargs: {
          ssl: true,
          ssl_ca_certs: certificates.ca,
          ssl_certfile: certificates.client.certificate,
          ssl_keyfile: certificates.client.key,
        },
      },
      litellm_settings: { cache: true, cache_params: { type: "redis", host: "127.0.0.1", port: answers.port } },
    });
    await shares(both);
    expect(await $`redis-cli -p ${answers.port} keys "*"`.text()).not.toContain("admission");
    expect(await $`redis-cli -p ${limits.port} keys "*"`.text()).not.toContain("cache:");
    await limits.kill();
    await eventually(async () => (await degraded(both.gateways[0])).includes("redis"));
    const content = question();
    await both.ask(both.gateways[0], content);
    await eventually(async () => (await both.ask(both.gateways[1], content)).kept, { what: "the other one's answer" });
  }, 60_000);

  test("a certificate that cannot be read or trusted is said, and requests go on", async () => {
    const port = await freePort();
    const redis = await ownRedis(tlsArguments(certificates, port, "no"));
    cleanUps.push(() => redis.stop());
    const [unread, strange] = await Promise.all(
      [{ ssl_ca_certs: "/nowhere/ca.pem" }, {}].map((more) =>
        pair({
          litellm_settings: {
            cache: true,
            cache_params: { type: "redis", host: "localhost", port, ssl: true, ...more },
          },
        }),
      ),
    );
    expect(unread?.gateways[0].output()).toContain("ssl_ca_certs cannot be read");
    expect(strange?.gateways[0].output()).toMatch(/certificate/);
    for (const both of [unread, strange] as [Pair, Pair]) await both.ask(both.gateways[0], question());
    expect(await degraded((strange as Pair).gateways[0])).toEqual(["redis"]);
  }, 60_000);
});
