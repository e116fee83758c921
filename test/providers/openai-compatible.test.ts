import { describe, expect, test } from "bun:test";
import { endpointUrl } from "../../src/providers/endpoint-url.ts";
import { OPENAI_COMPATIBLE_ROWS } from "../../src/providers/openai-compatible/rows.ts";
import type { Operation } from "../../src/providers/provider.ts";
import { callTo, configure, provider, target } from "./call.ts";

function url(
  id: string,
  apiBase: string | undefined,
  operation: Operation = "chat",
  model = "model",
  environment: Record<string, string> = {},
): string {
  const params = { api_key: "key", ...(apiBase === undefined ? {} : { api_base: apiBase }) };
  const endpoint = provider(id).endpoints[operation]?.[0];
  if (endpoint === undefined) throw new Error(`${id} has no ${operation}`);
  return endpointUrl(endpoint, callTo(model, { operation, target: target(id, params, environment, model) }));
}

describe("api_base", () => {
  test("is the default base when nothing is set", () => {
    expect(url("groq", undefined)).toBe("https://api.groq.com/openai/v1/chat/completions");
    expect(url("openai", undefined, "embeddings")).toBe("https://api.openai.com/v1/embeddings");
  });

  test("may have a path of any kind, with or without a slash at its end", () => {
    for (const base of ["http://host:9/a/b/v1", "http://host:9/a/b/v1/", "http://host:9/a/b/v1//"]) {
      expect(url("openai", base)).toBe("http://host:9/a/b/v1/chat/completions");
    }
    expect(url("openai", "http://host:9")).toBe("http://host:9/chat/completions");
  });

  test("may name the endpoint, which is then not appended again, for each operation alike", () => {
    const base = "https://proxy.test/v1/chat/completions";
    expect(url("openai", base)).toBe(base);
    expect(url("openai", base, "embeddings")).toBe("https://proxy.test/v1/embeddings");
    expect(url("hosted_vllm", "http://gpu:8000/v1/embeddings", "embeddings")).toBe("http://gpu:8000/v1/embeddings");
    expect(url("openai", "https://proxy.test/v1/completions", "completions")).toBe("https://proxy.test/v1/completions");
  });

  test("may name an endpoint that only this provider has", () => {
    expect(url("writer", "https://proxy.test/v1/chat")).toBe("https://proxy.test/v1/chat");
    expect(url("inception", "https://proxy.test/v1/fim/completions")).toBe("https://proxy.test/v1/chat/completions");
  });

  test("keeps its query", () => {
    expect(url("openai", "https://proxy.test/v1?tenant=a%20b")).toBe(
      "https://proxy.test/v1/chat/completions?tenant=a%20b",
    );
  });

  test("of the provider's own host without a path gets its path, save where the bare host works", () => {
    expect(url("openai", "https://api.openai.com")).toBe("https://api.openai.com/v1/chat/completions");
    expect(url("groq", "https://api.groq.com/")).toBe("https://api.groq.com/openai/v1/chat/completions");
    expect(url("deepseek", "https://api.deepseek.com")).toBe("https://api.deepseek.com/chat/completions");
    expect(url("deepseek", undefined)).toBe("https://api.deepseek.com/beta/chat/completions");
  });

  test("comes from the environment, and litellm_params win", () => {
    expect(url("groq", undefined, "chat", "m", { GROQ_API_BASE: "http://env/v1" })).toBe(
      "http://env/v1/chat/completions",
    );
    expect(url("groq", "http://own/v1", "chat", "m", { GROQ_API_BASE: "http://env/v1" })).toBe(
      "http://own/v1/chat/completions",
    );
    expect(target("groq", { api_key: "k", base_url: "http://other/v1" }).base).toBe("http://other/v1");
  });

  test("that is no URL is a problem that says so", () => {
    for (const base of ["localhost:8000", "ftp://host/v1", "my server"]) {
      expect(configure("openai", { api_key: "k", api_base: base })).toMatchObject({
        code: "invalid_value",
        key: "api_base",
      });
    }
  });

  test("missing where the provider has none is a problem", () => {
    expect(configure("hosted_vllm")).toMatchObject({ code: "missing_api_base", key: "api_base" });
    expect(configure("litellm_proxy", { api_key: "k" })).toMatchObject({ code: "missing_api_base" });
  });
});

describe("the key", () => {
  test("of litellm_params wins over the first variable that is set", () => {
    const environment = { TOGETHER_API_KEY: "second", TOGETHER_AI_TOKEN: "fourth" };
    expect(target("together_ai", {}, environment).headers.authorization).toBe("Bearer second");
    expect(target("together_ai", { api_key: "own" }, environment).headers.authorization).toBe("Bearer own");
  });

  test("of digits only, which YAML reads as a number, is a key", () => {
    expect(target("groq", { api_key: 12345 }).headers.authorization).toBe("Bearer 12345");
  });

  test("that is missing is a problem that names the variable", () => {
    const problem = configure("groq", {}, { GROQ_API_KEY: " " });
    expect(problem).toMatchObject({ code: "missing_credential", key: "api_key" });
    expect(problem).toHaveProperty("message", expect.stringContaining("GROQ_API_KEY"));
  });

  test("may be missing for one's own servers, and then nothing is sent", () => {
    expect(target("hosted_vllm", { api_base: "http://gpu:8000/v1" }).headers).toEqual({});
    expect(target("openai", { api_base: "http://gpu:8000/v1" }).headers).toEqual({});
    expect(configure("openai")).toMatchObject({ code: "missing_credential" });
  });
});

