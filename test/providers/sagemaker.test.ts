import { describe, expect, test } from "bun:test";
import { sagemakerGenerate } from "../../src/formats/sagemaker-generate/index.ts";
import type { JsonObject } from "../../src/json/json.ts";
import { endpointUrl } from "../../src/providers/endpoint-url.ts";
import {
  type Call,
  type Endpoint,
  isConfigureProblem,
  type OutboundRequest,
  type Provider,
} from "../../src/providers/provider.ts";
import { sagemaker, sagemakerChat } from "../../src/providers/sagemaker.ts";
import { unwrapPayload } from "../../src/providers/sagemaker-stream.ts";
import type { Target } from "../../src/snapshot/snapshot.ts";
import { crc32 } from "../../src/upstream/crc32.ts";
import { SseFramer } from "../../src/upstream/sse.ts";
import { assembled, eventsOf, responseContext } from "../formats/recorded-exchange.ts";
import { callTo } from "./call.ts";

const KEYS = { aws_access_key_id: "AKIAEXAMPLE", aws_secret_access_key: "secret", aws_region_name: "us-east-1" };

function targetOf(params: JsonObject = {}): Target {
  const target = sagemaker.configure({ params: { ...KEYS, ...params }, model: "my-endpoint", environment: {} });
  if (isConfigureProblem(target)) throw new Error(target.message);
  return target;
}

function callOf(params: JsonObject = {}, stream = false): Call {
  return { ...callTo("my-endpoint", { target: targetOf(params) }), stream };
}

const chat = (provider: Provider): Endpoint => provider.endpoints.chat?.[0] as Endpoint;

describe("addresses", () => {
  const url = (params: JsonObject = {}, stream = false) => endpointUrl(chat(sagemaker), callOf(params, stream));
  test("of a region", () => {
    expect(url()).toBe("https://runtime.sagemaker.us-east-1.amazonaws.com/endpoints/my-endpoint/invocations");
    expect(url({}, true)).toEndWith("/endpoints/my-endpoint/invocations-response-stream");
  });
  test("of one's own, also whole", () => {
    expect(url({ sagemaker_base_url: "http://h:1" })).toBe("http://h:1/endpoints/my-endpoint/invocations");
    const whole = "http://h:1/x/endpoints/other/invocations";
    expect(url({ sagemaker_base_url: whole })).toBe(whole);
    expect(url({ sagemaker_base_url: whole }, true)).toBe(`${whole}-response-stream`);
  });
});

test("calls are signed for SageMaker, and name the component", async () => {
  const call = callOf({ model_id: "component-1" });
  const request: OutboundRequest = {
    method: "POST",
    url: endpointUrl(chat(sagemaker), call),
    headers: { ...call.target.headers },
    body: "{}",
  };
  const signed = await sagemaker.sign?.(request, call, () => Promise.reject(new Error("nothing to send")));
  expect(signed?.headers.authorization).toMatch(
    /^AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE\/\d{8}\/us-east-1\/sagemaker\/aws4_request/,
  );
  expect(signed?.headers["x-amzn-sagemaker-inference-component"]).toBe("component-1");
  // What is not signed may be changed under way.
  expect(signed?.headers.authorization).toContain("x-amzn-sagemaker-inference-component");
});

/** One message of an AWS event stream. */
function message(headers: Record<string, string>, payload: Uint8Array): Uint8Array {
  const encoder = new TextEncoder();
  const parts = Object.entries(headers).map(([name, value]) => {
    const bytes = [encoder.encode(name), encoder.encode(value)] as const;
    const part = new Uint8Array(4 + bytes[0].length + bytes[1].length);
    part[0] = bytes[0].length;
    part.set(bytes[0], 1);
    part[1 + bytes[0].length] = 7;
    new DataView(part.buffer).setUint16(2 + bytes[0].length, bytes[1].length);
    part.set(bytes[1], 4 + bytes[0].length);
    return part;
  });
  const headerLength = parts.reduce((sum, part) => sum + part.length, 0);
  const whole = new Uint8Array(16 + headerLength + payload.length);
  const view = new DataView(whole.buffer);
  view.setUint32(0, whole.length);
  view.setUint32(4, headerLength);
  view.setUint32(8, crc32(whole.subarray(0, 8)));
  let at = 12;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  whole.set(payload, at);
  view.setUint32(whole.length - 4, crc32(whole.subarray(0, whole.length - 4)));
  return whole;
}

const payloadPart = (bytes: Uint8Array): Uint8Array =>
  message({ ":message-type": "event", ":event-type": "PayloadPart" }, bytes);

