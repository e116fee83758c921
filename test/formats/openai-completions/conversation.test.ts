import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { GatewayError } from "../../../src/errors/gateway-error.ts";
import type { ConversationRequest, Message, Sampling } from "../../../src/formats/conversation.ts";
import { FRAME_CONTENT, FRAME_DONE, FRAME_ERROR, FRAME_FINISH } from "../../../src/formats/format.ts";
import { openaiCompletions } from "../../../src/formats/openai-completions/index.ts";
import { replay } from "../../../src/formats/replay.ts";
import type { JsonObject } from "../../../src/json/json.ts";
import { SseFramer } from "../../../src/upstream/sse.ts";
import { answers, someText } from "../arbitraries.ts";
import { answerContext, assembled, eventsOf, requestContext, responseContext } from "../recorded-exchange.ts";

const sampling: fc.Arbitrary<Sampling> = fc.record(
  {
    temperature: fc.double({ min: 0, max: 2, noNaN: true }),
    topP: fc.double({ min: 0, max: 1, noNaN: true }),
    maxOutputTokens: fc.integer({ min: 1, max: 9999 }),
    n: fc.integer({ min: 1, max: 4 }),
    seed: fc.integer(),
    stop: fc.array(someText, { minLength: 1, maxLength: 3 }),
    presencePenalty: fc.double({ min: -2, max: 2, noNaN: true }),
    logitBias: fc.constant({ "50256": -100 }),
    topK: fc.integer({ min: 1, max: 99 }),
  },
  { requiredKeys: [] },
);

test("requests come back as they went, and nothing is reported", () => {
  const requests = fc
    .record({ text: fc.string(), sampling, logprobs: fc.option(fc.nat(5)), stream: fc.boolean(), echo: fc.boolean() })
    .map(
      ({ text, sampling: drawn, logprobs, stream, echo }): ConversationRequest => ({
        model: "davinci",
        messages: [
          { role: "user", parts: [{ type: "text", text }], native: { format: "openai-completions", value: {} } },
        ],
        sampling: { ...drawn, ...(logprobs === null ? {} : { logprobs: true, topLogprobs: logprobs }) },
        ...(stream ? { stream, includeUsage: true } : {}),
        ...(echo ? { extensions: { format: "openai-completions", fields: { echo: true, suffix: "end" } } } : {}),
      }),
    );
  fc.assert(
    fc.property(requests, (request) => {
      const context = requestContext(request.model);
      expect(openaiCompletions.decodeRequest(openaiCompletions.encodeRequest(request, context))).toEqual(request);
      expect(context.report.changes).toEqual([]);
    }),
  );
});

test("the text of any model's answer, whole and streamed", () => {
  fc.assert(
    fc.property(answers, (answer) => {
      const text = answer.choices[0]?.parts.map((part) => (part.type === "text" ? part.text : "")).join("");
      const whole = openaiCompletions.decodeResponse(
        openaiCompletions.encodeResponse(answer, answerContext()),
        responseContext(),
      );
      const encoder = openaiCompletions.createStreamEncoder({
        ...answerContext(),
        request: { model: "m", messages: [], sampling: {}, includeUsage: true },
      });
      const wire = replay(answer)
        .map((event) => encoder.push(event))
        .join("");
      const streamed = assembled(
        eventsOf(wire + encoder.end(), new SseFramer(), openaiCompletions.createStreamDecoder(responseContext())),
      );
      expect(whole.choices[0]?.parts.map((part) => (part.type === "text" ? part.text : "?")).join("")).toBe(text ?? "");
      expect(streamed.choices).toEqual(whole.choices);
      expect(streamed.usage).toEqual(whole.usage);
      expect(whole.usage?.buckets as object).toEqual(answer.usage?.buckets as object);
    }),
  );
});

test("usage is streamed only to those who asked", () => {
  const encoder = openaiCompletions.createStreamEncoder(answerContext());
  encoder.push({ type: "usage", usage: { buckets: { input: 1 } } });
  expect(encoder.end()).toBe("data: [DONE]\n\n");
});

