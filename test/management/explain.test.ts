import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { ROOT, type RunningGateway, startGateway } from "../support/gateway.ts";
import { ManagementClient } from "../support/management-client.ts";
import { testPostgres } from "../support/services/postgres.ts";
import { chatAnswer, chatStream, type ReceivedRequest, startUpstream } from "../support/upstream.ts";

const postgres = await testPostgres("explain");
const running: RunningGateway[] = [];
const upstream = startUpstream(speak);

afterAll(async () => {
  await Promise.all(running.map((gateway) => gateway.stop()));
  await upstream.stop();
  await postgres?.drop();
});

/** The deployment's key says what the provider does. */
async function speak({ headers, json, path }: ReceivedRequest): Promise<Response> {
  const key = headers.get("x-api-key") ?? headers.get("authorization") ?? "";
  switch (key.replace(/^(?:Bearer )?key-that-/, "")) {
    case "hangs":
      await Bun.sleep(5_000);
      return Response.json(chatAnswer("too late"));
    case "caches":
      return Response.json({
        id: "msg_1",
        type: "message",
        role: "assistant",
        model: "claude",
        content: [{ type: "text", text: "fine" }],
        stop_reason: "end_turn",
        usage: {
          input_tokens: 100,
          output_tokens: 20,
          cache_read_input_tokens: 1_000,
          cache_creation_input_tokens: 500,
          cache_creation: { ephemeral_5m_input_tokens: 300, ephemeral_1h_input_tokens: 200 },
        },
      });
    case "draws":
      return Response.json({
        created: 1,
        data: [{ b64_json: "aGk=" }, { b64_json: "aGk=" }],
        usage: {
          input_tokens: 10,
          output_tokens: 2_000,
          total_tokens: 2_010,
          input_tokens_details: { text_tokens: 10, image_tokens: 0 },
        },
      });
    case "states":
      return Response.json(
        chatAnswer("fine", { usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15, cost: 0.25 } }),
      );
    case "breaks-off":
      return chatStream(["one two three four ", "five six seven eight"], { complete: false });
    default:
      return Response.json(
        chatAnswer("fine", {
          usage: { prompt_tokens: 300_000, completion_tokens: 100, total_tokens: 300_100 },
          ...(json?.service_tier === undefined ? {} : { service_tier: json.service_tier }),
          path,
        }),
      );
  }
}

const v1 = `${upstream.url}/v1`;
const deployment = (name: string, key: string, params: object): object => ({
  model_name: name,
  litellm_params: { api_base: v1, api_key: `key-that-${key}`, num_retries: 0, ...params },
  model_info: { id: `id-${name}` },
});
const CONFIG = JSON.stringify({
  model_list: [
    deployment("tiers", "tiers", {
      model: "openai/own",
      input_cost_per_token: 1e-6,
      output_cost_per_token: 4e-6,
      input_cost_per_token_above_200k_tokens: 2e-6,
      output_cost_per_token_above_200k_tokens: 6e-6,
      input_cost_per_token_flex: 5e-7,
      output_cost_per_token_flex: 2e-6,
    }),
    deployment("caches", "caches", { model: "anthropic/claude-sonnet-4-5", api_base: upstream.url }),
    deployment("draws", "draws", { model: "openai/gpt-image-1" }),
    deployment("states", "states", { model: "openrouter/some/model" }),
    deployment("breaks-off", "breaks-off", { model: "openai/gpt-4o-mini" }),
    deployment("hangs", "hangs", { model: "openai/gpt-4o", timeout: 0.3 }),
    deployment("answers", "answers", { model: "openai/gpt-4o-mini" }),
  ],
  router_settings: { fallbacks: [{ hangs: ["answers"] }] },
  litellm_settings: { cache: true, cache_params: { type: "local" } },
});

const stores = [
  { name: "sqlite", env: {} },
  ...(postgres === undefined ? [] : [{ name: "postgres", env: { DATABASE_URL: postgres.url } }]),
];

interface Explained {
  readonly cost: string;
  readonly attempts: readonly Record<string, unknown>[];
  readonly [member: string]: unknown;
}

