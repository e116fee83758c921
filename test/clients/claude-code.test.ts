import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import { CITY } from "./samples.ts";
import { MODELS, type ScriptedProviders, startProviders } from "./scripted-providers.ts";

let providers: ScriptedProviders;
let client: Anthropic;

beforeAll(async () => {
  providers = await startProviders();
  client = new Anthropic({
    baseURL: providers.gateway.url,
    authToken: providers.gateway.key,
    apiKey: null,
    maxRetries: 0,
  });
});

afterAll(() => providers.stop());

/** What an agent's every request carries beside its messages. */
const BETAS = "claude-code-20250219,interleaved-thinking-2025-05-14,fine-grained-tool-streaming-2025-05-14";
const USER_ID = `user_${"a".repeat(64)}_account__session_6e2d1e0c-1111-4222-8333-444455556666`;

const NAMES = ["Task", "Bash", "Glob", "Grep", "Read", "Edit", "Write", "NotebookEdit", "WebFetch", "TodoWrite"];
const TOOLS: Anthropic.Tool[] = NAMES.map((name, index) => ({
  name,
  description: `The tool ${name}. ${"It does what its name says. ".repeat(40)}`,
  input_schema: {
    ...CITY,
    $schema: "http://json-schema.org/draft-07/schema#",
    additionalProperties: false,
    properties: {
      ...CITY.properties,
      options: { type: "array", items: { type: "object", properties: { depth: { type: "number", minimum: 0 } } } },
      mode: { type: "string", enum: ["a", "b"], default: "a" },
    },
  },
  ...(index === NAMES.length - 1 ? { cache_control: { type: "ephemeral" as const } } : {}),
}));

describe.each(MODELS)("an agent's traffic to %s", (model) => {
  test("system blocks, many tools, thinking between calls, reminders, betas, several turns", async () => {
    const signature = "c2lnbmVkIGJ5IHRoZSBvd25lcg==";
    const thinks = model !== "gpt";
    const call = (id: string, name: string, city: string) => ({
      id,
      name,
      arguments: JSON.stringify({ city }),
      ...(model === "gemini" ? { signature } : {}),
    });
    const thinking = thinks ? { thinking: { text: "What is there?", signature } } : {};
    providers.script(
      { ...thinking, text: "I look.", calls: [call("toolu_1", "Glob", "src"), call("toolu_2", "Read", "a.ts")] },
      { ...thinking, calls: [call("toolu_3", "Bash", "ls")] },
      { text: "Done." },
    );
    const messages: Anthropic.MessageParam[] = [
      {
        role: "user",
        content: [
          { type: "text", text: "<system-reminder>\nBe careful.\n</system-reminder>" },
          { type: "text", text: "Mend the test.", cache_control: { type: "ephemeral" } },
        ],
      },
    ];
    let turns = 0;
    for (;;) {
      const answer = await client.messages
        .stream(
          {
            model,
            max_tokens: 32_000,
            system: [
              { type: "text", text: "You are an agent.", cache_control: { type: "ephemeral" } },
              { type: "text", text: "Environment: linux.", cache_control: { type: "ephemeral" } },
            ],
            tools: TOOLS,
            thinking: { type: "enabled", budget_tokens: 31_999 },
            metadata: { user_id: USER_ID },
            messages,
          },
          { headers: { "anthropic-beta": BETAS, "x-app": "cli" }, query: { beta: "true" } },
        )
        .finalMessage();
      turns++;
      messages.push({ role: "assistant", content: answer.content });
      const uses = answer.content.filter((block) => block.type === "tool_use");
      if (uses.length === 0) {
        expect(answer.stop_reason).toBe("end_turn");
        expect(answer.content).toMatchObject([{ type: "text", text: "Done." }]);
        break;
      }
      expect(answer.stop_reason).toBe("tool_use");
      if (thinks) expect(answer.content[0]?.type).toBe("thinking");
      messages.push({
        role: "user",
        content: [
          ...uses.map((use) => ({
            type: "tool_result" as const,
            tool_use_id: use.id,
            content: [{ type: "text" as const, text: `result of ${use.name}` }],
          })),
          { type: "text", text: "<system-reminder>\nThe list is empty.\n</system-reminder>" },
        ],
      });
    }
    expect(turns).toBe(3);
    const last = JSON.stringify(providers.bodies().at(-1));
    for (const kept of [
      "You are an agent.",
      "Environment: linux.",
      "result of Glob",
      "result of Read",
      "result of Bash",
    ])
      expect(last).toContain(kept);
    // The owner has its signatures back; a stranger never sees them.
    if (thinks) expect(last).toContain(signature);
    const betas = providers.requests()[0]?.headers.get("anthropic-beta") ?? "";
    if (model === "claude") expect(betas).toContain("interleaved-thinking-2025-05-14");
    else if (model !== "bedrock") expect(betas).toBe("");
  });

  test("the small calls: one token to probe, a title, counting", async () => {
    providers.script({ text: "{" });
    const probe = await client.messages.create({
      model,
      max_tokens: 1,
      messages: [{ role: "user", content: "quota" }],
    });
    expect(probe.type).toBe("message");
    providers.script({ text: '{"title":"Mend"}' });
    const title = await client.messages.create({
      model,
      max_tokens: 512,
      system: [{ type: "text", text: "Make a title." }],
      messages: [{ role: "user", content: [{ type: "text", text: "Mend the test." }] }],
    });
    expect(title.content).toMatchObject([{ type: "text", text: '{"title":"Mend"}' }]);
  });
});
