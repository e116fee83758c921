import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { answerTo, CLIENT_FORMATS, type ClientFormat, post } from "../support/client-formats.ts";
import { eventually } from "../support/eventually.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { ManagementClient } from "../support/management-client.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

/** What is kept comes back in the words of every client format, as a stream where it was one. */
let upstream: Upstream;
let gateway: RunningGateway;

beforeAll(async () => {
  upstream = startUpstream(() => new Response("not set", { status: 500 }));
  gateway = await startGateway({
    config: JSON.stringify({
      model_list: [
        {
          model_name: "m",
          litellm_params: {
            model: "openai/gpt-4o-mini",
            api_base: `${upstream.url}/v1`,
            api_key: "k",
            use_chat_completions_api: true,
          },
        },
      ],
      litellm_settings: { num_retries: 0, cache: true, cache_params: { type: "local" } },
    }),
  });
});
afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
});
beforeEach(() => {
  upstream.requests.length = 0;
  upstream.handler = (request) => answerTo(request, ["one ", "two ", "three"]);
});

const CASES = Object.entries(CLIENT_FORMATS).flatMap(([format, call]) =>
  [false, true].map((stream) => ({ format, call, stream })),
);

/** A call that nobody has made before; the same for the same `id`. */
const asking = (call: ClientFormat, stream: boolean, id: string) => call("m", stream, { temperature: 0, stop: id });

async function row(id: string | null): Promise<Record<string, unknown>> {
  const client = new ManagementClient(gateway);
  return eventually(async () => {
    const rows = (await client.ok("GET", `/spend/logs?request_id=${id}`)) as Record<string, unknown>[];
    return rows[0];
  });
}

describe.each(CASES)("$format, stream: $stream", ({ call, stream }) => {
  test("an equal request gets the same bytes without a call, for nothing", async () => {
    const id = crypto.randomUUID();
    const first = await post(gateway, asking(call, stream, id));
    const body = await first.text();
    expect([first.status, body]).toEqual([200, expect.stringContaining("three")]);
    expect(first.headers.has("x-litellm-cache-key")).toBe(false);
    const second = await post(gateway, asking(call, stream, id));
    expect(await second.text()).toBe(body);
    expect(second.headers.get("x-litellm-cache-key")).toMatch(/^[0-9a-f]{64}$/);
    expect(second.headers.get("content-type")).toBe(first.headers.get("content-type"));
    expect(upstream.requests).toHaveLength(1);

    const [paid, hit] = await Promise.all(
      [first, second].map((response) => row(response.headers.get("x-litellm-call-id"))),
    );
    expect(Number(paid?.spend)).toBeGreaterThan(0);
    expect(paid?.cache_hit).not.toBe("True");
    expect(hit).toMatchObject({ spend: 0, cache_hit: "True", total_tokens: paid?.total_tokens });

    const other = await post(gateway, asking(call, !stream, id));
    await other.text();
    expect(other.headers.has("x-litellm-cache-key")).toBe(false);
  });

  test("a hundred at once make one call; when who made it leaves, another does", async () => {
    const id = crypto.randomUUID();
    const usual = upstream.handler;
    const held: (() => void)[] = [];
    upstream.handler = async (request, signal) => {
      await new Promise<void>((resolve) => held.push(resolve));
      return usual(request, signal);
    };
    const leaving = new AbortController();
    const leader = post(gateway, asking(call, stream, id), leaving.signal).catch(() => "left");
    await eventually(() => held.length === 1);
    const others = Array.from({ length: 99 }, async () => (await post(gateway, asking(call, stream, id))).text());
    await Bun.sleep(100);
    expect(held).toHaveLength(1);
    leaving.abort();
    expect(await leader).toBe("left");
    await eventually(() => held.length === 2, { what: "another asks in its place" });
    for (const free of held) free();
    const answers = await Promise.all(others);
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toContain("three");
    expect(upstream.requests).toHaveLength(2);
  });
});
