import { describe, expect, test } from "bun:test";
import { ollama as format } from "../../src/formats/ollama/index.ts";
import type { JsonObject } from "../../src/json/json.ts";
import { endpointUrl } from "../../src/providers/endpoint-url.ts";
import { ollama, ollamaChat } from "../../src/providers/ollama.ts";
import {
  type Endpoint,
  isConfigureProblem,
  type OutboundRequest,
  type Provider,
} from "../../src/providers/provider.ts";
import { recordedExchanges } from "../formats/recorded-exchange.ts";
import { callTo } from "./call.ts";

/** The request as it leaves, signing included. */
async function leaving(provider: Provider, body: JsonObject, params: JsonObject = {}) {
  const target = provider.configure({ params, model: "m", environment: {} });
  if (isConfigureProblem(target)) throw new Error(target.message);
  const call = callTo("m", { target });
  const endpoint = provider.endpoints.chat?.[0] as Endpoint;
  const request: OutboundRequest = {
    method: "POST",
    url: endpointUrl(endpoint, call),
    headers: target.headers as Record<string, string>,
    body: JSON.stringify(body),
  };
  const send = (): Promise<Response> => Promise.reject(new Error("nothing to send"));
  const signed = (await provider.sign?.(request, call, send)) ?? request;
  return { url: signed.url, headers: signed.headers, body: JSON.parse(String(signed.body)) };
}

const question = { model: "m", stream: false, messages: [{ role: "user", content: "Hi", images: ["AA=="] }] };

test("addresses, with and without the endpoint", async () => {
  for (const base of ["http://h:1", "http://h:1/", "http://h:1/api/chat", "http://h:1/v1", "http://h:1/api/generate"]) {
    expect((await leaving(ollamaChat, question, { api_base: base })).url).toBe("http://h:1/api/chat");
  }
  expect((await leaving(ollamaChat, question)).url).toBe("http://localhost:11434/api/chat");
});

test("a key is sent where there is one", async () => {
  expect((await leaving(ollamaChat, question, { api_key: "k" })).headers.authorization).toBe("Bearer k");
  expect((await leaving(ollamaChat, question)).headers).not.toHaveProperty("authorization");
});

describe("ollama/ prefers the generate endpoint", () => {
  test("for a single question", async () => {
    const messages = [{ role: "system", content: "Be brief." }, ...question.messages];
    const { url, body } = await leaving(ollama, { ...question, messages });
    expect(url).toBe("http://localhost:11434/api/generate");
    expect(body).toEqual({ model: "m", stream: false, prompt: "Hi", system: "Be brief.", images: ["AA=="] });
  });
  test("and the chat endpoint for a conversation or tools", async () => {
    const messages = [...question.messages, { role: "assistant", content: "Hello" }, ...question.messages];
    expect((await leaving(ollama, { ...question, messages })).url).toEndWith("/api/chat");
    expect((await leaving(ollama, { ...question, tools: [{}] })).url).toEndWith("/api/chat");
    expect((await leaving(ollamaChat, question)).url).toEndWith("/api/chat");
  });
  test("recorded", async () => {
    for (const exchange of recordedExchanges("ollama", /^api-generate/)) {
      const { model, prompt } = exchange.request as { model: string; prompt: string };
      const context = { ...callTo(model), provider: "ollama", owner: "ollama", capabilities: {}, model };
      const request = {
        model,
        messages: [{ role: "user" as const, parts: [{ type: "text" as const, text: prompt }] }],
        sampling: {},
      };
      const { url, body } = await leaving(ollama, format.encodeRequest(request, context));
      expect(new URL(url).pathname).toBe(exchange.path);
      expect(exchange.request).toMatchObject(body);
    }
  });
});

// https://docs.ollama.com/api/embed (2026-11-24)
test("embeddings", async () => {
  const call = callTo("all-minilm");
  const asked: OutboundRequest[] = [];
  const body = { model: "all-minilm", input: ["a", "b"], encoding_format: "float", dimensions: 2 };
  const response = await ollama.endpoints.embeddings?.[0]?.exchange?.(
    { method: "POST", url: "http://h:1/api/embed", headers: {}, body: JSON.stringify(body) },
    async (request) => {
      asked.push(request);
      return Response.json({
        model: "all-minilm",
        embeddings: [
          [1, 2],
          [3, 4],
        ],
        prompt_eval_count: 5,
      });
    },
    call,
  );
  expect(JSON.parse(String(asked[0]?.body))).toEqual({ model: "all-minilm", input: ["a", "b"], dimensions: 2 });
  expect(await response?.json()).toEqual({
    object: "list",
    model: "all-minilm",
    data: [
      { object: "embedding", index: 0, embedding: [1, 2] },
      { object: "embedding", index: 1, embedding: [3, 4] },
    ],
    usage: { prompt_tokens: 5, total_tokens: 5 },
  });
});
