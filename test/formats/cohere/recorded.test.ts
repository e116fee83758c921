import { describe, expect, test } from "bun:test";
import { cohere } from "../../../src/formats/cohere/index.ts";
import type { ConversationResponse } from "../../../src/formats/conversation.ts";
import { asArray, asNumber, asObject, asString, type Json, type JsonObject } from "../../../src/json/json.ts";
import { SseFramer } from "../../../src/upstream/sse.ts";
import { inputTokens, outputTokens, type Usage } from "../../../src/usage/usage.ts";
import {
  assembled,
  brokenStreamRules,
  eventsOf,
  forEveryCut,
  recordedExchanges,
  requestContext,
  responseContext,
} from "../recorded-exchange.ts";

const EXCHANGES = recordedExchanges("cohere", /^v2-chat-/);
if (EXCHANGES.length === 0) test.skip("Cohere's recordings: not here", () => {});

/** What a recording says, read without the code under test. */
interface Expected {
  text: string;
  thinking: string;
  calls: { id: string; name: string; arguments: Json }[];
  finish: string;
  cited: string[];
  usage: JsonObject;
}

function expectedOf(text: string, body: JsonObject | undefined): Expected {
  const expected: Expected = { text: "", thinking: "", calls: [], finish: "", cited: [], usage: {} };
  const events =
    body === undefined ? [...text.matchAll(/^data: (\{.*\})$/gm)].map((m) => JSON.parse(m[1] as string)) : [];
  const argumentsOf: string[] = [];
  for (const event of events) {
    const message = event.delta?.message;
    if (event.type === "content-delta") {
      expected.text += message.content.text ?? "";
      expected.thinking += message.content.thinking ?? "";
    } else if (event.type === "tool-plan-delta") expected.thinking += message.tool_plan;
    else if (event.type === "tool-call-start") {
      expected.calls.push({ id: message.tool_calls.id, name: message.tool_calls.function.name, arguments: {} });
      argumentsOf.push("");
    } else if (event.type === "tool-call-delta") argumentsOf[event.index] += message.tool_calls.function.arguments;
    else if (event.type === "citation-start") expected.cited.push(message.citations.text);
    else if (event.type === "message-end") {
      expected.finish = event.delta.finish_reason;
      expected.usage = event.delta.usage;
    }
  }
  argumentsOf.forEach((json, index) => {
    if (json !== "") (expected.calls[index] as { arguments: Json }).arguments = JSON.parse(json);
  });
  if (body === undefined) return expected;
  const message = asObject(body.message) ?? {};
  for (const block of asArray(message.content)) {
    expected.text += asString(asObject(block)?.text) ?? "";
    expected.thinking += asString(asObject(block)?.thinking) ?? "";
  }
  expected.thinking += asString(message.tool_plan) ?? "";
  for (const call of asArray(message.tool_calls).map((item) => asObject(item) ?? {})) {
    const held = asObject(call.function) ?? {};
    expected.calls.push({
      id: call.id as string,
      name: held.name as string,
      arguments: JSON.parse(held.arguments as string),
    });
  }
  expected.cited = asArray(message.citations).map((citation) => asObject(citation)?.text as string);
  expected.finish = body.finish_reason as string;
  expected.usage = body.usage as JsonObject;
  return expected;
}

const FINISH: Record<string, string> = { COMPLETE: "stop", MAX_TOKENS: "length", TOOL_CALL: "tool-calls" };

function check(response: ConversationResponse, expected: Expected): void {
  const [choice] = response.choices;
  const parts = choice?.parts ?? [];
  expect(response.choices).toHaveLength(1);
  expect(parts.map((part) => (part.type === "text" ? part.text : "")).join("")).toBe(expected.text);
  expect(parts.map((part) => (part.type === "thinking" ? part.text : "")).join("")).toBe(expected.thinking);
  const calls = parts.flatMap((part) =>
    part.type === "tool-call" ? [{ id: part.id, name: part.name, arguments: JSON.parse(part.arguments) }] : [],
  );
  expect(calls).toEqual(expected.calls);
  expect(choice?.finish as string).toBe(FINISH[expected.finish] as string);
  const texts = parts.flatMap((part) => (part.type === "text" ? [part] : []));
  const cited = texts.flatMap((part) =>
    (part.citations ?? []).map((citation) => part.text.slice(citation.start, citation.end)),
  );
  expect(cited).toEqual(expected.cited);
  checkUsage(response.usage as Usage, expected.usage);
}

