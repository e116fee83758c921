import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import OpenAI from "openai";
import { openDatabase } from "../../src/store/database.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { chatAnswer, chatStream, startUpstream, type Upstream } from "../support/upstream.ts";

/** One call bills 10 tokens in and 5 out: 10 × 1,000 + 5 × 4,000 nano-dollars. */
const COST = 30_000;

let upstream: Upstream;
let gateway: RunningGateway;

const config = (url: string): string =>
  JSON.stringify({
    model_list: ["m", "other"].map((name) => ({
      model_name: name,
      litellm_params: {
        model: "openai/gpt-4o-mini",
        api_base: `${url}/v1`,
        api_key: "k",
        input_cost_per_token: 1e-6,
        output_cost_per_token: 4e-6,
        num_retries: 0,
      },
      model_info: { access_groups: name === "m" ? ["mine"] : [] },
    })),
  });

beforeAll(async () => {
  upstream = startUpstream(() => Response.json(chatAnswer("fine")));
  gateway = await startGateway({ config: config(upstream.url) });
});

afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
});

beforeEach(() => {
  upstream.requests.length = 0;
  upstream.handler = () => Response.json(chatAnswer("fine"));
});

/** A key in the database, as the management API writes it. */
async function makeKey(columns: Record<string, unknown> = {}, running = gateway): Promise<string> {
  const key = `sk-${crypto.randomUUID()}`;
  const database = openDatabase({ dataDir: running.dataDir });
  const now = Date.now();
  try {
    await database.kysely
      .insertInto("virtual_key")
      .values({
        token: hash(key),
        key_name: `sk-...${key.slice(-4)}`,
        models: "[]",
        spend_offset_nano: 0n,
        previous_tokens: "[]",
        allowed_routes: "[]",
        metadata: "{}",
        settings: "{}",
        created_at: now,
        updated_at: now,
        ...columns,
      } as never)
      .execute();
  } finally {
    await database.close();
  }
  return key;
}

const hash = (key: string): string => createHash("sha256").update(key).digest("hex");

function chat(key: string, body: Record<string, unknown> = {}, url = gateway.url): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: "m", max_tokens: 5, messages: [{ role: "user", content: "hi" }], ...body }),
  });
}

async function refusal(response: Response): Promise<{ status: number; type: string; message: string; param: unknown }> {
  const { error } = (await response.json()) as { error: { type: string; message: string; param: unknown } };
  return { status: response.status, ...error };
}

describe("who may call", () => {
  test("a key that is known, blocked, expired, unknown", async () => {
    expect((await chat(await makeKey())).status).toBe(200);
    expect(await refusal(await chat(await makeKey({ blocked: 1 })))).toMatchObject({ status: 401, type: "auth_error" });
    const expired = await refusal(await chat(await makeKey({ expires: Date.now() - 1000 })));
    expect(expired).toMatchObject({ status: 401, type: "expired_key" });
    expect(await refusal(await chat("sk-nobody"))).toMatchObject({ status: 401, type: "token_not_found_in_db" });
    expect(upstream.requests.length).toBe(1);
  });

  test("a caller's own fallbacks are models that it may call", async () => {
    const key = await makeKey({ models: '["m"]' });
    upstream.handler = () => Response.json({ error: { message: "down" } }, { status: 500 });
    const foreign = await refusal(await chat(key, { fallbacks: ["other"] }));
    expect(foreign).toMatchObject({ status: 403, type: "key_model_access_denied" });
    expect(upstream.requests.length).toBe(0);
    expect((await chat(key, { fallbacks: ["m"] })).status).toBe(500);
  });

  test.each([
    [["m"], 200],
    [["mine"], 200],
    [["*"], 200],
    [["m*"], 200],
    [["other"], 403],
    [["mi"], 403],
  ])("a key for the models %j", async (models, status) => {
    const response = await chat(await makeKey({ models: JSON.stringify(models) }));
    expect(response.status).toBe(status);
    if (status === 403) {
      expect(await refusal(response)).toMatchObject({ type: "key_model_access_denied", param: "model" });
    }
  });

  test("a key for some routes", async () => {
    const response = await chat(await makeKey({ allowed_routes: '["/v1/embeddings"]' }));
    expect(response.status).toBe(403);
    expect((await response.json()) as object).toHaveProperty("detail");
  });
});

