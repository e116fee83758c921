import { describe, expect, test } from "bun:test";
import { asObject, type JsonObject } from "../../src/json/json.ts";
import { cohere } from "../../src/providers/cohere.ts";
import { endpointUrl } from "../../src/providers/endpoint-url.ts";
import {
  type Endpoint,
  isConfigureProblem,
  type Operation,
  type OutboundRequest,
} from "../../src/providers/provider.ts";
import { selectEndpoint } from "../../src/providers/select-endpoint.ts";
import type { Target } from "../../src/snapshot/snapshot.ts";
import { recordedExchanges } from "../formats/recorded-exchange.ts";
import { callTo } from "./call.ts";

function targetOf(params: JsonObject, model = "command-a"): Target {
  const target = cohere.configure({ params: { api_key: "k", ...params }, model, environment: {} });
  if (isConfigureProblem(target)) throw new Error(target.message);
  return target;
}

function urlOf(operation: Operation, params: JsonObject = {}, model = "command-a"): string {
  const target = targetOf(params, model);
  const call = callTo(cohere.upstreamModel?.(model, target) ?? model, { target, operation });
  return endpointUrl(selectEndpoint(cohere, operation, "openai-chat", call) as Endpoint, call);
}

describe("addresses", () => {
  test("recorded", () => {
    const OPERATIONS: Record<string, Operation> = {
      "/v2/chat": "chat",
      "/v2/embed": "embeddings",
      "/v2/rerank": "rerank",
      "/v2/audio/transcriptions": "transcription",
    };
    for (const { path } of recordedExchanges("cohere")) {
      const operation = OPERATIONS[path];
      if (operation !== undefined) expect(urlOf(operation)).toBe(`https://api.cohere.com${path}`);
    }
  });
  test("a base of one's own, with or without the endpoint", () => {
    for (const base of ["http://h:1", "http://h:1/", "http://h:1/v2", "http://h:1/v2/chat", "http://h:1/v2/embed"]) {
      expect(urlOf("chat", { api_base: base })).toBe("http://h:1/v2/chat");
    }
    expect(urlOf("rerank", { api_base: "http://h:1/v1/rerank" })).toBe("http://h:1/v1/rerank");
  });
  test("v1/ asks for the first version", () => {
    expect(urlOf("chat", {}, "v1/command-r")).toBe("https://api.cohere.com/v1/chat");
  });
  test("a key is needed", () => {
    expect(cohere.configure({ params: {}, model: "m", environment: {} })).toMatchObject({ code: "missing_credential" });
    const environment = { CO_API_KEY: "co" };
    expect(cohere.configure({ params: {}, model: "m", environment })).toMatchObject({
      headers: { authorization: "Bearer co" },
    });
  });
});

async function exchange(
  operation: Operation,
  body: JsonObject,
  answers: readonly JsonObject[],
  params: JsonObject = {},
) {
  const target = targetOf(params);
  const call = callTo(String(body.model), { target, operation });
  const endpoint = cohere.endpoints[operation]?.[0] as Endpoint;
  const sent: JsonObject[] = [];
  const request: OutboundRequest = { method: "POST", url: "", headers: {}, body: JSON.stringify(body) };
  const response = await endpoint.exchange?.(
    request,
    async (outbound) => {
      sent.push(JSON.parse(String(outbound.body)));
      return Response.json(answers[sent.length - 1]);
    },
    call,
  );
  return { sent, answer: await response?.json() };
}

describe("embeddings", () => {
  for (const recorded of recordedExchanges("cohere", /^embed-basic/)) {
    test(recorded.name, async () => {
      const { texts, output_dimension: dimensions, model } = recorded.request as JsonObject;
      const body = { model, input: texts, ...(dimensions == null ? {} : { dimensions }) } as JsonObject;
      const { sent, answer } = await exchange("embeddings", body, [recorded.body as JsonObject]);
      expect(sent).toEqual([recorded.request as JsonObject]);
      const held = asObject(recorded.body?.embeddings)?.float as number[][];
      expect(answer.data.map((item: JsonObject) => item.embedding)).toEqual(held);
      const units = asObject(asObject(recorded.body?.meta)?.billed_units) as JsonObject;
      expect(answer.usage.prompt_tokens).toBe(units.input_tokens);
    });
  }

  test("more texts than a call takes go in several, in order", async () => {
    const input = Array.from({ length: 200 }, (_, index) => `text ${index}`);
    const answerOf = (from: number, to: number) => ({
      embeddings: { float: Array.from({ length: to - from }, (_, index) => [from + index]) },
      meta: { billed_units: { input_tokens: 10 } },
    });
    const { sent, answer } = await exchange("embeddings", { model: "m", input }, [
      answerOf(0, 96),
      answerOf(96, 192),
      answerOf(192, 200),
    ]);
    expect(sent.map((body) => (body.texts as string[]).length)).toEqual([96, 96, 8]);
    expect(answer.data.map((item: JsonObject) => (item.embedding as number[])[0])).toEqual(
      input.map((_, index) => index),
    );
    expect(answer.usage).toEqual({ prompt_tokens: 30, total_tokens: 30 });
  });

  test("base64 are little-endian floats", async () => {
    const float = [[0.5, -2, 3.25]];
    const { sent, answer } = await exchange("embeddings", { model: "m", input: "x", encoding_format: "base64" }, [
      { embeddings: { float } },
    ]);
    expect(sent[0]?.embedding_types).toEqual(["float"]);
    const bytes = Uint8Array.from(atob(answer.data[0].embedding), (char) => char.charCodeAt(0));
    expect([...new Float32Array(bytes.buffer)]).toEqual(float[0] as number[]);
  });

  test("images are images", async () => {
    const { sent } = await exchange("embeddings", { model: "m", input: ["data:image/png;base64,AA=="] }, [
      { embeddings: { float: [[1]] } },
    ]);
    expect(sent[0]).toMatchObject({ images: ["data:image/png;base64,AA=="], input_type: "image" });
  });

  test("tokens instead of text are refused", async () => {
    await expect(exchange("embeddings", { model: "m", input: [[1, 2]] }, [])).rejects.toThrow("input");
  });
});

describe("ranking", () => {
  for (const recorded of recordedExchanges("cohere", /^rerank-/)) {
    test(recorded.name, async () => {
      const { sent, answer } = await exchange("rerank", recorded.request as JsonObject, [recorded.body as JsonObject]);
      expect(sent).toEqual([recorded.request as JsonObject]);
      expect(answer).toEqual(recorded.body as JsonObject);
    });
  }

  // https://docs.cohere.com/reference/rerank (2026-11-24): texts only, and no documents in the answer.
  test("structured documents become text, and come back when asked for", async () => {
    const documents = [{ text: "a" }, { title: "T", year: 3 }];
    const { sent, answer } = await exchange("rerank", { model: "m", query: "q", documents, return_documents: true }, [
      { results: [{ index: 1, relevance_score: 0.5 }] },
    ]);
    expect(sent[0]).toEqual({ model: "m", query: "q", documents: ["a", "title: T\nyear: 3"] });
    expect(answer.results).toEqual([{ index: 1, relevance_score: 0.5, document: { title: "T", year: 3 } }]);
  });
});
