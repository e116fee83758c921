import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import OpenAI, { type APIError, BadRequestError, RateLimitError } from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import type { JsonObject } from "../../src/json/json.ts";
import { CALLS, CITY, PIXEL } from "./samples.ts";
import { MODELS, type ScriptedProviders, startProviders } from "./scripted-providers.ts";
import { INPUT_TOKENS, OUTPUT_TOKENS, sse } from "./wires/wire.ts";

let providers: ScriptedProviders;
let client: OpenAI;

beforeAll(async () => {
  providers = await startProviders();
  client = new OpenAI({ baseURL: `${providers.gateway.url}/v1`, apiKey: providers.gateway.key, maxRetries: 0 });
});

afterAll(() => providers.stop());

const WEATHER: OpenAI.Chat.ChatCompletionTool = {
  type: "function",
  function: {
    name: "weather",
    description: "The weather in a city",
    parameters: CITY,
  },
};
describe.each(MODELS)("openai against %s", (model) => {
  test("chat.completions, whole", async () => {
    providers.script({ text: "Grüße aus Oslo 🌦" });
    const answer = await client.chat.completions.create({
      model,
      messages: [
        { role: "system", content: "Be short." },
        { role: "user", content: "Hello" },
      ],
      temperature: 0.5,
      max_completion_tokens: 100,
    });
    expect(answer.choices[0]?.message.content).toBe("Grüße aus Oslo 🌦");
    expect(answer.choices[0]?.finish_reason).toBe("stop");
    expect(answer.model).toBe(model);
    expect(answer.usage).toMatchObject({ prompt_tokens: INPUT_TOKENS, completion_tokens: OUTPUT_TOKENS });
  });

  test("chat.completions, streamed by the helper", async () => {
    providers.script({ text: "Grüße aus Oslo 🌦" });
    const stream = client.chat.completions.stream({
      model,
      messages: [{ role: "user", content: "Hello" }],
      stream_options: { include_usage: true },
    });
    let seen = "";
    stream.on("content", (delta) => (seen += delta));
    const answer = await stream.finalChatCompletion();
    expect(seen).toBe("Grüße aus Oslo 🌦");
    expect(answer.choices[0]?.message.content).toBe(seen);
    expect(answer.choices[0]?.finish_reason).toBe("stop");
    expect(await stream.totalUsage()).toMatchObject({
      prompt_tokens: INPUT_TOKENS,
      completion_tokens: OUTPUT_TOKENS,
    });
  });

  test.each([false, true])("parallel tool calls and their results, streamed: %p", async (streamed) => {
    providers.script({ text: "Looking.", calls: CALLS }, { text: "Cold and warm." });
    const messages: OpenAI.Chat.ChatCompletionMessageParam[] = [{ role: "user", content: "Weather?" }];
    const ask = async (): Promise<OpenAI.Chat.ChatCompletion> => {
      const body = { model, messages, tools: [WEATHER], parallel_tool_calls: true };
      return streamed
        ? client.chat.completions.stream(body).finalChatCompletion()
        : client.chat.completions.create(body);
    };
    const turn = await ask();
    const message = turn.choices[0]?.message;
    expect(turn.choices[0]?.finish_reason).toBe("tool_calls");
    expect(message?.content).toBe("Looking.");
    const calls = (message?.tool_calls ?? []).flatMap((call) => (call.type === "function" ? [call] : []));
    expect(calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)])).toEqual([
      ["weather", { city: "Oslo" }],
      ["weather", { city: "Rome" }],
    ]);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
    if (message === undefined) throw new Error("no message");
    messages.push(message);
    // Answered in the opposite order, which must not matter.
    for (const { id } of [...calls].reverse()) messages.push({ role: "tool", tool_call_id: id, content: `for ${id}` });
    expect((await ask()).choices[0]?.message.content).toBe("Cold and warm.");
  });

  test("raw chunks of parallel calls keep index and id", async () => {
    providers.script({ calls: CALLS });
    const stream = await client.chat.completions.create({
      model,
      messages: [{ role: "user", content: "Weather?" }],
      tools: [WEATHER],
      stream: true,
    });
    const byIndex = new Map<number, { ids: string[]; text: string }>();
    for await (const chunk of stream) {
      for (const call of chunk.choices[0]?.delta.tool_calls ?? []) {
        const known = byIndex.get(call.index) ?? { ids: [], text: "" };
        if (call.id !== undefined) known.ids.push(call.id);
        known.text += call.function?.arguments ?? "";
        byIndex.set(call.index, known);
      }
    }
    expect([...byIndex.keys()].sort()).toEqual([0, 1]);
    expect(byIndex.get(0)?.ids.length).toBe(1);
    expect(JSON.parse(byIndex.get(0)?.text ?? "")).toEqual({ city: "Oslo" });
    expect(JSON.parse(byIndex.get(1)?.text ?? "")).toEqual({ city: "Rome" });
  });

  test("an image as data", async () => {
    providers.script({ text: "A pixel." });
    const answer = await client.chat.completions.create({
      model,
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "What is it?" },
            { type: "image_url", image_url: { url: `data:image/png;base64,${PIXEL}`, detail: "low" } },
          ],
        },
      ],
    });
    expect(answer.choices[0]?.message.content).toBe("A pixel.");
    expect(JSON.stringify(providers.bodies())).toContain(PIXEL);
  });

  test.each([false, true])("a parsed answer, streamed: %p", async (streamed) => {
    const event = z.object({ name: z.string(), seats: z.number() });
    const body = {
      model,
      messages: [{ role: "user" as const, content: "Extract." }],
      response_format: zodResponseFormat(event, "event"),
    };
    const json = '{"name":"Fair","seats":3}';
    // Where the answer is carried by a tool, the provider answers by calling it.
    providers.script(() => new Response("", { status: 500 }));
    await client.chat.completions.create(body).catch(() => undefined);
    const carrier = /"name":"(json_tool_call)"/.exec(JSON.stringify(providers.bodies()[0]))?.[1];
    providers.script(
      carrier === undefined ? { text: json } : { calls: [{ id: "toolu_1", name: carrier, arguments: json }] },
    );
    const answer = streamed
      ? await client.chat.completions.stream(body).finalChatCompletion()
      : await client.chat.completions.parse(body);
    expect(answer.choices[0]?.message.parsed).toEqual({ name: "Fair", seats: 3 });
    expect(answer.choices[0]?.finish_reason).toBe("stop");
  });

  test("an answer cut off by the limit", async () => {
    providers.script({ text: "Once upon", finish: "length" });
    const answer = await client.chat.completions.create({ model, messages: [{ role: "user", content: "Tell" }] });
    expect(answer.choices[0]?.finish_reason).toBe("length");
  });

  test.each([false, true])("legacy completions, streamed: %p", async (streamed) => {
    // OpenAI has an endpoint of its own for them.
    const own = model === "gpt" || model === "responses";
    providers.script(own ? ({ json }) => completionAnswer(json?.stream === true) : { text: "world" });
    if (streamed) {
      let text = "";
      for await (const chunk of await client.completions.create({ model, prompt: "Hello", stream: true })) {
        text += chunk.choices[0]?.text ?? "";
      }
      expect(text).toBe("world");
    } else {
      const answer = await client.completions.create({ model, prompt: "Hello" });
      expect(answer.choices[0]?.text).toBe("world");
      expect(answer.usage).toMatchObject({ prompt_tokens: INPUT_TOKENS, completion_tokens: OUTPUT_TOKENS });
    }
  });

  test.each([false, true])("errors as the client's classes, streamed: %p", async (stream) => {
    const ask = (): Promise<unknown> =>
      client.chat.completions.create({ model, messages: [{ role: "user", content: "Hi" }], stream });
    providers.script(() =>
      Response.json({ error: { message: "slow down please" }, message: "slow down please" }, { status: 429 }),
    );
    const limited = await ask().catch((error: unknown) => error);
    expect(limited).toBeInstanceOf(RateLimitError);
    expect((limited as APIError).message).toContain("slow down please");
    providers.script(() =>
      Response.json({ error: { message: "no such thing" }, message: "no such thing" }, { status: 400 }),
    );
    const bad = await ask().catch((error: unknown) => error);
    expect(bad).toBeInstanceOf(BadRequestError);
    expect((bad as APIError).message).toContain("no such thing");
  });
});

/** What OpenAI's `/v1/completions` answers. */
function completionAnswer(streamed: boolean): Response {
  const head = { id: "cmpl-1", object: "text_completion", created: 1_764_000_000, model: "gpt-3.5-turbo-instruct" };
  const choice = (text: string, finish_reason: string | null): JsonObject => ({
    index: 0,
    text,
    logprobs: null,
    finish_reason,
  });
  const usage = {
    prompt_tokens: INPUT_TOKENS,
    completion_tokens: OUTPUT_TOKENS,
    total_tokens: INPUT_TOKENS + OUTPUT_TOKENS,
  };
  if (!streamed) return Response.json({ ...head, choices: [choice("world", "stop")], usage });
  return sse([
    { data: { ...head, choices: [choice("wor", null)] } },
    { data: { ...head, choices: [choice("ld", "stop")] } },
    { data: { ...head, choices: [], usage } },
    { data: "[DONE]" },
  ]);
}
