import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { answerTo, asTextCompletion, CLIENT_FORMATS, isTextCompletion, post } from "../support/client-formats.ts";
import { eventually } from "../support/eventually.ts";
import { chat, freePort, type RunningGateway, startGateway } from "../support/gateway.ts";
import { ManagementClient } from "../support/management-client.ts";
import { chatAnswer, chatStream, type ReceivedRequest, startUpstream, type Upstream } from "../support/upstream.ts";

/** What a provider can do wrong, on real sockets. The deployment's key names it. */
let upstream: Upstream;
let gateway: RunningGateway;
/** A provider that speaks less than HTTP. */
let raw: Bun.TCPSocketListener<undefined>;

let lie: unknown;

const MESSAGES = [{ role: "user", content: "hello" }];
const FAULTS = [
  "refuses",
  "hangs",
  "half",
  "limits",
  "lies",
  "stream-error",
  "resets",
  "nonsense",
  "slow-head",
] as const;
type Fault = (typeof FAULTS)[number];

function misbehave(fault: string, request: ReceivedRequest, signal: AbortSignal): Response | Promise<Response> {
  const stream = request.json?.stream === true;
  const asAsked = (answer: Response): Response => (isTextCompletion(request) ? asTextCompletion(answer) : answer);
  switch (fault) {
    case "hangs":
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("gone"))));
    case "half":
      return stream
        ? asAsked(brokenStream())
        : new Response('{"id":"chatcmpl-1","choices":[{"mess', { headers: { "content-type": "application/json" } });
    case "limits":
      return Response.json(
        { error: { message: "slow down", type: "rate_limit_error" } },
        { status: 429, headers: { "retry-after": "30" } },
      );
    case "lies":
      return Response.json(chatAnswer("cheap", { usage: lie }));
    case "stream-error":
      return asAsked(chatStream([], { tail: 'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n' }));
    case "nonsense":
      return new Response("<html>It works!</html>", { headers: { "content-type": "text/html" } });
    default:
      return answerTo(request, [fault]);
  }
}

/** Headers, a role, and then nothing more. */
function brokenStream(): Response {
  const role = 'data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n';
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(role));
      setTimeout(() => controller.close(), 20);
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

beforeAll(async () => {
  upstream = startUpstream((request, signal) => {
    const key = (request.headers.get("authorization") ?? "").replace("Bearer key-", "");
    return misbehave(key, request, signal);
  });
  raw = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket, data) {
        const text = data.toString();
        if (text.includes("resets")) socket.terminate();
        // A head that never ends.
        else socket.write("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n");
      },
    },
  });
  const base: Partial<Record<Fault, string>> = {
    refuses: `http://127.0.0.1:${freePort()}/v1`,
    resets: `http://127.0.0.1:${raw.port}/v1`,
    "slow-head": `http://127.0.0.1:${raw.port}/v1`,
  };
  const deployment = (group: string, key: string, order: number): unknown => ({
    model_name: group,
    litellm_params: {
      model: "openai/gpt-4o-mini",
      api_base: base[key as Fault] ?? `${upstream.url}/v1`,
      api_key: `key-${key}`,
      timeout: 2,
      use_chat_completions_api: true,
      order,
    },
    model_info: { id: `${group}/${key}` },
  });
  gateway = await startGateway({
    config: JSON.stringify({
      model_list: [
        ...FAULTS.flatMap((fault) => [deployment(fault, fault, 1), deployment(fault, "good", 2)]),
        ...FAULTS.map((fault) => deployment(`alone-${fault}`, fault, 1)),
        deployment("only-hangs", "hangs", 1),
        deployment("only-good", "good", 1),
        deployment("only-lies", "lies", 1),
      ],
      router_settings: {
        num_retries: 1,
        cooldown_time: 600,
        disable_cooldowns: true,
        fallbacks: FAULTS.map((fault) => ({ [`alone-${fault}`]: ["only-good"] })),
      },
    }),
  });
});

afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
  raw.stop(true);
});

beforeEach(() => {
  upstream.requests.length = 0;
});

