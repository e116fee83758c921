import { describe, expect, test } from "bun:test";
import { EventBus } from "../../src/events/event-bus.ts";

interface Numbered {
  readonly type: "even" | "odd";
  readonly number: number;
}

const numbered = (number: number): Numbered => ({ type: number % 2 === 0 ? "even" : "odd", number });

describe("the event bus", () => {
  test("each subscriber gets what it wants, in order, after the one who told it went on", async () => {
    const bus = new EventBus<Numbered>();
    const all: number[] = [];
    const odd: number[] = [];
    bus.subscribe({ name: "all", handle: (events) => void all.push(...events.map(({ number }) => number)) });
    bus.subscribe({
      name: "odd",
      types: ["odd"],
      handle: (events) => void odd.push(...events.map(({ number }) => number)),
    });
    for (let index = 0; index < 2000; index++) bus.emit(numbered(index));
    expect(all).toEqual([]);
    await bus.drained();
    expect(all).toEqual(Array.from({ length: 2000 }, (_, index) => index));
    expect(odd).toHaveLength(1000);
  });

  test("a slow subscriber loses what it cannot keep, counted by type, and nobody else does", async () => {
    const told: unknown[] = [];
    const bus = new EventBus<Numbered>({ onDropped: (name, dropped) => void told.push([name, dropped]) });
    const slow: number[] = [];
    let quick = 0;
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const subscription = bus.subscribe({
      name: "slow",
      capacity: 10,
      handle: async (events) => {
        await gate;
        slow.push(...events.map(({ number }) => number));
      },
    });
    bus.subscribe({
      name: "quick",
      handle: (events) => {
        quick += events.length;
      },
    });
    for (let index = 0; index < 100; index++) bus.emit(numbered(index));
    expect(subscription.counts.dropped).toEqual({ even: 45, odd: 45 });
    // Once, not for each of them.
    expect(told).toEqual([["slow", 1]]);
    open();
    await bus.drained();
    expect(slow).toEqual(Array.from({ length: 10 }, (_, index) => index));
    expect(quick).toBe(100);
    expect(subscription.counts).toMatchObject({ delivered: 10, waiting: 0, failedBatches: 0 });
  });

  test("a handler that throws or rejects is told and goes on", async () => {
    const told: string[] = [];
    const bus = new EventBus<Numbered>({
      onError: (name, error) => void told.push(`${name}: ${(error as Error).message}`),
    });
    let calls = 0;
    const subscription = bus.subscribe({
      name: "broken",
      handle: () => {
        calls++;
        throw new Error("no");
      },
    });
    bus.emit(numbered(1));
    await bus.drained();
    bus.emit(numbered(2));
    await bus.drained();
    expect(calls).toBe(2);
    expect(told).toEqual(["broken: no", "broken: no"]);
    expect(subscription.counts.failedBatches).toBe(2);
    subscription.unsubscribe();
    expect(bus.heard).toBe(false);
  });
});
