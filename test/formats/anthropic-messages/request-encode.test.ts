import { describe, expect, test } from "bun:test";
import { anthropicMessages } from "../../../src/formats/anthropic-messages/index.ts";
import type { ConversationRequest, Message, Part } from "../../../src/formats/conversation.ts";
import type { RequestContext } from "../../../src/formats/format.ts";
import { requestContext } from "../recorded-exchange.ts";

const user: Message = { role: "user", parts: [{ type: "text", text: "hi" }] };

function encode(request: Partial<ConversationRequest>, change: Partial<RequestContext> = {}) {
  const context = requestContext(change.model ?? "claude-sonnet-4-5", { owner: "anthropic", ...change });
  const body = anthropicMessages.encodeRequest({ model: "m", messages: [user], sampling: {}, ...request }, context);
  const refused = context.report.changes.filter((entry) => entry.unsupported).map(({ parameter }) => parameter);
  return { body, refused, changes: context.report.changes };
}

function messagesOf(messages: readonly Message[], change: Partial<RequestContext> = {}) {
  return encode({ messages }, change).body.messages;
}

const say = (role: Message["role"], text: string): Message => ({ role, parts: [{ type: "text", text }] });
const call: Part = { type: "tool-call", id: "a", name: "f", arguments: '{"x":1}' };
const result = (callId: string): Message => ({
  role: "tool",
  parts: [{ type: "tool-result", callId, content: [{ type: "text", text: "ok" }] }],
});

