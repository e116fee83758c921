import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { chat, type RunningGateway, startGateway } from "../support/gateway.ts";
import { ManagementClient } from "../support/management-client.ts";
import { chatAnswer, chatStream, startUpstream, type Upstream } from "../support/upstream.ts";

/** Each rule of the router as a caller meets it; a deployment is known to the provider by its key. */
let upstream: Upstream;
let gateway: RunningGateway;
let client: ManagementClient;
const asked: string[] = [];
const behaviours = new Map<string, (stream: boolean) => Response | Promise<Response>>();
const MESSAGES = [{ role: "user", content: "hello" }];

const plain = (name: string, stream: boolean): Response =>
  stream ? chatStream([name]) : Response.json(chatAnswer(name));
const refuse =
  (status: number, headers: Record<string, string> = {}) =>
  (): Response =>
    Response.json({ error: { message: `refused with ${status}`, type: "error" } }, { status, headers });
const late = (name: string, ms: number) => async (stream: boolean) => {
  await Bun.sleep(ms);
  return plain(name, stream);
};

const deployment = (group: string, name: string, params: object = {}, info: object = {}): unknown => ({
  model_name: group,
  litellm_params: { model: "openai/gpt-4o-mini", api_base: `${upstream.url}/v1`, api_key: `key-of-${name}`, ...params },
  model_info: { id: name, ...info },
});

beforeAll(async () => {
  upstream = startUpstream((request) => {
    const name = (request.headers.get("authorization") ?? "").replace("Bearer key-of-", "");
    asked.push(name);
    return behaviours.get(name)?.(request.json?.stream === true) ?? plain(name, request.json?.stream === true);
  });
  gateway = await startGateway({
    env: { STORE_MODEL_IN_DB: "True" },
    config: JSON.stringify({
      model_list: [
        deployment("ordered", "order-1", { order: 1 }),
        deployment("ordered", "order-2", { order: 2 }),
        deployment("windows", "small", { order: 1 }, { max_input_tokens: 50 }),
        deployment("windows", "large", { order: 2 }, { max_input_tokens: 5000 }),
        deployment("regions", "in-europe", { region_name: "eu-west-1" }),
        deployment("regions", "in-america", { region_name: "us-east-1" }),
        deployment("tagged", "free", { tags: ["free"] }),
        deployment("tagged", "paid", { tags: ["paid"] }),
        deployment("tagged", "standard", { tags: ["default"] }),
        deployment("strict", "only-paid", { tags: ["paid"] }),
        deployment("narrow", "narrow-a", { max_parallel_requests: 1 }),
        deployment("weighted", "never", { weight: 0 }),
        deployment("weighted", "always", { weight: 1 }),
        deployment("busy", "busy-a"),
        deployment("busy", "busy-b"),
        deployment("prices", "cheap", { input_cost_per_token: 1e-7, output_cost_per_token: 1e-7 }),
        deployment("prices", "dear", { input_cost_per_token: 1e-5, output_cost_per_token: 1e-5 }),
        deployment("speeds", "swift"),
        deployment("speeds", "slow"),
        deployment("usage", "usage-a"),
        deployment("usage", "usage-b"),
        deployment("rpm", "rpm-a", { rpm: 2 }),
        deployment("output", "output-a", { otpm: 1000, order: 1 }),
        deployment("output", "output-b", { order: 2 }),
        deployment("purse", "poor", { max_budget: 0.00001, budget_duration: "1d", order: 1 }),
        deployment("purse", "rich", { order: 2 }),
        deployment("provider-purse", "deep", {
          model: "deepseek/deepseek-chat",
          input_cost_per_token: 1e-5,
          output_cost_per_token: 1e-5,
        }),
        deployment("sessions", "session-a"),
        deployment("sessions", "session-b"),
        deployment("sessions", "session-c"),
        deployment("stored", "stored-a", { use_chat_completions_api: true }),
        deployment("stored", "stored-b", { use_chat_completions_api: true }),
        deployment("stored", "stored-c", { use_chat_completions_api: true }),
        deployment("hedged", "hedged-a", { order: 1 }),
        deployment("hedged", "hedged-b", { order: 2 }),
        ...[500, 429, 401].map((status) => deployment(`fails-${status}`, `fails-${status}`)),
        deployment("limited", "limited-a", { cooldown_time: 1 }),
        deployment("limited", "limited-b"),
        ...["one", "two", "three", "four"].map((name) => deployment(name, name)),
        deployment("anything/*", "wild-wide"),
        deployment("anything/inner-*", "wild-long"),
        deployment("anything/exact", "wild-exact"),
      ],
      router_settings: {
        num_retries: 0,
        max_fallbacks: 2,
        fallbacks: [{ one: ["two", "three", "four"] }],
        enable_pre_call_checks: true,
        enable_tag_filtering: true,
        optional_pre_call_checks: ["session_affinity", "responses_api_deployment_check"],
        model_group_alias: { shown: "ordered", "anything/alias": { model: "prices", hidden: true } },
        routing_groups: [
          { models: ["busy"], routing_strategy: "least-busy" },
          { models: ["prices"], routing_strategy: "cost-based-routing" },
          { models: ["speeds"], routing_strategy: "latency-based-routing" },
          { models: ["usage"], routing_strategy: "usage-based-routing-v2" },
        ],
        provider_budget_config: { deepseek: { budget_limit: 0.0001, time_period: "1d" } },
        hedging: { hedged: { after: 0.1 } },
        retry_policy: { RateLimitErrorRetries: 0, InternalServerErrorRetries: 2, AuthenticationErrorRetries: 0 },
        retry_after: 0,
        allowed_fails_policy: { InternalServerErrorAllowedFails: 100, RateLimitErrorAllowedFails: 0 },
        cooldown_time: 60,
      },
    }),
  });
  client = new ManagementClient(gateway);
});
afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
});
beforeEach(() => {
  asked.length = 0;
  behaviours.clear();
});

