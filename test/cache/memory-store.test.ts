import { expect, test } from "bun:test";
import fc from "fast-check";
import { cacheKey } from "../../src/cache/cache-key.ts";
import { MemoryStore } from "../../src/cache/memory-store.ts";

test("never keeps more bytes than it may, nor anything beyond its time", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 300, max: 5_000 }),
      fc.array(
        fc.record({
          key: fc.constantFrom("a", "b", "c", "d", "e", "f"),
          size: fc.integer({ min: 0, max: 3_000 }),
          seconds: fc.integer({ min: 1, max: 10 }),
          wait: fc.integer({ min: 0, max: 4_000 }),
        }),
      ),
      (limit, writes) => {
        let now = 0;
        const store = new MemoryStore(limit, () => now);
        const until = new Map<string, number>();
        for (const { key, size, seconds, wait } of writes) {
          now += wait;
          store.set(key, "x".repeat(size), seconds);
          until.set(key, now + seconds * 1000);
          expect(store.bytes).toBeLessThanOrEqual(limit);
          for (const [other, end] of until) if (end <= now) expect(store.get(other)).toBeUndefined();
        }
        store.flush();
        expect(store.bytes).toBe(0);
      },
    ),
  );
});

test("what was used last stays longest", () => {
  const store = new MemoryStore(1_000);
  store.set("a", "x".repeat(100), 10);
  store.set("b", "x".repeat(100), 10);
  store.get("a");
  store.set("c", "x".repeat(100), 10);
  expect(store.get("a")).toBeDefined();
  expect(store.get("b")).toBeUndefined();
});

test("the key depends on what the answer depends on, not on the order of members", () => {
  const call = { format: "openai-chat", operation: "chat", model: "m", framing: "whole" };
  const key = (body: object, more: object = {}) => cacheKey(undefined, { ...call, ...more }, body as never);
  const one = key({ messages: [{ role: "user", content: "a" }], temperature: 1 });
  expect(one).toMatch(/^[0-9a-f]{64}$/);
  expect(key({ temperature: 1, messages: [{ content: "a", role: "user" }], user: "u", metadata: {} })).toBe(one);
  expect(key({ messages: [{ role: "user", content: "b" }], temperature: 1 })).not.toBe(one);
  expect(key({ messages: [{ role: "user", content: "a" }], temperature: 1 }, { framing: "sse" })).not.toBe(one);
  expect(cacheKey("team", call, { a: 1 })).toStartWith("team:");
});
