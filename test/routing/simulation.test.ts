import { describe, expect, test } from "bun:test";
import type { Behaviour } from "../../src/routing/simulation/provider-model.ts";
import { seededRandom } from "../../src/routing/simulation/random.ts";
import { type ObservedAttempt, simulate } from "../../src/routing/simulation/simulate.ts";
import type { TrafficRequest } from "../../src/routing/simulation/traffic.ts";
import { entry, snapshotOf } from "../support/snapshot-of.ts";

/** `ISTHMUS_SIMULATED_REQUESTS` for more, or for fewer. */
const REQUESTS = Number(process.env.ISTHMUS_SIMULATED_REQUESTS ?? 1_000_000);
const START = Date.UTC(2026, 0, 5, 8);
const PER_SECOND = 20;
const SECONDS = REQUESTS / PER_SECOND;

const steady: Behaviour = {
  firstSeconds: 0.4,
  secondsPerToken: 0.005,
  errorRate: 0,
  errorCode: "internal",
  outages: [],
  rpmLimit: undefined,
};

const RETRIES = 2;
const MAX_FALLBACKS = 2;

/** A fleet with all that goes wrong: outages that refuse, hang and reject keys, rate limits, errors, prices. */
const FLEET: Readonly<Record<string, Behaviour>> = {
  "steady-a": steady,
  "steady-b": steady,
  "steady-c": steady,
  "shaky-a": { ...steady, errorRate: 0.2 },
  "shaky-b": {
    ...steady,
    outages: [{ from: SECONDS * 0.2, to: SECONDS * 0.4, code: "service_unavailable" }],
  },
  "shaky-c": {
    ...steady,
    firstSeconds: 1.2,
    outages: [{ from: SECONDS * 0.5, to: SECONDS * 0.6, code: "timeout" }],
  },
  "limited-a": { ...steady, rpmLimit: 60 },
  "limited-b": { ...steady, rpmLimit: 600 },
  "dear-a": { ...steady, outages: [{ from: SECONDS * 0.3, to: SECONDS * 0.35, code: "authentication" }] },
  "cheap-a": { ...steady, outages: [{ from: SECONDS * 0.6, to: SECONDS * 0.7, code: "rate_limit" }] },
  "last-a": steady,
};

const GROUPS = ["steady", "shaky", "limited", "priced", "nobody-knows-it"];

function fleet(strategy: string): ReturnType<typeof snapshotOf> {
  return snapshotOf({
    model_list: [
      entry("steady", "steady-a", { weight: 5 }),
      entry("steady", "steady-b", { weight: 3 }),
      entry("steady", "steady-c", { weight: 2 }),
      entry("shaky", "shaky-a"),
      entry("shaky", "shaky-b"),
      entry("shaky", "shaky-c", { timeout: 10 }),
      entry("limited", "limited-a"),
      entry("limited", "limited-b"),
      entry("priced", "dear-a", { model: "openai/gpt-4o" }),
      entry("priced", "cheap-a"),
      entry("last", "last-a"),
    ],
    router_settings: {
      routing_strategy: strategy,
      // Without them the fastest of the first minute keeps everything for an hour: that is what this strategy does.
      ...(strategy === "latency-based-routing" ? { routing_strategy_args: { lowest_latency_buffer: 1, ttl: 60 } } : {}),
      num_retries: RETRIES,
      max_fallbacks: MAX_FALLBACKS,
      cooldown_time: 5,
      timeout: 30,
      fallbacks: [{ shaky: ["limited", "last"] }, { limited: ["last"] }, { priced: ["last"] }],
    },
  });
}

function* traffic(count: number, models: readonly string[] = GROUPS): Generator<TrafficRequest> {
  const random = seededRandom(7);
  for (let index = 0; index < count; index++) {
    yield {
      at: START + (index * 1000) / PER_SECOND,
      model: models[Math.floor(random() * models.length)] as string,
      promptTokens: 100 + Math.floor(random() * 900),
      cachedTokens: 0,
      completionTokens: Math.floor(random() * 300),
      stream: true,
      key: `key-${Math.floor(random() * 5)}`,
      team: undefined,
      tags: [],
      session: undefined,
    };
  }
}

const behaviourOf = ({ id }: { readonly id: string }): Behaviour => FLEET[id] ?? steady;

