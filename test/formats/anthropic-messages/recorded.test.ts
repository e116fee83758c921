import { describe, expect, test } from "bun:test";
import { anthropicMessages } from "../../../src/formats/anthropic-messages/index.ts";
import type { ConversationResponse, Part, StreamEvent } from "../../../src/formats/conversation.ts";
import { FRAME_CONTENT, FRAME_DONE, FRAME_FINISH } from "../../../src/formats/format.ts";
import { replay } from "../../../src/formats/replay.ts";
import { asObject, parseJson } from "../../../src/json/json.ts";
import { SseFramer } from "../../../src/upstream/sse.ts";
import {
  answerContext,
  assembled,
  brokenStreamRules,
  eventsOf,
  forEveryCut,
  recordedExchanges,
  requestContext,
} from "../recorded-exchange.ts";
import { brokenGrammar, normalAnswer, normalRequest } from "./wire.ts";

const recorded = [...recordedExchanges("anthropic", /^messages/), ...recordedExchanges("ollama", /^messages/)];
if (recorded.length === 0) console.log("no recorded Anthropic exchanges: skipped");

const context = { provider: "anthropic", owner: "anthropic", model: "claude" } as const;
const makeDecoder = () => anthropicMessages.createStreamDecoder(context);
const makeFramer = () => new SseFramer();

/** Beyond this many bytes a stream is cut into single bytes, not once at each of them. */
const EVERY_CUT = 6_000;

describe("recorded requests", () => {
  for (const exchange of recorded) {
    const body = exchange.request;
    if (body === undefined) continue;
    test(`${exchange.name}: nothing is lost through the conversation`, () => {
      const target = requestContext(String(body.model), { owner: "anthropic" });
      const encoded = anthropicMessages.encodeRequest(anthropicMessages.decodeRequest(body), target);
      expect(normalRequest(encoded)).toEqual(normalRequest(body));
      expect(target.report.changes).toEqual([]);
    });
  }
});

describe("recorded answers", () => {
  for (const exchange of recorded) {
    const body = exchange.body;
    if (exchange.streamed || exchange.status !== 200 || body === undefined) continue;
    test(`${exchange.name}: decode and encode keep everything`, () => {
      const answer = anthropicMessages.decodeResponse(body, context);
      const encoded = anthropicMessages.encodeResponse(answer, answerContext(String(body.model)));
      expect(normalAnswer(unsigned(encoded))).toEqual(normalAnswer(unsigned(body)));
    });
    test(`${exchange.name}: streams as the same answer`, () => {
      const answer = anthropicMessages.decodeResponse(body, context);
      const text = encodeStream(replay(answer), String(body.model));
      expect(brokenGrammar(text)).toEqual([]);
      expect(comparable(assembled(eventsOf(text, makeFramer(), makeDecoder())))).toEqual(comparable(answer));
    });
  }
});

