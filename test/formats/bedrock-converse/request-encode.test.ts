import { describe, expect, test } from "bun:test";
import { bedrockConverse } from "../../../src/formats/bedrock-converse/index.ts";
import { ownerOf } from "../../../src/formats/bedrock-converse/types.ts";
import type { ConversationRequest, Message, Part } from "../../../src/formats/conversation.ts";
import type { RequestContext } from "../../../src/formats/format.ts";
import { requestContext } from "../recorded-exchange.ts";

const CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const user: Message = { role: "user", parts: [{ type: "text", text: "hi" }] };

function encode(request: Partial<ConversationRequest>, model = CLAUDE, change: Partial<RequestContext> = {}) {
  const context = requestContext(model, { owner: ownerOf(model), ...change });
  const body = bedrockConverse.encodeRequest({ model: "m", messages: [user], sampling: {}, ...request }, context);
  const refused = context.report.changes.filter((entry) => entry.unsupported).map(({ parameter }) => parameter);
  return { body, refused, changes: context.report.changes };
}

const say = (role: Message["role"], text: string): Message => ({ role, parts: [{ type: "text", text }] });
const call: Part = { type: "tool-call", id: "a", name: "f", arguments: '{"x":1}' };
const tool = { type: "function", name: "f", parameters: { type: "object", properties: {} } } as const;

describe("messages", () => {
  test("system is lifted, roles alternate, results stand first in one message", () => {
    const { body } = encode({
      messages: [
        say("system", "s"),
        user,
        { role: "assistant", parts: [call, { ...call, id: "b" }] },
        say("user", "and?"),
        { role: "tool", parts: [{ type: "tool-result", callId: "a", content: [{ type: "text", text: "1" }] }] },
        {
          role: "tool",
          parts: [
            { type: "tool-result", callId: "b", content: [{ type: "text", text: "2" }], isError: true, cache: {} },
          ],
        },
      ],
    });
    expect(body.system).toEqual([{ text: "s" }]);
    expect(body.messages).toEqual([
      { role: "user", content: [{ text: "hi" }] },
      {
        role: "assistant",
        content: [
          { toolUse: { toolUseId: "a", name: "f", input: { x: 1 } } },
          { toolUse: { toolUseId: "b", name: "f", input: { x: 1 } } },
        ],
      },
      {
        role: "user",
        content: [
          { toolResult: { toolUseId: "a", content: [{ text: "1" }] } },
          { toolResult: { toolUseId: "b", content: [{ text: "2" }], status: "error" } },
          { cachePoint: { type: "default" } },
          { text: "and?" },
        ],
      },
    ]);
  });

  test("cache points only where the model takes them", () => {
    const messages: Message[] = [{ role: "user", parts: [{ type: "text", text: "hi", cache: { ttl: "1h" } }] }];
    expect(encode({ messages }).body.messages).toEqual([
      { role: "user", content: [{ text: "hi" }, { cachePoint: { type: "default", ttl: "1h" } }] },
    ]);
    const llama = encode({ messages }, "meta.llama3-3-70b-instruct-v1:0");
    expect(llama.body.messages).toEqual([{ role: "user", content: [{ text: "hi" }] }]);
    expect(llama.changes).toMatchObject([{ action: "dropped", parameter: "messages[0].content[0].cache_control" }]);
  });

  test("media by format and bytes; documents have names of their own and text beside them", () => {
    const pdf: Part = {
      type: "file",
      source: { type: "base64", data: "AA==", mediaType: "application/pdf" },
      filename: "My_report: 2026.pdf",
    };
    const { body } = encode({
      messages: [
        {
          role: "user",
          parts: [
            { type: "image", source: { type: "base64", data: "AA==", mediaType: "image/jpg" } },
            { type: "video", source: { type: "url", url: "s3://b/v.mp4", mediaType: "video/mp4" } },
            pdf,
            pdf,
            { type: "file", source: { type: "text", text: "t" } },
          ],
        },
      ],
    });
    expect(body.messages).toEqual([
      {
        role: "user",
        content: [
          { image: { format: "jpeg", source: { bytes: "AA==" } } },
          { video: { format: "mp4", source: { s3Location: { uri: "s3://b/v.mp4" } } } },
          { document: { format: "pdf", name: "My-report- 2026", source: { bytes: "AA==" } } },
          { document: { format: "pdf", name: "My-report- 2026 (2)", source: { bytes: "AA==" } } },
          { document: { format: "txt", name: "document", source: { text: "t" } } },
          { text: "The document is attached." },
        ],
      },
    ]);
  });

  test("what Bedrock would have to fetch is refused", () => {
    const parts: Part[] = [
      { type: "image", source: { type: "url", url: "https://e.com/a.png" } },
      { type: "file", source: { type: "file-id", id: "f" } },
    ];
    expect(encode({ messages: [{ role: "user", parts }] }).refused).toHaveLength(2);
  });

  test("Claude's thinking goes back signed, redacted thinking in base64, foreign thinking not at all", () => {
    const parts: Part[] = [
      { type: "thinking", text: "t", sealed: { owner: "anthropic", value: "s" } },
      { type: "thinking", text: "", redacted: true, sealed: { owner: "anthropic", value: "EqkE" } },
      { type: "thinking", text: "t", sealed: { owner: "gemini", value: "s" } },
      { type: "thinking", text: "t" },
      { type: "text", text: "a" },
    ];
    const messages: Message[] = [user, { role: "assistant", parts }, user];
    const { body, changes } = encode({ messages });
    expect(body.messages).toMatchObject([
      {},
      {
        content: [
          { reasoningContent: { reasoningText: { text: "t", signature: "s" } } },
          { reasoningContent: { redactedContent: btoa("EqkE") } },
          { text: "a" },
        ],
      },
      {},
    ]);
    expect(changes).toHaveLength(2);
    // Models that do not sign take their reasoning as it is.
    const unsigned: Message[] = [user, { role: "assistant", parts: [{ type: "thinking", text: "t" }] }, user];
    expect(encode({ messages: unsigned }, "us.amazon.nova-2-lite-v1:0").body.messages).toMatchObject([
      {},
      { content: [{ reasoningContent: { reasoningText: { text: "t" } } }] },
      {},
    ]);
  });

  test("long and foreign ids and names fit, distinctly, and alike in call and result", () => {
    const long = "call/".repeat(30);
    const { body } = encode({
      messages: [
        user,
        {
          role: "assistant",
          parts: [
            { ...call, id: `${long}1` },
            { ...call, id: `${long}2` },
          ],
        },
        { role: "tool", parts: [{ type: "tool-result", callId: `${long}1`, content: [] }] },
      ],
    });
    const ids = [...JSON.stringify(body).matchAll(/"toolUseId":"([^"]*)"/g)].map((match) => match[1] as string);
    for (const id of ids) expect(id).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
    expect(ids[0]).toBe(ids[2] as string);
    expect(ids[0]).not.toBe(ids[1] as string);
  });
});

