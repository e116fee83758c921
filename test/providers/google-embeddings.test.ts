import { describe, expect, test } from "bun:test";
import { asArray, asObject, type JsonObject, parseJson } from "../../src/json/json.ts";
import { endpointUrl } from "../../src/providers/endpoint-url.ts";
import type { OutboundRequest } from "../../src/providers/provider.ts";
import { callTo, provider, target } from "./call.ts";
import { recordings } from "./recordings.ts";

async function embed(id: string, model: string, body: JsonObject, answer: (sent: JsonObject) => JsonObject) {
  const params = { api_key: "k", vertex_project: "p" };
  const call = callTo(model, { operation: "embeddings", target: target(id, params) });
  const endpoint = provider(id).endpoints.embeddings?.[0];
  if (endpoint?.exchange === undefined) throw new Error(`${id} has no embeddings`);
  const sent: JsonObject[] = [];
  const url = endpointUrl(endpoint, call);
  const request: OutboundRequest = { method: "POST", url, headers: {}, body: JSON.stringify(body) };
  const response = await endpoint.exchange(
    request,
    async (one) => {
      const asked = asObject(parseJson(String(one.body))) ?? {};
      sent.push(asked);
      return Response.json(answer(asked));
    },
    call,
  );
  return { url, sent, answer: (await response.json()) as JsonObject };
}

// https://ai.google.dev/api/embeddings (2026-11-24)
describe("AI Studio", () => {
  const each = (sent: JsonObject) => ({ embeddings: asArray(sent.requests).map((_, index) => ({ values: [index] })) });

  test("every text is a request of one batch", async () => {
    const asked = { input: ["a", "b"], dimensions: 8, task_type: "RETRIEVAL_QUERY" };
    const { url, sent, answer } = await embed("gemini", "gemini-embedding-001", asked, each);
    expect(url).toBe("https://generativelanguage.googleapis.com/v1beta/models/gemini-embedding-001:batchEmbedContents");
    const shared = { model: "models/gemini-embedding-001", outputDimensionality: 8, taskType: "RETRIEVAL_QUERY" };
    expect(sent).toEqual([
      {
        requests: [
          { ...shared, content: { parts: [{ text: "a" }] } },
          { ...shared, content: { parts: [{ text: "b" }] } },
        ],
      },
    ]);
    expect(answer.data).toEqual([
      { object: "embedding", index: 0, embedding: [0] },
      { object: "embedding", index: 1, embedding: [1] },
    ]);
  });

  test("longer lists go in several batches; token lists are refused", async () => {
    const { sent, answer } = await embed("gemini", "m", { input: Array(150).fill("x") }, each);
    expect(sent.map((one) => asArray(one.requests).length)).toEqual([100, 50]);
    expect(asArray(answer.data)).toHaveLength(150);
    expect(embed("gemini", "m", { input: [[1, 2]] }, each)).rejects.toThrow("Google embeds texts");
  });

  test("an answer that is short of vectors is the provider's fault", () => {
    expect(embed("gemini", "m", { input: ["a", "b"] }, () => ({ embeddings: [] }))).rejects.toThrow("0 embeddings");
  });

  test("every recorded batch", async () => {
    for (const { path, request, body } of recordings("gemini")) {
      if (!path.endsWith(":batchEmbedContents") || body === undefined) continue;
      const requests = asArray(request?.requests).map((one) => asObject(one) ?? {});
      const [first] = requests;
      const input = requests.map((one) => asObject(asArray(asObject(one.content)?.parts)[0])?.text ?? "");
      const dimensions = first?.outputDimensionality;
      const asked = { input, ...(dimensions === undefined ? {} : { dimensions }) };
      const { sent, answer } = await embed("gemini", "gemini-embedding-001", asked, () => body);
      expect(sent).toEqual([{ requests }]);
      expect(asArray(answer.data).map((one) => asObject(one)?.embedding)).toEqual(
        asArray(body.embeddings).map((one) => asObject(one)?.values),
      );
    }
  });
});

// https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api (2026-11-24)
describe("Vertex AI", () => {
  const predict = (sent: JsonObject) => ({
    predictions: asArray(sent.instances).map((_, index) => ({
      embeddings: { values: [index], statistics: { token_count: 3, truncated: false } },
    })),
  });

  test("texts are instances, tokens are counted", async () => {
    const asked = { input: ["a", "b"], dimensions: 4, input_type: "RETRIEVAL_DOCUMENT" };
    const { url, sent, answer } = await embed("vertex_ai", "text-embedding-005", asked, predict);
    expect(url).toBe(
      "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers/google/models/text-embedding-005:predict",
    );
    expect(sent).toEqual([
      {
        instances: [
          { content: "a", task_type: "RETRIEVAL_DOCUMENT" },
          { content: "b", task_type: "RETRIEVAL_DOCUMENT" },
        ],
        parameters: { outputDimensionality: 4 },
      },
    ]);
    expect(answer.usage).toEqual({ prompt_tokens: 6, total_tokens: 6 });
  });

  test("gemini-embedding takes one text in each call", async () => {
    const { sent, answer } = await embed("vertex_ai", "gemini-embedding-001", { input: ["a", "b"] }, predict);
    expect(sent).toEqual([{ instances: [{ content: "a" }] }, { instances: [{ content: "b" }] }]);
    expect(asArray(answer.data)).toHaveLength(2);
  });
});
