import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect, createServer, type Server, type Socket } from "node:net";
import { eventually } from "../support/eventually.ts";
import { chat as call, freePort, type RunningGateway, startGateway } from "../support/gateway.ts";
import { ManagementClient } from "../support/management-client.ts";
import { chatAnswer, chatStream, startUpstream, type Upstream } from "../support/upstream.ts";

let gateway: RunningGateway;
let upstream: Upstream;
let raw: Server;
let rawAnswer: (socket: Socket) => void | Promise<void> = () => {};

beforeAll(async () => {
  upstream = startUpstream(() => Response.json(chatAnswer("hello")));
  const rawPort = freePort();
  raw = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => rawAnswer(socket));
  }).listen(rawPort, "127.0.0.1");
  const deployment = (name: string, base: string) => ({
    model_name: name,
    litellm_params: {
      model: "openai/m",
      api_base: base,
      api_key: "sk-upstream-secret",
      num_retries: 0,
      input_cost_per_token: 1e-6,
      output_cost_per_token: 1e-6,
    },
  });
  gateway = await startGateway({
    config: JSON.stringify({
      model_list: [
        deployment("m", `${upstream.url}/v1`),
        deployment("raw", `http://127.0.0.1:${rawPort}/v1`),
        deployment("refused", `http://127.0.0.1:${freePort()}/v1`),
        deployment("no-tls", `${upstream.url.replace("http:", "https:")}/v1`),
        deployment("no-dns", "http://host.invalid/v1"),
      ],
      litellm_settings: { num_retries: 0, disable_cooldowns: true },
      general_settings: { max_request_size_mb: 64 },
    }),
  });
});

afterAll(async () => {
  await gateway.stop();
  raw.close();
  await upstream.stop();
});

/** The calls of a caller who is known: each must have one row at the end. */
const calls: string[] = [];

async function chat(...asked: Parameters<typeof call>): Promise<Response> {
  const response = await call(...asked);
  const id = response.headers.get("x-litellm-call-id");
  expect(id).not.toBeNull();
  calls.push(id as string);
  return response;
}

const ask = { model: "m", messages: [{ role: "user", content: "hi" }] };

interface ErrorBody {
  error: { message: string; type: string; param: string | null; code: string };
}

async function refusal(response: Response): Promise<{ status: number; error: ErrorBody["error"] }> {
  const body = (await response.json()) as ErrorBody;
  expect(body.error.code).toBe(String(response.status));
  expect(JSON.stringify(body)).not.toContain("sk-upstream-secret");
  return { status: response.status, error: body.error };
}