describe("limits", () => {
  test("requests per minute, with LiteLLM's headers and words, in the official client's error", async () => {
    const key = await makeKey({ rpm_limit: 2 });
    const first = await chat(key);
    expect(first.headers.get("x-ratelimit-api_key-limit-requests")).toBe("2");
    expect(first.headers.get("x-ratelimit-api_key-remaining-requests")).toBe("1");
    await chat(key);
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: key, maxRetries: 0 });
    const error = await client.chat.completions
      .create({ model: "m", messages: [{ role: "user", content: "hi" }] })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    const { headers, message } = error as InstanceType<typeof OpenAI.RateLimitError>;
    expect(Number(headers?.get("retry-after"))).toBeGreaterThan(0);
    expect(message).toContain(`Rate limit exceeded for api_key: ${hash(key)}. Limit type: requests`);
  });

  test("calls at a time", async () => {
    const key = await makeKey({ max_parallel_requests: 1 });
    let free = (): void => {};
    upstream.handler = () =>
      new Promise((resolve) => {
        free = () => resolve(Response.json(chatAnswer("fine")));
      });
    const first = chat(key);
    while (upstream.requests.length === 0) await Bun.sleep(5);
    expect((await chat(key)).status).toBe(429);
    free();
    expect((await first).status).toBe(200);
    upstream.handler = () => Response.json(chatAnswer("fine"));
    expect((await chat(key)).status).toBe(200);
  });

  test("tokens per minute of one model", async () => {
    const key = await makeKey({ settings: JSON.stringify({ model_tpm_limit: { m: 60 } }) });
    expect((await chat(key)).status).toBe(200);
    expect((await chat(key, { max_tokens: 500 })).status).toBe(429);
    expect((await chat(key, { model: "other", max_tokens: 500 })).status).toBe(200);
  });

  test("a budget that is used up: 422 with LiteLLM's sentence, recorded once", async () => {
    const key = await makeKey({ max_budget_nano: BigInt(COST * 10), key_alias: `alias-${crypto.randomUUID()}` });
    let answered = 0;
    let last: Response | undefined;
    for (let call = 0; call < 20; call++) {
      last = await chat(key);
      if (last.status !== 200) break;
      answered++;
      expect(Number(last.headers.get("x-litellm-key-spend"))).toBeCloseTo((answered * COST) / 1e9, 9);
    }
    expect(answered).toBeGreaterThanOrEqual(7);
    expect(answered).toBeLessThanOrEqual(10);
    const told = await refusal(last as Response);
    expect(told).toMatchObject({ status: 422, type: "budget_exceeded" });
    expect(told.message).toMatch(
      /^Budget has been exceeded! Key=alias-.* \(sk-\.\.\..{4}\) Current cost: .*, Max budget: /,
    );
  });

  test("without max_tokens the room that is left goes upstream, and is told", async () => {
    const key = await makeKey({ max_budget_nano: 2_000_000n });
    const response = await chat(key, { max_tokens: undefined });
    expect(response.status).toBe(200);
    const sent = upstream.requests[0]?.json?.max_tokens as number;
    expect(sent).toBeGreaterThan(100);
    expect(sent).toBeLessThanOrEqual(500);
    expect(response.headers.get("x-isthmus-parameters")).toContain(`max_tokens clamped to ${sent}`);
  });

  test("a budget begins anew when its period is over", async () => {
    const key = await makeKey({
      max_budget_nano: 100_000n,
      spend_offset_nano: 100_000n,
      budget_duration: "1d",
      budget_reset_at: Date.now() - 1000,
    });
    expect((await chat(key)).status).toBe(200);
    const exhausted = await makeKey({ max_budget_nano: 100_000n, spend_offset_nano: 100_000n });
    expect((await chat(exhausted)).status).toBe(422);
  });
});

describe("a thousand calls at once against one budget", () => {
  const burst = async (running: RunningGateway, key: string, count: number): Promise<number> => {
    const statuses = await Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const response = await chat(key, index % 2 === 0 ? {} : { stream: true }, running.url);
        await response.text();
        return response.status;
      }),
    );
    expect(statuses.every((status) => status === 200 || status === 422)).toBe(true);
    return statuses.filter((status) => status === 200).length;
  };

  test("one process: never passed, not by one nano-dollar", async () => {
    upstream.handler = async ({ json }) => {
      await Bun.sleep(5);
      return json?.stream === true ? chatStream(["a", "b", "c", "d", "e"]) : Response.json(chatAnswer("fine"));
    };
    const key = await makeKey({ max_budget_nano: BigInt(COST * 50) });
    const answered = await burst(gateway, key, 1000);
    expect(answered).toBeGreaterThan(5);
    expect(answered).toBeLessThanOrEqual(50);
    expect(upstream.requests.length).toBe(answered);
    // What was held and not spent is free again.
    const more = await burst(gateway, key, 100);
    expect(answered + more).toBeLessThanOrEqual(50);
    expect(answered + more).toBeGreaterThan(answered);
  }, 30_000);

  test("four processes of one machine: the same", async () => {
    const four = await startGateway({ config: config(upstream.url), args: ["--num_workers", "4"] });
    try {
      upstream.requests.length = 0;
      upstream.handler = async ({ json }) => {
        await Bun.sleep(5);
        return json?.stream === true ? chatStream(["a", "b", "c", "d", "e"]) : Response.json(chatAnswer("fine"));
      };
      const key = await makeKey({ max_budget_nano: BigInt(COST * 50) }, four);
      let answered = 0;
      for (let wave = 0; wave < 4; wave++) answered += await burst(four, key, wave === 0 ? 500 : 100);
      expect(answered).toBeGreaterThan(40);
      expect(answered).toBeLessThanOrEqual(50);
      expect(upstream.requests.length).toBe(answered);
    } finally {
      await four.stop();
    }
  }, 60_000);
});
