import { describe, expect, test } from "bun:test";
import { ERROR_CODES, type ErrorCode, GatewayError } from "../../../src/errors/gateway-error.ts";
import { anthropicMessages } from "../../../src/formats/anthropic-messages/index.ts";
import { FRAME_ERROR } from "../../../src/formats/format.ts";
import { answerContext } from "../recorded-exchange.ts";
import { framesOf } from "./wire.ts";

const { decodeError } = anthropicMessages;
const body = (type: string, message: string): string => JSON.stringify({ type: "error", error: { type, message } });

describe("what Anthropic reports", () => {
  // https://platform.claude.com/docs/en/api/errors (2026-11)
  test.each<[number, string, string, ErrorCode]>([
    [400, "invalid_request_error", "max_tokens: Field required", "invalid_request"],
    [400, "invalid_request_error", "prompt is too long: 3 tokens > 2 maximum", "context_window_exceeded"],
    [
      400,
      "invalid_request_error",
      "input length and `max_tokens` exceed context limit: 1 + 2 > 2",
      "context_window_exceeded",
    ],
    [400, "invalid_request_error", "Output blocked by content filtering policy", "content_policy_violation"],
    [401, "authentication_error", "invalid x-api-key", "authentication"],
    [402, "billing_error", "no credit", "permission_denied"],
    [403, "permission_error", "no", "permission_denied"],
    [404, "not_found_error", "model: x", "not_found"],
    [413, "request_too_large", "too large", "request_too_large"],
    [429, "rate_limit_error", "slow down", "rate_limit"],
    [500, "api_error", "oops", "internal"],
    [500, "overloaded_error", "Overloaded", "overloaded"],
    [504, "timeout_error", "late", "gateway_timeout"],
    [529, "overloaded_error", "Overloaded", "overloaded"],
  ])("%d %s: %s", (status, type, message, code) => {
    expect(decodeError(status, body(type, message), new Headers())).toMatchObject({
      code,
      message,
      upstreamStatus: status,
      upstreamType: type,
    });
  });

  test.each<[number, string, ErrorCode, string]>([
    [502, "<html>Bad gateway</html>", "bad_gateway", "<html>Bad gateway</html>"],
    [503, "", "service_unavailable", "status 503 without a body"],
    [400, '{"message":"nope"}', "invalid_request", "nope"],
    [418, '{"error":"teapot"}', "invalid_request", "teapot"],
    [520, "{", "internal", "{"],
  ])("%d %p, which is not its form", (status, text, code, message) => {
    expect(decodeError(status, text, new Headers())).toMatchObject({ code, message });
  });

  test("how long to wait, and whether to try again", () => {
    const retry = (headers: Record<string, string>) =>
      decodeError(429, body("rate_limit_error", "x"), new Headers(headers));
    expect(retry({ "retry-after": "7" }).retryAfter).toBe(7);
    expect(retry({ "retry-after-ms": "1500" }).retryAfter).toBe(1.5);
    expect(retry({ "retry-after": "nonsense" }).retryAfter).toBeUndefined();
    expect(retry({ "x-should-retry": "false" }).retryable).toBe(false);
    expect(retry({}).retryable).toBeUndefined();
  });

  test("an error inside a stream", () => {
    const context = { provider: "anthropic", owner: "anthropic", model: "m" };
    const data = body("overloaded_error", "Overloaded");
    const decoder = anthropicMessages.createStreamDecoder(context);
    const expected = { code: "overloaded", message: "Overloaded", upstreamType: "overloaded_error" };
    expect(decoder.push({ event: "error", data })).toEqual([{ type: "error", error: expected as never }]);
    expect(decoder.end()).toEqual([]);
    const observer = anthropicMessages.createStreamObserver(context);
    expect(observer.observe(data, "error")).toBe(FRAME_ERROR);
    expect(observer.failure).toEqual(expected as never);
  });

  test("a frame that is no JSON is an error, not an exception", () => {
    const decoder = anthropicMessages.createStreamDecoder({ provider: "a", owner: "a", model: "m" });
    expect(decoder.push({ data: '{"type":"message_st' })).toMatchObject([{ type: "error" }]);
  });
});

describe("what a client is told", () => {
  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
    test(code, () => {
      const error = new GatewayError(code, "why");
      expect(anthropicMessages.encodeError(error, undefined)).toEqual({
        type: "error",
        error: { type: ERROR_CODES[code].anthropicType, message: "why" },
      });
    });
  }

  test("inside a stream", () => {
    const encoder = anthropicMessages.createStreamEncoder(answerContext());
    expect(framesOf(encoder.error(new GatewayError("rate_limit", "why")))).toEqual([
      { event: "error", body: { type: "error", error: { type: "rate_limit_error", message: "why" } } },
    ]);
  });
});

describe("bad requests name the field", () => {
  const good = { model: "m", messages: [] };
  test.each<[object, string]>([
    [{ messages: [] }, "model"],
    [{ model: "m" }, "messages"],
    [{ model: "m", messages: {} }, "messages"],
    [{ model: "m", messages: ["x"] }, "messages.0"],
    [{ model: "m", messages: [{ role: "robot", content: "x" }] }, "messages.0.role"],
    [{ model: "m", messages: [{ role: "user", content: 5 }] }, "messages.0.content"],
    [{ model: "m", messages: [{ role: "user", content: [{ type: "text", text: "a" }, "x"] }] }, "messages.0.content.1"],
    [{ ...good, max_tokens: "5" }, "max_tokens"],
    [{ ...good, temperature: [] }, "temperature"],
    [{ ...good, stop_sequences: "x" }, "stop_sequences"],
    [{ ...good, stop_sequences: [1] }, "stop_sequences"],
    [{ ...good, system: 5 }, "system"],
    [{ ...good, tools: {} }, "tools"],
  ])("%j", (request, param) => {
    let thrown: unknown;
    try {
      anthropicMessages.decodeRequest(request as never);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(GatewayError);
    expect(thrown).toMatchObject({ code: "invalid_request", status: 400, param });
  });
});
