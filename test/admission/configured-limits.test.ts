import { afterAll, describe, expect, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { ManagementClient, unique } from "../support/management-client.ts";
import { chatAnswer, startUpstream } from "../support/upstream.ts";

/** One call bills 10 tokens in and 5 out: 10 × 1,000 + 5 × 4,000 nano-dollars. */
const COST = 30_000e-9;

let held: (() => void)[] | undefined;
const upstream = startUpstream(async () => {
  if (held !== undefined) await new Promise<void>((resolve) => held?.push(resolve));
  return Response.json(chatAnswer("fine"));
});
const running: RunningGateway[] = [];
afterAll(async () => {
  for (const free of held ?? []) free();
  await Promise.all(running.map((gateway) => gateway.stop()));
  await upstream.stop();
});

interface Sections {
  readonly library?: object;
  readonly general?: object;
  readonly params?: object;
}

async function gatewayWith({ library, general, params }: Sections): Promise<ManagementClient> {
  const priced = { input_cost_per_token: 1e-6, output_cost_per_token: 4e-6 };
  const entry = (name: string, more: object) => ({
    model_name: name,
    litellm_params: { model: "openai/a-model", api_base: `${upstream.url}/v1`, api_key: "k", num_retries: 0, ...more },
  });
  const config = JSON.stringify({
    model_list: [entry("m", { ...priced, ...params }), entry("unpriced", {})],
    litellm_settings: library ?? {},
    general_settings: general ?? {},
  });
  const gateway = await startGateway({ config });
  running.push(gateway);
  return new ManagementClient(gateway);
}

const few = { max_tokens: 5 };

test("the whole proxy: a budget for everybody together, and calls at a time", async () => {
  const client = await gatewayWith({
    library: { max_budget: COST * 20, budget_duration: "30d" },
    general: { global_max_parallel_requests: 2 },
  });
  const keys = await Promise.all([1, 2].map(async () => (await client.ok("POST", "/key/generate", {})).key));

  held = [];
  const first = [client.chat("m", keys[0], few), client.chat("m", keys[1], few)];
  await eventually(() => held?.length === 2);
  const third = await client.chat("m", undefined, few);
  expect(third.status).toBe(429);
  expect(third.body.error.message).toContain("Limit type: max_parallel_requests. Current limit: 2");
  for (const free of held.splice(0)) free();
  held = undefined;
  expect((await Promise.all(first)).map(({ status }) => status)).toEqual([200, 200]);

  let answered = 2;
  let last = await client.chat("m", keys[0], few);
  for (; last.status === 200 && answered < 30; answered++) last = await client.chat("m", keys[answered % 2], few);
  expect(answered).toBeGreaterThanOrEqual(14);
  expect(answered).toBeLessThanOrEqual(20);
  expect(last).toMatchObject({ status: 422, body: { error: { type: "budget_exceeded" } } });
  expect(last.body.error.message).toMatch(/^Budget has been exceeded! Current cost: .*, Max budget: 0.0006/);
  // The master key is no way around it.
  expect((await client.chat("m", undefined, few)).status).toBe(422);
});

test("tags of the configuration, and models without a price", async () => {
  const client = await gatewayWith({
    library: {
      tag_budget_config: { spender: { max_budget: COST * 9, budget_duration: "1d" } },
      block_requests_for_models_without_pricing: true,
    },
  });
  const tagged = { ...few, metadata: { tags: ["spender"] } };
  let last = await client.chat("m", undefined, tagged);
  for (let calls = 1; last.status === 200 && calls < 15; calls++) last = await client.chat("m", undefined, tagged);
  expect(last.status).toBe(422);
  expect(last.body.error.message).toStartWith("Exceeded budget for tag='spender'");
  expect((await client.chat("m", undefined, few)).status).toBe(200);
  const unpriced = await client.chat("unpriced", undefined, few);
  expect(unpriced).toMatchObject({ status: 403, body: { error: { type: "model_cost_map_missing", param: "model" } } });
});

describe("end users without a budget of their own", () => {
  test("have the one of max_end_user_budget, each for itself", async () => {
    const client = await gatewayWith({ library: { max_end_user_budget: COST * 9 } });
    const spend = async (user: string) => {
      let calls = 0;
      while (calls < 15 && (await client.chat("m", undefined, { ...few, user })).status === 200) calls++;
      return calls;
    };
    expect(await spend("anna")).toBeLessThanOrEqual(9);
    expect(await spend("bert")).toBeGreaterThanOrEqual(2);
  });

  test("have the one of max_end_user_budget_id, with its period", async () => {
    const client = await gatewayWith({ library: { max_end_user_budget_id: "guests" } });
    await client.ok("POST", "/budget/new", { budget_id: "guests", rpm_limit: 1, budget_duration: "1d" });
    expect((await client.chat("m", undefined, { ...few, user: "carl" })).status).toBe(200);
    expect((await client.chat("m", undefined, { ...few, user: "carl" })).status).toBe(429);
    expect((await client.chat("m", undefined, { ...few, user: "dora" })).status).toBe(200);
  });
});

test("budgets begin anew for customers and organisations, with what was spent beyond them carried over", async () => {
  const client = await gatewayWith({
    library: { budget_rollover: true },
    general: { proxy_budget_rescheduler_min_time: 1, proxy_budget_rescheduler_max_time: 1 },
  });
  const [budget, user, other] = [unique("budget"), unique("user"), unique("user")];
  await client.ok("POST", "/budget/new", { budget_id: budget, max_budget: COST * 9, budget_duration: "3s" });
  await client.ok("POST", "/customer/new", { user_id: user, budget_id: budget });
  await client.ok("POST", "/customer/new", { user_id: other, budget_id: budget });
  const call = (name: string) => client.chat("m", undefined, { ...few, user: name });
  let last = await call(user);
  for (let calls = 1; last.status === 200 && calls < 15; calls++) last = await call(user);
  expect(last.status).toBe(422);
  await eventually(async () => (await call(user)).status === 200, { seconds: 20 });
}, 40_000);

describe("keys", () => {
  test("have so many calls at a time as the configuration gives those that say nothing of it", async () => {
    const client = await gatewayWith({ general: { max_parallel_requests: 1 } });
    const { key } = await client.ok("POST", "/key/generate", {});
    const { key: wide } = await client.ok("POST", "/key/generate", { max_parallel_requests: 2 });
    held = [];
    const calls = [client.chat("m", key, few), client.chat("m", wide, few)];
    await eventually(() => held?.length === 2);
    expect((await client.chat("m", key, few)).status).toBe(429);
    const second = client.chat("m", wide, few);
    await eventually(() => held?.length === 3);
    for (const free of held.splice(0)) free();
    held = undefined;
    expect((await Promise.all([...calls, second])).map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  test("that asked for it are slowed down when their budget is spent, instead of being refused", async () => {
    const client = await gatewayWith({ library: { budget_exceeded_throttle_percentage: 0.5 } });
    const limits = { max_budget: COST / 10, rpm_limit: 4 };
    const { key: refused } = await client.ok("POST", "/key/generate", limits);
    expect((await client.chat("m", refused, few)).status).toBe(422);
    const metadata = { throttle_on_budget_exceeded: true };
    const { key } = await client.ok("POST", "/key/generate", { ...limits, metadata });
    const statuses: number[] = [];
    for (let calls = 0; calls < 3; calls++) statuses.push((await client.chat("m", key, few)).status);
    expect(statuses).toEqual([200, 200, 429]);
  });

  test("of a team count for their owner's budget when they are told to", async () => {
    const client = await gatewayWith({ general: { apply_user_budget_to_team_keys: true } });
    const user = await client.person("internal_user", { max_budget: COST / 10 });
    const team = await client.ok("POST", "/team/new", { members_with_roles: [{ role: "user", user_id: user.id }] });
    const { key } = await client.ok("POST", "/key/generate", { user_id: user.id, team_id: team.team_id });
    const answer = await client.chat("m", key, few);
    expect(answer.status).toBe(422);
    expect(answer.body.error.message).toStartWith(`ExceededBudget: User=${user.id}`);
  });

  test("have the limits of the model where they have none for it, and only the tokens that count", async () => {
    const client = await gatewayWith({
      params: { default_api_key_rpm_limit: 2 },
      general: { token_rate_limit_type: "output" },
    });
    const { key } = await client.ok("POST", "/key/generate", {});
    const { key: own } = await client.ok("POST", "/key/generate", { model_rpm_limit: { m: 3 } });
    const statuses = async (secret: string) => {
      const found: number[] = [];
      for (let calls = 0; calls < 4; calls++) found.push((await client.chat("m", secret, few)).status);
      return found;
    };
    expect(await statuses(key)).toEqual([200, 200, 429, 429]);
    expect(await statuses(own)).toEqual([200, 200, 200, 429]);
    // Five tokens of output a call; the thousands of input do not count.
    const { key: counted } = await client.ok("POST", "/key/generate", { tpm_limit: 11, model_rpm_limit: { m: 9 } });
    const long = { ...few, messages: [{ role: "user", content: "word ".repeat(2000) }] };
    const answers = [1, 2, 3].map(() => () => client.chat("m", counted, long));
    const found: number[] = [];
    for (const answer of answers) found.push((await answer()).status);
    expect(found).toEqual([200, 200, 429]);
  });

  test("hold all that an answer can be with reservation: strict, and send the bound where the model's is not known", async () => {
    const client = await gatewayWith({ general: { reservation: "strict" } });
    const { key } = await client.ok("POST", "/key/generate", { max_budget: 1 });
    upstream.requests.length = 0;
    expect((await client.chat("m", key)).status).toBe(200);
    expect(upstream.requests[0]?.json?.max_tokens).toBe(4096);
    // Two answers share what the budget still pays for.
    const { key: small } = await client.ok("POST", "/key/generate", { max_budget: 0.004 });
    expect((await client.chat("m", small, { n: 2 })).status).toBe(200);
    const each = upstream.requests[1]?.json?.max_tokens as number;
    expect(each).toBeGreaterThan(300);
    expect(each * 2 * 4e-6).toBeLessThan(0.004);
  });

  test("and users get the budgets that the configuration gives new ones", async () => {
    const client = await gatewayWith({
      library: { max_internal_user_budget: 3, internal_user_budget_duration: "7d", default_soft_budget: 2 },
    });
    const user = await client.ok("POST", "/user/new", { user_role: "internal_user", auto_create_key: false });
    expect(user).toMatchObject({ max_budget: 3, budget_duration: "7d" });
    const admin = await client.ok("POST", "/user/new", { user_role: "proxy_admin", auto_create_key: false });
    expect(admin.max_budget).toBeNull();
    expect(await client.ok("POST", "/key/generate", {})).toMatchObject({ soft_budget: 2 });
  });
});
