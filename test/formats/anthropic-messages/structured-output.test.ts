import { describe, expect, test } from "bun:test";
import { anthropicMessages } from "../../../src/formats/anthropic-messages/index.ts";
import type { ConversationRequest, ResponseFormat, Tool } from "../../../src/formats/conversation.ts";
import type { JsonObject } from "../../../src/json/json.ts";
import { SseFramer } from "../../../src/upstream/sse.ts";
import { assembled, eventsOf, requestContext } from "../recorded-exchange.ts";

const schema = { type: "object", properties: { a: { type: "integer" } }, required: ["a"] } as const;
const tool: Tool = { type: "function", name: "f", parameters: { type: "object", properties: {} } };

function request(responseFormat: ResponseFormat, more: Partial<ConversationRequest> = {}): ConversationRequest {
  const messages = [{ role: "user", parts: [{ type: "text", text: "hi" }] }] as const;
  return { model: "m", messages, sampling: {}, responseFormat, ...more };
}

function encode(model: string, asked: ConversationRequest) {
  const context = requestContext(model, { owner: "anthropic" });
  return { body: anthropicMessages.encodeRequest(asked, context), changes: context.report.changes };
}

describe("requests", () => {
  test("structured output where the model has it, with every object closed", () => {
    const { body, changes } = encode("claude-sonnet-4-5", request({ type: "json-schema", schema, strict: true }));
    expect(body.output_config).toEqual({
      format: { type: "json_schema", schema: { ...schema, additionalProperties: false } },
    });
    expect(body.tools).toBeUndefined();
    expect(changes.map(({ action }) => action)).toEqual(["converted"]);
  });

  test("limits move into the description", () => {
    const limited = { type: "object", properties: { a: { type: "integer", minimum: 1, description: "n" } } } as const;
    const { body } = encode("claude-sonnet-4-5", request({ type: "json-schema", schema: limited }));
    expect(body.output_config).toMatchObject({
      format: { schema: { properties: { a: { type: "integer", description: "n (minimum: 1)" } } } },
    });
    expect(JSON.stringify(body.output_config)).not.toContain('"minimum"');
  });

  test.each<[string, string, ResponseFormat]>([
    ["an older model", "claude-sonnet-4-0", { type: "json-schema", schema }],
    ["plain JSON", "claude-sonnet-4-5", { type: "json" }],
    [
      "free keys",
      "claude-sonnet-4-5",
      { type: "json-schema", schema: { type: "object", additionalProperties: { type: "string" } } },
    ],
    [
      "recursion",
      "claude-sonnet-4-5",
      {
        type: "json-schema",
        schema: {
          type: "object",
          properties: { next: { $ref: "#/$defs/N" } },
          $defs: { N: { type: "object", properties: { next: { $ref: "#/$defs/N" } } } },
        },
      },
    ],
  ])("%s: a tool whose call is forced", (_, model, format) => {
    const { body } = encode(model, request(format));
    expect(body.output_config).toBeUndefined();
    expect(body.tools).toMatchObject([{ name: "json_tool_call", input_schema: { type: "object" } }]);
    expect(body.tool_choice).toEqual({ type: "tool", name: "json_tool_call" });
  });

  test("beside other tools some call is demanded, with thinking on none", () => {
    expect(encode("claude-sonnet-4-0", request({ type: "json" }, { tools: [tool] })).body.tool_choice).toEqual({
      type: "any",
    });
    const thinking = encode("claude-sonnet-4-0", request({ type: "json" }, { reasoning: { effort: "low" } }));
    expect(thinking.body.tool_choice).toEqual({ type: "auto" });
    expect(thinking.changes.some(({ unsupported }) => unsupported)).toBe(false);
  });

  test("one definition used twice is no recursion", () => {
    const shared = {
      type: "object",
      properties: { a: { $ref: "#/$defs/X" }, b: { $ref: "#/$defs/X" } },
      $defs: { X: { type: "string" } },
    } as const;
    expect(
      encode("claude-sonnet-4-5", request({ type: "json-schema", schema: shared })).body.output_config,
    ).toBeDefined();
  });
});

const context = { provider: "anthropic", owner: "anthropic", model: "claude" } as const;

function answer(name: string, input: JsonObject): JsonObject {
  return {
    id: "msg_1",
    model: "claude",
    content: [{ type: "tool_use", id: "t", name, input }],
    stop_reason: "tool_use",
    usage: { input_tokens: 1, output_tokens: 1 },
  };
}

function stream(name: string, pieces: readonly string[]): string {
  const frames: object[] = [
    { type: "message_start", message: { id: "msg_1", model: "claude", usage: { input_tokens: 1, output_tokens: 1 } } },
    { type: "content_block_start", index: 0, content_block: { type: "tool_use", id: "t", name, input: {} } },
    ...pieces.map((partial_json) => ({
      type: "content_block_delta",
      index: 0,
      delta: { type: "input_json_delta", partial_json },
    })),
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 1 } },
    { type: "message_stop" },
  ];
  return frames.map((frame) => `data: ${JSON.stringify(frame)}\n\n`).join("");
}

describe("answers", () => {
  const json = request({ type: "json" });

  test("the JSON tool's call is the answer's text", () => {
    const decoded = anthropicMessages.decodeResponse(answer("json_tool_call", { a: 1 }), { ...context, request: json });
    expect(decoded.choices).toMatchObject([{ parts: [{ type: "text", text: '{"a":1}' }], finish: "stop" }]);
    const text = stream("json_tool_call", ["", '{"a":', "1}"]);
    const decoder = anthropicMessages.createStreamDecoder({ ...context, request: json });
    expect(assembled(eventsOf(text, new SseFramer(), decoder))).toEqual(decoded);
  });

  test("without JSON mode it is a call like any other", () => {
    const decoded = anthropicMessages.decodeResponse(answer("json_tool_call", { a: 1 }), context);
    expect(decoded.choices).toMatchObject([{ parts: [{ type: "tool-call" }], finish: "tool-calls" }]);
  });

  test("a free-text tool's call has free text again", () => {
    const asked = request({ type: "text" }, { tools: [{ type: "custom", name: "c" }] });
    const decoded = anthropicMessages.decodeResponse(answer("c", { input: "a\nb" }), { ...context, request: asked });
    expect(decoded.choices[0]?.parts).toEqual([
      { type: "tool-call", id: "t", name: "c", kind: "custom", arguments: "a\nb" },
    ]);
    const decoder = anthropicMessages.createStreamDecoder({ ...context, request: asked });
    expect(assembled(eventsOf(stream("c", ['{"inp', 'ut":"a\\nb"}']), new SseFramer(), decoder))).toEqual(decoded);
  });

  test("a name that had to change on the wire is the caller's again", () => {
    const asked = request({ type: "text" }, { tools: [{ type: "function", name: "my.tool" }] });
    const decoded = anthropicMessages.decodeResponse(answer("my_tool", {}), { ...context, request: asked });
    expect(decoded.choices[0]?.parts).toMatchObject([{ name: "my.tool", arguments: "{}" }]);
    const decoder = anthropicMessages.createStreamDecoder({ ...context, request: asked });
    expect(assembled(eventsOf(stream("my_tool", [""]), new SseFramer(), decoder))).toEqual(decoded);
  });
});
