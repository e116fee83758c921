import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { JsonObject } from "../../src/json/json.ts";
import type { RouteRequest } from "../../src/routing/route-request.ts";
import { Router } from "../../src/routing/router.ts";
import { remaining, select } from "../../src/routing/select.ts";
import type { Drop } from "../../src/routing/selection.ts";
import { inRegion } from "../../src/routing/stages/pre-call-checks.ts";
import { entry, snapshotOf } from "../support/snapshot-of.ts";

const NOW = 1_800_000_000_000;

function requestOf(changes: Partial<RouteRequest> = {}): RouteRequest {
  return {
    model: "m",
    stream: false,
    tags: [],
    header: () => null,
    promptTokens: 10,
    promptBytes: 40,
    hasMessages: true,
    hasResponseFormat: false,
    priority: 0,
    body: {},
    ...changes,
  };
}

interface Kept {
  readonly ids: readonly string[];
  readonly reasons: Readonly<Record<string, string>>;
  readonly emptiedBy: string | undefined;
}

/** The deployments of `m` that are left, and why the others are not. */
function kept(
  list: readonly JsonObject[],
  settings: JsonObject,
  request: Partial<RouteRequest> = {},
  prepare: (router: Router) => void = () => {},
  tried: readonly string[] = [],
): Kept {
  const router = new Router({ random: () => 0.5, now: () => NOW });
  const snapshot = snapshotOf({ model_list: list, router_settings: settings });
  const routing = router.of(snapshot);
  prepare(router);
  const asked = requestOf(request);
  const resolved = routing.resolve(asked.model, asked.teamId);
  if (resolved === undefined) throw new Error(`nobody serves ${asked.model}`);
  const drops: Drop[] = [];
  const input = { request: asked, rules: routing.rules, now: NOW, random: () => 0.5, tried: new Set(tried), drops };
  const { kept: left, emptiedBy } = remaining(resolved.group, input);
  return {
    ids: left.map(({ deployment }) => deployment.id),
    reasons: Object.fromEntries(drops.map(({ candidate, reason }) => [candidate.deployment.id, reason])),
    emptiedBy,
  };
}

