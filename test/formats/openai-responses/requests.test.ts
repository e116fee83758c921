import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { GatewayError } from "../../../src/errors/gateway-error.ts";
import type { ConversationRequest, Message, Part } from "../../../src/formats/conversation.ts";
import type { RequestContext } from "../../../src/formats/format.ts";
import { openaiResponses } from "../../../src/formats/openai-responses/index.ts";
import { withOwnItemsOnly } from "../../../src/formats/openai-responses/own-items.ts";
import { carry } from "../../../src/formats/sealed.ts";
import { asArray, asObject, type JsonObject } from "../../../src/json/json.ts";
import { someText } from "../arbitraries.ts";
import { requestContext } from "../recorded-exchange.ts";

const decode = (body: JsonObject) => openaiResponses.decodeRequest(body);
const encode = (request: Partial<ConversationRequest>, change: Partial<RequestContext> = {}) => {
  const context = requestContext("m", { owner: "openai", ...change });
  const body = openaiResponses.encodeRequest({ model: "m", messages: [], sampling: {}, ...request }, context);
  return { body, changes: context.report.changes.map(({ parameter, action }) => `${parameter} ${action}`) };
};
const user = (...parts: Part[]): Message => ({ role: "user", parts });
const text = (said: string): Part => ({ type: "text", text: said });

const userPart: fc.Arbitrary<Part> = fc.oneof(
  someText.map(text),
  fc.constant<Part>({ type: "image", source: { type: "url", url: "https://example.com/a.jpg" }, detail: "low" }),
  fc.constant<Part>({ type: "image", source: { type: "base64", data: "aGk=", mediaType: "image/webp" } }),
  fc.constant<Part>({ type: "image", source: { type: "file-id", id: "file-1" } }),
  fc.constant<Part>({
    type: "file",
    source: { type: "base64", data: "aGk=", mediaType: "application/pdf" },
    filename: "a.pdf",
  }),
  fc.constant<Part>({ type: "file", source: { type: "url", url: "https://example.com/a.pdf" } }),
  fc.constant<Part>({ type: "file", source: { type: "file-id", id: "file-2" } }),
  fc.constant<Part>({
    type: "audio",
    source: { type: "base64", data: "aGk=", mediaType: "audio/mpeg" },
    format: "mp3",
  }),
);

/** A turn: what the user says, what the assistant thinks, says and calls, and what comes of the calls. */
const turns = fc
  .record({
    user: fc.array(userPart, { minLength: 1, maxLength: 3 }),
    thinking: fc.option(someText),
    said: fc.option(someText),
    calls: fc.array(fc.record({ custom: fc.boolean(), result: fc.array(userPart, { minLength: 2, maxLength: 3 }) }), {
      maxLength: 2,
    }),
    plain: fc.boolean(),
  })
  .map(({ user: asked, thinking, said, calls, plain }): Message[] => {
    const parts: Part[] = [];
    if (thinking !== null) {
      parts.push({
        type: "thinking",
        text: thinking,
        sealed: { owner: "openai", value: "gAAA", detail: { id: "rs_1" } },
        native: { format: "openai-responses", value: { id: "rs_1" } },
      });
    }
    if (said !== null) parts.push(text(said));
    calls.forEach(({ custom }, index) => {
      parts.push({
        type: "tool-call",
        id: `call_${index}`,
        name: `tool_${index}`,
        arguments: "{}",
        ...(custom ? { kind: "custom" as const } : {}),
      });
    });
    const results = calls.map(
      ({ custom, result }, index): Message => ({
        role: "tool",
        parts: [
          {
            type: "tool-result",
            callId: `call_${index}`,
            name: `tool_${index}`,
            content: plain ? [text("done")] : result,
            ...(custom ? { native: { format: "openai-responses" as const, value: { custom: true } } } : {}),
          },
        ],
      }),
    );
    return [
      { role: "user", parts: asked },
      ...(parts.length === 0 ? [] : [{ role: "assistant" as const, parts }]),
      ...results,
    ];
  });

