import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { GatewayError } from "../../../src/errors/gateway-error.ts";
import type { ConversationRequest, Message } from "../../../src/formats/conversation.ts";
import { replicate } from "../../../src/formats/replicate/index.ts";
import type { JsonObject } from "../../../src/json/json.ts";
import { SseFramer } from "../../../src/upstream/sse.ts";
import {
  answerContext,
  assembled,
  brokenStreamRules,
  eventsOf,
  forEveryCut,
  recordedExchanges,
  requestContext,
  responseContext,
} from "../recorded-exchange.ts";

const user = (text: string): Message => ({ role: "user", parts: [{ type: "text", text }] });
const assistant = (text: string): Message => ({ role: "assistant", parts: [{ type: "text", text }] });
const system = (text: string): Message => ({ role: "system", parts: [{ type: "text", text }] });

function encode(model: string, messages: readonly Message[], more: Partial<ConversationRequest> = {}) {
  const context = requestContext(model);
  const body = replicate.encodeRequest({ model, messages, sampling: {}, ...more }, context);
  return { body, input: body.input as JsonObject, changes: context.report.changes };
}

const RECORDED = recordedExchanges("replicate");
if (RECORDED.length === 0) test.skip("Replicate's recordings: not here", () => {});

describe("recorded", () => {
  for (const exchange of RECORDED.filter((one) => one.request !== undefined)) {
    test(`${exchange.name}: the request`, () => {
      const { prompt } = (exchange.request as JsonObject).input as { prompt: string };
      const { body } = encode("meta/llama-2-70b-chat", [user(prompt)], { stream: true });
      expect(body).toEqual(exchange.request as JsonObject);
    });
  }
  for (const exchange of RECORDED.filter((one) => one.body?.status === "succeeded")) {
    test(`${exchange.name}: the answer`, () => {
      const body = exchange.body as JsonObject;
      const response = replicate.decodeResponse(body, responseContext());
      expect(response.id).toBe(body.id as string);
      expect(response.created).toBe(Date.UTC(2024, 1, 12, 16, 44, 47) / 1000);
      expect(response.choices[0]?.parts).toEqual([{ type: "text", text: (body.output as string[])[0] as string }]);
      // The recording states how long it ran, not what it counted.
      expect(response.usage).toBeUndefined();
    });
  }
});

