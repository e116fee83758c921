import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { asObject, asString, type JsonObject } from "../../src/json/json.ts";
import { endpointUrl } from "../../src/providers/endpoint-url.ts";
import type { Endpoint, Operation } from "../../src/providers/provider.ts";
import { callTo, provider, target } from "./call.ts";

const EXCHANGES = process.env.ISTHMUS_EXCHANGES ?? "../shared/fixtures/exchanges";

/** Folder of recordings → how a deployment for it is written, where that is more than a key. */
const DEPLOYMENTS: Record<string, { provider?: string; params?: JsonObject; environment?: Record<string, string> }> = {
  openai: {},
  anthropic: {},
  groq: {},
  mistral: {},
  cerebras: {},
  fireworks_ai: {},
  nvidia_nim: {},
  openrouter: {},
  perplexity: {},
  together_ai: {},
  xai: {},
  zai: {},
  dashscope: {},
  voyage: {},
  writer: {},
  veniceai: {},
  github_copilot: {},
  deepseek: { params: { api_base: "https://api.deepseek.com" } },
  crusoe: { params: { api_base: "https://api.inference.crusoecloud.com/v1" } },
  hosted_vllm: { params: { api_base: "http://localhost:8000/v1" } },
  cloudflare: { environment: { CLOUDFLARE_ACCOUNT_ID: "ACCOUNT_ID" } },
  databricks: { params: { api_base: "https://example.azuredatabricks.net/serving-endpoints" } },
  snowflake: { environment: { SNOWFLAKE_ACCOUNT_ID: "example" } },
  chatgpt: {},
  azure_ai: { params: { api_base: "https://example.services.ai.azure.com" } },
};

/** What a recorded path asks for, as operation and format. */
const OPERATIONS: readonly (readonly [RegExp, Operation, Endpoint["format"]])[] = [
  [/\/messages\/count_tokens$/, "count-tokens", "anthropic-messages"],
  [/\/messages$/, "chat", "anthropic-messages"],
  [/\/chat\/completions$|\/v1\/chat$/, "chat", "openai-chat"],
  [/\/responses$/, "chat", "openai-responses"],
  [/\/completions$/, "completions", "openai-completions"],
  [/\/embeddings$/, "embeddings", "openai-chat"],
  [/\/rerank$/, "rerank", "openai-chat"],
  [/\/images\/generations$/, "image-generation", "openai-chat"],
  [/\/images\/edits$/, "image-edit", "openai-chat"],
  [/\/audio\/transcriptions$/, "transcription", "openai-chat"],
  [/\/audio\/speech$/, "speech", "openai-chat"],
  [/\/moderations$/, "moderation", "openai-chat"],
];

/** Endpoints that are recorded and not one of a provider's own here; each with its reason. */
const LEFT_OUT = new Set([
  // Anthropic's OpenAI twin and its legacy completion: Messages is the better road to the same models.
  "anthropic /v1/chat/completions",
  "anthropic /v1/complete",
  "openai /v1/responses/input_tokens",
  // Not OpenAI's shape.
  "xai /v1/tts",
  "xai /v1/stt",
]);

if (!existsSync(EXCHANGES)) {
  test.skip("recorded URLs: no recordings", () => {});
}

for (const [folder, deployment] of Object.entries(DEPLOYMENTS)) {
  if (!existsSync(`${EXCHANGES}/${folder}`)) continue;
  describe(folder, () => {
    const seen = new Set<string>();
    for (const file of readdirSync(`${EXCHANGES}/${folder}`)) {
      const exchange = JSON.parse(readFileSync(`${EXCHANGES}/${folder}/${file}`, "utf8")) as JsonObject;
      const request = asObject(exchange.request) ?? {};
      const path = asString(request.path) ?? "";
      const bare = path.replace(/\?.*$/, "");
      const name = `${path} on ${request.host ?? "an unnamed host"}`;
      if (request.method?.toString().toUpperCase() !== "POST" || seen.has(name) || LEFT_OUT.has(`${folder} ${bare}`))
        continue;
      seen.add(name);
      test(name, () => {
        const found = OPERATIONS.find(([form]) => form.test(bare));
        if (found === undefined) throw new Error(`no operation has the path ${bare}`);
        const [, operation, format] = found;
        const owner = provider(deployment.provider ?? folder);
        const endpoint = owner.endpoints[operation]?.find((candidate) => candidate.format === format);
        if (endpoint === undefined) throw new Error(`${folder} offers no ${operation} as ${format}`);
        const model = asString(asObject(request.body)?.model) ?? "model";
        const configured = target(owner.id, { api_key: "key", ...deployment.params }, deployment.environment, model);
        const url = new URL(endpointUrl(endpoint, callTo(model, { operation, target: configured })));
        expect(url.pathname).toBe(bare);
        if (folder === "azure_ai") expect(url.search).toBe(path.slice(bare.length));
        const host = asString(request.host);
        if (host !== undefined && !ALSO_RECORDED.has(host)) expect(url.host).toBe(host);
      });
    }
  });
}

/** Other addresses of the same service that recordings were taken from. */
const ALSO_RECORDED = new Set(["api.together.ai", "127.0.0.1:8000", "example.1.azuredatabricks.net"]);

describe("azure", () => {
  const folder = `${EXCHANGES}/azure`;
  if (!existsSync(folder)) return;
  for (const file of readdirSync(folder)) {
    const exchange = JSON.parse(readFileSync(`${folder}/${file}`, "utf8")) as JsonObject;
    const request = asObject(exchange.request) ?? {};
    const recorded = new URL(`https://${asString(request.host)}${asString(request.path)}`);
    test(`${recorded.pathname}${recorded.search} (${file})`, () => {
      const [, operation, format] = OPERATIONS.find(([form]) => form.test(recorded.pathname)) ?? [];
      const deployment = /deployments\/([^/]+)/.exec(recorded.pathname)?.[1] ?? "model";
      const version = recorded.searchParams.get("api-version");
      const surface = recorded.pathname.startsWith("/openai/v1") ? "/openai/v1" : "";
      const configured = target(
        "azure",
        {
          api_key: "key",
          api_base: `${recorded.origin}${surface}`,
          ...(version === null ? {} : { api_version: version }),
        },
        {},
        deployment,
      );
      const endpoints = operation === undefined ? [] : (provider("azure").endpoints[operation] ?? []);
      const endpoint = endpoints.find((candidate) => candidate.format === format);
      if (endpoint === undefined) throw new Error(`no endpoint for ${recorded.pathname}`);
      expect(endpointUrl(endpoint, callTo(deployment, { target: configured }))).toBe(recorded.href);
    });
  }
});
