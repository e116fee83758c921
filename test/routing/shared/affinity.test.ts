import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { AffinityMap, type Binding } from "../../../src/routing/affinity.ts";

const binding: fc.Arbitrary<Binding> = fc.record({
  key: fc.constantFrom("s", "t"),
  deployment: fc.constantFrom("a", "b", "c"),
  until: fc.integer({ min: 1, max: 50 }),
});

describe("bindings of several processes", () => {
  test("are the same for all that heard the same, in whatever order and however often", () => {
    fc.assert(
      fc.property(
        fc.array(binding, { maxLength: 12 }),
        fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
        (list, chance) => {
          const [one, other] = [new AffinityMap(), new AffinityMap()];
          for (const item of list) one.hear(item, 0);
          const shuffled = [...list, ...list].map((item) => ({ item, at: chance.next().value ?? 0 }));
          for (const { item } of shuffled.toSorted((a, b) => a.at - b.at)) other.hear(item, 0);
          for (const key of ["s", "t"]) expect(other.find(key, 0)).toBe(one.find(key, 0));
        },
      ),
    );
  });

  test("are told when they are new, and again when half of their time is over", () => {
    const map = new AffinityMap();
    const told = [0, 10, 49, 51, 60, 102].map((now) => map.bind("s", "a", now, 100));
    expect(told).toEqual([true, false, false, true, false, true]);
    expect(map.bind("s", "b", 103, 100)).toBe(true);
  });

  test("two processes that bound the same name agree after its next use", () => {
    const [one, other] = [new AffinityMap(), new AffinityMap()];
    const tell = (from: AffinityMap, to: AffinityMap, deployment: string, now: number): void => {
      if (from.bind("s", deployment, now, 100)) to.hear({ key: "s", deployment, until: now + 100 }, now);
    };
    one.bind("s", "a", 0, 100);
    // The other one heard nothing, and keeps its own against a word that is older.
    other.bind("s", "b", 10, 100);
    other.hear({ key: "s", deployment: "a", until: 100 }, 10);
    expect(other.find("s", 11)).toBe("b");
    tell(other, one, "b", 20);
    expect([one.find("s", 21), other.find("s", 21)]).toEqual(["b", "b"]);
  });

  test("what is over is not heard", () => {
    const map = new AffinityMap();
    map.hear({ key: "s", deployment: "a", until: 5 }, 5);
    expect(map.size).toBe(0);
  });
});