describe.each([...FAULTS].filter((fault) => fault !== "lies"))("a deployment that %s", (fault) => {
  test.each([false, true])(
    "costs one attempt, and another one answers, in every format (stream: %p)",
    async (stream) => {
      if (fault === "stream-error" && !stream) return;
      const asked = Object.entries(CLIENT_FORMATS).map(async ([format, call]) => {
        const response = await post(gateway, call(fault, stream));
        const text = await response.text();
        expect([format, response.status, text]).toEqual([format, 200, expect.stringContaining("good")]);
        expect(text).not.toContain('error":{');
        expect(response.headers.get("x-litellm-model-id")).toBe(`${fault}/good`);
        expect(response.headers.get("x-litellm-attempted-retries")).toBe("1");
        if (stream && format === "chat") expect(text).toEndWith("data: [DONE]\n\n");
      });
      await Promise.all(asked);
    },
  );

  test.each([false, true])("alone in its group falls back to another, in every format (stream: %p)", async (stream) => {
    if (fault === "stream-error" && !stream) return;
    const asked = Object.entries(CLIENT_FORMATS).map(async ([format, call]) => {
      const response = await post(gateway, call(`alone-${fault}`, stream, { num_retries: 0 }));
      const text = await response.text();
      expect([format, response.status, text]).toEqual([format, 200, expect.stringContaining("good")]);
      expect(text).not.toContain('error":{');
      expect(response.headers.get("x-litellm-attempted-fallbacks")).toBe("1");
      expect(response.headers.get("x-litellm-model-group")).toBe("only-good");
    });
    await Promise.all(asked);
  });
});

test.each([
  { prompt_tokens: -5, completion_tokens: "many", total_tokens: 1e300 },
  { prompt_tokens: 1e300, completion_tokens: 1, total_tokens: 2 },
  { prompt_tokens: 1.5, completion_tokens: 2, total_tokens: 3.5 },
  { prompt_tokens: 5, completion_tokens: 3, prompt_tokens_details: { cached_tokens: -900 } },
  "none of your business",
])("the usage %j is charged as far as it can be true, and its row is never lost", async (usage) => {
  lie = usage;
  const response = await chat(gateway, { model: "only-lies", messages: MESSAGES });
  expect(response.status).toBe(200);
  const id = response.headers.get("x-litellm-call-id");
  const client = new ManagementClient(gateway);
  const row = await eventually(async () => {
    const rows = (await client.ok("GET", "/spend/logs?summarize=false")) as Record<string, unknown>[];
    return rows.find(({ request_id }) => request_id === id);
  });
  expect(Number(row.spend)).toBeGreaterThanOrEqual(0);
  expect(Number(row.spend)).toBeLessThan(1);
  for (const field of ["prompt_tokens", "completion_tokens", "total_tokens"]) {
    expect(Number(row[field])).toBeGreaterThanOrEqual(0);
    expect(Number(row[field])).toBeLessThan(1e12);
  }
});

test("a hundred calls to a model that hangs harm none of a hundred calls to one that does not", async () => {
  const hundredGood = async (): Promise<readonly number[]> => {
    const seconds = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const started = performance.now();
        const response = await chat(gateway, { model: "only-good", messages: MESSAGES });
        expect([response.status, await response.text()]).toEqual([200, expect.stringContaining("good")]);
        return (performance.now() - started) / 1000;
      }),
    );
    return seconds.sort((a, b) => a - b);
  };
  await hundredGood();
  const alone = await hundredGood();
  const hanging = Array.from({ length: 100 }, () =>
    chat(gateway, { model: "only-hangs", messages: MESSAGES, num_retries: 0 }),
  );
  await eventually(() => upstream.requests.filter(({ text }) => text.includes("hello")).length >= 300, {
    what: "all of them hang",
  });
  const beside = await hundredGood();
  // The slowest of them waited for nobody: whoever hangs does so for two seconds.
  expect(beside.at(-1)).toBeLessThan(1.5);
  const median = (of: readonly number[]): number => of[50] as number;
  expect(median(beside)).toBeLessThan(median(alone) * 3 + 0.1);
  const hung = await Promise.all(hanging.map(async (call) => (await call).status));
  expect(hung).toEqual(Array.from({ length: 100 }, () => 408));
});
