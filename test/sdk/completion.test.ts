import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { completion } from "../../src/sdk/index.ts";
import { chatAnswer, chatStream, startUpstream, type Upstream } from "../support/upstream.ts";

let upstream: Upstream;
beforeAll(() => {
  upstream = startUpstream(() => Response.json(chatAnswer("hello")));
});
afterAll(() => upstream.stop());

const messages = [{ role: "user", content: "hi" }];
const target = () => ({ apiBase: `${upstream.url}/v1`, apiKey: "sk-x", messages });

describe("completion", () => {
  test("asks an OpenAI-compatible provider and says what it cost", async () => {
    upstream.handler = () => Response.json(chatAnswer("hello"));
    const answer = await completion({ model: "openai/gpt-4o-mini", temperature: 0.5, ...target() });
    expect(answer.choices).toMatchObject([{ message: { content: "hello" }, finish_reason: "stop" }]);
    expect(answer.isthmus.cost).toBeCloseTo(10 * 1.5e-7 + 5 * 6e-7, 12);
    expect(upstream.requests.at(-1)).toMatchObject({
      path: "/v1/chat/completions",
      json: { model: "gpt-4o-mini", temperature: 0.5 },
    });
  });

  test("asks Anthropic in its own words", async () => {
    upstream.handler = () =>
      Response.json({
        id: "msg_1",
        type: "message",
        role: "assistant",
        model: "claude",
        content: [{ type: "text", text: "hi" }],
        stop_reason: "end_turn",
        usage: { input_tokens: 3, output_tokens: 2 },
      });
    const answer = await completion({ model: "anthropic/claude-sonnet-4-5", ...target(), apiBase: upstream.url });
    expect(answer.choices).toMatchObject([{ message: { content: "hi" } }]);
    expect(upstream.requests.at(-1)).toMatchObject({ path: "/v1/messages", json: { messages: [{ role: "user" }] } });
    expect(upstream.requests.at(-1)?.headers.get("x-api-key")).toBe("sk-x");
  });

  test("streams, and knows usage at the end", async () => {
    upstream.handler = () => chatStream(["a ", "b"]);
    const stream = await completion({ model: "groq/llama-3.1-8b-instant", ...target(), stream: true });
    let text = "";
    for await (const chunk of stream)
      text += (chunk.choices as { delta?: { content?: string } }[])[0]?.delta?.content ?? "";
    expect(text).toBe("a b");
    expect(stream.isthmus?.usageBuckets?.buckets).toEqual({ input: 10, output: 2 });
  });

  test("a provider's refusal keeps its class, status and sentence", async () => {
    upstream.handler = () =>
      Response.json({ error: { message: "slow down" } }, { status: 429, headers: { "retry-after": "3" } });
    const failure: unknown = await completion({ model: "openai/gpt-4o-mini", numRetries: 0, ...target() }).catch(
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({
      code: "rate_limit",
      status: 429,
      message: "slow down",
      failure: { retryAfter: 3 },
    });
  });

  test("an unknown provider and a missing key are told before anything is sent", async () => {
    const sent = upstream.requests.length;
    const unknown: unknown = await completion({ model: "nobody/x", messages, environment: {} }).catch(
      (error: unknown) => error,
    );
    expect(unknown).toMatchObject({ code: "invalid_request", param: "model" });
    const keyless: unknown = await completion({ model: "groq/x", messages, environment: {} }).catch(
      (error: unknown) => error,
    );
    expect(keyless).toMatchObject({ code: "authentication" });
    expect(upstream.requests.length).toBe(sent);
  });

  test("what cannot be said is refused, or left out and reported", async () => {
    upstream.handler = () =>
      Response.json({
        id: "m",
        type: "message",
        role: "assistant",
        content: [],
        stop_reason: "end_turn",
        usage: { input_tokens: 1, output_tokens: 1 },
      });
    const wish = { model: "anthropic/claude-sonnet-4-5", ...target(), apiBase: upstream.url, logit_bias: { 1: 2 } };
    const refused: unknown = await completion(wish).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "unsupported_params", param: "logit_bias" });
    const answer = await completion({ ...wish, dropParams: true });
    expect(answer.isthmus.parameterChanges).toContainEqual(
      expect.objectContaining({ parameter: "logit_bias", action: "dropped" }),
    );
  });
});
