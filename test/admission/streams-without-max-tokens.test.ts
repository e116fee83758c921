import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";
import { eventually } from "../support/eventually.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { ManagementClient } from "../support/management-client.ts";
import { type ReceivedRequest, startUpstream, type Upstream } from "../support/upstream.ts";

/** Dollars of a token that the model writes; those of the prompt are free, so that the arithmetic is plain. */
const PRICE = 1e-6;
const ESTIMATE = 1_000;
/** Five tokens, twenty bytes. */
const WORDS = "one two three four. ";

/** How many pieces the provider has sent of its latest stream, and how many it has in all. */
let sent = 0;
let pieces = Number.POSITIVE_INFINITY;

interface Native {
  readonly head: readonly unknown[];
  readonly piece: unknown;
  readonly tail: readonly unknown[];
  readonly named?: boolean;
}

const chunk = { id: "chatcmpl-up", object: "chat.completion.chunk", created: 1_763_900_000, model: "up" };
const answer = {
  id: "resp_up",
  object: "response",
  created_at: 1_763_900_000,
  model: "up",
  status: "in_progress",
  output: [],
};
const item = { id: "msg_up", type: "message", role: "assistant", status: "in_progress", content: [] };
const place = { item_id: "msg_up", output_index: 0, content_index: 0 };

const NATIVE: Readonly<Record<string, Native>> = {
  chat: {
    head: [{ ...chunk, choices: [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }] }],
    piece: { ...chunk, choices: [{ index: 0, delta: { content: WORDS }, finish_reason: null }] },
    tail: [
      { ...chunk, choices: [{ index: 0, delta: {}, finish_reason: "stop" }] },
      { ...chunk, choices: [], usage: { prompt_tokens: 3, completion_tokens: 1_200, total_tokens: 1_203 } },
    ],
  },
  completions: {
    head: [],
    piece: { ...chunk, object: "text_completion", choices: [{ index: 0, text: WORDS, finish_reason: null }] },
    tail: [],
  },
  messages: {
    named: true,
    head: [
      {
        type: "message_start",
        message: {
          id: "msg_up",
          type: "message",
          role: "assistant",
          model: "up",
          content: [],
          usage: { input_tokens: 3 },
        },
      },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    ],
    piece: { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: WORDS } },
    tail: [],
  },
  responses: {
    named: true,
    head: [
      { type: "response.created", response: answer },
      { type: "response.output_item.added", output_index: 0, item },
      { type: "response.content_part.added", ...place, part: { type: "output_text", text: "", annotations: [] } },
    ],
    piece: { type: "response.output_text.delta", ...place, delta: WORDS },
    tail: [],
  },
  gemini: {
    head: [],
    piece: { candidates: [{ content: { parts: [{ text: WORDS }], role: "model" }, index: 0 }], responseId: "up" },
    tail: [],
  },
};

function speak({ path }: ReceivedRequest): Response {
  const kind = path.includes("streamGenerateContent")
    ? "gemini"
    : path.endsWith("/messages")
      ? "messages"
      : path.endsWith("/responses")
        ? "responses"
        : path.endsWith("/chat/completions")
          ? "chat"
          : "completions";
  const { head, piece, tail, named } = NATIVE[kind] as Native;
  const encoder = new TextEncoder();
  const frame = (value: unknown): Uint8Array => {
    const name = named === true ? `event: ${(value as { type: string }).type}\n` : "";
    return encoder.encode(`${name}data: ${JSON.stringify(value)}\n\n`);
  };
  sent = 0;
  let waiting = [...head];
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = waiting.shift();
      if (next !== undefined) controller.enqueue(frame(next));
      else if (sent < pieces) {
        if (++sent % 2 === 0) await Bun.sleep(2);
        controller.enqueue(frame(piece));
        if (sent === pieces) waiting = [...tail];
      } else {
        controller.enqueue(encoder.encode("data: [DONE]\n\n"));
        controller.close();
      }
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

let upstream: Upstream;
let gateway: RunningGateway;
let client: ManagementClient;

beforeAll(async () => {
  upstream = startUpstream(speak);
  const provider = (name: string, model: string, base: string) => ({
    model_name: name,
    litellm_params: {
      model,
      api_base: base,
      api_key: "k",
      input_cost_per_token: 0,
      output_cost_per_token: PRICE,
      num_retries: 0,
    },
  });
  const v1 = `${upstream.url}/v1`;
  gateway = await startGateway({
    config: JSON.stringify({
      model_list: [
        provider("chat", "openai/some-model", v1),
        provider("completions", "text-completion-openai/some-model", v1),
        provider("messages", "anthropic/some-model", upstream.url),
        provider("responses", "openai/responses/some-model", v1),
        provider("gemini", "gemini/some-model", upstream.url),
      ],
      litellm_settings: { default_estimated_output_tokens: ESTIMATE },
    }),
  });
  client = new ManagementClient(gateway);
  // The tokenizer is loaded with the first count, and this provider writes thousands of tokens in that time.
  const messages = [{ role: "user", content: "hi" }];
  await client.ok("POST", "/v1/messages/count_tokens", { model: "chat", messages });
});

afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
});

const keyWith = async (tokens: number): Promise<string> =>
  (await client.ok("POST", "/key/generate", { max_budget: tokens * PRICE })).key;

const spendOf = async (key: string): Promise<number> => (await client.ok("GET", `/key/info?key=${key}`)).info.spend;
const nanoDollars = (dollars: number): number => Math.round(dollars * 1e9);

interface Ended {
  readonly text: string;
  readonly reason: unknown;
  readonly outputTokens: unknown;
}

