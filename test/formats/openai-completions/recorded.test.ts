import { describe, expect, test } from "bun:test";
import type { ConversationResponse } from "../../../src/formats/conversation.ts";
import { openaiCompletions } from "../../../src/formats/openai-completions/index.ts";
import { asArray, asNumber, asObject, asString, type JsonObject } from "../../../src/json/json.ts";
import { SseFramer } from "../../../src/upstream/sse.ts";
import { inputTokens, outputTokens, type Usage } from "../../../src/usage/usage.ts";
import {
  answerContext,
  assembled,
  brokenStreamRules,
  eventsOf,
  forEveryCut,
  recordedExchanges,
  requestContext,
  responseContext,
} from "../recorded-exchange.ts";

const FOLDERS = ["openai", "azure", "cerebras", "fireworks_ai", "hosted_vllm", "huggingface", "together_ai"];
const EXCHANGES = FOLDERS.flatMap((folder) =>
  recordedExchanges(folder, /^text-completions-/).map((exchange) => ({
    ...exchange,
    name: `${folder}/${exchange.name}`,
  })),
);
if (EXCHANGES.length === 0) test.skip("Recordings of text completions: not here", () => {});

const ANSWERS = EXCHANGES.filter((exchange) => exchange.status === 200);
const STREAMS = ANSWERS.filter((exchange) => exchange.streamed);

/** What a recording says of each choice, read without the code under test. */
interface Expected {
  readonly choices: { text: string; finish: string; tokens: string[]; values: number[] }[];
  usage: JsonObject | undefined;
}

function expectedOf(exchange: (typeof EXCHANGES)[number]): Expected {
  const bodies =
    exchange.body === undefined
      ? [...exchange.text.matchAll(/^data: (\{.*\})$/gm)].map((match) => JSON.parse(match[1] as string) as JsonObject)
      : [exchange.body];
  const expected: Expected = { choices: [], usage: undefined };
  for (const body of bodies) {
    for (const choice of asArray(body.choices) as JsonObject[]) {
      const index = choice.index as number;
      expected.choices[index] ??= { text: "", finish: "", tokens: [], values: [] };
      const known = expected.choices[index];
      known.text += choice.text as string;
      known.finish = asString(choice.finish_reason) ?? known.finish;
      known.tokens.push(...(asArray(asObject(choice.logprobs)?.tokens) as string[]));
      known.values.push(...(asArray(asObject(choice.logprobs)?.token_logprobs) as number[]));
    }
    expected.usage = asObject(body.usage) ?? expected.usage;
  }
  return expected;
}

function check(answer: ConversationResponse, expected: Expected): void {
  expect(answer.choices).toHaveLength(expected.choices.length);
  for (const choice of answer.choices) {
    const wanted = expected.choices[choice.index];
    expect(choice.parts.map((part) => (part.type === "text" ? part.text : "?")).join("")).toBe(wanted?.text as string);
    expect(choice.finish as string).toBe(wanted?.finish as string);
    const content = asArray(asObject(choice.logprobs)?.content) as JsonObject[];
    expect(content.map((entry) => entry.token as string)).toEqual(wanted?.tokens as string[]);
    expect(content.map((entry) => entry.logprob as number)).toEqual(wanted?.values as number[]);
  }
  if (expected.usage === undefined) expect(answer.usage).toBeUndefined();
  else checkUsage(answer.usage as Usage, expected.usage);
}

function checkUsage(usage: Usage, recorded: JsonObject): void {
  expect(inputTokens(usage)).toBe(recorded.prompt_tokens as number);
  expect(outputTokens(usage)).toBe(recorded.completion_tokens as number);
}

describe("answers", () => {
  for (const exchange of ANSWERS.filter((one) => !one.streamed)) {
    test(exchange.name, () => {
      const body = exchange.body as JsonObject;
      const answer = openaiCompletions.decodeResponse(body, responseContext());
      check(answer, expectedOf(exchange));
      expect(openaiCompletions.readUsage(body, responseContext())).toEqual(answer.usage as Usage);

      const again = openaiCompletions.encodeResponse(answer, answerContext(body.model as string));
      for (const name of ["id", "created"]) if (body[name]) expect(again[name] === body[name]).toBe(true);
      expect(again).toMatchObject({ object: "text_completion", model: body.model as string });
      expect(again.choices as unknown).toEqual(body.choices);
    });
  }
});