describe("parameters", () => {
  test("sampling goes to inferenceConfig, top_k to where the family has it", () => {
    const sampling = { maxOutputTokens: 5, temperature: 1.5, stop: ["x", ""], topK: 3 };
    expect(encode({ sampling }).body).toMatchObject({
      inferenceConfig: { maxTokens: 5, temperature: 1, stopSequences: ["x"] },
      additionalModelRequestFields: { top_k: 3 },
    });
    expect(encode({ sampling }, "amazon.nova-lite-v1:0").body.additionalModelRequestFields).toEqual({
      inferenceConfig: { topK: 3 },
    });
    expect(encode({}).body.inferenceConfig).toBeUndefined();
  });

  test.each<[string, ConversationRequest["reasoning"], unknown]>([
    [CLAUDE, { effort: "low" }, { thinking: { type: "enabled", budget_tokens: 1024 } }],
    [
      "anthropic.claude-opus-4-7-v1:0",
      { effort: "max" },
      { thinking: { type: "adaptive" }, output_config: { effort: "max" } },
    ],
    [
      "us.amazon.nova-2-lite-v1:0",
      { effort: "high" },
      { reasoningConfig: { type: "enabled", maxReasoningEffort: "high" } },
    ],
    ["us.amazon.nova-2-lite-v1:0", { effort: "none" }, { reasoningConfig: { type: "disabled" } }],
    ["openai.gpt-oss-120b-1:0", { effort: "minimal" }, { reasoning_effort: "low" }],
    ["us.deepseek.r1-v1:0", { effort: "high" }, undefined],
  ])("%s %j", (model, reasoning, additional) => {
    const { body, refused } = encode({ reasoning: reasoning as never }, model);
    expect(body.additionalModelRequestFields).toEqual(additional as never);
    expect(refused).toEqual([]);
  });

  test("a thinking budget brings a maximum above it", () => {
    expect(encode({ reasoning: { budgetTokens: 2000 } }).body.inferenceConfig).toEqual({ maxTokens: 6096 });
  });

  test("a model without reasoning refuses the effort", () => {
    expect(encode({ reasoning: { effort: "high" } }, "meta.llama3-3-70b-instruct-v1:0").refused).toEqual([
      "reasoning_effort",
    ]);
  });

  test("tiers, guardrails and fields of the model's own", () => {
    const fields = { guardrailConfig: { guardrailIdentifier: "g" }, special: 1 };
    const { body } = encode({ serviceTier: "flex", extensions: { format: "openai-chat", fields } });
    expect(body).toMatchObject({
      serviceTier: { type: "flex" },
      guardrailConfig: { guardrailIdentifier: "g" },
      additionalModelRequestFields: { special: 1 },
    });
    expect(encode({ serviceTier: "scale" }).refused).toEqual(["service_tier"]);
  });

  test("what Converse lacks is refused", () => {
    const { refused } = encode({ sampling: { n: 2, seed: 1, logprobs: true, presencePenalty: 1 }, verbosity: "low" });
    expect(refused.sort()).toEqual(["logprobs", "n", "presence_penalty", "seed", "verbosity"]);
  });
});

