import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { anthropicMessages } from "../../../src/formats/anthropic-messages/index.ts";
import { assemble } from "../../../src/formats/assemble.ts";
import { bedrockCohere } from "../../../src/formats/bedrock-cohere/index.ts";
import { bedrockLlama } from "../../../src/formats/bedrock-llama/index.ts";
import { bedrockTitan } from "../../../src/formats/bedrock-titan/index.ts";
import type { ConversationRequest, StreamEvent } from "../../../src/formats/conversation.ts";
import type { Format } from "../../../src/formats/format.ts";
import { ParameterReport } from "../../../src/formats/report.ts";
import type { JsonObject } from "../../../src/json/json.ts";
import { EventStreamFramer } from "../../../src/upstream/event-stream.ts";
import { outputTokens } from "../../../src/usage/usage.ts";
import { brokenStreamRules, requestContext, responseContext } from "../recorded-exchange.ts";

const FOLDER = `${process.env.ISTHMUS_EXCHANGES ?? "../shared/fixtures/exchanges"}/bedrock`;
const recorded = existsSync(FOLDER);
if (!recorded) test.skip("Bedrock's recordings: not here", () => {});

function load(name: string) {
  const { request, response } = JSON.parse(readFileSync(`${FOLDER}/${name}.json`, "utf8"));
  const bytes = new Uint8Array(Buffer.from(response.eventstream_base64 ?? "", "base64"));
  return { asked: request.body as JsonObject, path: request.path as string, response, bytes };
}

function streamed(format: Format, bytes: Uint8Array, cut: number): StreamEvent[] {
  const framer = new EventStreamFramer();
  const decoder = format.createStreamDecoder(responseContext());
  const frames = [...framer.push(bytes.subarray(0, cut)), ...framer.push(bytes.subarray(cut)), ...framer.end()];
  return [...frames.flatMap((frame) => decoder.push(frame)), ...decoder.end()];
}

/** The model's own events, read without the code under test. */
function nativeEvents(bytes: Uint8Array): JsonObject[] {
  const events: JsonObject[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length; at += view.getUint32(at)) {
    const from = at + 12 + view.getUint32(at + 4);
    const payload = Buffer.from(bytes.subarray(from, at + view.getUint32(at) - 4)).toString();
    events.push(JSON.parse(Buffer.from(JSON.parse(payload).bytes, "base64").toString()));
  }
  return events;
}

describe.if(recorded)("Claude over InvokeModel", () => {
  const names = recorded ? readdirSync(FOLDER).filter((file) => /^invoke-stream-.*-stream/.test(file)) : [];
  for (const file of names) {
    const name = file.replace(".json", "");
    const { bytes, path } = load(name);
    if (!path.includes("claude")) continue;
    test(`${name}, cut at every byte`, () => {
      const native = nativeEvents(bytes);
      const text = native.map((event) => (event.delta as JsonObject | undefined)?.text ?? "").join("");
      const closing = native.findLast((event) => event.type === "message_delta")?.usage as { output_tokens: number };
      const whole = streamed(anthropicMessages, bytes, bytes.length);
      expect(brokenStreamRules(whole)).toEqual([]);
      const answer = assemble(whole);
      const parts = answer.choices[0]?.parts ?? [];
      expect(parts.map((part) => (part.type === "text" ? part.text : "")).join("")).toBe(text);
      expect(answer.usage === undefined ? undefined : outputTokens(answer.usage)).toBe(closing.output_tokens);
      const expected = JSON.stringify(whole);
      for (let cut = 1; cut < bytes.length; cut++) {
        if (JSON.stringify(streamed(anthropicMessages, bytes, cut)) !== expected) throw new Error(`cut at ${cut}`);
      }
    });
  }
});

describe.if(recorded)("Titan, recorded", () => {
  test.each([
    ["invoke-stop", "stop"],
    ["invoke-stop-2", "length"],
  ])("%s", (name, finish) => {
    const { response } = load(name);
    const [result] = response.body.results;
    const answer = bedrockTitan.decodeResponse(response.body, responseContext());
    expect(answer.choices).toMatchObject([
      { parts: [{ type: "text", text: result.outputText }], finish, rawFinish: result.completionReason },
    ]);
    expect(answer.usage?.buckets).toEqual({ input: response.body.inputTextTokenCount, output: result.tokenCount });
  });

  test.each(["invoke-stream-stop-stream", "invoke-stream-stop-stream-2"])("%s, cut at every byte", (name) => {
    const { bytes } = load(name);
    const [event] = nativeEvents(bytes);
    const whole = streamed(bedrockTitan, bytes, bytes.length);
    expect(brokenStreamRules(whole)).toEqual([]);
    const answer = assemble(whole);
    expect(answer.choices[0]?.parts).toEqual([{ type: "text", text: String(event?.outputText) }]);
    expect(answer.usage?.buckets).toEqual({
      input: Number(event?.inputTextTokenCount),
      output: Number(event?.totalOutputTextTokenCount),
    });
    for (let cut = 1; cut < bytes.length; cut++) expect(streamed(bedrockTitan, bytes, cut)).toEqual(whole);
  });
});

describe.if(recorded)("Llama, recorded", () => {
  test.each([
    ["invoke-text", "stop"],
    ["invoke-text-2", "length"],
  ])("%s", (name, finish) => {
    const { response } = load(name);
    const answer = bedrockLlama.decodeResponse(response.body, responseContext());
    expect(answer.choices).toMatchObject([{ parts: [{ type: "text", text: response.body.generation }], finish }]);
    expect(answer.usage?.buckets).toEqual({
      input: response.body.prompt_token_count,
      output: response.body.generation_token_count,
    });
  });
});

test.if(recorded)("Command's several answers, recorded", () => {
  const { response } = load("invoke-length-2");
  const answer = bedrockCohere.decodeResponse(response.body, responseContext());
  expect(answer.id).toBe(response.body.id);
  expect(answer.choices).toEqual(
    response.body.generations.map((one: { text: string }, index: number) => ({
      index,
      parts: [{ type: "text", text: one.text }],
      finish: "length",
      rawFinish: "MAX_TOKENS",
    })),
  );
});

describe.if(recorded)("requests, as recorded", () => {
  const ask = (text: string, sampling: ConversationRequest["sampling"]): ConversationRequest => ({
    model: "m",
    messages: [{ role: "user", parts: [{ type: "text", text }] }],
    sampling,
  });
  test.each<[string, Format, string, (asked: never) => ConversationRequest]>([
    [
      "invoke-stop",
      bedrockTitan,
      "amazon.titan-text-express-v1",
      (asked: { inputText: string }) =>
        ask(asked.inputText, { maxOutputTokens: 4096, temperature: 0, topP: 1, stop: [] }),
    ],
    [
      "invoke-length-2",
      bedrockCohere,
      "cohere.command-light-text-v14",
      (asked: { prompt: string }) => ({
        ...ask(asked.prompt, { maxOutputTokens: 10, temperature: 0.9, topP: 1, topK: 0, stop: [], n: 2 }),
        extensions: { format: "openai-chat", fields: { stream: false } },
      }),
    ],
  ])("%s", (name, format, model, request) => {
    const { asked } = load(name);
    const report = new ParameterReport();
    expect(format.encodeRequest(request(asked as never), requestContext(model, { report }))).toEqual(asked);
    expect(report.changes).toEqual([]);
  });
});
