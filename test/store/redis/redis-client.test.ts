import { afterAll, describe, expect, test } from "bun:test";
import { $ } from "bun";
import { freePort, temporaryFolder } from "../../../scripts/services/service.ts";
import { Log } from "../../../src/events/log.ts";
import { openRedis, type RedisClient, RedisUnavailable } from "../../../src/store/redis/redis-client.ts";
import { redisScript } from "../../../src/store/redis/redis-script.ts";
import { type RedisSettings, redisSettingsOf } from "../../../src/store/redis/redis-settings.ts";
import { eventually } from "../../support/eventually.ts";
import { ownRedis, testRedis } from "../../support/services/redis.ts";

const log = new Log({ level: "error", write: () => {} });
const shared = await testRedis("redis-client");
const opened: { close(): Promise<void> }[] = [];

afterAll(async () => {
  await Promise.all(opened.map((one) => one.close()));
});

async function open(keys: Parameters<typeof redisSettingsOf>[0]): Promise<RedisClient> {
  const client = await openRedis(redisSettingsOf(keys, {}) as RedisSettings, { log });
  opened.push(client);
  return client;
}

const ADD = redisScript("add", "return redis.call('INCRBY', KEYS[1], ARGV[1])");

describe.skipIf(shared === undefined)("redis", () => {
  const { url, prefix } = shared ?? { url: "", prefix: "" };

  test("commands, scripts that the server has never seen, and keys by prefix", async () => {
    const redis = await open({ url });
    expect(redis.trouble).toBeUndefined();
    expect(await redis.send("SET", `${prefix}a`, "1")).toBe("OK");
    await redis.send("SCRIPT", "FLUSH");
    expect(await redis.run(ADD, [`${prefix}a`], [41])).toBe(42);
    expect(await redis.run(ADD, [`${prefix}a`], [1])).toBe(43);
    await Promise.all(Array.from({ length: 30 }, (_, index) => redis.send("SET", `${prefix}many*${index}`, index)));
    const found: string[] = [];
    for await (const batch of redis.keys(`${prefix}many*`, 7)) found.push(...batch);
    expect(new Set(found).size).toBe(30);
  });

  test("what one publishes the other hears, also after a reconnection", async () => {
    const own = await ownRedis();
    try {
      const redis = await open({ url: own.url });
      const heard: string[] = [];
      const end = await redis.subscribe("news", (message) => heard.push(message));
      const hears = async (text: string): Promise<void> => {
        await eventually(async () => {
          await redis.send("PUBLISH", "news", text).catch(() => undefined);
          return heard.includes(text);
        });
      };
      await hears("one");
      await own.kill();
      await own.start();
      await hears("two");
      end();
      await redis.close();
    } finally {
      await own.stop();
    }
  });

  test("an error of the server counts as one, and five in a row open the breaker until a probe succeeds", async () => {
    const redis = await open({ url });
    await redis.send("SET", `${prefix}text`, "x");
    for (let count = 0; count < 4; count++) {
      expect(redis.send("INCR", `${prefix}text`)).rejects.toThrow(RedisUnavailable);
    }
    await redis.send("GET", `${prefix}text`);
    expect(redis.trouble).toBeUndefined();
    for (let count = 0; count < 5; count++) {
      await redis.send("INCR", `${prefix}text`).catch(() => undefined);
    }
    expect(redis.trouble).toContain("not an integer");
    await eventually(() => redis.usable);
  });

  test("a Redis that hangs: commands fail in their time, then at once, and it recovers by itself", async () => {
    const own = await ownRedis();
    try {
      const redis = await open({ url: own.url, socket_timeout: 0.3 });
      await redis.send("SET", "a", 1);
      own.freeze();
      const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => redis.send("GET", "a")));
      expect(outcomes.every(({ status }) => status === "rejected")).toBe(true);
      expect(redis.trouble).toContain("no answer");
      const startedAt = performance.now();
      expect(redis.send("GET", "a")).rejects.toThrow(RedisUnavailable);
      expect(performance.now() - startedAt).toBeLessThan(200);
      own.thaw();
      await eventually(() => redis.usable);
      expect(await redis.send("GET", "a")).toBe("1");
      await redis.close();
    } finally {
      await own.stop();
    }
  });

  test("a Redis that comes late, goes and comes back", async () => {
    const own = await ownRedis();
    await own.kill();
    try {
      const redis = await open({ url: own.url, socket_connect_timeout: 0.2 });
      expect(redis.trouble).toBeDefined();
      expect(redis.send("GET", "a")).rejects.toThrow(RedisUnavailable);
      await own.start();
      await eventually(() => redis.usable);
      await redis.send("SET", "a", 1);
      await own.kill();
      await eventually(() => !redis.usable);
      await own.start();
      await eventually(() => redis.usable);
      expect(await redis.send("GET", "a")).toBeNull();
      await redis.close();
    } finally {
      await own.stop();
    }
  });

  test("a password that is wrong is said, and the right one works", async () => {
    const own = await ownRedis(["--requirepass", "secret"]);
    try {
      const wrong = await open({ url: own.url, socket_connect_timeout: 0.3 });
      expect(wrong.trouble).toMatch(/NOAUTH|AUTH/);
      expect((await open({ url: own.url, password: "secret" })).trouble).toBeUndefined();
    } finally {
      await own.stop();
    }
  });

  test("TLS with an authority of one's own", async () => {
    const folder = temporaryFolder("redis-tls");
    const [key, certificate] = [`${folder.path}/key.pem`, `${folder.path}/cert.pem`];
    await $`openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout ${key} -out ${certificate} -subj /CN=localhost -addext subjectAltName=DNS:localhost`.quiet();
    const port = await freePort();
    const own = await ownRedis([
      ...["--tls-port", `${port}`, "--tls-cert-file", certificate, "--tls-key-file", key],
      ...["--tls-auth-clients", "no"],
    ]);
    try {
      const trusted = await open({ url: `rediss://localhost:${port}`, ssl_ca_certs: certificate });
      expect(await trusted.send("PING")).toBe("PONG");
      const unchecked = await open({ host: "localhost", port, ssl: true, ssl_cert_reqs: "none" });
      expect(await unchecked.send("PING")).toBe("PONG");
      const stranger = await open({ url: `rediss://localhost:${port}`, socket_connect_timeout: 0.3 });
      expect(stranger.trouble).toMatch(/certificate|self.signed/i);
    } finally {
      await own.stop();
      folder.remove();
    }
  });

  test("a cluster: keys go to their slots, scripts run where their keys are", async () => {
    const bus = ["--cluster-port", `${await freePort()}`];
    const own = await ownRedis(["--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1", ...bus]);
    try {
      await $`redis-cli -p ${own.port} cluster addslotsrange 0 16383`.quiet();
      await eventually(async () =>
        (await $`redis-cli -p ${own.port} cluster info`.text()).includes("cluster_state:ok"),
      );
      const redis = await open({ redis_startup_nodes: [{ host: "127.0.0.1", port: own.port }] });
      await redis.ready(10);
      expect(redis.trouble).toBeUndefined();
      await Promise.all(Array.from({ length: 50 }, (_, index) => redis.send("SET", `k${index}`, index)));
      expect(await redis.send("GET", "k49")).toBe("49");
      expect(await redis.run(ADD, ["{key}:tokens"], [5])).toBe(5);
      const found: string[] = [];
      for await (const batch of redis.keys("k")) found.push(...batch);
      expect(found).toHaveLength(50);
      await redis.close();
    } finally {
      await own.stop();
    }
  });

  test("sentinels lead to the primary", async () => {
    const own = await ownRedis();
    const folder = temporaryFolder("sentinel");
    const configuration = `${folder.path}/sentinel.conf`;
    await Bun.write(configuration, `sentinel monitor mymaster 127.0.0.1 ${own.port} 1\n`);
    const sentinel = await ownRedis([], { sentinelFile: configuration });
    try {
      const redis = await open({ sentinel_nodes: [["127.0.0.1", sentinel.port]], service_name: "mymaster" });
      expect(await redis.send("SET", "a", 1)).toBe("OK");
      expect(await $`redis-cli -p ${own.port} get a`.text()).toBe("1\n");
      await redis.close();
    } finally {
      await sentinel.stop();
      await own.stop();
      folder.remove();
    }
  });
});
