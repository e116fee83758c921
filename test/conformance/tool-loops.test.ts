/**
 * A tool loop through a foreign client: what the model thought and signed comes back to it letter by letter, although
 * the client's format has no place for it of its own.
 */
import { describe, expect, test } from "bun:test";
import type { FormatId } from "../../src/formats/conversation.ts";
import { formatById } from "../../src/formats/registry.ts";
import { replay } from "../../src/formats/replay.ts";
import { ParameterReport } from "../../src/formats/report.ts";
import { asArray, asObject, asString, type JsonObject, type MutableJsonObject } from "../../src/json/json.ts";
import { framerFor } from "../../src/upstream/framer.ts";
import { sseFrame } from "../../src/upstream/sse.ts";
import { sseDocuments } from "./recordings.ts";

const CLIENTS = ["openai-chat", "anthropic-messages", "openai-responses", "gemini"] as const;
type Client = (typeof CLIENTS)[number];

interface Owner {
  readonly name: string;
  readonly format: FormatId;
  readonly owner: string;
  readonly provider: string;
  readonly answer: JsonObject;
  /** The assistant's turn, as the provider must get it back. */
  readonly turn: (body: JsonObject) => unknown;
  readonly wanted: unknown;
}

const CLAUDE_BLOCKS = [
  { type: "thinking", thinking: "Let me look – carefully.", signature: "c2ln" },
  { type: "redacted_thinking", data: "aGlkZGVu" },
  { type: "text", text: "I will look." },
  { type: "tool_use", id: "toolu_1", name: "look", input: { at: "it" } },
  { type: "tool_use", id: "toolu_2", name: "look", input: { at: "that" } },
];

const OWNERS: readonly Owner[] = [
  {
    name: "Claude",
    format: "anthropic-messages",
    owner: "anthropic",
    provider: "anthropic",
    answer: {
      id: "msg_1",
      type: "message",
      role: "assistant",
      model: "claude",
      content: CLAUDE_BLOCKS,
      stop_reason: "tool_use",
      usage: { input_tokens: 1, output_tokens: 1 },
    },
    turn: (body) => asObject(asArray(body.messages)[1])?.content,
    wanted: CLAUDE_BLOCKS,
  },
  {
    name: "Claude by Converse",
    format: "bedrock-converse",
    owner: "anthropic",
    provider: "bedrock",
    answer: {
      output: {
        message: {
          role: "assistant",
          content: [
            { reasoningContent: { reasoningText: { text: "Let me look.", signature: "c2ln" } } },
            { text: "I will look." },
            { toolUse: { toolUseId: "t1", name: "look", input: { at: "it" } } },
          ],
        },
      },
      stopReason: "tool_use",
      usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 },
    },
    turn: (body) => asObject(asArray(body.messages)[1])?.content,
    wanted: [
      { reasoningContent: { reasoningText: { text: "Let me look.", signature: "c2ln" } } },
      { text: "I will look." },
      { toolUse: { toolUseId: "t1", name: "look", input: { at: "it" } } },
    ],
  },
  {
    name: "Gemini",
    format: "gemini",
    owner: "gemini",
    provider: "gemini",
    answer: {
      candidates: [
        {
          content: {
            role: "model",
            parts: [
              { functionCall: { id: "f1", name: "look", args: { at: "it" } }, thoughtSignature: "c2ln" },
              { functionCall: { id: "f2", name: "look", args: { at: "that" } } },
            ],
          },
          finishReason: "STOP",
          index: 0,
        },
      ],
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
    },
    turn: (body) =>
      asArray(asObject(asArray(body.contents)[1])?.parts).map((part) => {
        const { name, args } = asObject(asObject(part)?.functionCall) ?? {};
        return { name, args, signature: asObject(part)?.thoughtSignature };
      }),
    wanted: [
      { name: "look", args: { at: "it" }, signature: "c2ln" },
      { name: "look", args: { at: "that" }, signature: undefined },
    ],
  },
  {
    name: "OpenAI's reasoning",
    format: "openai-responses",
    owner: "openai",
    provider: "openai",
    answer: {
      id: "resp_1",
      object: "response",
      status: "completed",
      model: "gpt-5",
      output: [
        { id: "rs_1", type: "reasoning", summary: [], encrypted_content: "c2VhbGVk" },
        { id: "fc_1", type: "function_call", call_id: "call_a", name: "look", arguments: '{"at":"it"}' },
      ],
      usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
    },
    turn: (body) =>
      asArray(body.input)
        .slice(1, 3)
        .map((item) => ({ type: asObject(item)?.type, seal: asObject(item)?.encrypted_content })),
    wanted: [
      { type: "reasoning", seal: "c2VhbGVk" },
      { type: "function_call", seal: undefined },
    ],
  },
];

