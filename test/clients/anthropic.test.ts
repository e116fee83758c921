import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import Anthropic, { type APIError, BadRequestError, RateLimitError } from "@anthropic-ai/sdk";
import { asObject } from "../../src/json/json.ts";
import { CALLS, CITY, PIXEL } from "./samples.ts";
import { MODELS, type ScriptedProviders, startProviders } from "./scripted-providers.ts";
import { INPUT_TOKENS, OUTPUT_TOKENS } from "./wires/wire.ts";

let providers: ScriptedProviders;
let client: Anthropic;

beforeAll(async () => {
  providers = await startProviders();
  client = new Anthropic({ baseURL: providers.gateway.url, apiKey: providers.gateway.key, maxRetries: 0 });
});

afterAll(() => providers.stop());

const WEATHER: Anthropic.Tool = { name: "weather", description: "The weather in a city", input_schema: CITY };

describe.each(MODELS)("@anthropic-ai/sdk against %s", (model) => {
  const ask = (
    streamed: boolean,
    body: Omit<Anthropic.MessageCreateParamsNonStreaming, "model" | "max_tokens"> & { max_tokens?: number },
  ): Promise<Anthropic.Message> => {
    const whole = { max_tokens: 4096, ...body, model };
    return streamed ? client.messages.stream(whole).finalMessage() : client.messages.create(whole);
  };

  test.each([false, true])("messages, streamed: %p", async (streamed) => {
    providers.script({ text: "Grüße aus Oslo 🌦" });
    const answer = await ask(streamed, {
      system: [{ type: "text", text: "Be short.", cache_control: { type: "ephemeral" } }],
      messages: [{ role: "user", content: "Hello" }],
      stop_sequences: ["END"],
    });
    expect(answer).toMatchObject({
      type: "message",
      role: "assistant",
      model,
      content: [{ type: "text", text: "Grüße aus Oslo 🌦" }],
      stop_reason: "end_turn",
      usage: { input_tokens: INPUT_TOKENS, output_tokens: OUTPUT_TOKENS },
    });
    expect(JSON.stringify(providers.bodies()[0])).toContain("Be short.");
  });

  test.each([false, true])("parallel tool use, an image and a failure as results, streamed: %p", async (streamed) => {
    providers.script({ text: "Looking.", calls: CALLS }, { text: "Cold and warm." });
    const messages: Anthropic.MessageParam[] = [{ role: "user", content: "Weather?" }];
    const turn = await ask(streamed, { messages, tools: [WEATHER], tool_choice: { type: "auto" } });
    expect(turn.stop_reason).toBe("tool_use");
    const uses = turn.content.filter((block) => block.type === "tool_use");
    expect(uses.map(({ name, input }) => [name, input])).toEqual([
      ["weather", { city: "Oslo" }],
      ["weather", { city: "Rome" }],
    ]);
    expect(new Set(uses.map(({ id }) => id)).size).toBe(2);
    messages.push({ role: "assistant", content: turn.content });
    messages.push({
      role: "user",
      content: [
        {
          type: "tool_result",
          tool_use_id: uses[0]?.id ?? "",
          content: [
            { type: "text", text: "A map:" },
            { type: "image", source: { type: "base64", media_type: "image/png", data: PIXEL } },
          ],
        },
        { type: "tool_result", tool_use_id: uses[1]?.id ?? "", content: "no such city", is_error: true },
        { type: "text", text: "Go on.", cache_control: { type: "ephemeral" } },
      ],
    });
    const second = await ask(streamed, { messages, tools: [WEATHER] });
    expect(second.content).toMatchObject([{ type: "text", text: "Cold and warm." }]);
    const sent = JSON.stringify(providers.bodies()[1]);
    for (const kept of [PIXEL, "A map:", "no such city", "Go on."]) expect(sent).toContain(kept);
  });

  test("a choice of tool", async () => {
    providers.script({ calls: [CALLS[0]] });
    const answer = await ask(false, {
      messages: [{ role: "user", content: "Weather?" }],
      tools: [WEATHER],
      tool_choice: { type: "tool", name: "weather", disable_parallel_tool_use: true },
    });
    expect(answer.stop_reason).toBe("tool_use");
    const body = JSON.stringify(providers.bodies()[0]);
    expect(body).toMatch(/"tool_choice":|"toolChoice":|"functionCallingConfig":/);
  });

  test.each([false, true])("thinking and its signature through a tool loop, streamed: %p", async (streamed) => {
    // Chat Completions has neither.
    if (model === "gpt") return;
    const signature = "c2lnbmVkIGJ5IHRoZSBvd25lcg==";
    const [call] = CALLS;
    providers.script(
      {
        thinking: { text: "Which city?", signature },
        calls: [model === "gemini" ? { ...call, signature } : call],
      },
      { text: "Cold." },
    );
    const thinking = { type: "enabled", budget_tokens: 2048 } as const;
    const messages: Anthropic.MessageParam[] = [{ role: "user", content: "Weather?" }];
    const turn = await ask(streamed, { messages, tools: [WEATHER], thinking });
    expect(turn.content[0]).toMatchObject({ type: "thinking", thinking: "Which city?" });
    const use = turn.content.find((block) => block.type === "tool_use");
    messages.push({ role: "assistant", content: turn.content });
    messages.push({ role: "user", content: [{ type: "tool_result", tool_use_id: use?.id ?? "", content: "4 °C" }] });
    expect((await ask(streamed, { messages, tools: [WEATHER], thinking })).content).toMatchObject([{ text: "Cold." }]);
    // The owner has its value back as it was.
    expect(JSON.stringify(providers.bodies()[1])).toContain(`"${signature}"`);
  });

  test("an answer cut off by the limit", async () => {
    providers.script({ text: "Once upon", finish: "length" });
    const answer = await ask(true, { messages: [{ role: "user", content: "Tell" }] });
    expect(answer.stop_reason).toBe("max_tokens");
  });

  test("an answer that the provider withholds", async () => {
    providers.script({ text: "I", finish: "content-filter" });
    const answer = await ask(false, { messages: [{ role: "user", content: "Tell" }] });
    expect(answer.stop_reason).toBe("refusal");
  });

  test.each([false, true])("errors as the client's classes, streamed: %p", async (streamed) => {
    const fail = async (status: number, sentence: string): Promise<unknown> => {
      providers.script(() => Response.json({ error: { message: sentence }, message: sentence }, { status }));
      return ask(streamed, { messages: [{ role: "user", content: "Hi" }] }).catch((error: unknown) => error);
    };
    const limited = await fail(429, "slow down please");
    expect(limited).toBeInstanceOf(RateLimitError);
    expect((limited as APIError).message).toContain("slow down please");
    expect(asObject((limited as APIError).error)).toMatchObject({ type: "error", error: { type: "rate_limit_error" } });
    const bad = await fail(400, "no such thing");
    expect(bad).toBeInstanceOf(BadRequestError);
    expect((bad as APIError).message).toContain("no such thing");
  });

  test("count_tokens", async () => {
    providers.script(
      model === "claude"
        ? () => Response.json({ input_tokens: 17 })
        : model === "gemini"
          ? () => Response.json({ totalTokens: 17 })
          : () => Response.json({ inputTokens: 17, input_tokens: 17 }),
    );
    const counted = await client.messages.countTokens({
      model,
      system: "Be short.",
      tools: [WEATHER],
      messages: [{ role: "user", content: "Hello there" }],
    });
    expect(counted.input_tokens).toBeGreaterThan(0);
  });
});

