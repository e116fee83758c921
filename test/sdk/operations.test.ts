import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  completion,
  embedding,
  image_generation,
  imageGeneration,
  Router,
  rerank,
  responses,
  transcription,
} from "../../src/sdk/index.ts";
import { chatAnswer, chatStream, startUpstream, type Upstream } from "../support/upstream.ts";

let upstream: Upstream;
beforeAll(() => {
  upstream = startUpstream(() => new Response("not set", { status: 500 }));
});
afterAll(() => upstream.stop());
beforeEach(() => {
  upstream.requests.length = 0;
});

const target = () => ({ apiBase: `${upstream.url}/v1`, api_key: "sk-x" });
const messages = [{ role: "user", content: "hi" }];

describe("operations", () => {
  test("embedding", async () => {
    upstream.handler = () =>
      Response.json({
        object: "list",
        data: [{ embedding: [1, 2] }],
        usage: { prompt_tokens: 1000, total_tokens: 1000 },
      });
    const answer = await embedding({
      model: "openai/text-embedding-3-small",
      input: ["a"],
      dimensions: 2,
      ...target(),
    });
    expect(answer.data).toEqual([{ embedding: [1, 2] }]);
    expect(answer.isthmus.cost).toBeCloseTo(1000 * 2e-8, 12);
    expect(upstream.requests[0]).toMatchObject({
      path: "/v1/embeddings",
      json: { model: "text-embedding-3-small", input: ["a"], dimensions: 2 },
    });
  });

  test("rerank", async () => {
    upstream.handler = () =>
      Response.json({ results: [{ index: 1, relevance_score: 0.9 }], meta: { billed_units: { search_units: 1 } } });
    const answer = await rerank({
      model: "cohere/rerank-v3.5",
      query: "q",
      documents: ["a", "b"],
      apiBase: upstream.url,
      apiKey: "k",
    });
    expect(answer.results).toMatchObject([{ index: 1 }]);
    expect(answer.isthmus.cost).toBeGreaterThan(0);
    expect(upstream.requests[0]?.path).toContain("/rerank");
  });

  test("image generation, by both names", async () => {
    upstream.handler = () => Response.json({ created: 1, data: [{ b64_json: "AA==" }] });
    expect(image_generation).toBe(imageGeneration);
    const answer = await imageGeneration({ model: "openai/dall-e-3", prompt: "p", size: "1024x1024", ...target() });
    expect(answer.data).toEqual([{ b64_json: "AA==" }]);
    expect(upstream.requests[0]?.path).toBe("/v1/images/generations");
  });

  test("transcription sends the sound under its name, and takes text for an answer", async () => {
    upstream.handler = () => new Response("hello there", { headers: { "content-type": "text/plain" } });
    const file = new File([Uint8Array.of(1, 2, 3)], "talk.mp3");
    const answer = await transcription({ model: "openai/whisper-1", file, response_format: "text", ...target() });
    expect(answer.text).toBe("hello there");
    const [request] = upstream.requests;
    expect(request?.path).toBe("/v1/audio/transcriptions");
    expect(request?.headers.get("content-type")).toStartWith("multipart/form-data; boundary=");
    expect(request?.text).toContain('filename="talk.mp3"');
  });

  test("responses of a provider that has no Responses endpoint, whole and streamed", async () => {
    upstream.handler = ({ json }) =>
      json?.stream === true ? chatStream(["a ", "b"]) : Response.json(chatAnswer("hi"));
    const options = { model: "mistral/mistral-small-latest", input: "hello", ...target() };
    const answer = await responses(options);
    expect(answer.output).toMatchObject([{ type: "message", content: [{ type: "output_text", text: "hi" }] }]);
    let text = "";
    const stream = await responses({ ...options, stream: true });
    for await (const event of stream) if (event.type === "response.output_text.delta") text += event.delta;
    expect(text).toBe("a b");
    expect(stream.isthmus?.usageBuckets?.buckets).toEqual({ input: 10, output: 2 });
  });
});

