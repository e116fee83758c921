import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import { eventually } from "../support/eventually.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { tlsFront } from "../support/tls-front.ts";

interface Opened {
  readonly url: string;
  readonly headers: Headers;
  readonly received: string[];
  closedWith: number | undefined;
  send(event: object): void;
  close(code: number, reason: string): void;
}

/** A provider of realtime sessions: what was opened, and what it heard. */
const opened: Opened[] = [];
let refuse = false;
const provider = Bun.serve<Opened>({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, server) {
    if (refuse) return new Response("no", { status: 401 });
    if (request.method === "POST") {
      const { pathname } = new URL(request.url);
      const key = request.headers.get("authorization");
      return request.json().then((body) => Response.json({ path: pathname, key, body }));
    }
    const session: Opened = {
      url: request.url.slice(request.url.indexOf("/", 8)),
      headers: request.headers,
      received: [],
      closedWith: undefined,
      send: () => {},
      close: () => {},
    };
    return server.upgrade(request, { data: session }) ? undefined : new Response("no", { status: 400 });
  },
  websocket: {
    open(socket) {
      opened.push(
        Object.assign(socket.data, {
          send: (event: object) => void socket.send(JSON.stringify(event)),
          close: (code: number, reason: string) => socket.close(code, reason),
        }),
      );
      socket.send(JSON.stringify({ type: "session.created", event_id: "e0", session: { model: "gpt-realtime" } }));
    },
    message(socket, message) {
      socket.data.received.push(String(message));
    },
    close(socket, code) {
      socket.data.closedWith = code;
    },
  },
});

let gateway: RunningGateway;
/** OpenAI's client speaks TLS and nothing else. */
let secure: ReturnType<typeof tlsFront>;
const base = () => gateway.url.replace("http", "ws");
const DONE = {
  type: "response.done",
  event_id: "e9",
  response: {
    id: "r1",
    object: "realtime.response",
    usage: {
      total_tokens: 3300,
      input_tokens: 3000,
      output_tokens: 300,
      input_token_details: {
        text_tokens: 1000,
        audio_tokens: 2000,
        cached_tokens: 600,
        cached_tokens_details: { text_tokens: 100, audio_tokens: 500 },
      },
      output_token_details: { text_tokens: 100, audio_tokens: 200 },
    },
  },
};

beforeAll(async () => {
  const address = `http://127.0.0.1:${provider.port}`;
  const config = JSON.stringify({
    model_list: [
      {
        model_name: "voice",
        litellm_params: {
          model: "openai/gpt-realtime",
          api_base: `${address}/v1`,
          api_key: "sk-own",
          input_cost_per_token: 0.000001,
          output_cost_per_token: 0.00001,
          cache_read_input_token_cost: 0.0000001,
          input_cost_per_audio_token: 0.00002,
          output_cost_per_audio_token: 0.0001,
          cache_read_input_audio_token_cost: 0.000002,
        },
      },
      {
        model_name: "azure-voice",
        litellm_params: {
          model: "azure/my-voice",
          api_base: address,
          api_key: "azure-own",
          api_version: "2025-04-01-preview",
        },
      },
      {
        model_name: "nowhere",
        litellm_params: { model: "openai/x", api_base: "http://127.0.0.1:1/v1", api_key: "k" },
      },
      { model_name: "saved", litellm_params: { model: "openai/y", api_base: "http://127.0.0.1:1/v1", api_key: "k" } },
      { model_name: "claude", litellm_params: { model: "anthropic/claude-sonnet-4-5", api_key: "k" } },
    ],
    router_settings: { fallbacks: [{ saved: ["voice"] }], num_retries: 0 },
  });
  gateway = await startGateway({ config });
  secure = tlsFront(Number(new URL(gateway.url).port));
});

beforeEach(() => {
  opened.length = 0;
  refuse = false;
});

afterAll(async () => {
  secure.stop();
  await gateway.stop();
  await provider.stop(true);
});

