import { describe, expect, test } from "bun:test";
import type { ConversationResponse } from "../../../src/formats/conversation.ts";
import { ollama } from "../../../src/formats/ollama/index.ts";
import { asArray, asObject, type JsonObject } from "../../../src/json/json.ts";
import { NdjsonFramer } from "../../../src/upstream/sse.ts";
import {
  assembled,
  brokenStreamRules,
  eventsOf,
  forEveryCut,
  recordedExchanges,
  requestContext,
  responseContext,
} from "../recorded-exchange.ts";

const EXCHANGES = recordedExchanges("ollama", /^api-(chat|generate)-/);
if (EXCHANGES.length === 0) test.skip("Ollama's recordings: not here", () => {});

/** What the lines of a recording say, read without the code under test. */
function check(response: ConversationResponse, lines: readonly JsonObject[]): void {
  const parts = response.choices[0]?.parts ?? [];
  const said = (name: string, top: string) =>
    lines.map((line) => asObject(line.message)?.[name] ?? line[top] ?? "").join("");
  const calls = lines
    .flatMap((line) => asArray(asObject(line.message)?.tool_calls))
    .map((call) => asObject(call) ?? {});
  const last = lines.at(-1) as JsonObject;
  expect(parts.map((part) => (part.type === "text" ? part.text : "")).join("")).toBe(said("content", "response"));
  expect(parts.map((part) => (part.type === "thinking" ? part.text : "")).join("")).toBe(said("thinking", "thinking"));
  const made = parts.flatMap((part) => (part.type === "tool-call" ? [part] : []));
  expect(made.map((part) => ({ id: part.id, name: part.name, arguments: JSON.parse(part.arguments) }))).toEqual(
    calls.map((call) => {
      const held = asObject(call.function) as JsonObject;
      return { id: call.id, name: held.name, arguments: held.arguments } as never;
    }),
  );
  const finish = calls.length > 0 ? "tool-calls" : (last.done_reason as string);
  expect(response.choices[0]?.finish as string).toBe(finish);
  expect(response.usage?.buckets.output).toBe(last.eval_count as number);
  if (last.prompt_eval_count === undefined) expect(response.usage?.estimated).toBe(true);
  else expect(response.usage?.buckets.input).toBe(last.prompt_eval_count as number);
  expect(response.model).toBe(last.model as string);
}

describe("answers", () => {
  for (const exchange of EXCHANGES.filter((one) => one.status === 200 && !one.streamed)) {
    test(exchange.name, () => {
      const body = exchange.body as JsonObject;
      const response = ollama.decodeResponse(body, responseContext());
      check(response, [body]);
      expect(ollama.readUsage(body, responseContext())).toEqual(response.usage as never);
    });
  }
});

describe("streams, cut at every byte", () => {
  for (const exchange of EXCHANGES.filter((one) => one.streamed)) {
    const lines = exchange.text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as JsonObject);
    const decode = () => ollama.createStreamDecoder(responseContext());

    test(exchange.name, () => {
      const whole = eventsOf(exchange.text, new NdjsonFramer(), decode());
      check(assembled(whole), lines);
      expect(brokenStreamRules(whole)).toEqual([]);
      // Every byte of the first and last lines; a line looks like the next one in between.
      const head = exchange.text.slice(0, 1_200).lastIndexOf("\n") + 1;
      const tail = exchange.text.lastIndexOf("\n", exchange.text.length - 1_500) + 1;
      const short = tail <= head ? exchange.text : exchange.text.slice(0, head) + exchange.text.slice(tail);
      const wanted = JSON.stringify(eventsOf(short, new NdjsonFramer(), decode()));
      forEveryCut(
        short,
        () => new NdjsonFramer(),
        decode,
        (events, cut) => {
          if (JSON.stringify(events) !== wanted) throw new Error(`another answer when cut at byte ${cut}`);
        },
      );
    });

    test(`${exchange.name}: read on the side`, () => {
      const observer = ollama.createStreamObserver(responseContext());
      for (const line of exchange.text.trim().split("\n")) observer.observe(line, undefined);
      expect(observer.usage?.buckets.output).toBe(lines.at(-1)?.eval_count as number);
      expect(observer.failure).toBeUndefined();
      expect(observer.textLength).toBeGreaterThan(0);
    });

    test(`${exchange.name}: without its last line it is an error`, () => {
      const cut = exchange.text.trimEnd().lastIndexOf("\n") + 1;
      const events = eventsOf(exchange.text.slice(0, cut), new NdjsonFramer(), decode());
      expect(events.at(-1)?.type).toBe("error");
    });
  }
});

describe("requests", () => {
  for (const exchange of EXCHANGES.filter((one) => one.path === "/api/chat")) {
    test(exchange.name, () => {
      const recorded = exchange.request as JsonObject;
      const context = requestContext(recorded.model as string);
      const encoded = ollama.encodeRequest(ollama.decodeRequest(recorded), context);
      expect(canonical(encoded)).toEqual(canonical(recorded));
      expect(context.report.changes).toEqual([]);
    });
  }
});

/** Without what says nothing: empty members, and ids that the recording does not have. */
function canonical(body: JsonObject): JsonObject {
  const said = Object.entries(body).filter(([, value]) => {
    if (value === null || value === "") return false;
    return typeof value !== "object" || Object.keys(value as object).length > 0;
  });
  return {
    ...Object.fromEntries(said),
    messages: asArray(body.messages).map((message) => {
      const { tool_call_id: _, tool_calls: calls, ...rest } = message as JsonObject;
      if (calls === undefined) return rest;
      return {
        ...rest,
        tool_calls: asArray(calls).map((call) => {
          const held = asObject(asObject(call)?.function);
          return { name: held?.name, arguments: held?.arguments } as JsonObject;
        }),
      };
    }),
  };
}

describe("errors", () => {
  for (const exchange of EXCHANGES.filter((one) => one.status >= 400)) {
    test(exchange.name, () => {
      const failure = ollama.decodeError(exchange.status, exchange.text, new Headers());
      expect(failure).toMatchObject({
        code: "not_found",
        message: exchange.body?.error as string,
        upstreamStatus: 404,
      });
    });
  }
});
