import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { DeadlineWheel } from "../../src/upstream/deadline-wheel.ts";

/** A wheel on a clock that only this test moves. */
function wheelOn(start = 0): { wheel: DeadlineWheel; advance: (milliseconds: number) => void; now: () => number } {
  let time = start;
  const wheel = new DeadlineWheel(() => time);
  return {
    wheel,
    now: () => time,
    advance: (milliseconds) => {
      time += milliseconds;
      wheel.advance();
    },
  };
}

describe("DeadlineWheel", () => {
  test("each limit runs out once, never early and at most two ticks late", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 60_000 }), { maxLength: 20 }),
        fc.integer({ min: 1, max: 40 }),
        (limits, step) => {
          const { wheel, advance, now } = wheelOn();
          const ran: number[][] = limits.map(() => []);
          limits.forEach((limit, index) => {
            wheel.add(limit / 1000, { expired: () => ran[index]?.push(now()) });
          });
          while (now() < 61_000) advance(step);
          limits.forEach((limit, index) => {
            expect(ran[index]?.length).toBe(1);
            expect(ran[index]?.[0]).toBeGreaterThanOrEqual(limit);
            expect(ran[index]?.[0]).toBeLessThanOrEqual(limit + 100 + step);
          });
          expect(wheel.size).toBe(0);
        },
      ),
      { numRuns: 25 },
    );
  });

  test("a limit that is done or extended does not run out", () => {
    const { wheel, advance } = wheelOn(12_345);
    let ran = 0;
    const done = wheel.add(1, { expired: () => ran++ });
    const extended = wheel.add(1, { expired: () => ran++ });
    advance(900);
    done.done();
    extended.extend(1);
    advance(900);
    expect(ran).toBe(0);
    advance(300);
    expect(ran).toBe(1);
  });

  test("what is still watched at the next tick is told so, once; what is done by then is not", () => {
    const { wheel, advance } = wheelOn();
    const told: string[] = [];
    const watch = (name: string) =>
      wheel.add(10, { expired: () => told.push("expired"), lasting: () => told.push(name) });
    watch("first");
    watch("done").done();
    advance(50);
    watch("second");
    advance(50);
    advance(50);
    expect(told).toEqual(["first", "second"]);
  });

  test("a long pause of the process runs everything that is due", () => {
    const { wheel, advance } = wheelOn();
    let ran = 0;
    for (let index = 0; index < 100; index++) wheel.add(index / 10, { expired: () => ran++ });
    advance(3_600_000);
    expect(ran).toBe(100);
  });
});
