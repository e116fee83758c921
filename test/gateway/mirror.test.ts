import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { chat, type RunningGateway, startGateway } from "../support/gateway.ts";
import { ManagementClient } from "../support/management-client.ts";
import { chatAnswer, chatStream, type ReceivedRequest, startUpstream, type Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let gateway: RunningGateway;
const MESSAGES = [{ role: "user", content: "hello" }];
const modelOf = ({ json }: ReceivedRequest): unknown => json?.model;

beforeAll(async () => {
  upstream = startUpstream((request) => {
    if (request.path.endsWith("/embeddings")) {
      const data = ((request.json?.input ?? []) as string[]).map((_, index) => ({
        object: "embedding",
        index,
        embedding: [1],
      }));
      return Response.json({ object: "list", model: "m", data, usage: { prompt_tokens: 2, total_tokens: 2 } });
    }
    if (request.json?.model === "on-trial-broken") return Response.json({ error: { message: "no" } }, { status: 500 });
    return request.json?.stream === true ? chatStream(["some ", "words"]) : Response.json(chatAnswer("words"));
  });
  const deployment = (group: string, model: string, params: object = {}): unknown => ({
    model_name: group,
    litellm_params: { model: `openai/${model}`, api_base: `${upstream.url}/v1`, api_key: "k", ...params },
  });
  gateway = await startGateway({
    config: JSON.stringify({
      model_list: [
        deployment("main", "asked", { silent_model: "trial" }),
        deployment("seldom", "asked", { silent_model: "trial", silent_model_share: 0 }),
        deployment("unlucky", "asked", { silent_model: "broken-trial" }),
        // A copy is not copied again.
        deployment("trial", "on-trial", { silent_model: "main" }),
        deployment("broken-trial", "on-trial-broken"),
      ],
      litellm_settings: {
        num_retries: 2,
        cache: true,
        cache_params: { type: "local", supported_call_types: ["aembedding"] },
      },
    }),
  });
});
afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
});
beforeEach(() => {
  upstream.requests.length = 0;
});

test.each([false, true])("a copy goes to the other model, once, with the same words (stream: %p)", async (stream) => {
  const response = await chat(gateway, { model: "main", messages: MESSAGES, stream });
  expect(await response.text()).toContain("words");
  await eventually(() => upstream.requests.length >= 2);
  await Bun.sleep(100);
  expect(upstream.requests.map(modelOf).toSorted()).toEqual(["asked", "on-trial"]);
  const copy = upstream.requests.find((request) => modelOf(request) === "on-trial");
  expect(copy?.json?.messages).toEqual(MESSAGES);
});

test("the copy's cost is not the caller's", async () => {
  const client = new ManagementClient(gateway);
  await eventually(async () => {
    const rows = (await client.ok("GET", "/spend/logs?summarize=false")) as Record<string, unknown>[];
    const copies = rows.filter(({ api_key }) => api_key === "isthmus-mirror");
    return (
      copies.length >= 2 && copies.every(({ model_group, status }) => model_group === "trial" && status === "success")
    );
  });
});

test("a share of none copies nothing; a copy that fails is tried once and harms nobody", async () => {
  expect((await chat(gateway, { model: "seldom", messages: MESSAGES })).status).toBe(200);
  expect((await chat(gateway, { model: "unlucky", messages: MESSAGES })).status).toBe(200);
  await eventually(() => upstream.requests.length >= 3);
  await Bun.sleep(100);
  expect(upstream.requests.map(modelOf).toSorted()).toEqual(["asked", "asked", "on-trial-broken"]);
});

test("embeddings are copied whole, also where some were known", async () => {
  const embed = async (input: string[]): Promise<void> => {
    const response = await fetch(`${gateway.url}/v1/embeddings`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${gateway.key}` },
      body: JSON.stringify({ model: "main", input }),
    });
    expect(response.status).toBe(200);
    await response.text();
  };
  await embed(["one"]);
  await eventually(() => upstream.requests.length >= 2);
  upstream.requests.length = 0;
  await embed(["one", "two"]);
  await eventually(() => upstream.requests.length >= 2);
  const inputs = Object.fromEntries(upstream.requests.map((request) => [modelOf(request), request.json?.input]));
  expect(inputs).toEqual({ asked: ["two"], "on-trial": ["one", "two"] });
});