describe.each(stores)("what a row's cost is made of, on $name", ({ env }) => {
  test("tiers, caches, media, stated costs, estimates and fallbacks, and all counters verified", async () => {
    const gateway = await startGateway({ config: CONFIG, env });
    running.push(gateway);
    const client = new ManagementClient(gateway);
    const explained = async (path: string, body: object): Promise<Explained> => {
      const response = await fetch(gateway.url + path, {
        method: "POST",
        headers: { authorization: `Bearer ${gateway.key}`, "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      await response.text();
      const id = response.headers.get("x-litellm-call-id");
      return eventually(async () => {
        const answer = await client.call("GET", `/spend/logs/${id}/explain`);
        return answer.status === 200 ? (answer.body as Explained) : undefined;
      });
    };
    const chat = (model: string, more: object = {}): Promise<Explained> =>
      explained("/v1/chat/completions", { model, messages: [{ role: "user", content: "hi" }], ...more });

    // Above 200,000 tokens of prompt another price counts for all of them.
    expect(await chat("tiers")).toMatchObject({
      cost: "0.6006",
      sum: "0.6006",
      matches: true,
      attempts_add_up: true,
      tier: "default",
      parts: [{ text: "300000 × 0.000002 = 0.6" }, { text: "100 × 0.000006 = 0.0006" }],
    });
    const cached = await chat("tiers", { messages: [{ role: "user", content: "hi" }] });
    expect(cached).toMatchObject({ cost: "0", attempts: [], attempts_add_up: true });
    expect(cached.note).toContain("cache");
    expect(await chat("tiers", { service_tier: "flex" })).toMatchObject({ tier: "flex", matches: true });

    const caches = await chat("caches");
    expect(caches).toMatchObject({
      matches: true,
      parts: [
        { bucket: "input", text: "100 × 0.000003 = 0.0003" },
        { bucket: "cache_read", text: "1000 × 0.0000003 = 0.0003" },
        { bucket: "cache_write_5m", text: "300 × 0.00000375 = 0.001125" },
        { bucket: "cache_write_1h", text: "200 × 0.000006 = 0.0012" },
        { bucket: "output", text: "20 × 0.000015 = 0.0003" },
      ],
      sum: "0.003225",
    });

    const drawn = await explained("/v1/images/generations", { model: "draws", prompt: "a cat", n: 2 });
    expect(drawn).toMatchObject({ matches: true, attempts_add_up: true });
    expect(drawn.parts).toContainEqual(expect.objectContaining({ bucket: "output_image", count: 2_000 }));

    expect(await chat("states")).toMatchObject({ cost: "0.25", sum: "0.25", matches: true, parts: [] });

    const broken = await chat("breaks-off", { stream: true });
    expect(broken).toMatchObject({ estimated: true, matches: true, attempts: [{ estimated: true }] });
    expect(broken.parts).toContainEqual(expect.objectContaining({ bucket: "output", count: 10 }));

    const fellBack = await chat("hangs");
    expect(fellBack).toMatchObject({
      estimated: true,
      matches: true,
      attempts_add_up: true,
      attempts: [
        { deployment_id: "id-hangs", status: "failure", estimated: true, matches: true },
        { deployment_id: "id-answers", status: "success", estimated: false, matches: true, sum: "0.04506" },
      ],
    });
    expect(fellBack.attempts.every(({ parts }) => Array.isArray(parts) && parts.length > 0)).toBe(true);

    const verifying = Bun.spawn(
      [
        process.execPath,
        join(ROOT, "src/cli/main.ts"),
        "ledger",
        "verify",
        ...("DATABASE_URL" in env ? [] : ["--data-dir", gateway.dataDir]),
      ],
      { env: { PATH: process.env.PATH ?? "", ...env }, stdout: "pipe", stderr: "pipe" },
    );
    const said = await new Response(verifying.stdout).text();
    expect([await verifying.exited, said]).toEqual([0, expect.stringContaining("every counter equals")]);
    const [, rows, waiting] = /^(\d+) rows, (\d+) not yet added up/.exec(said) ?? [];
    expect(Number(rows) + Number(waiting)).toBe(8);
  }, 60_000);
});
