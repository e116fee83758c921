import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { GatewayError } from "../../../src/errors/gateway-error.ts";
import { bedrockConverse } from "../../../src/formats/bedrock-converse/index.ts";
import type {
  ConversationRequest,
  ConversationResponse,
  Message,
  Part,
  StreamEvent,
} from "../../../src/formats/conversation.ts";
import { FRAME_ERROR } from "../../../src/formats/format.ts";
import { replay } from "../../../src/formats/replay.ts";
import { parseJson } from "../../../src/json/json.ts";
import { SseFramer } from "../../../src/upstream/sse.ts";
import { answers, someText } from "../arbitraries.ts";
import { answerContext, assembled, brokenStreamRules, eventsOf, requestContext } from "../recorded-exchange.ts";

const model = "anthropic.claude-sonnet-4-5-20250929-v1:0";
const context = { provider: "bedrock", owner: "anthropic", model } as const;

const id = fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/);
const text = someText.map((value): Part => ({ type: "text", text: `${value}.` }));
const cached = fc
  .tuple(text, fc.constantFrom<Part["cache"]>(undefined, {}, { ttl: "1h" }))
  .map(([part, cache]): Part => (cache === undefined ? part : { ...part, cache }));
const image = fc
  .tuple(fc.constantFrom("png", "jpeg", "webp"), fc.base64String())
  .map(([kind, data]): Part => ({ type: "image", source: { type: "base64", data, mediaType: `image/${kind}` } }));
const thinking = fc
  .tuple(fc.string(), id)
  .map(([said, value]): Part => ({ type: "thinking", text: said, sealed: { owner: "anthropic", value } }));
/** Hidden thinking in Converse's form: Anthropic's base64 in base64. */
const redacted = id.map((hidden): Part => {
  const value = btoa(btoa(`${hidden}---`));
  return { type: "thinking", text: "", redacted: true, sealed: { owner: "anthropic", value } };
});
const call = fc
  .tuple(id, id, fc.dictionary(id, fc.string(), { maxKeys: 2 }))
  .map(([callId, name, input]): Part => ({ type: "tool-call", id: callId, name, arguments: JSON.stringify(input) }));

/** A conversation that Converse can say: turns alternate, results follow their calls. */
const requests: fc.Arbitrary<ConversationRequest> = fc
  .record({
    system: fc.array(cached, { maxLength: 2 }),
    question: fc.array(fc.oneof(cached, image), { minLength: 1, maxLength: 3 }),
    answer: fc.array(fc.oneof(text, thinking, redacted), { minLength: 1, maxLength: 3 }),
    calls: fc.uniqueArray(call, { maxLength: 2, selector: (part) => (part.type === "tool-call" ? part.id : "") }),
    result: fc.array(fc.oneof(text, image), { minLength: 1, maxLength: 2 }),
    failed: fc.constantFrom(undefined, true, false),
    sampling: fc.record(
      { temperature: fc.constantFrom(0, 0.5, 1), topK: fc.nat(50), maxOutputTokens: fc.integer({ min: 1, max: 9999 }) },
      { requiredKeys: [] },
    ),
    choice: fc.constantFrom<ConversationRequest["toolChoice"]>(
      { type: "auto" },
      { type: "required" },
      { type: "tool", name: "f" },
    ),
    serviceTier: fc.constantFrom("priority", "flex"),
  })
  .map(({ system, question, answer, calls, result, failed, sampling, choice, serviceTier }) => {
    const results = calls.map((part): Message => {
      const { id: callId, name } = part as Extract<Part, { type: "tool-call" }>;
      const isError = failed === undefined ? {} : { isError: failed };
      return { role: "tool", parts: [{ type: "tool-result", callId, name, content: result, ...isError }] };
    });
    return {
      model,
      messages: [
        ...(system.length === 0 ? [] : [{ role: "system" as const, parts: system }]),
        { role: "user", parts: question },
        { role: "assistant", parts: [...answer, ...calls] },
        ...results,
        { role: "user", parts: [{ type: "text", text: "go on" }] },
      ],
      tools: [{ type: "function", name: "f", description: "d", parameters: { type: "object", properties: {} } }],
      ...(choice === undefined ? {} : { toolChoice: choice }),
      sampling,
      serviceTier,
      extensions: { format: "bedrock-converse", fields: {} },
    };
  });

test("a conversation that Converse can say comes back as it was", () => {
  fc.assert(
    fc.property(requests, (request) => {
      const target = requestContext(model, { owner: "anthropic" });
      const body = bedrockConverse.encodeRequest(request, target);
      expect(bedrockConverse.decodeRequest({ ...body, model })).toEqual(request);
      expect(target.report.changes).toEqual([]);
    }),
  );
});

