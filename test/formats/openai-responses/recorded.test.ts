import { describe, expect, test } from "bun:test";
import type { ConversationResponse } from "../../../src/formats/conversation.ts";
import type { ResponseContext } from "../../../src/formats/format.ts";
import { openaiResponses } from "../../../src/formats/openai-responses/index.ts";
import { asArray, asNumber, asObject, asString, type Json, type JsonObject } from "../../../src/json/json.ts";
import { SseFramer } from "../../../src/upstream/sse.ts";
import { inputTokens, outputTokens, totalTokens, type Usage } from "../../../src/usage/usage.ts";
import {
  answerContext,
  assembled,
  brokenStreamRules,
  eventsOf,
  forEveryCut,
  recordedExchanges,
  requestContext,
} from "../recorded-exchange.ts";
import { brokenGrammar, framesOf } from "./stream-grammar.ts";

const FOLDERS = ["openai", "azure", "xai", "chatgpt", "deepseek", "github_copilot", "bedrock_mantle"];
const EXCHANGES = FOLDERS.flatMap((folder) =>
  recordedExchanges(folder, /^responses-/).map((exchange) => ({ ...exchange, name: `${folder}/${exchange.name}` })),
);
if (EXCHANGES.length === 0) test.skip("Recordings of the Responses API: not here", () => {});

const CONTEXT: ResponseContext = { provider: "openai", owner: "openai", model: "model" };
const ANSWERS = EXCHANGES.filter((exchange) => exchange.status === 200);
/** Characters above which a stream is cut into pieces of a few sizes, one byte among them, instead of once at each byte. */
const LONG = 8_000;
const STREAMS = ANSWERS.filter((exchange) => exchange.streamed);

/** What a recording says, read without the code under test. */
interface Expected {
  readonly items: readonly JsonObject[];
  readonly response: JsonObject;
}

function expectedOf(exchange: (typeof EXCHANGES)[number]): Expected {
  if (exchange.body !== undefined)
    return { items: asArray(exchange.body.output) as JsonObject[], response: exchange.body };
  const events = [...exchange.text.matchAll(/^data: ?(\{.*\})$/gm)].map((match) => JSON.parse(match[1] as string));
  const { response } = events.at(-1);
  const items = events
    .filter((event) => event.type === "response.output_item.done")
    // OpenAI encrypts reasoning anew in the last event.
    .map(({ item }) => (item.encrypted_content ? (sameItem(response.output, item) ?? item) : item));
  return { items, response };
}

function sameItem(output: unknown, item: JsonObject): JsonObject | undefined {
  return (asArray(output) as JsonObject[]).find(({ id }) => id === item.id);
}

const joined = (list: unknown, key: string): string =>
  asArray(list)
    .map((part) => asString(asObject(part)?.[key]) ?? "")
    .join("");

const squeezed = (text: string): string => text.replace(/\s+/g, "");

function check(answer: ConversationResponse, { items, response }: Expected): void {
  expect(answer.choices).toHaveLength(1);
  const [choice] = answer.choices;
  const parts = choice?.parts ?? [];
  const messages = items.filter((item) => item.type === "message");
  const contents = messages.flatMap((item) => asArray(item.content) as JsonObject[]);
  expect(parts.map((part) => (part.type === "text" ? part.text : "")).join("")).toBe(joined(contents, "text"));
  expect(parts.map((part) => (part.type === "refusal" ? part.text : "")).join("")).toBe(joined(contents, "refusal"));
  const cited = parts.flatMap((part) => (part.type === "text" ? (part.citations ?? []) : []));
  expect(cited.map((citation) => citation.url)).toEqual(
    contents.flatMap((part) => asArray(part.annotations).map((annotation) => asObject(annotation)?.url as string)),
  );
  const reasoning = items.filter((item) => item.type === "reasoning");
  const thinking = parts.map((part) => (part.type === "thinking" ? part.text : "")).join("");
  expect(squeezed(thinking)).toBe(
    squeezed(reasoning.map((item) => joined(item.summary, "text") || joined(item.content, "text")).join("")),
  );
  const sealed = parts.flatMap((part) => (part.type === "thinking" && part.sealed ? [part.sealed] : []));
  expect(sealed).toEqual(
    reasoning
      .filter((item) => item.encrypted_content)
      .map((item) => ({
        owner: "openai",
        value: item.encrypted_content as string,
        detail: { id: item.id as string },
      })),
  );
  const calls = items.filter((item) => item.type === "function_call");
  expect(
    parts.flatMap((part) =>
      part.type === "tool-call" ? [{ call_id: part.id, name: part.name, arguments: part.arguments }] : [],
    ),
  ).toEqual(
    calls.map((item) => ({
      call_id: uniqueCallId(item),
      name: item.name as string,
      arguments: item.arguments as string,
    })),
  );
  const finish = response.status === "incomplete" ? "length" : calls.length > 0 ? "tool-calls" : "stop";
  expect(choice?.finish as string).toBe(finish);
  expect(answer.id).toBe(response.id as string);
  expect(answer.model).toBe(response.model as string);
  if (response.usage === undefined || response.usage === null) expect(answer.usage).toBeUndefined();
  else checkUsage(answer.usage as Usage, items, response);
}

