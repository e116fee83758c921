import { afterAll, beforeAll, expect, test } from "bun:test";
import { chat, type RunningGateway, startGateway } from "../support/gateway.ts";
import { chatAnswer, startUpstream, type Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let gateway: RunningGateway;

beforeAll(async () => {
  upstream = startUpstream((request) =>
    (request.headers.get("authorization") ?? "").endsWith("bad")
      ? Response.json({ error: { message: "no such key", type: "authentication_error" } }, { status: 401 })
      : Response.json(chatAnswer("hello")),
  );
  const deployment = (group: string, id: string, params: Record<string, unknown> = {}, info = {}): unknown => ({
    model_name: group,
    litellm_params: { model: "openai/gpt-4o-mini", api_base: `${upstream.url}/v1`, api_key: "good", ...params },
    model_info: { id, ...info },
  });
  gateway = await startGateway({
    config: JSON.stringify({
      model_list: [
        deployment("gpt", "good-1", { weight: 3, order: 1 }),
        deployment("gpt", "bad-1", { api_key: "bad", weight: 5, order: 1 }),
        deployment("gpt", "small-1", { weight: 1, order: 1 }, { max_input_tokens: 50 }),
        deployment("gpt", "later-1", { weight: 1, order: 9 }),
        deployment("other", "other-1"),
        deployment("broken", "broken-1", { api_key: "bad" }),
      ],
      router_settings: {
        enable_pre_call_checks: true,
        cooldown_time: 600,
        model_group_alias: { short: "gpt" },
        fallbacks: [{ gpt: ["other"] }],
        context_window_fallbacks: [{ gpt: ["other"] }],
      },
    }),
  });
});

afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
});

interface Explained {
  readonly known: boolean;
  readonly group: string;
  readonly strategy: string;
  readonly fallbacks: Readonly<Record<string, readonly string[]>>;
  readonly deployments: readonly {
    readonly model_id: string;
    readonly considered: boolean;
    readonly dropped_because?: string;
    readonly weight?: number;
    readonly state: Readonly<Record<string, unknown>>;
  }[];
  readonly fallback_groups: readonly { readonly model: string; readonly deployments: readonly unknown[] }[];
  readonly refusal?: { readonly status: number; readonly message: string };
}

async function explain(body: unknown): Promise<Explained> {
  const response = await fetch(`${gateway.url}/utils/route/explain`, {
    method: "POST",
    headers: { authorization: `Bearer ${gateway.key}` },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Explained;
}

test("each deployment says whether it is considered, else why it is not", async () => {
  const messages = [{ role: "user", content: "word ".repeat(200) }];
  // The rejected key cools its deployment down; whatever is asked first, the answer comes from elsewhere.
  for (let round = 0; round < 30; round++) expect((await chat(gateway, { model: "gpt", messages })).status).toBe(200);
  const explained = await explain({ model: "short", messages });
  expect(explained).toMatchObject({ known: true, group: "gpt", strategy: "simple-shuffle" });
  const reasons = Object.fromEntries(
    explained.deployments.map(({ model_id, considered, dropped_because }) => [model_id, dropped_because ?? considered]),
  );
  expect(reasons).toEqual({ "good-1": true, "bad-1": "cooldown", "small-1": "context_window", "later-1": "order" });
  expect(explained.deployments[1]?.state).toMatchObject({ cooldown: "cooling", cooldown_because: "authentication" });
  expect(explained.fallbacks).toEqual({ general: ["other"], context_window: ["other"], content_policy: ["other"] });
  expect(explained.fallback_groups.map(({ model }) => model)).toEqual(["other"]);
});

test("a request that nobody can take has its refusal; a name that nobody has is not known", async () => {
  expect((await chat(gateway, { model: "broken", messages: [] })).status).toBe(401);
  const explained = await explain({ model: "broken", messages: [] });
  expect(explained.refusal?.status).toBe(429);
  expect(explained.refusal?.message).toContain("All deployments for selected model are in cooldown");
  expect((await chat(gateway, { model: "broken", messages: [] })).status).toBe(429);
  expect((await explain({ model: "nothing" })).known).toBe(false);
});

test("explaining calls nobody; a body without a model is refused", async () => {
  const before = upstream.requests.length;
  await explain({ model: "gpt", messages: [] });
  expect(upstream.requests).toHaveLength(before);
  const response = await fetch(`${gateway.url}/utils/route/explain`, {
    method: "POST",
    headers: { authorization: `Bearer ${gateway.key}` },
    body: "{}",
  });
  expect(response.status).toBe(400);
  expect((await fetch(`${gateway.url}/utils/route/explain`, { method: "POST", body: "{}" })).status).toBe(401);
});
