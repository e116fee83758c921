import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import { openDatabase } from "../../src/store/database.ts";
import { eventually } from "../support/eventually.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { testRedis } from "../support/services/redis.ts";
import { chatAnswer, chatStream, startUpstream, type Upstream } from "../support/upstream.ts";
import { startQdrant } from "./qdrant-server.ts";
import { startSearchServer } from "./search-server.ts";

const redis = await testRedis("semantic");
const qdrant = startQdrant("qdrant-key");
// A database of its own: a flush here must not take what other tests keep.
const search = redis === undefined ? undefined : startSearchServer(`${redis.url}/7`);
let upstream: Upstream;
let answered = 0;

/** Words that mean the same share a direction; how many of them there are says nothing. */
function embeddingOf(text: string): number[] {
  const vector = [0, 0, 0, 0, 0.05];
  const meanings: [RegExp, number][] = [
    [/weather|forecast|rain/i, 0],
    [/paris|french capital/i, 1],
    [/rome|italian capital/i, 2],
    [/recipe|cook/i, 3],
  ];
  for (const [pattern, at] of meanings) if (pattern.test(text)) vector[at] = 1;
  return vector;
}

beforeAll(() => {
  upstream = startUpstream(() => new Response("not set", { status: 500 }));
});
afterAll(async () => {
  await upstream.stop();
  await qdrant.stop();
  await search?.stop();
});
beforeEach(() => {
  upstream.requests.length = 0;
  upstream.handler = ({ json, path }) => {
    if (path.includes("embeddings")) {
      const embedding = embeddingOf(String(json?.input));
      return Response.json({
        data: [{ embedding, index: 0 }],
        model: "e",
        usage: { prompt_tokens: 3, total_tokens: 3 },
      });
    }
    answered++;
    return json?.stream === true ? chatStream([`answer ${answered}`]) : Response.json(chatAnswer(`answer ${answered}`));
  };
});

function start(params: Record<string, unknown>): Promise<RunningGateway> {
  const litellm_params = { model: "openai/gpt-4o-mini", api_base: `${upstream.url}/v1`, api_key: "k", num_retries: 0 };
  return startGateway({
    config: JSON.stringify({
      model_list: [
        { model_name: "m", litellm_params },
        { model_name: "n", litellm_params },
        { model_name: "vectors", litellm_params: { ...litellm_params, model: "openai/text-embedding-3-small" } },
      ],
      litellm_settings: { cache: true, cache_params: { similarity_threshold: 0.95, ...params } },
    }),
  });
}

interface Said {
  readonly text: string;
  readonly similarity: number | undefined;
  readonly key: string | null;
  readonly id: string;
}