function checkUsage(usage: Usage, recorded: JsonObject): void {
  const tokens = asObject(recorded.tokens) ?? {};
  const billed = asObject(recorded.billed_units) ?? {};
  const images = asNumber(tokens.image_tokens) ?? 0;
  // With images only the billed figure holds the whole prompt.
  expect(inputTokens(usage)).toBe((images > 0 ? billed : tokens).input_tokens as number);
  expect(outputTokens(usage)).toBe(tokens.output_tokens as number);
  expect(usage.buckets.cache_read ?? 0).toBe((recorded.cached_tokens as number) ?? 0);
  expect(usage.buckets.output_reasoning ?? 0).toBe(asNumber(tokens.reasoning_tokens) ?? 0);
  expect(usage.buckets.input_image ?? 0).toBe(images);
}

describe("answers", () => {
  for (const exchange of EXCHANGES.filter((one) => one.status === 200 && !one.streamed)) {
    test(exchange.name, () => {
      const body = exchange.body as JsonObject;
      const expected = expectedOf(exchange.text, body);
      check(cohere.decodeResponse(body, responseContext()), expected);
      expect(cohere.readUsage(body, responseContext())).toEqual(
        cohere.decodeResponse(body, responseContext()).usage as Usage,
      );
    });
  }
});

describe("streams, cut at every byte", () => {
  for (const exchange of EXCHANGES.filter((one) => one.streamed)) {
    test(exchange.name, () => {
      const decode = () => cohere.createStreamDecoder(responseContext());
      const whole = eventsOf(exchange.text, new SseFramer(), decode());
      check(assembled(whole), expectedOf(exchange.text, undefined));
      expect(brokenStreamRules(whole)).toEqual([]);
      const wanted = JSON.stringify(whole);
      forEveryCut(
        exchange.text,
        () => new SseFramer(),
        decode,
        (events, cut) => {
          if (JSON.stringify(events) !== wanted) throw new Error(`another answer when cut at byte ${cut}`);
        },
      );
    });

    test(`${exchange.name}: read on the side`, () => {
      const observer = cohere.createStreamObserver(responseContext());
      const framer = new SseFramer();
      for (const frame of [...framer.push(new TextEncoder().encode(exchange.text)), ...framer.end()]) {
        observer.observe(frame.data, frame.event);
      }
      const expected = expectedOf(exchange.text, undefined);
      checkUsage(observer.usage as Usage, expected.usage);
      expect(observer.failure).toBeUndefined();
      expect(observer.textLength).toBeGreaterThanOrEqual(expected.text.length + expected.thinking.length);
    });

    test(`${exchange.name}: broken off anywhere, it is an error`, () => {
      const end = exchange.text.indexOf("event: message-end");
      for (let at = 1; at < end; at += 97) {
        const events = eventsOf(
          exchange.text.slice(0, at),
          new SseFramer(),
          cohere.createStreamDecoder(responseContext()),
        );
        expect(events.at(-1)?.type).toBe("error");
        expect(events.filter((event) => event.type === "finish")).toEqual([]);
      }
    });
  }
});

describe("requests", () => {
  for (const exchange of EXCHANGES) {
    test(exchange.name, () => {
      const recorded = exchange.request as JsonObject;
      const request = cohere.decodeRequest(recorded);
      const context = requestContext(recorded.model as string);
      expect(canonical(cohere.encodeRequest(request, context))).toEqual(canonical(recorded));
      expect(context.report.changes).toEqual([]);
    });
  }
});

/** The same request said in one way: text as text, nothing where nothing is said. */
function canonical(body: JsonObject): JsonObject {
  const { stream, documents, messages, ...rest } = body;
  return {
    ...rest,
    stream: stream === true,
    ...(asArray(documents).length === 0 ? {} : { documents }),
    messages: asArray(messages).map((message) => {
      const { content, ...others } = message as JsonObject;
      const blocks = asArray(content);
      const [only] = blocks;
      const said = blocks.length === 1 && asObject(only)?.type === "text" ? asObject(only)?.text : content;
      return said === "" && others.tool_calls !== undefined ? others : { ...others, content: said };
    }),
  };
}

describe("errors", () => {
  const CODES: Record<string, string> = { 401: "authentication", 404: "not_found" };
  for (const exchange of EXCHANGES.filter((one) => one.status >= 400)) {
    test(exchange.name, () => {
      const failure = cohere.decodeError(exchange.status, exchange.text, new Headers());
      expect(failure.code as string).toBe(CODES[exchange.status] as string);
      expect(failure.message).toBe(exchange.body?.message as string);
      expect(failure.upstreamStatus).toBe(exchange.status);
    });
  }
});
