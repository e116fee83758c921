import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { chat, type RunningGateway, startGateway } from "../support/gateway.ts";
import { chatAnswer, type ReceivedRequest, startUpstream, type Upstream } from "../support/upstream.ts";

/** Keys that the provider refuses at the moment. */
const refused = new Set<string>();
let upstream: Upstream;

function answer({ path, headers, json }: ReceivedRequest): Response {
  const key = (headers.get("authorization") ?? "").replace("Bearer key-of-", "");
  if (refused.has(key)) return Response.json({ error: { message: `no entry for ${key}` } }, { status: 503 });
  const usage = { prompt_tokens: 3, total_tokens: 3 };
  if (path.endsWith("/embeddings")) return Response.json({ data: [{ index: 0, embedding: [1] }], model: "e", usage });
  if (path.endsWith("/moderations")) return Response.json({ id: "m", model: "m", results: [{ flagged: false }] });
  if (path.endsWith("/audio/transcriptions")) return Response.json({ text: "" });
  if (path.endsWith("/audio/speech")) return new Response("sound", { headers: { "content-type": "audio/mpeg" } });
  if (path.endsWith("/images/generations")) return Response.json({ created: 1, data: [{ url: "http://x" }] });
  if (path.endsWith("/completions") && json?.prompt !== undefined) {
    return Response.json({ id: "c", choices: [{ text: "x", index: 0, finish_reason: "stop" }], usage });
  }
  return Response.json(chatAnswer("fine"), { headers: { "x-ratelimit-remaining-requests": "41" } });
}

beforeAll(() => {
  upstream = startUpstream(answer);
});

afterAll(() => upstream.stop());

const deployment = (group: string, id: string, info: object = {}, params: object = {}): unknown => ({
  model_name: group,
  litellm_params: { model: "openai/gpt-4o-mini", api_base: `${upstream.url}/v1`, api_key: `key-of-${id}`, ...params },
  model_info: { id, ...info },
});

interface Health {
  readonly healthy_endpoints: readonly Record<string, unknown>[];
  readonly unhealthy_endpoints: readonly Record<string, unknown>[];
  readonly unprobed_endpoints?: readonly Record<string, unknown>[];
  readonly healthy_count: number;
  readonly unhealthy_count: number;
}

async function get<T>(gateway: RunningGateway, path: string): Promise<T> {
  const response = await fetch(gateway.url + path, { headers: { authorization: `Bearer ${gateway.key}` } });
  expect([path, response.status]).toEqual([path, 200]);
  return (await response.json()) as T;
}

const idsOf = (rows: readonly Record<string, unknown>[]): unknown[] => rows.map(({ model_id }) => model_id).toSorted();