describe("requests", () => {
  test.each([
    ["malformed JSON", '{"model": "m", "messages": [', 400, "request_body"],
    ["an array", "[1]", 400, "request_body"],
    ["a string", '"hi"', 400, "request_body"],
    ["no model", '{"messages":[]}', 400, null],
    ["an unknown model", '{"model":"nobody","messages":[]}', 400, null],
    ["no messages", '{"model":"m"}', 400, "messages"],
    ["a client-side address", '{"model":"m","messages":[],"api_base":"http://127.0.0.1:1"}', 401, "None"],
    ["a timeout that is none", '{"model":"m","messages":[],"timeout":"soon"}', 400, "timeout"],
    ["retries that are none", '{"model":"m","messages":[],"num_retries":-1}', 400, "num_retries"],
  ])("%s gets a clear error", async (_, body, status, param) => {
    const { status: got, error } = await refusal(await chat(gateway, body));
    expect(got).toBe(status);
    expect(error.param).toBe(param);
    expect(error.message.length).toBeGreaterThan(10);
  });

  test("invalid UTF-8 is refused", async () => {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${gateway.key}` },
      body: Uint8Array.from([
        ...new TextEncoder().encode('{"model":"m","messages":[{"role":"user","content":"'),
        0xf0,
        0x9f,
        0x98,
        ...new TextEncoder().encode('"}]}'),
      ]),
    });
    expect(await refusal(response)).toMatchObject({ status: 400, error: { param: "request_body" } });
  });

  test("no key, a malformed one, a wrong one", async () => {
    const call = (headers: Record<string, string>): Promise<Response> =>
      fetch(`${gateway.url}/v1/chat/completions`, { method: "POST", headers, body: JSON.stringify(ask) });
    expect(await refusal(await call({}))).toMatchObject({
      status: 401,
      error: { type: "auth_error", message: "Authentication Error, No api key passed in." },
    });
    expect(await refusal(await call({ authorization: "sk-bare" }))).toMatchObject({
      status: 401,
      error: { type: "auth_error" },
    });
    expect(await refusal(await call({ authorization: "Bearer not-a-key" }))).toMatchObject({
      status: 401,
      error: { type: "auth_error" },
    });
    const wrong = await refusal(await call({ authorization: "Bearer sk-wrong-key-1234567890" }));
    expect(wrong).toMatchObject({ status: 401, error: { type: "token_not_found_in_db", param: "key" } });
    expect(wrong.error.message).not.toContain("sk-wrong-key");
  });

  test("a body of 50 MB passes, one beyond the limit is refused, declared or not", async () => {
    upstream.handler = () => Response.json(chatAnswer("big"));
    const body = (megabytes: number): string =>
      JSON.stringify({ ...ask, messages: [{ role: "user", content: "x".repeat(megabytes * 1024 * 1024) }] });
    const passes = await chat(gateway, body(50));
    expect(passes.status).toBe(200);
    await passes.text();
    expect(await refusal(await chat(gateway, body(65)))).toMatchObject({ status: 413 });
    const chunked = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${gateway.key}` },
      body: new ReadableStream({
        async pull(controller) {
          controller.enqueue(new Uint8Array(1024 * 1024).fill(32));
        },
      }),
    }).catch(() => undefined);
    if (chunked !== undefined) expect(chunked.status).toBe(413);
    upstream.requests.length = 0;
  }, 30_000);

  test("a body that stops half way and a header bomb leave the process well", async () => {
    const { port, hostname } = new URL(gateway.url);
    const refused = async (): Promise<number> =>
      (
        (await new ManagementClient(gateway).ok("GET", "/health/readiness/details")) as {
          refusals: Record<string, number>;
        }
      ).refusals.body_broken ?? 0;
    const before = await refused();
    for (const bytes of [
      `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${gateway.key}\r\nContent-Length: 1000\r\n\r\n{"model":`,
      `GET / HTTP/1.1\r\nHost: x\r\n${Array.from({ length: 20_000 }, (_, index) => `x-${index}: ${"y".repeat(50)}`).join("\r\n")}\r\n\r\n`,
      "\x00\x01\x02garbage\r\n\r\n",
    ]) {
      await new Promise<void>((resolve) => {
        const socket = connect(Number(port), hostname, () => {
          socket.write(bytes);
          setTimeout(() => {
            socket.destroy();
            resolve();
          }, 100);
        });
        socket.on("error", () => resolve());
      });
    }
    expect((await fetch(`${gateway.url}/health/liveliness`)).status).toBe(200);
    await eventually(async () => (await refused()) === before + 1, { what: "the half body is counted" });
  });

  test.each([
    ["headers of a megabyte", [`x-bomb: ${"y".repeat(1024 * 1024)}`], "", [400, 431]],
    ["ten thousand headers", Array.from({ length: 10_000 }, (_, index) => `x-${index}: y`), "", [400, 431]],
    ["no length and no chunks", ["content-type: application/json"], "", [400]],
    ["a length that is none", ["content-length: many"], "", [400]],
    ["chunks that are none", ["transfer-encoding: chunked"], "zzz\r\nno\r\n", [400]],
    ["two lengths", ["content-length: 2", "content-length: 3"], "{}", [400]],
  ])("%s are refused on the wire, and nobody waits", async (_, headers, body, statuses) => {
    const { port, hostname } = new URL(gateway.url);
    const head = [
      "POST /v1/chat/completions HTTP/1.1",
      "host: gateway",
      `authorization: Bearer ${gateway.key}`,
      "connection: close",
      ...headers,
    ].join("\r\n");
    const status = await new Promise<number>((resolve) => {
      const socket = connect(Number(port), hostname, () => socket.write(`${head}\r\n\r\n${body}`));
      // A connection that is closed without a word is a refusal, too.
      socket.on("error", () => resolve(statuses[0] as number));
      socket.on("close", () => resolve(statuses[0] as number));
      socket.once("data", (data) => resolve(Number(data.toString().split(" ")[1])));
    });
    expect(statuses).toContain(status);
    expect((await fetch(`${gateway.url}/health/liveliness`)).status).toBe(200);
  });

  test("unknown paths and methods", async () => {
    const path = await fetch(`${gateway.url}/nowhere`);
    expect([path.status, await path.json()]).toEqual([404, { detail: "Not Found" }]);
    const method = await fetch(`${gateway.url}/v1/chat/completions`, { method: "DELETE" });
    expect([method.status, await method.json()]).toEqual([405, { detail: "Method Not Allowed" }]);
  });
});

