import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { UpstreamFailure } from "../../src/errors/gateway-error.ts";
import {
  asArray,
  asObject,
  isObject,
  type JsonObject,
  type MutableJsonObject,
  parseJson,
} from "../../src/json/json.ts";
import { mistralId } from "../../src/providers/openai-compatible/mistral.ts";
import { applyParameterRules } from "../../src/providers/parameters.ts";
import type { Endpoint, Operation, OutboundRequest } from "../../src/providers/provider.ts";
import { allProviders } from "../../src/providers/registry.ts";
import { type CallOptions, callTo, provider } from "./call.ts";
import { recordings } from "./recordings.ts";

function chatEndpoint(id: string, operation: Operation = "chat"): Endpoint {
  const endpoint = provider(id).endpoints[operation]?.[0];
  if (endpoint === undefined) throw new Error(`${id} has no ${operation}`);
  return endpoint;
}

/** The body as it goes upstream, and what was refused. */
function send(id: string, given: JsonObject, model = "model", options: CallOptions = {}) {
  const body: MutableJsonObject = { ...given };
  const call = callTo(model, options);
  const { parameters } = chatEndpoint(id, options.operation);
  if (parameters !== undefined) applyParameterRules(body, parameters, call);
  const refused = call.report.changes.filter((change) => change.unsupported).map(({ parameter }) => parameter);
  return { body, refused, changes: call.report.changes };
}

function answer(id: string, body: JsonObject): JsonObject {
  return chatEndpoint(id).normaliseResponse?.(body, callTo("model")) ?? body;
}

function frame(id: string, body: JsonObject): JsonObject {
  return chatEndpoint(id).normaliseFrame?.(body, callTo("model")) ?? body;
}

const first = (body: JsonObject) => asObject(asArray(body.choices)[0]) ?? {};

describe("every recorded answer and frame", () => {
  const repairing = allProviders().filter(({ endpoints }) => endpoints.chat?.some((e) => e.normaliseResponse));
  for (const { id, endpoints } of repairing) {
    const chats = recordings(id).filter(({ path }) => path.includes("/chat/completions"));
    if (chats.length === 0) continue;
    const endpoint = endpoints.chat?.find(({ format }) => format === "openai-chat");
    test(`${id}: a repaired answer needs no second repair and has only OpenAI's words`, () => {
      for (const { body, status, name } of chats) {
        if (body === undefined || status >= 400) continue;
        const repaired = endpoint?.normaliseResponse?.(body, callTo("model")) ?? body;
        expect(endpoint?.normaliseResponse?.(repaired, callTo("model")) ?? repaired).toBe(repaired);
        for (const choice of asArray(repaired.choices)) {
          const reason = asObject(choice)?.finish_reason;
          expect([name, reason]).toEqual([
            name,
            expect.stringMatching(/^(stop|length|tool_calls|content_filter|function_call)$/),
          ]);
          const message = asObject(asObject(choice)?.message);
          expect(Array.isArray(message?.content)).toBe(false);
          expect(typeof message?.reasoning).not.toBe("string");
        }
      }
    });

    test(`${id}: a frame is changed only where one of its marks stands`, () => {
      for (const { frames } of chats) {
        for (const text of frames) {
          const parsed = asObject(parseJson(text));
          if (parsed === undefined || endpoint?.normaliseFrame === undefined) continue;
          const repaired = endpoint.normaliseFrame(parsed, callTo("model"));
          const marked = endpoint.frameMarks?.some((mark) => text.includes(mark)) ?? true;
          if (!marked) expect(repaired).toBe(parsed);
          expect(JSON.stringify(endpoint.normaliseFrame(repaired, callTo("model")))).toBe(JSON.stringify(repaired));
        }
      }
    });
  }
});

describe("reasoning", () => {
  test("is called reasoning_content everywhere", () => {
    const message = { role: "assistant", content: "4", reasoning: "2+2" };
    for (const id of ["groq", "cerebras", "openrouter", "hosted_vllm", "nvidia_nim"]) {
      expect(first(answer(id, { choices: [{ index: 0, message }] })).message).toEqual({
        role: "assistant",
        content: "4",
        reasoning_content: "2+2",
      });
    }
  });
});

