import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { answerTo } from "../support/client-formats.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

/** Settings of the whole gateway that change what OpenAI is asked, each with it and without. */
let upstream: Upstream;
let plain: RunningGateway;
let set: RunningGateway;

const RESPONSE = {
  id: "resp_1",
  object: "response",
  created_at: 1_763_900_000,
  status: "completed",
  model: "gpt-5",
  output: [
    {
      id: "msg_1",
      type: "message",
      role: "assistant",
      status: "completed",
      content: [{ type: "output_text", text: "hello", annotations: [] }],
    },
  ],
  usage: { input_tokens: 10, output_tokens: 5, total_tokens: 15 },
};

beforeAll(async () => {
  upstream = startUpstream((request) =>
    request.path.endsWith("/responses") ? Response.json(RESPONSE) : answerTo(request, ["hello"]),
  );
  const deployment = (name: string, own: object = {}): unknown => ({
    model_name: name,
    litellm_params: { model: `openai/${name}`, api_base: `${upstream.url}/v1`, api_key: "k", ...own },
  });
  const model_list = [deployment("gpt-5"), deployment("gpt-4o", { use_chat_completions_api: true })];
  plain = await startGateway({ config: JSON.stringify({ model_list }) });
  set = await startGateway({
    config: JSON.stringify({
      model_list,
      litellm_settings: { route_all_chat_openai_to_responses: true, reasoning_auto_summary: true },
      general_settings: { forward_openai_org_id: true, block_robots: true },
    }),
  });
});
beforeEach(() => {
  upstream.requests.length = 0;
});
afterAll(async () => {
  await Promise.all([plain.stop(), set.stop()]);
  await upstream.stop();
});

async function ask(gateway: RunningGateway, path: string, body: object): Promise<void> {
  const response = await fetch(gateway.url + path, {
    method: "POST",
    headers: {
      authorization: `Bearer ${gateway.key}`,
      "content-type": "application/json",
      "openai-organization": "org-of-the-client",
    },
    body: JSON.stringify({ max_tokens: 2000, messages: [{ role: "user", content: "hi" }], ...body }),
  });
  expect(await response.text()).toContain("hello");
  expect(response.status).toBe(200);
}

const last = () => upstream.requests.at(-1);

test("route_all_chat_openai_to_responses asks OpenAI by Responses, but for deployments with a word of their own", async () => {
  await ask(plain, "/v1/chat/completions", { model: "gpt-5" });
  expect(last()?.path).toBe("/v1/chat/completions");
  await ask(set, "/v1/chat/completions", { model: "gpt-5" });
  expect(last()?.path).toBe("/v1/responses");
  await ask(set, "/v1/chat/completions", { model: "gpt-4o" });
  expect(last()?.path).toBe("/v1/chat/completions");
});

test("reasoning_auto_summary shows thinking to Anthropic's clients that think, and to nobody else", async () => {
  const thinking = { type: "enabled", budget_tokens: 1500 };
  await ask(set, "/v1/messages", { model: "gpt-5", thinking });
  expect(last()?.json).toMatchObject({ reasoning: { summary: "detailed" } });
  await ask(set, "/v1/messages", { model: "gpt-5", thinking: { type: "disabled" } });
  expect(last()?.json?.reasoning ?? {}).not.toHaveProperty("summary");
  await ask(set, "/v1/messages", { model: "gpt-5" });
  expect(last()?.json?.reasoning ?? {}).not.toHaveProperty("summary");
  await ask(set, "/v1/chat/completions", { model: "gpt-5", reasoning_effort: "low" });
  expect(last()?.json?.reasoning).not.toHaveProperty("summary");
});

test("forward_openai_org_id sends the client's organisation on", async () => {
  await ask(plain, "/v1/chat/completions", { model: "gpt-5" });
  expect(last()?.headers.get("openai-organization")).toBeNull();
  await ask(set, "/v1/chat/completions", { model: "gpt-5" });
  expect(last()?.headers.get("openai-organization")).toBe("org-of-the-client");
});

test("block_robots keeps search engines away", async () => {
  expect((await fetch(`${plain.url}/robots.txt`)).status).toBe(404);
  expect(await (await fetch(`${set.url}/robots.txt`)).text()).toBe("User-agent: *\nDisallow: /\n");
});
