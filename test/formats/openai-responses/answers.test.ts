import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { GatewayError } from "../../../src/errors/gateway-error.ts";
import type { ConversationResponse, Part, StreamEvent } from "../../../src/formats/conversation.ts";
import type { AnswerContext, ResponseContext } from "../../../src/formats/format.ts";
import { FRAME_CONTENT, FRAME_ERROR, FRAME_FINISH, FRAME_HEAD } from "../../../src/formats/format.ts";
import { openaiResponses } from "../../../src/formats/openai-responses/index.ts";
import { replay } from "../../../src/formats/replay.ts";
import { asArray, asObject, type JsonObject } from "../../../src/json/json.ts";
import { SseFramer } from "../../../src/upstream/sse.ts";
import { answers, someText } from "../arbitraries.ts";
import { answerContext, assembled, eventsOf } from "../recorded-exchange.ts";
import { brokenGrammar, framesOf } from "./stream-grammar.ts";

const FROM_OPENAI: ResponseContext = { provider: "openai", owner: "openai", model: "model" };

const written = (events: readonly StreamEvent[], context: AnswerContext = answerContext()): string => {
  const encoder = openaiResponses.createStreamEncoder(context);
  return events.map((event) => encoder.push(event)).join("") + encoder.end();
};
const readBack = (text: string): ConversationResponse =>
  assembled(eventsOf(text, new SseFramer(), openaiResponses.createStreamDecoder(FROM_OPENAI)));

/** The parts as another format sees them. */
const plain = (answer: ConversationResponse): Part[] =>
  (answer.choices[0]?.parts ?? []).map((part) => {
    const { native: _, ...rest } = part;
    return rest;
  });

/** Answers with everything this format has a place for. */
const richParts: fc.Arbitrary<Part[]> = fc.array(
  fc.oneof(
    someText.map((text): Part => ({ type: "text", text })),
    someText.map((text): Part => ({ type: "refusal", text })),
    someText.map((text): Part => ({ type: "thinking", text })),
    someText.map(
      (text): Part => ({
        type: "thinking",
        text,
        sealed: { owner: "openai", value: "gAAA", detail: { id: "rs_1" } },
        native: { format: "openai-responses", value: { id: "rs_1" } },
      }),
    ),
    someText.map((text): Part => ({ type: "thinking", text, sealed: { owner: "anthropic", value: text } })),
    someText.map(
      (text): Part => ({
        type: "text",
        text,
        citations: [{ start: 0, end: 1, url: "https://example.com", title: "t" }],
      }),
    ),
    fc.nat(1e6).map((n): Part => ({ type: "tool-call", id: `call_${n}`, name: "weather", arguments: '{"a":1}' })),
    fc
      .nat(1e6)
      .map((n): Part => ({ type: "tool-call", id: `call_${n}`, name: "shell", arguments: "ls", kind: "custom" })),
    fc.constant<Part>({ type: "image", source: { type: "base64", data: "aGk=", mediaType: "image/png" } }),
  ),
  { minLength: 1, maxLength: 6 },
);

const answerOf = (parts: readonly Part[]): ConversationResponse => ({
  id: "resp_1",
  choices: [{ index: 0, parts, finish: parts.some((part) => part.type === "tool-call") ? "tool-calls" : "stop" }],
  usage: { buckets: { input: 5, cache_read: 2, output: 7, output_reasoning: 3 } },
});

/** Citations come back with the annotation that they were. */
const withoutAnnotations = (parts: readonly Part[]): Part[] =>
  parts.map((part) =>
    part.type === "text" && part.citations
      ? { ...part, citations: part.citations.map(({ native: _, ...citation }) => citation) }
      : part,
  );

test("what other models answer comes back as it went", () => {
  fc.assert(
    fc.property(answers, (answer) => {
      const body = openaiResponses.encodeResponse(answer, answerContext());
      const again = openaiResponses.decodeResponse(body, FROM_OPENAI);
      expect(plain(again)).toEqual(answer.choices[0]?.parts as Part[]);
      expect(again.choices[0]?.finish as string).toBe(answer.choices[0]?.finish as string);
      expect(again.usage?.buckets as object).toEqual(answer.usage?.buckets as object);
    }),
  );
});

