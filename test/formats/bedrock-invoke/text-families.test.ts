import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { assemble } from "../../../src/formats/assemble.ts";
import { bedrockAi21 } from "../../../src/formats/bedrock-ai21/index.ts";
import { bedrockCohere } from "../../../src/formats/bedrock-cohere/index.ts";
import { decodeError } from "../../../src/formats/bedrock-invoke/errors.ts";
import { bedrockLlama } from "../../../src/formats/bedrock-llama/index.ts";
import { bedrockMistral } from "../../../src/formats/bedrock-mistral/index.ts";
import { bedrockTitan } from "../../../src/formats/bedrock-titan/index.ts";
import type { ConversationRequest, Message } from "../../../src/formats/conversation.ts";
import type { Format } from "../../../src/formats/format.ts";
import { ParameterReport } from "../../../src/formats/report.ts";
import type { JsonObject } from "../../../src/json/json.ts";
import { brokenStreamRules, requestContext, responseContext } from "../recorded-exchange.ts";

const say = (role: Message["role"], text: string): Message => ({ role, parts: [{ type: "text", text }] });
const TALK = [say("system", "Be brief."), say("user", "Hi"), say("assistant", "Hello"), say("user", "Bye")];

function encode(format: Format, model: string, change: Partial<ConversationRequest> = {}) {
  const report = new ParameterReport();
  const request: ConversationRequest = { model, messages: TALK, sampling: {}, ...change };
  const body = format.encodeRequest(request, requestContext(model, { report }));
  return { body, unsupported: report.changes.filter((one) => one.unsupported === true).map((one) => one.parameter) };
}

const SAMPLING = { maxOutputTokens: 9, temperature: 0.5, topP: 0.9 };

describe("conversations in each family's own form", () => {
  test("Llama 3", () => {
    const { body } = encode(bedrockLlama, "meta.llama3-70b-instruct-v1:0", { sampling: SAMPLING });
    expect(body).toEqual({
      prompt:
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nHello<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
      max_gen_len: 9,
      temperature: 0.5,
      top_p: 0.9,
    });
  });

  test("Llama 2, DeepSeek and Qwen have their own templates", () => {
    const prompt = (model: string) => encode(bedrockLlama, model).body.prompt;
    expect(prompt("meta.llama2-13b-chat-v1")).toStartWith("<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST]");
    expect(prompt("deepseek_r1/arn:aws:x")).toBe(
      "<｜begin▁of▁sentence｜>Be brief.<｜User｜>Hi<｜Assistant｜>Hello<｜end▁of▁sentence｜><｜User｜>Bye<｜Assistant｜>",
    );
    expect(prompt("qwen3/arn:aws:x")).toBe(
      "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n",
    );
  });

  test("Mistral", () => {
    const sampling = { ...SAMPLING, topK: 5, stop: ["x"] };
    expect(encode(bedrockMistral, "mistral.mixtral-8x7b-instruct-v0:1", { sampling }).body).toEqual({
      prompt: "<s>[INST] Be brief.\n\nHi [/INST] Hello </s><s>[INST] Bye [/INST]",
      max_tokens: 9,
      temperature: 0.5,
      top_p: 0.9,
      top_k: 5,
      stop: ["x"],
    });
  });

  test("Titan", () => {
    expect(encode(bedrockTitan, "amazon.titan-text-express-v1", { sampling: SAMPLING }).body).toEqual({
      inputText: "Be brief.\n\nUser: Hi\nBot: Hello\nUser: Bye\nBot:",
      textGenerationConfig: { maxTokenCount: 9, temperature: 0.5, topP: 0.9 },
    });
  });

  test("Command R has a history, Command a prompt that says when it streams", () => {
    expect(encode(bedrockCohere, "cohere.command-r-v1:0", { sampling: SAMPLING, stream: true }).body).toEqual({
      message: "Bye",
      chat_history: [
        { role: "USER", message: "Hi" },
        { role: "CHATBOT", message: "Hello" },
      ],
      preamble: "Be brief.",
      max_tokens: 9,
      temperature: 0.5,
      p: 0.9,
    });
    expect(encode(bedrockCohere, "cohere.command-text-v14", { stream: true, sampling: { n: 2 } }).body).toEqual({
      prompt: "Be brief.\n\nUser: Hi\n\nAssistant: Hello\n\nUser: Bye\n\nAssistant:",
      num_generations: 2,
      stream: true,
    });
  });

  test("Jurassic", () => {
    const { body } = encode(bedrockAi21, "ai21.j2-ultra-v1", { sampling: { ...SAMPLING, n: 3, stop: ["x"] } });
    expect(body).toMatchObject({ maxTokens: 9, temperature: 0.5, topP: 0.9, numResults: 3, stopSequences: ["x"] });
  });

  test("what a model of texts cannot take is reported, and its own parameters pass", () => {
    const { body, unsupported } = encode(bedrockTitan, "amazon.titan-text-express-v1", {
      tools: [{ type: "function", name: "f" }],
      sampling: { topK: 3, seed: 1 },
      extensions: { format: "openai-chat", fields: { ownParameter: 1 } },
    });
    expect(unsupported.sort()).toEqual(["seed", "tools", "top_k"]);
    expect(body.textGenerationConfig).toEqual({ ownParameter: 1 });
  });
});

