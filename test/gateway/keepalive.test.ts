import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { eventually } from "../support/eventually.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { chatStream, type ReceivedRequest, startUpstream, type Upstream } from "../support/upstream.ts";

/** Streams that are silent for long, before their first content and after it. */
let upstream: Upstream;
let gateway: RunningGateway;
let late = 700;
const WORDS = ["one ", "two ", "three"];

async function answer(request: ReceivedRequest): Promise<Response> {
  const model = String(request.json?.model);
  if (model === "pausing") return chatStream(WORDS, { gap: 500 });
  await Bun.sleep(late);
  if (model === "breaking")
    return Response.json({ error: { message: "it broke", type: "server_error" } }, { status: 500 });
  return chatStream(WORDS);
}

beforeAll(async () => {
  upstream = startUpstream(answer);
  const deployment = (name: string, model = name, own: object = {}): unknown => ({
    model_name: name,
    litellm_params: {
      model: `openai/${model}`,
      api_base: `${upstream.url}/v1`,
      api_key: "k",
      use_chat_completions_api: true,
      ...own,
    },
  });
  gateway = await startGateway({
    config: JSON.stringify({
      model_list: [
        deployment("slow"),
        deployment("breaking"),
        deployment("helped", "breaking"),
        deployment("pausing"),
        deployment("quiet", "slow", { keepalive_seconds: 0 }),
        deployment("asked", "pausing", { keepalive_seconds: 0, allow_client_keepalive_override: true }),
      ],
      litellm_settings: { sse_keepalive_ping_interval_seconds: 0.2, num_retries: 0, fallbacks: [{ helped: ["slow"] }] },
    }),
  });
});
beforeEach(() => {
  late = 700;
});
afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
});

const ask = (model: string, more: object = {}, path = "/v1/chat/completions"): Promise<Response> =>
  fetch(gateway.url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${gateway.key}`, "content-type": "application/json" },
    body: JSON.stringify({ model, stream: true, messages: [{ role: "user", content: "hi" }], ...more }),
  });

const comments = (text: string): number => text.split("\n").filter((line) => line === ": ping").length;

describe("before the first content", () => {
  test("a stream begins early and is whole", async () => {
    const response = await ask("slow");
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    expect(response.headers.get("x-litellm-call-id")).toBeString();
    const text = await response.text();
    expect(comments(text)).toBeWithin(2, 5);
    expect(text.trimStart().startsWith(": ping")).toBe(true);
    expect(text.endsWith("data: [DONE]\n\n")).toBe(true);
    expect(text.match(/"content":"(one|two|three) ?"/g)).toHaveLength(3);
  });

  test("OpenAI's and Anthropic's clients read it", async () => {
    const openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.key, maxRetries: 0 });
    let text = "";
    const messages = [{ role: "user" as const, content: "hi" }];
    for await (const chunk of await openai.chat.completions.create({ model: "slow", stream: true, messages })) {
      text += chunk.choices[0]?.delta.content ?? "";
    }
    expect(text).toBe("one two three");
    let completed = "";
    for await (const event of await openai.responses.create({ model: "slow", stream: true, input: "hi" })) {
      if (event.type === "response.output_text.delta") completed += event.delta;
    }
    expect(completed).toBe("one two three");
    const anthropic = new Anthropic({ baseURL: gateway.url, apiKey: gateway.key, maxRetries: 0 });
    const stream = anthropic.messages.stream({ model: "slow", max_tokens: 50, messages });
    expect(await stream.finalText()).toBe("one two three");
    const raw = await (await ask("slow", { max_tokens: 50 }, "/v1/messages")).text();
    expect(raw.startsWith('event: ping\ndata: {"type": "ping"}\n\n')).toBe(true);
  });

  test("an answer in time has its own status and headers", async () => {
    late = 0;
    const response = await ask("slow");
    expect(response.headers.get("x-litellm-model-group")).toBe("slow");
    expect(comments(await response.text())).toBe(0);
    const refused = await ask("breaking");
    expect(refused.status).toBe(500);
    await refused.body?.cancel();
  });

  test("an error is an event of the stream, after the fallbacks", async () => {
    const openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.key, maxRetries: 0 });
    const messages = [{ role: "user" as const, content: "hi" }];
    const read = async (model: string): Promise<string> => {
      let text = "";
      for await (const chunk of await openai.chat.completions.create({ model, stream: true, messages })) {
        text += chunk.choices[0]?.delta.content ?? "";
      }
      return text;
    };
    expect(read("breaking")).rejects.toThrow(/it broke/);
    expect(await read("helped")).toBe("one two three");
  });

  test("who goes away ends the call", async () => {
    late = 5_000;
    const before = upstream.aborted;
    const controller = new AbortController();
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${gateway.key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "slow", stream: true, messages: [{ role: "user", content: "hi" }] }),
      signal: controller.signal,
    });
    expect(response.status).toBe(200);
    controller.abort();
    await eventually(() => upstream.aborted === before + 1);
  });

  test("a deployment's 0 is never, and Google's clients get none", async () => {
    expect(comments(await (await ask("quiet")).text())).toBe(0);
    const google = await ask(
      "slow",
      { contents: [{ parts: [{ text: "hi" }] }] },
      "/v1beta/models/slow:streamGenerateContent?alt=sse",
    );
    const text = await google.text();
    expect(comments(text)).toBe(0);
    expect(text).toContain("three");
  });
});

describe("between two pieces", () => {
  test("a silent stream is kept alive, each piece still whole", async () => {
    const text = await (await ask("pausing")).text();
    const behind = text.slice(text.indexOf('"one '));
    expect(comments(behind)).toBeGreaterThan(3);
    for (const frame of text.split("\n\n")) expect(frame).toMatch(/^(|: ping|data: (\{.*\}|\[DONE\]))$/);
  });

  test("as often as the request says, where it may", async () => {
    expect(comments(await (await ask("asked")).text())).toBe(0);
    expect(comments(await (await ask("asked", { keepalive_seconds: 0.1 })).text())).toBeGreaterThan(5);
    expect(upstream.requests.at(-1)?.json).not.toHaveProperty("keepalive_seconds");
    expect(comments(await (await ask("quiet", { keepalive_seconds: 0.1 })).text())).toBe(0);
  });
});