describe("Mistral", () => {
  test("has thinking and text taken out of a list", () => {
    const content = [
      { type: "thinking", thinking: [{ type: "text", text: "hm" }], closed: true },
      { type: "text", text: "It is" },
      { type: "reference", reference_ids: [1] },
      { type: "text", text: " 4." },
    ];
    expect(first(answer("mistral", { choices: [{ message: { role: "assistant", content } }] })).message).toEqual({
      role: "assistant",
      content: "It is 4.",
      reasoning_content: "hm",
    });
    const delta = { content: [{ type: "thinking", thinking: [{ type: "text", text: "h" }] }] };
    expect(first(frame("mistral", { choices: [{ delta }] })).delta).toEqual({ content: null, reasoning_content: "h" });
  });

  test("gets ids of nine letters and digits, the same in a call and its result", () => {
    const { body } = send("mistral", {
      messages: [
        { role: "assistant", content: "", tool_calls: [{ id: "call_abc-123", type: "function", function: {} }] },
        { role: "tool", tool_call_id: "call_abc-123", content: "1" },
        { role: "tool", tool_call_id: "AbC123xyz", content: "2" },
      ],
    });
    const [assistant, own, foreign] = asArray(body.messages).map(asObject);
    const id = asObject(asArray(assistant?.tool_calls)[0])?.id;
    expect(id).toMatch(/^[A-Za-z0-9]{9}$/);
    expect(own?.tool_call_id).toBe(id as string);
    expect(foreign?.tool_call_id).toBe("AbC123xyz");
  });

  test("ids that differ stay different", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ minLength: 1, maxLength: 40 }), { minLength: 2, maxLength: 20 }),
        (ids) => {
          const short = ids.map(mistralId);
          expect(new Set(short).size).toBe(ids.length);
          for (const id of short) expect(id).toMatch(/^[A-Za-z0-9]{9}$/);
        },
      ),
    );
  });

  test("has its own words for parameters", () => {
    const { body, refused } = send("mistral", {
      tool_choice: "required",
      seed: 7,
      max_completion_tokens: 5,
      user: "u",
      logprobs: true,
      messages: [{ role: "user", name: "ann", content: "hi" }],
      tools: [{ type: "function", function: { name: "f", strict: true, parameters: { additionalProperties: false } } }],
      response_format: { type: "json_schema", json_schema: { name: "x", schema: { additionalProperties: false } } },
    });
    expect(body).toEqual({
      tool_choice: "any",
      random_seed: 7,
      max_tokens: 5,
      messages: [{ role: "user", content: "hi" }],
      tools: [{ type: "function", function: { name: "f", parameters: {} } }],
      response_format: { type: "json_schema", json_schema: { name: "x", schema: { additionalProperties: false } } },
    });
    expect(refused).toEqual(["logprobs"]);
  });
});

describe("Groq", () => {
  test("gets no message member that it does not know, and one answer only", () => {
    const { body, refused } = send("groq", {
      n: 2,
      messages: [{ role: "assistant", content: "x", annotations: [], thinking_blocks: [], reasoning_content: "y" }],
    });
    expect(body).toEqual({ messages: [{ role: "assistant", content: "x" }] });
    expect(refused).toEqual(["n"]);
    expect(send("groq", { n: 1 }).refused).toEqual([]);
  });

  test("states usage under x_groq", () => {
    const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };
    expect(frame("groq", { choices: [], x_groq: { id: "r", usage } }).usage).toEqual(usage);
    const other = { choices: [], x_groq: { id: "r" } };
    expect(frame("groq", other)).toBe(other);
  });

  test("a request that is too large for a minute is a rate limit", () => {
    const failure: UpstreamFailure = { code: "request_too_large", message: "", upstreamCode: "rate_limit_exceeded" };
    expect(provider("groq").classifyError?.(failure, 413, "")).toMatchObject({ code: "rate_limit" });
    expect(provider("groq").classifyError?.({ ...failure, upstreamCode: "x" }, 413, "").code).toBe("request_too_large");
  });
});

describe("xAI", () => {
  test("counts reasoning beside the completion", () => {
    const usage = (completion: number, total: number) => ({
      usage: {
        prompt_tokens: 204,
        completion_tokens: completion,
        total_tokens: total,
        completion_tokens_details: { reasoning_tokens: 82 },
      },
    });
    expect(asObject(answer("xai", usage(1, 287)).usage)?.completion_tokens).toBe(83);
    expect(asObject(answer("xai", usage(83, 287)).usage)?.completion_tokens).toBe(83);
  });

  test("ends with tool_calls when there are calls", () => {
    const choice = (finish_reason: string, calls: JsonObject[]) => ({
      choices: [{ finish_reason, message: { role: "assistant", tool_calls: calls } }],
    });
    expect(first(answer("xai", choice("", [{ id: "a" }]))).finish_reason).toBe("tool_calls");
    expect(first(answer("xai", choice("stop", [{ id: "a" }]))).finish_reason).toBe("tool_calls");
    expect(first(answer("xai", choice("", []))).finish_reason).toBe("stop");
    expect(first(answer("xai", choice("length", [{ id: "a" }]))).finish_reason).toBe("length");
  });

  test("reasoning models refuse stop and penalties, most of them a choice of effort", () => {
    const given = { stop: ["x"], presence_penalty: 1, reasoning_effort: "low" };
    expect(send("xai", given, "grok-4").refused.toSorted()).toEqual(["presence_penalty", "reasoning_effort", "stop"]);
    expect(send("xai", given, "grok-3-mini").refused.toSorted()).toEqual(["presence_penalty", "stop"]);
    expect(send("xai", given, "grok-4-fast-non-reasoning").refused).toEqual(["reasoning_effort"]);
  });

  test("a wrong key is 401, whatever the status says", () => {
    const body = JSON.stringify({ code: "x", error: "Incorrect API key provided: ab***" });
    expect(provider("xai").classifyError?.({ code: "invalid_request", message: "" }, 400, body).code).toBe(
      "authentication",
    );
    expect(provider("xai").classifyError?.({ code: "invalid_request", message: "" }, 400, "{}").code).toBe(
      "invalid_request",
    );
  });
});