const METRICS = { "amazon-bedrock-invocationMetrics": { inputTokenCount: 7, outputTokenCount: 5 } };

/** How each family would stream a text in pieces, and answer it whole. */
const FAMILIES: Record<
  string,
  { format: Format; pieces: (texts: string[]) => JsonObject[]; whole: (text: string) => JsonObject }
> = {
  llama: {
    format: bedrockLlama,
    pieces: (texts) => [
      ...texts.map((generation) => ({ generation, prompt_token_count: null, stop_reason: null })),
      { generation: "", stop_reason: "length", ...METRICS },
    ],
    whole: (generation) => ({ generation, prompt_token_count: 7, generation_token_count: 5, stop_reason: "length" }),
  },
  mistral: {
    format: bedrockMistral,
    pieces: (texts) => [
      ...texts.map((text) => ({ outputs: [{ text, stop_reason: null }] })),
      { outputs: [{ text: "", stop_reason: "length" }], ...METRICS },
    ],
    whole: (text) => ({ outputs: [{ text, stop_reason: "length" }], ...METRICS }),
  },
  command: {
    format: bedrockCohere,
    pieces: (texts) => [
      ...texts.map((text) => ({ index: 0, text, is_finished: false })),
      { index: 0, is_finished: true, finish_reason: "MAX_TOKENS" },
      { is_finished: true, generations: [], ...METRICS },
    ],
    whole: (text) => ({ generations: [{ text, finish_reason: "MAX_TOKENS" }], ...METRICS }),
  },
  "command r": {
    format: bedrockCohere,
    pieces: (texts) => [
      ...texts.map((text) => ({ event_type: "text-generation", text, is_finished: false })),
      {
        event_type: "stream-end",
        is_finished: true,
        finish_reason: "MAX_TOKENS",
        response: { text: texts.join("") },
        ...METRICS,
      },
    ],
    whole: (text) => ({ text, finish_reason: "MAX_TOKENS", ...METRICS }),
  },
  titan: {
    format: bedrockTitan,
    pieces: (texts) => [
      ...texts.map((outputText) => ({ outputText, index: 0, completionReason: null })),
      { outputText: "", completionReason: "LENGTH", ...METRICS },
    ],
    whole: (outputText) => ({
      inputTextTokenCount: 7,
      results: [{ tokenCount: 5, outputText, completionReason: "LENGTH" }],
    }),
  },
};

