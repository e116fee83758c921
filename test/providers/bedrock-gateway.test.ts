import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { awsAuthorization } from "../support/aws-signature.ts";
import { eventStreamMessage } from "../support/event-stream-message.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { type ReceivedRequest, startUpstream, type Upstream } from "../support/upstream.ts";

const KEYS = { accessKeyId: "AK", secretAccessKey: "SK" };

let gateway: RunningGateway;
let upstream: Upstream;

beforeAll(async () => {
  upstream = startUpstream(() => new Response(null, { status: 500 }));
  const deployment = (name: string, model: string) => ({
    model_name: name,
    litellm_params: {
      model: `bedrock/${model}`,
      aws_access_key_id: KEYS.accessKeyId,
      aws_secret_access_key: KEYS.secretAccessKey,
      aws_region_name: "eu-west-1",
      aws_bedrock_runtime_endpoint: upstream.url,
      num_retries: 0,
    },
  });
  gateway = await startGateway({
    config: JSON.stringify({
      model_list: [
        deployment("titan", "amazon.titan-text-express-v1"),
        deployment("claude", "invoke/us.anthropic.claude-haiku-4-5-20251001-v1:0"),
        deployment("embed", "amazon.titan-embed-text-v2:0"),
      ],
    }),
  });
});

afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
});

async function post(path: string, body: Record<string, unknown>): Promise<{ status: number; text: string }> {
  const response = await fetch(gateway.url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${gateway.key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
}

/** What AWS would compute from the bytes that arrived. */
function authorizationOf(request: ReceivedRequest): string {
  const names = /SignedHeaders=([^,]*)/.exec(request.headers.get("authorization") ?? "")?.[1]?.split(";") ?? [];
  const headers = Object.fromEntries(names.map((name) => [name, request.headers.get(name) ?? ""]));
  const { method, path, text: body } = request;
  return awsAuthorization({ method, path, headers, body }, KEYS, "eu-west-1", "bedrock");
}

const chunk = (event: unknown) =>
  eventStreamMessage(
    { ":message-type": "event", ":event-type": "chunk" },
    JSON.stringify({ bytes: btoa(JSON.stringify(event)) }),
  );
const eventStream = (...messages: Uint8Array<ArrayBufferLike>[]) =>
  new Response(Buffer.concat(messages), { headers: { "content-type": "application/vnd.amazon.eventstream" } });

const messages = [{ role: "user", content: "Hi" }];

describe("Bedrock through the gateway", () => {
  test("what arrives has the signature that AWS computes from it", async () => {
    upstream.handler = () => Response.json({ embedding: [1], inputTextTokenCount: 3 });
    const { status, text } = await post("/v1/embeddings", { model: "embed", input: ["Grüße", "b"] });
    expect(status).toBe(200);
    expect(JSON.parse(text).usage.total_tokens).toBe(6);
    const received = upstream.requests.splice(0);
    expect(received.map((request) => request.path)).toEqual(
      Array(2).fill("/model/amazon.titan-embed-text-v2%3A0/invoke"),
    );
    for (const request of received) expect(request.headers.get("authorization")).toBe(authorizationOf(request));
  });

  test("a whole answer, counted by its headers", async () => {
    upstream.handler = () =>
      Response.json(
        { results: [{ outputText: "Hello", completionReason: "FINISH" }] },
        { headers: { "x-amzn-bedrock-input-token-count": "2", "x-amzn-bedrock-output-token-count": "1" } },
      );
    const { text } = await post("/v1/chat/completions", { model: "titan", messages, max_tokens: 5 });
    expect(JSON.parse(text)).toMatchObject({
      choices: [{ message: { content: "Hello" }, finish_reason: "stop" }],
      usage: { prompt_tokens: 2, completion_tokens: 1, total_tokens: 3 },
    });
    const [request] = upstream.requests.splice(0);
    expect(request?.json).toEqual({ inputText: "Hi", textGenerationConfig: { maxTokenCount: 5 } });
    expect(request?.headers.get("authorization")).toBe(authorizationOf(request as ReceivedRequest));
  });

  test("Claude's stream for a client of Chat Completions", async () => {
    upstream.handler = () =>
      eventStream(
        chunk({ type: "message_start", message: { id: "msg_1", usage: { input_tokens: 4, output_tokens: 1 } } }),
        chunk({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }),
        chunk({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hello" } }),
        chunk({ type: "content_block_stop", index: 0 }),
        chunk({ type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 6 } }),
        chunk({ type: "message_stop" }),
      );
    const asked = { model: "claude", messages, stream: true, stream_options: { include_usage: true } };
    const { text } = await post("/v1/chat/completions", asked);
    expect(text).toContain('"content":"Hello"');
    expect(text).toContain('"finish_reason":"stop"');
    expect(text).toContain('"completion_tokens":6');
    expect(text).toEndWith("data: [DONE]\n\n");
    const [request] = upstream.requests.splice(0);
    expect(request?.path).toBe("/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke-with-response-stream");
    expect(request?.json).toMatchObject({ anthropic_version: "bedrock-2023-05-31" });
    expect(request?.json).not.toHaveProperty("model");
    expect(request?.json).not.toHaveProperty("stream");
  });

  test("an exception before the first content is an error of its own status", async () => {
    upstream.handler = () =>
      eventStream(
        eventStreamMessage(
          { ":message-type": "exception", ":exception-type": "throttlingException" },
          '{"message":"Too many requests"}',
        ),
      );
    for (const model of ["titan", "claude"]) {
      const { status, text } = await post("/v1/chat/completions", { model, messages, stream: true, max_tokens: 5 });
      expect([model, status]).toEqual([model, 429]);
      expect(text).toContain("Too many requests");
    }
    upstream.requests.length = 0;
  });

  test("a refusal keeps its status and says what it is", async () => {
    upstream.handler = () =>
      Response.json(
        { message: "Input is too long for requested model." },
        { status: 400, headers: { "x-amzn-errortype": "ValidationException:http://internal.amazon.com/x" } },
      );
    const { status, text } = await post("/v1/chat/completions", { model: "claude", messages });
    expect(status).toBe(400);
    expect(JSON.parse(text).error.message).toContain("ContextWindowExceededError: BedrockException");
  });
});
