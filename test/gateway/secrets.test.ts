import { afterAll, beforeAll, expect, test } from "bun:test";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { requireNoSecrets, secretsGiven } from "../support/no-secrets.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

const OWN = "sk-of-the-operator-0123456789";
const CALLER = "sk-of-a-caller-who-is-unknown";

let upstream: Upstream;
let gateway: RunningGateway;

beforeAll(async () => {
  upstream = startUpstream(() => Response.json({}));
  gateway = await startGateway({
    args: ["--detailed_debug"],
    env: {
      ANTHROPIC_API_KEY: "sk-ant-of-the-operator-987",
      ANTHROPIC_API_BASE: upstream.url,
      LITELLM_SALT_KEY: "salt-that-seals-all",
    },
    config: JSON.stringify({
      model_list: [
        {
          model_name: "gpt",
          litellm_params: {
            model: "openai/gpt-4o-mini",
            api_base: `${upstream.url}/v1`,
            api_key: OWN,
            extra_headers: { "x-tenant-token": "token-of-the-tenant-42" },
          },
        },
      ],
      router_settings: { num_retries: 1, retry_after: 0 },
    }),
  });
});

afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
});

const send = async (path: string, body?: unknown, key = gateway.key): Promise<string> => {
  const answer = await fetch(gateway.url + path, {
    ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
  });
  return `${JSON.stringify([...answer.headers])}${await answer.text()}`;
};

test("at the noisiest level, through successes, refusals and failures, nothing secret is written or returned", async () => {
  const chat = { model: "gpt", messages: [{ role: "user", content: "Hi" }] };
  const returned: string[] = [];
  const ask = async (...request: Parameters<typeof send>): Promise<void> => void returned.push(await send(...request));
  upstream.handler = () =>
    Response.json({ choices: [{ message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }] });
  await ask("/v1/chat/completions", chat);
  await ask("/v1/chat/completions", { ...chat, stream: true });
  await ask("/anthropic/v1/messages/batches", { requests: [] });
  // Providers that say too much.
  for (const status of [401, 400, 500]) {
    upstream.handler = ({ headers }) =>
      Response.json(
        { error: { message: `Bad request with ${JSON.stringify([...headers])}`, type: "invalid_request_error" } },
        { status, headers: { "x-echo": headers.get("authorization") ?? headers.get("x-api-key") ?? "" } },
      );
    await ask("/v1/chat/completions", chat);
    await ask("/v1/chat/completions", { ...chat, stream: true });
    await ask("/v1/messages", { ...chat, max_tokens: 5 });
    await ask("/health");
  }
  upstream.handler = () => new Response("<html>", { headers: { "content-type": "text/html" } });
  await ask("/v1/chat/completions", chat);
  await ask("/v1/chat/completions", chat, CALLER);
  await ask("/v1/chat/completions", { ...chat, api_key: "sk-of-the-caller-own" });
  const made = JSON.parse((await send("/key/generate", { key_alias: "a" })).replace(/^\[\[.*?\]\]/, "")) as {
    key: string;
  };
  await ask("/key/info", undefined, made.key);
  await ask("/v1/chat/completions", chat, made.key);
  for (const path of [
    "/model/info",
    "/v1/models",
    "/config/yaml",
    "/get/config/callbacks",
    "/settings",
    "/openapi.json",
    "/routes",
    "/health/readiness/details",
    "/spend/logs",
    "/key/list?return_full_object=true",
    "/credentials",
    "/model_group/info",
    "/router/settings",
    "/utils/route/explain",
  ]) {
    await ask(path);
  }
  const given = {
    key: gateway.key,
    env: { ANTHROPIC_API_KEY: "sk-ant-of-the-operator-987", LITELLM_SALT_KEY: "salt-that-seals-all" },
    config: JSON.stringify({ api_key: OWN, token: "token-of-the-tenant-42" }),
  };
  requireNoSecrets(returned.join("\n"), secretsGiven(given));
  requireNoSecrets(gateway.output(), [...secretsGiven(given), made.key, CALLER]);
  expect(gateway.output()).toContain("DEBUG");
});