describe("messages", () => {
  test("system and developer messages are lifted in their order", () => {
    const { body, changes } = encode({
      messages: [say("system", "a"), user, say("developer", "b"), say("system", "")],
    });
    expect(body.system).toEqual([
      { type: "text", text: "a" },
      { type: "text", text: "b" },
    ]);
    expect(body.messages).toEqual([{ role: "user", content: [{ type: "text", text: "hi" }] }]);
    expect(changes.map(({ parameter }) => parameter)).toEqual(["messages[2]"]);
  });

  test("neighbours of one role join", () => {
    expect(messagesOf([user, say("user", "again"), say("assistant", "yes"), say("assistant", "no")])).toEqual([
      {
        role: "user",
        content: [
          { type: "text", text: "hi" },
          { type: "text", text: "again" },
        ],
      },
      {
        role: "assistant",
        content: [
          { type: "text", text: "yes" },
          { type: "text", text: "no" },
        ],
      },
    ]);
  });

  test("parallel results stand in one user message, before its text", () => {
    const assistant: Message = { role: "assistant", parts: [call, { ...call, id: "b" }] };
    const messages = messagesOf([user, assistant, say("user", "and?"), result("a"), result("b")]) as readonly {
      readonly content: readonly { readonly type: string }[];
    }[];
    expect(messages[2]?.content.map(({ type }) => type)).toEqual(["tool_result", "tool_result", "text"]);
    expect(messages).toHaveLength(3);
  });

  test.each([
    ['{"x":1}', { x: 1 }],
    ["", {}],
    ["  ", {}],
    ['{"x":', { _invalid_json: '{"x":' }],
    ["[1]", { _invalid_json: "[1]" }],
  ])("arguments %p become an object", (text, input) => {
    const { body, changes } = encode({
      messages: [user, { role: "assistant", parts: [{ type: "tool-call", id: "a", name: "f", arguments: text }] }],
    });
    expect(body.messages).toMatchObject([{}, { content: [{ type: "tool_use", input }] }]);
    expect(changes.length).toBe("_invalid_json" in input ? 1 : 0);
    const again = anthropicMessages.decodeRequest({ ...body, model: "m" }).messages[1]?.parts[0];
    if ("_invalid_json" in input) expect(again).toMatchObject({ arguments: text });
  });

  test("ids of other vendors are rewritten alike in call and result", () => {
    const messages = messagesOf([
      user,
      { role: "assistant", parts: [{ type: "tool-call", id: "functions.f:0", name: "f", arguments: "{}" }] },
      result("functions.f:0"),
    ]);
    expect(messages).toMatchObject([
      {},
      { content: [{ id: "functions_f_0" }] },
      { content: [{ tool_use_id: "functions_f_0" }] },
    ]);
  });

  test("blank text is left out and its cache mark moves to the block before", () => {
    const parts: Part[] = [
      { type: "text", text: "hi" },
      { type: "text", text: " ", cache: { ttl: "1h" } },
    ];
    expect(messagesOf([{ role: "user", parts }])).toEqual([
      {
        role: "user",
        content: [{ type: "text", text: "hi", cache_control: { type: "ephemeral", ttl: "1h" } }],
      },
    ]);
  });

  test("a prefill loses its trailing whitespace", () => {
    expect(messagesOf([user, say("assistant", "The answer is \n")])).toMatchObject([
      {},
      { role: "assistant", content: [{ text: "The answer is" }] },
    ]);
  });

  test("only Anthropic's own signed thinking goes back, first and byte for byte", () => {
    const own: Part = { type: "thinking", text: " t ", sealed: { owner: "anthropic", value: "s==" } };
    const hidden: Part = { type: "thinking", text: "", redacted: true, sealed: { owner: "anthropic", value: "r" } };
    const foreign: Part = { type: "thinking", text: "t", sealed: { owner: "gemini", value: "x" } };
    const unsigned: Part = { type: "thinking", text: "t" };
    const { body, changes } = encode({
      messages: [user, { role: "assistant", parts: [own, hidden, foreign, unsigned, call] }, result("a")],
    });
    expect(body.messages).toMatchObject([
      {},
      {
        content: [
          { type: "thinking", thinking: " t ", signature: "s==" },
          { type: "redacted_thinking", data: "r" },
          { type: "tool_use" },
        ],
      },
      {},
    ]);
    expect(changes.map(({ parameter }) => parameter)).toEqual(["messages[1].content[2]", "messages[1].content[3]"]);
  });

  test("repairs happen only when allowed", () => {
    const broken: Message[] = [say("assistant", "first"), say("user", "")];
    expect(messagesOf(broken)).toEqual([
      { role: "assistant", content: [{ type: "text", text: "first" }] },
      { role: "user", content: [] },
    ]);
    expect(messagesOf(broken, { modifyParams: true })).toEqual([
      { role: "user", content: [{ type: "text", text: "." }] },
      { role: "assistant", content: [{ type: "text", text: "first" }] },
      { role: "user", content: [{ type: "text", text: "." }] },
    ]);
  });

  test("media in every form that Anthropic takes", () => {
    const parts: Part[] = [
      { type: "image", source: { type: "base64", data: "AA==", mediaType: "image/jpg" } },
      { type: "image", source: { type: "url", url: "https://e.com/a.png" } },
      { type: "file", source: { type: "base64", data: "AA==", mediaType: "application/pdf" }, filename: "a.pdf" },
      { type: "file", source: { type: "base64", data: "w6Q=", mediaType: "text/markdown" } },
      { type: "file", source: { type: "file-id", id: "file_1" } },
      { type: "file", source: { type: "base64", data: "AA==", mediaType: "image/png" } },
    ];
    expect(messagesOf([{ role: "user", parts }])).toEqual([
      {
        role: "user",
        content: [
          { type: "image", source: { type: "base64", media_type: "image/jpeg", data: "AA==" } },
          { type: "image", source: { type: "url", url: "https://e.com/a.png" } },
          {
            type: "document",
            source: { type: "base64", media_type: "application/pdf", data: "AA==" },
            title: "a.pdf",
          },
          { type: "document", source: { type: "text", media_type: "text/plain", data: "ä" } },
          { type: "document", source: { type: "file", file_id: "file_1" } },
          { type: "image", source: { type: "base64", media_type: "image/png", data: "AA==" } },
        ],
      },
    ]);
  });

  test("what Anthropic cannot hear or see is refused", () => {
    const { refused } = encode({
      messages: [
        {
          role: "user",
          parts: [
            { type: "audio", source: { type: "base64", data: "AA==", mediaType: "audio/wav" } },
            { type: "file", source: { type: "base64", data: "AA==", mediaType: "application/zip" } },
          ],
        },
      ],
    });
    expect(refused).toEqual(["messages[0].content[0]", "messages[0].content[1]"]);
  });
});

