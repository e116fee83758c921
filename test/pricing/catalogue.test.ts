import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { allEntries, findEntry, modelsOfProvider } from "../../src/pricing/catalogue.ts";

describe("findEntry", () => {
  test.each([
    ["gpt-4o", undefined, "gpt-4o"],
    ["gpt-4o", "openai", "gpt-4o"],
    ["openai/gpt-4o", undefined, "gpt-4o"],
    ["openai/gpt-4o", "openai", "gpt-4o"],
    ["gpt-4o", "azure", "azure/gpt-4o"],
    ["azure/eu/gpt-4o-2024-11-20", undefined, "azure/eu/gpt-4o-2024-11-20"],
    ["anthropic/claude-opus-4-6", undefined, "claude-opus-4-6"],
    ["Anthropic/Claude-Opus-4-6", undefined, "claude-opus-4-6"],
    ["us.anthropic.claude-opus-4-6-v1", "bedrock", "us.anthropic.claude-opus-4-6-v1"],
    ["ca.anthropic.claude-opus-4-6-v1", "bedrock", "anthropic.claude-opus-4-6-v1"],
    ["bedrock/eu-west-9/anthropic.claude-opus-4-6-v1", undefined, "anthropic.claude-opus-4-6-v1"],
    ["bedrock/converse/anthropic.claude-opus-4-6-v1", undefined, "anthropic.claude-opus-4-6-v1"],
    ["ft:gpt-4o-mini-2024-07-18:acme::abc123", "openai", "ft:gpt-4o-mini-2024-07-18"],
    ["gpt-4.1-2099-01-01", "openai", "gpt-4.1"],
    ["ollama_chat/llama3", undefined, "ollama/llama3"],
    ["gemini-2.5-pro", "gemini", "gemini/gemini-2.5-pro"],
    ["gemini-2.5-pro", "vertex_ai", "gemini-2.5-pro"],
  ])("%s for %p is %s", (name, provider, expected) => {
    expect(findEntry(name, provider)?.name).toBe(expected);
  });

  test.each([
    ["gpt-4o", "groq"],
    ["openai/no-such-model", undefined],
    ["", undefined],
    ["gpt", "openai"],
    ["groq/gpt-4o", "groq"],
    ["groq/gpt-4o", undefined],
    ["hosted_vllm/gpt-4o", undefined],
  ])("%p for %p is unknown", (name, provider) => {
    expect(findEntry(name, provider)).toBeUndefined();
  });

  test("finds every entry by its own name, and by name and provider", () => {
    for (const entry of allEntries()) {
      expect(findEntry(entry.name)?.name).toBe(entry.name);
      expect(findEntry(entry.name, entry.provider)?.provider).toBe(entry.provider);
    }
  });

  test("takes any text", () => {
    fc.assert(
      fc.property(fc.string(), fc.option(fc.string(), { nil: undefined }), (name, provider) => {
        const entry = findEntry(name, provider);
        expect(entry === undefined || entry.name.length > 0).toBe(true);
      }),
    );
  });
});

test("an entry tells context, capabilities and end of life", () => {
  const entry = findEntry("gpt-4o", "openai");
  expect(entry).toMatchObject({ provider: "openai", mode: "chat", maxInputTokens: 128_000, maxOutputTokens: 16_384 });
  expect(entry?.supports.function_calling).toBe(true);
  expect(entry?.supports.no_such_capability).toBeUndefined();
  expect(findEntry("gemini-2.5-pro")?.deprecationDate).toMatch(/^\d{4}-\d\d-\d\d$/);
});

test("a provider's models are found again with its prefix", () => {
  for (const provider of ["openai", "anthropic", "gemini", "vertex_ai", "bedrock", "azure", "groq", "mistral"]) {
    const models = modelsOfProvider(provider);
    expect(models.length).toBeGreaterThan(5);
    expect(new Set(models).size).toBe(models.length);
    for (const model of models) {
      expect(model.startsWith(`${provider}/`)).toBe(false);
      expect([model, findEntry(`${provider}/${model}`) === undefined]).toEqual([model, false]);
    }
  }
  expect(modelsOfProvider("nobody")).toEqual([]);
});