describe("inputs (the models' pages on https://replicate.com, 2026-11-24)", () => {
  test("names follow the family", () => {
    const sampling = { maxOutputTokens: 7, stop: ["END", "STOP"] };
    const one = [system("Be brief."), user("Hi")];
    expect(encode("meta/meta-llama-3-70b-instruct", one, { sampling }).input).toEqual({
      prompt: "Hi",
      system_prompt: "Be brief.",
      max_tokens: 7,
      stop_sequences: "END,STOP",
    });
    expect(encode("google/gemini-2.5-flash", one, { sampling }).input).toMatchObject({
      system_instruction: "Be brief.",
      max_output_tokens: 7,
    });
    expect(encode("openai/gpt-5", one, { sampling }).input).toMatchObject({ max_completion_tokens: 7 });
    expect(encode("replicate/vicuna-13b", one, { sampling }).input).toMatchObject({
      prompt: "Be brief.\n\nHi",
      max_length: 7,
    });
    expect(encode("someone/unknown", one, { sampling }).input).toMatchObject({ max_new_tokens: 7 });
  });

  test("a version is named in the body", () => {
    const hash = "a".repeat(64);
    expect(encode(`someone/model:${hash}`, [user("Hi")]).body.version).toBe(hash);
    expect(encode("someone/model", [user("Hi")]).body).not.toHaveProperty("version");
  });

  test("a conversation is written in the family's template, once", () => {
    const talk = [system("S"), user("A"), assistant("B"), user("C")];
    expect(encode("meta/meta-llama-3-8b-instruct", talk).input).toEqual({
      prompt:
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>" +
        "<|start_header_id|>user<|end_header_id|>\n\nA<|eot_id|>" +
        "<|start_header_id|>assistant<|end_header_id|>\n\nB<|eot_id|>" +
        "<|start_header_id|>user<|end_header_id|>\n\nC<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
      prompt_template: "{prompt}",
    });
    expect(encode("meta/llama-2-70b-chat", talk).input.prompt).toBe(
      "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nA [/INST] B </s><s>[INST] C [/INST]",
    );
    expect(encode("mistralai/mixtral-8x7b-instruct-v0.1", talk).input.prompt).toBe(
      "<s>[INST] S\n\nA [/INST] B </s><s>[INST] C [/INST]",
    );
    expect(encode("anthropic/claude-4-sonnet", talk).input).toEqual({
      system_prompt: "S",
      prompt: "User: A\n\nAssistant: B\n\nUser: C\n\nAssistant:",
    });
    expect(encode("openai/gpt-4o", talk).input).toEqual({
      messages: [
        { role: "system", content: "S" },
        { role: "user", content: "A" },
        { role: "assistant", content: "B" },
        { role: "user", content: "C" },
      ],
    });
  });

  test("no word of a conversation is lost, whatever the model", () => {
    const models = fc.constantFrom("meta/meta-llama-3-8b-instruct", "meta/llama-2-7b-chat", "openai/gpt-4o", "x/y");
    const texts = fc.array(fc.stringMatching(/^[a-z]{1,9}$/), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(models, texts, (model, said) => {
        const talk = said.map((text, index) => (index % 2 === 0 ? user(text) : assistant(text)));
        const wire = JSON.stringify(encode(model, [system("rules"), ...talk]).input);
        for (const text of ["rules", ...said]) expect(wire).toContain(text);
      }),
    );
  });

  test("images go where the model looks for them", () => {
    const picture = (url: string): Message => ({
      role: "user",
      parts: [{ type: "image", source: { type: "url", url } }],
    });
    expect(encode("openai/gpt-4o", [picture("https://a/1.png")]).input.image_input).toEqual(["https://a/1.png"]);
    const two = encode("yorickvp/llava-13b", [picture("https://a/1.png"), picture("https://a/2.png")]);
    expect(two.input.image).toBe("https://a/2.png");
    expect(two.changes.some((change) => change.parameter === "messages.image")).toBe(true);
  });

  test("other fields are inputs of the model, webhooks are not", () => {
    const fields = { top_k: 5, length_penalty: 2, webhook: "https://example.com/hook" };
    const { body } = encode("x/y", [user("Hi")], { extensions: { format: "openai-chat", fields } });
    expect(body).toEqual({ webhook: "https://example.com/hook", input: { prompt: "Hi", top_k: 5, length_penalty: 2 } });
  });

  test("tools are reported as impossible", () => {
    const { body, changes } = encode("x/y", [user("Hi")], { tools: [{ type: "function", name: "f" }] });
    expect(JSON.stringify(body)).not.toContain("tools");
    expect(changes).toMatchObject([{ parameter: "tools", unsupported: true }]);
  });
});

describe("answers", () => {
  const output = (value: JsonObject[string]) =>
    replicate.decodeResponse({ id: "p", status: "succeeded", output: value }, responseContext()).choices[0]?.parts;

  test("pieces are joined as they are", () => {
    expect(output(["Hel", "lo", " ", "you"])).toEqual([{ type: "text", text: "Hello you" }]);
    expect(output("Hello")).toEqual([{ type: "text", text: "Hello" }]);
    expect(output(null)).toEqual([]);
  });

  test("metrics are usage (https://replicate.com/docs/topics/predictions, 2026-11-24)", () => {
    const metrics = { input_token_count: 12, output_token_count: 34, predict_time: 1.5 };
    const { usage } = replicate.decodeResponse({ output: "x", metrics }, responseContext());
    expect(usage).toEqual({ buckets: { input: 12, output: 34 } });
    expect(replicate.readUsage({ output: "x", metrics }, responseContext())).toEqual(
      usage as NonNullable<typeof usage>,
    );
  });
});

