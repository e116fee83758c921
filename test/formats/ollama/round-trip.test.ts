import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { GatewayError } from "../../../src/errors/gateway-error.ts";
import type { ConversationRequest, ConversationResponse, Message } from "../../../src/formats/conversation.ts";
import { ollama } from "../../../src/formats/ollama/index.ts";
import { replay } from "../../../src/formats/replay.ts";
import type { JsonObject } from "../../../src/json/json.ts";
import { NdjsonFramer } from "../../../src/upstream/sse.ts";
import { answers, someText } from "../arbitraries.ts";
import { answerContext, assembled, eventsOf, requestContext, responseContext } from "../recorded-exchange.ts";

/** What Ollama's answers have no place for: the answer's id, and the moment is the gateway's. */
function shown(response: ConversationResponse): ConversationResponse {
  const { id: _, created: __, model: ___, ...rest } = response;
  return { ...rest, choices: rest.choices.map(({ rawFinish: _raw, ...choice }) => choice) };
}

describe("answers", () => {
  test("come back as they went", () => {
    fc.assert(
      fc.property(answers, (response) => {
        const decoded = ollama.decodeResponse(ollama.encodeResponse(response, answerContext()), responseContext());
        expect(shown(decoded)).toEqual(shown(response));
      }),
    );
  });

  test("say the same as a stream and whole, in pieces of any size", () => {
    fc.assert(
      fc.property(
        answers,
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 }),
        (response, sizes) => {
          const encoder = ollama.createStreamEncoder(answerContext());
          const text = replay(response)
            .map((event) => encoder.push(event))
            .join("")
            .concat(encoder.end());
          const decoder = ollama.createStreamDecoder(responseContext());
          expect(shown(assembled(eventsOf(text, new NdjsonFramer(), decoder, ...sizes)))).toEqual(shown(response));
        },
      ),
    );
  });

  test("carry Ollama's timings to Ollama's clients", () => {
    const body = {
      model: "m",
      message: { content: "x" },
      done: true,
      done_reason: "stop",
      total_duration: 5,
      eval_count: 1,
    };
    const response = ollama.decodeResponse(body, responseContext());
    expect(ollama.encodeResponse(response, answerContext())).toMatchObject({ total_duration: 5, eval_count: 1 });
  });

  // https://docs.ollama.com/api/chat (2026-11-24)
  test("cached prompt tokens and log probabilities", () => {
    const body = {
      message: { content: "x" },
      done: true,
      prompt_eval_count: 10,
      prompt_eval_cached_count: 4,
      eval_count: 2,
      logprobs: [{ token: "x", logprob: -0.5, bytes: [120], top_logprobs: [{ token: "x", logprob: -0.5 }] }],
    };
    const response = ollama.decodeResponse(body, responseContext());
    expect(response.usage).toEqual({ buckets: { input: 6, cache_read: 4, output: 2 } });
    expect(response.choices[0]?.logprobs).toMatchObject({ content: [{ token: "x", logprob: -0.5 }] });
    const back = ollama.encodeResponse(response, answerContext());
    expect(back).toMatchObject({ prompt_eval_count: 10, prompt_eval_cached_count: 4, logprobs: body.logprobs });
  });

  test("calls without ids get ids that differ, also between answers", () => {
    const answer = (created_at: string) =>
      ollama
        .decodeResponse(
          {
            created_at,
            message: {
              content: "",
              tool_calls: [{ function: { name: "f", arguments: {} } }, { function: { name: "f" } }],
            },
            done: true,
          },
          responseContext(),
        )
        .choices[0]?.parts.map((part) => (part.type === "tool-call" ? part.id : ""));
    const ids = [...(answer("2026-01-01T00:00:00.1Z") ?? []), ...(answer("2026-01-01T00:00:00.2Z") ?? [])];
    expect(new Set(ids).size).toBe(4);
  });
});

test("an id that a model repeats within one answer names one call only", () => {
  const call = { id: "call_1", function: { name: "f", arguments: {} } };
  const body = { created_at: "2026-01-01T00:00:00Z", message: { tool_calls: [call, call] }, done: true };
  const parts = ollama.decodeResponse(body, responseContext()).choices[0]?.parts ?? [];
  const ids = parts.map((part) => (part.type === "tool-call" ? part.id : ""));
  expect(ids[0]).toBe("call_1");
  expect(ids[1]).not.toBe("call_1");
});

