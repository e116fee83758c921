import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../src/json/json.ts";
import { anthropicBetas } from "../../src/providers/anthropic-betas.ts";
import { endpointUrl } from "../../src/providers/endpoint-url.ts";
import { callTo, configure, provider, target } from "./call.ts";

describe("api_base", () => {
  test.each([
    "https://proxy.test",
    "https://proxy.test/",
    "https://proxy.test/v1",
    "https://proxy.test/v1/messages",
    "https://proxy.test/v1/messages/",
    "https://proxy.test/v1/messages/count_tokens",
  ])("%s", (api_base) => {
    const configured = target("anthropic", { api_key: "k", api_base });
    const [messages] = provider("anthropic").endpoints.chat ?? [];
    const [count] = provider("anthropic").endpoints["count-tokens"] ?? [];
    if (messages === undefined || count === undefined) throw new Error("no endpoints");
    expect(endpointUrl(messages, callTo("m", { target: configured }))).toBe("https://proxy.test/v1/messages");
    expect(endpointUrl(count, callTo("m", { target: configured }))).toBe("https://proxy.test/v1/messages/count_tokens");
  });

  test("keeps a path before it", () => {
    expect(target("anthropic", { api_key: "k", api_base: "https://proxy.test/anthropic/v1/messages" }).base).toBe(
      "https://proxy.test/anthropic",
    );
  });
});

describe("who calls", () => {
  test("a key goes into x-api-key", () => {
    expect(target("anthropic", { api_key: "sk-ant-api03-x" }).headers).toEqual({
      "x-api-key": "sk-ant-api03-x",
      "anthropic-version": "2023-06-01",
    });
  });

  test("a subscription's token goes as bearer with its beta, and no key beside it", () => {
    expect(target("anthropic", {}, { ANTHROPIC_API_KEY: "sk-ant-oat01-x" }).headers).toEqual({
      authorization: "Bearer sk-ant-oat01-x",
      "anthropic-version": "2023-06-01",
      "anthropic-beta": "oauth-2025-04-20",
    });
  });

  test("auth_token goes as bearer", () => {
    const { headers } = target("anthropic", { auth_token: "gateway-token" });
    expect(headers.authorization).toBe("Bearer gateway-token");
    expect(headers).not.toHaveProperty("x-api-key");
    expect(headers).not.toHaveProperty("anthropic-beta");
  });

  test("nobody is a problem", () => {
    expect(configure("anthropic")).toMatchObject({ code: "missing_credential", key: "api_key" });
  });
});

describe("betas", () => {
  const cases: readonly (readonly [string, JsonObject, string[], string?])[] = [
    ["nothing special", { messages: [{ role: "user", content: "hi" }], tools: [{ name: "f", input_schema: {} }] }, []],
    ["computer use", { tools: [{ type: "computer_20250124", name: "computer" }] }, ["computer-use-2025-01-24"]],
    ["MCP servers", { mcp_servers: [{ type: "url" }] }, ["mcp-client-2025-04-04"]],
    ["an MCP toolset", { mcp_servers: [], tools: [{ type: "mcp_toolset" }] }, ["mcp-client-2025-11-20"]],
    ["an output format", { output_format: { type: "json_schema" } }, ["structured-outputs-2025-11-13"]],
    ["effort of Opus 4.5", { output_config: { effort: "low" } }, ["effort-2025-11-24"], "claude-opus-4-5"],
    ["effort of later models", { output_config: { effort: "low" } }, [], "claude-opus-4-6"],
    [
      "a file inside a tool result",
      {
        messages: [
          {
            role: "user",
            content: [{ type: "tool_result", content: [{ type: "document", source: { type: "file", file_id: "f" } }] }],
          },
        ],
      },
      ["files-api-2025-04-14"],
    ],
  ];
  test.each(cases)("%s", (_name, body, betas, model = "claude-sonnet-4-5") => {
    expect(anthropicBetas(body, model)).toEqual(betas);
  });

  test("join those that the target sends anyway", () => {
    const oauth = target("anthropic", { api_key: "sk-ant-oat01-x" });
    const [messages] = provider("anthropic").endpoints.chat ?? [];
    const call = callTo("claude-sonnet-4-5", { target: oauth });
    expect(messages?.bodyHeaders?.({ output_format: {} }, call)).toEqual({
      "anthropic-beta": "oauth-2025-04-20,structured-outputs-2025-11-13",
    });
    expect(messages?.bodyHeaders?.({}, call)).toEqual({});
  });
});
