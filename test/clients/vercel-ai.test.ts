import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateText, type LanguageModel, Output, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { CALLS, PIXEL } from "./samples.ts";
import { MODELS, type ScriptedProviders, startProviders } from "./scripted-providers.ts";
import { INPUT_TOKENS, OUTPUT_TOKENS } from "./wires/wire.ts";

let providers: ScriptedProviders;

beforeAll(async () => {
  providers = await startProviders();
});

afterAll(() => providers.stop());

/** The SDK's providers, each pointed at the gateway. */
const CLIENTS: Readonly<Record<string, (model: string) => LanguageModel>> = {
  "openai-compatible": (model) =>
    createOpenAICompatible({
      name: "isthmus",
      baseURL: `${providers.gateway.url}/v1`,
      apiKey: providers.gateway.key,
      includeUsage: true,
      supportsStructuredOutputs: true,
    })(model),
  "openai chat": (model) =>
    createOpenAI({ baseURL: `${providers.gateway.url}/v1`, apiKey: providers.gateway.key }).chat(model),
  "openai responses": (model) =>
    createOpenAI({ baseURL: `${providers.gateway.url}/v1`, apiKey: providers.gateway.key }).responses(model),
  anthropic: (model) =>
    createAnthropic({ baseURL: `${providers.gateway.url}/v1`, apiKey: providers.gateway.key })(model),
  google: (model) =>
    createGoogleGenerativeAI({ baseURL: `${providers.gateway.url}/v1beta`, apiKey: providers.gateway.key })(model),
};

const PAIRS = Object.keys(CLIENTS).flatMap((client) => MODELS.map((model) => [client, model] as const));

describe.each(PAIRS)("ai by %s against %s", (client, name) => {
  const model = (): LanguageModel => {
    const make = CLIENTS[client];
    if (make === undefined) throw new Error(client);
    return make(name);
  };
  const weather = tool({
    description: "The weather in a city",
    inputSchema: z.object({ city: z.string() }),
    execute: ({ city }) => `weather of ${city}`,
  });

  test.each([false, true])("text with an image, streamed: %p", async (streamed) => {
    providers.script({ text: "Grüße aus Oslo 🌦" });
    const given = {
      model: model(),
      system: "Be short.",
      maxOutputTokens: 4096,
      maxRetries: 0,
      messages: [
        {
          role: "user" as const,
          content: [
            { type: "text" as const, text: "What is it?" },
            { type: "image" as const, image: Buffer.from(PIXEL, "base64"), mediaType: "image/png" },
          ],
        },
      ],
    };
    const answer = streamed ? streamText(given) : await generateText(given);
    expect(await answer.text).toBe("Grüße aus Oslo 🌦");
    expect(await answer.finishReason).toBe("stop");
    expect(await answer.usage).toMatchObject({ inputTokens: INPUT_TOKENS, outputTokens: OUTPUT_TOKENS });
    const sent = JSON.stringify(providers.bodies()[0]);
    expect(sent).toContain("Be short.");
    expect(sent).toContain(PIXEL);
  });

  test.each([false, true])("a loop of tools, streamed: %p", async (streamed) => {
    const [first, second] = CALLS;
    const signature = "c2lnbmVkIGJ5IHRoZSBvd25lcg==";
    providers.script(
      { text: "Looking.", calls: name === "gemini" ? [{ ...first, signature }, second] : CALLS },
      { text: "Cold and warm." },
    );
    const given = {
      model: model(),
      prompt: "Weather?",
      tools: { weather },
      stopWhen: stepCountIs(3),
      maxOutputTokens: 4096,
      maxRetries: 0,
    };
    const answer = streamed ? streamText(given) : await generateText(given);
    expect(await answer.text).toBe("Cold and warm.");
    expect((await answer.steps).length).toBe(2);
    const sent = JSON.stringify(providers.bodies()[1]);
    for (const kept of ["weather of Oslo", "weather of Rome"]) expect(sent).toContain(kept);
  });

  test("an object", async () => {
    const json = '{"name":"Fair","seats":3}';
    const given = () => ({
      model: model(),
      prompt: "Extract.",
      maxOutputTokens: 4096,
      maxRetries: 0,
      output: Output.object({ schema: z.object({ name: z.string(), seats: z.number() }) }),
    });
    // Where the answer is carried by a tool, the provider answers by calling it.
    providers.script(() => new Response("", { status: 500 }));
    await generateText(given()).catch(() => undefined);
    const carrier = /"name":"(json(?:_tool_call)?)"/.exec(JSON.stringify(providers.bodies()[0]))?.[1];
    providers.script(
      carrier === undefined ? { text: json } : { calls: [{ id: "toolu_1", name: carrier, arguments: json }] },
    );
    expect((await generateText(given())).output).toEqual({ name: "Fair", seats: 3 });
  });

  test("an error", async () => {
    providers.script(() =>
      Response.json({ error: { message: "no such thing" }, message: "no such thing" }, { status: 400 }),
    );
    const error = await generateText({ model: model(), prompt: "Hi", maxRetries: 0 }).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(APICallError);
    expect((error as APICallError).statusCode).toBe(400);
    expect((error as APICallError).message).toContain("no such thing");
  });
});
