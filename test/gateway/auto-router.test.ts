import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { chat, type RunningGateway, startGateway } from "../support/gateway.ts";
import { ManagementClient } from "../support/management-client.ts";
import { chatAnswer, type ReceivedRequest, startUpstream, type Upstream } from "../support/upstream.ts";

/** Names that stand for others: by the words of a question, by a model's own words, by what is asked in like words. */
let upstream: Upstream;
let gateway: RunningGateway;
let failing = "";
let embeddings = 0;

/** Sports are in the one direction, food in the other. */
const vectorOf = (text: string): number[] =>
  /goal|match|score/i.test(text) ? [1, 0] : /soup|cook/i.test(text) ? [0, 1] : [-1, -1];

function answer({ path, json, headers }: ReceivedRequest): Response {
  if (path.endsWith("/embeddings")) {
    embeddings++;
    if (failing === "embeddings") return Response.json({ error: { message: "down" } }, { status: 500 });
    const input = (Array.isArray(json?.input) ? json.input : [json?.input]) as string[];
    const data = input.map((text, index) => ({ object: "embedding", index, embedding: vectorOf(text) }));
    return Response.json({ object: "list", data, model: "e", usage: { prompt_tokens: 3, total_tokens: 3 } });
  }
  const name = (headers.get("authorization") ?? "").replace("Bearer key-of-", "");
  if (failing === name) return Response.json({ error: { message: "down" } }, { status: 500 });
  return Response.json(chatAnswer(`by ${name}`));
}

const model = (name: string, info: object = {}): unknown => ({
  model_name: name,
  litellm_params: { model: "openai/gpt-4o-mini", api_base: `${upstream.url}/v1`, api_key: `key-of-${name}` },
  model_info: { id: `${name}-1`, ...info },
});

beforeAll(async () => {
  upstream = startUpstream(answer);
  gateway = await startGateway({
    config: JSON.stringify({
      model_list: [
        model("cheap", { litellm_routing_preferences: { quality_tier: 1 } }),
        model("strong", { litellm_routing_preferences: { quality_tier: 4, keywords: ["kubernetes"] } }),
        model("sports"),
        model("embedder", { mode: "embedding" }),
        {
          model_name: "smart",
          litellm_params: {
            model: "auto_router/complexity_router",
            complexity_router_config: {
              tiers: { SIMPLE: "cheap", MEDIUM: "cheap", COMPLEX: "strong", REASONING: "strong" },
            },
          },
        },
        {
          model_name: "best",
          litellm_params: {
            model: "auto_router/quality_router",
            quality_router_config: { available_models: ["cheap", "strong"] },
          },
        },
        {
          model_name: "topics",
          litellm_params: {
            model: "auto_router/topics",
            auto_router_default_model: "cheap",
            auto_router_embedding_model: "embedder",
            auto_router_config: JSON.stringify({
              routes: [
                { name: "sports", utterances: ["who scored the goal", "the match"], score_threshold: 0.5 },
                { name: "strong", utterances: ["how to cook soup"] },
              ],
            }),
          },
        },
      ],
      general_settings: { store_model_in_db: true },
      router_settings: { num_retries: 0, fallbacks: [{ smart: ["sports"] }], model_group_alias: { clever: "smart" } },
    }),
  });
});
afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
});

const ask = (name: string, content: string, extra: object = {}): Promise<Response> =>
  chat(gateway, { model: name, messages: [{ role: "user", content }], ...extra });

async function servedBy(response: Promise<Response>): Promise<string> {
  const answered = await response;
  const body = (await answered.json()) as { choices?: { message: { content: string } }[] };
  return body.choices?.[0]?.message.content ?? `${answered.status}`;
}

const HARD =
  "Design a distributed architecture with low latency and high throughput for our api and its database schema";