test("streams keep to the grammar and add up to the whole answer", () => {
  fc.assert(
    fc.property(richParts, (parts) => {
      const answer = answerOf(parts);
      const events = framesOf(written(replay(answer)));
      expect(brokenGrammar(events)).toEqual([]);
      expect(asObject(events.at(-1)?.response) ?? {}).toEqual(
        JSON.parse(JSON.stringify(openaiResponses.encodeResponse(answer, answerContext()))),
      );
    }),
  );
});

test("every part of an answer comes back from its stream", () => {
  fc.assert(
    fc.property(richParts, (parts) => {
      const answer = answerOf(parts);
      expect(withoutAnnotations(plain(readBack(written(replay(answer)))))).toEqual(plain(answer));
    }),
  );
});

test("parts that overlap are written one after the other", () => {
  const texts = fc.array(fc.array(someText, { minLength: 1, maxLength: 3 }), { minLength: 2, maxLength: 4 });
  fc.assert(
    fc.property(texts, fc.infiniteStream(fc.nat()), (calls, numbers) => {
      const queues = calls.map((pieces, part): StreamEvent[] => [
        { type: "part-start", choice: 0, part, kind: "tool-call", id: `call_${part}`, name: "f" },
        ...pieces.map((text): StreamEvent => ({ type: "delta", choice: 0, part, text })),
        { type: "part-end", choice: 0, part },
      ]);
      // Parts start in order; everything else comes in any order.
      const events: StreamEvent[] = queues.map((queue) => queue.shift() as StreamEvent);
      while (queues.some((queue) => queue.length > 0)) {
        const waiting = queues.filter((queue) => queue.length > 0);
        const queue = waiting[(numbers.next().value as number) % waiting.length] as StreamEvent[];
        events.push(queue.shift() as StreamEvent);
      }
      events.push({ type: "finish", choice: 0, reason: "tool-calls" });
      const text = written([{ type: "start" }, ...events]);
      expect(brokenGrammar(framesOf(text))).toEqual([]);
      expect(
        plain(readBack(text)).map((part) => (part.type === "tool-call" ? [part.id, part.arguments] : part)),
      ).toEqual(calls.map((pieces, index) => [`call_${index}`, pieces.join("")]) as never);
    }),
  );
});

describe("sealed values travel through clients", () => {
  const roundTrip = (parts: readonly Part[]): readonly Part[] => {
    const { output } = openaiResponses.encodeResponse(answerOf(parts), answerContext());
    const request = openaiResponses.decodeRequest({ model: "m", input: JSON.parse(JSON.stringify(output)) });
    expect(request.messages.map((message) => message.role)).toEqual(["assistant"]);
    return request.messages[0]?.parts.map(({ native: _, ...part }) => part as Part) ?? [];
  };
  const same = (...parts: Part[]) => expect(roundTrip(parts)).toEqual(parts);

  test("thinking that Claude signed, shown, hidden and redacted", () => {
    same({ type: "thinking", text: "Hm.", sealed: { owner: "anthropic", value: "sig" } });
    same({ type: "thinking", text: "", sealed: { owner: "anthropic", value: "sig" } });
    same({ type: "thinking", text: "", redacted: true, sealed: { owner: "anthropic", value: "data" } });
  });

  test("a call and a text that Gemini signed", () => {
    same(
      { type: "text", text: "So:", sealed: { owner: "gemini", value: "s0" } },
      { type: "tool-call", id: "a", name: "f", arguments: "{}", sealed: { owner: "gemini", value: "s1" } },
      { type: "tool-call", id: "b", name: "f", arguments: "{}" },
    );
  });

  test("OpenAI's own reasoning stands there as it is, under its id", () => {
    const part: Part = {
      type: "thinking",
      text: "Sum",
      sealed: { owner: "openai", value: "gAAA", detail: { id: "rs_7" } },
      native: { format: "openai-responses", value: { id: "rs_7" } },
    };
    const { output } = openaiResponses.encodeResponse(answerOf([part]), answerContext());
    expect(output as never).toEqual([
      { id: "rs_7", type: "reasoning", summary: [{ type: "summary_text", text: "Sum" }], encrypted_content: "gAAA" },
    ] as never);
    const { native: _, ...rest } = part;
    expect(roundTrip([part])).toEqual([rest]);
  });

  test("xAI's reasoning goes to xAI with its id", () => {
    same({ type: "thinking", text: "Sum", sealed: { owner: "xai", value: "x", detail: { id: "rs_8" } } });
  });
});

