import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../src/json/json.ts";
import { endpointUrl } from "../../src/providers/endpoint-url.ts";
import { huggingface } from "../../src/providers/huggingface.ts";
import { type Call, type Endpoint, isConfigureProblem, type OutboundRequest } from "../../src/providers/provider.ts";
import { selectEndpoint } from "../../src/providers/select-endpoint.ts";
import type { Target } from "../../src/snapshot/snapshot.ts";
import { recordedExchanges } from "../formats/recorded-exchange.ts";
import { callTo } from "./call.ts";

function targetOf(params: JsonObject, model = "org/model"): Target {
  const target = huggingface.configure({ params, model, environment: {} });
  if (isConfigureProblem(target)) throw new Error(target.message);
  return target;
}

function chat(params: JsonObject, model = "org/model", stream = false) {
  const target = targetOf(params, model);
  const upstream = huggingface.upstreamModel?.(model, target) ?? model;
  const call: Call = { ...callTo(upstream, { target }), stream };
  const endpoint = selectEndpoint(huggingface, "chat", "openai-chat", call) as Endpoint;
  return { url: endpointUrl(endpoint, call), model: upstream, format: endpoint.format as string };
}

describe("the router", () => {
  const key = { api_key: "hf_key" };
  test("takes models with and without a provider", () => {
    const url = "https://router.huggingface.co/v1/chat/completions";
    expect(chat(key)).toEqual({ url, model: "org/model", format: "openai-chat" });
    expect(chat(key, "org/model:fastest").model).toBe("org/model:fastest");
    // https://huggingface.co/docs/inference-providers/index (2026-11-24): the provider may stand behind the model.
    expect(chat(key, "together/deepseek-ai/DeepSeek-R1")).toEqual({
      url,
      model: "deepseek-ai/DeepSeek-R1:together",
      format: "openai-chat",
    });
  });
  test("needs a key", () => {
    expect(huggingface.configure({ params: {}, model: "m", environment: {} })).toMatchObject({
      code: "missing_credential",
    });
    const environment = { HF_TOKEN: "hf_env" };
    expect(huggingface.configure({ params: {}, model: "m", environment })).toMatchObject({
      headers: { authorization: "Bearer hf_env" },
    });
  });
});

describe("addresses of one's own", () => {
  const url = (api_base: string) => chat({ api_base }).url;
  test("the chat endpoint is appended unless it is there", () => {
    const wanted = "http://localhost:8080/v1/chat/completions";
    expect(url("http://localhost:8080")).toBe(wanted);
    expect(url("http://localhost:8080/")).toBe(wanted);
    expect(url("http://localhost:8080/v1")).toBe(wanted);
    expect(url(wanted)).toBe(wanted);
    expect(url("https://router.huggingface.co/novita/v3/openai")).toBe(
      "https://router.huggingface.co/novita/v3/openai/chat/completions",
    );
    expect(url("https://router.huggingface.co/fireworks-ai/inference/v1")).toBe(
      "https://router.huggingface.co/fireworks-ai/inference/v1/chat/completions",
    );
  });
  test("text generation is chosen by address or by task", () => {
    const base = "http://localhost:8080/generate";
    expect(chat({ api_base: base })).toMatchObject({ url: base, format: "huggingface-generate" });
    expect(chat({ api_base: base }, "m", true).url).toBe("http://localhost:8080/generate_stream");
    expect(chat({ api_base: "http://localhost:8080" }, "text-generation/org/model")).toEqual({
      url: "http://localhost:8080/",
      model: "org/model",
      format: "huggingface-generate",
    });
  });
  test("recorded paths", () => {
    for (const exchange of recordedExchanges("huggingface", /^(chat|generate)-/)) {
      const made = chat({ api_key: "k", api_base: `https://host.test${exchange.path}` });
      expect(new URL(made.url).pathname).toBe(exchange.path);
    }
  });
});

async function exchange(endpoint: Endpoint | undefined, body: JsonObject, answer: Response, params: JsonObject = {}) {
  const target = targetOf({ api_key: "k", ...params });
  const call = callTo("org/model", { target });
  const asked: OutboundRequest[] = [];
  const request: OutboundRequest = {
    method: "POST",
    url: endpointUrl(endpoint as Endpoint, call),
    headers: {},
    body: JSON.stringify(body),
  };
  const response = await endpoint?.exchange?.(
    request,
    async (sent) => {
      asked.push(sent);
      return answer;
    },
    call,
  );
  const sent = asked[0] as OutboundRequest;
  return { url: sent.url, sent: JSON.parse(String(sent.body)), answer: await response?.json() };
}