describe("streams say what whole answers say", () => {
  for (const [name, { format, pieces, whole }] of Object.entries(FAMILIES)) {
    test(name, () => {
      fc.assert(
        fc.property(fc.array(fc.string(), { minLength: 1 }), (texts) => {
          const decoder = format.createStreamDecoder(responseContext());
          const frames = pieces(texts).map((event) => ({ event: "chunk", data: JSON.stringify(event) }));
          const events = [...frames.flatMap((frame) => decoder.push(frame)), ...decoder.end()];
          expect(brokenStreamRules(events)).toEqual([]);
          const expected = format.decodeResponse(whole(texts.join("")), responseContext());
          expect(expected.usage?.buckets).toEqual({ input: 7, output: 5 });
          expect(expected.choices[0]?.finish).toBe("length");
          expect(assemble(events)).toEqual(expected);
        }),
      );
    });

    test(`${name}: an exception, a cut and no JSON are errors`, () => {
      const [first] = pieces(["Hi"]);
      const open = () => {
        const decoder = format.createStreamDecoder(responseContext());
        decoder.push({ event: "chunk", data: JSON.stringify(first) });
        return decoder;
      };
      expect(open().end().at(-1)).toMatchObject({ type: "error", error: { code: "api_connection" } });
      expect(open().push({ event: "chunk", data: "<html>" })).toMatchObject([{ type: "error" }]);
      const decoder = open();
      expect(
        decoder.push({ event: "throttlingException", data: '{"__type":"throttlingException","message":"slow"}' }),
      ).toMatchObject([{ type: "error", error: { code: "rate_limit", message: "slow" } }]);
      expect(decoder.end()).toEqual([]);
    });
  }
});

describe("Bedrock's errors", () => {
  const failure = (status: number, type: string, body: JsonObject) =>
    decodeError(status, JSON.stringify(body), new Headers(type === "" ? {} : { "x-amzn-errortype": type }));

  test.each([
    [
      400,
      "ValidationException:http://internal.amazon.com/x",
      "The provided model identifier is invalid.",
      "invalid_request",
    ],
    [400, "ValidationException", "Input is too long for requested model.", "context_window_exceeded"],
    [400, "ValidationException", "prompt is too long: 250000 tokens > 200000 maximum", "context_window_exceeded"],
    [400, "", "prompt tokens (9000) exceed model maximum (8192)", "context_window_exceeded"],
    [400, "ServiceQuotaExceededException", "quota", "invalid_request"],
    [403, "AccessDeniedException", "You don't have access to the model", "permission_denied"],
    [403, "UnrecognizedClientException", "The security token included in the request is invalid.", "authentication"],
    [403, "ExpiredTokenException:http://x", "The security token included in the request is expired", "authentication"],
    [404, "ResourceNotFoundException", "end of its life", "not_found"],
    [408, "ModelTimeoutException", "late", "timeout"],
    [422, "", "odd", "invalid_request"],
    [424, "ModelErrorException", "broke", "internal"],
    [429, "ThrottlingException", "Too many tokens, please wait before trying again.", "rate_limit"],
    [429, "ModelNotReadyException", "loading", "rate_limit"],
    [500, "InternalServerException", "oops", "service_unavailable"],
    [503, "ServiceUnavailableException", "busy", "service_unavailable"],
  ] as const)("%i %s: %s", (status, type, message, code) => {
    const found = failure(status, type, { message });
    expect(found).toMatchObject({ code, message, upstreamStatus: status });
    expect(found.upstreamType).toBe(type === "" ? undefined : type.split(":")[0]);
  });

  test("the model's own status decides, a capital Message is read, and HTML is shown", () => {
    expect(failure(424, "ModelErrorException", { message: "m", originalStatusCode: 429 }).code).toBe("rate_limit");
    expect(failure(403, "", { Message: "Missing Authentication Token" }).message).toBe("Missing Authentication Token");
    expect(decodeError(502, "<html>", new Headers())).toMatchObject({ code: "bad_gateway", message: "<html>" });
  });
});