test("thinking that shows and seals nothing, and empty texts of others, leave no trace", () => {
  const { output } = openaiResponses.encodeResponse(
    answerOf([
      { type: "thinking", text: "" },
      { type: "text", text: "" },
      { type: "text", text: "a" },
    ]),
    answerContext(),
  );
  expect(asArray(output).map((item) => asObject(item)?.type as string)).toEqual(["message"]);
});

test("two messages stay two, and texts of one message stay one", () => {
  const message = (id: string, ...texts: string[]) => ({
    id,
    type: "message",
    role: "assistant",
    status: "completed",
    phase: id === "msg_1" ? "commentary" : "final_answer",
    content: texts.map((said) => ({ type: "output_text", text: said, annotations: [], logprobs: [] })),
  });
  const output = [message("msg_1", "a", "b"), message("msg_2", "c")];
  const answer = openaiResponses.decodeResponse({ id: "resp_1", status: "completed", output }, FROM_OPENAI);
  expect(openaiResponses.encodeResponse(answer, answerContext()).output as never).toEqual(output as never);
  const events = framesOf(written(replay(answer)));
  expect(brokenGrammar(events)).toEqual([]);
  expect(asObject(events.at(-1)?.response)?.output as never).toEqual(output as never);
});

test("how an answer ends", () => {
  const end = (finish: "stop" | "length" | "content-filter" | "error" | "pause", rawFinish?: string) => {
    const answer = { choices: [{ index: 0, parts: [], finish, ...(rawFinish === undefined ? {} : { rawFinish }) }] };
    const { status, incomplete_details, error } = openaiResponses.encodeResponse(answer, answerContext());
    return [status, asObject(incomplete_details)?.reason, asObject(error)?.message].filter(
      (item) => item !== undefined,
    );
  };
  expect(end("stop")).toEqual(["completed"]);
  expect(end("pause")).toEqual(["completed"]);
  expect(end("stop", "queued")).toEqual(["queued"]);
  expect(end("length")).toEqual(["incomplete", "max_output_tokens"]);
  expect(end("content-filter")).toEqual(["incomplete", "content_filter"]);
  expect(end("error", "boom")).toEqual(["failed", "boom"]);
});

test("the answer repeats its request", () => {
  const body: JsonObject = {
    model: "m",
    input: "Hi",
    instructions: "Be brief.",
    temperature: 0.5,
    max_output_tokens: 9,
    metadata: { a: "b" },
    truncation: "auto",
    tool_choice: { type: "function", name: "f" },
    tools: [{ type: "function", name: "f", parameters: { type: "object" }, strict: true }],
    reasoning: { effort: "low", summary: "auto" },
    text: { format: { type: "json_object" }, verbosity: "low" },
  };
  const context = { ...answerContext("m"), request: openaiResponses.decodeRequest(body) };
  const { input: _, ...repeated } = body;
  expect(openaiResponses.encodeResponse(answerOf([]), context)).toMatchObject({
    ...repeated,
    object: "response",
    parallel_tool_calls: true,
    store: true,
    top_p: 1,
  } as never);
});

describe("log probabilities", () => {
  const entry = (token: string) => ({ token, logprob: -0.5, bytes: [104], top_logprobs: [] });
  const context = { ...answerContext(), request: { model: "m", messages: [], sampling: { logprobs: true } } };
  const events: StreamEvent[] = [
    { type: "start", id: "resp_1" },
    { type: "part-start", choice: 0, part: 0, kind: "text" },
    { type: "delta", choice: 0, part: 0, text: "h" },
    { type: "logprobs", choice: 0, logprobs: { content: [entry("h")], refusal: null } },
    { type: "delta", choice: 0, part: 0, text: "i" },
    { type: "logprobs", choice: 0, logprobs: { content: [entry("i")], refusal: null } },
    { type: "part-end", choice: 0, part: 0 },
    { type: "finish", choice: 0, reason: "stop" },
  ];

  test("stand with their deltas", () => {
    const text = written(events, context);
    expect(brokenGrammar(framesOf(text))).toEqual([]);
    const deltas = framesOf(text).filter((event) => event.type === "response.output_text.delta");
    expect(deltas.map((event) => [event.delta, event.logprobs])).toEqual([
      ["h", [entry("h")]],
      ["i", [entry("i")]],
    ] as never);
    expect(readBack(text)).toEqual(
      openaiResponses.decodeResponse(asObject(framesOf(text).at(-1)?.response) as JsonObject, FROM_OPENAI),
    );
  });

  test("of a whole answer stand in its text", () => {
    const answer = assembled(events);
    const body = openaiResponses.encodeResponse(answer, context);
    expect(openaiResponses.decodeResponse(body, FROM_OPENAI).choices[0]?.logprobs as never).toEqual(
      answer.choices[0]?.logprobs as never,
    );
  });
});