const requests: fc.Arbitrary<ConversationRequest> = fc
  .record({
    system: fc.option(someText),
    turns: fc.array(turns, { minLength: 1, maxLength: 3 }),
    sampling: fc.record(
      {
        temperature: fc.double({ min: 0, max: 2, noNaN: true }),
        topP: fc.double({ min: 0, max: 1, noNaN: true }),
        maxOutputTokens: fc.integer({ min: 16, max: 9999 }),
        topK: fc.nat(9),
        stop: fc.array(someText, { minLength: 1, maxLength: 2 }),
        presencePenalty: fc.double({ min: -2, max: 2, noNaN: true }),
      },
      { requiredKeys: [] },
    ),
    rest: fc.record(
      {
        toolChoice: fc.constantFrom<NonNullable<ConversationRequest["toolChoice"]>>(
          { type: "auto" },
          { type: "required" },
          { type: "none" },
          { type: "tool", name: "tool_0" },
          { type: "tool", name: "shell", kind: "custom" },
          { type: "allowed", mode: "required", names: ["tool_0", "shell"] },
        ),
        parallelToolCalls: fc.boolean(),
        responseFormat: fc.constantFrom<NonNullable<ConversationRequest["responseFormat"]>>(
          { type: "text" },
          { type: "json" },
          { type: "json-schema", name: "a", description: "b", schema: { type: "object" }, strict: true },
        ),
        reasoning: fc.record({ effort: fc.constantFrom("low", "high"), summary: fc.constantFrom("auto", "detailed") }),
        verbosity: fc.constantFrom("low", "high"),
        user: someText,
        safetyIdentifier: someText,
        metadata: fc.constant({ a: "b" }),
        store: fc.boolean(),
        serviceTier: fc.constantFrom("flex", "priority"),
        promptCacheKey: someText,
        promptCacheRetention: fc.constant("24h"),
        previousResponseId: fc.constant("resp_1"),
        extensions: fc.constant<NonNullable<ConversationRequest["extensions"]>>({
          format: "openai-responses",
          fields: { background: true, include: ["file_search_call.results"], reasoning: { context: "all_turns" } },
        }),
      },
      { requiredKeys: [] },
    ),
    stream: fc.boolean(),
  })
  .map(({ system, turns: spoken, sampling, rest, stream }) => ({
    model: "m",
    messages: [...(system === null ? [] : [{ role: "system" as const, parts: [text(system)] }]), ...spoken.flat()],
    sampling,
    tools: [
      { type: "function" as const, name: "tool_0", description: "d", parameters: { type: "object" }, strict: false },
      { type: "custom" as const, name: "shell", inputFormat: { type: "grammar", syntax: "lark", definition: "x" } },
      { type: "opaque" as const, format: "openai-responses" as const, value: { type: "mcp", server_label: "s" } },
    ],
    ...rest,
    ...(stream ? { stream, includeUsage: true } : {}),
  }));

test("requests come back as they went, and nothing is reported", () => {
  fc.assert(
    fc.property(requests, (request) => {
      // Not OpenAI itself, which takes less sampling; its reasoning is this target's own.
      const context = requestContext("m", { owner: "openai", provider: "openai" });
      const { stop: _, topK: __, presencePenalty: ___, ...sampling } = request.sampling;
      const sent = { ...request, sampling };
      const merged = adjacent(sent.messages);
      expect(decode(openaiResponses.encodeRequest({ ...sent, messages: merged }, context))).toEqual({
        ...sent,
        messages: merged,
      });
      expect(context.report.changes).toEqual([]);
    }),
  );
});

/** Consecutive turns of the assistant are one. */
function adjacent(messages: readonly Message[]): Message[] {
  return messages.filter((message, index) => message.role !== "assistant" || messages[index - 1]?.role !== "assistant");
}

