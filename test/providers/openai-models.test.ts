import { describe, expect, test } from "bun:test";
import type { JsonObject, MutableJsonObject } from "../../src/json/json.ts";
import { OPENAI_CHAT_RULES, type OpenAiFamily, openaiFamily } from "../../src/providers/openai-models.ts";
import { applyParameterRules } from "../../src/providers/parameters.ts";
import { type CallOptions, callTo, target } from "./call.ts";

const FAMILIES: readonly (readonly [string, OpenAiFamily])[] = [
  ["o1", "o-series"],
  ["o3-mini-2025-01-31", "o-series"],
  ["o4-mini", "o-series"],
  ["ft:o4-mini:acme", "o-series"],
  ["my-o3-deployment", "o-series"],
  ["o_series/anything", "o-series"],
  ["gpt-5", "gpt-5"],
  ["gpt-5-nano-2025-08-07", "gpt-5"],
  ["gpt5_series/anything", "gpt-5"],
  ["gpt-5.1", "gpt-5.1+"],
  ["gpt-5.2-codex", "gpt-5.1+"],
  ["gpt-5-chat-latest", "other"],
  ["gpt-5-search-api", "search"],
  ["gpt-4o-search-preview", "search"],
  ["gpt-4o", "other"],
  ["gpt-4.1-mini", "other"],
  ["gpt-3.5-turbo-0125", "other"],
  ["llama-3o1b", "other"],
];

test.each(FAMILIES)("%s is of the family %s", (model, family) => {
  expect(openaiFamily(model)).toBe(family);
});

function apply(model: string, given: JsonObject, options: CallOptions = {}) {
  const body: MutableJsonObject = { ...given };
  const call = callTo(model, options);
  applyParameterRules(body, OPENAI_CHAT_RULES, call);
  return {
    body,
    refused: call.report.changes.filter((change) => change.unsupported).map(({ parameter }) => parameter),
  };
}

describe("reasoning models", () => {
  test("know max_tokens only by its newer name", () => {
    expect(apply("o3", { max_tokens: 5 }).body).toEqual({ max_completion_tokens: 5 });
    expect(apply("gpt-5", { max_tokens: 5, max_completion_tokens: 7 }).body).toEqual({ max_completion_tokens: 7 });
    expect(apply("gpt-4o", { max_tokens: 5 }).body).toEqual({ max_tokens: 5 });
  });

  test("take no sampling but its default values", () => {
    const { body, refused } = apply("o3", { temperature: 0.5, top_p: 0.9, presence_penalty: 1, logit_bias: {}, n: 2 });
    expect(body).toEqual({ n: 2 });
    expect(refused.toSorted()).toEqual(["logit_bias", "presence_penalty", "temperature", "top_p"]);
    const harmless = apply("o3", { temperature: 1, top_p: 1, presence_penalty: 0, logprobs: false });
    expect(harmless.refused).toEqual([]);
    expect(harmless.body.temperature).toBe(1);
  });

  test("of GPT-5 refuse stop too, and have sampling back from 5.1 on while they do not reason", () => {
    expect(apply("gpt-5", { stop: ["x"] }).refused).toEqual(["stop"]);
    expect(apply("o3", { stop: ["x"] }).refused).toEqual([]);
    expect(apply("gpt-5.1", { temperature: 0.2, logprobs: true }).refused).toEqual([]);
    expect(apply("gpt-5.1", { temperature: 0.2, reasoning_effort: "none" }).refused).toEqual([]);
    expect(apply("gpt-5.1", { temperature: 0.2, reasoning_effort: "low" }).refused).toEqual(["temperature"]);
  });

  test("are known by their base model, and by Azure's prefix, where the name tells nothing", () => {
    expect(apply("mine", { max_tokens: 5 }, { baseModel: "azure/gpt-5" }).body).toEqual({ max_completion_tokens: 5 });
    const azure = { api_key: "k", api_base: "https://a.openai.azure.com" };
    const deployed = target("azure", azure, {}, "o_series/mine");
    expect(apply("mine", { max_tokens: 5 }, { target: deployed }).body).toEqual({ max_completion_tokens: 5 });
    expect(apply("mine", { max_tokens: 5 }).body).toEqual({ max_tokens: 5 });
  });

  test("let through what allowed_openai_params names", () => {
    expect(apply("o3", { temperature: 0.5 }, { allowedParameters: ["temperature"] }).body).toEqual({
      temperature: 0.5,
    });
  });

  test("o1-mini hears system messages from the user", () => {
    const messages = [
      { role: "system", content: "be brief" },
      { role: "user", content: "hi" },
    ];
    expect(apply("o1-mini", { messages }).body.messages).toEqual([
      { role: "user", content: "be brief" },
      { role: "user", content: "hi" },
    ]);
    expect(apply("o3-mini", { messages }).body.messages).toBe(messages);
  });
});

test("search models take no sampling at all", () => {
  expect(apply("gpt-4o-search-preview", { temperature: 0.5, seed: 1, max_tokens: 3 })).toEqual({
    body: { max_tokens: 3 },
    refused: ["temperature", "seed"],
  });
});
