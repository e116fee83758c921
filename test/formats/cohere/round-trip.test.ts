import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { GatewayError } from "../../../src/errors/gateway-error.ts";
import { cohere } from "../../../src/formats/cohere/index.ts";
import type { ConversationRequest, ConversationResponse, Message, Part } from "../../../src/formats/conversation.ts";
import { replay } from "../../../src/formats/replay.ts";
import type { JsonObject } from "../../../src/json/json.ts";
import { SseFramer } from "../../../src/upstream/sse.ts";
import { answers, someText } from "../arbitraries.ts";
import { answerContext, assembled, eventsOf, requestContext, responseContext } from "../recorded-exchange.ts";

/** The answer without the word that only its provider would know. */
function withoutRaw(response: ConversationResponse): ConversationResponse {
  return { ...response, choices: response.choices.map(({ rawFinish: _, ...choice }) => choice) };
}

describe("answers", () => {
  test("come back as they went", () => {
    fc.assert(
      fc.property(answers, (response) => {
        const decoded = cohere.decodeResponse(cohere.encodeResponse(response, answerContext()), responseContext());
        expect(withoutRaw(decoded)).toEqual(response);
      }),
    );
  });

  test("say the same as a stream and whole, in pieces of any size", () => {
    fc.assert(
      fc.property(
        answers,
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 }),
        (response, sizes) => {
          const encoder = cohere.createStreamEncoder(answerContext());
          const text = replay(response)
            .map((event) => encoder.push(event))
            .join("")
            .concat(encoder.end());
          const events = eventsOf(text, new SseFramer(), cohere.createStreamDecoder(responseContext()), ...sizes);
          expect(withoutRaw(assembled(events))).toEqual(response);
        },
      ),
    );
  });

  test("keep citations at their place, also behind characters of two units", () => {
    const text = "😀 Ruby was created by Matz 💎 in 1993.";
    const start = text.indexOf("Matz");
    const part: Part = {
      type: "text",
      text,
      citations: [{ start, end: start + 4, citedText: "Matz", url: "https://example.com/ruby", title: "Ruby" }],
    };
    const response: ConversationResponse = { choices: [{ index: 0, parts: [part], finish: "stop" }] };
    const body = cohere.encodeResponse(response, answerContext());
    const [wire] = (body.message as { citations: JsonObject[] }).citations;
    expect([...text].slice(wire?.start as number, wire?.end as number).join("")).toBe("Matz");
    const [back] = cohere.decodeResponse(body, responseContext()).choices[0]?.parts ?? [];
    const [citation] = back?.type === "text" ? (back.citations ?? []) : [];
    expect(citation).toMatchObject({ start, end: start + 4, url: "https://example.com/ruby", title: "Ruby" });
  });

  test("end with Cohere's own words", () => {
    const finish = (reason: "stop" | "length" | "tool-calls" | "content-filter", stopSequence?: string) =>
      cohere.encodeResponse(
        { choices: [{ index: 0, parts: [], finish: reason, ...(stopSequence === undefined ? {} : { stopSequence }) }] },
        answerContext(),
      ).finish_reason;
    expect(finish("stop")).toBe("COMPLETE");
    expect(finish("stop", "END")).toBe("STOP_SEQUENCE");
    expect(finish("length")).toBe("MAX_TOKENS");
    expect(finish("tool-calls")).toBe("TOOL_CALL");
    expect(finish("content-filter")).toBe("ERROR_TOXIC");
  });
});

const toolTurn = fc
  .record({ question: someText, plan: fc.option(someText, { nil: undefined }), result: someText })
  .map(({ question, plan, result }): Message[] => [
    { role: "user", parts: [{ type: "text", text: question }] },
    {
      role: "assistant",
      parts: [
        ...(plan === undefined
          ? []
          : [
              {
                type: "thinking" as const,
                text: plan,
                native: { format: "cohere" as const, value: { type: "tool_plan" } },
              },
            ]),
        { type: "tool-call", id: "call_1", name: "weather", arguments: '{"city":"Paris"}' },
      ],
    },
    {
      role: "tool",
      parts: [{ type: "tool-result", callId: "call_1", name: "weather", content: [{ type: "text", text: result }] }],
    },
  ]);

