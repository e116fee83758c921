import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { eventually } from "../support/eventually.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { ManagementClient } from "../support/management-client.ts";
import { chatAnswer, chatStream, startUpstream, type Upstream } from "../support/upstream.ts";

const folder = mkdtempSync(join(tmpdir(), "isthmus-rules-"));
let upstream: Upstream;
beforeAll(() => {
  upstream = startUpstream(() => Response.json(chatAnswer("hello")));
});
afterAll(async () => {
  await upstream.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs against a gateway with these settings, and ends it. */
async function withSettings(
  settings: { readonly general?: object; readonly library?: object },
  run: (client: ManagementClient, gateway: RunningGateway) => Promise<void>,
): Promise<void> {
  const config = stringify({
    model_list: [
      { model_name: "m", litellm_params: { model: "openai/m", api_base: `${upstream.url}/v1`, api_key: "k" } },
      {
        model_name: "translated",
        litellm_params: {
          ...{ model: "openai/m", api_base: `${upstream.url}/v1`, api_key: "k" },
          use_chat_completions_api: true,
        },
      },
      {
        model_name: "priced",
        litellm_params: {
          ...{ model: "openai/p", api_base: `${upstream.url}/v1`, api_key: "k" },
          ...{ input_cost_per_token: 0.01, output_cost_per_token: 0.02 },
        },
      },
      {
        model_name: "text-embedding",
        litellm_params: { model: "openai/e", api_base: `${upstream.url}/v1`, api_key: "k" },
      },
    ],
    general_settings: settings.general ?? {},
    litellm_settings: settings.library ?? {},
  });
  const gateway = await startGateway({ config });
  try {
    await run(new ManagementClient(gateway), gateway);
  } finally {
    await gateway.stop();
  }
}

interface Asked {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
  readonly key?: string;
}

async function ask(client: ManagementClient, { headers = {}, body = {}, key = client.gateway.key }: Asked = {}) {
  const response = await fetch(`${client.gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
    body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }], ...body }),
  });
  const answer = (await response.json()) as { error?: { message: string; type: string; code: string } };
  const id = response.headers.get("x-litellm-call-id") ?? "";
  return { status: response.status, error: answer.error, id, sent: upstream.requests.at(-1) };
}

/** The row of a call, once it is there. */
function rowOf(client: ManagementClient, id: string) {
  return eventually(async () => {
    const rows = await client.ok("GET", `/spend/logs?request_id=${id}`);
    return rows[0] as Record<string, unknown> | undefined;
  });
}

describe("who a request is for", () => {
  test("user_header_name names the end user, also upstream, unless the body does", () =>
    withSettings({ general: { user_header_name: "X-Person" } }, async (client) => {
      const named = await ask(client, { headers: { "x-person": "ada" } });
      expect(named.sent?.json).toMatchObject({ user: "ada" });
      expect(await rowOf(client, named.id)).toMatchObject({ end_user: "ada" });
      const own = await ask(client, { headers: { "x-person": "ada" }, body: { user: "grace" } });
      expect(own.sent?.json).toMatchObject({ user: "grace" });
      // The header wins for whose spend it is, as in LiteLLM.
      expect(await rowOf(client, own.id)).toMatchObject({ end_user: "ada" });
      const standard = await ask(client, { headers: { "x-person": "ada", "x-litellm-customer-id": "carl" } });
      expect(await rowOf(client, standard.id)).toMatchObject({ end_user: "carl" });
    }));

  test("user_header_mappings names customer and user; neither goes upstream", () =>
    withSettings(
      {
        general: {
          user_header_mappings: [
            { header_name: "X-Customer", litellm_user_role: "customer" },
            { header_name: "X-Employee", litellm_user_role: "internal_user" },
          ],
        },
      },
      async (client) => {
        const { id, sent } = await ask(client, { headers: { "x-customer": "acme", "x-employee": "ada" } });
        expect(await rowOf(client, id)).toMatchObject({ end_user: "acme", user: "ada" });
        expect(sent?.json).not.toHaveProperty("user");
      },
    ));

  test("validate_end_user_id_in_db: whom nobody knows is no end user", () =>
    withSettings({ library: { validate_end_user_id_in_db: true } }, async (client) => {
      await client.ok("POST", "/customer/new", { user_id: "acme" });
      await client.ok("POST", "/user/new", { user_id: "u-1", user_email: "ada@example.com" });
      for (const [user, expected] of [
        ["acme", "acme"],
        ["u-1", "u-1"],
        ["ada@example.com", "ada@example.com"],
        ["stranger", null],
        ['{"device": 1}', null],
      ] as const) {
        const { id, status } = await ask(client, { body: { user } });
        expect(status).toBe(200);
        expect(await rowOf(client, id)).toMatchObject({ end_user: expected });
      }
    }));

  test("disable_end_user_cost_tracking: rows name no end user, a blocked one stays blocked", () =>
    withSettings({ library: { disable_end_user_cost_tracking: true } }, async (client) => {
      const { id } = await ask(client, { body: { user: "acme" } });
      expect(await rowOf(client, id)).toMatchObject({ end_user: null });
      await client.ok("POST", "/customer/block", { user_ids: ["acme"] });
      expect((await ask(client, { body: { user: "acme" } })).status).toBe(400);
    }));

  test("overwrite_user_with_key_hash and add_user_information_to_llm_headers tell the provider", () =>
    withSettings(
      { library: { overwrite_user_with_key_hash: true, add_user_information_to_llm_headers: true } },
      async (client) => {
        const made = await client.ok("POST", "/key/generate", { key_alias: "crawler", user_id: "ada" });
        const { sent } = await ask(client, { key: made.key, body: { user: "grace" } });
        expect(sent?.json).toMatchObject({ user: made.token });
        expect(sent?.headers.get("x-litellm-user_api_key_hash")).toBe(made.token);
        expect(sent?.headers.get("x-litellm-user_api_key_alias")).toBe("crawler");
        expect(sent?.headers.get("x-litellm-user_api_key_user_id")).toBe("ada");
        upstream.handler = () => Response.json({ object: "list", data: [], model: "e", usage: { prompt_tokens: 1 } });
        await client.ok("POST", "/v1/embeddings", { model: "text-embedding", input: "x" }, made.key);
        upstream.handler = () => Response.json(chatAnswer("hello"));
        expect(upstream.requests.at(-1)?.headers.get("x-litellm-user_api_key_alias")).toBe("crawler");
      },
    ));
});

describe("what a request costs", () => {
  test("cost_discount_config and cost_margin_config: the row, the key and the arithmetic agree", () =>
    withSettings(
      { library: { cost_discount_config: { openai: 0.5 }, cost_margin_config: { global: { fixed_amount: 0.25 } } } },
      async (client) => {
        const { key } = await client.ok("POST", "/key/generate", {});
        const { id } = await ask(client, { key, body: { model: "priced" } });
        // 10 × 0.01 + 5 × 0.02 dollars, half of it, and a quarter dollar.
        expect(await rowOf(client, id)).toMatchObject({ spend: 0.35 });
        expect((await client.ok("GET", `/key/info?key=${key}`)).info.spend).toBe(0.35);
        expect(await client.ok("GET", `/spend/logs/${id}/explain`)).toMatchObject({ matches: true, cost: "0.35" });
      },
    ));
});

describe("what a request must say, and may not", () => {
  test("enforce_user_param", () =>
    withSettings({ general: { enforce_user_param: true } }, async (client) => {
      const refused = await ask(client);
      expect(refused).toMatchObject({ status: 401, error: { type: "auth_error" } });
      expect(refused.error?.message).toBe(
        "Authentication Error, 'user' param not passed in. 'enforce_user_param'=True",
      );
      expect((await ask(client, { body: { user: "ada" } })).status).toBe(200);
    }));

  test("enforced_params of all, of service accounts and of the key", () =>
    withSettings(
      {
        general: {
          enforced_params: ["metadata.generation_name"],
          service_account_settings: { enforced_params: ["user"] },
        },
      },
      async (client) => {
        const metadata = { generation_name: "x" };
        const refused = await ask(client);
        expect(refused).toMatchObject({ status: 400 });
        expect(refused.error?.message).toContain("please pass param=[metadata][generation_name] in request body");
        expect((await ask(client, { body: { metadata } })).status).toBe(200);
        const team = await client.ok("POST", "/team/new", {});
        const service = await client.ok("POST", "/key/service-account/generate", { team_id: team.team_id });
        const again = await ask(client, { key: service.key, body: { metadata } });
        expect(again.error?.message).toContain("please pass param=user in request body");
        expect((await ask(client, { key: service.key, body: { metadata, user: "u" } })).status).toBe(200);
      },
    ));

  test("reject_clientside_metadata_tags", () =>
    withSettings({ general: { reject_clientside_metadata_tags: true } }, async (client) => {
      const refused = await ask(client, { body: { metadata: { tags: ["a"] } } });
      expect(refused).toMatchObject({ status: 400, error: { type: "bad_request_error" } });
      expect((await ask(client, { body: { metadata: { other: "a" } } })).status).toBe(200);
    }));

  test("blocked_user_list, as a list and as a file", async () => {
    const path = join(folder, "blocked.txt");
    writeFileSync(path, "mallory\n\neve\n");
    for (const list of [["mallory", "eve"], path]) {
      await withSettings({ library: { blocked_user_list: list } }, async (client) => {
        expect((await ask(client, { body: { user: "eve" } })).error?.message).toBe(
          "User blocked from making LLM API Calls. User=eve",
        );
        expect((await ask(client, { body: { user: "ada" } })).status).toBe(200);
      });
    }
  });

  test("the User-Agent and extra_spend_tag_headers are tags of the row", async () => {
    const headers = { "x-project": "moon", "user-agent": "claude-cli/2.1 (external)" };
    const body = { metadata: { tags: ["a"] } };
    await withSettings({ library: { extra_spend_tag_headers: ["X-Project"] } }, async (client) => {
      const { id } = await ask(client, { headers, body });
      const agent = ["User-Agent: claude-cli", "User-Agent: claude-cli/2.1 (external)"];
      expect((await rowOf(client, id)).request_tags).toEqual(["a", ...agent, "X-Project: moon"]);
    });
    await withSettings({ library: { disable_add_user_agent_to_request_tags: true } }, async (client) => {
      const { id } = await ask(client, { headers, body });
      expect((await rowOf(client, id)).request_tags).toEqual(["a"]);
    });
  });
});

test("disable_error_logs: a failure that called nobody leaves no row, one that did says nothing of why", () =>
  withSettings({ general: { disable_error_logs: true } }, async (client) => {
    const unknown = await ask(client, { body: { model: "nobody" } });
    expect(unknown.status).toBe(400);
    upstream.handler = () => Response.json({ error: { message: "no such thing" } }, { status: 400 });
    const failed = await ask(client);
    upstream.handler = () => Response.json(chatAnswer("hello"));
    expect(failed.status).toBe(400);
    expect(JSON.stringify(await rowOf(client, failed.id))).not.toContain("no such thing");
    const worked = await ask(client);
    await rowOf(client, worked.id);
    expect(await client.ok("GET", `/spend/logs?request_id=${unknown.id}`)).toEqual([]);
  }));

test("store_prompts_in_spend_logs: rows hold what was asked and answered, streamed or not, long texts cut", () =>
  withSettings({ general: { store_prompts_in_spend_logs: true } }, async (client) => {
    const long = "x".repeat(5_000);
    const { id } = await ask(client, { body: { user: long, metadata: { client_secret: "of the caller" } } });
    const row = await rowOf(client, id);
    expect(row).toMatchObject({
      proxy_server_request: { model: "m", messages: [{ content: "hi" }], metadata: { client_secret: "****" } },
      response: { choices: [{ message: { content: "hello" } }] },
    });
    const { user } = row.proxy_server_request as { user: string };
    expect(user).toContain("... (litellm_truncated skipped 2952 chars) ...");

    upstream.handler = () => chatStream(["one ", "two"], { usage: true });
    for (const [path, expected] of [
      ["/v1/chat/completions", { choices: [{ message: { role: "assistant", content: "one two" } }] }],
      ["/v1/messages", { type: "message", content: [{ type: "text", text: "one two" }] }],
      ["/v1/responses", { object: "response", output: [{ content: [{ text: "one two" }] }] }],
    ] as const) {
      const content = path === "/v1/responses" ? { input: "hi" } : { messages: [{ role: "user", content: "hi" }] };
      const response = await fetch(client.gateway.url + path, {
        method: "POST",
        headers: { authorization: `Bearer ${client.gateway.key}`, "content-type": "application/json" },
        body: JSON.stringify({ model: "translated", stream: true, max_tokens: 9, ...content }),
      });
      await response.text();
      const streamed = await rowOf(client, response.headers.get("x-litellm-call-id") ?? "");
      expect(streamed?.response, path).toMatchObject(expected);
    }
    upstream.handler = () => Response.json(chatAnswer("hello"));
  }));

test("without it, and with turn_off_message_logging, they hold nothing of it", async () => {
  for (const settings of [
    {},
    { general: { store_prompts_in_spend_logs: true }, library: { turn_off_message_logging: true } },
  ]) {
    await withSettings(settings, async (client) => {
      const { id } = await ask(client);
      expect(await rowOf(client, id)).toMatchObject({ proxy_server_request: {}, response: {} });
    });
  }
});
