import { describe, expect, test } from "bun:test";
import { anthropicMessages } from "../../../src/formats/anthropic-messages/index.ts";
import { modelFamily } from "../../../src/formats/anthropic-messages/model-family.ts";
import type { Message, Reasoning } from "../../../src/formats/conversation.ts";
import type { RequestContext } from "../../../src/formats/format.ts";
import type { JsonObject } from "../../../src/json/json.ts";
import { requestContext } from "../recorded-exchange.ts";

function encode(model: string, reasoning: Reasoning, change: Partial<RequestContext> = {}, maxOutputTokens = 50_000) {
  const context = requestContext(model, { owner: "anthropic", ...change });
  const body = anthropicMessages.encodeRequest(
    {
      model,
      messages: [{ role: "user", parts: [{ type: "text", text: "hi" }] }],
      sampling: { maxOutputTokens },
      reasoning,
    },
    context,
  );
  const effort = (body.output_config as JsonObject | undefined)?.effort;
  return { thinking: body.thinking, effort, changes: context.report.changes };
}

describe("reasoning becomes what the model's family takes", () => {
  test.each<[string, Reasoning, unknown, unknown]>([
    ["claude-3-7-sonnet-20250219", { effort: "minimal" }, { type: "enabled", budget_tokens: 1024 }, undefined],
    ["claude-sonnet-4-5", { effort: "low" }, { type: "enabled", budget_tokens: 1024 }, undefined],
    ["claude-sonnet-4-5", { effort: "medium" }, { type: "enabled", budget_tokens: 2048 }, undefined],
    ["claude-sonnet-4-5", { effort: "high" }, { type: "enabled", budget_tokens: 4096 }, undefined],
    ["claude-sonnet-4-5", { effort: "none" }, undefined, undefined],
    ["claude-sonnet-4-5", { mode: "adaptive" }, { type: "enabled", budget_tokens: 2048 }, undefined],
    ["claude-sonnet-4-5", { budgetTokens: 100 }, { type: "enabled", budget_tokens: 1024 }, undefined],
    ["claude-opus-4-5", { effort: "high" }, { type: "enabled", budget_tokens: 4096 }, "high"],
    ["claude-opus-4-6", { effort: "minimal" }, { type: "adaptive" }, "low"],
    ["claude-opus-4-6", { effort: "max" }, { type: "adaptive" }, "max"],
    ["claude-opus-4-6", { budgetTokens: 9000 }, { type: "enabled", budget_tokens: 9000 }, undefined],
    ["claude-opus-4-7", { effort: "xhigh" }, { type: "adaptive" }, "xhigh"],
    ["claude-opus-4-7", { budgetTokens: 2500 }, { type: "adaptive" }, "medium"],
    ["claude-opus-4-7", { effort: "high", summary: "auto" }, { type: "adaptive", display: "summarized" }, "high"],
    ["claude-opus-4-7", { effort: "none" }, undefined, undefined],
    ["claude-sonnet-5", { effort: "none" }, { type: "disabled" }, undefined],
    ["claude-sonnet-5", { budgetTokens: 0 }, { type: "disabled" }, undefined],
    ["claude-3-5-haiku-20241022", { effort: "none" }, undefined, undefined],
  ])("%s %j", (model, reasoning, thinking, effort) => {
    const encoded = encode(model, reasoning);
    expect(encoded.thinking).toEqual(thinking as never);
    expect(encoded.effort).toEqual(effort as never);
    expect(encoded.changes.filter(({ unsupported }) => unsupported)).toEqual([]);
  });

  test.each([
    ["claude-3-5-sonnet-20241022", "high"],
    ["claude-sonnet-4-5", "xhigh"],
    ["claude-opus-4-6", "xhigh"],
    ["claude-opus-4-7", "enormous"],
  ])("%s has no effort %s", (model, effort) => {
    expect(encode(model, { effort }).changes).toMatchObject([{ parameter: "reasoning_effort", unsupported: true }]);
  });

  test("a model that is known not to think", () => {
    const encoded = encode("claude-opus-4-7", { effort: "high" }, { capabilities: { reasoning: false } });
    expect(encoded.thinking).toBeUndefined();
    expect(encoded.changes).toMatchObject([{ unsupported: true }]);
  });

  test("a budget that follows from an effort fits under max_tokens", () => {
    expect(encode("claude-sonnet-4-5", { effort: "high" }, {}, 2000).thinking).toMatchObject({ budget_tokens: 1999 });
    expect(encode("claude-sonnet-4-5", { effort: "high" }, {}, 1000).thinking).toBeUndefined();
    expect(encode("claude-sonnet-4-5", { budgetTokens: 5000 }, {}, 2000).thinking).toMatchObject({
      budget_tokens: 5000,
    });
  });
});

test("another vendor's model behind the same wire format knows budgets", () => {
  const encoded = encode("MiniMax-M2", { effort: "high" }, { owner: "minimax" });
  expect(encoded.thinking).toEqual({ type: "enabled", budget_tokens: 4096 });
});

test("with thinking on, a last turn that lost its thinking switches it off where repairs are allowed", () => {
  const messages: Message[] = [
    { role: "user", parts: [{ type: "text", text: "hi" }] },
    { role: "assistant", parts: [{ type: "tool-call", id: "a", name: "f", arguments: "{}" }] },
    { role: "tool", parts: [{ type: "tool-result", callId: "a", content: [{ type: "text", text: "ok" }] }] },
  ];
  const encoded = (modifyParams: boolean, changed: readonly Message[]) =>
    anthropicMessages.encodeRequest(
      { model: "m", messages: changed, sampling: {}, reasoning: { effort: "low" } },
      requestContext("claude-sonnet-4-5", { owner: "anthropic", modifyParams }),
    ).thinking;
  expect(encoded(false, messages)).toBeDefined();
  expect(encoded(true, messages)).toBeUndefined();
  const signed: Message = {
    role: "assistant",
    parts: [
      { type: "thinking", text: "t", sealed: { owner: "anthropic", value: "s" } },
      ...(messages[1] as Message).parts,
    ],
  };
  expect(encoded(true, [messages[0] as Message, signed, messages[2] as Message])).toBeDefined();
});

test.each<[string, number | undefined, string]>([
  ["claude-3-haiku-20240307", 300, "none"],
  ["claude-3-5-sonnet@20241022", 305, "none"],
  ["claude-3-7-sonnet-latest", 307, "budget"],
  ["claude-sonnet-4-20250514", 400, "budget"],
  ["anthropic.claude-opus-4-1-20250805-v1:0", 401, "budget"],
  ["us.anthropic.claude-sonnet-4-5-20250929-v1:0", 405, "budget"],
  ["anthropic/claude-opus-4.6", 406, "either"],
  ["claude-opus-4-6-20260205", 406, "either"],
  ["claude-mythos-preview", 407, "adaptive"],
  ["claude-sonnet-5", 500, "adaptive"],
  ["claude-2.1", 201, "none"],
  ["claude-instant-1.2", 102, "none"],
  ["my-deployment-of-claude", undefined, "adaptive"],
  ["our-own-deployment", undefined, "adaptive"],
])("%s", (model, version, thinking) => {
  expect(modelFamily(model).thinking).toBe(thinking as never);
  if (version !== undefined) expect(modelFamily(model).structuredOutput).toBe(version >= 401);
});