describe("DeepSeek", () => {
  test("thinks or does not, and hears text only as text", () => {
    const content = [
      { type: "text", text: "a" },
      { type: "text", text: "b" },
    ];
    expect(send("deepseek", { reasoning_effort: "high", messages: [{ role: "user", content }] }).body).toEqual({
      thinking: { type: "enabled" },
      messages: [{ role: "user", content: "ab" }],
    });
    expect(send("deepseek", { reasoning_effort: "none" }).body).toEqual({ thinking: { type: "disabled" } });
    expect(send("deepseek", { thinking: { type: "enabled", budget_tokens: 9 } }).body).toEqual({
      thinking: { type: "enabled" },
    });
  });

  test("gets its thinking back inside a tool loop and not from older turns", () => {
    const turn = { role: "assistant", content: "x", reasoning_content: "r" };
    const user = { role: "user", content: "q" };
    const tool = { role: "tool", tool_call_id: "1", content: "t" };
    const { body } = send("deepseek", { messages: [user, turn, user, turn, tool] });
    expect(body.messages).toEqual([user, { role: "assistant", content: "x" }, user, turn, tool]);
  });
});

describe("others", () => {
  test("Moonshot: temperature at most 1, at least 0.3 for several answers, no required tool", () => {
    expect(send("moonshot", { temperature: 1.6 }).body).toEqual({ temperature: 1 });
    expect(send("moonshot", { temperature: 0.1, n: 2 }).body).toEqual({ temperature: 0.3, n: 2 });
    const { body } = send("moonshot", { tool_choice: "required", messages: [{ role: "user", content: "q" }] });
    expect(body).not.toHaveProperty("tool_choice");
    expect(asArray(body.messages)).toHaveLength(2);
  });

  test("Together: logprobs is a number, eos is stop", () => {
    expect(send("together_ai", { logprobs: true, top_logprobs: 3 }).body).toEqual({ logprobs: 3 });
    expect(send("together_ai", { logprobs: true }).body).toEqual({ logprobs: 1 });
    expect(send("together_ai", { logprobs: false }).body).toEqual({});
    expect(first(frame("together_ai", { choices: [{ delta: {}, finish_reason: "eos" }] })).finish_reason).toBe("stop");
  });

  test("Fireworks: any for required; images are inlined only for models without eyes", () => {
    const image = { type: "image_url", image_url: { url: "https://i.test/a.png" } };
    const given = { tool_choice: "required", messages: [{ role: "user", content: [image] }] };
    const blind = send("fireworks_ai", given, "m", { facts: { supports: { vision: false } } }).body;
    expect(blind.tool_choice).toBe("any");
    expect(JSON.stringify(blind.messages)).toContain("a.png#transform=inline");
    expect(send("fireworks_ai", given).body.messages).toBe(given.messages);
  });

  test("Perplexity: no tools, and no growing message beside the delta", () => {
    expect(send("perplexity", { tools: [], temperature: 1 })).toMatchObject({
      body: { temperature: 1 },
      refused: ["tools"],
    });
    const grown = { choices: [{ delta: { content: "b" }, message: { content: "ab" } }] };
    expect(first(frame("perplexity", grown))).toEqual({ delta: { content: "b" } });
  });

  test("Perplexity: vectors of signed bytes", () => {
    const [embeddings] = provider("perplexity").endpoints.embeddings ?? [];
    const decoded = embeddings?.normaliseResponse?.(
      { data: [{ index: 0, embedding: btoa("\u0001\u00ff\u007f\u0080") }] },
      callTo("m"),
    );
    expect(asObject(asArray(decoded?.data)[0])?.embedding).toEqual([1, -1, 127, -128]);
  });

  test("LM Studio: any object is a schema", () => {
    expect(send("lm_studio", { response_format: { type: "json_object" } }).body.response_format).toMatchObject({
      type: "json_schema",
    });
  });

  test("OpenRouter and another gateway keep cache marks, OpenAI does not", () => {
    const messages = [{ role: "user", content: "q", cache_control: { type: "ephemeral" } }];
    expect(send("openrouter", { messages }).body.messages).toBe(messages);
    expect(send("litellm_proxy", { messages }).changes).toEqual([]);
    expect(send("openai", { messages }).body.messages).toEqual([{ role: "user", content: "q" }]);
  });

  test("OpenRouter: the integer in the body beats the status", () => {
    const body = JSON.stringify({ error: { code: 429, message: "slow down" } });
    const failure: UpstreamFailure = { code: "internal", message: "slow down", upstreamStatus: 502 };
    expect(provider("openrouter").classifyError?.(failure, 502, body)).toMatchObject({
      code: "rate_limit",
      upstreamStatus: 429,
    });
  });

  test("Databricks: reasoning and its signature out of a list", () => {
    const content = [
      { type: "reasoning", summary: [{ type: "summary_text", text: "hm", signature: "sig" }] },
      { type: "text", text: "4" },
    ];
    expect(first(answer("databricks", { choices: [{ message: { content } }] })).message).toEqual({
      content: "4",
      reasoning_content: "hm",
      thinking_blocks: [{ type: "thinking", thinking: "hm", signature: "sig" }],
    });
    expect(
      send("databricks", { messages: [{ role: "assistant", content: null, refusal: null }] }).body.messages,
    ).toEqual([{ role: "assistant", content: null }]);
  });

  test("GPT image models refuse response_format", () => {
    const options = { operation: "image-generation" } as const;
    expect(send("openai", { response_format: "url" }, "gpt-image-1", options).body).toEqual({});
    expect(send("openai", { response_format: "url" }, "dall-e-3", options).body).toEqual({ response_format: "url" });
  });

  test("Voyage: its own names, and an input that is all there is", () => {
    const embed = { operation: "embeddings" } as const;
    expect(send("voyage", { dimensions: 256, encoding_format: "int8" }, "m", embed).body).toEqual({
      output_dimension: 256,
      output_dtype: "int8",
    });
    expect(send("voyage", { encoding_format: "base64" }, "m", embed).body).toEqual({ encoding_format: "base64" });
    const [rerank] = provider("voyage").endpoints.rerank ?? [];
    const data = [{ index: 1, relevance_score: 0.5, document: "b" }];
    expect(
      rerank?.normaliseResponse?.({ object: "list", data, usage: { total_tokens: 9 } }, callTo("m")),
    ).toMatchObject({
      results: [{ index: 1, relevance_score: 0.5, document: { text: "b" } }],
      meta: { billed_units: { total_tokens: 9 } },
    });
  });
});