/** Calls that a host counts anew in every answer get their item's id, which is unique. */
function uniqueCallId(item: JsonObject): string {
  const id = item.call_id as string;
  return /^call_\d+$/.test(id) ? (item.id as string) : id;
}

function checkUsage(usage: Usage, items: readonly JsonObject[], response: JsonObject): void {
  const recorded = asObject(response.usage) ?? {};
  expect(inputTokens(usage)).toBe(recorded.input_tokens as number);
  expect(outputTokens(usage)).toBe(recorded.output_tokens as number);
  expect(totalTokens(usage)).toBe(recorded.total_tokens as number);
  const details = asObject(recorded.input_tokens_details);
  expect(usage.buckets.cache_read ?? 0).toBe(asNumber(details?.cached_tokens) ?? 0);
  expect(usage.buckets.cache_write_5m ?? 0).toBe(asNumber(details?.cache_write_tokens) ?? 0);
  expect(usage.buckets.output_reasoning ?? 0).toBe(
    asNumber(asObject(recorded.output_tokens_details)?.reasoning_tokens) ?? 0,
  );
  expect(usage.buckets.web_searches ?? 0).toBe(items.filter((item) => item.type === "web_search_call").length);
}

describe("answers", () => {
  for (const exchange of ANSWERS.filter((one) => !one.streamed)) {
    test(exchange.name, () => {
      const body = exchange.body as JsonObject;
      const answer = openaiResponses.decodeResponse(body, CONTEXT);
      check(answer, expectedOf(exchange));
      expect(openaiResponses.readUsage(body, CONTEXT)).toEqual(answer.usage as Usage);
    });
  }
});

describe("answers come back as they were", () => {
  for (const exchange of ANSWERS) {
    test(exchange.name, () => {
      const { items, response } = expectedOf(exchange);
      const named = items.map((item) =>
        item.type === "function_call" ? { ...item, call_id: uniqueCallId(item) } : item,
      );
      const body: JsonObject = { ...response, output: named };
      const answer = openaiResponses.decodeResponse(body, CONTEXT);
      const encoded = openaiResponses.encodeResponse(answer, answerContext(body.model as string));
      expect(comparable(encoded)).toEqual(comparable(body));
    });
  }
});

/** An answer without what says nothing: nulls, empty lists, totals of the gateway's own, extra figures of xAI's. */
function comparable(response: JsonObject): Json {
  const { usage, ...rest } = response;
  const counts = asObject(usage) ?? {};
  const inDetails = asObject(counts.input_tokens_details) ?? {};
  return bare({
    ...rest,
    output_text: null,
    // Defaults that an answer need not repeat.
    background: rest.background ?? false,
    truncation: rest.truncation ?? "disabled",
    top_logprobs: rest.top_logprobs ?? 0,
    service_tier: rest.service_tier ?? "auto",
    store: rest.store ?? true,
    output: asArray(rest.output).map((item) => comparableItem(asObject(item) ?? {})),
    usage: {
      input_tokens: counts.input_tokens,
      cached: asNumber(inDetails.cached_tokens) || null,
      written: asNumber(inDetails.cache_write_tokens) || null,
      output_tokens: counts.output_tokens,
      output_tokens_details: counts.output_tokens_details,
      total_tokens: counts.total_tokens,
    },
  });
}

/** Reasoning has no status in OpenAI's answers; Bedrock writes a call's id into `item_id`. */
function comparableItem(item: JsonObject): JsonObject {
  const { status, item_id, output_index, ...rest } = item;
  return {
    ...rest,
    id: rest.id ?? "none",
    ...(item.type === "reasoning" ? {} : { status }),
    ...(asString(rest.id)?.includes("_gw_") ? { id: "none" } : {}),
  };
}

function bare(value: Json | undefined): Json {
  if (Array.isArray(value)) return value.map((item) => bare(item as Json));
  const object = asObject(value);
  if (object === undefined) return value ?? null;
  const kept = Object.entries(object)
    .map(([key, item]) => [key, bare(item)] as const)
    .filter(([, item]) => item !== null && !(Array.isArray(item) && item.length === 0))
    .filter(([, item]) => !(asObject(item) !== undefined && Object.keys(asObject(item) ?? {}).length === 0));
  return Object.fromEntries(kept);
}

