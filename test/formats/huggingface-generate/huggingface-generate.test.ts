import { describe, expect, test } from "bun:test";
import { assemble } from "../../../src/formats/assemble.ts";
import type { ConversationRequest, Message } from "../../../src/formats/conversation.ts";
import { huggingfaceGenerate } from "../../../src/formats/huggingface-generate/index.ts";
import type { JsonObject } from "../../../src/json/json.ts";
import { SseFramer } from "../../../src/upstream/sse.ts";
import {
  brokenStreamRules,
  eventsOf,
  forEveryCut,
  recordedExchanges,
  requestContext,
  responseContext,
} from "../recorded-exchange.ts";

const user = (text: string): Message => ({ role: "user", parts: [{ type: "text", text }] });

function encode(request: Partial<ConversationRequest>, model = "someone/model") {
  const context = requestContext(model);
  const body = huggingfaceGenerate.encodeRequest({ model, messages: [user("Hi")], sampling: {}, ...request }, context);
  return { body, parameters: body.parameters as JsonObject, changes: context.report.changes };
}

const RECORDED = recordedExchanges("huggingface", /^(generate|root)-/);
if (RECORDED.length === 0) test.skip("Hugging Face's recordings: not here", () => {});

describe("recorded", () => {
  for (const exchange of RECORDED) {
    test(exchange.name, () => {
      const recorded = JSON.parse(exchange.text);
      const body = Array.isArray(recorded) ? { generations: recorded } : recorded;
      const [first] = Array.isArray(recorded) ? recorded : [recorded];
      const response = huggingfaceGenerate.decodeResponse(body, responseContext());
      expect(response.choices).toHaveLength(1);
      expect(response.choices[0]).toMatchObject({
        parts: [{ type: "text", text: first.generated_text }],
        finish: "stop",
        rawFinish: first.details.finish_reason,
      });
      expect(response.usage).toEqual({ buckets: { output: first.details.generated_tokens }, estimated: true });
    });
    if (exchange.request === undefined) continue;
    test(`${exchange.name}: the request`, () => {
      const recorded = exchange.request as { inputs: string; parameters: JsonObject };
      const { temperature, top_p, max_new_tokens } = recorded.parameters as Record<string, number>;
      const { body } = encode({
        messages: [user(recorded.inputs)],
        sampling: {
          temperature: temperature as number,
          topP: top_p as number,
          maxOutputTokens: max_new_tokens as number,
        },
      });
      expect(recorded).toMatchObject(body as never);
    });
  }
});

// https://huggingface.co/docs/text-generation-inference/reference/api_reference (2026-11-24)
describe("requests", () => {
  test("parameters have TGI's names and stay inside its ranges", () => {
    const { parameters, changes } = encode({
      sampling: { temperature: 0, topP: 1, topK: 5, stop: ["END"], seed: 3, n: 2, frequencyPenalty: 0.5 },
      responseFormat: { type: "json-schema", schema: { type: "object" } },
    });
    expect(parameters).toEqual({
      details: true,
      return_full_text: false,
      temperature: 0.01,
      top_p: 0.99,
      top_k: 5,
      stop: ["END"],
      seed: 3,
      frequency_penalty: 0.5,
      best_of: 2,
      do_sample: true,
      grammar: { type: "json", value: { type: "object" } },
    });
    expect(changes.map(({ parameter, action }) => `${parameter} ${action}`)).toEqual([
      "temperature clamped",
      "top_p clamped",
    ]);
  });

  test("the prompt has the family's template, which this server does not add", () => {
    expect(encode({}, "meta-llama/Llama-2-7b-chat-hf").body.inputs).toBe("<s>[INST] Hi [/INST]");
    expect(encode({}, "bigscience/bloom").body.inputs).toBe("Hi");
  });

  test("other fields are parameters", () => {
    const fields = { typical_p: 0.9, options: { wait_for_model: true } };
    const { body, parameters } = encode({ extensions: { format: "openai-chat", fields } });
    expect(parameters.typical_p).toBe(0.9);
    expect(body.options).toEqual({ wait_for_model: true });
  });

  test("tools are reported as impossible", () => {
    expect(encode({ tools: [{ type: "function", name: "f" }] }).changes).toMatchObject([
      { parameter: "tools", unsupported: true },
    ]);
  });
});