test("answers of tools find their calls, by id, by name or by order", () => {
  const call = (id: string | undefined, name: string) => ({ ...(id === undefined ? {} : { id }), function: { name } });
  const pairs = (messages: JsonObject[]) => {
    const parts = ollama.decodeRequest({ messages }).messages.flatMap((message) => message.parts);
    const names = new Map(parts.flatMap((part) => (part.type === "tool-call" ? [[part.id, part.name]] : [])));
    return parts.flatMap((part) => (part.type === "tool-result" ? [names.get(part.callId)] : []));
  };
  const asks = (...calls: JsonObject[]): JsonObject => ({ role: "assistant", content: "", tool_calls: calls });
  const says = (more: JsonObject): JsonObject => ({ role: "tool", content: "x", ...more });
  expect(pairs([asks(call(undefined, "a"), call(undefined, "b")), says({ tool_name: "b" }), says({})])).toEqual([
    "b",
    "a",
  ]);
  // A client that counts its calls anew in every turn.
  const again = [asks(call("0", "a")), says({ tool_call_id: "0" }), asks(call("0", "b")), says({ tool_call_id: "0" })];
  expect(pairs(again)).toEqual(["a", "b"]);
});

const requests: fc.Arbitrary<ConversationRequest> = fc
  .record({
    system: fc.option(someText, { nil: undefined }),
    question: someText,
    tool: fc.boolean(),
    result: someText,
    thinking: fc.option(someText, { nil: undefined }),
    image: fc.boolean(),
    stream: fc.boolean(),
    temperature: fc.option(fc.double({ min: 0, max: 2, noNaN: true }), { nil: undefined }),
    maxOutputTokens: fc.option(fc.integer({ min: 1, max: 4096 }), { nil: undefined }),
    stop: fc.option(fc.array(someText, { minLength: 1, maxLength: 3 }), { nil: undefined }),
    think: fc.constantFrom(undefined, "enabled" as const, "disabled" as const),
    format: fc.constantFrom(
      undefined,
      { type: "json" as const },
      { type: "json-schema" as const, schema: { type: "object" } },
    ),
    context: fc.option(fc.integer({ min: 512, max: 9999 }), { nil: undefined }),
  })
  .map((drawn) => {
    const messages: Message[] = [];
    if (drawn.system !== undefined) messages.push({ role: "system", parts: [{ type: "text", text: drawn.system }] });
    messages.push({
      role: "user",
      parts: [
        { type: "text", text: drawn.question },
        ...(drawn.image
          ? [
              {
                type: "image" as const,
                source: { type: "base64" as const, data: "iVBORw0KGgo=", mediaType: "image/png" },
              },
            ]
          : []),
      ],
    });
    if (drawn.tool) {
      messages.push(
        {
          role: "assistant",
          parts: [
            ...(drawn.thinking === undefined ? [] : [{ type: "thinking" as const, text: drawn.thinking }]),
            { type: "tool-call", id: "call_7", name: "weather", arguments: '{"city":"Paris"}' },
          ],
        },
        {
          role: "tool",
          parts: [
            { type: "tool-result", callId: "call_7", content: [{ type: "text", text: drawn.result }], name: "weather" },
          ],
        },
      );
    }
    const { temperature, maxOutputTokens, stop } = drawn;
    return {
      model: "llama3",
      messages,
      sampling: {
        ...(temperature === undefined ? {} : { temperature }),
        ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
        ...(stop === undefined ? {} : { stop }),
      },
      stream: drawn.stream,
      ...(drawn.stream ? { includeUsage: true } : {}),
      ...(drawn.tool
        ? { tools: [{ type: "function" as const, name: "weather", parameters: { type: "object" } }] }
        : {}),
      ...(drawn.think === undefined ? {} : { reasoning: { mode: drawn.think } }),
      ...(drawn.format === undefined ? {} : { responseFormat: drawn.format }),
      ...(drawn.context === undefined
        ? {}
        : {
            extensions: {
              format: "ollama" as const,
              fields: { keep_alive: "5m", options: { num_ctx: drawn.context } },
            },
          }),
    };
  });

test("requests come back as they went, and nothing is reported", () => {
  fc.assert(
    fc.property(requests, (request) => {
      const context = requestContext(request.model);
      expect(ollama.decodeRequest(ollama.encodeRequest(request, context))).toEqual(request);
      expect(context.report.changes).toEqual([]);
    }),
  );
});