describe("addresses with a rule of their own", () => {
  test.each([
    [
      "baseten",
      undefined,
      "abcd1234",
      "https://model-abcd1234.api.baseten.co/environments/production/sync/v1/chat/completions",
    ],
    ["baseten", undefined, "openai/gpt-oss-120b", "https://inference.baseten.co/v1/chat/completions"],
    ["docker_model_runner", undefined, "m", "http://localhost:22088/engines/llama.cpp/v1/chat/completions"],
    [
      "docker_model_runner",
      "http://box:12434/engines/llama.cpp",
      "m",
      "http://box:12434/engines/llama.cpp/v1/chat/completions",
    ],
    ["gradient_ai", "https://abc.agents.do-ai.run", "m", "https://abc.agents.do-ai.run/api/v1/chat/completions"],
    ["gradient_ai", undefined, "m", "https://inference.do-ai.run/v1/chat/completions"],
    ["datarobot", undefined, "m", "https://app.datarobot.com/api/v2/genai/llmgw/chat/completions"],
    [
      "datarobot",
      "https://app.datarobot.com/api/v2/deployments/1",
      "m",
      "https://app.datarobot.com/api/v2/deployments/1/chat/completions",
    ],
    [
      "cloudflare",
      "https://api.cloudflare.com/client/v4/accounts/A/ai/run/",
      "@cf/x",
      "https://api.cloudflare.com/client/v4/accounts/A/ai/v1/chat/completions",
    ],
    [
      "databricks",
      "https://dbc.cloud.databricks.com",
      "m",
      "https://dbc.cloud.databricks.com/serving-endpoints/chat/completions",
    ],
    [
      "snowflake",
      "https://acme.snowflakecomputing.com/api/v2/cortex/inference:complete",
      "m",
      "https://acme.snowflakecomputing.com/api/v2/cortex/v1/chat/completions",
    ],
  ])("%s at %s", (id, base, model, expected) => {
    expect(url(id, base, "chat", model)).toBe(expected);
  });

  test("Cloudflare without an account is a problem that names the variable", () => {
    expect(configure("cloudflare", { api_key: "k" })).toHaveProperty(
      "message",
      expect.stringContaining("CLOUDFLARE_ACCOUNT_ID"),
    );
  });

  test("Responses of DeepSeek lie beside the beta base, not below it", () => {
    const responses = provider("deepseek").endpoints.chat?.find(({ format }) => format === "openai-responses");
    if (responses === undefined) throw new Error("no Responses");
    const at = (params: Record<string, string>) =>
      endpointUrl(responses, callTo("m", { target: target("deepseek", { api_key: "k", ...params }) }));
    expect(at({})).toBe("https://api.deepseek.com/responses");
    expect(at({ api_base: "https://api.deepseek.com/v1" })).toBe("https://api.deepseek.com/responses");
  });
});

describe("names that go upstream", () => {
  test.each([
    ["fireworks_ai", "llama-v3p1-8b-instruct", "accounts/fireworks/models/llama-v3p1-8b-instruct"],
    ["fireworks_ai", "accounts/fireworks/models/x", "accounts/fireworks/models/x"],
    [
      "fireworks_ai",
      "accounts/me/models/x#accounts/me/deployments/1",
      "accounts/me/models/x#accounts/me/deployments/1",
    ],
    ["fireworks_ai", "nomic-ai/nomic-embed-text-v1.5", "nomic-ai/nomic-embed-text-v1.5"],
    [
      "clarifai",
      "openai.chat-completion.gpt-oss-120b",
      "https://clarifai.com/openai/chat-completion/models/gpt-oss-120b",
    ],
    ["openai", "responses/gpt-5", "gpt-5"],
    ["groq", "openai/gpt-oss-20b", "openai/gpt-oss-20b"],
  ])("%s: %s", (id, model, upstream) => {
    const { upstreamModel } = provider(id);
    const target = { base: "https://x.test", headers: {}, credentials: {} };
    expect(upstreamModel?.(model, target) ?? model).toBe(upstream);
  });
});

test("no two rows share an id, and no row names an endpoint's path in its base", () => {
  const ids = OPENAI_COMPATIBLE_ROWS.flatMap((row) => [row.id, ...(row.aliases ?? [])]);
  expect(new Set(ids).size).toBe(ids.length);
  for (const row of OPENAI_COMPATIBLE_ROWS) expect(row.base ?? "").not.toMatch(/completions|\/$/);
});
