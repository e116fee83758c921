import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { openDatabase } from "../../src/store/database.ts";
import { eventually } from "../support/eventually.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { testRedis } from "../support/services/redis.ts";
import { chatAnswer, chatStream, startUpstream, type Upstream } from "../support/upstream.ts";
import { KEYS, REGION, startBucket } from "./object-service.ts";

const redis = await testRedis("cache");
let upstream: Upstream;

beforeAll(() => {
  upstream = startUpstream(() => new Response("not set", { status: 500 }));
});
afterAll(() => upstream.stop());
beforeEach(() => {
  upstream.requests.length = 0;
  upstream.handler = ({ json, path }) => {
    if (path.includes("embeddings")) return Response.json({ data: [{ embedding: [1] }], usage: { prompt_tokens: 3 } });
    return json?.stream === true ? chatStream(["one ", "two"]) : Response.json(chatAnswer("fine"));
  };
});

function start(params: Record<string, unknown>, env: Record<string, string> = {}): Promise<RunningGateway> {
  return startGateway({
    env,
    config: JSON.stringify({
      model_list: ["m", "n"].map((name) => ({
        model_name: name,
        litellm_params: { model: "openai/gpt-4o-mini", api_base: `${upstream.url}/v1`, api_key: "k", num_retries: 0 },
      })),
      litellm_settings: { cache: true, cache_params: params },
    }),
  });
}

const text = () => `question ${crypto.randomUUID()}`;

function chat(gateway: RunningGateway, content: string, extra: Record<string, unknown> = {}): Promise<Response> {
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${gateway.key}` },
    body: JSON.stringify({ model: "m", messages: [{ role: "user", content }], ...extra }),
  });
}

const bucket = startBucket("s3");
afterAll(() => bucket.stop());

const stores: [string, Record<string, unknown>, Record<string, string>][] = [
  [
    "s3",
    {
      type: "s3",
      s3_bucket_name: "answers",
      s3_region_name: REGION,
      s3_endpoint_url: bucket.url,
      s3_aws_access_key_id: KEYS.accessKeyId,
      s3_aws_secret_access_key: KEYS.secretAccessKey,
    },
    {},
  ],
  ["local", { type: "local" }, {}],
  ["disk", { type: "disk" }, {}],
  ...(redis === undefined
    ? []
    : [
        ["redis", { type: "redis" }, { REDIS_URL: redis.url }] as [
          string,
          Record<string, unknown>,
          Record<string, string>,
        ],
      ]),
];

describe.each(stores)("answers kept in %s", (type, params, env) => {
  let gateway: RunningGateway;
  beforeAll(async () => {
    gateway = await start(params, env);
  });
  afterAll(() => gateway.stop());

  test("a second equal request is answered without a call, and costs nothing in the ledger", async () => {
    const content = text();
    const first = await chat(gateway, content);
    const body = await first.text();
    expect(first.headers.get("x-litellm-cache-key")).toBeNull();
    const second = await eventually(async () => {
      const response = await chat(gateway, content);
      return response.headers.get("x-litellm-cache-key") === null ? undefined : response;
    });
    expect(await second.text()).toBe(body);
    expect(second.headers.get("x-litellm-response-cost")).toBe(first.headers.get("x-litellm-response-cost"));
    expect((await chat(gateway, `${content}!`)).headers.get("x-litellm-cache-key")).toBeNull();
    expect((await chat(gateway, content, { model: "n" })).headers.get("x-litellm-cache-key")).toBeNull();
    expect((await chat(gateway, content, { temperature: 0.5 })).headers.get("x-litellm-cache-key")).toBeNull();

    const id = second.headers.get("x-litellm-call-id") ?? "";
    const database = openDatabase({ dataDir: gateway.dataDir });
    try {
      const row = await eventually(async () =>
        database.kysely.selectFrom("spend").selectAll().where("id", "=", id).executeTakeFirst(),
      );
      expect(row).toMatchObject({ cost_nano: 0n, cache_hit: 1, status: "success", total_tokens: 15 });
    } finally {
      await database.close();
    }
  });

  test("a stream is kept as a stream", async () => {
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.key });
    const content = text();
    const ask = async (): Promise<string> => {
      let said = "";
      const stream = await client.chat.completions.create({
        model: "m",
        stream: true,
        messages: [{ role: "user", content }],
      });
      for await (const chunk of stream) said += chunk.choices[0]?.delta?.content ?? "";
      return said;
    };
    expect(await ask()).toBe("one two");
    await eventually(async () => {
      const before = upstream.requests.length;
      expect(await ask()).toBe("one two");
      return upstream.requests.length === before ? true : undefined;
    });
  });

  test("the administrator looks, forgets one, forgets all", async () => {
    const headers = { authorization: `Bearer ${gateway.key}` };
    const ping = await fetch(`${gateway.url}/cache/ping`, { headers });
    expect(await ping.json()).toMatchObject({ status: "healthy", cache_type: type, ping_response: true });
    const content = text();
    await (await chat(gateway, content)).text();
    const hit = await eventually(async () => {
      const response = await chat(gateway, content);
      return response.headers.get("x-litellm-cache-key") ?? undefined;
    });
    const post = (path: string, body: unknown) =>
      fetch(`${gateway.url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    expect((await post("/cache/delete", { keys: [hit] })).status).toBe(200);
    expect((await chat(gateway, content)).headers.get("x-litellm-cache-key")).toBeNull();
    expect((await post("/cache/delete", { keys: "all" })).status).toBe(400);
    expect((await post("/cache/flushall", {})).status).toBe(200);
    expect((await chat(gateway, content)).headers.get("x-litellm-cache-key")).toBeNull();
    expect((await fetch(`${gateway.url}/cache/ping`)).status).toBe(401);
  });
});

