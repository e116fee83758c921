import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { ErrorCode } from "../../../src/errors/gateway-error.ts";
import type { Cooldown } from "../../../src/routing/deployment-state.ts";
import {
  type CooldownKnowledge,
  cooldownOf,
  knownCooldown,
  knownRecovery,
  mergeKnowledge,
  NOTHING_KNOWN,
  sameKnowledge,
} from "../../../src/routing/shared/cooldown-knowledge.ts";

const code: fc.Arbitrary<ErrorCode> = fc.constantFrom("internal", "rate_limit", "timeout");
const cooldown: fc.Arbitrary<Cooldown> = fc
  .tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 30 }), code)
  .map(([since, length, code]) => ({ since, until: since + length, code }));
/** One thing that somebody finds out. */
const news: fc.Arbitrary<CooldownKnowledge> = fc.oneof(
  cooldown.map(knownCooldown),
  fc.integer({ min: 0, max: 30 }).map((recovered) => ({ recovered, cooldowns: [] })),
);
const all = (list: readonly CooldownKnowledge[]): CooldownKnowledge => list.reduce(mergeKnowledge, NOTHING_KNOWN);
const knowledge = fc.array(news, { maxLength: 4 }).map(all);

describe("what processes know together of a deployment's cooldowns", () => {
  test("does not depend on the order in which they hear it, nor on how often", () => {
    fc.assert(
      fc.property(knowledge, knowledge, (a, b) => {
        expect(mergeKnowledge(a, b)).toEqual(mergeKnowledge(b, a));
        expect(mergeKnowledge(mergeKnowledge(a, b), b)).toEqual(mergeKnowledge(a, b));
        expect(sameKnowledge(mergeKnowledge(a, a), a)).toBe(true);
      }),
    );
    fc.assert(
      fc.property(
        fc.array(news, { maxLength: 7 }),
        fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
        (list, chance) => {
          const shuffled = list
            .map((item) => ({ item, at: chance.next().value ?? 0 }))
            .toSorted((a, b) => a.at - b.at)
            .map(({ item }) => item);
          expect(all(shuffled)).toEqual(all(list));
        },
      ),
    );
    fc.assert(
      fc.property(knowledge, knowledge, knowledge, (a, b, c) => {
        const left = mergeKnowledge(mergeKnowledge(a, b), c);
        const right = mergeKnowledge(a, mergeKnowledge(b, c));
        // Equal up to the number of cooldowns that are kept, which these do not reach.
        if (left.cooldowns.length < 8 && right.cooldowns.length < 8) expect(left).toEqual(right);
      }),
    );
  });

  test("is the cooldown that ends last of those that no success came after", () => {
    fc.assert(
      fc.property(fc.array(news, { maxLength: 7 }), (list) => {
        const recovered = Math.max(0, ...list.map((item) => item.recovered));
        const open = list.flatMap(({ cooldowns }) => cooldowns).filter(({ since }) => since > recovered);
        expect(cooldownOf(all(list))?.until).toBe(
          open.length === 0 ? undefined : Math.max(...open.map((c) => c.until)),
        );
      }),
    );
  });

  test("a success ends what was known, and a failure that came later stays", () => {
    const first = knownCooldown({ since: 10, until: 20, code: "internal" });
    const recovery = knownRecovery(first);
    expect(cooldownOf(mergeKnowledge(first, recovery))).toBeUndefined();
    const later = knownCooldown({ since: 21, until: 26, code: "timeout" });
    expect(cooldownOf(mergeKnowledge(mergeKnowledge(first, later), recovery))).toMatchObject({ until: 26 });
  });
});