describe("tasks", () => {
  test("text generation: a list becomes an object", async () => {
    const { answer } = await exchange(huggingface.endpoints.chat?.[1], {}, Response.json([{ generated_text: "x" }]));
    expect(answer).toEqual({ generations: [{ generated_text: "x" }] });
  });

  // https://huggingface.co/docs/inference-providers/tasks/feature-extraction (2026-11-24)
  test("embeddings: vectors, and token vectors as their mean", async () => {
    const endpoint = huggingface.endpoints.embeddings?.[0];
    const vectors = await exchange(
      endpoint,
      { model: "m", input: ["a", "b"] },
      Response.json([
        [1, 2],
        [3, 4],
      ]),
    );
    expect(vectors.url).toBe("https://router.huggingface.co/hf-inference/models/org/model/pipeline/feature-extraction");
    expect(vectors.sent).toEqual({ inputs: ["a", "b"] });
    expect(vectors.answer.data.map((item: JsonObject) => item.embedding)).toEqual([
      [1, 2],
      [3, 4],
    ]);
    const tokens = await exchange(
      endpoint,
      { input: "a" },
      Response.json([
        [
          [1, 2],
          [3, 6],
        ],
      ]),
    );
    expect(tokens.answer.data[0].embedding).toEqual([2, 4]);
    const headers = { "x-compute-tokens": "7" };
    const counted = await exchange(endpoint, { input: "a" }, Response.json([[1]], { headers }));
    expect(counted.answer.usage).toEqual({ prompt_tokens: 7, total_tokens: 7 });
  });

  // https://huggingface.github.io/text-embeddings-inference/ (2026-11-24)
  test("ranking", async () => {
    const { url, sent, answer } = await exchange(
      huggingface.endpoints.rerank?.[0],
      { query: "q", documents: ["a", { text: "b" }], top_n: 1, return_documents: true },
      Response.json([
        { index: 0, score: 0.2 },
        { index: 1, score: 0.9 },
      ]),
      { api_base: "http://localhost:8080" },
    );
    expect(url).toBe("http://localhost:8080/rerank");
    expect(sent).toEqual({ query: "q", texts: ["a", "b"] });
    expect(answer.results).toEqual([{ index: 1, relevance_score: 0.9, document: { text: "b" } }]);
  });
});

// Recorded in chat-completions-tool-call-stream: every chunk says `"id":""`.
test("answers without an id get one, the same in all chunks of a call", () => {
  const endpoint = huggingface.endpoints.chat?.[0] as Endpoint;
  const call = callTo("m");
  const chunk = { id: "", object: "chat.completion.chunk", choices: [] };
  const [first, second] = [chunk, chunk].map((frame) => endpoint.normaliseFrame?.(frame, call).id as string);
  expect(first).toMatch(/^chatcmpl-.{36}$/);
  expect(second).toBe(first as string);
  expect(endpoint.normaliseFrame?.(chunk, callTo("m")).id).not.toBe(first as string);
  expect(endpoint.normaliseResponse?.(chunk, callTo("m")).id).not.toBe("");
  const whole = { ...chunk, id: "x" };
  expect(endpoint.normaliseFrame?.(whole, call)).toBe(whole);
  for (const exchange of recordedExchanges("huggingface", /tool-call-stream/)) {
    const frames = exchange.text.split("\n").filter((line) => line.includes('"id":""'));
    expect(frames.every((frame) => endpoint.frameMarks?.some((mark) => frame.includes(mark)))).toBe(true);
  }
});

test("errors of Hugging Face's own", () => {
  const classify = (message: string, status: number) =>
    huggingface.classifyError?.({ code: "invalid_request", message }, status, "").code as string;
  expect(classify("length limit exceeded", 400)).toBe("context_window_exceeded");
  expect(classify("A valid user token is required", 400)).toBe("authentication");
  expect(classify("something else", 400)).toBe("invalid_request");
});
