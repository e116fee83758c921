import { afterAll, beforeEach, expect, test } from "bun:test";
import { asArray, asObject, asString } from "../../src/json/json.ts";
import { completion } from "../../src/sdk/index.ts";
import { chatAnswer, chatStream, startUpstream } from "../support/upstream.ts";

// Bodies of OpenAI's format, which Bytez says it speaks:
// https://docs.bytez.com/http-reference/examples/openai-compliant/chatCompletionsExample (2026-11-26)
const upstream = startUpstream(() => Response.json(chatAnswer("hello")));
afterAll(() => upstream.stop());
beforeEach(() => {
  upstream.requests.length = 0;
});

const request = {
  model: "bytez/some-model",
  messages: [{ role: "user", content: "hi" }],
  apiBase: upstream.url,
  apiKey: "sk-x",
  numRetries: 0,
};

test("a request and its answer", async () => {
  upstream.handler = () => Response.json(chatAnswer("hello"));
  const answer = await completion(request);
  expect(answer.choices).toMatchObject([{ message: { content: "hello" }, finish_reason: "stop" }]);
  expect(answer.isthmus.usageBuckets).toMatchObject({ buckets: { input: 10, output: 5 } });
  expect(upstream.requests).toMatchObject([
    { method: "POST", path: "/chat/completions", json: { model: "some-model", messages: request.messages } },
  ]);
  expect(upstream.requests[0]?.headers.get("authorization")).toBe("Bearer sk-x");
});

test("a stream", async () => {
  upstream.handler = () => chatStream(["one ", "two"]);
  let text = "";
  for await (const chunk of await completion({ ...request, stream: true })) {
    text += asString(asObject(asObject(asArray(chunk.choices)[0])?.delta)?.content) ?? "";
  }
  expect(text).toBe("one two");
});

test("a tool call", async () => {
  const call = { id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":"Rome"}' } };
  const message = { role: "assistant", content: null, tool_calls: [call] };
  const choices = [{ index: 0, message, finish_reason: "tool_calls" }];
  upstream.handler = () => Response.json(chatAnswer("", { choices }));
  const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object", properties: {} } } }];
  const answer = await completion({ ...request, tools });
  expect(answer.choices).toMatchObject([{ message: { tool_calls: [call] }, finish_reason: "tool_calls" }]);
  expect(upstream.requests[0]?.json?.tools).toEqual(tools);
});

test("an error, with the provider's own sentence", async () => {
  const error = { message: "slow down", type: "rate_limit_error", code: "rate_limit_exceeded" };
  upstream.handler = () => Response.json({ error }, { status: 429 });
  const failure = await completion(request).catch((reason: unknown) => reason);
  expect(failure).toMatchObject({ code: "rate_limit", message: expect.stringContaining("slow down") });
});