describe("tools", () => {
  test("specifications, cache points, choices", () => {
    const { body } = encode({
      tools: [
        { ...tool, description: "", cache: {}, strict: true },
        { type: "custom", name: "c" },
      ],
      toolChoice: { type: "tool", name: "f" },
    });
    expect(body.toolConfig).toEqual({
      tools: [
        { toolSpec: { name: "f", inputSchema: { json: { type: "object", properties: {} } }, strict: true } },
        { cachePoint: { type: "default" } },
        {
          toolSpec: {
            name: "c",
            inputSchema: { json: { type: "object", properties: { input: { type: "string" } }, required: ["input"] } },
          },
        },
      ],
      toolChoice: { tool: { name: "f" } },
    });
  });

  test("none leaves the tools out, unless the history needs them", () => {
    const none = { tools: [tool], toolChoice: { type: "none" } } as const;
    expect(encode(none).body.toolConfig).toBeUndefined();
    const messages: Message[] = [
      user,
      { role: "assistant", parts: [call] },
      { role: "tool", parts: [{ type: "tool-result", callId: "a", content: [] }] },
    ];
    const used = encode({ ...none, messages });
    expect(used.body.toolConfig).toMatchObject({ tools: [{ toolSpec: { name: "f" } }] });
    expect(used.changes).toMatchObject([{ parameter: "tool_choice", action: "dropped" }]);
  });

  test("forced calls and parallel calls where the model lets itself be told", () => {
    const required = { tools: [tool], toolChoice: { type: "required" } } as const;
    expect(encode(required).body.toolConfig).toMatchObject({ toolChoice: { any: {} } });
    expect(encode(required, "meta.llama3-3-70b-instruct-v1:0").refused).toEqual(["tool_choice"]);
    expect(encode({ ...required, reasoning: { effort: "low" } }).refused).toEqual(["tool_choice"]);
    const serial = encode({ ...required, parallelToolCalls: false });
    expect(serial.body.additionalModelRequestFields).toEqual({
      tool_choice: { type: "any", disable_parallel_tool_use: true },
    });
    // Said once: the two places would contradict each other.
    expect(serial.body.toolConfig).toEqual({ tools: [expect.anything()] });
    expect(encode({ tools: [tool], parallelToolCalls: false }, "amazon.nova-lite-v1:0").refused).toEqual([
      "parallel_tool_calls",
    ]);
  });

  test("web search is Nova's own tool", () => {
    const tools = [{ type: "web-search" }] as const;
    expect(encode({ tools }, "us.amazon.nova-2-lite-v1:0").body.toolConfig).toEqual({
      tools: [{ systemTool: { name: "nova_grounding" } }],
    });
    expect(encode({ tools }).refused).toEqual(["tools[0]"]);
  });

  test("structured output where the model has it, else a tool", () => {
    const schema = {
      type: "object",
      properties: { a: { type: "string" } },
      required: ["a"],
      additionalProperties: false,
    };
    const responseFormat = { type: "json-schema", schema, name: "answer!" } as const;
    expect(encode({ responseFormat }).body.outputConfig).toEqual({
      textFormat: {
        type: "json_schema",
        structure: { jsonSchema: { schema: JSON.stringify(schema), name: "answer_" } },
      },
    });
    const nova = encode({ responseFormat }, "amazon.nova-lite-v1:0").body;
    expect(nova.toolConfig).toMatchObject({
      tools: [{ toolSpec: { name: "json_tool_call" } }],
      toolChoice: { tool: { name: "json_tool_call" } },
    });
    const content = [{ toolUse: { toolUseId: "t", name: "json_tool_call", input: { a: "b" } } }];
    const request = { model: "m", messages: [user], sampling: {}, responseFormat };
    const context = { provider: "bedrock", owner: "bedrock", model: "m", request };
    const body = { output: { message: { content } }, stopReason: "tool_use" };
    expect(bedrockConverse.decodeResponse(body, context).choices).toMatchObject([
      { parts: [{ type: "text", text: '{"a":"b"}' }], finish: "stop" },
    ]);
  });
});