async function ask(gateway: RunningGateway, content: unknown, extra: Record<string, unknown> = {}): Promise<Said> {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${gateway.key}` },
    body: JSON.stringify({ model: "m", messages: [{ role: "user", content }], ...extra }),
  });
  const text = await response.text();
  expect({ status: response.status, text }).toMatchObject({ status: 200 });
  const similarity = response.headers.get("x-isthmus-semantic-similarity");
  return {
    text: /answer \d+/.exec(text)?.[0] ?? text,
    similarity: similarity === null ? undefined : Number(similarity),
    key: response.headers.get("x-litellm-cache-key"),
    id: response.headers.get("x-litellm-call-id") ?? "",
  };
}

const STORES: [string, () => Record<string, unknown>][] = [
  ["disk-semantic", () => ({ disk_semantic_cache_embedding_model: "vectors" })],
  [
    "qdrant-semantic",
    () => ({
      qdrant_semantic_cache_embedding_model: "vectors",
      qdrant_api_base: qdrant.url,
      qdrant_api_key: "qdrant-key",
      qdrant_collection_name: "answers",
      qdrant_quantization_config: "binary",
    }),
  ],
  ...(search === undefined
    ? []
    : (["redis", "valkey"] as const).map((kind): [string, () => Record<string, unknown>] => [
        `${kind}-semantic`,
        () => ({
          [`${kind}_semantic_cache_embedding_model`]: "vectors",
          [`${kind}_semantic_cache_index_name`]: `${kind}${crypto.randomUUID().slice(0, 8)}`,
          host: "127.0.0.1",
          port: search.port,
        }),
      ])),
];

describe.each(STORES)("%s", (type, params) => {
  let gateway: RunningGateway;
  beforeAll(async () => {
    gateway = await start({ type, ...params() });
  });
  afterAll(() => gateway.stop());

  test("the same question in other words has the same answer; another question has its own", async () => {
    const first = await ask(gateway, "What is the weather in Paris?");
    expect(first.key).toBeNull();
    const second = await eventually(async () => {
      const said = await ask(gateway, `How is the forecast for the French capital? ${crypto.randomUUID()}`);
      return said.key === null ? undefined : said;
    });
    expect(second.similarity).toBeGreaterThan(0.95);
    expect(second.text).toMatch(/answer/);
    expect((await ask(gateway, "And the weather in Rome?")).key).toBeNull();
    const ping = await fetch(`${gateway.url}/cache/ping`, { headers: { authorization: `Bearer ${gateway.key}` } });
    expect(await ping.json()).toMatchObject({
      status: "healthy",
      litellm_cache_params: { similarity_threshold: 0.95, embedding_model: "vectors" },
    });
  });

  test("a flush forgets the questions, too", async () => {
    const before = await ask(gateway, "A recipe?");
    await eventually(async () => (await ask(gateway, `How do I cook? ${crypto.randomUUID()}`)).text === before.text);
    const response = await fetch(`${gateway.url}/cache/flushall`, {
      method: "POST",
      headers: { authorization: `Bearer ${gateway.key}` },
    });
    expect(response.status).toBe(200);
    expect((await ask(gateway, "Please help me cook")).key).toBeNull();
  });
});

describe("what must be equal", () => {
  let gateway: RunningGateway;
  beforeAll(async () => {
    gateway = await start({ type: "disk-semantic", disk_semantic_cache_embedding_model: "vectors" });
  });
  afterAll(() => gateway.stop());

  test("model, parameters, system prompt, stream; questions with pictures are compared by their bytes only", async () => {
    const system = [{ role: "system", content: "Be short." }];
    const with_ = (content: unknown, before: object[] = system) => ({
      messages: [...before, { role: "user", content }],
    });
    const first = await ask(gateway, "", with_("rain in Rome?"));
    const other = () => with_(`weather Rome ${crypto.randomUUID()}`);
    expect((await ask(gateway, "", other())).text).toBe(first.text);
    expect((await ask(gateway, "", { ...other(), model: "n" })).key).toBeNull();
    expect((await ask(gateway, "", { ...other(), temperature: 0 })).key).toBeNull();
    expect((await ask(gateway, "", { ...other(), stream: true })).key).toBeNull();
    expect((await ask(gateway, "", with_("weather Rome?", [{ role: "system", content: "Be long." }]))).key).toBeNull();
    const picture = { type: "image_url", image_url: { url: "https://example.com/a.png" } };
    expect((await ask(gateway, "", with_([{ type: "text", text: "weather Rome" }, picture]))).key).toBeNull();
    expect((await ask(gateway, "", { ...other(), cache: { "no-cache": true } })).key).toBeNull();
  });

  test("a vector costs what it costs, in a row of its own; the hit costs nothing", async () => {
    const client = new Anthropic({ baseURL: gateway.url, apiKey: gateway.key });
    const say = (content: string) =>
      client.messages.create({ model: "m", max_tokens: 50, messages: [{ role: "user", content }] });
    const first = await say("recipe?");
    const second = await say("how to cook?");
    expect(second.content).toEqual(first.content);
    const database = openDatabase({ dataDir: gateway.dataDir });
    try {
      await eventually(async () => {
        const rows = await database.kysely.selectFrom("spend").selectAll().execute();
        const vectors = rows.filter(({ call_type }) => call_type === "aembedding");
        const hits = rows.filter(({ call_type, cache_hit }) => call_type === "anthropic_messages" && cache_hit === 1);
        return hits.length === 1 && hits[0]?.cost_nano === 0n && vectors.some(({ cost_nano }) => cost_nano > 0n);
      });
    } finally {
      await database.close();
    }
  });

  test("when the vectors fail, requests go on without", async () => {
    const usual = upstream.handler;
    upstream.handler = (request, signal) =>
      request.path.includes("embeddings") ? new Response("no", { status: 500 }) : usual(request, signal);
    expect((await ask(gateway, `weather, Paris ${crypto.randomUUID()}`)).key).toBeNull();
  });
});
