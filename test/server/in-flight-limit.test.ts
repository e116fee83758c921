import { afterAll, beforeAll, expect, test } from "bun:test";
import { stringify } from "yaml";
import { eventually } from "../support/eventually.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { ManagementClient } from "../support/management-client.ts";
import { chatAnswer, chatStream, startUpstream, type Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let gateway: RunningGateway;
let client: ManagementClient;
const held: (() => void)[] = [];

beforeAll(async () => {
  upstream = startUpstream(({ json }) =>
    json?.stream === true
      ? chatStream(Array(1_000).fill("word "), { gap: 20 })
      : new Promise((resolve) => held.push(() => resolve(Response.json(chatAnswer("hello"))))),
  );
  gateway = await startGateway({
    config: stringify({
      model_list: [
        { model_name: "m", litellm_params: { model: "openai/m", api_base: `${upstream.url}/v1`, api_key: "k" } },
      ],
      general_settings: {
        max_in_flight_requests_per_worker: 2,
        max_queued_requests_per_worker: 1,
        admission_queue_timeout_seconds: 0.5,
      },
    }),
  });
  client = new ManagementClient(gateway);
});
afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
});

const releaseAll = (): void => {
  for (const release of held.splice(0)) release();
};

test("beyond the limit one waits, the next is refused, and whoever waits too long is refused too", async () => {
  const first = client.chat("m");
  const second = client.chat("m");
  await eventually(() => held.length === 2);
  const third = client.chat("m");
  await Bun.sleep(100);
  const refused = await client.chat("m");
  expect(refused).toEqual({
    status: 503,
    body: {
      error: {
        message: "Worker at capacity: 2 in-flight, 1 queued requests. Retry later.",
        type: "overloaded_error",
        code: "503",
      },
    },
  });
  // What tells whether the process is well is answered.
  expect((await fetch(`${gateway.url}/health/readiness`)).status).toBe(200);
  expect((await third).status).toBe(503);
  expect(held).toHaveLength(2);
  const fourth = client.chat("m");
  await Bun.sleep(100);
  releaseAll();
  expect((await first).status).toBe(200);
  expect((await second).status).toBe(200);
  await eventually(() => held.length === 1);
  releaseAll();
  expect((await fourth).status).toBe(200);
});

test("a stream counts until it ends or its reader goes away", async () => {
  const streams = [new AbortController(), new AbortController()];
  const open = streams.map(async ({ signal }) => {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${gateway.key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "m", stream: true, messages: [{ role: "user", content: "hi" }] }),
      signal,
    });
    expect(response.status).toBe(200);
    const reader = response.body?.getReader();
    await reader?.read();
    return reader;
  });
  // Kept: a reader that is collected as garbage ends its request.
  const readers = await Promise.all(open);
  expect((await client.chat("m")).status).toBe(503);
  expect(readers).toHaveLength(2);
  for (const stream of streams) stream.abort();
  upstream.handler = () => Response.json(chatAnswer("hello"));
  await eventually(async () => (await client.chat("m")).status === 200);
});