const ASKED = { model: "m", messages: [], sampling: {} };

/** The turn as the client has it after a whole answer. */
function wholeTurn(client: Client, { format, owner, provider, answer }: Owner): JsonObject {
  const response = formatById(format).decodeResponse(answer, { provider, owner, model: "m" });
  return formatById(client).encodeResponse(response, { model: "m", request: ASKED, fallbackId: "x", now: 0 });
}

/** The frames of an answer, as the provider would stream it, and what the client then reads. */
function streamedDocuments(client: Client, { format, owner, provider, answer }: Owner): JsonObject[] {
  const source = formatById(format);
  const context = { provider, owner, model: "m" };
  const written = source.createStreamEncoder({ model: "m", request: ASKED, fallbackId: "x", now: 0 });
  const events = replay(source.decodeResponse(answer, context));
  const upstream = events.map((event) => written.push(event)).join("") + written.end();
  const decoder = source.createStreamDecoder(context);
  const encoder = formatById(client).createStreamEncoder({ model: "m", request: ASKED, fallbackId: "x", now: 0 });
  const framer = framerFor("sse");
  let text = "";
  for (const frame of [...framer.push(new TextEncoder().encode(upstream)), ...framer.end()]) {
    for (const event of decoder.push(frame)) text += encoder.push(event);
  }
  for (const event of decoder.end()) text += encoder.push(event);
  return sseDocuments(text + encoder.end());
}

/** What a client that joins the pieces has in the end: texts and lists grow, everything else is replaced. */
function joined(into: MutableJsonObject, delta: JsonObject): void {
  for (const [name, value] of Object.entries(delta)) {
    const before = into[name];
    if (typeof value === "string" && typeof before === "string" && name !== "role") into[name] = before + value;
    else if (Array.isArray(value) && name === "tool_calls") into[name] = joinedCalls(asArray(before), value);
    else if (Array.isArray(value) && Array.isArray(before)) into[name] = [...before, ...value];
    else if (value !== null) into[name] = value;
  }
}

function joinedCalls(before: readonly unknown[], deltas: readonly unknown[]): JsonObject[] {
  const calls = before.map((call) => ({ ...asObject(call) })) as MutableJsonObject[];
  for (const value of deltas) {
    const { index, function: fn, ...rest } = asObject(value) ?? {};
    const call = calls[Number(index)] ?? {};
    Object.assign(call, rest);
    const old = asObject(call.function);
    call.function = {
      name: asString(old?.name) ?? asString(asObject(fn)?.name) ?? "",
      arguments: (asString(old?.arguments) ?? "") + (asString(asObject(fn)?.arguments) ?? ""),
    };
    calls[Number(index)] = call;
  }
  return calls;
}

function streamedTurn(client: Client, owner: Owner): JsonObject {
  const documents = streamedDocuments(client, owner);
  switch (client) {
    case "openai-chat": {
      const message: MutableJsonObject = {};
      for (const document of documents) joined(message, asObject(asObject(asArray(document.choices)[0])?.delta) ?? {});
      return { choices: [{ message }] };
    }
    case "openai-responses":
      return asObject(documents.find(({ type }) => type === "response.completed")?.response) ?? {};
    case "gemini": {
      const parts = documents.flatMap((document) => {
        const candidate = asObject(asArray(document.candidates)[0]);
        return asArray(asObject(candidate?.content)?.parts);
      });
      return { candidates: [{ content: { role: "model", parts } }] };
    }
    case "anthropic-messages": {
      const blocks: MutableJsonObject[] = [];
      for (const { type, index, content_block: start, delta } of documents) {
        if (type === "content_block_start") blocks[Number(index)] = { ...asObject(start) };
        const block = blocks[Number(index)];
        if (type !== "content_block_delta" || block === undefined) continue;
        const piece = asObject(delta) ?? {};
        if (piece.partial_json !== undefined) block.json = `${block.json ?? ""}${piece.partial_json}`;
        for (const name of ["text", "thinking", "signature"]) {
          if (typeof piece[name] === "string") block[name] = `${block[name] ?? ""}${piece[name]}`;
        }
      }
      const content = blocks.map(({ json, ...block }) =>
        json === undefined ? block : { ...block, input: JSON.parse(String(json)) as JsonObject },
      );
      return { content };
    }
  }
}

