import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import OpenAI, { type APIError, BadRequestError, RateLimitError } from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { CALLS, CITY, PIXEL } from "./samples.ts";
import { MODELS, type ScriptedProviders, startProviders } from "./scripted-providers.ts";
import { INPUT_TOKENS, OUTPUT_TOKENS } from "./wires/wire.ts";

let providers: ScriptedProviders;
let client: OpenAI;

beforeAll(async () => {
  providers = await startProviders();
  client = new OpenAI({ baseURL: `${providers.gateway.url}/v1`, apiKey: providers.gateway.key, maxRetries: 0 });
});

afterAll(() => providers.stop());

type Body = Omit<OpenAI.Responses.ResponseCreateParamsNonStreaming, "model">;

const WEATHER: OpenAI.Responses.FunctionTool = {
  type: "function",
  name: "weather",
  description: "The weather in a city",
  parameters: { ...CITY, additionalProperties: false },
  strict: true,
};

describe.each(MODELS)("openai's responses against %s", (model) => {
  const ask = async (streamed: boolean, body: Body): Promise<OpenAI.Responses.Response> => {
    const { stream: _, ...rest } = body;
    return streamed
      ? client.responses.stream({ ...rest, model }).finalResponse()
      : client.responses.create({ ...rest, model });
  };

  test.each([false, true])("text with an image, streamed: %p", async (streamed) => {
    providers.script({ text: "Grüße aus Oslo 🌦" });
    const answer = await ask(streamed, {
      instructions: "Be short.",
      max_output_tokens: 4096,
      store: false,
      input: [
        {
          role: "user",
          content: [
            { type: "input_text", text: "What is it?" },
            { type: "input_image", image_url: `data:image/png;base64,${PIXEL}`, detail: "auto" },
          ],
        },
      ],
    });
    expect(answer.output_text).toBe("Grüße aus Oslo 🌦");
    expect(answer).toMatchObject({
      object: "response",
      status: "completed",
      model,
      usage: { input_tokens: INPUT_TOKENS, output_tokens: OUTPUT_TOKENS },
    });
    const sent = JSON.stringify(providers.bodies()[0]);
    expect(sent).toContain(PIXEL);
    expect(sent).toContain("Be short.");
  });

  test.each([false, true])("reasoning and parallel calls through a stateless loop, streamed: %p", async (streamed) => {
    const signature = "c2lnbmVkIGJ5IHRoZSBvd25lcg==";
    const calls =
      model === "gemini" ? CALLS.map((call, index) => (index === 0 ? { ...call, signature } : call)) : CALLS;
    // The `gpt` model answers this format by OpenAI's own endpoint for it.
    providers.script({ thinking: { text: "Which city?", signature }, calls }, { text: "Cold and warm." });
    const body: Body = {
      tools: [WEATHER],
      store: false,
      include: ["reasoning.encrypted_content"],
      reasoning: { effort: "low", summary: "auto" },
      max_output_tokens: 8192,
    };
    const input: OpenAI.Responses.ResponseInput = [{ role: "user", content: "Weather?" }];
    const turn = await ask(streamed, { ...body, input });
    const made = turn.output.flatMap((item) => (item.type === "function_call" ? [item] : []));
    expect(made.map(({ name, arguments: json }) => [name, JSON.parse(json)])).toEqual([
      ["weather", { city: "Oslo" }],
      ["weather", { city: "Rome" }],
    ]);
    expect(turn.output[0]).toMatchObject({ type: "reasoning", summary: [{ text: "Which city?" }] });
    // The client's helper adds a member of its own, which OpenAI would refuse.
    for (const item of turn.output) {
      const { parsed_arguments: _, ...own } = item as typeof item & { parsed_arguments?: unknown };
      input.push(own as OpenAI.Responses.ResponseInputItem);
    }
    for (const { call_id } of made) input.push({ type: "function_call_output", call_id, output: `for ${call_id}` });
    expect((await ask(streamed, { ...body, input })).output_text).toBe("Cold and warm.");
    // The owner has its value back as it was.
    expect(JSON.stringify(providers.bodies()[1])).toContain(`"${signature}"`);
  });

  test.each([false, true])("a parsed answer, streamed: %p", async (streamed) => {
    const json = '{"name":"Fair","seats":3}';
    const body = {
      model,
      input: "Extract.",
      store: false,
      text: { format: zodTextFormat(z.object({ name: z.string(), seats: z.number() }), "event") },
    };
    // Where the answer is carried by a tool, the provider answers by calling it.
    providers.script(() => new Response("", { status: 500 }));
    await client.responses.create(body).catch(() => undefined);
    const carrier = /"name":"(json_tool_call)"/.exec(JSON.stringify(providers.bodies()[0]))?.[1];
    providers.script(
      carrier === undefined ? { text: json } : { calls: [{ id: "toolu_1", name: carrier, arguments: json }] },
    );
    const answer = streamed ? await client.responses.stream(body).finalResponse() : await client.responses.parse(body);
    expect(answer.output_parsed).toEqual({ name: "Fair", seats: 3 });
  });

  test("an answer cut off by the limit", async () => {
    providers.script({ text: "Once upon", finish: "length" });
    const answer = await ask(false, { input: "Tell", store: false });
    expect(answer).toMatchObject({ status: "incomplete", incomplete_details: { reason: "max_output_tokens" } });
  });

  test.each([false, true])("errors as the client's classes, streamed: %p", async (streamed) => {
    const fail = async (status: number, sentence: string): Promise<unknown> => {
      providers.script(() => Response.json({ error: { message: sentence }, message: sentence }, { status }));
      return ask(streamed, { input: "Hi", store: false }).catch((error: unknown) => error);
    };
    const limited = await fail(429, "slow down please");
    expect(limited).toBeInstanceOf(RateLimitError);
    expect((limited as APIError).message).toContain("slow down please");
    const bad = await fail(400, "no such thing");
    expect(bad).toBeInstanceOf(BadRequestError);
    expect((bad as APIError).message).toContain("no such thing");
  });
});
