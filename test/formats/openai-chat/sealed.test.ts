import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { anthropicMessages } from "../../../src/formats/anthropic-messages/index.ts";
import { openaiChat } from "../../../src/formats/openai-chat/index.ts";
import { ParameterReport } from "../../../src/formats/report.ts";
import { carry, uncarry } from "../../../src/formats/sealed.ts";
import { asArray, asObject, type JsonObject } from "../../../src/json/json.ts";

describe("carry and uncarry", () => {
  test("are inverse for every owner and value", () => {
    const owner = fc.constantFrom("anthropic", "openai", "gemini", "a:b", "é");
    fc.assert(
      fc.property(
        owner,
        owner,
        fc.string({ unit: "grapheme" }),
        fc.option(fc.dictionary(fc.string(), fc.string()), { nil: undefined }),
        (from, native, value, detail) => {
          fc.pre(!(from === native && detail === undefined && value.startsWith("isthmus.sealed")));
          const sealed = { owner: from, value, ...(detail === undefined ? {} : { detail }) };
          expect(uncarry(carry(sealed, native), native)).toEqual(sealed);
        },
      ),
    );
  });

  test("a value of the format's own owner stands as it is", () => {
    expect(carry({ owner: "anthropic", value: "sig" }, "anthropic")).toBe("sig");
    expect(uncarry("sig", "anthropic")).toEqual({ owner: "anthropic", value: "sig" });
  });
});

test("a Chat Completions client talks to Claude with thinking and tools: the second turn is what Anthropic demands", () => {
  const answer = {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "claude",
    content: [
      { type: "thinking", thinking: "Let me look.", signature: "c2lnbmF0dXJl" },
      { type: "text", text: "I will look." },
      { type: "tool_use", id: "toolu_1", name: "look", input: { at: "it" } },
      { type: "tool_use", id: "toolu_2", name: "look", input: { at: "that" } },
    ],
    stop_reason: "tool_use",
    usage: { input_tokens: 10, output_tokens: 20 },
  };
  const decoded = anthropicMessages.decodeResponse(answer, {
    provider: "anthropic",
    owner: "anthropic",
    model: "claude",
  });
  const request = { model: "claude", messages: [], sampling: {} };
  const chat = openaiChat.encodeResponse(decoded, { model: "claude", request, fallbackId: "x", now: 0 });
  const message = asObject(asObject(asArray(chat.choices)[0])?.message) as JsonObject;
  const second = openaiChat.decodeRequest({
    model: "claude",
    thinking: { type: "enabled", budget_tokens: 1024 },
    max_tokens: 4096,
    messages: [
      { role: "user", content: "look" },
      message,
      { role: "tool", tool_call_id: "toolu_1", content: "seen" },
      { role: "tool", tool_call_id: "toolu_2", content: "seen too" },
    ],
    tools: [
      {
        type: "function",
        function: { name: "look", parameters: { type: "object", properties: { at: { type: "string" } } } },
      },
    ],
  });
  const wire = anthropicMessages.encodeRequest(second, {
    model: "claude-sonnet-4-5",
    provider: "anthropic",
    owner: "anthropic",
    capabilities: {},
    report: new ParameterReport(),
    modifyParams: false,
  });
  const turns = asArray(wire.messages).map((turn) => asObject(turn));
  expect(asArray(turns[1]?.content)[0]).toEqual({
    type: "thinking",
    thinking: "Let me look.",
    signature: "c2lnbmF0dXJl",
  });
  expect(asArray(turns[1]?.content).slice(-2)).toMatchObject([
    { type: "tool_use", id: "toolu_1", name: "look", input: { at: "it" } },
    { type: "tool_use", id: "toolu_2", name: "look", input: { at: "that" } },
  ]);
  expect(turns.length).toBe(3);
  expect(asArray(turns[2]?.content)).toMatchObject([
    { type: "tool_result", tool_use_id: "toolu_1" },
    { type: "tool_result", tool_use_id: "toolu_2" },
  ]);
});
