import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { eventually } from "../support/eventually.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let gateway: RunningGateway;

const CHAT = {
  id: "chatcmpl-1",
  object: "chat.completion",
  model: "gpt-4o-mini",
  choices: [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 1000, completion_tokens: 100, total_tokens: 1100 },
};
const MESSAGE_EVENTS = [
  [
    "message_start",
    {
      type: "message_start",
      message: {
        id: "m",
        type: "message",
        role: "assistant",
        content: [],
        model: "claude-sonnet-4-5-20250929",
        usage: { input_tokens: 1000, output_tokens: 1 },
      },
    },
  ],
  ["content_block_start", { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }],
  ["content_block_delta", { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hi" } }],
  ["content_block_stop", { type: "content_block_stop", index: 0 }],
  ["message_delta", { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 100 } }],
  ["message_stop", { type: "message_stop" }],
] as const;
const STREAM = MESSAGE_EVENTS.map(([name, data]) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`).join("");

beforeAll(async () => {
  upstream = startUpstream(() => Response.json(CHAT));
  gateway = await startGateway({
    env: {
      OPENAI_API_KEY: "sk-openai-own",
      OPENAI_BASE_URL: `${upstream.url}/v1`,
      ANTHROPIC_API_KEY: "sk-ant-own",
      ANTHROPIC_API_BASE: upstream.url,
      GEMINI_API_KEY: "gemini-own",
      GEMINI_API_BASE: `${upstream.url}/v1beta`,
      AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
      AWS_SECRET_ACCESS_KEY: "secret-of-aws",
      AWS_REGION_NAME: "eu-west-1",
      AWS_BEDROCK_RUNTIME_ENDPOINT: upstream.url,
      LANGFUSE_PUBLIC_KEY: "pk-own",
      LANGFUSE_SECRET_KEY: "sk-lf-own",
      LANGFUSE_HOST: upstream.url,
      TEAM_SECRET: "of the team",
    },
    config: JSON.stringify({
      model_list: [
        {
          model_name: "big",
          litellm_params: {
            model: "azure/gpt-4o-prod",
            api_base: upstream.url,
            api_key: "azure-own",
            api_version: "2025-01-01",
          },
        },
      ],
      general_settings: {
        pass_through_endpoints: [
          {
            path: "/tickets",
            target: `${upstream.url}/api/tickets`,
            headers: { "x-secret": "os.environ/TEAM_SECRET" },
            include_subpath: true,
            default_query_params: { tenant: "a", page: "1" },
            cost_per_request: 0.25,
          },
          { path: "/open", target: `${upstream.url}/open`, auth: false, methods: ["GET"] },
        ],
      },
    }),
  });
});

afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
});

const asked = () => {
  const last = upstream.requests.at(-1);
  if (last === undefined) throw new Error("nobody was asked");
  return last;
};
const send = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(gateway.url + path, { ...init, headers: { authorization: `Bearer ${gateway.key}`, ...init.headers } });
const json = (body: unknown): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});
const rowOf = (response: Response) => {
  const id = response.headers.get("x-litellm-call-id") ?? "";
  return eventually(async () => {
    const rows = (await (await send(`/spend/logs?request_id=${id}`)).json()) as Record<string, unknown>[];
    return rows[0];
  });
};

describe("a provider's own API", () => {
  test("OpenAI's client, whole answers: as they are, with what they cost", async () => {
    upstream.handler = () => Response.json(CHAT, { headers: { "x-request-id": "r-1", "set-cookie": "a=b" } });
    const client = new OpenAI({ baseURL: `${gateway.url}/openai/v1`, apiKey: gateway.key, maxRetries: 0 });
    const { data, response } = await client.chat.completions
      .create({ model: "gpt-4o-mini", messages: [{ role: "user", content: "Hi" }] })
      .withResponse();
    expect(data.choices[0]?.message.content).toBe("Hi");
    expect(asked().path).toBe("/v1/chat/completions");
    expect(asked().headers.get("authorization")).toBe("Bearer sk-openai-own");
    expect([...asked().headers.values()].join(" ")).not.toContain(gateway.key);
    // 1,000 × $0.15 and 100 × $0.60 for a million.
    expect(response.headers.get("x-litellm-response-cost")).toBe("0.00021");
    expect(response.headers.get("x-request-id")).toBe("r-1");
    expect(response.headers.get("set-cookie")).toBeNull();
    expect(await rowOf(response)).toMatchObject({
      call_type: "pass_through_endpoint",
      model: "gpt-4o-mini",
      spend: 0.00021,
    });
  });

  test("Anthropic's client, streamed, a model that nobody configured", async () => {
    upstream.handler = () => new Response(STREAM, { headers: { "content-type": "text/event-stream" } });
    const client = new Anthropic({ baseURL: `${gateway.url}/anthropic`, apiKey: gateway.key, maxRetries: 0 });
    const stream = client.messages.stream({
      model: "claude-sonnet-4-5-20250929",
      max_tokens: 100,
      messages: [{ role: "user", content: "Hi" }],
    });
    expect(await stream.finalText()).toBe("Hi");
    expect(asked().headers.get("x-api-key")).toBe("sk-ant-own");
    expect(asked().headers.get("anthropic-version")).toBe("2023-06-01");
    if (stream.response === undefined || stream.response === null) throw new Error("no answer");
    // 1,000 × $3 and 100 × $15 for a million.
    expect(await rowOf(stream.response as unknown as Response)).toMatchObject({
      spend: 0.0045,
      completion_tokens: 100,
    });
  });

  test("a path with its own version, a query without the caller's key, other methods", async () => {
    upstream.handler = () => Response.json({ models: [] });
    const answer = await fetch(`${gateway.url}/gemini/v1beta/models?pageSize=3&key=${gateway.key}`);
    expect(answer.status).toBe(200);
    expect(asked().path).toBe("/v1beta/models?pageSize=3");
    expect(asked().headers.get("x-goog-api-key")).toBe("gemini-own");
    await send("/gemini/v1/models");
    expect(asked().path).toBe("/v1/models");
    await send("/openai/files/f%2F1", { method: "DELETE" });
    expect(asked()).toMatchObject({ method: "DELETE", path: "/v1/files/f%2F1" });
    await send("/openai_passthrough/v1/things", { ...json({ a: 1 }), method: "PATCH" });
    expect(asked()).toMatchObject({ method: "PATCH", path: "/v1/things", text: '{"a":1}' });
  });

  test("Bedrock's requests are signed anew", async () => {
    upstream.handler = () =>
      Response.json({
        output: { message: { role: "assistant", content: [{ text: "Hi" }] } },
        usage: { inputTokens: 10, outputTokens: 5, totalTokens: 15 },
      });
    const answer = await fetch(`${gateway.url}/bedrock/model/amazon.nova-lite-v1%3A0/converse`, {
      ...json({ messages: [] }),
      headers: {
        "content-type": "application/json",
        authorization: `AWS4-HMAC-SHA256 Credential=Bearer ${gateway.key}/20260101/us-west-2/bedrock/aws4_request, SignedHeaders=host, Signature=0`,
        "x-amz-date": "20200101T000000Z",
      },
    });
    expect(answer.status).toBe(200);
    expect(asked().path).toBe("/model/amazon.nova-lite-v1%3A0/converse");
    expect(asked().headers.get("authorization")).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/bedrock\/aws4_request/,
    );
    expect(asked().headers.get("x-amz-date")).not.toBe("20200101T000000Z");
    expect(await rowOf(answer)).toMatchObject({ prompt_tokens: 10, completion_tokens: 5 });
  });

  test("a configured model's name becomes the deployment's", async () => {
    upstream.handler = () => Response.json(CHAT);
    await send("/azure/openai/deployments/big/chat/completions?api-version=2025-01-01", json({ messages: [] }));
    expect(asked().path).toStartWith("/openai/deployments/gpt-4o-prod/chat/completions?api-version=2025-01-01");
    expect(asked().headers.get("api-key")).toBe("azure-own");
  });

  test("services of another kind", async () => {
    upstream.handler = () => Response.json({ data: [] });
    await send("/langfuse/api/public/traces?limit=1");
    expect(asked().path).toBe("/api/public/traces?limit=1");
    expect(asked().headers.get("authorization")).toBe(`Basic ${btoa("pk-own:sk-lf-own")}`);
  });

  test("refusals pass as they are, and cost nothing", async () => {
    upstream.handler = () =>
      Response.json({ error: { message: "no such thing" } }, { status: 404, headers: { "retry-after": "7" } });
    const answer = await send("/openai/v1/chat/completions", json({ model: "gpt-4o-mini", messages: [] }));
    expect(answer.status).toBe(404);
    expect(answer.headers.get("retry-after")).toBe("7");
    expect(await answer.json()).toEqual({ error: { message: "no such thing" } });
    expect(await rowOf(answer)).toMatchObject({ status: "failure", spend: 0 });
  });

  test("bodies that are no JSON go as they came", async () => {
    upstream.handler = () => new Response(new Uint8Array([0, 255, 1]), { headers: { "content-type": "audio/mpeg" } });
    const form = new FormData();
    form.set("file", new File(["abc"], "a.txt"));
    const answer = await send("/openai/v1/files", { method: "POST", body: form });
    expect(asked().text).toContain('filename="a.txt"');
    expect(asked().headers.get("content-type")).toStartWith("multipart/form-data; boundary=");
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(new Uint8Array([0, 255, 1]));
  });

  test.each([
    ["/openai/v1/../../admin", 404],
    ["/openai/v1/%2e%2e/%2e%2e/admin", 404],
    ["/openai/v1/..%2f..%2fadmin", 400],
    ["/openai/v1/%252e%252e%252fadmin", 400],
    ["/openai/v1/a%5c..%5cadmin", 400],
  ])("no path leads out: %p", async (path, status) => {
    const before = upstream.requests.length;
    const answer = await send(path);
    expect(answer.status).toBe(status);
    expect(upstream.requests.length).toBe(before);
  });

  test("without a key nobody is asked; without a credential the variable is named", async () => {
    const before = upstream.requests.length;
    expect((await fetch(`${gateway.url}/openai/v1/models`)).status).toBe(401);
    const answer = await send("/mistral/v1/chat/completions", json({ model: "m" }));
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain("MISTRAL_API_KEY");
    expect(upstream.requests.length).toBe(before);
  });

  test("a key's models and budget count", async () => {
    upstream.handler = () => Response.json(CHAT);
    const make = async (body: object): Promise<string> =>
      ((await (await send("/key/generate", json(body))).json()) as { key: string }).key;
    const narrow = await make({ models: ["gpt-4o"] });
    const ask = (key: string): Promise<Response> =>
      fetch(`${gateway.url}/openai/v1/chat/completions`, {
        ...json({ model: "gpt-4o-mini", messages: [], max_tokens: 100 }),
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      });
    expect((await ask(narrow)).status).toBe(403);
    const poor = await make({ max_budget: 0.00025 });
    expect((await ask(poor)).status).toBe(200);
    expect((await ask(poor)).status).toBe(422);
  });

  test("a caller who leaves ends the provider's answer", async () => {
    let ended = false;
    upstream.handler = (_, signal) => {
      signal.addEventListener("abort", () => {
        ended = true;
      });
      return new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(new TextEncoder().encode(STREAM.slice(0, 300))),
        }),
        { headers: { "content-type": "text/event-stream" } },
      );
    };
    const controller = new AbortController();
    const answer = await send("/anthropic/v1/messages", {
      ...json({ model: "claude-sonnet-4-5-20250929", max_tokens: 9, stream: true, messages: [] }),
      signal: controller.signal,
    });
    await answer.body?.getReader().read();
    controller.abort();
    await eventually(() => ended || undefined);
    expect(await rowOf(answer)).toMatchObject({ status: "cancelled", prompt_tokens: 1000 });
  });
});

describe("the operator's own endpoints", () => {
  test("take headers, defaults and paths below, and cost what they cost", async () => {
    upstream.handler = () => Response.json({ ok: true });
    const answer = await send("/tickets/7/notes?page=2", json({ text: "x" }));
    expect(answer.status).toBe(200);
    expect(asked().path).toBe("/api/tickets/7/notes?page=2&tenant=a");
    expect(asked().headers.get("x-secret")).toBe("of the team");
    expect(asked().headers.get("authorization")).toBeNull();
    expect(await rowOf(answer)).toMatchObject({ call_type: "pass_through_endpoint", spend: 0.25 });
    expect((await fetch(`${gateway.url}/tickets`)).status).toBe(401);
  });

  test("are open where they are declared so, for the methods that they have", async () => {
    upstream.handler = () => Response.json({ ok: true });
    expect((await fetch(`${gateway.url}/open`)).status).toBe(200);
    expect(asked().path).toBe("/open");
    expect((await fetch(`${gateway.url}/open`, { method: "POST" })).status).toBe(404);
    expect((await fetch(`${gateway.url}/open/below`)).status).toBe(404);
  });
});
