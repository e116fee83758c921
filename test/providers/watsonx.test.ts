import { describe, expect, test } from "bun:test";
import type { JsonObject, MutableJsonObject } from "../../src/json/json.ts";
import { endpointUrl } from "../../src/providers/endpoint-url.ts";
import { applyParameterRules } from "../../src/providers/parameters.ts";
import {
  type Call,
  type Endpoint,
  isConfigureProblem,
  type OutboundRequest,
  type Provider,
} from "../../src/providers/provider.ts";
import { watsonx, watsonxText } from "../../src/providers/watsonx.ts";
import type { Target } from "../../src/snapshot/snapshot.ts";
import { recordedExchanges } from "../formats/recorded-exchange.ts";
import { callTo } from "./call.ts";

const BASE = { api_base: "https://us-south.ml.cloud.ibm.com", project_id: "p1" };

function targetOf(params: JsonObject = {}, environment: Record<string, string> = {}): Target {
  const target = watsonx.configure({ params: { ...BASE, ...params }, model: "m", environment });
  if (isConfigureProblem(target)) throw new Error(target.message);
  return target;
}

const callOf = (model: string, stream = false, target = targetOf({ token: "t" })): Call => ({
  ...callTo(model, { target }),
  stream,
});
const chat = (provider: Provider): Endpoint => provider.endpoints.chat?.[0] as Endpoint;

// https://cloud.ibm.com/apidocs/watsonx-ai (2026-11-24)
describe("addresses", () => {
  const url = (provider: Provider, model: string, stream = false) => endpointUrl(chat(provider), callOf(model, stream));
  test("of chat, text and deployments", () => {
    const host = "https://us-south.ml.cloud.ibm.com";
    const version = "?version=2024-03-13";
    expect(url(watsonx, "ibm/granite")).toBe(`${host}/ml/v1/text/chat${version}`);
    expect(url(watsonx, "ibm/granite", true)).toBe(`${host}/ml/v1/text/chat_stream${version}`);
    expect(url(watsonxText, "ibm/granite")).toBe(`${host}/ml/v1/text/generation${version}`);
    expect(url(watsonxText, "ibm/granite", true)).toBe(`${host}/ml/v1/text/generation_stream${version}`);
    expect(url(watsonx, "deployment/d1")).toBe(`${host}/ml/v1/deployments/d1/text/chat${version}`);
  });
  test("a region stands for its address", () => {
    const params = { token: "t", watsonx_region_name: "eu-de" };
    const target = watsonx.configure({ params, model: "m", environment: {} });
    expect(target).toMatchObject({ base: "https://eu-de.ml.cloud.ibm.com" });
  });
  test("address and key are needed", () => {
    expect(watsonx.configure({ params: { token: "t" }, model: "m", environment: {} })).toMatchObject({
      code: "missing_api_base",
    });
    expect(watsonx.configure({ params: BASE, model: "m", environment: {} })).toMatchObject({
      code: "missing_credential",
    });
  });
});

describe("who calls", () => {
  test("a token, or the key of an installation of one's own", () => {
    expect(targetOf({ token: "t" }).headers.authorization).toBe("Bearer t");
    expect(targetOf({ zen_api_key: "z" }).headers.authorization).toBe("ZenApiKey z");
  });
  test("a key is exchanged for a token once", async () => {
    const recorded = recordedExchanges("watsonx", /^oidc/)[0];
    const target = targetOf({}, { WATSONX_APIKEY: "key-1" });
    const call = callOf("m", false, target);
    const asked: OutboundRequest[] = [];
    const send = async (request: OutboundRequest): Promise<Response> => {
      asked.push(request);
      return Response.json({ ...recorded?.body, access_token: "issued", expires_in: 3600 });
    };
    const request: OutboundRequest = { method: "POST", url: "https://x.test/", headers: {}, body: "{}" };
    const first = await watsonx.sign?.(request, call, send);
    const second = await watsonx.sign?.(request, call, send);
    expect(first?.headers.authorization).toBe("Bearer issued");
    expect(second?.headers.authorization).toBe("Bearer issued");
    expect(asked.map(({ url, body }) => [url, body])).toEqual([
      [
        "https://iam.cloud.ibm.com/identity/token",
        "grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey&apikey=key-1",
      ],
    ]);
  });
});