const ask = (model: string, extra: object = {}, headers: Record<string, string> = {}): Promise<Response> =>
  chat(gateway, { model, messages: MESSAGES, ...extra }, headers);

async function served(response: Promise<Response>): Promise<string> {
  const answer = await response;
  return answer.status === 200
    ? (answer.headers.get("x-litellm-model-id") ?? "")
    : `${answer.status} ${await answer.text()}`;
}

async function times(count: number, once: () => Promise<string>): Promise<Set<string>> {
  const seen = new Set<string>();
  for (let index = 0; index < count; index++) seen.add(await once());
  return seen;
}

const keyed = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });
async function keyWith(fields: object): Promise<string> {
  const { key } = (await client.ok("POST", "/key/generate", fields)) as { key: string };
  return key;
}

describe("which group", () => {
  test.each([
    ["anything/exact", "wild-exact"],
    ["anything/inner-thing", "wild-long"],
    ["anything/else", "wild-wide"],
    ["shown", "order-1"],
    ["anything/alias", "cheap"],
    ["order-2", "order-2"],
  ])("%s leads to %s", async (model, to) => {
    expect(await served(ask(model))).toBe(to);
  });

  test("a hidden alias is not listed, a shown one is", async () => {
    const { data } = (await client.ok("GET", "/v1/models")) as { data: { id: string }[] };
    const names = data.map(({ id }) => id);
    expect(names).toContain("shown");
    expect(names).not.toContain("anything/alias");
  });

  test("a team's own name is the team's alone", async () => {
    const { team_id } = (await client.ok("POST", "/team/new", { team_alias: "owners" })) as { team_id: string };
    await client.ok("POST", "/model/new", {
      model_name: "house-model",
      litellm_params: { model: "openai/gpt-4o-mini", api_base: `${upstream.url}/v1`, api_key: "key-of-of-the-team" },
      model_info: { id: "of-the-team", team_id, team_public_model_name: "house-model" },
    });
    const own = await keyWith({ team_id });
    const other = await keyWith({});
    expect(await served(ask("house-model", {}, keyed(own)))).toBe("of-the-team");
    expect(await served(ask("house-model", {}, keyed(other)))).toStartWith("40");
  });
});