describe("what Ollama cannot say (https://docs.ollama.com/api/chat, 2026-11-24)", () => {
  const user: Message = { role: "user", parts: [{ type: "text", text: "Hi" }] };
  const tools = ["a", "b"].map((name) => ({ type: "function" as const, name, parameters: { type: "object" } }));
  const encode = (request: Partial<ConversationRequest>, model = "llama3") => {
    const context = requestContext(model);
    const body = ollama.encodeRequest({ model, messages: [user], sampling: {}, ...request }, context);
    return { body, changes: context.report.changes.map(({ parameter, action }) => `${parameter} ${action}`) };
  };

  test("streaming is always said, because Ollama streams unless told not to", () => {
    expect(encode({}).body.stream).toBe(false);
    expect(encode({ stream: true }).body.stream).toBe(true);
    expect(ollama.decodeRequest({ messages: [] }).stream).toBe(true);
  });

  test("tool choices", () => {
    expect(encode({ tools, toolChoice: { type: "none" } }).body).not.toHaveProperty("tools");
    expect(encode({ tools, toolChoice: { type: "required" } }).changes).toEqual(["tool_choice dropped"]);
    const named = encode({ tools, toolChoice: { type: "tool", name: "b" } });
    expect((named.body.tools as { function: { name: string } }[]).map((tool) => tool.function.name)).toEqual(["b"]);
  });

  test("thinking is on or off, and a level for GPT-OSS", () => {
    expect(encode({ reasoning: { effort: "high" } }).body.think).toBe(true);
    expect(encode({ reasoning: { effort: "none" } }).body.think).toBe(false);
    expect(encode({ reasoning: { effort: "high" } }, "gpt-oss:20b").body.think).toBe("high");
    expect(encode({ reasoning: { effort: "minimal" } }, "gpt-oss:20b").changes).toEqual(["reasoning_effort clamped"]);
  });

  test("images by address are reported, not lost in silence", () => {
    const message: Message = {
      role: "user",
      parts: [{ type: "image", source: { type: "url", url: "https://a/b.png" } }],
    };
    expect(encode({ messages: [message] }).changes).toEqual(["messages.image dropped"]);
  });

  test("what a Chat Completions client adds is an option, or Ollama's own field", () => {
    const fields = { num_ctx: 8192, keep_alive: "10m" };
    expect(encode({ extensions: { format: "openai-chat", fields } }).body).toMatchObject({
      options: { num_ctx: 8192 },
      keep_alive: "10m",
    });
  });

  test("broken arguments stay, inside an object", () => {
    const call = { type: "tool-call" as const, id: "1", name: "f", arguments: '{"a":' };
    const { body } = encode({ messages: [{ role: "assistant", parts: [call] }] });
    expect(JSON.stringify(body)).toContain(JSON.stringify({ arguments: '{"a":' }));
  });
});

test("bad requests name the field", () => {
  const paramOf = (body: JsonObject): string | undefined => {
    try {
      ollama.decodeRequest(body);
    } catch (error) {
      if (error instanceof GatewayError) return error.param;
    }
    return undefined;
  };
  expect(paramOf({})).toBe("messages");
  expect(paramOf({ messages: [{ role: "robot" }] })).toBe("messages[0].role");
  expect(paramOf({ messages: [{ role: "user", content: [] }] })).toBe("messages[0].content");
  expect(paramOf({ messages: [], options: { temperature: "hot" } })).toBe("options.temperature");
});

describe("errors", () => {
  test("classes", () => {
    const code = (status: number, error: string) =>
      ollama.decodeError(status, JSON.stringify({ error }), new Headers()).code as string;
    expect(code(404, 'model "x" not found, try pulling it first')).toBe("not_found");
    expect(code(400, "the request exceeded max context length")).toBe("context_window_exceeded");
    expect(code(500, "Failed to load model")).toBe("invalid_request");
    expect(code(500, "an error was encountered")).toBe("internal");
    expect(code(401, "unauthorized")).toBe("authentication");
  });

  test("inside a stream, and for Ollama's clients", () => {
    const encoder = ollama.createStreamEncoder(answerContext());
    const line = encoder.error(new GatewayError("internal", "out of memory"));
    expect(line).toBe('{"error":"out of memory"}\n');
    const events = eventsOf(line, new NdjsonFramer(), ollama.createStreamDecoder(responseContext()));
    expect(events).toMatchObject([{ type: "error", error: { message: "out of memory" } }]);
    const observer = ollama.createStreamObserver(responseContext());
    observer.observe(line.trim(), undefined);
    expect(observer.failure?.message).toBe("out of memory");
  });
});