describe("upstream errors keep their status and their sentence", () => {
  test.each([
    [400, 400, "invalid_request_error"],
    [401, 401, "authentication_error"],
    [403, 403, "permission_error"],
    [404, 404, "invalid_request_error"],
    [408, 408, "invalid_request_error"],
    [409, 409, undefined],
    [413, 413, undefined],
    [422, 422, undefined],
    [429, 429, "throttling_error"],
    [500, 500, "internal_server_error"],
    [502, 502, "internal_server_error"],
    [503, 503, "internal_server_error"],
    [529, 500, "internal_server_error"],
  ])("%i", async (upstreamStatus, status, type) => {
    upstream.handler = () =>
      Response.json(
        { error: { message: `reason ${upstreamStatus}`, param: null, code: null } },
        { status: upstreamStatus },
      );
    const { status: got, error } = await refusal(await chat(gateway, ask));
    expect(got).toBe(status);
    expect(error.message).toContain(`reason ${upstreamStatus}`);
    if (type !== undefined) expect(error.type).toBe(type);
  });

  test("HTML instead of JSON", async () => {
    upstream.handler = () =>
      new Response("<html><h1>Bad Gateway</h1></html>", { status: 502, headers: { "content-type": "text/html" } });
    const { status, error } = await refusal(await chat(gateway, ask));
    expect(status).toBe(502);
    expect(error.message).toContain("Bad Gateway");
  });

  test.each([
    ["HTML with status 200", "<html>hi</html>"],
    ["half a JSON", '{"id":"x","choices":['],
    ["nothing", ""],
  ])("%s is an internal error, not an answer", async (_, text) => {
    upstream.handler = () => new Response(text, { headers: { "content-type": "application/json" } });
    expect(await refusal(await chat(gateway, ask))).toMatchObject({
      status: 500,
      error: { type: "internal_server_error" },
    });
  });

  test("a context window that is exceeded has its class", async () => {
    upstream.handler = () =>
      Response.json(
        {
          error: {
            message: "too long",
            type: "invalid_request_error",
            code: "context_length_exceeded",
            param: "messages",
          },
        },
        { status: 400 },
      );
    const { status, error } = await refusal(await chat(gateway, ask));
    expect(status).toBe(400);
    expect(error.message).toContain("ContextWindowExceededError");
  });
});

describe("upstream connections", () => {
  test.each([
    ["refused", "refused"],
    ["no-tls", "TLS"],
    ["no-dns", "resolved"],
  ])("%s", async (model, said) => {
    const { status, error } = await refusal(await chat(gateway, { ...ask, model }));
    expect(status).toBe(500);
    expect(error.message).toContain(said);
  });

  test("a connection that closes in the middle of a whole answer", async () => {
    rawAnswer = (socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"id":');
      setTimeout(() => socket.destroy(), 30);
    };
    expect(await refusal(await chat(gateway, { ...ask, model: "raw" }))).toMatchObject({ status: 500 });
  });

  test("an upstream that never answers runs into the caller's time limit", async () => {
    upstream.handler = (_, signal) =>
      new Promise((resolve) => signal.addEventListener("abort", () => resolve(Response.json(chatAnswer("late")))));
    const { status, error } = await refusal(await chat(gateway, { ...ask, timeout: 0.3 }));
    expect(status).toBe(408);
    expect(error.message).toContain("timeout value=0.3");
  });
});

