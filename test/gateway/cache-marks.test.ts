import { afterAll, beforeAll, expect, test } from "bun:test";
import { chat, type RunningGateway, startGateway } from "../support/gateway.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

let gateway: RunningGateway;
let upstream: Upstream;

const ANSWER = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "claude",
  content: [{ type: "text", text: "hello" }],
  stop_reason: "end_turn",
  usage: { input_tokens: 10, output_tokens: 5 },
};

beforeAll(async () => {
  upstream = startUpstream(() => Response.json(ANSWER));
  const claude = (name: string, params: object) => ({
    model_name: name,
    litellm_params: { model: "anthropic/claude-sonnet-4-5", api_base: upstream.url, api_key: "k", ...params },
  });
  gateway = await startGateway({
    config: JSON.stringify({
      model_list: [
        claude("marked", { cache_control_injection_points: [{ location: "message", role: "system" }] }),
        claude("plain", {}),
      ],
      litellm_settings: { enable_anthropic_prompt_caching: true, anthropic_prompt_caching_ttl: "1h" },
    }),
  });
});

afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
});

const MARK = { type: "ephemeral" };
const messages = [
  { role: "system", content: "rules" },
  { role: "user", content: "hi" },
];

test("a deployment's marks reach the provider from Chat Completions and from Messages", async () => {
  expect((await chat(gateway, { model: "marked", messages })).status).toBe(200);
  expect(upstream.requests.at(-1)?.json).toMatchObject({
    system: [{ type: "text", text: "rules", cache_control: MARK }],
    messages: [{ role: "user", content: [{ type: "text", text: "hi" }] }],
  });
  const response = await fetch(`${gateway.url}/v1/messages`, {
    method: "POST",
    headers: { "x-api-key": gateway.key, "content-type": "application/json" },
    body: JSON.stringify({ model: "marked", max_tokens: 9, system: "rules", messages: messages.slice(1) }),
  });
  expect(response.status).toBe(200);
  expect(upstream.requests.at(-1)?.json).toMatchObject({
    system: [{ type: "text", text: "rules", cache_control: MARK }],
    messages: [{ role: "user", content: "hi" }],
  });
});

test("enable_anthropic_prompt_caching marks the system prompt and the last message; the request's own points win", async () => {
  await chat(gateway, { model: "plain", messages });
  const long = { ...MARK, ttl: "1h" };
  expect(upstream.requests.at(-1)?.json).toMatchObject({
    system: [{ text: "rules", cache_control: long }],
    messages: [{ content: [{ text: "hi", cache_control: long }] }],
  });
  await chat(gateway, {
    model: "plain",
    messages,
    cache_control_injection_points: [{ location: "message", index: 1 }],
  });
  const sent = upstream.requests.at(-1)?.json;
  expect(JSON.stringify(sent?.system)).not.toContain("cache_control");
  expect(sent).toMatchObject({ messages: [{ content: [{ text: "hi", cache_control: MARK }] }] });
  expect(sent).not.toHaveProperty("cache_control_injection_points");
});
