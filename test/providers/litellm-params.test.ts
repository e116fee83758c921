import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isGatewayField, OPENAI_CHAT_PARAMETERS, withoutGatewayFields } from "../../src/providers/litellm-params.ts";

describe("fields that speak to the gateway", () => {
  test.each([
    "tags",
    "timeout",
    "num_retries",
    "mock_response",
    "mock_testing_fallbacks",
    "drop_params",
    "additional_drop_params",
    "fallbacks",
    "cache",
    "guardrails",
    "litellm_metadata",
    "litellm_session_id",
    "langfuse_trace_id",
    "no-log",
    "api_key",
    "api_base",
    "base_url",
    "custom_llm_provider",
    "extra_headers",
    "aws_secret_access_key",
    "vertex_credentials",
    "user_api_key_hash",
  ])("%s goes nowhere, in any format", (name) => {
    for (const format of ["openai-chat", "openai-responses", "anthropic-messages", "gemini"] as const) {
      expect(isGatewayField(name, format)).toBe(true);
    }
  });

  test("metadata is the provider's own in Responses and Messages", () => {
    expect(isGatewayField("metadata", "openai-chat")).toBe(true);
    expect(isGatewayField("metadata", "openai-completions")).toBe(true);
    expect(isGatewayField("metadata", "openai-responses")).toBe(false);
    expect(isGatewayField("metadata", "anthropic-messages")).toBe(false);
  });

  test("no chat parameter but metadata is one of them", () => {
    const taken = [...OPENAI_CHAT_PARAMETERS].filter((name) => isGatewayField(name, "openai-chat"));
    expect(taken).toEqual(["metadata"]);
  });

  test("leave a body, and everything else stays", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom("model", "tags", "x", "litellm_x", "api_key", "messages"), fc.integer()),
        (given) => {
          const body = { ...given };
          withoutGatewayFields(body, "openai-chat");
          const kept = Object.fromEntries(
            Object.entries(given).filter(([name]) => ["model", "x", "messages"].includes(name)),
          );
          expect(body).toEqual(kept);
        },
      ),
    );
  });
});