describe("parameters", () => {
  test.each<[Partial<ConversationRequest>, Partial<RequestContext>, number]>([
    [{}, {}, 4096],
    [{}, { capabilities: { maxOutputTokens: 64_000 } }, 64_000],
    [{ sampling: { maxOutputTokens: 7 } }, { capabilities: { maxOutputTokens: 64_000 } }, 7],
    [{ sampling: { maxOutputTokens: 90_000 } }, { capabilities: { maxOutputTokens: 64_000 } }, 90_000],
    [
      { sampling: { maxOutputTokens: 90_000 } },
      { capabilities: { maxOutputTokens: 64_000 }, modifyParams: true },
      64_000,
    ],
    [{ reasoning: { budgetTokens: 10_000 } }, {}, 14_096],
  ])("%j %j: max_tokens is always there", (request, context, expected) => {
    expect(encode(request, context).body.max_tokens).toBe(expected);
  });

  test("temperature is clamped, stop and user are renamed", () => {
    const { body, changes } = encode({ sampling: { temperature: 1.7, stop: ["a", " "] }, user: "u1" });
    expect(body).toMatchObject({ temperature: 1, stop_sequences: ["a"], metadata: { user_id: "u1" } });
    expect(changes.map(({ parameter, action }) => [parameter, action])).toEqual([
      ["temperature", "clamped"],
      ["stop", "dropped"],
    ]);
  });

  test.each(["jo@example.com", "+49 30 1234567"])("%s does not go upstream as user", (name) => {
    expect(encode({ user: name }).body.metadata).toBeUndefined();
  });

  test("what Anthropic lacks is refused, its defaults are not", () => {
    const { refused } = encode({
      sampling: {
        n: 2,
        seed: 1,
        presencePenalty: 1,
        frequencyPenalty: 1,
        logitBias: { "7": 1 },
        logprobs: true,
        topLogprobs: 2,
      },
      verbosity: "low",
      modalities: ["text", "audio"],
      store: true,
    });
    expect(refused.sort()).toEqual([
      "frequency_penalty",
      "logit_bias",
      "logprobs",
      "modalities",
      "n",
      "presence_penalty",
      "seed",
      "store",
      "top_logprobs",
      "verbosity",
    ]);
    expect(encode({ sampling: { n: 1, logprobs: false }, store: false, modalities: ["text"] }).refused).toEqual([]);
  });

  test.each<[string, ConversationRequest["sampling"], string[]]>([
    ["claude-sonnet-4-0", { temperature: 0.5, topP: 0.5 }, []],
    ["claude-sonnet-4-5", { temperature: 0.5, topP: 0.5 }, ["top_p"]],
    ["claude-opus-4-7", { temperature: 0.5, topK: 3 }, ["temperature", "top_k"]],
    ["claude-opus-4-7", { temperature: 1, topP: 1 }, []],
  ])("%s samples within its limits", (model, sampling, expected) => {
    expect(encode({ sampling }, { model }).refused).toEqual(expected);
  });

  test("fields of OpenAI's clients that nobody knows go upstream; those of other formats are reported", () => {
    const fields = { context_management: { edits: [] }, output_config: { task_budget: 1 } };
    const { body } = encode(
      { extensions: { format: "openai-chat", fields }, reasoning: { effort: "low" } },
      {
        model: "claude-opus-4-6",
      },
    );
    expect(body).toMatchObject({ context_management: { edits: [] }, output_config: { effort: "low", task_budget: 1 } });
    const other = encode({ extensions: { format: "gemini", fields: { cachedContent: "c" } } });
    expect(other.body.cachedContent).toBeUndefined();
    expect(other.changes.map(({ parameter }) => parameter)).toEqual(["cachedContent"]);
  });
});