describe("recorded streams", () => {
  for (const exchange of recorded) {
    if (!exchange.streamed) continue;
    const whole = eventsOf(exchange.text, makeFramer(), makeDecoder());
    test(`${exchange.name}: follows the rules of events`, () => {
      expect(brokenStreamRules(whole)).toEqual([]);
      expect(whole.filter((event) => event.type === "error")).toEqual([]);
      expect(whole.filter((event) => event.type === "finish")).toHaveLength(1);
      expect(whole.at(-1)?.type).toBe("usage");
    });
    test(`${exchange.name}: cut anywhere it says the same`, () => {
      expect(eventsOf(exchange.text, makeFramer(), makeDecoder(), 1)).toEqual(whole);
      if (exchange.text.length > EVERY_CUT) return;
      const expected = JSON.stringify(whole);
      forEveryCut(exchange.text, makeFramer, makeDecoder, (events, cut) => {
        if (JSON.stringify(events) !== expected) throw new Error(`cut at byte ${cut} changes the events`);
      });
    });
    test(`${exchange.name}: encoded again it says the same`, () => {
      const text = encodeStream(whole, "claude");
      expect(brokenGrammar(text)).toEqual([]);
      const { model: _, ...again } = assembled(eventsOf(text, makeFramer(), makeDecoder()));
      const { model: __, ...before } = assembled(whole);
      expect(again).toEqual(before);
    });
    test(`${exchange.name}: the whole answer says the same`, () => {
      const answer = assembled(whole);
      const body = anthropicMessages.encodeResponse(answer, answerContext(answer.model));
      expect(comparable(anthropicMessages.decodeResponse(body, context))).toEqual(comparable(answer));
    });
    test(`${exchange.name}: the observer reads what the decoder reads`, () => {
      const observer = anthropicMessages.createStreamObserver(context);
      const unnamed = anthropicMessages.createStreamObserver(context);
      const decoder = makeDecoder();
      let finishes = 0;
      let length = 0;
      let last = 0;
      for (const frame of makeFramer().push(new TextEncoder().encode(exchange.text))) {
        last = observer.observe(frame.data, frame.event);
        expect(last).toBe(unnamed.observe(frame.data, "chunk"));
        const events = decoder.push(frame);
        finishes += (last & FRAME_FINISH) / FRAME_FINISH;
        length += textOf(events);
        const text = events.some((event) => event.type === "delta" && event.text !== "");
        if (text) expect(last & FRAME_CONTENT).toBe(FRAME_CONTENT);
      }
      expect(finishes).toBe(1);
      expect(last & FRAME_DONE).toBe(FRAME_DONE);
      expect(observer.usage).toEqual(assembled(whole).usage);
      // A server tool's input is text too, though it is no delta of the answer.
      expect(observer.textLength).toBeGreaterThanOrEqual(length);
      if (!whole.some((event) => event.type === "part" && event.value.type === "opaque")) {
        expect(observer.textLength).toBe(length);
      }
    });
    test(`${exchange.name}: cut off it ends with an error`, () => {
      const before = exchange.text.indexOf("event: message_delta");
      const events = eventsOf(exchange.text.slice(0, before), makeFramer(), makeDecoder());
      expect(events.at(-1)?.type).toBe("error");
      expect(brokenStreamRules(events)).toEqual([]);
    });
  }
});

describe("recorded errors", () => {
  const codes: Record<string, string> = {
    "messages-status-400-context-length": "context_window_exceeded",
    "messages-status-400": "invalid_request",
    "messages-status-401": "authentication",
    "messages-status-404": "not_found",
  };
  for (const exchange of recorded.filter(({ status }) => status !== 200)) {
    test(exchange.name, () => {
      const failure = anthropicMessages.decodeError(exchange.status, exchange.text, new Headers());
      expect(failure.code).toBe(codes[exchange.name] as never);
      expect(failure.message).toBe(String(asObject(exchange.body?.error)?.message));
      expect(failure.upstreamStatus).toBe(exchange.status);
    });
  }
});

function encodeStream(events: readonly StreamEvent[], model: string): string {
  const encoder = anthropicMessages.createStreamEncoder(answerContext(model));
  return events.map((event) => encoder.push(event)).join("") + encoder.end();
}

function textOf(events: readonly StreamEvent[]): number {
  let length = 0;
  for (const event of events) if (event.type === "delta" && event.text !== "{}") length += event.text.length;
  return length;
}

/** Models write arguments with spaces of their own; only what they say counts. */
function comparable(answer: ConversationResponse): unknown {
  return {
    ...answer,
    choices: answer.choices.map((choice) => ({
      ...choice,
      parts: choice.parts.map((part: Part) =>
        part.type === "tool-call" ? { ...part, arguments: parseJson(part.arguments) } : part,
      ),
    })),
  };
}

/** Servers other than Anthropic's do not sign; clients are told an empty signature then. */
function unsigned<T extends object>(body: T): T {
  return JSON.parse(JSON.stringify(body).replaceAll(',"signature":""', "")) as T;
}
