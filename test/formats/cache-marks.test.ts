import { describe, expect, test } from "bun:test";
import { injectionPoints, markBody, markConversation } from "../../src/formats/cache-marks.ts";
import { formatById } from "../../src/formats/registry.ts";
import type { JsonObject, MutableJsonObject } from "../../src/json/json.ts";

const EPHEMERAL = { type: "ephemeral" };

describe("injectionPoints", () => {
  test("places by role and by index, with the time that is asked for", () => {
    expect(
      injectionPoints([
        { location: "message", role: "system", control: { type: "ephemeral", ttl: "1h" } },
        { location: "message", index: "-1" },
        { location: "tool_config" },
      ]),
    ).toEqual([
      { location: "message", role: "system", mark: { ttl: "1h" } },
      { location: "message", index: -1, mark: {} },
      { location: "tools", mark: {} },
    ]);
  });

  test("what names no place marks nothing", () => {
    expect(injectionPoints([{ location: "message" }, { location: "elsewhere", role: "user" }, 7])).toEqual([]);
    expect(injectionPoints(null)).toEqual([]);
  });
});

describe("markBody", () => {
  const mark = (body: JsonObject, points: JsonObject[]): MutableJsonObject => {
    const copy: MutableJsonObject = { ...body };
    markBody(copy, injectionPoints(points));
    return copy;
  };

  test("a text becomes a part with a mark, a list gets it at its end", () => {
    const { messages } = mark(
      {
        messages: [
          { role: "system", content: "long" },
          {
            role: "user",
            content: [
              { type: "text", text: "a" },
              { type: "text", text: "b" },
            ],
          },
        ],
      },
      [
        { location: "message", role: "system" },
        { location: "message", index: -1 },
      ],
    );
    expect(messages).toEqual([
      { role: "system", content: [{ type: "text", text: "long", cache_control: EPHEMERAL }] },
      {
        role: "user",
        content: [
          { type: "text", text: "a" },
          { type: "text", text: "b", cache_control: EPHEMERAL },
        ],
      },
    ]);
  });

  test("Anthropic's system prompt and tools", () => {
    const marked = mark(
      { system: "rules", messages: [{ role: "user", content: "hi" }], tools: [{ name: "a" }, { name: "b" }] },
      [{ location: "message", role: "system" }, { location: "tool_config" }],
    );
    expect(marked).toEqual({
      system: [{ type: "text", text: "rules", cache_control: EPHEMERAL }],
      messages: [{ role: "user", content: "hi" }],
      tools: [{ name: "a" }, { name: "b", cache_control: EPHEMERAL }],
    });
  });

  test("no more than four marks, the latest first, and those of the caller count", () => {
    const messages = Array.from({ length: 6 }, (_, index) => ({ role: "user", content: `m${index}` }));
    const own = { role: "user", content: [{ type: "text", text: "own", cache_control: EPHEMERAL }] };
    const { messages: marked } = mark({ messages: [own, ...messages] }, [{ location: "message", role: "user" }]);
    const places = (marked as JsonObject[]).map(({ content }) => JSON.stringify(content).includes("cache_control"));
    expect(places).toEqual([true, false, false, false, true, true, true]);
  });

  test("thinking and what is empty is not marked; an index beyond the messages marks nothing", () => {
    const messages = [
      {
        role: "assistant",
        content: [
          { type: "text", text: "x" },
          { type: "thinking", thinking: "…" },
        ],
      },
      { role: "user", content: " " },
    ];
    const { messages: marked } = mark({ messages }, [
      { location: "message", index: 0 },
      { location: "message", index: 1 },
      { location: "message", index: 9 },
    ]);
    expect(marked).toEqual([
      {
        role: "assistant",
        content: [
          { type: "text", text: "x", cache_control: EPHEMERAL },
          { type: "thinking", thinking: "…" },
        ],
      },
      { role: "user", content: " " },
    ]);
  });
});

test("a translated conversation is marked as its wire form would be", () => {
  const body = {
    model: "m",
    messages: [
      { role: "system", content: "rules" },
      { role: "user", content: "one" },
      { role: "assistant", content: "two" },
      { role: "user", content: "three" },
    ],
    tools: [{ type: "function", function: { name: "f", parameters: { type: "object", properties: {} } } }],
  };
  const points = [{ location: "message", role: "user" }, { location: "tools" }];
  const marked = markConversation(formatById("openai-chat").decodeRequest(body), injectionPoints(points));
  expect(marked.messages.map(({ parts }) => parts.some(({ cache }) => cache !== undefined))).toEqual([
    false,
    true,
    false,
    true,
  ]);
  expect(marked.tools?.[0]).toMatchObject({ name: "f", cache: {} });
});