test("sampling that compatible servers take", () => {
  const sampling = { stop: ["x"], seed: 1, topK: 2, presencePenalty: 0.5 };
  const { body, changes } = encode({ sampling }, { owner: "vllm" });
  expect(decode({ ...body, input: "Hi" }).sampling).toEqual(sampling);
  expect(changes).toEqual([]);
  expect(encode({ sampling }).changes).toEqual([
    "stop dropped",
    "seed dropped",
    "presence_penalty dropped",
    "top_k dropped",
  ]);
});

describe("requests of other formats", () => {
  test("functions are not strict unless they say so, here and there", () => {
    const tool = { type: "function" as const, name: "f", parameters: { type: "object" } };
    expect(asArray(encode({ tools: [tool] }).body.tools)[0] as JsonObject).toMatchObject({ strict: false });
    const own = decode({ model: "m", input: "Hi", tools: [tool] }).tools ?? [];
    expect(asArray(encode({ tools: own }).body.tools)[0] as JsonObject).not.toHaveProperty("strict");
  });

  test("the first system text is the instructions, later ones are items", () => {
    const system: Message = { role: "system", parts: [text("a"), text("b")] };
    const { body } = encode({ messages: [system, user(text("Hi")), { role: "developer", parts: [text("c")] }] });
    expect(body.instructions).toBe("a\n\nb");
    expect(asArray(body.input).map((item) => asObject(item)?.role as string)).toEqual(["user", "developer"]);
  });

  test("system text that was an item stays one", () => {
    const request = decode({ model: "m", input: [{ role: "system", content: "a" }] });
    expect(request.messages[0]?.role as string).toBe("system");
    expect(encode(request).body).not.toHaveProperty("instructions");
  });

  test("a grammar of Chat Completions is one level flatter", () => {
    const inputFormat = { type: "grammar", grammar: { syntax: "lark", definition: "x" } };
    expect(encode({ tools: [{ type: "custom", name: "c", inputFormat }] }).body.tools as never).toEqual([
      { type: "custom", name: "c", format: { type: "grammar", syntax: "lark", definition: "x" } },
    ] as never);
  });

  test("a web search has a place for its options", () => {
    const userLocation = { type: "approximate", approximate: { city: "Bern" } };
    const { body } = encode({
      tools: [{ type: "web-search", contextSize: "low", userLocation, allowedDomains: ["a.com"] }],
    });
    expect(body.tools as never).toEqual([
      {
        type: "web_search",
        search_context_size: "low",
        user_location: { type: "approximate", city: "Bern" },
        filters: { allowed_domains: ["a.com"] },
      },
    ] as never);
  });

  test("budgets of thinking are efforts", () => {
    const effort = (reasoning: ConversationRequest["reasoning"]) =>
      asObject(encode(reasoning === undefined ? {} : { reasoning }).body.reasoning)?.effort as string;
    expect(effort({ mode: "enabled", budgetTokens: 8000 })).toBe("high");
    expect(effort({ budgetTokens: 2048 })).toBe("medium");
    expect(effort({ budgetTokens: 1024 })).toBe("low");
    expect(effort({ budgetTokens: 100 })).toBe("minimal");
    expect(effort({ mode: "disabled" })).toBe("none");
    expect(effort({ effort: "xhigh" })).toBe("xhigh");
    expect(effort({ mode: "adaptive" })).toBeUndefined();
  });

  test("models that reason are asked for what they think in their own cipher", () => {
    const include = (request: Partial<ConversationRequest>, change: Partial<RequestContext>) =>
      encode(request, change).body.include as string[] | undefined;
    expect(include({}, { capabilities: { reasoning: true } })).toEqual(["reasoning.encrypted_content"]);
    expect(include({}, { capabilities: {} })).toBeUndefined();
    expect(include({}, { owner: "databricks", capabilities: { reasoning: true } })).toBeUndefined();
    expect(include({ reasoning: { effort: "none" } }, { capabilities: { reasoning: true } })).toBeUndefined();
    expect(include({ sampling: { logprobs: true } }, {})).toEqual(["message.output_text.logprobs"]);
  });

  test("foreign and unsealed thinking stays here", () => {
    const messages: Message[] = [
      user(text("Hi")),
      {
        role: "assistant",
        parts: [
          { type: "thinking", text: "a", sealed: { owner: "anthropic", value: "s" } },
          { type: "thinking", text: "b" },
          { type: "tool-call", id: "c", name: "f", arguments: "", sealed: { owner: "gemini", value: "s" } },
        ],
      },
    ];
    const { body, changes } = encode({ messages });
    expect(asArray(body.input).slice(1) as never).toEqual([
      { type: "function_call", call_id: "c", name: "f", arguments: "{}" },
    ] as never);
    expect(changes).toEqual(["reasoning dropped", "reasoning dropped", "thought_signature dropped"]);
  });

  test("a result with an image, and one that failed", () => {
    const messages: Message[] = [
      {
        role: "user",
        parts: [
          {
            type: "tool-result",
            callId: "c",
            content: [text("see"), { type: "image", source: { type: "base64", data: "aGk=", mediaType: "image/png" } }],
          },
          { type: "tool-result", callId: "d", content: [text("no")], isError: true },
          text("and?"),
        ],
      },
    ];
    const { body, changes } = encode({ messages });
    expect(body.input as never).toEqual([
      {
        type: "function_call_output",
        call_id: "c",
        output: [
          { type: "input_text", text: "see" },
          { type: "input_image", image_url: "data:image/png;base64,aGk=" },
        ],
      },
      { type: "function_call_output", call_id: "d", output: "no" },
      { role: "user", content: [{ type: "input_text", text: "and?" }] },
    ] as never);
    expect(changes).toEqual(["input.is_error dropped"]);
  });

  test("what has no field is reported", () => {
    const { changes } = encode({ sampling: { n: 2 }, prediction: { type: "content" }, modalities: ["text", "audio"] });
    expect(changes).toEqual(["n dropped", "modalities dropped", "prediction dropped"]);
  });
});

