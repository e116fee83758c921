import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type FallbackTables, fallbacksAfter, fallbackTable, requestFallbacks } from "../../src/routing/fallbacks.ts";
import { RoutePlan, type RouteStep } from "../../src/routing/route-plan.ts";
import { Router } from "../../src/routing/router.ts";
import { entry, snapshotOf } from "../support/snapshot-of.ts";

const tables = (changes: Partial<FallbackTables> = {}): FallbackTables => ({
  general: fallbackTable([{ "openai/gpt": ["a"] }, { exact: ["b", { model: "c", temperature: 0 }] }], ["standard"]),
  contextWindow: undefined,
  contentPolicy: undefined,
  ...changes,
});

describe("which groups follow", () => {
  const names = (code: "internal" | "context_window_exceeded", group: string, from = tables()): string[] =>
    fallbacksAfter(from, code, [group]).map(({ model }) => model);

  test("exact name, the name with or without its provider, the default", () => {
    expect(names("internal", "exact")).toEqual(["b", "c"]);
    expect(names("internal", "gpt")).toEqual(["a"]);
    expect(names("internal", "azure/exact")).toEqual(["b", "c"]);
    expect(names("internal", "other")).toEqual(["standard"]);
  });

  test("a list for long prompts takes them from the general one, for groups that it lacks as well", () => {
    expect(names("context_window_exceeded", "exact")).toEqual(["b", "c"]);
    const own = tables({ contextWindow: fallbackTable([{ exact: ["long"] }]) });
    expect(names("context_window_exceeded", "exact", own)).toEqual(["long"]);
    expect(names("context_window_exceeded", "other", own)).toEqual([]);
  });

  test("requests write them as names, objects and maps", () => {
    const table = requestFallbacks(["a", { model: "b", messages: [] }, { g: ["c"] }]);
    if (table === undefined || typeof table === "string") throw new Error("it was refused");
    expect(table.get("*")).toEqual([
      { model: "a", overrides: undefined },
      { model: "b", overrides: { messages: [] } },
    ]);
    expect(table.get("g")).toEqual([{ model: "c", overrides: undefined }]);
    expect(requestFallbacks("a")).toBeString();
    expect(requestFallbacks([1])).toBeString();
    expect(requestFallbacks([{ g: "a" }])).toBeString();
  });
});

describe("a plan", () => {
  test("ends within its bounds, however its attempts end and however the fallbacks point at one another", () => {
    const group = fc.constantFrom("a", "b", "c", "d", "e");
    const table = fc.array(fc.tuple(group, fc.array(group, { minLength: 1, maxLength: 4 })), { maxLength: 5 });
    const code = fc.constantFrom(
      "internal",
      "timeout",
      "rate_limit",
      "authentication",
      "not_found",
      "invalid_request",
      "context_window_exceeded",
    );
    fc.assert(
      fc.property(
        table,
        fc.nat(4),
        fc.nat(3),
        fc.boolean(),
        fc.array(code, { minLength: 1 }),
        fc.option(fc.nat(4), { nil: undefined }),
        (pairs, maxFallbacks, retries, cooldowns, codes, perRequest) => {
          let now = 0;
          const router = new Router({ random: () => 0.3, now: () => now });
          const snapshot = snapshotOf({
            model_list: ["a", "b", "c", "d", "e"].flatMap((name) => [entry(name, `${name}1`), entry(name, `${name}2`)]),
            router_settings: {
              num_retries: retries,
              max_fallbacks: maxFallbacks,
              disable_cooldowns: !cooldowns,
              fallbacks: pairs.map(([from, to]) => ({ [from]: to })),
              context_window_fallbacks: [{ a: ["e"] }],
            },
            litellm_settings: perRequest === undefined ? {} : { num_retries_per_request: perRequest },
          });
          const request = {
            model: "a",
            stream: false,
            tags: [],
            header: () => null,
            promptTokens: 1,
            promptBytes: 4,
            hasMessages: true,
            hasResponseFormat: false,
            priority: 0,
            body: {},
          };
          const routing = router.of(snapshot);
          const plan = new RoutePlan({ router, routing, request });
          const perGroup = new Map<string, number>();
          let attempts = 0;
          let last: RouteStep | undefined;
          for (let turn = 0; turn < 500; turn++) {
            last = plan.next();
            if (last.kind === "stop" || last.kind === "queue") break;
            if (last.kind === "wait") {
              now += last.seconds * 1000;
              continue;
            }
            const { candidate, target } = last;
            const key = `${target.model} ${target.fallbacks}`;
            perGroup.set(key, (perGroup.get(key) ?? 0) + 1);
            const call = router.began(target.group, target.match.group, candidate, routing.rules, plan.request);
            const failure = codes[attempts++ % codes.length] as (typeof codes)[number];
            const facts = {
              code: failure,
              retryable: failure === "internal" || failure === "timeout" || failure === "rate_limit",
            };
            router.ended(call, { status: "failure", failure: facts });
            plan.failed({ ...facts, error: new Error(failure) }, candidate);
          }
          expect(last?.kind).toBe("stop");
          expect(perGroup.size).toBeLessThanOrEqual(1 + maxFallbacks);
          if (perRequest !== undefined) expect(attempts).toBeLessThanOrEqual(1 + perRequest);
          for (const count of perGroup.values()) expect(count).toBeLessThanOrEqual(1 + retries);
          for (const { inFlight, probes } of router.states()) expect([inFlight, probes]).toEqual([0, 0]);
          if (last?.kind === "stop") expect(last.report.group).toBe("a");
        },
      ),
      { numRuns: 300 },
    );
  });
});
