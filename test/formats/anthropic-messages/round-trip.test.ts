import { expect, test } from "bun:test";
import fc from "fast-check";
import { anthropicMessages } from "../../../src/formats/anthropic-messages/index.ts";
import { withoutForeignSealed } from "../../../src/formats/anthropic-messages/sealed.ts";
import type { Choice, ConversationResponse, Part, Sealed, StreamEvent } from "../../../src/formats/conversation.ts";
import { replay } from "../../../src/formats/replay.ts";
import { asArray, type Json, parseJson } from "../../../src/json/json.ts";
import { SseFramer } from "../../../src/upstream/sse.ts";
import { answers, someText } from "../arbitraries.ts";
import { answerContext, assembled, brokenStreamRules, eventsOf, requestContext } from "../recorded-exchange.ts";
import { brokenGrammar, framesOf, normalRequest } from "./wire.ts";
import { requestBodies } from "./wire-arbitraries.ts";

const context = { provider: "anthropic", owner: "anthropic", model: "claude" } as const;

test("a request comes back as it was", () => {
  fc.assert(
    fc.property(requestBodies, (body) => {
      const target = requestContext(String(body.model), { owner: "anthropic" });
      const encoded = anthropicMessages.encodeRequest(anthropicMessages.decodeRequest(body), target);
      expect(normalRequest(encoded)).toEqual(normalRequest(body));
      expect(target.report.changes).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test("results of tools are messages of their own, named after their calls", () => {
  const { messages } = anthropicMessages.decodeRequest({
    model: "m",
    messages: [
      { role: "assistant", content: [{ type: "tool_use", id: "a", name: "f", input: {} }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "a", content: "ok" }] },
    ],
  });
  expect(messages).toMatchObject([{ role: "assistant" }, { role: "tool", parts: [{ callId: "a", name: "f" }] }]);
  expect(messages).toHaveLength(2);
});

const foreign: fc.Arbitrary<Sealed> = fc.record(
  {
    owner: fc.constantFrom("gemini", "openai", "xai"),
    value: fc.string({ minLength: 1, unit: "grapheme" }),
    detail: fc.constant({ id: "rs_1", note: "\u00e4\u{1f511}" }),
  },
  { requiredKeys: ["owner", "value"] },
);

/** Answers of which some parts are sealed by whoever gave them. */
const sealedAnswers: fc.Arbitrary<ConversationResponse> = fc
  .tuple(answers, foreign, fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }))
  .map(([answer, sealed, which]) => ({
    ...answer,
    choices: answer.choices.map((choice) => ({
      ...choice,
      parts: choice.parts.map((part, index): Part => {
        const takes = part.type === "thinking" || part.type === "text" || part.type === "tool-call";
        return takes && which[index] === true ? { ...part, sealed } : part;
      }),
    })),
  }));

test("a client's next turn returns an answer with every sealed value in its place", () => {
  fc.assert(
    fc.property(sealedAnswers, (answer) => {
      const body = anthropicMessages.encodeResponse(answer, answerContext());
      const turn = anthropicMessages.decodeRequest({
        model: "m",
        max_tokens: 1,
        messages: [
          { role: "user", content: "hi" },
          { role: "assistant", content: body.content as Json },
        ],
      });
      expect(turn.messages[1]?.parts.map(plain)).toEqual(answer.choices[0]?.parts.map(plain) ?? []);
    }),
  );
});

test("what others sealed is removed from a body that goes to Anthropic as it is", () => {
  fc.assert(
    fc.property(sealedAnswers, (answer) => {
      const { content } = anthropicMessages.encodeResponse(answer, answerContext());
      const messages = [{ role: "assistant", content: asArray(content) }];
      const cleaned = withoutForeignSealed({ model: "m", messages });
      expect(JSON.stringify(cleaned)).not.toContain("isthmus.sealed");
      const texts = (body: unknown): number => JSON.stringify(body).split('"type":"text"').length;
      expect(texts(cleaned)).toBe(texts({ messages }));
    }),
  );
});

test("a body without foreign seals is the same object", () => {
  const body = { messages: [{ role: "assistant", content: [{ type: "thinking", thinking: "", signature: "abc" }] }] };
  expect(withoutForeignSealed(body)).toBe(body);
});

test("a stream says what the answer says, and in Anthropic's grammar", () => {
  fc.assert(
    fc.property(sealedAnswers, (answer) => {
      const text = encode(replay(answer));
      expect(brokenGrammar(text)).toEqual([]);
      const whole = anthropicMessages.encodeResponse(answer, answerContext());
      expect(JSON.parse(JSON.stringify(whole.content))).toEqual(assembledBody(text));
    }),
  );
});

test("a decoded stream says what the decoded answer says", () => {
  fc.assert(
    fc.property(answers, (answer) => {
      const events = eventsOf(encode(replay(answer)), new SseFramer(), anthropicMessages.createStreamDecoder(context));
      expect(brokenStreamRules(events)).toEqual([]);
      const whole = anthropicMessages.decodeResponse(
        anthropicMessages.encodeResponse(answer, answerContext()),
        context,
      );
      expect(comparableAnswer(assembled(events))).toEqual(comparableAnswer(whole));
    }),
  );
});

test("parts that arrive interleaved become blocks in turn, and nothing is lost", () => {
  fc.assert(
    fc.property(answers, fc.infiniteStream(fc.nat(9)), (answer, order) => {
      const text = encode(interleave(replay(answer), order));
      expect(brokenGrammar(text)).toEqual([]);
      const blocks = assembledBody(text);
      const parts = answer.choices[0]?.parts ?? [];
      const said = (type: string, member: string): string =>
        blocks.map((block) => (block.type === type ? String(block[member]) : "")).join("");
      const meant = (type: Part["type"]): string =>
        parts.map((part) => (part.type === type && "text" in part ? part.text : "")).join("");
      expect(said("text", "text")).toBe(meant("text"));
      expect(said("thinking", "thinking")).toBe(meant("thinking"));
      const calls = blocks.filter((block) => block.type === "tool_use");
      expect(calls.map((call) => [call.id, call.input])).toEqual(
        parts.flatMap((part) => (part.type === "tool-call" ? [[part.id, parseJson(part.arguments)]] : [])),
      );
    }),
  );
});

test("text reaches the client before the call that follows it is complete", () => {
  const encoder = anthropicMessages.createStreamEncoder(answerContext());
  const at = { choice: 0, part: 0 };
  encoder.push({ type: "start" });
  encoder.push({ type: "part-start", ...at, kind: "text" });
  encoder.push({ type: "delta", ...at, text: "Hello" });
  const opened = encoder.push({ type: "part-start", choice: 0, part: 1, kind: "tool-call", id: "a", name: "f" });
  const arguments_ = encoder.push({ type: "delta", choice: 0, part: 1, text: "{" });
  expect(framesOf(opened + arguments_).map(({ event }) => event)).toEqual([
    "content_block_stop",
    "content_block_start",
    "content_block_delta",
  ]);
});

test("text of any kind survives", () => {
  fc.assert(
    fc.property(someText, (text) => {
      const answer: ConversationResponse = { choices: [{ index: 0, parts: [{ type: "text", text }], finish: "stop" }] };
      const events = eventsOf(
        encode(replay(answer)),
        new SseFramer(),
        anthropicMessages.createStreamDecoder(context),
        1,
      );
      expect(assembled(events).choices[0]?.parts).toEqual([{ type: "text", text }]);
    }),
  );
});

function encode(events: Iterable<StreamEvent>): string {
  const encoder = anthropicMessages.createStreamEncoder(answerContext());
  let text = "";
  for (const event of events) text += encoder.push(event);
  return text + encoder.end();
}

/** The parts' events in another order: each part's own stay in theirs, and parts begin in theirs. */
function interleave(events: readonly StreamEvent[], order: Iterable<number>): StreamEvent[] {
  const queues: StreamEvent[][] = [];
  for (const event of events) {
    if (!("part" in event)) continue;
    const queue = queues[event.part] ?? [];
    queues[event.part] = queue;
    queue.push(event);
  }
  const mixed: StreamEvent[] = [];
  let begun = 0;
  for (const choice of order) {
    const open = queues.slice(0, begun).filter((queue) => queue.length > 0);
    const begins = begun < queues.length && (open.length === 0 || choice > 6);
    const queue = begins ? queues[begun++] : open[choice % open.length];
    const event = queue?.shift();
    if (event === undefined) break;
    mixed.push(event);
  }
  const [start, ...rest] = events.filter((event) => !("part" in event));
  return [start as StreamEvent, ...mixed, ...rest];
}

/** The blocks that a stream's frames add up to, as the official SDK adds them. */
function assembledBody(text: string): Record<string, unknown>[] {
  const blocks: Record<string, unknown>[] = [];
  const inputs = new Map<number, string>();
  for (const { body } of framesOf(text)) {
    const index = Number(body.index);
    if (body.type === "content_block_start") blocks[index] = { ...(body.content_block as object) };
    if (body.type !== "content_block_delta") continue;
    const delta = body.delta as Record<string, string>;
    const block = blocks[index] as Record<string, unknown>;
    if (delta.type === "text_delta") block.text = `${block.text}${delta.text}`;
    if (delta.type === "thinking_delta") block.thinking = `${block.thinking}${delta.thinking}`;
    if (delta.type === "signature_delta") block.signature = delta.signature;
    if (delta.type === "input_json_delta") inputs.set(index, (inputs.get(index) ?? "") + delta.partial_json);
  }
  for (const [index, input] of inputs) (blocks[index] as Record<string, unknown>).input = parseJson(input);
  return blocks;
}

function comparableAnswer(answer: ConversationResponse): unknown {
  return {
    ...answer,
    choices: answer.choices.map((choice: Choice) => ({ ...choice, parts: choice.parts.map(plain) })),
  };
}

function plain(part: Part): unknown {
  return part.type === "tool-call" ? { ...part, arguments: parseJson(part.arguments) } : part;
}
