import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../src/json/json.ts";
import { endpointUrl } from "../../src/providers/endpoint-url.ts";
import { type Call, type Endpoint, isConfigureProblem, type OutboundRequest } from "../../src/providers/provider.ts";
import { replicate } from "../../src/providers/replicate.ts";
import type { Target } from "../../src/snapshot/snapshot.ts";
import { recordedExchanges } from "../formats/recorded-exchange.ts";
import { callTo } from "./call.ts";

function targetOf(params: JsonObject, environment: Record<string, string> = {}): Target {
  const target = replicate.configure({ params, model: "m", environment });
  if (isConfigureProblem(target)) throw new Error(target.message);
  return target;
}

const [ENDPOINT] = replicate.endpoints.chat as readonly [Endpoint];
const KEYED = targetOf({ api_key: "r8_key" });

const callOf = (model: string, stream = false, target = KEYED): Call => ({ ...callTo(model, { target }), stream });
const requestOf = (call: Call): OutboundRequest => ({
  method: "POST",
  url: endpointUrl(ENDPOINT, call),
  headers: { "content-type": "application/json", ...call.target.headers },
  body: "{}",
});

/** Runs a prediction against answers in order; returns what was asked. */
async function run(call: Call, answers: readonly Response[]) {
  const asked: OutboundRequest[] = [];
  const left = [...answers];
  const response = await ENDPOINT.exchange?.(
    requestOf(call),
    async (request) => {
      asked.push(request);
      const next = left.shift();
      if (next === undefined) throw new Error(`unexpected call of ${request.url}`);
      return next;
    },
    call,
  );
  if (response === undefined) throw new Error("no exchange");
  return { response, asked };
}

const GET = "https://api.replicate.com/v1/predictions/p1";
const prediction = (status: string, more: JsonObject = {}): Response =>
  Response.json({ id: "p1", status, urls: { get: GET, cancel: `${GET}/cancel` }, ...more }, { status: 201 });

describe("addresses", () => {
  const url = (model: string, target = KEYED) => endpointUrl(ENDPOINT, callOf(model, false, target));
  test("official models, versions and deployments", () => {
    expect(url("meta/meta-llama-3-8b-instruct")).toBe(
      "https://api.replicate.com/v1/models/meta/meta-llama-3-8b-instruct/predictions",
    );
    expect(url(`x/y:${"0".repeat(64)}`)).toBe("https://api.replicate.com/v1/predictions");
    expect(url("deployments/me/mine")).toBe("https://api.replicate.com/v1/deployments/me/mine/predictions");
  });
  test("a base of one's own, with and without version", () => {
    expect(url("a/b", targetOf({ api_key: "k", api_base: "http://localhost:9" }))).toBe(
      "http://localhost:9/v1/models/a/b/predictions",
    );
    expect(url("a/b", targetOf({ api_key: "k", api_base: "http://localhost:9/v1/" }))).toBe(
      "http://localhost:9/v1/models/a/b/predictions",
    );
  });
  test("keys", () => {
    expect(KEYED.headers.authorization).toBe("Bearer r8_key");
    expect(targetOf({}, { REPLICATE_API_TOKEN: "t" }).headers.authorization).toBe("Bearer t");
    expect(replicate.configure({ params: {}, model: "m", environment: {} })).toMatchObject({
      code: "missing_credential",
      key: "api_key",
    });
  });
});