/** As printed on the same page under generate_stream: one token an event, the end mark is special. */
const STREAM = [
  'data:{"index":1,"token":{"id":415,"text":" Grüße","logprob":-0.5,"special":false},"generated_text":null,"details":null}\n\n',
  'data:{"index":2,"token":{"id":416,"text":" 🙂","logprob":-0.25,"special":false},"generated_text":null,"details":null}\n\n',
  'data:{"index":3,"token":{"id":2,"text":"</s>","logprob":-0.1,"special":true},"generated_text":" Grüße 🙂","details":{"finish_reason":"eos_token","generated_tokens":3,"input_length":11,"seed":null}}\n\n',
].join("");

describe("streams", () => {
  const decode = () => huggingfaceGenerate.createStreamDecoder(responseContext());

  test("cut at every byte, say what the whole answer says", () => {
    const whole = eventsOf(STREAM, new SseFramer(), decode());
    expect(brokenStreamRules(whole)).toEqual([]);
    const body = {
      generated_text: " Grüße 🙂</s>",
      details: { finish_reason: "eos_token", generated_tokens: 3, prefill: Array(11).fill({}) },
    };
    expect(assemble(whole)).toEqual(huggingfaceGenerate.decodeResponse(body, responseContext()));
    forEveryCut(
      STREAM,
      () => new SseFramer(),
      decode,
      (events) => expect(events).toEqual(whole),
    );
  });

  test("log probabilities come where they were asked for", () => {
    const request: ConversationRequest = { model: "m", messages: [], sampling: { logprobs: true } };
    const decoder = huggingfaceGenerate.createStreamDecoder({ ...responseContext(), request });
    const { choices } = assemble(eventsOf(STREAM, new SseFramer(), decoder));
    expect(choices[0]?.logprobs).toMatchObject({
      content: [
        { token: " Grüße", logprob: -0.5 },
        { token: " 🙂", logprob: -0.25 },
      ],
    });
  });

  test("end in an error where the server says so or breaks off", () => {
    const error = 'data:{"error":"Request failed during generation: CUDA","error_type":"generation"}\n\n';
    expect(eventsOf(error, new SseFramer(), decode())).toMatchObject([{ type: "error", error: { code: "internal" } }]);
    const cut = eventsOf(STREAM.slice(0, STREAM.indexOf("\n\n") + 2), new SseFramer(), decode());
    expect(cut.at(-1)).toMatchObject({ type: "error", error: { code: "api_connection" } });
  });
});

describe("answers", () => {
  test("every sequence is a choice, and all of them are counted", () => {
    const sequence = (text: string, tokens: number) => ({
      generated_text: text,
      finish_reason: "length",
      generated_tokens: tokens,
    });
    const body = {
      generated_text: "a",
      details: { finish_reason: "eos_token", generated_tokens: 2, best_of_sequences: [sequence("b", 3)] },
    };
    const request: ConversationRequest = { model: "m", messages: [user("12345678")], sampling: {} };
    const response = huggingfaceGenerate.decodeResponse(body, { ...responseContext(), request });
    expect(response.choices.map((choice) => [choice.index, choice.parts, choice.finish])).toEqual([
      [0, [{ type: "text", text: "a" }], "stop"],
      [1, [{ type: "text", text: "b" }], "length"],
    ]);
    expect(response.usage).toEqual({ buckets: { input: 2, output: 5 }, estimated: true });
  });
});

test("errors", () => {
  const code = (status: number, body: JsonObject | string) =>
    huggingfaceGenerate.decodeError(status, typeof body === "string" ? body : JSON.stringify(body), new Headers())
      .code as string;
  const tooLong = "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 1512. Given: 1000 + 999";
  expect(code(422, { error: tooLong, error_type: "validation" })).toBe("context_window_exceeded");
  expect(code(422, { error: "`top_p` must be > 0.0 and < 1.0", error_type: "validation" })).toBe("unprocessable");
  expect(code(429, { error: "Model is overloaded", error_type: "overloaded" })).toBe("rate_limit");
  expect(code(424, { error: "Request failed during generation", error_type: "generation" })).toBe("internal");
  expect(code(400, { error: ["A valid user token is required"] })).toBe("authentication");
  expect(code(503, "<html>starting</html>")).toBe("service_unavailable");
});