/** The container's bytes in messages of one size, and the whole in pieces of another. */
function streamed(text: string, messageSize: number, pieceSize: number, last?: Uint8Array): Response {
  const bytes = new TextEncoder().encode(text);
  const messages: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += messageSize) messages.push(payloadPart(bytes.slice(at, at + messageSize)));
  if (last !== undefined) messages.push(last);
  const all = new Uint8Array(messages.reduce((sum, one) => sum + one.length, 0));
  let end = 0;
  for (const one of messages) {
    all.set(one, end);
    end += one.length;
  }
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < all.length; at += pieceSize) controller.enqueue(all.slice(at, at + pieceSize));
      controller.close();
    },
  });
  return new Response(body, { headers: { "content-type": "application/vnd.amazon.eventstream" } });
}

const TOKENS = [
  '{"index":1,"token":{"id":1,"text":"Grüße ","logprob":0,"special":false},"generated_text":null,"details":null}',
  '{"index":2,"token":{"id":2,"text":"🙂","logprob":0,"special":false},"generated_text":"Grüße 🙂","details":{"finish_reason":"eos_token","generated_tokens":2,"input_length":4}}',
];

// https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_PayloadPart.html (2026-11-24)
describe("streams", () => {
  const answerOf = async (response: Response) => {
    const text = await unwrapPayload(response).text();
    return assembled(eventsOf(text, new SseFramer(), sagemakerGenerate.createStreamDecoder(responseContext())));
  };
  const wanted = {
    choices: [{ parts: [{ type: "text", text: "Grüße 🙂" }], finish: "stop" }],
    usage: { buckets: { input: 4, output: 2 } },
  };

  for (const [name, text] of [
    ["events", TOKENS.map((token) => `data:${token}\n\n`).join("")],
    ["bare lines", TOKENS.map((token) => `${token}\n`).join("")],
    ["bare lines, the last without an end", TOKENS.join("\n")],
  ] as const) {
    test(`${name}, however they are cut`, async () => {
      for (const messageSize of [1, 7, 64, 1_000]) {
        for (const pieceSize of [1, 13, 1_000]) {
          expect(await answerOf(streamed(text, messageSize, pieceSize))).toMatchObject(wanted as never);
        }
      }
    });
  }

  test("chat events pass as they are", async () => {
    const text = 'data: {"choices":[{"delta":{"content":"ü"}}]}\n\ndata: [DONE]\n\n';
    const response = await chat(sagemakerChat).exchange?.(
      { method: "POST", url: "", headers: {}, body: "{}" },
      async () => streamed(text, 5, 3),
      callOf({}, true),
    );
    expect(await response?.text()).toBe(text);
    expect(response?.headers.get("content-type")).toBe("text/event-stream");
  });

  test("an exception is an error", async () => {
    const exception = message(
      { ":message-type": "exception", ":exception-type": "ModelStreamError" },
      new TextEncoder().encode('{"Message":"the container died"}'),
    );
    const text = await unwrapPayload(streamed(`data:${TOKENS[0]}\n\n`, 50, 50, exception)).text();
    const events = eventsOf(text, new SseFramer(), sagemakerGenerate.createStreamDecoder(responseContext()));
    expect(events.at(-1)).toMatchObject({ type: "error", error: { message: "the container died" } });
  });

  test("a damaged stream is an error", async () => {
    const bytes = new Uint8Array(64).fill(255);
    const text = await unwrapPayload(streamed("", 1, 100, bytes)).text();
    const events = eventsOf(text, new SseFramer(), sagemakerGenerate.createStreamDecoder(responseContext()));
    expect(events).toMatchObject([{ type: "error", error: { message: "the event stream is damaged" } }]);
  });
});

test("a list becomes an object", async () => {
  const response = await chat(sagemaker).exchange?.(
    { method: "POST", url: "", headers: {}, body: "{}" },
    async () => Response.json([{ generated_text: "x" }]),
    callOf(),
  );
  expect(await response?.json()).toEqual({ generations: [{ generated_text: "x" }] });
});

test("embeddings", async () => {
  const call = callOf();
  const asked: OutboundRequest[] = [];
  const response = await sagemaker.endpoints.embeddings?.[0]?.exchange?.(
    { method: "POST", url: "http://h:1/endpoints/e/invocations", headers: {}, body: '{"model":"e","input":["a","b"]}' },
    async (request) => {
      asked.push(request);
      return Response.json({
        embedding: [
          [1, 2],
          [3, 4],
        ],
      });
    },
    call,
  );
  expect(asked[0]?.body).toBe('{"text_inputs":["a","b"]}');
  expect(asked[0]?.headers.authorization).toContain("/sagemaker/aws4_request");
  expect(await response?.json()).toMatchObject({ data: [{ embedding: [1, 2] }, { embedding: [3, 4] }] });
});