describe("items", () => {
  const messages = (...input: JsonObject[]) => decode({ model: "m", input }).messages;

  test("one turn of the assistant is one message, two texts of two items are two", () => {
    const said = (id: string) => ({
      type: "message",
      role: "assistant",
      id,
      content: [{ type: "output_text", text: id }],
    });
    const call = { type: "function_call", call_id: "c", name: "f", arguments: "{}" };
    const parts = (items: JsonObject[]) => messages(...items).map((message) => message.parts.map((part) => part.type));
    expect(parts([said("a"), call, call, said("b")])).toEqual([["text", "tool-call", "tool-call", "text"]]);
    expect(parts([said("a"), said("b")])).toEqual([["text"], ["text"]]);
  });

  test("ids and phases of the model's messages return to it", () => {
    const item = {
      type: "message",
      role: "assistant",
      id: "msg_1",
      phase: "commentary",
      content: [{ type: "output_text", text: "a" }],
    };
    expect(encode({ messages: messages(item) }).body.input as never).toEqual([item] as never);
  });

  test("items that only this API knows are kept whole", () => {
    const items: JsonObject[] = [
      { type: "item_reference", id: "msg_1" },
      { type: "web_search_call", id: "ws_1", status: "completed", action: { type: "search", query: "q" } },
      { type: "mcp_approval_response", approval_request_id: "a", approve: true },
      { type: "computer_call_output", call_id: "c", output: { type: "computer_screenshot" } },
      { type: "reasoning", id: "rs_1", summary: [] },
    ];
    const { body, changes } = encode({ messages: messages(...items) });
    expect(body.input as never).toEqual(items as never);
    expect(changes).toEqual([]);
  });

  test("ids that the gateway made do not go to a provider", () => {
    const items: JsonObject[] = [
      { type: "reasoning", id: "rs_gw_0_x", summary: [{ type: "summary_text", text: "Hm" }] },
      { type: "message", role: "assistant", id: "msg_gw_1_x", content: [{ type: "output_text", text: "a" }] },
      { type: "function_call", id: "fc_gw_2_x", call_id: "c", name: "f", arguments: "{}" },
    ];
    const { body, changes } = encode({ messages: messages(...items) });
    expect(asArray(body.input).map((item) => asObject(item)?.id)).toEqual([undefined, undefined]);
    expect(changes).toEqual(["reasoning dropped"]);
  });

  test("a choice of a hosted tool is kept", () => {
    const body = { model: "m", input: "Hi", tool_choice: { type: "web_search_preview" } };
    expect(encode(decode(body)).body.tool_choice as never).toEqual(body.tool_choice as never);
  });
});

