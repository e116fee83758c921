import { expect, test } from "bun:test";
import type { JsonObject } from "../../src/json/json.ts";
import { TrustedProxies } from "../../src/server/client-address.ts";
import { snapshotOf } from "../support/snapshot-of.ts";

function origin(peer: string, headers: Record<string, string>, trusted: string, general: JsonObject = {}) {
  const request = new Request("http://isthmus:4000/v1/models", { headers });
  const snapshot = snapshotOf({ general_settings: general });
  return new TrustedProxies(trusted).originOf(
    request,
    { requestIP: () => ({ address: peer }), upgrade: () => false },
    snapshot,
  );
}
const address = (...of: Parameters<typeof origin>) => origin(...of).address;
const xff = (value: string) => ({ "x-forwarded-for": value });

test("nobody is believed who is not trusted", () => {
  expect(address("203.0.113.9", xff("1.1.1.1"), "10.0.0.0/8")).toBe("203.0.113.9");
  expect(address("203.0.113.9", xff("1.1.1.1"), "")).toBe("203.0.113.9");
  expect(
    origin("203.0.113.9", { "x-forwarded-proto": "https", "x-forwarded-host": "evil" }, "10.0.0.0/8").url,
  ).toBeUndefined();
});

test("from right to left over trusted hops only, whatever the client wrote before", () => {
  expect(address("10.0.0.1", xff("203.0.113.9"), "10.0.0.0/8")).toBe("203.0.113.9");
  expect(address("10.0.0.1", xff("6.6.6.6, 203.0.113.9"), "10.0.0.0/8")).toBe("203.0.113.9");
  expect(address("10.0.0.1", xff("6.6.6.6, 203.0.113.9, 10.2.2.2"), "10.0.0.0/8")).toBe("203.0.113.9");
  expect(address("10.0.0.1", xff("10.9.9.9, 10.2.2.2"), "10.0.0.0/8")).toBe("10.9.9.9");
  expect(address("10.0.0.1", {}, "10.0.0.0/8")).toBe("10.0.0.1");
});

test("IPv6, mapped addresses, ports and what a proxy could not say", () => {
  expect(address("::ffff:10.0.0.1", xff("[2001:db8::7]:4711"), "10.0.0.0/8")).toBe("2001:db8::7");
  expect(address("fd00::1", xff("203.0.113.9:55"), "fd00::/8")).toBe("203.0.113.9");
  expect(address("10.0.0.1", xff("203.0.113.9, unknown"), "10.0.0.0/8")).toBe("10.0.0.1");
  expect(address("::ffff:203.0.113.9", {}, "")).toBe("203.0.113.9");
});

test("Forwarded, where there is no X-Forwarded-For", () => {
  const headers = { forwarded: 'for=6.6.6.6;proto=http, for="[2001:db8::7]:47";proto=https;host=api.example.com' };
  expect(origin("10.0.0.1", headers, "10.0.0.0/8")).toEqual({
    address: "2001:db8::7",
    url: "https://api.example.com",
  });
  expect(address("10.0.0.1", { ...headers, ...xff("203.0.113.9") }, "10.0.0.0/8")).toBe("203.0.113.9");
});

test("use_x_forwarded_for alone trusts whoever connects, and nobody before it", () => {
  const general = { use_x_forwarded_for: true };
  expect(address("172.18.0.2", xff("6.6.6.6, 203.0.113.9"), "", general)).toBe("203.0.113.9");
  expect(address("172.18.0.2", xff("6.6.6.6, 203.0.113.9"), "10.0.0.0/8", general)).toBe("172.18.0.2");
  const ranges = { trusted_proxy_ranges: ["172.16.0.0/12"] };
  expect(address("172.18.0.2", xff("203.0.113.9"), "", ranges)).toBe("203.0.113.9");
});

test("scheme and host as the client called", () => {
  const headers = {
    "x-forwarded-for": "203.0.113.9",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "api.example.com",
  };
  expect(origin("10.0.0.1", headers, "10.0.0.0/8").url).toBe("https://api.example.com");
  expect(origin("10.0.0.1", { ...headers, "x-forwarded-host": "a/b@c" }, "10.0.0.0/8").url).toBeUndefined();
});

test("a list that is none is refused with what is wrong", () => {
  expect(() => new TrustedProxies("10.0.0.0/8, ten")).toThrow('"ten" is no address');
});
