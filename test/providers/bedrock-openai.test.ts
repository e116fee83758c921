import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../src/json/json.ts";
import { exceptionFrame } from "../../src/providers/bedrock-exceptions.ts";
import { INVOKE_OPENAI } from "../../src/providers/bedrock-openai.ts";
import { callTo, provider } from "./call.ts";

const call = callTo("invoke/mistral.mistral-large-2407-v1:0");
const frame = (held: JsonObject) => INVOKE_OPENAI.normaliseFrame?.(held, call);

describe("Chat Completions over InvokeModel", () => {
  test("the body says neither model nor streaming", () => {
    const body = { model: "m", stream: true, messages: [] };
    INVOKE_OPENAI.parameters?.custom?.(body, call);
    expect(body).toEqual({ messages: [] } as never);
  });

  test("Mistral's choices become OpenAI's", () => {
    const message = { role: "assistant", content: "Hi" };
    const choice = { index: 0, message, stop_reason: "stop" };
    expect(INVOKE_OPENAI.normaliseResponse?.({ choices: [choice] }, call)).toEqual({
      choices: [{ index: 0, message, finish_reason: "stop" }],
    });
    expect(frame({ choices: [{ ...choice, stop_reason: null }] })).toEqual({
      choices: [{ index: 0, delta: message, finish_reason: null }],
    });
  });

  test("Bedrock's count is the usage where the model gives none", () => {
    const metrics = { "amazon-bedrock-invocationMetrics": { inputTokenCount: 3, outputTokenCount: 4 } };
    expect(frame({ choices: [], ...metrics })?.usage).toEqual({
      prompt_tokens: 3,
      completion_tokens: 4,
      total_tokens: 7,
    });
    const own = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
    expect(frame({ choices: [], usage: own, ...metrics })?.usage).toEqual(own);
  });

  test("an exception is an error in the words of either format", () => {
    const exception = { __type: "throttlingException", message: "slow down" };
    const expected = {
      type: "error",
      error: { type: "rate_limit_error", message: "slow down", code: "throttlingException" },
    };
    expect(frame(exception)).toEqual(expected);
    expect(exceptionFrame(exception)).toEqual(expected);
    expect(exceptionFrame({ __type: "modelStreamErrorException", message: "m" }).error).toMatchObject({
      type: "api_error",
    });
  });
});

describe("Nova over InvokeModel", () => {
  const nova = provider("bedrock").endpoints.chat?.find(
    (one) => one.format === "bedrock-converse" && one.normaliseFrame,
  );

  test("names the cache's counts as Converse does, in answers and frames", () => {
    const usage = { inputTokens: 1, outputTokens: 2, cacheReadInputTokenCount: 3, cacheWriteInputTokenCount: 4 };
    const renamed = { inputTokens: 1, outputTokens: 2, cacheReadInputTokens: 3, cacheWriteInputTokens: 4 };
    expect(nova?.normaliseResponse?.({ usage }, call)).toEqual({ usage: renamed });
    expect(nova?.normaliseFrame?.({ usage }, call)).toEqual({ usage: renamed });
    expect(nova?.frameMarks?.some((mark) => JSON.stringify({ usage }).includes(mark))).toBe(true);
    const body: Record<string, never> = {};
    nova?.parameters?.custom?.(body, call);
    expect(body).toEqual({ schemaVersion: "messages-v1" } as never);
  });
});