const session = (): Promise<Opened> => eventually(() => opened[0]);
const rows = async (): Promise<Record<string, unknown>[]> => {
  const answer = await fetch(`${gateway.url}/spend/logs?summarize=false&start_date=2020-01-01&end_date=2100-01-01`, {
    headers: { authorization: `Bearer ${gateway.key}` },
  });
  return ((await answer.json()) as Record<string, unknown>[]).filter(({ call_type }) => call_type === "_arealtime");
};
const socket = (path: string, key = gateway.key): WebSocket =>
  new WebSocket(base() + path, { headers: { authorization: `Bearer ${key}` } } as unknown as string[]);
const ending = (of: WebSocket): Promise<{ code: number; reason: string }> =>
  new Promise((resolve) => of.addEventListener("close", ({ code, reason }) => resolve({ code, reason })));
/** What the handshake is answered with when it is refused. */
const handshake = async (path: string, key = gateway.key): Promise<{ status: number; body: string }> => {
  const answer = await fetch(gateway.url + path, {
    headers: {
      authorization: `Bearer ${key}`,
      connection: "upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": btoa("0123456789abcdef"),
    },
  });
  return { status: answer.status, body: await answer.text() };
};

test("OpenAI's client talks to the provider, and the session is one row with its cost", async () => {
  const before = (await rows()).length;
  const client = new OpenAI({ baseURL: `https://127.0.0.1:${secure.port}/v1`, apiKey: gateway.key });
  const talk = new OpenAIRealtimeWS({ model: "voice", options: { rejectUnauthorized: false } }, client);
  const heard: string[] = [];
  talk.on("event", ({ type }) => heard.push(type));
  const upstream = await session();
  expect(upstream.url).toBe("/v1/realtime?model=gpt-realtime");
  expect(upstream.headers.get("authorization")).toBe("Bearer sk-own");
  await eventually(() => heard.includes("session.created"));
  talk.send({ type: "response.create" });
  await eventually(() => upstream.received.length > 0);
  expect(JSON.parse(upstream.received[0] ?? "")).toEqual({ type: "response.create" });
  upstream.send(DONE);
  upstream.send(DONE);
  await eventually(() => heard.filter((type) => type === "response.done").length === 2);
  talk.close();
  await eventually(() => upstream.closedWith !== undefined);
  const row = await eventually(async () => {
    const all = await rows();
    return all.length > before ? all.find(({ model_group }) => model_group === "voice") : undefined;
  });
  // Twice: 900 text at 1e-6, 1,500 audio at 2e-5, 100 and 500 cached, 100 text out at 1e-5, 200 audio out at 1e-4.
  const once = 900e-6 + 1500 * 2e-5 + 100e-7 + 500 * 2e-6 + 100e-5 + 200e-4;
  expect(row.spend).toBeCloseTo(2 * once, 9);
  expect(row).toMatchObject({ prompt_tokens: 6000, completion_tokens: 600, model: "gpt-realtime" });
});

test("a browser's key stands among the protocols", async () => {
  const key = `openai-insecure-api-key.${gateway.key}`;
  const talk = new WebSocket(`${base()}/v1/realtime?model=voice`, ["realtime", key, "openai-beta.realtime-v1"]);
  await new Promise((resolve) => talk.addEventListener("message", resolve, { once: true }));
  expect(talk.protocol).toBe("realtime");
  const upstream = await session();
  expect([...upstream.headers.values()].join(" ")).not.toContain(gateway.key);
  expect(upstream.headers.get("openai-beta")).toBe("realtime=v1");
  talk.close();
  await eventually(() => upstream.closedWith !== undefined);
});

test("Azure gets its deployment and version as parameters", async () => {
  const talk = socket("/openai/v1/realtime?model=azure-voice");
  const upstream = await session();
  expect(upstream.url).toBe("/openai/realtime?api-version=2025-04-01-preview&deployment=my-voice");
  expect(upstream.headers.get("api-key")).toBe("azure-own");
  talk.close();
});

test("a transcription session has no model in its address", async () => {
  const talk = socket("/realtime?model=voice&intent=transcription");
  expect((await session()).url).toBe("/v1/realtime?intent=transcription");
  talk.close();
});

test("binary goes through, and a close of the provider reaches the client with its code", async () => {
  const talk = socket("/v1/realtime?model=voice");
  const end = ending(talk);
  const upstream = await session();
  await eventually(() => talk.readyState === WebSocket.OPEN);
  talk.send(new Uint8Array([65, 66]));
  await eventually(() => upstream.received.includes("AB"));
  upstream.close(4001, "session_expired");
  expect(await end).toEqual({ code: 4001, reason: "session_expired" });
});