describe("streams, cut at every byte", () => {
  for (const exchange of STREAMS) {
    test(exchange.name, () => {
      const decode = () => openaiResponses.createStreamDecoder(CONTEXT);
      const whole = eventsOf(exchange.text, new SseFramer(), decode());
      check(assembled(whole), expectedOf(exchange));
      expect(brokenStreamRules(whole)).toEqual([]);
      const wanted = JSON.stringify(whole);
      if (exchange.text.length > LONG) {
        for (const size of [1, 2, 3, 5, 7, 11, 101]) {
          expect(JSON.stringify(eventsOf(exchange.text, new SseFramer(), decode(), size))).toBe(wanted);
        }
        return;
      }
      forEveryCut(
        exchange.text,
        () => new SseFramer(),
        decode,
        (events, cut) => {
          if (JSON.stringify(events) !== wanted) throw new Error(`another answer when cut at byte ${cut}`);
        },
      );
    });

    test(`${exchange.name}: the same as the whole answer`, () => {
      const { items, response } = expectedOf(exchange);
      const { serviceTier: _, ...streamed } = assembled(
        eventsOf(exchange.text, new SseFramer(), openaiResponses.createStreamDecoder(CONTEXT)),
      );
      const { serviceTier: __, ...answer } = openaiResponses.decodeResponse({ ...response, output: items }, CONTEXT);
      expect(streamed).toEqual(answer);
    });

    test(`${exchange.name}: written again, it is the API's own stream`, () => {
      const events = eventsOf(exchange.text, new SseFramer(), openaiResponses.createStreamDecoder(CONTEXT));
      const encoder = openaiResponses.createStreamEncoder(answerContext("model"));
      const text = events.map((event) => encoder.push(event)).join("") + encoder.end();
      expect(brokenGrammar(framesOf(text))).toEqual([]);
      const again = assembled(eventsOf(text, new SseFramer(), openaiResponses.createStreamDecoder(CONTEXT)));
      // What is sealed anew at the end was written before.
      const before = assembled(events.filter(({ type }) => type !== "resealed"));
      expect(again.choices).toEqual(before.choices);
      expect(again.usage?.buckets as object).toMatchObject(tokensOf(before.usage as Usage));
    });

    test(`${exchange.name}: read on the side`, () => {
      const observer = openaiResponses.createStreamObserver(CONTEXT);
      const framer = new SseFramer();
      for (const frame of [...framer.push(new TextEncoder().encode(exchange.text)), ...framer.end()]) {
        observer.observe(frame.data, frame.event);
      }
      const { items, response } = expectedOf(exchange);
      checkUsage(observer.usage as Usage, items, response);
      expect(observer.failure).toBeUndefined();
      const answer = assembled(eventsOf(exchange.text, new SseFramer(), openaiResponses.createStreamDecoder(CONTEXT)));
      const length = (answer.choices[0]?.parts ?? []).reduce(
        (sum, part) =>
          sum + ("text" in part ? part.text.length : part.type === "tool-call" ? part.arguments.length : 0),
        0,
      );
      expect(observer.textLength).toBeGreaterThanOrEqual(length);
      expect(observer.textLength).toBeLessThanOrEqual(length * 2);
    });

    test(`${exchange.name}: broken off anywhere, it is an error`, () => {
      const end = exchange.text.indexOf('"response.completed"') - 30;
      for (let at = 1; at < end; at += 499) {
        const events = eventsOf(
          exchange.text.slice(0, at),
          new SseFramer(),
          openaiResponses.createStreamDecoder(CONTEXT),
        );
        expect(events.at(-1)?.type).toBe("error");
        expect(events.filter((event) => event.type === "finish")).toEqual([]);
        expect(brokenStreamRules(events)).toEqual([]);
      }
    });
  }
});

/** Token counts; the numbers of searches stand outside the usage. */
function tokensOf(usage: Usage): Record<string, number> {
  const { web_searches: _, ...tokens } = usage.buckets;
  return tokens;
}

describe("requests", () => {
  for (const exchange of EXCHANGES.filter((one) => one.request !== undefined)) {
    test(exchange.name, () => {
      const recorded = exchange.request as JsonObject;
      const request = openaiResponses.decodeRequest(recorded);
      const context = requestContext(recorded.model as string, { owner: "openai" });
      expect(canonical(openaiResponses.encodeRequest(request, context))).toEqual(canonical(recorded));
      expect(context.report.changes).toEqual([]);
    });
  }
});

/** The same request said in one way: items with lists of content. */
function canonical(body: JsonObject): Json {
  const { input, ...rest } = body;
  const items: JsonObject[] =
    typeof input === "string" ? [{ role: "user", content: input }] : (asArray(input) as JsonObject[]);
  return bare({
    ...rest,
    input: items.map(({ status, ...item }) => {
      if (item.type !== undefined && item.type !== "message") return item;
      const kind = item.role === "assistant" ? "output_text" : "input_text";
      return {
        ...item,
        type: "message",
        content: typeof item.content === "string" ? [{ type: kind, text: item.content }] : item.content,
      };
    }) as unknown as Json,
  });
}

describe("errors", () => {
  for (const exchange of EXCHANGES.filter((one) => one.status >= 400)) {
    test(exchange.name, () => {
      const failure = openaiResponses.decodeError(exchange.status, exchange.text, new Headers());
      expect(failure.message).toBe(asObject(exchange.body?.error)?.message as string);
      expect(failure.upstreamStatus).toBe(exchange.status);
      const code = exchange.name.includes("context-length")
        ? "context_window_exceeded"
        : exchange.status === 401
          ? "authentication"
          : "invalid_request";
      expect(failure.code as string).toBe(code);
    });
  }
});
