import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { chatAnswer, chatStream, startUpstream, type Upstream } from "../support/upstream.ts";

let gateway: RunningGateway;
let upstream: Upstream;
let client: OpenAI;

beforeAll(async () => {
  upstream = startUpstream(() => Response.json(chatAnswer("hello")));
  gateway = await startGateway({
    config: JSON.stringify({
      model_list: [
        {
          model_name: "gpt",
          litellm_params: {
            model: "openai/upstream-model",
            api_base: `${upstream.url}/v1`,
            api_key: "sk-upstream",
            input_cost_per_token: 1e-6,
            output_cost_per_token: "4e-6",
          },
          model_info: { id: "deployment-1" },
        },
        {
          model_name: "tuned",
          litellm_params: {
            model: "openai/upstream-model",
            api_base: `${upstream.url}/v1/chat/completions`,
            api_key: "sk-upstream",
            temperature: 0.25,
            top_k: 7,
            extra_headers: { "x-team": "blue" },
            additional_drop_params: ["seed"],
          },
        },
        {
          model_name: "openai/*",
          litellm_params: { model: "openai/*", api_base: upstream.url, api_key: "sk-upstream" },
        },
        { model_name: "mocked", litellm_params: { model: "openai/x", mock_response: "this is a mock" } },
        { model_name: "echo", litellm_params: { model: "echo/echo" } },
      ],
      router_settings: { model_group_alias: { "gpt-alias": "gpt" } },
    }),
  });
  client = new OpenAI({ baseURL: gateway.url, apiKey: gateway.key, maxRetries: 0 });
});

afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
});

const message = [{ role: "user" as const, content: "hi" }];