describe("asked for", () => {
  let gateway: RunningGateway;

  beforeAll(async () => {
    gateway = await startGateway({
      config: JSON.stringify({
        model_list: [
          deployment("chat", "chat-1"),
          deployment("chat", "down-1"),
          deployment("responses", "responses-1", { mode: "completion" }),
          deployment("vectors", "vectors-1", { mode: "embedding" }),
          deployment("guard", "guard-1", { mode: "moderation" }),
          deployment("ears", "ears-1", { mode: "audio_transcription" }),
          deployment("voice", "voice-1", { mode: "audio_speech" }),
          deployment("brush", "brush-1", { mode: "image_generation" }),
          deployment("live", "live-1", { mode: "realtime" }),
          deployment("any/*", "any-1", {}, { model: "openai/*" }),
          deployment("some/*", "some-1", { health_check_model: "openai/gpt-4o" }, { model: "openai/*" }),
        ],
        router_settings: { num_retries: 3, model_group_retry_policy: { chat: { InternalServerErrorRetries: 3 } } },
      }),
    });
  });

  afterAll(async () => {
    await gateway.stop();
    refused.clear();
  });

  test("each mode has its own smallest call; what fails says why", async () => {
    refused.add("down-1");
    const health = await get<Health>(gateway, "/health");
    expect(idsOf(health.healthy_endpoints)).toEqual(
      ["chat-1", "responses-1", "vectors-1", "guard-1", "ears-1", "voice-1", "brush-1", "some-1"].toSorted(),
    );
    expect(idsOf(health.unhealthy_endpoints)).toEqual(["any-1", "down-1"]);
    expect(idsOf(health.unprobed_endpoints ?? [])).toEqual(["live-1"]);
    expect(health).toMatchObject({ healthy_count: 8, unhealthy_count: 2 });
    const down = health.unhealthy_endpoints.find(({ model_id }) => model_id === "down-1");
    expect(down?.error).toContain("no entry for down-1");
    const one = health.healthy_endpoints.find(({ model_id }) => model_id === "chat-1");
    expect(one).toMatchObject({ model: "openai/gpt-4o-mini", "x-ratelimit-remaining-requests": "41" });
    const asked = upstream.requests.map(({ path, json }) => `${path} ${json?.model ?? ""}`);
    expect(asked).toContain("/v1/chat/completions gpt-4o");
    // One call each, whatever the retries.
    expect(
      upstream.requests.filter(({ headers }) => headers.get("authorization") === "Bearer key-of-down-1"),
    ).toHaveLength(1);
  });

  test("one model, one deployment; the rows and the cost stand under a name of their own", async () => {
    expect(idsOf((await get<Health>(gateway, "/health?model=vectors")).healthy_endpoints)).toEqual(["vectors-1"]);
    expect((await get<Health>(gateway, "/health?model_id=down-1")).unhealthy_count).toBe(1);
    await eventually(async () => {
      const rows = await get<{ api_key: string }[]>(gateway, "/spend/logs?summarize=false");
      return rows.filter(({ api_key }) => api_key === "litellm-internal-health-check").length > 8;
    });
  });

  test("history and the last results", async () => {
    const { health_checks: checks, total_records: total } = await get<{
      health_checks: Record<string, unknown>[];
      total_records: number;
    }>(gateway, "/health/history?model=chat&status_filter=unhealthy&limit=1");
    expect(total).toBe(2);
    expect(checks).toMatchObject([{ model_name: "chat", model_id: "down-1", status: "unhealthy" }]);
    const { latest_health_checks: latest } = await get<{ latest_health_checks: Record<string, { status: string }> }>(
      gateway,
      "/health/latest",
    );
    expect(latest["chat-1"]?.status).toBe("healthy");
    expect(latest["down-1"]?.status).toBe("unhealthy");
    expect(await get<object>(gateway, "/health/backlog")).toEqual({ in_flight_requests: 0 });
  });

  test("a deployment that is not in the configuration can be tried", async () => {
    const trial = async (litellm_params: object, more: object = {}): Promise<unknown> => {
      const response = await fetch(`${gateway.url}/health/test_connection`, {
        method: "POST",
        headers: { authorization: `Bearer ${gateway.key}` },
        body: JSON.stringify({ litellm_params, ...more }),
      });
      expect(response.status).toBe(200);
      return response.json();
    };
    const good = { model: "openai/gpt-4o-mini", api_base: `${upstream.url}/v1`, api_key: "key-of-new" };
    expect(await trial(good)).toEqual({ status: "success", result: { "x-ratelimit-remaining-requests": "41" } });
    expect(await trial(good, { mode: "embedding" })).toEqual({ status: "success", result: {} });
    expect(await trial({ ...good, api_key: "key-of-down-1" })).toMatchObject({
      status: "error",
      result: { error: expect.stringContaining("no entry for down-1") },
    });
    expect(await trial({ ...good, api_key: "os.environ/HOME" })).toMatchObject({
      status: "error",
      result: { error: expect.stringContaining("os.environ/HOME is not resolved") },
    });
    expect(await trial({ model: "nobody-makes-this" })).toMatchObject({ status: "error" });
  });
});

describe("in the background", () => {
  let gateway: RunningGateway;

  beforeAll(async () => {
    upstream.requests.length = 0;
    refused.add("b");
    gateway = await startGateway({
      config: JSON.stringify({
        model_list: [
          deployment("pair", "a"),
          deployment("pair", "b"),
          deployment("pair", "unwatched", { disable_background_health_check: true }),
        ],
        general_settings: { background_health_checks: true, health_check_interval: 1, health_check_details: false },
        router_settings: { enable_health_check_routing: true, disable_cooldowns: true, num_retries: 0 },
      }),
    });
  });

  afterAll(async () => {
    await gateway.stop();
    refused.clear();
  });

  test("rounds go on, their results are what is shown, and unhealthy deployments get no requests until they are well", async () => {
    const shown = async (healthy: readonly string[]): Promise<boolean> =>
      Bun.deepEquals(idsOf((await get<Health>(gateway, "/health")).healthy_endpoints), [...healthy]);
    await eventually(() => shown(["a"]), { what: "b is found to be down" });
    expect((await get<Health>(gateway, "/health")).unhealthy_endpoints).toEqual([
      { model: "openai/gpt-4o-mini", model_id: "b" },
    ]);
    for (let round = 0; round < 20; round++) {
      const response = await chat(gateway, { model: "pair", messages: [{ role: "user", content: "hi" }] });
      expect(response.status).toBe(200);
      expect(response.headers.get("x-litellm-model-id")).not.toBe("b");
    }
    const checks = upstream.requests.filter(({ text }) => text.includes("test from litellm"));
    expect(new Set(checks.map(({ headers }) => headers.get("authorization")))).toEqual(
      new Set(["Bearer key-of-a", "Bearer key-of-b"]),
    );
    refused.delete("b");
    await eventually(() => shown(["a", "b"]), { what: "b is found to be well again" });
    const served = new Set<string | null>();
    await eventually(async () => {
      const response = await chat(gateway, { model: "pair", messages: [{ role: "user", content: "hi" }] });
      served.add(response.headers.get("x-litellm-model-id"));
      return served.has("b");
    });
  });
});