test("an answer comes back as it was", () => {
  fc.assert(
    fc.property(answers, (answer) => {
      const decoded = bedrockConverse.decodeResponse(bedrockConverse.encodeResponse(answer, answerContext()), context);
      expect(said(decoded)).toEqual(said(answer));
    }),
  );
});

test("a stream says what the answer says, however its parts interleave", () => {
  fc.assert(
    fc.property(answers, fc.boolean(), (answer, zip) => {
      const events = replay(answer);
      const text = encode(zip ? zipped(events) : events);
      const again = eventsOf(text, new SseFramer(), bedrockConverse.createStreamDecoder(context));
      expect(brokenStreamRules(again)).toEqual([]);
      const { parts, ...rest } = said(assembled(again));
      const { parts: meant, ...others } = said(answer);
      expect(rest).toEqual(others);
      // Text begins with its first piece, so that interleaved parts may change places.
      expect(zip ? inOrder(parts) : parts).toEqual(zip ? inOrder(meant) : meant);
    }),
  );
});

describe("errors", () => {
  // https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ResponseStream.html (2026-11)
  test.each([
    ["throttlingException", "Too many requests", "rate_limit"],
    ["validationException", "Input is too long for requested model.", "context_window_exceeded"],
    ["serviceUnavailableException", "later", "service_unavailable"],
    ["modelStreamErrorException", "oops", "internal"],
  ])("%s inside a stream", (event, message, code) => {
    const data = JSON.stringify({ __type: event, message });
    const decoder = bedrockConverse.createStreamDecoder(context);
    expect(decoder.push({ event, data })).toMatchObject([{ type: "error", error: { code, message } }]);
    expect(decoder.end()).toEqual([]);
    const observer = bedrockConverse.createStreamObserver(context);
    expect(observer.observe(data, event)).toBe(FRAME_ERROR);
    expect(observer.failure?.code).toBe(code as never);
  });

  test("what a client is told", () => {
    const error = new GatewayError("rate_limit", "why");
    expect(bedrockConverse.encodeError(error, undefined)).toEqual({ __type: "ThrottlingException", message: "why" });
    const encoder = bedrockConverse.createStreamEncoder(answerContext());
    expect(encoder.error(error)).toContain("event: ThrottlingException\n");
  });

  test("an event that is no JSON is an error, not an exception", () => {
    const decoder = bedrockConverse.createStreamDecoder(context);
    expect(decoder.push({ event: "messageStart", data: "{" })).toMatchObject([{ type: "error" }]);
  });

  test.each([
    [{ messages: [] }, "model"],
    [{ model: "m", messages: 1 }, "messages"],
    [{ model: "m", messages: [{ role: "system", content: [] }] }, "messages.0.role"],
    [{ model: "m", messages: [{ role: "user", content: "x" }] }, "messages.0.content"],
  ])("%j names the field", (body, param) => {
    expect(() => bedrockConverse.decodeRequest(body)).toThrow(expect.objectContaining({ param }));
  });
});

test("usage is disjoint", () => {
  const usage = {
    inputTokens: 3,
    outputTokens: 4,
    totalTokens: 42,
    cacheReadInputTokens: 20,
    cacheWriteInputTokens: 15,
    cacheDetails: [
      { ttl: "1h", inputTokens: 5 },
      { ttl: "5m", inputTokens: 10 },
    ],
  };
  const read = bedrockConverse.readUsage({ usage, serviceTier: { type: "flex" } }, context);
  expect(read).toEqual({
    buckets: { input: 3, output: 4, cache_read: 20, cache_write_5m: 10, cache_write_1h: 5 },
    serviceTier: "flex",
  });
});

function encode(events: readonly StreamEvent[]): string {
  const encoder = bedrockConverse.createStreamEncoder(answerContext());
  return events.map((event) => encoder.push(event)).join("") + encoder.end();
}

/** The parts' events in turns: one of each part at a time. */
function zipped(events: readonly StreamEvent[]): StreamEvent[] {
  const parts = new Map<number, StreamEvent[]>();
  const others: StreamEvent[] = [];
  for (const event of events) {
    if (!("part" in event)) others.push(event);
    else parts.set(event.part, [...(parts.get(event.part) ?? []), event]);
  }
  const longest = Math.max(0, ...[...parts.values()].map((list) => list.length));
  const mixed = Array.from({ length: longest }, (_, turn) => [...parts.values()].flatMap((list) => list[turn] ?? []));
  const [start, ...rest] = others;
  return [start as StreamEvent, ...mixed.flat(), ...rest];
}

function said(answer: ConversationResponse) {
  return {
    usage: answer.usage,
    parts: (answer.choices[0]?.parts ?? []).map((part) =>
      part.type === "tool-call" ? { ...part, arguments: parseJson(part.arguments) } : part,
    ),
    finish: answer.choices[0]?.finish,
  };
}

function inOrder(parts: readonly object[]): string[] {
  return parts.map((part) => JSON.stringify(part)).sort();
}
