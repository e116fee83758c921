import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  answerTo,
  asTextCompletion,
  CLIENT_FORMATS,
  type ClientCall,
  isTextCompletion,
  post,
} from "../support/client-formats.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { chatStream, type ReceivedRequest, startUpstream, type Upstream } from "../support/upstream.ts";

/** The same failures, met by every client format, streamed and not: what follows must not depend on who asks. */
let upstream: Upstream;
let gateway: RunningGateway;
let failure: () => Response;
const asked: string[] = [];

const refusal =
  (status: number, error: unknown): (() => Response) =>
  () =>
    Response.json({ error }, { status });
const FAILURES: readonly (readonly [string, () => Response, string])[] = [
  ["an error", refusal(500, { message: "broken", type: "server_error" }), "second"],
  ["a rate limit", refusal(429, { message: "slow down", type: "rate_limit" }), "second"],
  ["a refused key", refusal(401, { message: "no such key", type: "invalid_request_error" }), "second"],
  [
    "a prompt that is too long",
    refusal(400, { message: "maximum context length is 8 tokens", code: "context_length_exceeded" }),
    "long",
  ],
  ["a policy", refusal(400, { message: "policy", code: "content_policy_violation" }), "safe"],
  [
    "an answer that is no JSON",
    () => new Response("<html>oops</html>", { headers: { "content-type": "text/html" } }),
    "second",
  ],
];

function answer(request: ReceivedRequest): Response {
  const { json, path } = request;
  const who = String(json?.model);
  asked.push(who);
  if (who === "first") return isTextCompletion(request) ? asTextCompletion(failure()) : failure();
  if (path.endsWith("/embeddings")) {
    const data = [{ object: "embedding", index: 0, embedding: [0.5, 0.25] }];
    return Response.json({ object: "list", model: who, data, usage: { prompt_tokens: 1, total_tokens: 1 } });
  }
  return answerTo(request, [`${who} `, "answers"]);
}

beforeAll(async () => {
  upstream = startUpstream(answer);
  const deployment = (model: string): unknown => ({
    model_name: model,
    litellm_params: {
      model: `openai/${model}`,
      api_base: `${upstream.url}/v1`,
      api_key: "k",
      use_chat_completions_api: true,
    },
  });
  gateway = await startGateway({
    config: JSON.stringify({
      model_list: ["first", "second", "long", "safe", "alone"].map(deployment),
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: [{ first: ["second"] }],
        context_window_fallbacks: [{ first: ["long"] }],
        content_policy_fallbacks: [{ first: ["safe"] }],
      },
      general_settings: { dangerously_allow_mock_testing_request_params: true },
    }),
  });
});
afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
});
beforeEach(() => {
  asked.length = 0;
});

type Ask = (stream: boolean, extra?: Record<string, unknown>) => ClientCall;
const FORMATS: Readonly<Record<string, Ask>> = {
  ...Object.fromEntries(
    Object.entries(CLIENT_FORMATS).map(([format, call]): [string, Ask] => [
      format,
      (stream, extra) => call("first", stream, extra),
    ]),
  ),
  embeddings: (_, extra) => ["/v1/embeddings", { model: "first", input: "hello", ...extra }],
};

const CASES = Object.entries(FORMATS).flatMap(([format, ask]) =>
  (format === "embeddings" ? [false] : [false, true]).map((stream) => ({ format, ask, stream })),
);

describe.each(CASES)("$format, stream: $stream", ({ format, ask, stream }) => {
  test.each(FAILURES)("falls back after %s", async (_, fails, to) => {
    failure = fails;
    const response = await post(gateway, ask(stream));
    const text = await response.text();
    expect([response.status, asked]).toEqual([200, ["first", to]]);
    expect(text).toContain(format === "embeddings" ? "0.25" : stream ? `${to} ` : `${to} answers`);
    expect(text).not.toContain('error":{');
    expect(response.headers.get("x-litellm-attempted-fallbacks")).toBe("1");
    expect(response.headers.get("x-litellm-model-group")).toBe(to);
  });

  test("falls back as the request itself says, and not at all where it says so", async () => {
    failure = FAILURES[0]?.[1] as () => Response;
    const own = await post(gateway, ask(stream, { fallbacks: ["alone"] }));
    expect([own.status, asked]).toEqual([200, ["first", "alone"]]);
    await own.text();
    asked.length = 0;
    const off = await post(gateway, ask(stream, { disable_fallbacks: true }));
    expect([off.status, asked]).toEqual([500, ["first"]]);
    await off.text();
  });

  test("mock_testing_fallbacks leaves the first group out", async () => {
    const response = await post(gateway, ask(stream, { mock_testing_fallbacks: true }));
    expect([response.status, asked]).toEqual([200, ["second"]]);
    expect(upstream.requests.at(-1)?.json).not.toHaveProperty("mock_testing_fallbacks");
    await response.text();
  });

  if (stream) {
    test("an error inside the stream before its first content", async () => {
      failure = () => chatStream([], { tail: 'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n' });
      const response = await post(gateway, ask(true));
      const text = await response.text();
      expect([response.status, asked]).toEqual([200, ["first", "second"]]);
      expect(text).toContain("second ");
      expect(text).not.toContain("overloaded");
    });

    test("a stream that ends before its first content", async () => {
      failure = () => chatStream([], { complete: false });
      const response = await post(gateway, ask(true));
      expect(await response.text()).toContain("second ");
      expect(asked).toEqual(["first", "second"]);
    });

    test("an error after the first content is the client's, in its own words", async () => {
      failure = () =>
        chatStream(["shown "], { tail: 'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n' });
      const response = await post(gateway, ask(true));
      const text = await response.text();
      expect(asked).toEqual(["first"]);
      expect(text).toContain("shown ");
      expect(text).toContain("overloaded");
    });
  }
});
