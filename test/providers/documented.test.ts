import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { asArray, asObject, asString, type JsonObject, parseJson } from "../../src/json/json.ts";
import { endpointUrl } from "../../src/providers/endpoint-url.ts";
import { chat, type RunningGateway, startGateway } from "../support/gateway.ts";
import { startUpstream } from "../support/upstream.ts";
import { callTo, provider, target } from "./call.ts";
import DOCUMENTED from "./documented.json";

const KEY = "key-of-the-provider";
const upstream = startUpstream(() => Response.json({}));
let gateway: RunningGateway;

const pathOf = (address: string): string => new URL(address).pathname;

beforeAll(async () => {
  const model_list = DOCUMENTED.map(({ id, model, address }) => ({
    model_name: id,
    litellm_params: { model: `${id}/${model}`, api_base: upstream.url + pathOf(address), api_key: KEY },
  }));
  model_list.push({
    model_name: "ranker",
    litellm_params: { model: "openai/bge-reranker-v2-m3", api_base: `${upstream.url}/v1`, api_key: KEY },
  });
  gateway = await startGateway({
    config: JSON.stringify({ model_list, router_settings: { num_retries: 0, disable_cooldowns: true } }),
  });
});

afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
});

const messages = [{ role: "user", content: "hi" }];
const tools = [{ type: "function", function: { name: "get_current_weather", parameters: { type: "object" } } }];

/** https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md and vLLM's rerank API (2026-11-26) */
test("a ranking by a server of one's own that speaks OpenAI's API", async () => {
  const results = [
    { index: 1, relevance_score: 0.99 },
    { index: 0, relevance_score: 0.01 },
  ];
  const usage = { prompt_tokens: 50, total_tokens: 50 };
  upstream.requests.length = 0;
  upstream.handler = () => Response.json({ model: "bge-reranker-v2-m3", object: "list", usage, results });
  const response = await fetch(`${gateway.url}/v1/rerank`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${gateway.key}` },
    body: JSON.stringify({ model: "ranker", query: "panda", documents: ["hi", "a bear"], top_n: 2 }),
  });
  expect(await json(response)).toMatchObject({ results });
  expect(response.status).toBe(200);
  expect(upstream.requests).toMatchObject([
    {
      path: "/v1/rerank",
      json: { model: "bge-reranker-v2-m3", query: "panda", documents: ["hi", "a bear"], top_n: 2 },
    },
  ]);
});

async function json(response: Response): Promise<JsonObject> {
  return asObject(parseJson(await response.text())) ?? {};
}

const choiceOf = (body: JsonObject): JsonObject => asObject(asArray(body.choices)[0]) ?? {};

describe.each([...DOCUMENTED])("$id, as on $page ($read)", (documented) => {
  const { id, model, address } = documented;
  const ask = (extra: JsonObject = {}): Promise<Response> => {
    upstream.requests.length = 0;
    return chat(gateway, { model: id, messages, ...extra });
  };

  test("the address, by default and as it arrives, with the key", async () => {
    const endpoint = provider(id).endpoints.chat?.[0];
    if (endpoint === undefined) throw new Error(`${id} has no chat`);
    expect(endpointUrl(endpoint, callTo(model, { target: target(id, { api_key: KEY }) }))).toBe(address);
    upstream.handler = () => Response.json({ error: { message: "no" } }, { status: 400 });
    await (await ask()).text();
    expect(upstream.requests).toMatchObject([{ method: "POST", path: pathOf(address), json: { model, messages } }]);
    expect(upstream.requests[0]?.headers.get("authorization")).toBe(`Bearer ${KEY}`);
  });

  const { answer, stream, toolCall, errors } = documented as JsonObject;

  test.if(answer !== undefined)("an answer", async () => {
    upstream.handler = () => Response.json(answer);
    const body = await json(await ask());
    const wire = choiceOf(asObject(answer) ?? {});
    expect(choiceOf(body).finish_reason).toBe(wire.finish_reason ?? null);
    expect(asObject(choiceOf(body).message)?.content).toBe(asObject(wire.message)?.content ?? null);
    const usage = asObject(asObject(answer)?.usage);
    if (usage === undefined) return;
    const { prompt_tokens, completion_tokens, total_tokens } = usage;
    expect(body.usage).toMatchObject({ prompt_tokens, completion_tokens, total_tokens });
  });

  test.if(stream !== undefined)("a stream", async () => {
    const frames = asArray(stream).map((frame) => `data: ${JSON.stringify(frame)}\n\n`);
    const headers = { "content-type": "text/event-stream" };
    upstream.handler = () => new Response(`${frames.join("")}data: [DONE]\n\n`, { headers });
    const written = await (await ask({ stream: true })).text();
    expect(written.trimEnd()).toEndWith("data: [DONE]");
    const lines = written.split("\n").filter((line) => line.startsWith("data: {"));
    const text = (parsed: readonly (JsonObject | undefined)[]): string =>
      parsed.map((frame) => asString(asObject(choiceOf(frame ?? {}).delta)?.content) ?? "").join("");
    expect(text(lines.map((line) => asObject(parseJson(line.slice(6)))))).toBe(text(asArray(stream).map(asObject)));
  });

  test.if(toolCall !== undefined)("a tool call", async () => {
    upstream.handler = () => Response.json(toolCall);
    const body = await json(await ask({ tools }));
    expect(upstream.requests[0]?.json?.tools).toEqual(tools);
    const calls = asArray(asObject(choiceOf(asObject(toolCall) ?? {}).message)?.tool_calls).map(asObject);
    const expected = calls.map((call) => ({ id: call?.id, type: "function", function: call?.function }));
    expect(choiceOf(body)).toMatchObject({ finish_reason: "tool_calls", message: { tool_calls: expected } });
  });

  for (const error of asArray(errors).map(asObject)) {
    test(`an error of status ${String(error?.status)}, with the provider's own sentence`, async () => {
      upstream.handler = () => Response.json(error?.body, { status: Number(error?.status) });
      const response = await ask();
      expect(response.status).toBe(Number(error?.status));
      expect(asObject((await json(response)).error)?.message).toContain(asString(error?.says) ?? "nothing");
    });
  }
});
