import { describe, expect, test } from "bun:test";
import { RedisSettingsError, redisSettingsOf } from "../../../src/store/redis/redis-settings.ts";

describe("redisSettingsOf", () => {
  test("nothing says where Redis is", () => {
    expect(redisSettingsOf({}, {})).toBeUndefined();
    expect(redisSettingsOf({ port: 6379, password: "x" }, {})).toBeUndefined();
  });

  test("host, port, credentials and database", () => {
    expect(redisSettingsOf({ host: "r", port: "7000", username: "u", password: 123, db: 2 }, {})).toMatchObject({
      topology: { kind: "single", node: { host: "r", port: 7000 } },
      username: "u",
      password: "123",
      db: 2,
    });
  });

  test("the environment fills in what the keys leave open", () => {
    const environment = { REDIS_HOST: "env", REDIS_PORT: "7001", REDIS_PASSWORD: "secret", REDIS_SSL: "true" };
    expect(redisSettingsOf({}, environment)).toMatchObject({
      topology: { kind: "single", node: { host: "env", port: 7001 } },
      password: "secret",
      tls: { verify: true, checkHostname: true },
    });
    expect(redisSettingsOf({ host: "own" }, { ...environment, REDIS_URL: "redis://other" })).toMatchObject({
      topology: { kind: "single", node: { host: "own", port: 7001 } },
    });
  });

  test("an address with everything in it", () => {
    expect(redisSettingsOf({}, { REDIS_URL: "rediss://me:p%40ss@h:6390/3" })).toEqual({
      topology: { kind: "single", node: { host: "h", port: 6390 } },
      username: "me",
      password: "p@ss",
      db: 3,
      tls: { verify: true, checkHostname: true },
      commandTimeout: 0.5,
      connectTimeout: 2,
    });
    expect(redisSettingsOf({ url: "redis://[::1]" }, {})?.topology).toEqual({
      kind: "single",
      node: { host: "::1", port: 6379 },
    });
    expect(redisSettingsOf({ url: "unix:///run/redis.sock?db=4" }, {})).toMatchObject({
      topology: { kind: "socket", path: "/run/redis.sock" },
      db: 4,
    });
  });

  test("the nodes of a cluster and the sentinels, however they are written", () => {
    const nodes = [{ host: "a", port: 7001 }, ["b", 7002], "c:7003", "d"];
    expect(redisSettingsOf({ redis_startup_nodes: nodes }, {})?.topology).toEqual({
      kind: "cluster",
      nodes: [
        { host: "a", port: 7001 },
        { host: "b", port: 7002 },
        { host: "c", port: 7003 },
        { host: "d", port: 6379 },
      ],
    });
    const environment = { REDIS_SENTINEL_NODES: '[["s", 26380]]', REDIS_SERVICE_NAME: "mymaster" };
    expect(redisSettingsOf({ sentinel_password: "x" }, environment)?.topology).toEqual({
      kind: "sentinel",
      nodes: [{ host: "s", port: 26380 }],
      service: "mymaster",
      password: "x",
    });
  });

  test("certificates", () => {
    const tls = (keys: Record<string, string | boolean>) => redisSettingsOf({ host: "h", ssl: true, ...keys }, {})?.tls;
    expect(tls({ ssl_cert_reqs: "none" })?.verify).toBe(false);
    expect(tls({ ssl_cert_reqs: "required" })?.verify).toBe(true);
    expect(tls({ ssl_check_hostname: false, ssl_ca_certs: "/ca.pem" })).toEqual({
      verify: true,
      checkHostname: false,
      caFile: "/ca.pem",
    });
    expect(redisSettingsOf({ host: "h", ssl: false }, {})?.tls).toBeUndefined();
  });

  test.each([
    [{ url: "http://h" }, {}, "redis://"],
    [{ url: "redis://:secret@h:port" }, {}, "no URL"],
    [{ host: "h", port: "six" }, {}, "port"],
    [{ sentinel_nodes: [["s", 1]] }, {}, "service_name"],
    [{ host: "h", socket_timeout: 0 }, {}, "socket_timeout"],
    [{}, { REDIS_CLUSTER_NODES: "a:1,b:2" }, "REDIS_CLUSTER_NODES"],
  ] as const)("%j with %j is refused, and the message keeps the secret", (keys, environment, part) => {
    let message = "";
    try {
      redisSettingsOf(keys, environment);
    } catch (error) {
      expect(error).toBeInstanceOf(RedisSettingsError);
      message = (error as Error).message;
    }
    expect(message).toContain(part);
    expect(message).not.toContain("secret");
  });
});