describe("failures", () => {
  const start: StreamEvent[] = [
    { type: "start", id: "resp_1" },
    { type: "part-start", choice: 0, part: 0, kind: "text" },
    { type: "delta", choice: 0, part: 0, text: "Hal" },
  ];
  const failing = (events: readonly StreamEvent[]) => {
    const encoder = openaiResponses.createStreamEncoder(answerContext());
    const text = events.map((event) => encoder.push(event)).join("");
    const all = text + encoder.error(new GatewayError("rate_limit", "slow down"));
    expect(encoder.end()).toBe("");
    return all;
  };

  test("after content the answer fails, with what was said until then", () => {
    const text = failing(start);
    const events = framesOf(text);
    expect(brokenGrammar(events)).toEqual([]);
    expect(asObject(events.at(-1)?.response) ?? {}).toMatchObject({
      status: "failed",
      error: { code: "rate_limit_exceeded", message: "slow down" },
      output: [{ status: "incomplete", content: [{ text: "Hal" }] }],
    } as never);
    const decoded = eventsOf(text, new SseFramer(), openaiResponses.createStreamDecoder(FROM_OPENAI));
    expect(decoded.at(-1)).toMatchObject({ type: "error", error: { code: "rate_limit", message: "slow down" } });
  });

  test("before anything was said there is one event", () => {
    const [event, ...rest] = framesOf(failing([]));
    expect(rest).toEqual([]);
    expect(event ?? {}).toMatchObject({ type: "error", code: "rate_limit_exceeded", message: "slow down" });
  });

  const streamOf = (...events: JsonObject[]) => events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");
  const failureOf = (text: string) => {
    const event = eventsOf(text, new SseFramer(), openaiResponses.createStreamDecoder(FROM_OPENAI)).at(-1);
    const observer = openaiResponses.createStreamObserver(FROM_OPENAI);
    for (const frame of new SseFramer().push(new TextEncoder().encode(text))) observer.observe(frame.data, frame.event);
    const error = event?.type === "error" ? event.error : undefined;
    expect(observer.failure).toEqual(error as never);
    return `${error?.code}: ${error?.message}`;
  };

  test("of the provider, in all its forms", () => {
    expect(failureOf(streamOf({ type: "error", code: "rate_limit_exceeded", message: "slow" }))).toBe(
      "rate_limit: slow",
    );
    expect(failureOf(streamOf({ type: "error", error: { type: "server_error", message: "oops" } }))).toBe(
      "internal: oops",
    );
    expect(
      failureOf(
        streamOf({
          type: "response.failed",
          response: { status: "failed", error: { code: "context_length_exceeded", message: "too long" } },
        }),
      ),
    ).toBe("context_window_exceeded: too long");
    expect(failureOf(streamOf({ error: { message: "no such model", code: "model_not_found" } }))).toBe(
      "not_found: no such model",
    );
  });

  test("quota that is used up is not tried again", () => {
    const text = streamOf({ type: "error", code: "insufficient_quota", message: "pay" });
    const [event] = eventsOf(text, new SseFramer(), openaiResponses.createStreamDecoder(FROM_OPENAI));
    expect(event).toMatchObject({ type: "error", error: { code: "rate_limit", retryable: false } });
  });
});

