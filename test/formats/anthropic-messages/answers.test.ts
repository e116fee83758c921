import { describe, expect, test } from "bun:test";
import { anthropicMessages } from "../../../src/formats/anthropic-messages/index.ts";
import type { Choice, StreamEvent } from "../../../src/formats/conversation.ts";
import { FRAME_FINISH, FRAME_USAGE } from "../../../src/formats/format.ts";
import type { JsonObject } from "../../../src/json/json.ts";
import { answerContext, assembled, brokenStreamRules, requestContext } from "../recorded-exchange.ts";
import { framesOf } from "./wire.ts";

const context = { provider: "anthropic", owner: "anthropic", model: "claude" } as const;

function decode(body: JsonObject): Choice {
  return anthropicMessages.decodeResponse({ content: [], ...body }, context).choices[0] as Choice;
}

function encode(choice: Partial<Choice>): JsonObject {
  return anthropicMessages.encodeResponse(
    { choices: [{ index: 0, parts: [], finish: "stop", ...choice }] },
    answerContext(),
  );
}

describe("stop reasons", () => {
  test.each<[string, Choice["finish"]]>([
    ["end_turn", "stop"],
    ["stop_sequence", "stop"],
    ["max_tokens", "length"],
    ["model_context_window_exceeded", "length"],
    ["tool_use", "tool-calls"],
    ["pause_turn", "pause"],
    ["refusal", "content-filter"],
    ["something_new", "stop"],
  ])("%s is %s", (raw, finish) => {
    const content = raw === "tool_use" ? [{ type: "tool_use", id: "a", name: "f", input: {} }] : [];
    const choice = decode({ stop_reason: raw, content });
    expect(choice).toMatchObject({ finish, rawFinish: raw });
    if (raw !== "something_new") expect(encode(choice).stop_reason).toBe(raw);
  });

  test("an answer with calls ends with them", () => {
    const content = [{ type: "tool_use", id: "a", name: "f", input: {} }];
    expect(decode({ stop_reason: "end_turn", content }).finish).toBe("tool-calls");
  });

  test.each<[Partial<Choice>, string]>([
    [{ finish: "stop" }, "end_turn"],
    [{ finish: "stop", stopSequence: "x" }, "stop_sequence"],
    [{ finish: "length", rawFinish: "MAX_TOKENS" }, "max_tokens"],
    [{ finish: "tool-calls", rawFinish: "end_turn" }, "tool_use"],
    [{ finish: "content-filter", rawFinish: "SAFETY" }, "refusal"],
    [{ finish: "pause" }, "pause_turn"],
    [{ finish: "stop", parts: [{ type: "refusal", text: "no" }] }, "refusal"],
  ])("%j", (choice, reason) => expect(encode(choice).stop_reason).toBe(reason));
});

describe("usage", () => {
  const usage = (wire: JsonObject) => anthropicMessages.readUsage({ usage: wire }, context);

  test("buckets are disjoint", () => {
    expect(
      usage({
        input_tokens: 10,
        cache_read_input_tokens: 20,
        cache_creation_input_tokens: 30,
        cache_creation: { ephemeral_5m_input_tokens: 18, ephemeral_1h_input_tokens: 12 },
        output_tokens: 50,
        output_tokens_details: { thinking_tokens: 40 },
        server_tool_use: { web_search_requests: 2, web_fetch_requests: 0 },
        service_tier: "priority",
      }),
    ).toEqual({
      buckets: {
        input: 10,
        cache_read: 20,
        cache_write_5m: 18,
        cache_write_1h: 12,
        output: 10,
        output_reasoning: 40,
        web_searches: 2,
      },
      serviceTier: "priority",
    });
  });

  test("a cache write without its split is the five minutes' one; fast mode is a tier", () => {
    expect(usage({ input_tokens: 1, cache_creation_input_tokens: 5, output_tokens: 1, speed: "fast" })).toEqual({
      buckets: { input: 1, cache_write_5m: 5, output: 1 },
      serviceTier: "fast",
    });
  });

  test("figures of other formats' answers add up", () => {
    const body = anthropicMessages.encodeResponse(
      {
        choices: [],
        usage: {
          buckets: { input: 5, input_audio: 3, cache_read: 7, output: 2, output_reasoning: 4 },
          serviceTier: "default",
        },
      },
      answerContext(),
    );
    expect(body.usage).toEqual({
      input_tokens: 8,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 7,
      output_tokens: 6,
      output_tokens_details: { thinking_tokens: 4 },
      service_tier: "standard",
    });
  });
});

describe("blocks of answers", () => {
  test("media become links, foreign citations search results, empty text nothing", () => {
    const { content } = encode({
      parts: [
        { type: "text", text: "" },
        { type: "image", source: { type: "url", url: "https://e.com/a.png" } },
        { type: "text", text: "t", citations: [{ url: "https://e.com", title: "E" }] },
        { type: "opaque", format: "gemini", value: {} },
      ],
    });
    expect(content).toEqual([
      { type: "text", text: "![image](https://e.com/a.png)" },
      {
        type: "text",
        text: "t",
        citations: [
          { type: "web_search_result_location", cited_text: "", encrypted_index: "", title: "E", url: "https://e.com" },
        ],
      },
    ]);
  });

  test("a citation that Anthropic did not seal does not return to it", () => {
    const { content } = encode({ parts: [{ type: "text", text: "t", citations: [{ url: "https://e.com" }] }] });
    const request = anthropicMessages.decodeRequest({
      model: "m",
      messages: [{ role: "assistant", content: content ?? null }],
    });
    expect(request.messages[0]?.parts).toMatchObject([{ citations: [{ url: "https://e.com" }] }]);
    const target = requestContext("claude", { owner: "anthropic" });
    expect(JSON.stringify(anthropicMessages.encodeRequest(request, target))).not.toContain("citations");
    expect(target.report.changes).toMatchObject([{ parameter: "messages[0].content[0].annotations" }]);
  });
});