describe("which deployment", () => {
  test("the lowest order, and the next one when it fails", async () => {
    expect(await times(5, () => served(ask("ordered")))).toEqual(new Set(["order-1"]));
    behaviours.set("order-1", refuse(500));
    expect(await served(ask("ordered"))).toBe("order-2");
  });

  test("one whose context window takes the prompt; none is a 400", async () => {
    expect(await served(ask("windows"))).toBe("small");
    const long = (words: number) => ({ messages: [{ role: "user", content: "many words ".repeat(words) }] });
    expect(await served(ask("windows", long(100)))).toBe("large");
    expect(await served(ask("windows", long(9000)))).toStartWith("400");
  });

  test.each(["eu", "us"])("only in the region that the end user allows: %s", async (region) => {
    const user_id = `customer-${region}`;
    await client.ok("POST", "/customer/new", { user_id, allowed_model_region: region });
    const seen = await times(8, () => served(ask("regions", { user: user_id })));
    expect(seen).toEqual(new Set([region === "eu" ? "in-europe" : "in-america"]));
  });

  test("by the tags of the header, the body, the metadata and the key; others by default", async () => {
    expect(await served(ask("tagged", {}, { "x-litellm-tags": "paid" }))).toBe("paid");
    expect(await served(ask("tagged", { tags: ["free"] }))).toBe("free");
    expect(await served(ask("tagged", { metadata: { tags: ["paid"] } }))).toBe("paid");
    expect(await served(ask("tagged", {}, keyed(await keyWith({ metadata: { tags: ["free"] } }))))).toBe("free");
    expect(await served(ask("tagged"))).toBe("standard");
    expect(await served(ask("tagged", { tags: ["nobody-has-it"] }))).toBe("standard");
    expect(await served(ask("strict", { tags: ["free"] }))).toStartWith("401");
  });

  test("never one of weight 0 while others are there", async () => {
    expect(await times(20, () => served(ask("weighted")))).toEqual(new Set(["always"]));
  });

  test("least-busy: the one that has nothing to do", async () => {
    behaviours.set("busy-a", late("busy-a", 200));
    behaviours.set("busy-b", late("busy-b", 200));
    const first = await Promise.all(Array.from({ length: 6 }, () => served(ask("busy"))));
    expect(first.filter((name) => name === "busy-a")).toHaveLength(3);
  });

  test("cost-based-routing: the cheapest", async () => {
    expect(await times(8, () => served(ask("prices")))).toEqual(new Set(["cheap"]));
  });

  test("latency-based-routing: the quickest once each was tried", async () => {
    behaviours.set("slow", late("slow", 100));
    await times(4, () => served(ask("speeds")));
    expect(await times(8, () => served(ask("speeds")))).toEqual(new Set(["swift"]));
  });

  test("usage-based-routing-v2: the one with fewer tokens in this minute", async () => {
    behaviours.set("usage-a", () =>
      Response.json(
        chatAnswer("a", { usage: { prompt_tokens: 90_000, completion_tokens: 10_000, total_tokens: 100_000 } }),
      ),
    );
    await times(3, () => served(ask("usage")));
    expect(await times(3, () => served(ask("usage")))).toEqual(new Set(["usage-b"]));
  });

  test("not above its rpm: 429 with a retry-after", async () => {
    const results = [await ask("rpm"), await ask("rpm"), await ask("rpm")];
    // The minute may have turned in between.
    const refused = results.find(({ status }) => status === 429) ?? (await ask("rpm"));
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  });

  test("not above its otpm: what calls under way may write counts, what they wrote stays", async () => {
    const release = Promise.withResolvers<void>();
    behaviours.set("output-a", async (stream) => {
      await release.promise;
      return plain("output-a", stream);
    });
    const held = served(ask("output", { max_tokens: 900 }));
    await eventually(() => asked.includes("output-a"));
    expect(await served(ask("output", { max_tokens: 200 }))).toBe("output-b");
    release.resolve();
    expect(await held).toBe("output-a");
    expect(await served(ask("output", { max_tokens: 200 }))).toBe("output-a");
  });

  test("as many calls at a time as max_parallel_requests says; others wait for them", async () => {
    let now = 0;
    let most = 0;
    behaviours.set("narrow-a", async (stream) => {
      most = Math.max(most, ++now);
      await Bun.sleep(20);
      now--;
      return plain("narrow-a", stream);
    });
    const all = await Promise.all(Array.from({ length: 5 }, () => served(ask("narrow"))));
    expect(new Set(all)).toEqual(new Set(["narrow-a"]));
    expect(most).toBe(1);
  });

  test("a deployment's budget sends what follows elsewhere, a provider's refuses it", async () => {
    await served(ask("purse"));
    expect(await times(1, () => served(ask("purse", {})))).not.toContain("429");
    await eventually(async () => (await served(ask("purse"))) === "rich");
    await eventually(async () => (await served(ask("provider-purse"))).startsWith("429"));
    expect(await served(ask("provider-purse"))).toContain("Exceeded budget for provider deepseek");
  });

  test("sessions stay with their deployment", async () => {
    for (const [headers, body] of [
      [{ "x-litellm-session-id": "s-1" }, {}],
      [{}, { litellm_session_id: "s-2" }],
      [{}, { metadata: { session_id: "session-3" } }],
    ] as const) {
      expect([headers, body, (await times(8, () => served(ask("sessions", body, headers)))).size]).toEqual([
        headers,
        body,
        1,
      ]);
    }
    expect((await times(30, () => served(ask("sessions")))).size).toBeGreaterThan(1);
  });

  test("what follows a stored response goes where that one was made", async () => {
    const respond = async (body: object): Promise<[string, string]> => {
      const response = await fetch(`${gateway.url}/v1/responses`, {
        method: "POST",
        headers: { ...keyed(gateway.key), "content-type": "application/json" },
        body: JSON.stringify({ model: "stored", input: "hello", ...body }),
      });
      const { id } = (await response.json()) as { id: string };
      return [id, response.headers.get("x-litellm-model-id") ?? ""];
    };
    const begun = await respond({});
    let [id] = begun;
    for (let turn = 0; turn < 6; turn++) {
      const [next, by] = await respond({ previous_response_id: id });
      expect(by).toBe(begun[1]);
      id = next;
    }
  });
});