describe("chat bodies", () => {
  const body = (fields: JsonObject, model = "ibm/granite", target?: Target): JsonObject => {
    const made: MutableJsonObject = { model, messages: [], ...fields };
    applyParameterRules(made, chat(watsonx).parameters ?? {}, callOf(model, false, target));
    return made;
  };
  test("model and project are named; a deployment has its own", () => {
    expect(body({ stream: true, stream_options: {} })).toEqual({
      messages: [],
      model_id: "ibm/granite",
      project_id: "p1",
    });
    expect(body({}, "deployment/d1")).toEqual({ messages: [] });
    const space = watsonx.configure({
      params: { api_base: BASE.api_base, token: "t", space_id: "s1" },
      model: "m",
      environment: {},
    }) as Target;
    expect(body({}, "ibm/granite", space)).toMatchObject({ space_id: "s1" });
  });
  test("tool choices that are words have a field of their own", () => {
    expect(body({ tool_choice: "required" })).toMatchObject({ tool_choice_option: "required" });
    const named = { type: "function", function: { name: "f" } };
    expect(body({ tool_choice: named })).toMatchObject({ tool_choice: named });
  });
});

test("chat answers carry OpenAI's names", () => {
  const answer = { id: "1", model_id: "ibm/granite", created: 1, choices: [] };
  expect(chat(watsonx).normaliseResponse?.(answer, callOf("m"))).toMatchObject({
    object: "chat.completion",
    model: "ibm/granite",
  });
  expect(chat(watsonx).normaliseFrame?.(answer, callOf("m"))).toMatchObject({ object: "chat.completion.chunk" });
  const whole = { ...answer, object: "chat.completion", model: "x" };
  expect(chat(watsonx).normaliseResponse?.(whole, callOf("m"))).toBe(whole);
});

describe("tasks", () => {
  const run = async (endpoint: Endpoint | undefined, asked: JsonObject, answer: JsonObject) => {
    const sent: JsonObject[] = [];
    const request: OutboundRequest = { method: "POST", url: "", headers: {}, body: JSON.stringify(asked) };
    const response = await endpoint?.exchange?.(
      request,
      async (outbound) => {
        sent.push(JSON.parse(String(outbound.body)));
        return Response.json(answer);
      },
      callOf("ibm/slate"),
    );
    return { sent: sent[0], answer: await response?.json() };
  };

  test("embeddings", async () => {
    const { sent, answer } = await run(
      watsonx.endpoints.embeddings?.[0],
      { model: "ibm/slate", input: ["a", "b"], encoding_format: "float" },
      { results: [{ embedding: [1] }, { embedding: [2] }], input_token_count: 4 },
    );
    expect(sent).toEqual({ inputs: ["a", "b"], model_id: "ibm/slate", project_id: "p1" });
    expect(answer).toMatchObject({ data: [{ embedding: [1] }, { embedding: [2] }], usage: { prompt_tokens: 4 } });
  });

  test("ranking", async () => {
    const { sent, answer } = await run(
      watsonx.endpoints.rerank?.[0],
      { model: "ibm/slate", query: "q", documents: ["a", { text: "b" }], top_n: 1, return_documents: true },
      { results: [{ index: 1, score: 0.9 }], input_token_count: 8 },
    );
    expect(sent).toEqual({
      query: "q",
      inputs: [{ text: "a" }, { text: "b" }],
      parameters: { return_options: { inputs: false, top_n: 1 } },
      model_id: "ibm/slate",
      project_id: "p1",
    });
    expect(answer).toEqual({
      results: [{ index: 1, relevance_score: 0.9, document: { text: "b" } }],
      meta: { billed_units: { total_tokens: 8 } },
    });
  });
});

test("a model without chat says what to write instead", () => {
  const body = '{"errors":[{"code":"model_no_support_for_function"}]}';
  const failure = watsonx.classifyError?.({ code: "not_found", message: "no chat" }, 404, body);
  expect(failure?.message).toContain("watsonx_text/");
});