test("server tools and betas pass through to Anthropic", async () => {
  providers.script(() =>
    Response.json({
      id: "msg_1",
      type: "message",
      role: "assistant",
      model: "claude-sonnet-4-5-20250929",
      content: [
        { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: "Oslo" } },
        {
          type: "web_search_tool_result",
          tool_use_id: "srvtoolu_1",
          content: [{ type: "web_search_result", url: "https://example.com", title: "Oslo", encrypted_content: "Eo8" }],
        },
        { type: "text", text: "Found." },
      ],
      stop_reason: "end_turn",
      stop_sequence: null,
      usage: { input_tokens: 3, output_tokens: 4, server_tool_use: { web_search_requests: 1 } },
    }),
  );
  const answer = await client.beta.messages.create({
    model: "claude",
    max_tokens: 100,
    betas: ["context-1m-2025-08-07", "interleaved-thinking-2025-05-14"],
    tools: [{ type: "web_search_20250305", name: "web_search", max_uses: 2 }],
    messages: [{ role: "user", content: "Search." }],
  });
  expect(answer.content.map(({ type }) => type)).toEqual(["server_tool_use", "web_search_tool_result", "text"]);
  const [request] = providers.requests();
  expect(request?.headers.get("anthropic-beta")).toContain("context-1m-2025-08-07");
  expect(request?.headers.get("anthropic-beta")).toContain("interleaved-thinking-2025-05-14");
  expect(request?.json?.tools).toEqual([{ type: "web_search_20250305", name: "web_search", max_uses: 2 }]);
});