const requests: fc.Arbitrary<ConversationRequest> = fc
  .record({
    system: fc.option(someText, { nil: undefined }),
    turns: fc.array(
      fc.oneof(
        toolTurn,
        someText.map((text): Message[] => [{ role: "user", parts: [{ type: "text", text }] }]),
      ),
      {
        minLength: 1,
        maxLength: 3,
      },
    ),
    image: fc.boolean(),
    stream: fc.boolean(),
    temperature: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
    topP: fc.option(fc.double({ min: 0.01, max: 0.99, noNaN: true }), { nil: undefined }),
    maxOutputTokens: fc.option(fc.integer({ min: 1, max: 4096 }), { nil: undefined }),
    stop: fc.option(fc.array(someText, { minLength: 1, maxLength: 3 }), { nil: undefined }),
    choice: fc.constantFrom(undefined, "required" as const, "none" as const),
    strict: fc.constantFrom(undefined, true, false),
    budget: fc.option(fc.integer({ min: 1, max: 9999 }), { nil: undefined }),
    schema: fc.boolean(),
    safety: fc.boolean(),
  })
  .map((drawn) => {
    const messages: Message[] = drawn.turns.flat();
    if (drawn.system !== undefined) messages.unshift({ role: "system", parts: [{ type: "text", text: drawn.system }] });
    if (drawn.image) {
      messages.push({
        role: "user",
        parts: [
          { type: "text", text: "What is this?" },
          { type: "image", source: { type: "base64", mediaType: "image/png", data: "iVBORw0KGgo=" }, detail: "low" },
          { type: "image", source: { type: "url", url: "https://example.com/a.jpg" } },
        ],
      });
    }
    const { temperature, topP, maxOutputTokens, stop } = drawn;
    return {
      model: "command-a",
      messages,
      sampling: {
        ...(temperature === undefined ? {} : { temperature }),
        ...(topP === undefined ? {} : { topP }),
        ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
        ...(stop === undefined ? {} : { stop }),
      },
      ...(drawn.stream ? { stream: true, includeUsage: true } : {}),
      tools: [
        {
          type: "function" as const,
          name: "weather",
          parameters: { type: "object", properties: { city: { type: "string" } } },
          ...(drawn.strict === undefined ? {} : { strict: drawn.strict }),
        },
      ],
      ...(drawn.choice === undefined ? {} : { toolChoice: { type: drawn.choice } }),
      ...(drawn.budget === undefined ? {} : { reasoning: { mode: "enabled" as const, budgetTokens: drawn.budget } }),
      ...(drawn.schema ? { responseFormat: { type: "json-schema" as const, schema: { type: "object" } } } : {}),
      ...(drawn.safety
        ? { extensions: { format: "cohere" as const, fields: { safety_mode: "STRICT", documents: ["a text"] } } }
        : {}),
    };
  });

test("requests come back as they went, and nothing is reported", () => {
  fc.assert(
    fc.property(requests, (request) => {
      const context = requestContext(request.model);
      expect(cohere.decodeRequest(cohere.encodeRequest(request, context))).toEqual(request);
      expect(context.report.changes).toEqual([]);
    }),
  );
});

describe("what Cohere cannot say (https://docs.cohere.com/reference/chat, 2026-11-24)", () => {
  const user: Message = { role: "user", parts: [{ type: "text", text: "Hi" }] };
  const tools = ["a", "b"].map((name) => ({ type: "function" as const, name, parameters: { type: "object" } }));
  const encode = (request: Partial<ConversationRequest>, reasoning?: boolean) => {
    const context = requestContext("command", reasoning === undefined ? {} : { capabilities: { reasoning } });
    const body = cohere.encodeRequest({ model: "x", messages: [user], sampling: {}, ...request }, context);
    return { body, changes: context.report.changes.map(({ parameter, action }) => `${parameter} ${action}`) };
  };

  test("a named tool is the only tool", () => {
    const { body, changes } = encode({ tools, toolChoice: { type: "tool", name: "b" } });
    expect(body.tool_choice).toBe("REQUIRED");
    expect((body.tools as { function: { name: string } }[]).map((tool) => tool.function.name)).toEqual(["b"]);
    expect(changes).toEqual(["tool_choice converted"]);
  });

  test("auto is left out", () => {
    expect(encode({ tools, toolChoice: { type: "auto" } }).body).not.toHaveProperty("tool_choice");
  });

  test("ranges are kept", () => {
    const { body, changes } = encode({ sampling: { topP: 1, frequencyPenalty: -1, presencePenalty: 2 } });
    expect(body).toMatchObject({ p: 0.99, frequency_penalty: 0, presence_penalty: 1 });
    expect(changes).toEqual(["top_p clamped", "frequency_penalty clamped", "presence_penalty clamped"]);
  });

  test("what has no field is reported", () => {
    const { body, changes } = encode({
      sampling: { n: 2, logitBias: { "1": 5 } },
      user: "u",
      parallelToolCalls: false,
      tools,
    });
    expect(Object.keys(body).sort()).toEqual(["messages", "model", "tools"]);
    expect(changes.sort()).toEqual(["logit_bias dropped", "n dropped", "parallel_tool_calls dropped", "user dropped"]);
  });

  test("thinking before calls is a plan for models that do not think, and thinking for those that do", () => {
    const messages: Message[] = [
      user,
      {
        role: "assistant",
        parts: [
          { type: "thinking", text: "I look it up." },
          { type: "tool-call", id: "1", name: "a", arguments: "{}" },
        ],
      },
    ];
    expect((encode({ messages }).body.messages as JsonObject[])[1]).toMatchObject({ tool_plan: "I look it up." });
    expect((encode({ messages }, true).body.messages as JsonObject[])[1]).toMatchObject({
      content: [{ type: "thinking", thinking: "I look it up." }],
    });
  });

  test("text files become documents", () => {
    const messages: Message[] = [
      {
        role: "user",
        parts: [
          { type: "file", source: { type: "text", text: "Ruby is a language." }, filename: "ruby.txt" },
          { type: "text", text: "What is Ruby?" },
        ],
      },
    ];
    expect(encode({ messages }).body).toMatchObject({
      messages: [{ role: "user", content: "What is Ruby?" }],
      documents: [{ id: "doc:0", data: { title: "ruby.txt", text: "Ruby is a language." } }],
    });
  });
});