/** As printed in https://replicate.com/docs/topics/predictions/streaming (2026-11-24): text is not JSON. */
const STREAM = [
  // What the exchange adds in front and behind.
  'event: prediction\ndata: {"id":"p1","model":"a/b","created_at":"2026-01-01T00:00:00Z"}\n\n',
  ": hi\n\n",
  "event: output\nid: 1690212292:0\ndata: Once upon a time…\n\n",
  'event: output\nid: 1690212293:0\ndata: \ndata: \ndata: {the} "end"\n\n',
  "event: logs\nid: 1690212294:0\ndata: 50 tokens\n\n",
  "event: output\nid: 1690212295:0\ndata:  Ünde 🙂\n\n",
  "event: done\nid: 1690212296:0\ndata: {}\n\n",
  'event: prediction\ndata: {"metrics":{"input_token_count":3,"output_token_count":9}}\n\n',
].join("");
const STREAMED_TEXT = 'Once upon a time…\n\n{the} "end" Ünde 🙂';

describe("streams", () => {
  const decode = () => replicate.createStreamDecoder(responseContext());

  test("cut at every byte", () => {
    const whole = eventsOf(STREAM, new SseFramer(), decode());
    expect(brokenStreamRules(whole)).toEqual([]);
    expect(assembled(whole)).toMatchObject({
      choices: [{ parts: [{ type: "text", text: STREAMED_TEXT }], finish: "stop" }],
      usage: { buckets: { input: 3, output: 9 } },
    });
    forEveryCut(
      STREAM,
      () => new SseFramer(),
      decode,
      (events, cut) => {
        if (assembled(events).choices[0]?.parts[0]?.type !== "text") throw new Error(`no text when cut at ${cut}`);
        expect(assembled(events)).toEqual(assembled(whole));
      },
    );
  });

  test("say the same as the whole answer", () => {
    const metrics = { input_token_count: 3, output_token_count: 9 };
    const identity = { id: "p1", model: "a/b", created_at: "2026-01-01T00:00:00Z", status: "succeeded" };
    const response = replicate.decodeResponse({ ...identity, output: [STREAMED_TEXT], metrics }, responseContext());
    expect(assembled(eventsOf(STREAM, new SseFramer(), decode()))).toEqual(response);
  });

  const failureOf = (text: string) => eventsOf(text, new SseFramer(), decode()).find((event) => event.type === "error");

  test("fail where Replicate says so, and only once", () => {
    const text = 'event: error\ndata: {"detail":"Input is too long"}\n\nevent: done\ndata: {"reason":"error"}\n\n';
    const events = eventsOf(text, new SseFramer(), decode());
    expect(events.filter((event) => event.type === "error")).toEqual([
      { type: "error", error: { code: "context_window_exceeded", message: "Input is too long" } },
    ]);
    expect(failureOf('event: done\ndata: {"reason":"canceled"}\n\n')).toMatchObject({
      error: { message: "the prediction was canceled" },
    });
  });

  test("that break off are errors", () => {
    expect(failureOf("event: output\ndata: Once\n\n")).toMatchObject({ error: { code: "api_connection" } });
  });
});

describe("errors (https://replicate.com/docs/reference/http, 2026-11-24)", () => {
  const failure = (status: number, body: JsonObject, headers = {}) =>
    replicate.decodeError(status, JSON.stringify(body), new Headers(headers));

  test("classes", () => {
    expect(failure(401, { title: "Unauthenticated", detail: "You did not pass an authentication token" }).code).toBe(
      "authentication",
    );
    expect(failure(400, { detail: "Incorrect authentication token" }).code).toBe("authentication");
    expect(failure(429, { detail: "Request was throttled.", retry_after: 7 })).toMatchObject({
      code: "rate_limit",
      retryAfter: 7,
    });
    expect(failure(422, { detail: "input is too long" }).code).toBe("context_window_exceeded");
    expect(
      failure(422, { detail: "x", invalid_fields: [{ field: "input", description: "prompt is required" }] }),
    ).toMatchObject({ code: "unprocessable", message: "x (prompt is required)" });
    expect(failure(500, { detail: "oops" }).code).toBe("service_unavailable");
  });
});

test("clients are not spoken to", () => {
  expect(() => replicate.decodeRequest({})).toThrow(GatewayError);
  expect(() => replicate.createStreamEncoder(answerContext())).toThrow("not offered to clients");
});