describe("whole answers", () => {
  test("the official client gets its answer under the name it asked for, with the call's headers", async () => {
    upstream.handler = () =>
      Response.json(chatAnswer("hello"), {
        headers: { "x-request-id": "req-7", "x-ratelimit-remaining-requests": "9" },
      });
    const { data, response } = await client.chat.completions.create({ model: "gpt", messages: message }).withResponse();
    expect(data.choices[0]?.message.content).toBe("hello");
    expect(data.model).toBe("gpt");
    expect(data.usage).toMatchObject({ prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 });
    const header = (name: string): string | null => response.headers.get(name);
    expect(header("x-litellm-response-cost")).toBe("3e-05");
    expect(header("x-litellm-model-id")).toBe("deployment-1");
    expect(header("x-litellm-model-group")).toBe("gpt");
    expect(header("x-litellm-model-api-base")).toStartWith(upstream.url);
    expect(header("x-litellm-attempted-retries")).toBe("0");
    expect(header("x-litellm-call-id")).toMatch(/^[0-9a-f-]{36}$/);
    expect(header("llm_provider-x-request-id")).toBe("req-7");
    expect(header("request-id")).toBe("req-7");
    expect(header("x-ratelimit-remaining-requests")).toBe("9");
    expect(header("x-frame-options")).toBe("DENY");
  });

  test("the request reaches the provider with its credentials, its model name and nothing of ours", async () => {
    upstream.handler = () => Response.json(chatAnswer("hello"));
    upstream.requests.length = 0;
    const body = {
      model: "gpt",
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "look" },
            { type: "image_url", image_url: { url: "data:image/png;base64,AA==", detail: "low" } },
          ],
        },
      ],
      tools: [
        {
          type: "function",
          function: {
            name: "f",
            parameters: { type: "object", properties: { model: { type: "string" } } },
            strict: true,
          },
        },
      ],
      tool_choice: "auto",
      parallel_tool_calls: false,
      response_format: { type: "json_schema", json_schema: { name: "s", schema: { type: "object" }, strict: true } },
      n: 2,
      logprobs: true,
      top_logprobs: 3,
      stop: ["x"],
      reasoning_effort: "low",
      some_unknown_field: { deep: [1, null, "x"] },
    };
    const ours = {
      tags: ["a"],
      timeout: 30,
      num_retries: 0,
      drop_params: true,
      additional_drop_params: [],
      cache: { "no-cache": true },
      fallbacks: [],
      litellm_session_id: "session-1",
      guardrails: [],
    };
    await fetch(`${gateway.url}/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-api-key": gateway.key },
      body: JSON.stringify({ ...body, ...ours }),
    }).then((response) => response.text());
    const received = upstream.requests[0];
    expect(received?.path).toBe("/v1/chat/completions");
    expect(received?.headers.get("authorization")).toBe("Bearer sk-upstream");
    expect(received?.headers.get("x-api-key")).toBeNull();
    expect(received?.json).toEqual({ ...body, model: "upstream-model" });
  });

  test("numbers that doubles cannot hold and odd spellings pass through", async () => {
    upstream.requests.length = 0;
    const text = `{"model": "gpt" , "messages":[{"role":"user","content":"\\u00e9"}],"seed":12345678901234567890,"temperature":1.0}`;
    await fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${gateway.key}` },
      body: text,
    }).then((response) => response.text());
    expect(upstream.requests[0]?.text).toBe(text.replace('"gpt"', '"upstream-model"'));
  });

  test("a deployment's own parameters fill in what the caller left open", async () => {
    upstream.requests.length = 0;
    await client.chat.completions.create({ model: "tuned", messages: message, seed: 4 });
    const received = upstream.requests[0];
    expect(received?.path).toBe("/v1/chat/completions");
    expect(received?.headers.get("x-team")).toBe("blue");
    expect(received?.json).toMatchObject({ temperature: 0.25, top_k: 7 });
    expect(received?.json).not.toHaveProperty("seed");
    await client.chat.completions.create({ model: "tuned", messages: message, temperature: 1 });
    expect(upstream.requests[1]?.json).toMatchObject({ temperature: 1 });
  });

  test.each([
    ["gpt-alias", "upstream-model"],
    ["openai/some-model", "some-model"],
    ["deployment-1", "upstream-model"],
  ])("the name %s is routed", async (name, expected) => {
    upstream.requests.length = 0;
    const answer = await client.chat.completions.create({ model: name, messages: message });
    expect(upstream.requests[0]?.json?.model).toBe(expected);
    expect(answer.model).toBe(name);
  });

  test("the model may stand in the path, slashes included", async () => {
    upstream.requests.length = 0;
    for (const path of [
      "/engines/openai/org/m/chat/completions",
      "/openai/deployments/openai/org/m/chat/completions?api-version=1",
    ]) {
      const response = await fetch(gateway.url + path, {
        method: "POST",
        headers: { "api-key": gateway.key },
        body: JSON.stringify({ messages: message }),
      });
      expect(response.status).toBe(200);
      await response.text();
    }
    expect(upstream.requests.map((request) => request.json?.model)).toEqual(["org/m", "org/m"]);
  });

  test("mock_response answers without a call", async () => {
    upstream.requests.length = 0;
    const answer = await client.chat.completions.create({ model: "mocked", messages: message });
    expect(answer.choices[0]?.message.content).toBe("this is a mock");
    expect(answer.usage).toMatchObject({ prompt_tokens: 10, completion_tokens: 20 });
    expect(upstream.requests).toBeEmpty();
  });
});