describe("when it fails", () => {
  test("at most max_fallbacks groups follow", async () => {
    for (const name of ["one", "two", "three"]) behaviours.set(name, refuse(400));
    expect(await served(ask("one"))).toStartWith("400");
    expect(asked).toEqual(["one", "two", "three"]);
  });

  test.each([
    [500, 3],
    [429, 1],
    [401, 1],
  ])("a %d makes %d attempts, as the policy of its class says", async (status, attempts) => {
    behaviours.set(`fails-${status}`, refuse(status));
    const response = await ask(`fails-${status}`);
    expect(response.status).toBe(status);
    expect(asked).toHaveLength(attempts);
  });

  test("a rate limit cools down at once; later one call tries whether it is over", async () => {
    behaviours.set("limited-a", refuse(429));
    while (!asked.includes("limited-a")) await (await ask("limited")).text();
    asked.length = 0;
    await times(10, () => served(ask("limited")));
    expect(asked).not.toContain("limited-a");
    behaviours.set("limited-a", late("limited-a", 300));
    await Bun.sleep(1100);
    // Half-open: of many at the same time one goes there.
    await Promise.all(Array.from({ length: 30 }, () => served(ask("limited"))));
    expect(asked.filter((name) => name === "limited-a").length).toBeLessThanOrEqual(1);
    await eventually(async () => (await served(ask("limited"))) === "limited-a");
    behaviours.clear();
    await times(20, () => served(ask("limited")));
    expect(asked.filter((name) => name === "limited-a").length).toBeGreaterThan(2);
  });

  test.each([false, true])("a call that shows nothing gets company (stream: %p)", async (stream) => {
    behaviours.set("hedged-a", late("hedged-a", 3000));
    const begin = performance.now();
    const response = await ask("hedged", { stream });
    expect(await response.text()).toContain("hedged-b");
    expect(asked).toEqual(["hedged-a", "hedged-b"]);
    expect(performance.now() - begin).toBeLessThan(2500);
    await eventually(() => upstream.aborted > 0);
  });
});
