import { afterAll, beforeAll, expect, test } from "bun:test";
import { type RunningGateway, startGateway } from "../support/gateway.ts";

let gateway: RunningGateway;

beforeAll(async () => {
  gateway = await startGateway({
    config: JSON.stringify({
      model_list: [{ model_name: "gpt", litellm_params: { model: "openai/gpt-4o-mini", api_key: "unused" } }],
    }),
  });
});

afterAll(() => gateway.stop());

const count = (body: unknown, key = gateway.key): Promise<Response> =>
  fetch(`${gateway.url}/utils/token_counter`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });

const total = async (body: unknown): Promise<number> =>
  ((await (await count(body)).json()) as { total_tokens: number }).total_tokens;

test("a prompt is counted as it is, in LiteLLM's shape", async () => {
  const answer = await count({ model: "gpt", prompt: "hello world" });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual({
    total_tokens: 2,
    request_model: "gpt",
    model_used: "gpt-4o-mini",
    tokenizer_type: "openai_tokenizer",
    count_source: "local_estimate",
    original_response: null,
    error: false,
    error_message: null,
    status_code: null,
  });
});

test("messages, a system prompt, tools and contents all count", async () => {
  const messages = [{ role: "user", content: "hello world" }];
  const plain = await total({ model: "gpt", messages });
  expect(plain).toBeGreaterThan(2);
  expect(await total({ model: "gpt", messages, system: "Answer briefly." })).toBeGreaterThan(plain);
  const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object" } } }];
  expect(await total({ model: "gpt", messages, tools })).toBeGreaterThan(plain);
  expect(await total({ model: "gpt", contents: [{ role: "user", parts: [{ text: "hello world" }] }] })).toBe(plain);
});

test("a body with nothing to count, or without a model, is refused; so is a caller without a key", async () => {
  expect((await count({ model: "gpt" })).status).toBe(400);
  expect((await count({ prompt: "hello" })).status).toBe(400);
  expect((await count({ model: "gpt", prompt: "hello" }, "sk-wrong")).status).toBe(401);
});
