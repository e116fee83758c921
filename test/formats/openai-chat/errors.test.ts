import { describe, expect, test } from "bun:test";
import { GatewayError } from "../../../src/errors/gateway-error.ts";
import { openaiChat } from "../../../src/formats/openai-chat/index.ts";

const decode = (status: number, body: string, headers: Record<string, string> = {}) =>
  openaiChat.decodeError(status, body, new Headers(headers));

describe("decodeError", () => {
  // In the order of: TGI, OpenAI's Responses, Google, Together, Ollama's cloud.
  test.each([
    "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000",
    "Input tokens exceed the configured limit of 272000 tokens.",
    "The input token count (1) exceeds the maximum number of tokens allowed (2).",
    "maximum input length is 8192 tokens",
    "prompt too long; exceeded max context length by 3 tokens",
  ])("too long: %s", (message) => {
    expect(decode(400, JSON.stringify({ error: { message } }))).toMatchObject({
      code: "context_window_exceeded",
      message,
    });
  });

  test.each([
    [400, '{"error":{"message":"too long","code":"context_length_exceeded"}}', "context_window_exceeded", "too long"],
    [
      400,
      '{"error":{"message":"This model\'s maximum context length is 8192 tokens"}}',
      "context_window_exceeded",
      "maximum context",
    ],
    [400, '{"error":{"message":"no","code":"content_policy_violation"}}', "content_policy_violation", "no"],
    [401, '{"error":"Unauthorized"}', "authentication", "Unauthorized"],
    [403, '{"detail":"not for you"}', "permission_denied", "not for you"],
    [404, '{"message":"gone"}', "not_found", "gone"],
    [422, '{"detail":[{"msg":"field required"},{"msg":"bad type"}]}', "unprocessable", "field required; bad type"],
    [429, "slow down", "rate_limit", "slow down"],
    [500, "", "internal", "status 500"],
    [
      502,
      "<html><head><style>x{}</style></head><body><h1>Bad Gateway</h1></body></html>",
      "bad_gateway",
      "Bad Gateway",
    ],
    [529, '{"error":{"message":"overloaded"}}', "overloaded", "overloaded"],
  ])("%i %s", (status, body, code, message) => {
    const failure = decode(status, body);
    expect(failure.code).toBe(code as never);
    expect(failure.message).toContain(message);
    expect(failure.upstreamStatus).toBe(status);
  });

  test("waits as long as the provider says, milliseconds before seconds", () => {
    expect(decode(429, "{}", { "retry-after": "7" }).retryAfter).toBe(7);
    expect(decode(429, "{}", { "retry-after": "7", "retry-after-ms": "1500" }).retryAfter).toBe(1.5);
  });

  test("an exhausted quota is not tried again", () => {
    expect(decode(429, '{"error":{"message":"x","code":"insufficient_quota"}}').retryable).toBe(false);
  });
});

test("encodeError has OpenAI's envelope with the status as text", () => {
  const error = new GatewayError("rate_limit", "slow", { param: "messages", providerFields: { a: 1 } });
  expect(openaiChat.encodeError(error, "call-1")).toEqual({
    error: {
      message: "slow",
      type: "throttling_error",
      param: "messages",
      code: "429",
      provider_specific_fields: { a: 1 },
      litellm_call_id: "call-1",
    },
  });
});