// https://replicate.com/docs/topics/predictions/create-a-prediction (2026-11-24)
describe("whole answers", () => {
  test("`Prefer: wait`: one call when the model is quick", async () => {
    const { response, asked } = await run(callOf("a/b"), [prediction("succeeded", { output: ["Hi"] })]);
    expect(asked).toHaveLength(1);
    expect(asked[0]?.headers.prefer).toBe("wait");
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ output: ["Hi"] });
  });

  test("polling, with the recorded predictions as answers", async () => {
    const polls = recordedExchanges("replicate").filter((one) => one.request === undefined);
    if (polls.length === 0) return;
    const id = polls[0]?.body?.id as string;
    const first = prediction("starting", { urls: { get: `https://api.replicate.com/v1/predictions/${id}` } });
    const { response, asked } = await run(callOf("a/b"), [first, ...polls.map((poll) => Response.json(poll.body))]);
    expect(asked.map((request) => `${request.method} ${new URL(request.url).pathname}`)).toEqual([
      "POST /v1/models/a/b/predictions",
      ...polls.map((poll) => `GET ${poll.path}`),
    ]);
    expect(asked[1]?.headers.authorization).toBe("Bearer r8_key");
    expect(await response.json()).toMatchObject({
      status: "succeeded",
      output: [expect.stringContaining("out-0.png")],
    });
  });

  test("pauses grow", async () => {
    const times: number[] = [];
    const call = callOf("a/b");
    await ENDPOINT.exchange?.(
      requestOf(call),
      async () => {
        times.push(performance.now());
        return prediction(times.length < 4 ? "processing" : "succeeded");
      },
      call,
    );
    const pauses = times.slice(1).map((time, index) => time - (times[index] as number));
    expect(pauses[0]).toBeGreaterThanOrEqual(240);
    expect(pauses[1]).toBeGreaterThan((pauses[0] as number) * 1.2);
    expect(pauses[2]).toBeGreaterThan((pauses[1] as number) * 1.2);
  });

  test("the call's time-out ends the polling", async () => {
    const call = callOf("a/b");
    let asked = 0;
    const running = ENDPOINT.exchange?.(
      requestOf(call),
      async () => {
        asked++;
        if (asked === 3) throw new DOMException("timed out", "AbortError");
        return prediction("processing");
      },
      call,
    ) as Promise<Response>;
    await expect(running).rejects.toThrow("timed out");
    expect(asked).toBe(3);
  });

  test("a prediction that failed is an error with Replicate's own words", async () => {
    const { response } = await run(callOf("a/b"), [prediction("failed", { error: "CUDA out of memory" })]);
    expect(response.status).toBe(422);
    expect(await response.json()).toEqual({ detail: "CUDA out of memory", status: 422 });
    const canceled = await run(callOf("a/b"), [prediction("canceled")]);
    expect(canceled.response.status).toBe(422);
  });

  test("a refusal comes back as it is", async () => {
    const { response } = await run(callOf("a/b"), [Response.json({ detail: "no" }, { status: 402 })]);
    expect(response.status).toBe(402);
  });

  test("the key goes to Replicate only", async () => {
    for (const get of [
      "https://evil.example/p1",
      "http://api.replicate.com/p1",
      "https://replicate.com.evil.example/",
    ]) {
      const { response, asked } = await run(callOf("a/b"), [prediction("starting", { urls: { get } })]);
      expect(asked).toHaveLength(1);
      expect(response.status).toBe(502);
    }
  });
});

// https://replicate.com/docs/topics/predictions/streaming (2026-11-24)
describe("streams", () => {
  const STREAM = "https://stream.replicate.com/v1/streams/abc";
  const EVENTS = "event: output\ndata: Hi\n\nevent: done\ndata: {}\n\n";
  const events = () => new Response(EVENTS, { headers: { "content-type": "text/event-stream" } });

  test("are read from urls.stream, and end with the prediction's metrics", async () => {
    const metrics = { input_token_count: 1, output_token_count: 2 };
    const { response, asked } = await run(callOf("a/b", true), [
      prediction("starting", { urls: { get: GET, stream: STREAM } }),
      events(),
      // The prediction is closed a moment after its stream.
      prediction("processing"),
      prediction("succeeded", { metrics }),
    ]);
    const text = await response.text();
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(text.trim().split(/\n{2,}/)).toEqual([
      'event: prediction\ndata: {"id":"p1"}',
      ...EVENTS.trim().split("\n\n"),
      `event: prediction\ndata: ${JSON.stringify({ metrics })}`,
    ]);
    expect(asked.map((request) => request.url)).toEqual([expect.any(String), STREAM, GET, GET]);
    expect(asked[0]?.headers).not.toHaveProperty("prefer");
    expect(asked[1]?.headers).toMatchObject({ accept: "text/event-stream" });
  });

  test("stay whole when the metrics cannot be read", async () => {
    const { response } = await run(callOf("a/b", true), [
      prediction("starting", { urls: { get: GET, stream: STREAM } }),
      events(),
    ]);
    expect((await response.text()).endsWith(EVENTS)).toBe(true);
  });

  test("are polled where the model has no stream", async () => {
    const { response, asked } = await run(callOf("a/b", true), [
      prediction("starting"),
      prediction("succeeded", { output: "Hi" }),
    ]);
    expect(asked).toHaveLength(2);
    expect(await response.json()).toMatchObject({ output: "Hi" });
  });

  test("are not read from strangers", async () => {
    const { response, asked } = await run(callOf("a/b", true), [
      prediction("starting", { urls: { get: GET, stream: "https://evil.example/s" } }),
    ]);
    expect(asked).toHaveLength(1);
    expect(response.status).toBe(502);
  });
});