describe("tools", () => {
  const tool = { type: "function", name: "f", parameters: { type: "object", properties: {} } } as const;

  test("functions, free text, search and hosted tools", () => {
    const { body } = encode({
      tools: [
        { type: "function", name: "no_parameters", description: "d", strict: true, cache: {} },
        { type: "custom", name: "c", description: "d" },
        { type: "web-search", contextSize: "medium", userLocation: { type: "approximate", city: "Bern" } },
        { type: "opaque", format: "openai-chat", value: { type: "bash_20250124", name: "bash" } },
        {
          type: "opaque",
          format: "openai-responses",
          value: { type: "mcp", server_label: "s", server_url: "https://e.com", allowed_tools: ["t"] },
        },
      ],
    });
    expect(body.tools).toEqual([
      {
        name: "no_parameters",
        description: "d",
        input_schema: { type: "object", properties: {} },
        strict: true,
        cache_control: { type: "ephemeral" },
      },
      {
        name: "c",
        description: "d",
        input_schema: { type: "object", properties: { input: { type: "string" } }, required: ["input"] },
      },
      {
        type: "web_search_20250305",
        name: "web_search",
        max_uses: 5,
        user_location: { type: "approximate", city: "Bern" },
      },
      { type: "bash_20250124", name: "bash" },
    ]);
    expect(body.mcp_servers).toEqual([
      { type: "url", url: "https://e.com", name: "s", tool_configuration: { enabled: true, allowed_tools: ["t"] } },
    ]);
  });

  test("tools that only others have are refused", () => {
    const value = { type: "file_search" };
    expect(encode({ tools: [{ type: "opaque", format: "openai-responses", value }] }).refused).toEqual(["tools[0]"]);
  });

  test.each<[Partial<ConversationRequest>, unknown]>([
    [{ toolChoice: { type: "auto" } }, { type: "auto" }],
    [
      { toolChoice: { type: "required" }, parallelToolCalls: false },
      { type: "any", disable_parallel_tool_use: true },
    ],
    [{ toolChoice: { type: "none" } }, { type: "none" }],
    [{ toolChoice: { type: "tool", name: "f" } }, { type: "tool", name: "f" }],
    [{ parallelToolCalls: false }, { type: "auto", disable_parallel_tool_use: true }],
    [{ parallelToolCalls: true }, undefined],
    [{ toolChoice: { type: "allowed", mode: "required", names: ["f"] } }, { type: "any" }],
  ])("%j", (request, expected) =>
    expect(encode({ tools: [tool], ...request }).body.tool_choice).toEqual(expected as never),
  );

  test("a list of allowed tools leaves the others out", () => {
    const { body } = encode({
      tools: [tool, { ...tool, name: "g" }],
      toolChoice: { type: "allowed", mode: "auto", names: ["g"] },
    });
    expect(body.tools).toMatchObject([{ name: "g" }]);
  });

  test("a call cannot be forced while the model thinks, nor where the model refuses it", () => {
    const choice = { tools: [tool], toolChoice: { type: "required" } } as const;
    const thinking = encode({ ...choice, reasoning: { effort: "low" } });
    expect(thinking.refused).toEqual(["tool_choice"]);
    expect(thinking.body.tool_choice).toEqual({ type: "auto" });
    expect(encode(choice, { model: "claude-sonnet-5-5" }).refused).toEqual(["tool_choice"]);
    expect(encode(choice, { model: "claude-haiku-5-5" }).refused).toEqual([]);
  });

  test("a history with calls gets a stand-in tool when repairs are allowed", () => {
    const messages: Message[] = [user, { role: "assistant", parts: [call] }, result("a")];
    expect(encode({ messages }).body.tools).toBeUndefined();
    expect(encode({ messages }, { modifyParams: true }).body.tools).toHaveLength(1);
  });

  test.each<[object, object]>([
    [
      { type: "object", properties: { a: {} } },
      { type: "object", properties: { a: {} } },
    ],
    [{ properties: { a: {} } }, { type: "object", properties: { a: {} } }],
    [
      {
        anyOf: [
          { properties: { a: {}, k: {} }, required: ["a", "k"] },
          { properties: { k: {} }, required: ["k"] },
        ],
      },
      { type: "object", properties: { a: {}, k: {} }, required: ["k"] },
    ],
    [
      { $ref: "#/$defs/A", $defs: { A: { type: "object", properties: { x: {} } } } },
      { type: "object", properties: { x: {} }, $defs: { A: { type: "object", properties: { x: {} } } } },
    ],
  ])("schema %j has an object at its root", (parameters, expected) => {
    const { body } = encode({ tools: [{ type: "function", name: "f", parameters: parameters as never }] });
    expect(body.tools).toEqual([{ name: "f", input_schema: expected as never }]);
  });
});
