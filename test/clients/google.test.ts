import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ApiError, type Content, FunctionCallingConfigMode, GoogleGenAI, type Part, Type } from "@google/genai";
import { CALLS, CITY, PIXEL } from "./samples.ts";
import { MODELS, type ScriptedProviders, startProviders } from "./scripted-providers.ts";
import { INPUT_TOKENS, OUTPUT_TOKENS } from "./wires/wire.ts";

let providers: ScriptedProviders;
let client: GoogleGenAI;

beforeAll(async () => {
  providers = await startProviders();
  client = new GoogleGenAI({ apiKey: providers.gateway.key, httpOptions: { baseUrl: providers.gateway.url } });
});

afterAll(() => providers.stop());

interface Turn {
  readonly parts: Part[];
  readonly finish: string | undefined;
  readonly input: number | undefined;
  readonly output: number | undefined;
}

describe.each(MODELS)("@google/genai against %s", (model) => {
  type Parameters = Omit<Parameters_, "model">;
  type Parameters_ = globalThis.Parameters<GoogleGenAI["models"]["generateContent"]>[0];

  const ask = async (streamed: boolean, given: Parameters): Promise<Turn> => {
    const parts: Part[] = [];
    let finish: string | undefined;
    let usage: { promptTokenCount?: number; candidatesTokenCount?: number } | undefined;
    const answers = streamed
      ? await client.models.generateContentStream({ ...given, model })
      : [await client.models.generateContent({ ...given, model })];
    for await (const answer of answers) {
      parts.push(...(answer.candidates?.[0]?.content?.parts ?? []));
      finish = answer.candidates?.[0]?.finishReason ?? finish;
      usage = answer.usageMetadata ?? usage;
    }
    return { parts, finish, input: usage?.promptTokenCount, output: usage?.candidatesTokenCount };
  };
  const text = ({ parts }: Turn): string =>
    parts.map((part) => (part.thought === true ? "" : (part.text ?? ""))).join("");

  test.each([false, true])("generateContent, streamed: %p", async (streamed) => {
    providers.script({ text: "Grüße aus Oslo 🌦" });
    const turn = await ask(streamed, {
      contents: "Hello",
      config: { systemInstruction: "Be short.", temperature: 0.5, maxOutputTokens: 100, stopSequences: ["END"] },
    });
    expect(text(turn)).toBe("Grüße aus Oslo 🌦");
    expect(turn).toMatchObject({ finish: "STOP", input: INPUT_TOKENS, output: OUTPUT_TOKENS });
    expect(JSON.stringify(providers.bodies()[0])).toContain("Be short.");
  });

  test.each([false, true])("parallel function calls and their responses, streamed: %p", async (streamed) => {
    const signature = "c2lnbmVkIGJ5IHRoZSBvd25lcg==";
    const [first, second] = CALLS;
    providers.script(
      { text: "Looking.", calls: model === "gemini" ? [{ ...first, signature }, second] : CALLS },
      { text: "Cold and warm." },
    );
    const config = {
      tools: [{ functionDeclarations: [{ name: "weather", description: "The weather", parametersJsonSchema: CITY }] }],
      toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.AUTO } },
    };
    const contents: Content[] = [{ role: "user", parts: [{ text: "Weather?" }] }];
    const turn = await ask(streamed, { contents, config });
    const calls = turn.parts.flatMap(({ functionCall }) => (functionCall === undefined ? [] : [functionCall]));
    expect(calls.map(({ name, args }) => [name, args])).toEqual([
      ["weather", { city: "Oslo" }],
      ["weather", { city: "Rome" }],
    ]);
    contents.push({ role: "model", parts: turn.parts });
    contents.push({
      role: "user",
      parts: calls.map(({ id, name, args }) => ({
        functionResponse: {
          ...(id === undefined ? {} : { id }),
          ...(name === undefined ? {} : { name }),
          response: { output: `in ${args?.city}` },
        },
      })),
    });
    expect(text(await ask(streamed, { contents, config }))).toBe("Cold and warm.");
    const sent = JSON.stringify(providers.bodies()[1]);
    for (const kept of ["in Oslo", "in Rome"]) expect(sent).toContain(kept);
  });

  test("an image, thinking and a forced function", async () => {
    providers.script({ calls: [CALLS[0]] });
    const turn = await ask(false, {
      contents: [{ role: "user", parts: [{ text: "Where?" }, { inlineData: { mimeType: "image/png", data: PIXEL } }] }],
      config: {
        tools: [
          {
            functionDeclarations: [
              {
                name: "weather",
                description: "The weather",
                parameters: { type: Type.OBJECT, properties: { city: { type: Type.STRING } }, required: ["city"] },
              },
            ],
          },
        ],
        toolConfig: {
          functionCallingConfig: { mode: FunctionCallingConfigMode.ANY, allowedFunctionNames: ["weather"] },
        },
      },
    });
    expect(turn.parts.some(({ functionCall }) => functionCall?.name === "weather")).toBe(true);
    expect(JSON.stringify(providers.bodies()[0])).toContain(PIXEL);
  });

  test.each([false, true])("thoughts, streamed: %p", async (streamed) => {
    // Chat Completions has none.
    if (model === "gpt") return;
    providers.script({ thinking: { text: "Which city?", signature: "c2ln" }, text: "Oslo." });
    const turn = await ask(streamed, {
      contents: "Where?",
      config: { thinkingConfig: { includeThoughts: true, thinkingBudget: 2048 }, maxOutputTokens: 4096 },
    });
    const thoughts = turn.parts.filter(({ thought }) => thought === true);
    expect(thoughts.map((part) => part.text).join("")).toBe("Which city?");
    expect(text(turn)).toBe("Oslo.");
  });

  test("structured output", async () => {
    const json = '{"name":"Fair","seats":3}';
    const given = {
      contents: "Extract.",
      config: {
        responseMimeType: "application/json",
        responseSchema: {
          type: Type.OBJECT,
          properties: { name: { type: Type.STRING }, seats: { type: Type.INTEGER } },
          required: ["name", "seats"],
        },
      },
    };
    // Where the answer is carried by a tool, the provider answers by calling it.
    providers.script(() => new Response("", { status: 500 }));
    await ask(false, given).catch(() => undefined);
    const carrier = /"name":"(json_tool_call)"/.exec(JSON.stringify(providers.bodies()[0]))?.[1];
    providers.script(
      carrier === undefined ? { text: json } : { calls: [{ id: "toolu_1", name: carrier, arguments: json }] },
    );
    expect(JSON.parse(text(await ask(false, given)))).toEqual({ name: "Fair", seats: 3 });
  });

  test("an answer cut off by the limit, and one withheld", async () => {
    providers.script({ text: "Once upon", finish: "length" });
    expect((await ask(true, { contents: "Tell" })).finish).toBe("MAX_TOKENS");
    providers.script({ text: "I", finish: "content-filter" });
    expect((await ask(false, { contents: "Tell" })).finish).toBe("SAFETY");
  });

  test.each([false, true])("errors as the client's class, streamed: %p", async (streamed) => {
    const fail = async (status: number, sentence: string): Promise<unknown> => {
      providers.script(() => Response.json({ error: { message: sentence }, message: sentence }, { status }));
      return ask(streamed, { contents: "Hi" }).catch((error: unknown) => error);
    };
    for (const [status, sentence, word] of [
      [429, "slow down please", "RESOURCE_EXHAUSTED"],
      [400, "no such thing", "INVALID_ARGUMENT"],
    ] as const) {
      const error = await fail(status, sentence);
      expect(error).toBeInstanceOf(ApiError);
      expect((error as ApiError).status).toBe(status);
      expect((error as ApiError).message).toContain(sentence);
      expect((error as ApiError).message).toContain(word);
    }
  });

  test("countTokens", async () => {
    providers.script(() => Response.json({ totalTokens: 17, input_tokens: 17, inputTokens: 17 }));
    const counted = await client.models.countTokens({ model, contents: "Hello there" });
    expect(counted.totalTokens).toBeGreaterThan(0);
  });
});