describe("tags", () => {
  const list = [
    entry("m", "free", { tags: ["free"] }),
    entry("m", "paid", { tags: ["paid", "fast"] }),
    entry("m", "standard", { tags: ["default"] }),
    entry("m", "plain"),
  ];
  const on = { enable_tag_filtering: true };

  test.each([
    [["free"], {}, ["free"]],
    [["free", "paid"], {}, ["free", "paid"]],
    [["paid", "fast"], { tag_filtering_match_any: false }, ["paid"]],
    [["paid", "free"], { tag_filtering_match_any: false }, []],
    [["nobody-has-it"], {}, ["standard"]],
    [[], {}, ["standard"]],
    [["!free", "free", "paid"], {}, ["paid"]],
    [["&fast", "paid", "free"], {}, ["paid"]],
    [["!default"], {}, []],
    [["!free"], {}, ["standard"]],
    [["&paid"], {}, ["paid"]],
    [["&paid", "&free"], {}, []],
  ] as const)("%p with %p leave %p", (tags, settings, left) => {
    expect(kept(list, { ...on, ...settings }, { tags: [...tags] }).ids).toEqual([...left]);
  });

  test("without the switch tags change nothing", () => {
    expect(kept(list, {}, { tags: ["free"] }).ids).toHaveLength(4);
  });

  test("without defaults everybody serves who wants nothing, and nobody what nobody has", () => {
    const without = [entry("m", "free", { tags: ["free"] }), entry("m", "plain")];
    expect(kept(without, on).ids).toEqual(["free", "plain"]);
    expect(kept(without, on, { tags: ["other"] }).emptiedBy).toBe("tags");
    expect(kept([entry("m", "plain")], on, { tags: ["other"] }).emptiedBy).toBe("tags");
  });

  test("a pattern of request headers", () => {
    const agents = [
      entry("m", "code", { tag_regex: ["^User-Agent:\\s*claude-code/"] }),
      entry("m", "plain", { tags: ["default"] }),
    ];
    const agent = (value: string | null) => (name: string) => (name.toLowerCase() === "user-agent" ? value : null);
    expect(kept(agents, on, { header: agent("claude-code/2.0") }).ids).toEqual(["code"]);
    expect(kept(agents, on, { header: agent("curl/8") }).ids).toEqual(["plain"]);
    expect(kept(agents, on).ids).toEqual(["plain"]);
  });

  test("a group that may fail open forgets what the caller asks, not what its key and its team must have", () => {
    const open = [
      entry("m", "free", { tags: ["free"] }, { allow_fail_open: true }),
      entry("m", "standard", { tags: ["default"] }),
    ];
    expect(kept(open, on, { tags: ["&free", "&default"] }).ids).toEqual(["standard"]);
    expect(kept(open, on, { tags: ["!free", "!default"], policyTags: ["!default"] }).ids).toEqual(["free"]);
    expect(kept(open, on, { tags: ["&free", "&default"], policyTags: ["&free", "&default"] }).emptiedBy).toBe("tags");
    // A tag that nobody ever had opens nothing.
    expect(kept(open, on, { tags: ["&free", "&invented"] }).emptiedBy).toBe("tags");
  });

  test("the group's own word about tags goes before the router's", () => {
    const own = (enable_tag_filtering: boolean) => [
      entry("m", "free", { tags: ["free"] }, { enable_tag_filtering }),
      entry("m", "plain"),
    ];
    expect(kept(own(true), {}, { tags: ["free"] }).ids).toEqual(["free"]);
    expect(kept(own(false), on, { tags: ["free"] }).ids).toEqual(["free", "plain"]);
  });

  test("what is excluded never serves, what is required always does", () => {
    const tag = fc.constantFrom("a", "b", "c", "default");
    const word = fc
      .tuple(fc.constantFrom("", "!", "&"), fc.constantFrom("a", "b", "c", "z"))
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(
        fc.array(fc.uniqueArray(tag), { minLength: 1, maxLength: 4 }),
        fc.array(word, { maxLength: 3 }),
        fc.boolean(),
        (has, tags, any) => {
          const deployments = has.map((own, index) => entry("m", String(index), { tags: own }));
          const { ids } = kept(deployments, { ...on, tag_filtering_match_any: any }, { tags });
          for (const id of ids) {
            const own = has[Number(id)] ?? [];
            for (const asked of tags) {
              if (asked.startsWith("!")) expect(own as string[]).not.toContain(asked.slice(1));
              if (asked.startsWith("&")) expect(own as string[]).toContain(asked.slice(1));
            }
          }
        },
      ),
    );
  });

  test("a prefix says that a tag is meant for routing, whether anybody knows it or not", () => {
    const prefixed = { ...on, tag_routing_prefix: "route:" };
    expect(kept(list, prefixed, { tags: ["route:paid"] }).ids).toEqual(["paid"]);
    expect(kept(list, prefixed, { tags: ["unknown"] }).ids).toEqual(["standard"]);
    expect(kept(list, prefixed, { tags: ["route:unknown"] }).emptiedBy).toBe("tags");
  });
});

describe("pre-call checks", () => {
  const on = { enable_pre_call_checks: true };

  test("prompts that do not fit, limits that are used up, regions that are not allowed", () => {
    const list = [
      entry("m", "small", {}, { max_input_tokens: 100 }),
      entry("m", "large", {}, { max_input_tokens: 100_000 }),
      entry("m", "used", { rpm: 1 }, { max_input_tokens: 100_000 }),
      entry("m", "europe", { region_name: "eu-west-1" }, { max_input_tokens: 100_000 }),
    ];
    const busy = (router: Router): void => router.state("used").minute.began(NOW);
    expect(kept(list, on, { exactTokens: 5000 }, busy).reasons).toEqual({ small: "context_window", used: "rpm" });
    expect(kept(list, on, { allowedRegion: "eu" }, busy).ids).toEqual(["europe"]);
    expect(kept(list, {}, { exactTokens: 5000 }).ids).toHaveLength(4);
  });

  test("eu and us are all regions there, anything else is one region", () => {
    expect(inRegion("eu-central-1", "eu")).toBe(true);
    expect(inRegion("europe-west4", "EU")).toBe(true);
    expect(inRegion("us-east-1", "eu")).toBe(false);
    expect(inRegion("eastus2", "us")).toBe(true);
    expect(inRegion("us-east-1", "us-east-1")).toBe(true);
    expect(inRegion(undefined, "eu")).toBe(false);
  });
});