describe("a name that stands for others", () => {
  test("by what a question looks like, under the name that was asked for, with the reason in the headers", async () => {
    const easy = await ask("smart", "hello");
    expect(easy.headers.get("x-litellm-model-id")).toBe("cheap-1");
    expect(easy.headers.get("x-litellm-complexity-router-tier")).toBe("SIMPLE");
    expect(easy.headers.get("x-litellm-complexity-router-cause")).toBe("heuristic_scorer");
    expect(await easy.json()).toMatchObject({ model: "smart" });
    expect(await servedBy(ask("smart", HARD))).toBe("by strong");
    expect(await servedBy(ask("clever", HARD))).toBe("by strong");
  });

  test("in other formats and for streams, too", async () => {
    const anthropic = await fetch(`${gateway.url}/v1/messages`, {
      method: "POST",
      headers: { "x-api-key": gateway.key },
      body: JSON.stringify({
        model: "smart",
        max_tokens: 50,
        messages: [{ role: "user", content: [{ type: "text", text: HARD }] }],
      }),
    });
    expect(anthropic.headers.get("x-litellm-model-id")).toBe("strong-1");
    expect(await anthropic.json()).toMatchObject({ model: "smart", content: [{ text: "by strong" }] });
    const responses = await fetch(`${gateway.url}/v1/responses`, {
      method: "POST",
      headers: { authorization: `Bearer ${gateway.key}` },
      body: JSON.stringify({ model: "smart", input: "hello" }),
    });
    expect([responses.status, responses.headers.get("x-litellm-model-id")]).toEqual([200, "cheap-1"]);
    await responses.text();
    const stream = await ask("smart", "hello", { stream: true });
    expect(await stream.text()).toContain("by cheap");
  });

  test("its fallbacks are those of the name that was asked for", async () => {
    failing = "cheap";
    expect(await servedBy(ask("smart", "hello"))).toBe("by sports");
    failing = "";
  });

  test("by a model's own words, else by its quality", async () => {
    expect(await servedBy(ask("best", "hello"))).toBe("by cheap");
    const named = await ask("best", "what is Kubernetes");
    expect(named.headers.get("x-litellm-quality-router-keyword")).toBe("kubernetes");
    expect(await named.json()).toMatchObject({ choices: [{ message: { content: "by strong" } }] });
  });

  test("by what is asked in like words; the router's own words are embedded once", async () => {
    expect(await servedBy(ask("topics", "a goal in the last minute"))).toBe("by sports");
    expect(await servedBy(ask("topics", "I want to cook"))).toBe("by strong");
    expect(await servedBy(ask("topics", "something else"))).toBe("by cheap");
    expect(embeddings).toBe(4);
    failing = "embeddings";
    const without = await ask("topics", "a goal again");
    expect(without.headers.get("x-isthmus-auto-router-cause")).toBe("semantic_error");
    expect(await without.json()).toMatchObject({ choices: [{ message: { content: "by cheap" } }] });
    failing = "";
  });

  test("a key needs the router's name only, and without it gets nothing embedded", async () => {
    const client = new ManagementClient(gateway);
    const { key } = (await client.ok("POST", "/key/generate", { models: ["smart"] })) as { key: string };
    const as = (name: string, content: string): Promise<Response> =>
      chat(gateway, { model: name, messages: [{ role: "user", content }] }, { authorization: `Bearer ${key}` });
    expect(await servedBy(as("smart", HARD))).toBe("by strong");
    expect((await as("strong", HARD)).status).toBe(403);
    const before = embeddings;
    expect((await as("topics", "a goal")).status).toBe(403);
    expect(embeddings).toBe(before);
  });

  test("is listed among the models, and explained without calling anybody", async () => {
    const listed = await fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${gateway.key}` } });
    const { data } = (await listed.json()) as { data: { id: string }[] };
    expect(data.map(({ id }) => id)).toEqual(expect.arrayContaining(["smart", "best", "topics"]));
    const explain = async (name: string): Promise<unknown> =>
      (
        await fetch(`${gateway.url}/utils/route/explain`, {
          method: "POST",
          headers: { authorization: `Bearer ${gateway.key}` },
          body: JSON.stringify({ model: name, messages: [{ role: "user", content: HARD }] }),
        })
      ).json();
    expect(await explain("smart")).toMatchObject({
      auto_router: { kind: "complexity", routed_to: "strong", tier: "COMPLEX", cause: "heuristic_scorer" },
      group: "strong",
      fallbacks: { general: ["sports"] },
      deployments: [{ model_id: "strong-1", considered: true }],
    });
    const before = embeddings;
    expect(await explain("topics")).toMatchObject({ auto_router: { cause: "semantic_not_asked", routed_to: "cheap" } });
    expect(embeddings).toBe(before);
  });

  test("is kept in the database like any model, and shown among them", async () => {
    const client = new ManagementClient(gateway);
    const declared = await client.ok("GET", "/model/info");
    expect((declared as { data: { model_name: string }[] }).data.map(({ model_name }) => model_name)).toContain(
      "smart",
    );
    const params = {
      model: "auto_router/complexity_router",
      complexity_router_config: { tiers: { SIMPLE: "sports" } },
    };
    await client.ok("POST", "/model/new", {
      model_name: "stored",
      litellm_params: params,
      model_info: { id: "stored-1" },
    });
    expect(await servedBy(ask("stored", "hello"))).toBe("by sports");
    expect(await client.ok("GET", "/model/info?litellm_model_id=stored-1")).toMatchObject({
      data: [{ model_name: "stored", litellm_params: params, model_info: { id: "stored-1", db_model: true } }],
    });
    const changed = {
      model: "auto_router/complexity_router",
      complexity_router_config: { tiers: { SIMPLE: "cheap" } },
    };
    await client.ok("PATCH", "/model/stored-1/update", { litellm_params: changed });
    expect(await servedBy(ask("stored", "hello"))).toBe("by cheap");
    await client.ok("POST", "/model/delete", { id: "stored-1" });
    expect((await ask("stored", "hello")).status).toBe(400);
  });

  test("its decision stands in the row", async () => {
    const response = await ask("smart", "hello");
    await response.text();
    const id = response.headers.get("x-litellm-call-id");
    const row = await eventually(async () => {
      const rows = await new ManagementClient(gateway).ok("GET", `/spend/logs?request_id=${id}`);
      return (rows as unknown as { model_group: string; metadata: { routing_decision?: object } }[])[0];
    });
    expect(row).toMatchObject({ model_group: "smart", metadata: { routing_decision: { model: "cheap" } } });
  });
});
