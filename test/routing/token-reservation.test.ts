import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { RouteRequest } from "../../src/routing/route-request.ts";
import { type ActiveCall, Router } from "../../src/routing/router.ts";
import { select } from "../../src/routing/select.ts";
import type { Drop } from "../../src/routing/selection.ts";
import { entry, snapshotOf } from "../support/snapshot-of.ts";

const START = 30_000_000 * 60_000;
const ITPM = 500;
const OTPM = 300;

const request = (input: number, body: RouteRequest["body"]): RouteRequest => ({
  model: "m",
  stream: false,
  tags: [],
  header: () => null,
  promptTokens: input,
  promptBytes: input * 4,
  hasMessages: true,
  hasResponseFormat: false,
  priority: 0,
  body,
});

function fleet(params: object = { itpm: ITPM, otpm: OTPM }) {
  let now = START;
  const router = new Router({ random: () => 0.5, now: () => now });
  const routing = router.of(
    snapshotOf({
      model_list: [entry("m", "a", { ...params }, { max_output_tokens: 250 })],
      router_settings: { optional_pre_call_checks: ["enforce_model_rate_limits"] },
    }),
  );
  return {
    minute: router.state("a").minute,
    pass: (seconds: number) => {
      now += seconds * 1000;
    },
    now: () => now,
    end: (call: ActiveCall, ...rest: Parameters<Router["ended"]> extends [unknown, ...infer R] ? R : never) =>
      router.ended(call, ...rest),
    begin(asked: RouteRequest): ActiveCall | string {
      const resolved = routing.resolve("m");
      if (resolved === undefined) throw new Error("nobody serves m");
      const drops: Drop[] = [];
      const input = { request: asked, rules: routing.rules, now, random: () => 0.5, tried: new Set<string>(), drops };
      const { candidate } = select(resolved.group, input, router.affinity);
      if (candidate === undefined) return drops[0]?.reason ?? "";
      return router.began(resolved.group, "m", candidate, routing.rules, asked);
    },
  };
}

describe("input and output tokens per minute", () => {
  test("what calls hold and have used is never above the limits, whatever they do", () => {
    const step = fc.record({
      input: fc.integer({ min: 1, max: 200 }),
      most: fc.integer({ min: 1, max: 150 }),
      /** How much of what it held the call uses. */
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      ending: fc.constantFrom("success", "unknown", "failure", "cancelled", "never" as const),
      pause: fc.integer({ min: 0, max: 20 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const { begin, end, minute, now, pass } = fleet();
        for (const { input, most, share, ending, pause } of steps) {
          const call = begin(request(input, { max_tokens: most }));
          expect(minute.input(now())).toBeLessThanOrEqual(ITPM);
          expect(minute.output(now())).toBeLessThanOrEqual(OTPM);
          if (typeof call === "string") {
            expect(["itpm", "otpm"]).toContain(call);
            continue;
          }
          pass(pause);
          const used = { input: Math.floor(input * share), output: Math.floor(most * share) };
          const tokens = { ...used, total: used.input + used.output };
          if (ending === "success") end(call, { status: "success", tokens });
          else if (ending === "unknown") end(call, { status: "success" });
          else if (ending === "failure") end(call, { status: "failure" });
          else if (ending === "cancelled") end(call, { status: "cancelled" });
          expect(minute.input(now())).toBeGreaterThanOrEqual(0);
          expect(minute.output(now())).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });

  test("a call holds its prompt and what it asks for, else what the model can write; it ends with what it used", () => {
    const { begin, end, minute, now } = fleet();
    const call = begin(request(40, {}));
    if (typeof call === "string") throw new Error(call);
    expect([minute.input(now()), minute.output(now())]).toEqual([40, 250]);
    expect(begin(request(1, { max_completion_tokens: 51 }))).toBe("otpm");
    end(call, { status: "success", tokens: { total: 1030, input: 30, output: 7 } });
    expect([minute.input(now()), minute.output(now()), minute.tokens(now())]).toEqual([30, 7, 1030]);
    expect(begin(request(471, { max_tokens: 0 }))).toBe("itpm");
  });

  test("a new minute begins with nothing, also where a call began in the one before", () => {
    const { begin, end, minute, now, pass } = fleet({ otpm: OTPM });
    const call = begin(request(40, { max_tokens: 200 }));
    if (typeof call === "string") throw new Error(call);
    expect(minute.input(now())).toBe(0);
    pass(60);
    expect(minute.output(now())).toBe(0);
    end(call, { status: "cancelled" });
    expect(minute.output(now())).toBe(0);
  });
});
