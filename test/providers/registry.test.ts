import { describe, expect, test } from "bun:test";
import { allProviders, findProvider, type ResolveModelInput, resolveModel } from "../../src/providers/registry.ts";

function resolved(model: string, rest: Omit<ResolveModelInput, "model"> = {}): string {
  const result = resolveModel({ model, ...rest });
  return "problem" in result ? `problem: ${result.problem}` : `${result.provider.id} | ${result.model}`;
}

describe("a model string with a prefix", () => {
  test("is cut at the first slash only", () => {
    expect(resolved("together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo")).toBe(
      "together_ai | meta-llama/Llama-3.3-70B-Instruct-Turbo",
    );
    expect(resolved("openrouter/anthropic/claude-haiku-4.5")).toBe("openrouter | anthropic/claude-haiku-4.5");
    expect(resolved("openai/responses/gpt-5")).toBe("openai | responses/gpt-5");
  });

  test("keeps a wildcard", () => {
    expect(resolved("openai/*")).toBe("openai | *");
    expect(resolved("*")).toBe("openai | *");
  });

  test("may be an alias", () => {
    expect(resolved("custom_openai/x")).toBe("openai_like | x");
    expect(resolved("venice/x")).toBe("veniceai | x");
    expect(resolved("ai21/jamba-large")).toBe("ai21_chat | jamba-large");
  });

  test("of Azure with somebody else's model means its plain endpoint", () => {
    expect(resolved("azure/mistral-large-latest")).toBe("openai | mistral-large-latest");
    expect(resolved("azure/command-r-plus")).toBe("openai | command-r-plus");
    expect(resolved("azure/my-mistral")).toBe("azure | my-mistral");
  });

  test("wins over the address", () => {
    expect(resolved("deepseek/deepseek-chat", { apiBase: "https://openrouter.ai/api/v1" })).toBe(
      "deepseek | deepseek-chat",
    );
  });
});

describe("custom_llm_provider", () => {
  test("wins over prefix, address and catalogue", () => {
    expect(
      resolved("anthropic/claude-x", {
        customLlmProvider: "openai",
        apiBase: "https://api.groq.com/openai/v1",
        catalogueProvider: () => "mistral",
      }),
    ).toBe("openai | anthropic/claude-x");
  });

  test("does not double a prefix that says the same", () => {
    expect(resolved("openai/gpt-4o", { customLlmProvider: "openai" })).toBe("openai | gpt-4o");
    expect(resolved("custom_openai/m", { customLlmProvider: "openai_like" })).toBe("openai_like | m");
  });

  test("that nobody knows is a problem with the nearest name", () => {
    const result = resolveModel({ model: "gpt-4o", customLlmProvider: "anthropci" });
    expect(result).toMatchObject({ suggestion: "anthropic" });
  });

  test("empty says nothing", () => {
    expect(resolved("groq/x", { customLlmProvider: "" })).toBe("groq | x");
  });
});

describe("a name without a known prefix", () => {
  test.each([
    ["https://api.perplexity.ai", "perplexity"],
    ["https://api.deepinfra.com/v1/openai", "deepinfra"],
    ["https://api.mistral.ai/v1", "mistral"],
    ["https://api.groq.com/openai/v1", "groq"],
    ["https://integrate.api.nvidia.com/v1", "nvidia_nim"],
    ["https://api.cerebras.ai/v1", "cerebras"],
    ["https://api.sambanova.ai/v1", "sambanova"],
    ["https://api.deepseek.com/v1", "deepseek"],
    ["https://api.together.xyz/v1", "together_ai"],
    ["https://api.x.ai/v1", "xai"],
    ["https://api.llama.com/compat/v1", "meta_llama"],
  ])("at %s is %s", (apiBase, id) => {
    expect(resolved("meta-llama/some-model", { apiBase })).toBe(`${id} | meta-llama/some-model`);
  });

  test("at one's own machine is nobody's", () => {
    expect(resolved("some-model", { apiBase: "http://localhost:1234/v1" })).toStartWith(
      "problem: LLM Provider NOT provided",
    );
    expect(resolved("some-model", { apiBase: "http://127.0.0.1:8080/v1" })).toStartWith(
      "problem: LLM Provider NOT provided",
    );
  });

  test("is looked up in the catalogue, whose families belong to one provider", () => {
    expect(resolved("mistral-large-9", { catalogueProvider: () => "mistral" })).toBe("mistral | mistral-large-9");
    expect(resolved("m", { catalogueProvider: () => "fireworks_ai-embedding-models" })).toBe("fireworks_ai | m");
    expect(resolved("m", { catalogueProvider: () => "nobody" })).toStartWith("problem:");
  });

  test.each([
    ["gpt-4o", "openai"],
    ["o3-mini", "openai"],
    ["ft:gpt-4o-mini:acme::1", "openai"],
    ["ft:gpt-3.5-turbo:acme", "openai"],
    ["text-embedding-3-small", "openai"],
    ["claude-sonnet-9", "anthropic"],
    ["gemini-9-pro", "vertex_ai"],
  ])("%s is told by its form: %s", (model, id) => {
    expect(resolved(model)).toBe(`${id} | ${model}`);
  });

  test("otherwise is a problem that asks for a prefix", () => {
    expect(resolved("my-own-model")).toStartWith("problem: LLM Provider NOT provided");
    expect(resolveModel({ model: "oepnai/gpt-4o" })).toMatchObject({ suggestion: "openai" });
    expect(resolveModel({ model: "zzzzzzzzzzzz/x" })).not.toHaveProperty("suggestion");
  });
});

describe("every provider", () => {
  test("there are at least a hundred", () => {
    expect(allProviders().length).toBeGreaterThanOrEqual(100);
  });

  for (const provider of allProviders()) {
    test(`${provider.id} has a name, documentation, a key or none, and endpoints`, () => {
      expect(provider.label).toMatch(/^[A-Za-z0-9]+$/);
      // What is built in is documented here.
      expect(provider.documentation.url).toMatch(/^(https:\/\/[^ ]+|docs\/[a-z-]+\.md(#.*)?)$/);
      expect(provider.documentation.read).toMatch(/^\d{4}-\d{2}-\d{2}$/);
      if (provider.key === "required") expect(provider.environment.key.length).toBeGreaterThan(0);
      for (const variable of [...provider.environment.key, ...provider.environment.base]) {
        expect(variable).toMatch(/^[A-Z][A-Z0-9_]+$/);
      }
      const endpoints = Object.values(provider.endpoints).flat();
      expect(endpoints.length).toBeGreaterThan(0);
      for (const endpoint of endpoints) {
        if (typeof endpoint.path === "string") expect(endpoint.path === "" || endpoint.path.startsWith("/")).toBe(true);
      }
      if (provider.defaultBase !== undefined) expect(provider.defaultBase).not.toEndWith("/");
      expect(findProvider(provider.id)).toBe(provider);
      for (const alias of provider.aliases ?? []) expect(findProvider(alias)).toBe(provider);
    });
  }
});
