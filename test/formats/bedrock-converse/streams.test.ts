import { expect, test } from "bun:test";
import { bedrockConverse } from "../../../src/formats/bedrock-converse/index.ts";
import type { StreamEvent } from "../../../src/formats/conversation.ts";
import type { JsonObject } from "../../../src/json/json.ts";
import { answerContext, assembled, brokenStreamRules } from "../recorded-exchange.ts";

const context = { provider: "bedrock", owner: "bedrock", model: "amazon.nova-lite-v1:0" } as const;

function decode(...frames: readonly (readonly [string, JsonObject])[]): StreamEvent[] {
  const decoder = bedrockConverse.createStreamDecoder(context);
  const events = frames.flatMap(([event, body]) => decoder.push({ event, data: JSON.stringify(body) }));
  return [...events, ...decoder.end()];
}

const start = (toolUse: JsonObject) => ["contentBlockStart", { contentBlockIndex: 0, start: { toolUse } }] as const;
const delta = (value: JsonObject) => ["contentBlockDelta", { contentBlockIndex: 0, delta: value }] as const;
const stop = ["contentBlockStop", { contentBlockIndex: 0 }] as const;
const end = ["messageStop", { stopReason: "end_turn" }] as const;

test("a call without arguments has an empty object, and an answer with calls ends with them", () => {
  expect(assembled(decode(start({ toolUseId: "t", name: "f" }), stop, end)).choices).toMatchObject([
    { parts: [{ type: "tool-call", arguments: "{}" }], finish: "tool-calls", rawFinish: "end_turn" },
  ]);
  const content = [{ toolUse: { toolUseId: "t", name: "f", input: {} } }];
  const body = { output: { message: { content } }, stopReason: "end_turn" };
  expect(bedrockConverse.decodeResponse(body, context).choices).toMatchObject([{ finish: "tool-calls" }]);
});

test("blocks that were not stopped end with the message", () => {
  const events = decode(delta({ text: "a" }), end);
  expect(brokenStreamRules(events)).toEqual([]);
  expect(events.map(({ type }) => type)).toEqual(["start", "part-start", "delta", "part-end", "finish"]);
});

test("an empty piece begins nothing", () => {
  expect(assembled(decode(delta({ text: "" }), stop, end)).choices[0]?.parts).toEqual([]);
});

test("what Bedrock's own tools did arrives whole", () => {
  const call = { toolUseId: "t", name: "nova_grounding", type: "server_tool_use" };
  expect(assembled(decode(start(call), delta({ toolUse: { input: '{"q":1}' } }), stop, end)).choices).toMatchObject([
    { parts: [{ type: "opaque", value: { toolUse: { ...call, input: { q: 1 } } } }], finish: "stop" },
  ]);
  const result = { toolUseId: "t", type: "nova_grounding_result", status: "success" };
  const events = decode(
    ["contentBlockStart", { contentBlockIndex: 0, start: { toolResult: result } }],
    delta({ toolResult: [{ text: "a" }] }),
    delta({ toolResult: [{ text: "b" }] }),
    stop,
    end,
  );
  expect(assembled(events).choices[0]?.parts).toEqual([
    {
      type: "opaque",
      format: "bedrock-converse",
      value: { toolResult: { ...result, content: [{ text: "a" }, { text: "b" }] } },
    },
  ]);
});

test("a part that ended is not ended again", () => {
  const encoder = bedrockConverse.createStreamEncoder(answerContext());
  const at = { choice: 0, part: 0 };
  const events: StreamEvent[] = [
    { type: "part-start", ...at, kind: "text" },
    { type: "delta", ...at, text: "a" },
    { type: "part-end", ...at },
  ];
  const text = events.map((event) => encoder.push(event)).join("") + encoder.end();
  expect(text.match(/event: contentBlockStop/g)).toHaveLength(1);
});