function decodeStream(frames: readonly JsonObject[]): StreamEvent[] {
  const decoder = anthropicMessages.createStreamDecoder(context);
  return [...frames.flatMap((frame) => decoder.push({ data: JSON.stringify(frame) })), ...decoder.end()];
}

const start = {
  type: "message_start",
  message: { id: "m", model: "claude", usage: { input_tokens: 9, output_tokens: 1 } },
};
const finish = {
  type: "message_delta",
  delta: { stop_reason: "end_turn" },
  usage: { input_tokens: null, output_tokens: 5 },
};

describe("streams", () => {
  test("usage is cumulative and nulls leave what was said", () => {
    const events = decodeStream([start, finish]);
    expect(events[0]).toMatchObject({ type: "start", usage: { buckets: { input: 9, output: 1 } } });
    expect(events.at(-1)).toEqual({ type: "usage", usage: { buckets: { input: 9, output: 5 } } });
  });

  test("a server tool's call arrives whole, with its input", () => {
    const block = { type: "server_tool_use", id: "s", name: "web_search", input: {} };
    const events = decodeStream([
      start,
      { type: "content_block_start", index: 0, content_block: block },
      { type: "content_block_delta", index: 0, delta: { type: "input_json_delta", partial_json: '{"query":' } },
      { type: "content_block_delta", index: 0, delta: { type: "input_json_delta", partial_json: '"x"}' } },
      { type: "content_block_stop", index: 0 },
      finish,
    ]);
    expect(assembled(events).choices[0]?.parts).toEqual([
      { type: "opaque", format: "anthropic-messages", value: { ...block, input: { query: "x" } } },
    ]);
  });

  test("a block that came later grows by its own deltas", () => {
    const events = decodeStream([
      start,
      { type: "content_block_start", index: 0, content_block: { type: "compaction", content: "a" } },
      { type: "content_block_delta", index: 0, delta: { type: "compaction_delta", content: "b" } },
      { type: "content_block_delta", index: 0, delta: { type: "compaction_delta", content: "c" } },
      { type: "content_block_stop", index: 0 },
      finish,
    ]);
    expect(assembled(events).choices[0]?.parts).toMatchObject([{ value: { type: "compaction", content: "abc" } }]);
  });

  test("a server that does not close its blocks or open its message", () => {
    const events = decodeStream([
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "a" } },
      {
        type: "content_block_start",
        index: 1,
        content_block: { type: "tool_use", id: "t", name: "f", input: { x: 1 } },
      },
      finish,
    ]);
    expect(brokenStreamRules(events)).toEqual([]);
    expect(assembled(events).choices).toMatchObject([
      { finish: "tool-calls", parts: [{ text: "a" }, { arguments: '{"x":1}' }] },
    ]);
  });

  test("calls that other programs made are told so, calls of the model's own are not", () => {
    const caller = { type: "code_execution_20250825", tool_id: "s" };
    for (const [said, native] of [
      [caller, { format: "anthropic-messages", value: { caller } }],
      [{ type: "direct" }, undefined],
    ] as const) {
      const block = { type: "tool_use", id: "t", name: "f", input: {}, caller: said };
      const whole = decode({ content: [block], stop_reason: "tool_use" });
      const streamed = decodeStream([start, { type: "content_block_start", index: 0, content_block: block }, finish]);
      expect(whole.parts[0]?.native).toEqual(native);
      expect(assembled(streamed).choices[0]?.parts).toEqual([...whole.parts]);
    }
  });

  test("a late end of thinking does not cut the text that follows it", () => {
    const encoder = anthropicMessages.createStreamEncoder(answerContext());
    const text = [
      { type: "part-start", choice: 0, part: 0, kind: "thinking" } as const,
      { type: "delta", choice: 0, part: 0, text: "hm" } as const,
      { type: "part-start", choice: 0, part: 1, kind: "text" } as const,
      { type: "delta", choice: 0, part: 1, text: "a" } as const,
      { type: "part-end", choice: 0, part: 0 } as const,
      { type: "delta", choice: 0, part: 1, text: "b" } as const,
      { type: "part-end", choice: 0, part: 1 } as const,
    ].reduce((all, event) => all + encoder.push(event), "");
    const starts = framesOf(text).filter(({ event }) => event === "content_block_start");
    expect(starts.map(({ body }) => (body.content_block as JsonObject).type)).toEqual(["thinking", "text"]);
  });

  test("the observer waits for a stop reason", () => {
    const observer = anthropicMessages.createStreamObserver(context);
    expect(observer.observe('{"type":"message_delta","delta":{},"usage":{"output_tokens":1}}', undefined)).toBe(
      FRAME_USAGE,
    );
    expect(observer.observe(JSON.stringify(finish), undefined)).toBe(FRAME_USAGE | FRAME_FINISH);
  });
});