test("what keeps a session from opening is told as an answer to the handshake", async () => {
  expect((await handshake("/v1/realtime?model=voice", "sk-unknown")).status).toBe(401);
  expect(await handshake("/v1/realtime")).toMatchObject({ status: 400, body: expect.stringContaining("'model'") });
  expect((await handshake("/v1/realtime?model=missing")).status).toBe(400);
  expect(await handshake("/v1/realtime?model=claude")).toMatchObject({
    status: 400,
    body: expect.stringContaining("no realtime sessions"),
  });
  expect((await handshake("/v1/realtime?model=nowhere")).status).toBe(500);
  refuse = true;
  expect((await handshake("/v1/realtime?model=voice")).status).toBe(500);
  const plain = await fetch(`${gateway.url}/v1/realtime?model=voice`, {
    headers: { authorization: `Bearer ${gateway.key}` },
  });
  expect(plain.status).toBe(426);
});

test("a key must be allowed the model, and its limits count", async () => {
  const make = async (body: object): Promise<string> => {
    const answer = await fetch(`${gateway.url}/key/generate`, {
      method: "POST",
      headers: { authorization: `Bearer ${gateway.key}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return ((await answer.json()) as { key: string }).key;
  };
  expect((await handshake("/v1/realtime?model=voice", await make({ models: ["other"] }))).status).toBe(403);
  const slow = await make({ rpm_limit: 1 });
  const talk = socket("/v1/realtime?model=voice", slow);
  await session();
  expect((await handshake("/v1/realtime?model=voice", slow)).status).toBe(429);
  talk.close();
});

test("a deployment that is away is replaced by its fallback", async () => {
  const talk = socket("/v1/realtime?model=saved");
  expect((await session()).url).toBe("/v1/realtime?model=gpt-realtime");
  talk.close();
});

test("SIGTERM lets a session go on, then ends it in order and writes its row", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "isthmus-realtime-"));
  const config = JSON.stringify({
    model_list: [
      {
        model_name: "voice",
        litellm_params: {
          model: "openai/gpt-realtime",
          api_base: `http://127.0.0.1:${provider.port}/v1`,
          api_key: "k",
          input_cost_per_token: 0.001,
          output_cost_per_token: 0.001,
        },
      },
    ],
  });
  const own = await startGateway({ dataDir, config, env: { ISTHMUS_DRAIN_SECONDS: "1" } });
  const talk = new WebSocket(`${own.url.replace("http", "ws")}/v1/realtime?model=voice`, {
    headers: { authorization: `Bearer ${own.key}` },
  } as unknown as string[]);
  const end = ending(talk);
  const upstream = await session();
  await eventually(() => talk.readyState === WebSocket.OPEN);
  const stopped = own.stop();
  await Bun.sleep(300);
  expect(talk.readyState).toBe(WebSocket.OPEN);
  upstream.send(DONE);
  expect((await end).code).toBeGreaterThanOrEqual(1001);
  expect(await stopped).toBe(0);
  await eventually(() => upstream.closedWith !== undefined);
  const after = await startGateway({ dataDir, config });
  const answer = await fetch(`${after.url}/spend/logs?summarize=false&start_date=2020-01-01&end_date=2100-01-01`, {
    headers: { authorization: `Bearer ${after.key}` },
  });
  expect(await answer.json()).toMatchObject([{ call_type: "_arealtime", completion_tokens: 300 }]);
  await after.stop();
  rmSync(dataDir, { recursive: true });
});

test("secrets for browsers are made by the provider, under the deployment's name", async () => {
  const made = await fetch(`${gateway.url}/v1/realtime/client_secrets`, {
    method: "POST",
    headers: { authorization: `Bearer ${gateway.key}`, "content-type": "application/json" },
    body: JSON.stringify({ session: { type: "realtime", model: "voice" } }),
  });
  expect(await made.json()).toEqual({
    path: "/v1/realtime/client_secrets",
    key: "Bearer sk-own",
    body: { session: { type: "realtime", model: "gpt-realtime" } },
  });
});