describe("providers' streams", () => {
  const read = (...events: JsonObject[]) =>
    readBack(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(""));
  const end = { type: "response.completed", response: { status: "completed", output: [] } };

  test("ids that change from event to event are one item", () => {
    const item = { type: "function_call", call_id: "c", name: "f", arguments: "" };
    const answer = read(
      { type: "response.output_item.added", output_index: 0, item: { ...item, id: "a" } },
      { type: "response.function_call_arguments.delta", output_index: 0, item_id: "b", delta: '{"x":' },
      { type: "response.function_call_arguments.delta", output_index: 0, item_id: "c", delta: "1}" },
      { type: "response.output_item.done", output_index: 0, item: { ...item, id: "d", arguments: '{"x":1}' } },
      end,
    );
    expect(plain(answer)).toEqual([{ type: "tool-call", id: "c", name: "f", arguments: '{"x":1}' }]);
    expect(answer.choices[0]?.finish as string).toBe("tool-calls");
  });

  test("a custom tool's call", () => {
    const item = { type: "custom_tool_call", call_id: "c", name: "sh", input: "" };
    const answer = read(
      { type: "response.output_item.added", output_index: 0, item },
      { type: "response.custom_tool_call_input.delta", output_index: 0, delta: "l" },
      { type: "response.custom_tool_call_input.done", output_index: 0, input: "ls" },
      { type: "response.output_item.done", output_index: 0, item: { ...item, input: "ls" } },
      end,
    );
    expect(plain(answer)).toEqual([{ type: "tool-call", id: "c", name: "sh", arguments: "ls", kind: "custom" }]);
  });

  test("what only the last event says", () => {
    const output = [
      { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "Hm" }] },
      { type: "message", role: "assistant", id: "msg_1", content: [{ type: "output_text", text: "Hi" }] },
      { type: "image_generation_call", id: "ig_1", status: "completed", result: "aGk=" },
    ];
    expect(plain(read({ type: "response.incomplete", response: { status: "incomplete", output } }))).toEqual([
      { type: "thinking", text: "Hm" },
      { type: "text", text: "Hi" },
      { type: "image", source: { type: "base64", data: "aGk=", mediaType: "image/png" } },
    ]);
  });

  test("paragraphs of a summary, and thinking shown whole", () => {
    const summary = (summary_index: number, delta: string) => ({
      type: "response.reasoning_summary_text.delta",
      output_index: 0,
      summary_index,
      delta,
    });
    expect(plain(read(summary(0, "a"), summary(0, "b"), summary(1, "c"), end))).toEqual([
      { type: "thinking", text: "ab\n\nc" },
    ]);
    const text = { type: "response.reasoning_text.delta", output_index: 0, content_index: 0, delta: "Hm" };
    expect(plain(read(text, end))).toEqual([{ type: "thinking", text: "Hm" }]);
  });

  test("searches are counted when the last event repeats no items", () => {
    const item = { type: "web_search_call", id: "ws_1", status: "completed", action: { type: "search" } };
    const opened = { type: "web_search_call", id: "ws_2", status: "completed", action: { type: "open_page" } };
    const events: JsonObject[] = [
      { type: "response.output_item.done", output_index: 0, item },
      { type: "response.output_item.done", output_index: 1, item: opened },
      { ...end, response: { ...end.response, usage: { input_tokens: 1, output_tokens: 1 } } },
    ];
    expect(read(...events).usage?.buckets.web_searches).toBe(1);
    const observer = openaiResponses.createStreamObserver(FROM_OPENAI);
    for (const event of events) observer.observe(JSON.stringify(event), undefined);
    expect(observer.usage?.buckets.web_searches).toBe(1);
  });
});

test("what frames mean", () => {
  const observer = openaiResponses.createStreamObserver(FROM_OPENAI);
  const see = (event: JsonObject) => observer.observe(JSON.stringify(event), undefined);
  expect(see({ type: "response.created", response: {} })).toBe(FRAME_HEAD);
  expect(see({ type: "response.output_item.added", item: { type: "message" } })).toBe(FRAME_HEAD);
  expect(see({ type: "response.content_part.added", part: { type: "output_text", text: "" } })).toBe(FRAME_HEAD);
  expect(see({ item: { type: "function_call" }, type: "response.output_item.added" })).toBe(FRAME_CONTENT);
  expect(see({ type: "response.output_text.delta", delta: 'a"b' })).toBe(FRAME_CONTENT);
  expect(see({ type: "response.completed", response: {} }) & FRAME_FINISH).toBe(FRAME_FINISH);
  expect(see({ type: "response.failed", response: { error: { message: "x" } } })).toBe(FRAME_ERROR);
  expect(observer.textLength).toBe(4);
});

test("prices that xAI states are dollars", () => {
  const body = { status: "completed", output: [], usage: { input_tokens: 1, cost_in_usd_ticks: 3_546_500 } };
  expect(openaiResponses.readUsage(body, FROM_OPENAI)?.reportedCost).toBe("0.00035465");
});