describe("rankings of another shape", () => {
  async function rerank(id: string, answered: JsonObject, asked: JsonObject) {
    const [endpoint] = provider(id).endpoints.rerank ?? [];
    let sent: JsonObject | undefined;
    const request: OutboundRequest = {
      method: "POST",
      url: "https://x.test",
      headers: {},
      body: JSON.stringify(asked),
    };
    const response = await endpoint?.exchange?.(
      request,
      async ({ body }) => {
        sent = asObject(parseJson(String(body)));
        return Response.json(answered);
      },
      callTo("m", { operation: "rerank" }),
    );
    return { sent, body: asObject(await response?.json()) };
  }

  test("NVIDIA: sorted, cut to top_n, with the documents that were sent", async () => {
    const rankings = [
      { index: 0, logit: -1 },
      { index: 1, logit: 4 },
      { index: 2, logit: 2 },
    ];
    const asked = { model: "m", query: "q", documents: ["a", { text: "b" }, "c"], top_n: 2, return_documents: true };
    const { sent, body } = await rerank("nvidia_nim", { rankings, usage: { total_tokens: 7 } }, asked);
    expect(sent).toEqual({ model: "m", query: { text: "q" }, passages: [{ text: "a" }, { text: "b" }, { text: "c" }] });
    expect(body?.results).toEqual([
      { index: 1, relevance_score: 4, document: { text: "b" } },
      { index: 2, relevance_score: 2, document: { text: "c" } },
    ]);
  });

  test("DeepInfra: scores in the order of the documents", async () => {
    const { sent, body } = await rerank(
      "deepinfra",
      { scores: [0.1, 0.9], input_tokens: 5 },
      { query: "q", documents: ["a", "b"] },
    );
    expect(sent).toEqual({ queries: ["q"], documents: ["a", "b"] });
    expect(asArray(body?.results).map((result) => isObject(result) && result.index)).toEqual([1, 0]);
    expect(body?.meta).toMatchObject({ billed_units: { total_tokens: 5 } });
  });
});