describe("upstream streams", () => {
  const streamed = { ...ask, stream: true };

  test("an error before the first content is an ordinary error", async () => {
    upstream.handler = () =>
      chatStream([], { tail: 'data: {"error":{"message":"no capacity","type":"server_error"}}\n\n' });
    const response = await chat(gateway, streamed);
    expect(response.headers.get("content-type")).toContain("application/json");
    expect((await refusal(response)).error.message).toContain("no capacity");
  });

  test.each([
    [
      "an error event after content",
      () => chatStream(["a"], { tail: 'data: {"error":{"message":"lost it","type":"server_error"}}\n\n' }),
      "lost it",
    ],
    [
      "a stream that ends without a finish reason",
      () => chatStream(["a"], { complete: false }),
      "before the answer was complete",
    ],
  ])("%s ends the stream with an error frame and no [DONE]", async (_, handler, said) => {
    upstream.handler = handler;
    const response = await chat(gateway, streamed);
    expect(response.status).toBe(200);
    const text = await response.text();
    expect(text).toContain('"content":"a"');
    expect(text).not.toContain("[DONE]");
    const last = JSON.parse(text.trim().split("\n\n").at(-1)?.slice(6) ?? "") as ErrorBody;
    expect(last.error.message).toContain(said);
  });

  test("a connection that breaks ends the stream with an error frame and no [DONE]", async () => {
    rawAnswer = async (socket) => {
      const frames = await chatStream(["a", "b"], { complete: false }).text();
      socket.write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
      socket.write(`${Buffer.byteLength(frames).toString(16)}\r\n${frames}\r\n`);
      setTimeout(() => socket.destroy(), 30);
    };
    const text = await (await chat(gateway, { ...streamed, model: "raw" })).text();
    expect(text).toContain('"content":"b"');
    expect(text).not.toContain("[DONE]");
    const last = JSON.parse(text.trim().split("\n\n").at(-1)?.slice(6) ?? "") as ErrorBody;
    expect(last.error.message).toContain("connection");
  });

  test("a stream without usage is complete all the same", async () => {
    upstream.handler = () => chatStream(["a"], { usage: false });
    expect(await (await chat(gateway, streamed)).text()).toContain("[DONE]");
  });

  test("a stream that falls silent is ended after stream_timeout", async () => {
    upstream.handler = () => chatStream(["a", "b"], { gap: 60_000 });
    const response = await chat(gateway, { ...streamed, stream_timeout: 0.4 });
    const text = await response.text();
    expect(text).toContain("error");
    expect(text).not.toContain('"content":"b"');
  });

  test("one byte at a time, and line breaks of three kinds, change nothing", async () => {
    upstream.handler = () => chatStream(["täg", " 👋 ", "end"], { bytewise: true });
    const text = await (await chat(gateway, streamed)).text();
    const words = [...text.matchAll(/"content":"([^"]*)"/g)].map(([, word]) => word).join("");
    expect(words).toBe("täg 👋 end");
    expect(text).toEndWith("data: [DONE]\n\n");
  });

  test("a stream that never ends is the client's to leave, and its provider is left within 100 ms", async () => {
    let left = Promise.withResolvers<number>();
    upstream.handler = (_, signal) => {
      left = Promise.withResolvers<number>();
      signal.addEventListener("abort", () => left.resolve(performance.now()));
      return chatStream(Array(1_000_000).fill("on and on "), { gap: 1 });
    };
    const leaving = new AbortController();
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${gateway.key}` },
      body: JSON.stringify(streamed),
      signal: leaving.signal,
    });
    calls.push(response.headers.get("x-litellm-call-id") as string);
    let bytes = 0;
    const leftAt = await (async () => {
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        bytes += chunk.byteLength;
        if (bytes > 20_000) break;
      }
      leaving.abort();
      return performance.now();
    })();
    expect((await left.promise) - leftAt).toBeLessThan(100);
  });

  test("a JSON answer to a request for a stream is streamed", async () => {
    upstream.handler = () => Response.json(chatAnswer("whole"));
    const text = await (await chat(gateway, streamed)).text();
    expect(text).toContain('"content":"whole"');
    expect(text).toEndWith("data: [DONE]\n\n");
  });

  test("a stream in answer to a request for a whole answer is collected", async () => {
    upstream.handler = () => chatStream(["a ", "b"]);
    const answer = (await (await chat(gateway, ask)).json()) as { choices: { message: { content: string } }[] };
    expect(answer.choices[0]?.message.content).toBe("a b");
  });
});

test("after all of that, every call has one row and the process lives", async () => {
  upstream.handler = () => Response.json(chatAnswer("fine"));
  expect((await chat(gateway, ask)).status).toBe(200);
  expect(gateway.process.exitCode).toBeNull();
  expect(calls.length).toBeGreaterThan(40);
  const client = new ManagementClient(gateway);
  for (const id of calls) {
    const rows = await eventually(async () => {
      const found = (await client.ok("GET", `/spend/logs?request_id=${id}`)) as Record<string, unknown>[];
      return found.length > 0 ? found : undefined;
    });
    expect(rows).toHaveLength(1);
  }
});
