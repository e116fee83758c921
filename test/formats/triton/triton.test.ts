import { describe, expect, test } from "bun:test";
import { assemble } from "../../../src/formats/assemble.ts";
import type { ConversationRequest, Message } from "../../../src/formats/conversation.ts";
import { triton } from "../../../src/formats/triton/index.ts";
import { SseFramer } from "../../../src/upstream/sse.ts";
import { brokenStreamRules, eventsOf, forEveryCut, requestContext, responseContext } from "../recorded-exchange.ts";

const user = (text: string): Message => ({ role: "user", parts: [{ type: "text", text }] });

// https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_generate.html (2026-11-24)
test("requests", () => {
  const context = requestContext("llama");
  const request: ConversationRequest = {
    model: "llama",
    messages: [user("client input")],
    sampling: { maxOutputTokens: 9, temperature: 0.5, stop: ["E"], seed: 1 },
    stream: false,
    tools: [{ type: "function", name: "f" }],
    extensions: { format: "openai-chat", fields: { bad_words: ["x"] } },
  };
  expect(triton.encodeRequest(request, context)).toEqual({
    text_input: "client input",
    parameters: { max_tokens: 9, temperature: 0.5, stop_words: ["E"], random_seed: 1, bad_words: ["x"] },
    stream: false,
  });
  expect(context.report.changes).toMatchObject([{ parameter: "tools", unsupported: true }]);
});

describe("answers", () => {
  test("of generate", () => {
    const body = { id: "42", model_name: "llama", model_version: "1", text_output: "the model output" };
    expect(triton.decodeResponse(body, responseContext())).toEqual({
      id: "42",
      model: "llama",
      choices: [{ index: 0, parts: [{ type: "text", text: "the model output" }], finish: "stop" }],
    });
  });
  test("of infer", () => {
    const outputs = [
      { name: "context_logits", datatype: "FP32", shape: [1], data: [0] },
      { name: "text_output", datatype: "BYTES", shape: [1], data: ["hello"] },
    ];
    const { choices } = triton.decodeResponse({ outputs }, responseContext());
    expect(choices[0]?.parts).toEqual([{ type: "text", text: "hello" }]);
  });
});

const STREAM = ["Grü", "ße ", "🙂"]
  .map((text) => `data: {"model_name":"llama","model_version":"1","text_output":"${text}"}\n\n`)
  .join("");

describe("streams", () => {
  const decode = () => triton.createStreamDecoder(responseContext());

  test("cut at every byte, say what the whole answer says", () => {
    const whole = eventsOf(STREAM, new SseFramer(), decode());
    expect(brokenStreamRules(whole)).toEqual([]);
    const body = { model_name: "llama", text_output: "Grüße 🙂" };
    expect(assemble(whole)).toEqual(triton.decodeResponse(body, responseContext()));
    forEveryCut(
      STREAM,
      () => new SseFramer(),
      decode,
      (events) => expect(events).toEqual(whole),
    );
  });

  test("fail where Triton says so, or where nothing comes", () => {
    const error = `${STREAM}data: {"error":"inference failed"}\n\n`;
    expect(eventsOf(error, new SseFramer(), decode()).at(-1)).toMatchObject({ error: { message: "inference failed" } });
    expect(eventsOf("", new SseFramer(), decode())).toMatchObject([{ type: "error" }]);
  });
});

test("errors", () => {
  const code = (status: number, error: string) =>
    triton.decodeError(status, JSON.stringify({ error }), new Headers()).code as string;
  expect(code(400, "Request for unknown model: 'x' is not found")).toBe("not_found");
  expect(code(500, "Prompt length (9000) exceeds maximum input length (4096)")).toBe("context_window_exceeded");
  expect(code(503, "unavailable")).toBe("service_unavailable");
});