describe("conversations as prompts", () => {
  const say = (role: Message["role"], text: string): Message => ({ role, parts: [{ type: "text", text }] });
  const prompt = (model: string, ...messages: Message[]) =>
    openaiCompletions.encodeRequest({ model, messages, sampling: {} }, requestContext(model)).prompt;

  test("a question alone is the prompt", () => {
    expect(prompt("babbage-002", say("user", "Hello"))).toBe("Hello");
  });

  test("several turns are a transcript that the model goes on with", () => {
    expect(
      prompt("babbage-002", say("system", "Be brief."), say("user", "Hi"), say("assistant", "Yes?"), say("user", "?")),
    ).toBe("Be brief.\n\nUser: Hi\n\nAssistant: Yes?\n\nUser: ?\n\nAssistant:");
  });

  test("what a text cannot hold is reported", () => {
    const context = requestContext("davinci");
    openaiCompletions.encodeRequest(
      {
        model: "davinci",
        messages: [
          {
            role: "user",
            parts: [{ type: "image", source: { type: "url", url: "https://example.com/a.png" } }],
          },
        ],
        sampling: {},
        tools: [{ type: "function", name: "f" }],
        responseFormat: { type: "json" },
        reasoning: { effort: "low" },
      },
      context,
    );
    expect(context.report.changes.map((change) => [change.parameter, change.unsupported])).toEqual([
      ["messages.image", true],
      ["tools", true],
      ["response_format", true],
      ["reasoning_effort", true],
    ]);
  });
});

describe("bad requests name the field", () => {
  const refusal = (body: JsonObject): string => {
    try {
      openaiCompletions.decodeRequest(body);
    } catch (error) {
      if (error instanceof GatewayError) return `${error.code} ${error.param}: ${error.message}`;
    }
    return "accepted";
  };
  test("each", () => {
    expect(refusal({ model: "m" })).toBe("invalid_request prompt: Missing required parameter: 'prompt'.");
    expect(refusal({ prompt: ["a"] })).toBe("accepted");
    expect(refusal({ prompt: ["a", "b"] })).toContain("invalid_request prompt: prompt holds 2 texts");
    expect(refusal({ prompt: [1, 2] })).toContain("invalid_request prompt: prompt is a list of tokens");
    expect(refusal({ prompt: [[1]] })).toContain("invalid_request prompt: prompt is a list of tokens");
    expect(refusal({ prompt: [] })).toContain("invalid_request prompt");
    expect(refusal({ prompt: {} })).toContain("invalid_request prompt");
    expect(refusal({ prompt: "a", temperature: "hot" })).toContain("invalid_request temperature");
    expect(refusal({ prompt: "a", stop: [3] })).toContain("invalid_request stop");
  });
});

describe("errors inside streams", () => {
  const broken = 'data: {"error":{"message":"too many","type":"rate_limit_error","code":"429"}}\n\n';

  test("end the stream", () => {
    const events = eventsOf(broken, new SseFramer(), openaiCompletions.createStreamDecoder(responseContext()));
    expect(events).toMatchObject([{ type: "error", error: { code: "rate_limit", message: "too many" } }]);
  });

  test("are seen on the side", () => {
    const observer = openaiCompletions.createStreamObserver(responseContext());
    const [frame] = new SseFramer().push(new TextEncoder().encode(broken));
    expect(observer.observe(frame?.data ?? "", undefined)).toBe(FRAME_ERROR);
    expect(observer.failure?.code as string).toBe("rate_limit");
  });

  test("are written in OpenAI's envelope, and nothing after them", () => {
    const encoder = openaiCompletions.createStreamEncoder(answerContext());
    const text = encoder.error(new GatewayError("rate_limit", "too many"));
    expect(JSON.parse(text.slice(6))).toMatchObject({ error: { message: "too many", code: "429" } });
    expect(encoder.end()).toBe("");
  });

  test("no JSON is one", () => {
    const text = "data: <html>\n\n";
    const events = eventsOf(text, new SseFramer(), openaiCompletions.createStreamDecoder(responseContext()));
    expect(events.map((event) => event.type)).toEqual(["error"]);
  });
});

test("tokens stand where their text begins", () => {
  const logprobs = {
    tokens: ["Hel", "lo", "!"],
    token_logprobs: [-0.1, -0.2, -0.3],
    top_logprobs: [{ Hel: -0.1, Hi: -2 }, { lo: -0.2 }, { "!": -0.3 }],
    text_offset: [0, 3, 5],
  };
  const body = { choices: [{ text: "Hello!", index: 0, finish_reason: "stop", logprobs }] };
  const answer = openaiCompletions.decodeResponse(body, responseContext());
  expect(openaiCompletions.encodeResponse(answer, answerContext()).choices as unknown).toEqual(body.choices);
});

test("what frames mean", () => {
  const observer = openaiCompletions.createStreamObserver(responseContext());
  const chunk = (text: string, finish: string | null) =>
    JSON.stringify({ choices: [{ text, index: 0, finish_reason: finish }], usage: null });
  expect(observer.observe(chunk("", null), undefined)).toBe(0);
  expect(observer.observe(chunk("a", null), undefined)).toBe(FRAME_CONTENT);
  expect(observer.observe(chunk("", "stop"), undefined) & FRAME_FINISH).toBe(FRAME_FINISH);
  expect(observer.observe("[DONE]", undefined)).toBe(FRAME_DONE);
  expect(observer.textLength).toBe(1);
});
