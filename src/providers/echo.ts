import type { JsonObject } from "../json/json.ts";
import { asArray, asNumber, asObject, asString, parseJson } from "../json/json.ts";
import type { OutboundRequest, Provider } from "./provider.ts";

/**
 * The built-in provider: answers every conversation with its last user message, without network, key or cost. It
 * really streams, counts what it read and wrote, and can be told to be slow or to fail, so that clients and
 * configurations can be tried out.
 *
 * litellm_params, or fields of the request: `echo_text` (answer instead of the last message), `echo_latency` (seconds
 * before the first byte), `echo_chunk_delay` (seconds between streamed words), `echo_failure_rate` (0 to 1) with
 * `echo_failure_status` (default 500).
 */
export const echo: Provider = {
  id: "echo",
  label: "Echo",
  documentation: { url: "docs/providers.md", read: "2026-11-24" },
  owner: "echo",
  environment: { key: [], base: [] },
  key: "none",
  endpoints: { chat: [{ format: "openai-chat", path: "", exchange: (request) => answer(request) }] },
  configure: () => ({ base: "", headers: {}, credentials: {} }),
};

interface EchoOptions {
  readonly text: string;
  readonly latencySeconds: number;
  readonly chunkDelaySeconds: number;
  readonly failureRate: number;
  readonly failureStatus: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly includeUsage: boolean;
}

/** Tokens as this provider counts them: words, and runs of other visible characters. */
export function countEchoTokens(text: string): number {
  return text.match(/[\p{L}\p{N}_]+|[^\p{L}\p{N}_\s]+/gu)?.length ?? 0;
}

/** A mocked answer of LiteLLM's `mock_response`: its text in pieces of three characters, usage always 10 and 20. */
export function mockAnswer(request: OutboundRequest, text: string): Response {
  const body = asObject(parseJson(String(request.body))) ?? {};
  const options: EchoOptions = {
    text,
    latencySeconds: 0,
    chunkDelaySeconds: 0,
    failureRate: 0,
    failureStatus: 500,
    promptTokens: 10,
    completionTokens: 20,
    includeUsage: asObject(body.stream_options)?.include_usage === true,
  };
  const pieces = text.match(/[\s\S]{1,3}/g) ?? [];
  return body.stream === true ? streamed(body, options, pieces) : whole(body, options);
}

async function answer(request: OutboundRequest): Promise<Response> {
  const body = asObject(parseJson(String(request.body))) ?? {};
  const options = optionsOf(body);
  if (options.latencySeconds > 0) await pause(options.latencySeconds);
  if (options.failureRate > 0 && Math.random() < options.failureRate) {
    const error = {
      message: `echo was told to fail with ${options.failureStatus}`,
      type: "echo_failure",
      param: null,
      code: null,
    };
    return Response.json({ error }, { status: options.failureStatus });
  }
  return body.stream === true
    ? streamed(body, options, options.text.match(/\s*\S+\s*$|\s*\S+/g) ?? [])
    : whole(body, options);
}

function optionsOf(body: JsonObject): EchoOptions {
  const said = asArray(body.messages).map((message) => textOf(asObject(message)?.content));
  const lastUser = asArray(body.messages).findLastIndex((message) => asObject(message)?.role === "user");
  let text = asString(body.echo_text) ?? said[lastUser] ?? "";
  const limit = asNumber(body.max_completion_tokens) ?? asNumber(body.max_tokens);
  if (limit !== undefined) text = firstTokens(text, limit);
  return {
    text,
    latencySeconds: between(body.echo_latency, 0, 3600, 0),
    chunkDelaySeconds: between(body.echo_chunk_delay, 0, 3600, 0),
    failureRate: between(body.echo_failure_rate, 0, 1, 0),
    failureStatus: Math.round(between(body.echo_failure_status, 400, 599, 500)),
    promptTokens: said.reduce((total, part) => total + countEchoTokens(part), 0),
    completionTokens: countEchoTokens(text),
    includeUsage: asObject(body.stream_options)?.include_usage === true,
  };
}

function firstTokens(text: string, limit: number): string {
  let seen = 0;
  for (const match of text.matchAll(/[\p{L}\p{N}_]+|[^\p{L}\p{N}_\s]+/gu)) {
    seen++;
    if (seen > limit) return text.slice(0, match.index).trimEnd();
  }
  return text;
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  return asArray(content)
    .map((part) => asString(asObject(part)?.text) ?? "")
    .join("");
}

function between(value: unknown, low: number, high: number, fallback: number): number {
  const number = asNumber(typeof value === "string" ? Number(value) : value);
  return number === undefined ? fallback : Math.min(Math.max(number, low), high);
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

function usageOf(options: EchoOptions): JsonObject {
  return {
    prompt_tokens: options.promptTokens,
    completion_tokens: options.completionTokens,
    total_tokens: options.promptTokens + options.completionTokens,
  };
}

function head(body: JsonObject, object: string): JsonObject {
  return {
    id: `chatcmpl-${crypto.randomUUID()}`,
    object,
    created: Math.floor(Date.now() / 1000),
    model: asString(body.model) ?? "echo",
  };
}

function finishOf(body: JsonObject, options: EchoOptions): string {
  const limit = asNumber(body.max_completion_tokens) ?? asNumber(body.max_tokens);
  return limit !== undefined && options.completionTokens >= limit ? "length" : "stop";
}

function whole(body: JsonObject, options: EchoOptions): Response {
  return Response.json({
    ...head(body, "chat.completion"),
    choices: [
      { index: 0, message: { role: "assistant", content: options.text }, finish_reason: finishOf(body, options) },
    ],
    usage: usageOf(options),
  });
}

function streamed(body: JsonObject, options: EchoOptions, pieces: readonly string[]): Response {
  const encoder = new TextEncoder();
  const start = head(body, "chat.completion.chunk");
  const frame = (value: JsonObject): Uint8Array => encoder.encode(`data: ${JSON.stringify(value)}\n\n`);
  const chunk = (delta: JsonObject, finish: string | null): Uint8Array =>
    frame({ ...start, choices: [{ index: 0, delta, finish_reason: finish }] });
  let next = 0;
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(chunk({ role: "assistant", content: "" }, null));
    },
    async pull(controller) {
      if (next > 0 && options.chunkDelaySeconds > 0) await pause(options.chunkDelaySeconds);
      const piece = pieces[next++];
      if (piece !== undefined) {
        controller.enqueue(chunk({ content: piece }, null));
        return;
      }
      controller.enqueue(chunk({}, finishOf(body, options)));
      if (options.includeUsage) controller.enqueue(frame({ ...start, choices: [], usage: usageOf(options) }));
      controller.enqueue(encoder.encode("data: [DONE]\n\n"));
      controller.close();
    },
  });
  return new Response(stream, { headers: { "content-type": "text/event-stream" } });
}