describe("bad requests name the field", () => {
  const paramOf = (body: JsonObject): string | undefined => {
    try {
      cohere.decodeRequest(body);
    } catch (error) {
      if (error instanceof GatewayError) return `${error.code} ${error.param}`;
    }
    return undefined;
  };
  test("each", () => {
    expect(paramOf({ model: "m" })).toBe("invalid_request messages");
    expect(paramOf({ messages: [3] })).toBe("invalid_request messages[0]");
    expect(paramOf({ messages: [{ role: "robot" }] })).toBe("invalid_request messages[0].role");
    expect(paramOf({ messages: [{ role: "tool", content: "x" }] })).toBe("invalid_request messages[0].tool_call_id");
    expect(paramOf({ messages: [], temperature: "hot" })).toBe("invalid_request temperature");
    expect(paramOf({ messages: [], tool_choice: "SOME" })).toBe("invalid_request tool_choice");
  });
});

describe("errors", () => {
  test("Cohere's own statuses and sentences", () => {
    const code = (status: number, message: string) =>
      cohere.decodeError(status, JSON.stringify({ message }), new Headers()).code as string;
    expect(code(498, "invalid api token")).toBe("authentication");
    expect(code(400, "too many tokens: total must be at most 4096")).toBe("context_window_exceeded");
    expect(code(429, "trial key: too many tokens per minute")).toBe("rate_limit");
    expect(code(500, "internal")).toBe("internal");
    expect(code(422, "p must be at most 0.99")).toBe("unprocessable");
  });

  test("a body that is no JSON is the message", () => {
    const failure = cohere.decodeError(502, "<html>Bad gateway</html>", new Headers({ "retry-after": "3" }));
    expect(failure).toMatchObject({ code: "bad_gateway", message: "<html>Bad gateway</html>", retryAfter: 3 });
  });

  test("inside a stream", () => {
    const text =
      'event: message-start\ndata: {"type":"message-start","id":"1"}\n\n' +
      'event: message-end\ndata: {"type":"message-end","delta":{"finish_reason":"ERROR","error":"out of memory"}}\n\n';
    const events = eventsOf(text, new SseFramer(), cohere.createStreamDecoder(responseContext()));
    expect(events.at(-1)).toMatchObject({ type: "error", error: { message: "out of memory" } });
    const observer = cohere.createStreamObserver(responseContext());
    for (const frame of new SseFramer().push(new TextEncoder().encode(text))) observer.observe(frame.data, frame.event);
    expect(observer.failure?.message).toBe("out of memory");
  });

  test("calls and citations may come as lists", () => {
    const send = (type: string, message: JsonObject) =>
      `data: ${JSON.stringify({ type, index: 0, delta: { message } })}\n\n`;
    const text =
      send("content-delta", { content: { text: "Paris" } }) +
      send("citation-start", { citations: [{ start: 0, end: 5, text: "Paris", sources: [{ id: "d1" }] }] }) +
      send("tool-call-start", { tool_calls: [{ id: "c1", function: { name: "f" } }] }) +
      send("tool-call-delta", { tool_calls: [{ function: { arguments: '{"a":1}' } }] }) +
      'data: {"type":"message-end","delta":{"finish_reason":"TOOL_CALL"}}\n\n';
    const { choices } = assembled(eventsOf(text, new SseFramer(), cohere.createStreamDecoder(responseContext())));
    expect(choices[0]?.parts).toMatchObject([
      { type: "text", text: "Paris", citations: [{ start: 0, end: 5, url: "source:d1" }] },
      { type: "tool-call", id: "c1", name: "f", arguments: '{"a":1}' },
    ]);
  });

  test("for Cohere's clients", () => {
    const error = new GatewayError("rate_limit", "slow down");
    expect(cohere.encodeError(error, "id-1")).toEqual({ id: "id-1", message: "slow down" });
    const encoder = cohere.createStreamEncoder(answerContext());
    const events = eventsOf(encoder.error(error), new SseFramer(), cohere.createStreamDecoder(responseContext()));
    expect(events.at(-1)).toMatchObject({ type: "error", error: { message: "slow down" } });
  });
});