describe.each(["simple-shuffle", "adaptive", "least-busy", "latency-based-routing", "cost-based-routing"])(
  "a fleet with outages, rate limits and price differences, routed by %s",
  (strategy) => {
    const share = strategy === "simple-shuffle" || strategy === "adaptive" ? 1 : 0.1;
    const count = Math.round(REQUESTS * share);
    const toCooled: string[] = [];
    const besideProbe: string[] = [];
    let ended = 0;
    let tooMany = 0;
    let succeeded = 0;
    const late = new Map<string, number>();
    const watch = ({ candidate, step, now }: ObservedAttempt): void => {
      const { state, deployment } = candidate;
      const phase = state.phase(now);
      if (phase === "cooling") toCooled.push(deployment.id);
      const others = step.target.group.candidates.some((other) => other.state.phase(now) === "none");
      if (phase === "half-open" && state.probes > 0 && others && step.retries === 0) besideProbe.push(deployment.id);
      if (now - START > SECONDS * share * 950) late.set(deployment.id, (late.get(deployment.id) ?? 0) + 1);
    };
    const report = simulate({
      snapshot: fleet(strategy),
      traffic: traffic(count),
      seed: 42,
      behaviourOf,
      onAttempt: watch,
      onEnd: (_, { success, attempts, groups }) => {
        ended++;
        if (success) succeeded++;
        if (attempts > (1 + RETRIES) * groups || groups > 1 + MAX_FALLBACKS) tooMany++;
      },
    });

    test("nothing goes to a cooled-down deployment, and one call at a time to a half-open one", () => {
      expect(toCooled).toEqual([]);
      expect(besideProbe).toEqual([]);
      expect(report.cooldowns).toBeGreaterThan(3);
    });

    test("every request ends once, within the policy's attempts", () => {
      expect(ended + report.unknownModels).toBe(count);
      expect(tooMany).toBe(0);
      expect(report.mostAttempts).toBeLessThanOrEqual((1 + RETRIES) * (1 + MAX_FALLBACKS));
    });

    test("what can be served is served", () => {
      expect(report.unknownModels).toBeGreaterThan(0);
      expect(succeeded / ended).toBeGreaterThan(0.999);
    });

    test("nobody starves: what is well again gets its share again", () => {
      const wanted =
        strategy === "cost-based-routing" ? ["cheap-a", "shaky-b", "shaky-c"] : ["shaky-b", "dear-a", "cheap-a"];
      for (const id of wanted) expect([id, late.get(id) ?? 0]).not.toEqual([id, 0]);
    });

    test("the sum of the models' and the keys' costs is the total", () => {
      for (const parts of [report.models, report.keys, report.deployments]) {
        let sum = 0n;
        for (const { cost } of parts.values()) sum += cost;
        expect(sum).toBe(report.total.cost);
      }
    });

    if (strategy === "simple-shuffle") {
      test("weights are kept to within one percentage point", () => {
        const all = report.models.get("steady")?.requests ?? 0;
        for (const [id, weight] of [
          ["steady-a", 0.5],
          ["steady-b", 0.3],
          ["steady-c", 0.2],
        ] as const) {
          const own = report.deployments.get(id)?.requests ?? 0;
          expect(Math.abs(own / all - weight)).toBeLessThan(0.01);
        }
      });
    }

    if (strategy === "cost-based-routing") {
      test("the cheapest gets all that it can take", () => {
        expect(report.deployments.get("cheap-a")?.requests ?? 0).toBeGreaterThan(
          5 * (report.deployments.get("dear-a")?.requests ?? 0),
        );
      });
    }
  },
);

test("the same seed gives the same report", () => {
  const once = (): string => {
    const report = simulate({ snapshot: fleet("adaptive"), traffic: traffic(3000), seed: 5, behaviourOf });
    return [...report.deployments].map(([id, { requests, cost }]) => `${id} ${requests} ${cost}`).join("\n");
  };
  expect(once()).toBe(once());
});

test("a key's budget stops it, others go on", () => {
  const report = simulate({
    snapshot: fleet("simple-shuffle"),
    traffic: traffic(2000, ["steady"]),
    seed: 1,
    behaviourOf,
    keyBudgets: new Map([["key-0", 2_000_000n]]),
  });
  expect(report.keys.get("key-0")?.budgetStops).toBeGreaterThan(0);
  expect(report.models.get("steady")?.budgetStops).toBe(report.keys.get("key-0")?.budgetStops as number);
  expect(report.keys.get("key-0")?.cost).toBeGreaterThan(1_800_000n);
  expect(report.keys.get("key-0")?.cost).toBeLessThanOrEqual(2_000_000n);
  expect(report.keys.get("key-1")?.budgetStops).toBe(0);
});

test("a deployment's budget sends what follows elsewhere, a provider's stops the model", () => {
  const budgeted = (settings: Record<string, unknown>, params: Record<string, number | string>) =>
    simulate({
      snapshot: snapshotOf({
        model_list: [
          entry("m", "poor", { ...params, order: 1 }),
          entry("m", "rich", { model: "azure/gpt-4o-mini", api_base: "http://127.0.0.1", order: 2 }),
        ],
        router_settings: { num_retries: 0, ...settings } as never,
      }),
      traffic: traffic(2000, ["m"]),
      seed: 1,
      behaviourOf: () => steady,
    });
  const own = budgeted({}, { max_budget: 0.01, budget_duration: "1d" });
  expect(own.total.failures).toBe(0);
  expect(own.deployments.get("rich")?.requests ?? 0).toBeGreaterThan(1000);
  const both = budgeted(
    {
      provider_budget_config: {
        openai: { budget_limit: 0.01, time_period: "1d" },
        azure: { budget_limit: 0.01, time_period: "1d" },
      },
    },
    {},
  );
  expect(both.total.budgetStops).toBeGreaterThan(1000);
});

test("an outage of everything makes no storm: exactly the policy's attempts, on exactly the policy's groups", () => {
  const attempts = new Set<string>();
  const report = simulate({
    snapshot: snapshotOf({
      model_list: ["a", "b", "c", "d"].flatMap((group) => [entry(group, `${group}-1`), entry(group, `${group}-2`)]),
      router_settings: {
        num_retries: RETRIES,
        max_fallbacks: MAX_FALLBACKS,
        disable_cooldowns: true,
        fallbacks: [{ a: ["b", "c", "d"] }, { b: ["c", "a"] }, { c: ["d"] }],
      },
    }),
    traffic: traffic(500, ["a"]),
    seed: 3,
    behaviourOf: () => ({ ...steady, errorRate: 1 }),
    onEnd: (_, ending) => attempts.add(`${ending.attempts} on ${ending.groups}`),
  });
  expect(report.total.succeeded).toBe(0);
  expect([...attempts]).toEqual([`${(1 + RETRIES) * (1 + MAX_FALLBACKS)} on ${1 + MAX_FALLBACKS}`]);
});
