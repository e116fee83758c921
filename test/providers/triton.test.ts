import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../src/json/json.ts";
import { endpointUrl } from "../../src/providers/endpoint-url.ts";
import { predibase } from "../../src/providers/predibase.ts";
import {
  type Call,
  type Endpoint,
  isConfigureProblem,
  type Operation,
  type Provider,
} from "../../src/providers/provider.ts";
import { triton } from "../../src/providers/triton.ts";
import { callTo } from "./call.ts";

function callOf(provider: Provider, params: JsonObject, stream = false, operation: Operation = "chat"): Call {
  const target = provider.configure({ params, model: "llama", environment: {} });
  if (isConfigureProblem(target)) throw new Error(target.message);
  return { ...callTo("llama", { target, operation }), stream };
}

function urlOf(provider: Provider, params: JsonObject, stream = false, operation: Operation = "chat"): string {
  const endpoint = provider.endpoints[operation]?.[0] as Endpoint;
  return endpointUrl(endpoint, callOf(provider, params, stream, operation));
}

async function run(params: JsonObject, operation: Operation, body: JsonObject, answer: JsonObject) {
  const call = callOf(triton, params, false, operation);
  const sent: JsonObject[] = [];
  const response = await triton.endpoints[operation]?.[0]?.exchange?.(
    { method: "POST", url: "", headers: {}, body: JSON.stringify(body) },
    async (request) => {
      sent.push(JSON.parse(String(request.body)));
      return Response.json(answer);
    },
    call,
  );
  return { sent: sent[0], answer: await response?.json() };
}

// https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_generate.html (2026-11-24)
describe("Triton", () => {
  test("the server's address, or LiteLLM's address of a verb", () => {
    expect(urlOf(triton, { api_base: "http://h:8000" })).toBe("http://h:8000/v2/models/llama/generate");
    expect(urlOf(triton, { api_base: "http://h:8000/v2" }, true)).toBe("http://h:8000/v2/models/llama/generate_stream");
    expect(urlOf(triton, { api_base: "http://h:8000/generate" })).toBe("http://h:8000/generate");
    expect(urlOf(triton, { api_base: "http://h:8000/generate" }, true)).toBe("http://h:8000/generate_stream");
    expect(urlOf(triton, { api_base: "http://h:8000/infer" })).toBe("http://h:8000/infer");
    const embeddings = "http://h:8000/triton/embeddings";
    expect(urlOf(triton, { api_base: embeddings }, false, "embeddings")).toBe(embeddings);
    expect(triton.configure({ params: {}, model: "m", environment: {} })).toMatchObject({ code: "missing_api_base" });
  });

  test("infer takes tensors", async () => {
    const body = { text_input: "Hi", parameters: { max_tokens: 5, temperature: 0.5, stop_words: ["a", "b"] } };
    const { sent } = await run({ api_base: "http://h/infer" }, "chat", body, {});
    expect(sent).toEqual({
      inputs: [
        { name: "text_input", shape: [1], datatype: "BYTES", data: ["Hi"] },
        { name: "max_tokens", shape: [1], datatype: "INT32", data: [5] },
        { name: "temperature", shape: [1], datatype: "FP32", data: [0.5] },
        { name: "stop_words", shape: [2], datatype: "BYTES", data: ["a", "b"] },
      ],
    });
    expect((await run({ api_base: "http://h/generate" }, "chat", body, {})).sent).toEqual(body);
  });

  test("embeddings are one tensor", async () => {
    const outputs = [{ name: "embedding", datatype: "FP32", shape: [2, 3], data: [1, 2, 3, 4, 5, 6] }];
    const { sent, answer } = await run({ api_base: "http://h" }, "embeddings", { input: ["a", "b"] }, { outputs });
    expect(sent).toEqual({ inputs: [{ name: "input_text", shape: [2], datatype: "BYTES", data: ["a", "b"] }] });
    expect(answer.data.map((item: JsonObject) => item.embedding)).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
  });
});

// https://docs.predibase.com/user-guide/inference/rest_api (2026-11-24)
describe("Predibase", () => {
  const params = { api_key: "pb", tenant_id: "t1" };
  test("models live under the tenant", () => {
    const url = "https://serving.app.predibase.com/t1/deployments/v2/llms/llama/generate";
    expect(urlOf(predibase, params)).toBe(url);
    expect(urlOf(predibase, params, true)).toBe(`${url}_stream`);
    expect(callOf(predibase, params).target.headers.authorization).toBe("Bearer pb");
  });
  test("key and tenant are needed", () => {
    const problem = (given: JsonObject) => predibase.configure({ params: given, model: "m", environment: {} });
    expect(problem({})).toMatchObject({ code: "missing_credential", key: "api_key" });
    expect(problem({ api_key: "pb" })).toMatchObject({ code: "missing_credential", key: "tenant_id" });
  });
});