describe("order, slots, teams", () => {
  test("the lowest order that is left, and after a failure the next", () => {
    const list = [
      entry("m", "a", { order: 1 }),
      entry("m", "b", { order: 1 }),
      entry("m", "c", { order: 2 }),
      entry("m", "d"),
    ];
    expect(kept(list, {}).ids).toEqual(["a", "b"]);
    expect(kept(list, {}, {}, () => {}, ["a"]).ids).toEqual(["b"]);
    expect(kept(list, {}, {}, () => {}, ["a", "b"]).ids).toEqual(["c"]);
    expect(kept(list, {}, {}, () => {}, ["a", "b", "c"]).ids).toEqual(["d"]);
    expect(kept(list, {}, {}, () => {}, ["a", "b", "c", "d"]).ids).toEqual(["a", "b"]);
  });

  test("full deployments are passed over; a full group is told as such", () => {
    const list = [entry("m", "a", { max_parallel_requests: 1 }), entry("m", "b", { max_parallel_requests: 2 })];
    const fill = (counts: Record<string, number>) => (router: Router) => {
      for (const [id, count] of Object.entries(counts)) router.state(id).inFlight = count;
    };
    expect(kept(list, {}, {}, fill({ a: 1, b: 1 })).ids).toEqual(["b"]);
    expect(kept(list, {}, {}, fill({ a: 1, b: 2 })).emptiedBy).toBe("capacity");
  });

  test("a team's deployment is nobody else's, and has the team's own name", () => {
    const list = [
      entry("m", "all"),
      entry("m", "mine", {}, { team_id: "t1" }),
      entry("model_t1_9", "own", {}, { team_id: "t1", team_public_model_name: "gpt" }),
    ];
    expect(kept(list, {}, { teamId: "t2" }).ids).toEqual(["all"]);
    expect(kept(list, {}, { teamId: "t1" }).ids).toEqual(["mine"]);
    expect(kept(list, {}, { teamId: "t1", model: "gpt" }).ids).toEqual(["own"]);
    expect(() => kept(list, {}, { teamId: "t2", model: "gpt" })).toThrow("nobody serves gpt");
  });
});

describe("affinity", () => {
  test.each([
    ["session_affinity", { sessionId: "session-1", keyHash: "k" }],
    ["deployment_affinity", { keyHash: "k" }],
  ] as const)("%s sends the same ones to the same deployment until it cools down", (check, request) => {
    const router = new Router({ random: Math.random, now: () => NOW });
    const snapshot = snapshotOf({
      model_list: ["a", "b", "c", "d"].map((id) => entry("m", id)),
      router_settings: { optional_pre_call_checks: [check] },
    });
    const routing = router.of(snapshot);
    const resolved = routing.resolve("m");
    if (resolved === undefined) throw new Error("m is not served");
    const choose = (asked: RouteRequest): string => {
      const input = {
        request: asked,
        rules: routing.rules,
        now: NOW,
        random: Math.random,
        tried: new Set<string>(),
        drops: [],
      };
      const selection = select(resolved.group, input, router.affinity);
      if (selection.candidate === undefined) throw new Error("nobody is left");
      const call = router.began(resolved.group, "m", selection.candidate, routing.rules, asked);
      router.remember(call, asked, selection.prefixes);
      router.ended(call, { status: "success", seconds: 1 });
      return selection.candidate.deployment.id;
    };
    const first = choose(requestOf(request));
    for (let round = 0; round < 50; round++) expect(choose(requestOf(request))).toBe(first);
    router.learned(first, { since: NOW, until: NOW + 1000, code: "internal" });
    expect(choose(requestOf(request))).not.toBe(first);
    const others = new Set(
      Array.from({ length: 100 }, (_, round) => choose(requestOf({ keyHash: `k${round}`, sessionId: `s${round}` }))),
    );
    expect(others.size).toBe(3);
  });
});