/** The client's next request: the turn as it has it, and a result for each call. */
function nextRequest(client: Client, answer: JsonObject): JsonObject {
  switch (client) {
    case "openai-chat": {
      const message = asObject(asObject(asArray(answer.choices)[0])?.message) ?? {};
      const results = asArray(message.tool_calls).map((call) => ({
        role: "tool",
        tool_call_id: asObject(call)?.id ?? "",
        content: "seen",
      }));
      return { model: "m", messages: [{ role: "user", content: "Look." }, message, ...results] };
    }
    case "anthropic-messages": {
      const content = asArray(answer.content);
      const results = content.flatMap((block) => {
        const { type, id } = asObject(block) ?? {};
        return type === "tool_use" ? [{ type: "tool_result", tool_use_id: id, content: "seen" }] : [];
      });
      const messages = [
        { role: "user", content: "Look." },
        { role: "assistant", content },
        { role: "user", content: results },
      ];
      return { model: "m", max_tokens: 8192, messages };
    }
    case "openai-responses": {
      const output = asArray(answer.output);
      const results = output.flatMap((item) => {
        const { type, call_id } = asObject(item) ?? {};
        return type === "function_call" ? [{ type: "function_call_output", call_id, output: "seen" }] : [];
      });
      return { model: "m", input: [{ role: "user", content: "Look." }, ...output, ...results] };
    }
    case "gemini": {
      const content = asObject(asObject(asArray(answer.candidates)[0])?.content) ?? {};
      const results = asArray(content.parts).flatMap((part) => {
        const call = asObject(asObject(part)?.functionCall);
        return call === undefined
          ? []
          : [{ functionResponse: { id: call.id, name: call.name, response: { content: "seen" } } }];
      });
      const asked = { role: "user", parts: [{ text: "Look." }] };
      return { model: "m", contents: [asked, { ...content, role: "model" }, { role: "user", parts: results }] };
    }
  }
}

function sentBack(client: Client, { format, owner, provider }: Owner, answer: JsonObject): JsonObject {
  const request = formatById(client).decodeRequest(JSON.parse(JSON.stringify(nextRequest(client, answer))));
  const thinks = { ...request, reasoning: { mode: "enabled" as const, budgetTokens: 1024 } };
  return formatById(format).encodeRequest(thinks, {
    model: format === "bedrock-converse" ? "anthropic.claude-sonnet-4-5" : "m",
    provider,
    owner,
    capabilities: {},
    report: new ParameterReport(),
    modifyParams: false,
  });
}

for (const owner of OWNERS) {
  describe(owner.name, () => {
    for (const client of CLIENTS.filter((format) => format !== owner.format)) {
      test(`through ${client}, whole`, () => {
        expect(owner.turn(sentBack(client, owner, wholeTurn(client, owner)))).toEqual(owner.wanted);
      });
      test(`through ${client}, streamed`, () => {
        expect(owner.turn(sentBack(client, owner, streamedTurn(client, owner)))).toEqual(owner.wanted);
      });
    }
  });
}

test("reasoning that OpenAI seals anew in its last event has the last value, as a whole answer would", () => {
  const reasoning = { id: "rs_1", type: "reasoning", summary: [] };
  const message = { id: "msg_1", type: "message", role: "assistant", status: "completed" };
  const said = { ...message, content: [{ type: "output_text", text: "2", annotations: [] }] };
  const events = [
    { type: "response.created", response: { id: "resp_1", model: "gpt-5", output: [] } },
    { type: "response.output_item.done", output_index: 0, item: { ...reasoning, encrypted_content: "first" } },
    { type: "response.output_item.done", output_index: 1, item: said },
    {
      type: "response.completed",
      response: { id: "resp_1", status: "completed", output: [{ ...reasoning, encrypted_content: "last" }, said] },
    },
  ];
  const decoder = formatById("openai-responses").createStreamDecoder({
    provider: "openai",
    owner: "openai",
    model: "m",
  });
  const encoder = formatById("openai-chat").createStreamEncoder({
    model: "m",
    request: ASKED,
    fallbackId: "x",
    now: 0,
  });
  const framer = framerFor("sse");
  const bytes = new TextEncoder().encode(events.map((event) => sseFrame(JSON.stringify(event))).join(""));
  const text = framer
    .push(bytes)
    .flatMap((frame) => decoder.push(frame))
    .map((event) => encoder.push(event))
    .join("");
  expect(text.includes(":last")).toBe(true);
  expect(text.includes(":first")).toBe(false);
});
