import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MinuteCounts } from "../../../src/routing/minute-counts.ts";
import { assumedUse, MinuteTally, type MinuteUse, NO_USE } from "../../../src/routing/shared/minute-tally.ts";

const figure = fc.nat(5000);
const use = fc.record({ requests: fc.nat(50), tokens: figure, input: figure, output: figure });
const seen = (requests: number, tokens: number): MinuteUse => ({ requests, tokens, input: tokens, output: 0 });

/** Words of three processes about two deployments, each process's in the order of their numbers. */
const words = fc
  .array(fc.tuple(fc.constantFrom("p", "q", "r"), fc.constantFrom("a", "b"), use), { maxLength: 20 })
  .map((list) => list.map(([process, deployment, told], number) => ({ process, deployment, ...told, number })));

describe("what other processes told of a minute", () => {
  test("is the sum of each one's last word, in whatever order and however often they are heard", () => {
    fc.assert(
      fc.property(words, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (list, chance) => {
        const tally = new MinuteTally();
        const heard = [...list, ...list]
          .map((word) => ({ word, at: chance.next().value ?? 0 }))
          .toSorted((a, b) => a.at - b.at);
        for (const { word } of heard) tally.hear(7, word.process, word.deployment, word);
        for (const deployment of ["a", "b"]) {
          let requests = 0;
          let tokens = 0;
          for (const process of ["p", "q", "r"]) {
            const last = list.findLast((word) => word.process === process && word.deployment === deployment);
            requests += last?.requests ?? 0;
            tokens += last?.tokens ?? 0;
          }
          expect(tally.of(7, deployment)).toMatchObject({ requests, tokens });
        }
        expect(tally.of(8, "a")).toEqual(NO_USE);
      }),
    );
  });

  test("a new minute forgets the old one, and an old minute's word comes too late", () => {
    const tally = new MinuteTally();
    tally.hear(7, "p", "a", { number: 1, ...seen(3, 9) });
    tally.hear(8, "p", "a", { number: 2, ...seen(1, 2) });
    tally.hear(7, "q", "a", { number: 1, ...seen(5, 5) });
    expect(tally.of(8, "a")).toEqual(seen(1, 2));
    expect(tally.of(7, "a")).toEqual(NO_USE);
  });

  test("counters add what others did, for as long as the minute lasts", () => {
    const now = 60_000 * 1000 + 5000;
    const counts = new MinuteCounts();
    counts.began(now);
    counts.used({ total: 10, input: 6, output: 4 }, now);
    counts.others(1000, seen(4, 30), now);
    expect([counts.requests(now), counts.tokens(now)]).toEqual([5, 40]);
    expect(counts.own(now)).toMatchObject({ requests: 1, tokens: 10 });
    counts.others(999, seen(400, 300), now);
    expect(counts.requests(now)).toBe(5);
    expect(counts.requests(now + 60_000)).toBe(0);
  });

  test("while nobody can be heard, each keeps to its share of a limit", () => {
    fc.assert(
      fc.property(use, use, fc.integer({ min: 1, max: 10 }), (own, told, processes) => {
        const assumed = assumedUse(own, told, processes);
        expect(own.requests + assumed.requests).toBeGreaterThanOrEqual(own.requests * processes);
        expect(assumed.requests).toBeGreaterThanOrEqual(told.requests);
        expect(assumed.tokens).toBeGreaterThanOrEqual(Math.max(told.tokens, own.tokens * (processes - 1)));
      }),
    );
    expect(assumedUse(seen(5, 7), NO_USE, 1)).toEqual(NO_USE);
  });
});