describe("streams", () => {
  async function collect(
    stream: AsyncIterable<OpenAI.ChatCompletionChunk>,
  ): Promise<{ text: string; chunks: OpenAI.ChatCompletionChunk[] }> {
    let text = "";
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of stream) {
      chunks.push(chunk);
      text += chunk.choices[0]?.delta?.content ?? "";
    }
    return { text, chunks };
  }

  test("words arrive in order under the name that was asked for; usage only when asked", async () => {
    upstream.handler = () => chatStream(["a ", "b ", "c"]);
    upstream.requests.length = 0;
    const plain = await collect(
      await client.chat.completions.create({ model: "gpt", messages: message, stream: true }),
    );
    expect(plain.text).toBe("a b c");
    expect(plain.chunks.every((chunk) => chunk.model === "gpt")).toBe(true);
    expect(plain.chunks.some((chunk) => chunk.usage)).toBe(false);
    expect(upstream.requests[0]?.json?.stream_options).toEqual({ include_usage: true });

    const asked = await collect(
      await client.chat.completions.create({
        model: "gpt",
        messages: message,
        stream: true,
        stream_options: { include_usage: true },
      }),
    );
    expect(asked.chunks.at(-1)?.usage).toMatchObject({ prompt_tokens: 10, completion_tokens: 3 });
  });

  test("one byte at a time changes nothing", async () => {
    upstream.handler = () => chatStream(["é", "漢", "🚪"], { bytewise: true });
    const { text } = await collect(
      await client.chat.completions.create({ model: "gpt", messages: message, stream: true }),
    );
    expect(text).toBe("é漢🚪");
  });

  test("the built-in echo really streams and counts", async () => {
    const { text, chunks } = await collect(
      await client.chat.completions.create({
        model: "echo",
        messages: [{ role: "user", content: "one two three" }],
        stream: true,
        stream_options: { include_usage: true },
      }),
    );
    expect(text).toBe("one two three");
    expect(chunks.filter((chunk) => chunk.choices[0]?.delta?.content).length).toBeGreaterThanOrEqual(3);
    expect(chunks.at(-1)?.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 3, total_tokens: 6 });
  });

  /** Milliseconds from a client's leaving to the upstream's seeing it. */
  async function cancelled(body: Record<string, unknown>, answer: () => Response | Promise<Response>): Promise<number> {
    let arrived = (): void => {};
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const aborted = new Promise<number>((resolve) => {
      upstream.handler = (_, signal) => {
        signal.addEventListener("abort", () => resolve(performance.now()));
        arrived();
        return answer();
      };
    });
    const controller = new AbortController();
    const call = fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${gateway.key}` },
      body: JSON.stringify({ model: "gpt", messages: message, ...body }),
      signal: controller.signal,
    });
    const refused = call.then((response) => response.body?.getReader().read()).catch(() => undefined);
    await arrival;
    if (body.stream === true) await refused;
    const leftAt = performance.now();
    controller.abort();
    await refused;
    return (await aborted) - leftAt;
  }

  test.each([
    ["in the middle of a stream", { stream: true }, () => chatStream(Array(500).fill("word "), { gap: 20 })],
    ["before the first byte", {}, () => new Promise<Response>(() => {})],
  ])("a client that goes away %s cancels the upstream within 100 ms", async (_, body, answer) => {
    // The best of five: other tests may hold the processor for one of them.
    let best = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < 5 && best >= 100; tries++) best = Math.min(best, await cancelled(body, answer));
    expect(best).toBeLessThan(100);
  });
});

describe("retries", () => {
  test("an upstream that recovers is invisible, and the header tells how often it was asked", async () => {
    let calls = 0;
    upstream.handler = () =>
      ++calls < 3
        ? Response.json(
            { error: { message: "busy", type: "server_error" } },
            { status: 503, headers: { "retry-after": "0.01" } },
          )
        : Response.json(chatAnswer("at last"));
    const { data, response } = await client.chat.completions.create({ model: "gpt", messages: message }).withResponse();
    expect(data.choices[0]?.message.content).toBe("at last");
    expect(response.headers.get("x-litellm-attempted-retries")).toBe("2");
  });

  test("an error inside a 200 stream before its first content is retried like any other", async () => {
    let calls = 0;
    upstream.handler = () =>
      ++calls === 1
        ? chatStream([], { tail: 'data: {"error":{"message":"overloaded","type":"server_error","code":503}}\n\n' })
        : chatStream(["fine"]);
    const stream = await client.chat.completions.create({ model: "gpt", messages: message, stream: true });
    let text = "";
    for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
    expect(text).toBe("fine");
    expect(calls).toBe(2);
  });

  test("num_retries of the caller bounds the attempts", async () => {
    let calls = 0;
    upstream.handler = () => {
      calls++;
      return Response.json({ error: { message: "down", type: "server_error" } }, { status: 500 });
    };
    const attempt = client.chat.completions.create(
      { model: "gpt", messages: message },
      { headers: { "x-litellm-num-retries": "0" } },
    );
    const failure: unknown = await attempt.catch((error: unknown) => error);
    expect(failure).toMatchObject({ status: 500 });
    expect(calls).toBe(1);
  });
});