describe("bodies that pass through", () => {
  const message = { role: "user", content: "Hi" };
  const reasoning = (encrypted_content: string, id: string) => ({
    type: "reasoning",
    id,
    summary: [],
    encrypted_content,
  });

  test("stay the same object when everything in them is the provider's own", () => {
    const body = {
      model: "m",
      input: [message, reasoning("gAAA", "rs_1"), { type: "reasoning", id: "rs_2", summary: [] }],
    };
    expect(withOwnItemsOnly(body, "openai")).toBe(body);
    expect(withOwnItemsOnly({ input: "Hi" }, "openai")).toEqual({ input: "Hi" });
  });

  test("lose what others sealed and ids that the gateway made", () => {
    const foreign = carry({ owner: "anthropic", value: "sig" }, "openai");
    const input = [
      message,
      reasoning(foreign, "rs_gw_0_x"),
      { type: "reasoning", id: "rs_gw_1_x", summary: [] },
      { type: "function_call", id: "fc_gw_2_x", call_id: "c", name: "f", arguments: "{}" },
    ];
    expect(withOwnItemsOnly({ input }, "openai").input as never).toEqual([
      message,
      { type: "function_call", call_id: "c", name: "f", arguments: "{}" },
    ] as never);
  });

  test("hold the provider's own reasoning as it sealed it", () => {
    const own = carry({ owner: "xai", value: "x", detail: { id: "rs_8" } }, "openai");
    expect(withOwnItemsOnly({ input: [reasoning(own, "rs_gw_0_x")] }, "xai").input as never).toEqual([
      reasoning("x", "rs_8"),
    ] as never);
    expect(withOwnItemsOnly({ input: [reasoning(own, "rs_gw_0_x")] }, "openai").input as never).toEqual([] as never);
  });
});

describe("bad requests name the field", () => {
  const paramOf = (body: JsonObject): string => {
    try {
      decode({ model: "m", ...body });
    } catch (error) {
      if (error instanceof GatewayError) return `${error.code} ${error.param}`;
      throw error;
    }
    return "accepted";
  };
  test("each", () => {
    expect(paramOf({})).toBe("invalid_request input");
    expect(paramOf({ previous_response_id: "resp_1" })).toBe("accepted");
    expect(paramOf({ input: 3 })).toBe("invalid_request input");
    expect(paramOf({ input: [3] })).toBe("invalid_request input[0]");
    expect(paramOf({ input: [{}] })).toBe("invalid_request input[0].type");
    expect(paramOf({ input: [{ role: "robot", content: "a" }] })).toBe("invalid_request input[0].role");
    expect(paramOf({ input: [{ role: "user", content: 3 }] })).toBe("invalid_request input[0].content");
    expect(paramOf({ input: [{ role: "user", content: [3] }] })).toBe("invalid_request input[0].content[0]");
    expect(paramOf({ input: [{ type: "function_call_output", output: "a" }] })).toBe(
      "invalid_request input[0].call_id",
    );
    expect(paramOf({ input: "a", temperature: "hot" })).toBe("invalid_request temperature");
    expect(paramOf({ input: "a", tools: [{ type: "function" }] })).toBe("invalid_request tools[0].name");
    expect(paramOf({ input: "a", tool_choice: "some" })).toBe("invalid_request tool_choice");
    expect(paramOf({ input: "a", text: { format: { type: "json_schema" } } })).toBe(
      "invalid_request text.format.schema",
    );
  });
});