/** Each client format by its own SDK, without a bound for the output. */
const CLIENTS: Readonly<Record<string, (model: string, key: string) => Promise<Ended>>> = {
  chat: async (model, apiKey) => {
    const openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey, maxRetries: 0 });
    const stream = openai.chat.completions.stream({
      model,
      messages: [{ role: "user", content: "hi" }],
      stream_options: { include_usage: true },
    });
    const done = await stream.finalChatCompletion();
    const [choice] = done.choices;
    return {
      text: choice?.message.content ?? "",
      reason: choice?.finish_reason,
      outputTokens: done.usage?.completion_tokens,
    };
  },
  completions: async (model, apiKey) => {
    const openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey, maxRetries: 0 });
    let [text, reason, outputTokens]: unknown[] = ["", undefined, undefined];
    const options = { stream: true, stream_options: { include_usage: true } } as const;
    for await (const part of await openai.completions.create({ model, prompt: "hi", ...options })) {
      text += part.choices[0]?.text ?? "";
      reason = part.choices[0]?.finish_reason ?? reason;
      outputTokens = part.usage?.completion_tokens ?? outputTokens;
    }
    return { text: String(text), reason, outputTokens };
  },
  messages: async (model, apiKey) => {
    const anthropic = new Anthropic({ baseURL: gateway.url, apiKey, maxRetries: 0 });
    // Anthropic's format has no request without max_tokens; this one sets no bound.
    const body = { model, max_tokens: 0, messages: [{ role: "user" as const, content: "hi" }] };
    const done = await anthropic.messages.stream(body).finalMessage();
    const [block] = done.content;
    return {
      text: block?.type === "text" ? block.text : "",
      reason: done.stop_reason,
      outputTokens: done.usage.output_tokens,
    };
  },
  responses: async (model, apiKey) => {
    const openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey, maxRetries: 0 });
    const done = await openai.responses.stream({ model, input: "hi" }).finalResponse();
    expect(done.status).toBe("incomplete");
    expect(done.output.every((one) => !("status" in one) || one.status === "incomplete")).toBe(true);
    return {
      text: done.output_text,
      reason: done.incomplete_details?.reason,
      outputTokens: done.usage?.output_tokens,
    };
  },
  gemini: async (model, apiKey) => {
    const google = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: gateway.url } });
    let [text, reason, outputTokens]: unknown[] = ["", undefined, undefined];
    for await (const part of await google.models.generateContentStream({ model, contents: "hi" })) {
      text += part.text ?? "";
      reason = part.candidates?.[0]?.finishReason ?? reason;
      outputTokens = part.usageMetadata?.candidatesTokenCount ?? outputTokens;
    }
    return { text: String(text), reason, outputTokens };
  },
};

const REASONS: Readonly<Record<string, string>> = {
  chat: "length",
  completions: "length",
  messages: "max_tokens",
  responses: "max_output_tokens",
  gemini: "MAX_TOKENS",
};

describe("a stream without max_tokens ends for its length when the money does", () => {
  const routes = Object.keys(CLIENTS).flatMap((format) =>
    (format === "chat" ? ["chat", "messages"] : [format, "chat"]).map((model) => [format, model] as const),
  );
  test.each(routes)(
    "client %s, provider %s",
    async (format, model) => {
      pieces = Number.POSITIVE_INFINITY;
      const aborted = upstream.aborted;
      const key = await keyWith(3_000);
      const call = CLIENTS[format] as (typeof CLIENTS)[string];
      const { text, reason, outputTokens } = await call(model, key);
      expect(reason).toBe(REASONS[format] as string);
      // Whole pieces, one after the other, and the larger part of what was paid for.
      expect(text).toBe(WORDS.repeat(text.length / WORDS.length));
      const tokens = Number(outputTokens);
      expect(tokens).toBeGreaterThan(2_000);
      expect(tokens).toBeLessThanOrEqual(3_000);
      expect(Math.abs(tokens - text.length / 4)).toBeLessThan(text.length / 50);
      await eventually(() => upstream.aborted > aborted);
      await eventually(async () => nanoDollars(await spendOf(key)) === tokens * 1_000);
      await eventually(async () => {
        const rows = await client.ok("GET", `/spend/logs?api_key=${key}`);
        return rows.length === 1 && rows[0].status === "success" && rows[0].completion_tokens === tokens;
      });
    },
    20_000,
  );
});

test("one that is longer than the estimate goes on where there is money, and costs what the provider says", async () => {
  pieces = 300;
  const key = await keyWith(30_000);
  const ended = await CLIENTS.chat?.("chat", key);
  expect(ended).toEqual({ text: WORDS.repeat(300), reason: "stop", outputTokens: 1_200 });
  await eventually(async () => nanoDollars(await spendOf(key)) === 1_200_000);
}, 20_000);

test("streams at the same time share what there is and never pass it", async () => {
  pieces = Number.POSITIVE_INFINITY;
  const key = await keyWith(6_000);
  const ended = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: key, maxRetries: 0 });
      const stream = openai.chat.completions.stream({
        model: "chat",
        messages: [{ role: "user", content: "hi" }],
        stream_options: { include_usage: true },
      });
      return stream.finalChatCompletion().then(
        (done) => done.usage?.completion_tokens ?? Number.NaN,
        (error: unknown) => {
          if (error instanceof OpenAI.APIError && error.status === 422) return 0;
          throw error;
        },
      );
    }),
  );
  const tokens = ended.reduce((sum, count) => sum + count, 0);
  expect(tokens).toBeGreaterThan(4_000);
  expect(tokens).toBeLessThanOrEqual(6_000);
  await eventually(async () => nanoDollars(await spendOf(key)) === tokens * 1_000);
}, 30_000);