describe("streams, cut at every byte", () => {
  for (const exchange of STREAMS) {
    test(exchange.name, () => {
      const decode = () => openaiCompletions.createStreamDecoder(responseContext());
      const whole = eventsOf(exchange.text, new SseFramer(), decode());
      check(assembled(whole), expectedOf(exchange));
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

    test(`${exchange.name}: written again`, () => {
      const events = eventsOf(exchange.text, new SseFramer(), openaiCompletions.createStreamDecoder(responseContext()));
      const context = answerContext("model");
      const encoder = openaiCompletions.createStreamEncoder({
        ...context,
        request: { ...context.request, includeUsage: true, sampling: { logprobs: true } },
      });
      const text = events.map((event) => encoder.push(event)).join("") + encoder.end();
      expect(text.endsWith("data: [DONE]\n\n")).toBe(true);
      const again = eventsOf(text, new SseFramer(), openaiCompletions.createStreamDecoder(responseContext()));
      expect(assembled(again).choices).toEqual(assembled(events).choices);
      expect(assembled(again).usage?.buckets).toEqual(assembled(events).usage?.buckets as Usage["buckets"]);
      const offsets = [...text.matchAll(/"text_offset":\[(\d+)\]/g)].map((match) => Number(match[1]));
      expect(offsets).toEqual([...exchange.text.matchAll(/"text_offset":\[(\d+)\]/g)].map((match) => Number(match[1])));
    });

    test(`${exchange.name}: read on the side`, () => {
      const observer = openaiCompletions.createStreamObserver(responseContext());
      const framer = new SseFramer();
      for (const frame of [...framer.push(new TextEncoder().encode(exchange.text)), ...framer.end()]) {
        observer.observe(frame.data, frame.event);
      }
      const expected = expectedOf(exchange);
      if (expected.usage !== undefined) checkUsage(observer.usage as Usage, expected.usage);
      expect(observer.failure).toBeUndefined();
      const length = expected.choices.reduce((sum, choice) => sum + choice.text.length, 0);
      expect(observer.textLength).toBeGreaterThanOrEqual(length);
      expect(observer.textLength).toBeLessThan(length * 2);
    });

    test(`${exchange.name}: broken off before its first finish, it is an error`, () => {
      const end = /"finish_reason": ?"/.exec(exchange.text)?.index ?? 0;
      expect(asNumber(end)).toBeGreaterThan(0);
      for (let at = 1; at < end; at += 211) {
        const text = exchange.text.slice(0, at);
        const events = eventsOf(text, new SseFramer(), openaiCompletions.createStreamDecoder(responseContext()));
        expect(events.at(-1)?.type).toBe("error");
        expect(events.some((event) => event.type === "finish")).toBe(false);
      }
    });
  }
});

describe("requests", () => {
  for (const exchange of EXCHANGES.filter((one) => typeof one.request?.prompt === "string")) {
    test(exchange.name, () => {
      const recorded = exchange.request as JsonObject;
      const context = requestContext(recorded.model as string);
      const { stop, ...rest } = recorded;
      const body = openaiCompletions.encodeRequest(openaiCompletions.decodeRequest(recorded), context);
      expect(body).toEqual({
        ...rest,
        ...(stop === undefined ? {} : { stop: typeof stop === "string" ? [stop] : stop }),
      });
      expect(context.report.changes).toEqual([]);
    });
  }
});

describe("errors", () => {
  for (const exchange of EXCHANGES.filter((one) => one.status >= 400)) {
    test(exchange.name, () => {
      const failure = openaiCompletions.decodeError(exchange.status, exchange.text, new Headers());
      expect(failure.message).toBe(asObject(exchange.body?.error)?.message as string);
      expect(failure.code as string).toBe(exchange.status === 401 ? "authentication" : "invalid_request");
    });
  }
});