describe("what a request may say", () => {
  let gateway: RunningGateway;
  let optIn: RunningGateway;
  beforeAll(async () => {
    gateway = await start({ type: "local" });
    optIn = await start({ type: "local", mode: "default_off" });
  });
  afterAll(async () => {
    await gateway.stop();
    await optIn.stop();
  });

  const asks = async (to: RunningGateway, content: string, extra: Record<string, unknown> = {}): Promise<boolean> => {
    const response = await chat(to, content, extra);
    await response.text();
    expect(response.status).toBe(200);
    return response.headers.get("x-litellm-cache-key") !== null;
  };

  test("no-cache, no-store, ttl, s-maxage, namespace; none of it goes upstream", async () => {
    const content = text();
    expect(await asks(gateway, content, { cache: { "no-store": true } })).toBe(false);
    expect(await asks(gateway, content)).toBe(false);
    expect(await asks(gateway, content)).toBe(true);
    expect(await asks(gateway, content, { cache: { "no-cache": true } })).toBe(false);
    expect(await asks(gateway, content, { cache: { namespace: "mine" } })).toBe(false);
    expect(await asks(gateway, content, { cache: { namespace: "mine" } })).toBe(true);
    const short = text();
    expect(await asks(gateway, short, { cache: { ttl: 0.05 } })).toBe(false);
    await Bun.sleep(80);
    expect(await asks(gateway, short)).toBe(false);
    await Bun.sleep(30);
    expect(await asks(gateway, short, { cache: { "s-maxage": 0.01 } })).toBe(false);
    for (const { json } of upstream.requests) expect(json).not.toHaveProperty("cache");
  });

  test("default_off keeps only what asks for it", async () => {
    const content = text();
    expect(await asks(optIn, content)).toBe(false);
    expect(await asks(optIn, content)).toBe(false);
    const use = { cache: { "use-cache": true } };
    expect(await asks(optIn, content, use)).toBe(false);
    expect(await asks(optIn, content, use)).toBe(true);
  });

  test("a hundred equal requests at once make one call; when it fails, another takes its place", async () => {
    const content = text();
    let calls = 0;
    upstream.handler = async () => {
      await Bun.sleep(30);
      return calls++ === 0
        ? Response.json({ error: { message: "no" } }, { status: 400 })
        : Response.json(chatAnswer("fine"));
    };
    const statuses = await Promise.all(Array.from({ length: 100 }, async () => (await chat(gateway, content)).status));
    expect(statuses.filter((status) => status === 400).length).toBe(1);
    expect(statuses.filter((status) => status === 200).length).toBe(99);
    expect(upstream.requests.length).toBe(2);
  });

  test("a client that goes away while it waits leaves its place", async () => {
    const content = text();
    let free = (): void => {};
    upstream.handler = () =>
      new Promise((resolve) => {
        free = () => resolve(Response.json(chatAnswer("fine")));
      });
    const first = chat(gateway, content);
    while (upstream.requests.length === 0) await Bun.sleep(5);
    const controller = new AbortController();
    const second = fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${gateway.key}` },
      body: JSON.stringify({ model: "m", messages: [{ role: "user", content }] }),
      signal: controller.signal,
    });
    await Bun.sleep(30);
    controller.abort();
    expect(second).rejects.toThrow();
    free();
    expect((await first).status).toBe(200);
    expect(upstream.requests.length).toBe(1);
  });

  test("each client format has answers of its own; failures are not kept", async () => {
    const content = text();
    const anthropic = new Anthropic({ baseURL: gateway.url, apiKey: gateway.key });
    const message = { model: "m", max_tokens: 9, messages: [{ role: "user" as const, content }] };
    expect((await anthropic.messages.create(message)).content).toMatchObject([{ type: "text", text: "fine" }]);
    const before = upstream.requests.length;
    expect((await anthropic.messages.create(message)).content).toMatchObject([{ type: "text", text: "fine" }]);
    expect(upstream.requests.length).toBe(before);

    upstream.handler = () => Response.json({ error: { message: "busy" } }, { status: 503 });
    const failing = text();
    expect((await chat(gateway, failing)).status).toBe(503);
    upstream.handler = () => Response.json(chatAnswer("fine"));
    expect(await asks(gateway, failing)).toBe(false);
  });

  test("embeddings are kept, too", async () => {
    const embed = () =>
      fetch(`${gateway.url}/v1/embeddings`, {
        method: "POST",
        headers: { authorization: `Bearer ${gateway.key}` },
        body: JSON.stringify({ model: "m", input: "one text" }),
      });
    const first = await (await embed()).json();
    const second = await embed();
    expect(second.headers.get("x-litellm-cache-key")).not.toBeNull();
    expect(await second.json()).toEqual(first as object);
  });
});

describe("lists of embeddings", () => {
  let gateway: RunningGateway;
  beforeAll(async () => {
    gateway = await start({ type: "local" });
  });
  afterAll(() => gateway.stop());
  beforeEach(() => {
    upstream.handler = ({ json }) => {
      const input = [json?.input].flat() as string[];
      const data = input.map((item, index) => ({
        object: "embedding",
        index,
        embedding: [item.length, item.charCodeAt(0)],
      }));
      const tokens = input.join("").length;
      // As some servers do, in another order.
      return Response.json({
        object: "list",
        data: data.reverse(),
        model: "e",
        usage: { prompt_tokens: tokens, total_tokens: tokens },
      });
    };
  });

  interface Answer {
    readonly data: { readonly index: number; readonly embedding: number[] }[];
    readonly usage: { readonly prompt_tokens: number };
  }

  async function embed(input: unknown, extra: object = {}): Promise<{ answer: Answer; headers: Headers }> {
    const response = await fetch(`${gateway.url}/v1/embeddings`, {
      method: "POST",
      headers: { authorization: `Bearer ${gateway.key}` },
      body: JSON.stringify({ model: "m", input, ...extra }),
    });
    expect(response.status).toBe(200);
    return { answer: (await response.json()) as Answer, headers: response.headers };
  }

  test("only inputs without a vector go out, in whatever list or alone they were; the answer is whole and in order", async () => {
    const [a, b, c] = ["aaa", "bbbbb", "c"].map((word) => `${word}${crypto.randomUUID().slice(0, 4)}`) as [
      string,
      string,
      string,
    ];
    await embed([a, b]);
    const { answer, headers } = await embed([b, c, a]);
    expect(upstream.requests.map(({ json }) => json?.input)).toEqual([[a, b], [c]]);
    expect(headers.get("x-litellm-cache-key")).toBeNull();
    expect(answer.data.map(({ index, embedding }) => [index, ...embedding])).toEqual(
      [b, c, a].map((item, index) => [index, item.length, item.charCodeAt(0)]),
    );
    expect(answer.usage.prompt_tokens).toBe(a.length + b.length + c.length);
    const again = await embed([c, b]);
    expect(again.headers.get("x-litellm-cache-key")).not.toBeNull();
    expect(again.answer.data.map(({ embedding }) => embedding[0])).toEqual([c.length, b.length]);
    expect((await embed(a)).headers.get("x-litellm-cache-key")).not.toBeNull();
    expect((await embed([a], { dimensions: 2 })).headers.get("x-litellm-cache-key")).toBeNull();
    expect(upstream.requests).toHaveLength(3);
  });

  test("a row has what was asked for only, and a whole hit costs nothing", async () => {
    const [a, b] = [text(), text()];
    await embed([a]);
    const half = await embed([a, b]);
    const none = await embed([b, a]);
    const database = openDatabase({ dataDir: gateway.dataDir });
    try {
      const row = (headers: Headers) =>
        eventually(() =>
          database.kysely
            .selectFrom("spend")
            .selectAll()
            .where("id", "=", headers.get("x-litellm-call-id") ?? "")
            .executeTakeFirst(),
        );
      expect(await row(half.headers)).toMatchObject({
        prompt_tokens: b.length,
        cache_hit: null,
        metadata: JSON.stringify({ cached_inputs: 1 }),
      });
      expect(await row(none.headers)).toMatchObject({
        prompt_tokens: a.length + b.length,
        cost_nano: 0n,
        cache_hit: 1,
      });
    } finally {
      await database.close();
    }
  });

  test("equal lists at once make one call; too few vectors are no answer", async () => {
    const list = [text(), text()];
    const usual = upstream.handler;
    upstream.handler = async (request, signal) => {
      await Bun.sleep(30);
      return usual(request, signal);
    };
    const answers = await Promise.all(Array.from({ length: 20 }, () => embed(list)));
    expect(new Set(answers.map(({ answer }) => JSON.stringify(answer))).size).toBe(1);
    expect(upstream.requests).toHaveLength(1);
    upstream.handler = () => Response.json({ object: "list", data: [], model: "e", usage: { prompt_tokens: 1 } });
    const response = await fetch(`${gateway.url}/v1/embeddings`, {
      method: "POST",
      headers: { authorization: `Bearer ${gateway.key}` },
      body: JSON.stringify({ model: "m", input: [...list, text()] }),
    });
    expect(response.status).toBe(500);
    expect(await response.text()).toContain("vectors");
  });
});