describe("retries, fallbacks and aborts", () => {
  const failing = (times: number) => {
    let failed = 0;
    return () =>
      failed++ < times
        ? Response.json({ error: { message: "busy" } }, { status: 503 })
        : Response.json(chatAnswer("ok"));
  };

  test("what may pass is tried again, as often as was said", async () => {
    upstream.handler = failing(1);
    const answer = await completion({ model: "openai/gpt-4o-mini", messages, num_retries: 1, ...target() });
    expect(answer.choices).toMatchObject([{ message: { content: "ok" } }]);
    upstream.handler = failing(1);
    expect(completion({ model: "openai/gpt-4o-mini", messages, numRetries: 0, ...target() })).rejects.toThrow("busy");
  });

  test("a fallback answers under its own name, with the environment's key", async () => {
    upstream.handler = ({ json }) =>
      json?.model === "broken"
        ? Response.json({ error: { message: "no" } }, { status: 400 })
        : Response.json(chatAnswer("ok"));
    const answer = await completion({
      model: "openai/broken",
      messages,
      fallbacks: ["openai/gpt-4o-mini"],
      environment: { OPENAI_API_KEY: "sk-environment", OPENAI_API_BASE: `${upstream.url}/v1` },
      ...target(),
    });
    expect(answer.isthmus.model).toBe("openai/gpt-4o-mini");
    expect(upstream.requests.map(({ headers }) => headers.get("authorization"))).toEqual([
      "Bearer sk-x",
      "Bearer sk-environment",
    ]);
  });

  test("a stream that breaks before its first piece is tried again", async () => {
    let calls = 0;
    upstream.handler = () =>
      calls++ === 0
        ? chatStream([], { tail: 'data: {"error":{"message":"no capacity","type":"server_error"}}\n\n' })
        : chatStream(["fine"]);
    const stream = await completion({ model: "openai/gpt-4o-mini", messages, stream: true, ...target() });
    let text = "";
    for await (const chunk of stream)
      text += (chunk.choices as { delta: { content?: string } }[])[0]?.delta.content ?? "";
    expect(text).toBe("fine");
  });

  test("an abort ends the call and is not tried again; a time limit is the provider's timeout", async () => {
    upstream.handler = () => new Promise(() => {});
    const controller = new AbortController();
    const call = completion({ model: "openai/gpt-4o-mini", messages, signal: controller.signal, ...target() });
    setTimeout(() => controller.abort(new Error("enough")), 20);
    expect(call).rejects.toThrow("enough");
    const slow = completion({ model: "openai/gpt-4o-mini", messages, timeout: 0.05, numRetries: 0, ...target() });
    expect(slow).rejects.toMatchObject({ code: "timeout" });
    await Promise.allSettled([call, slow]);
    expect(upstream.requests.length).toBe(2);
  });

  test("a caller that stops reading stops the provider", async () => {
    upstream.aborted = 0;
    upstream.handler = () => chatStream(Array(500).fill("word "), { gap: 10 });
    const stream = await completion({ model: "openai/gpt-4o-mini", messages, stream: true, ...target() });
    for await (const _ of stream) break;
    for (let waited = 0; upstream.aborted === 0 && waited < 300; waited++) await Bun.sleep(10);
    expect(upstream.aborted).toBe(1);
  });
});

describe("Router", () => {
  const list = () => [
    { model_name: "m", litellm_params: { model: "openai/a", api_base: `${upstream.url}/v1`, api_key: "k", weight: 3 } },
    { model_name: "m", litellm_params: { model: "openai/b", api_base: `${upstream.url}/v1`, api_key: "k", weight: 1 } },
    { model_name: "spare", litellm_params: { model: "openai/c", api_base: `${upstream.url}/v1`, api_key: "k" } },
  ];

  test("shares the load by weight", async () => {
    upstream.handler = () => Response.json(chatAnswer("ok"));
    const router = new Router({ model_list: list() });
    await Promise.all(Array.from({ length: 400 }, () => router.completion({ model: "m", messages })));
    const ofA = upstream.requests.filter(({ json }) => json?.model === "a").length;
    expect(ofA).toBeGreaterThan(240);
    expect(ofA).toBeLessThan(360);
    expect(upstream.requests[0]?.json).not.toHaveProperty("weight");
  });

  test("tries another deployment, leaves one alone that keeps failing, and falls back", async () => {
    upstream.handler = ({ json }) =>
      json?.model === "a"
        ? Response.json({ error: { message: "down" } }, { status: 503 })
        : Response.json(chatAnswer("ok"));
    const router = new Router({ modelList: list(), allowedFails: 1, cooldownTime: 60 });
    for (let call = 0; call < 20; call++) await router.completion({ model: "m", messages });
    expect(upstream.requests.filter(({ json }) => json?.model === "a").length).toBe(2);

    upstream.handler = ({ json }) =>
      json?.model === "c"
        ? Response.json(chatAnswer("spare"))
        : Response.json({ error: { message: "no" } }, { status: 400 });
    const other = new Router({ model_list: list(), fallbacks: [{ m: ["spare"] }] });
    expect((await other.completion({ model: "m", messages })).choices).toMatchObject([
      { message: { content: "spare" } },
    ]);
    expect(other.completion({ model: "nobody", messages })).rejects.toThrow("no deployment is called nobody");
  });
});
