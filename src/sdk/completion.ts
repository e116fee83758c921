import { UpstreamError, type UpstreamFailure } from "../errors/gateway-error.ts";
import { assemble } from "../formats/assemble.ts";
import type { StreamEvent } from "../formats/conversation.ts";
import type { AnswerContext, ResponseContext } from "../formats/format.ts";
import { formatById } from "../formats/registry.ts";
import { replay } from "../formats/replay.ts";
import type { ParameterChange } from "../formats/report.ts";
import { isObject, type Json, type JsonObject, parseJson } from "../json/json.ts";
import { priceCall } from "../pricing/cost.ts";
import { priceSheet } from "../pricing/price-sheet.ts";
import type { OutboundRequest, Send } from "../providers/provider.ts";
import { connectionFailure } from "../upstream/connection-failure.ts";
import { framerFor } from "../upstream/framer.ts";
import type { Usage } from "../usage/usage.ts";
import { platformEnvironment } from "./environment.ts";
import { type PreparedChat, prepareChat } from "./prepare-chat.ts";

/** A Chat Completions request, with where it goes. Members that are not named here are the request's own. */
export interface CompletionOptions {
  /** `provider/model`, for instance `anthropic/claude-sonnet-4-5`. */
  readonly model: string;
  readonly messages: readonly JsonObject[];
  readonly stream?: boolean;
  readonly apiKey?: string;
  readonly apiBase?: string;
  readonly apiVersion?: string;
  /** Further litellm_params of the provider (`vertex_project`, `aws_region_name` …). */
  readonly providerParams?: JsonObject;
  /** Leave out what the provider cannot say instead of refusing the request. Default false. */
  readonly dropParams?: boolean;
  readonly signal?: AbortSignal;
  /** Default: the platform's. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** Default: the platform's environment variables. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly [parameter: string]: unknown;
}

/** What every answer carries beside OpenAI's own members. */
interface AnswerExtras {
  readonly usageBuckets: Usage | undefined;
  /** US dollars; undefined when the price is unknown. */
  readonly cost: number | undefined;
  /** Parameters that were dropped, renamed, clamped or converted. */
  readonly parameterChanges: readonly ParameterChange[];
}

export type ChatCompletion = JsonObject & { readonly isthmus: AnswerExtras };
export type ChatChunk = JsonObject;

/** Chunks in order; `isthmus` is there when the last one has come. */
export interface CompletionStream extends AsyncIterable<ChatChunk> {
  readonly isthmus: AnswerExtras | undefined;
}

const OWN = new Set([
  "apiKey",
  "apiBase",
  "apiVersion",
  "providerParams",
  "dropParams",
  "signal",
  "fetch",
  "environment",
]);

/**
 * Asks any provider's model in OpenAI's words.
 *
 * @example
 * const answer = await completion({ model: "anthropic/claude-sonnet-4-5", messages: [{ role: "user", content: "Hello" }] });
 *
 * @throws UpstreamError with the provider's own sentence; GatewayError for a request that cannot be made.
 */
export function completion(options: CompletionOptions & { readonly stream: true }): Promise<CompletionStream>;
export function completion(options: CompletionOptions & { readonly stream?: false }): Promise<ChatCompletion>;
export async function completion(options: CompletionOptions): Promise<ChatCompletion | CompletionStream> {
  const body = Object.fromEntries(
    Object.entries(options).filter(([name, value]) => !OWN.has(name) && value !== undefined),
  ) as JsonObject;
  const params: JsonObject = {
    ...options.providerParams,
    ...(options.apiKey === undefined ? {} : { api_key: options.apiKey }),
    ...(options.apiBase === undefined ? {} : { api_base: options.apiBase }),
    ...(options.apiVersion === undefined ? {} : { api_version: options.apiVersion }),
  };
  const prepared = prepareChat(body, {
    model: options.model,
    params,
    environment: options.environment ?? platformEnvironment(),
    dropParams: options.dropParams ?? false,
  });
  const response = await call(prepared, options);
  return options.stream === true
    ? new ChunkStream(prepared, response, options.model)
    : whole(prepared, response, options.model);
}

async function call(prepared: PreparedChat, options: CompletionOptions): Promise<Response> {
  const fetch = options.fetch ?? globalThis.fetch;
  const send: Send = (request: OutboundRequest) =>
    fetch(request.url, {
      method: request.method,
      headers: { ...request.headers },
      body: (request.body ?? null) as BodyInit | null,
      signal: options.signal ?? null,
    });
  const { provider, endpoint } = prepared;
  let response: Response;
  try {
    const outbound =
      provider.sign === undefined ? prepared.outbound : await provider.sign(prepared.outbound, prepared.call, send);
    response =
      endpoint.exchange === undefined ? await send(outbound) : await endpoint.exchange(outbound, send, prepared.call);
  } catch (error) {
    if (options.signal?.aborted === true || error instanceof UpstreamError) throw error;
    throw new UpstreamError(connectionFailure(error, prepared.outbound.url), { cause: error });
  }
  if (response.ok) return response;
  const text = await response.text();
  const failure = prepared.format.decodeError(response.status, text, response.headers);
  throw new UpstreamError(provider.classifyError?.(failure, response.status, text) ?? failure);
}

function reading(prepared: PreparedChat): ResponseContext {
  const { provider, call: made } = prepared;
  return {
    provider: provider.id,
    owner: typeof provider.owner === "string" ? provider.owner : provider.owner(made.model),
    model: made.model,
    request: prepared.conversation,
  };
}

function writing(prepared: PreparedChat, model: string): AnswerContext {
  return {
    model,
    request: { ...prepared.conversation, includeUsage: true },
    fallbackId: `chatcmpl-${crypto.randomUUID()}`,
    now: Math.floor(Date.now() / 1000),
  };
}

async function whole(prepared: PreparedChat, response: Response, model: string): Promise<ChatCompletion> {
  const parsed = parseJson(await response.text());
  if (!isObject(parsed))
    throw new UpstreamError({
      code: "internal",
      message: "the provider answered with a body that is not a JSON object",
    });
  const answer = prepared.endpoint.normaliseResponse?.(parsed, prepared.call) ?? parsed;
  const decoded = prepared.format.decodeResponse(answer, reading(prepared));
  return {
    ...formatById("openai-chat").encodeResponse(decoded, writing(prepared, model)),
    isthmus: extras(prepared, decoded.usage),
  } as unknown as ChatCompletion;
}

function extras(prepared: PreparedChat, usage: Usage | undefined): AnswerExtras {
  const { entry, call: made } = prepared;
  const sheet = entry === undefined ? undefined : priceSheet({ entry, name: entry.name });
  const cost = usage === undefined ? undefined : priceCall(usage, sheet, { at: Date.now() });
  return {
    usageBuckets: usage,
    cost: cost === undefined ? undefined : Number(cost.nano) / 1e9,
    parameterChanges: made.report.changes,
  };
}

class ChunkStream implements CompletionStream {
  readonly #prepared: PreparedChat;
  readonly #response: Response;
  readonly #model: string;
  isthmus: AnswerExtras | undefined;

  constructor(prepared: PreparedChat, response: Response, model: string) {
    this.#prepared = prepared;
    this.#response = response;
    this.#model = model;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<ChatChunk> {
    const encoder = formatById("openai-chat").createStreamEncoder(writing(this.#prepared, this.#model));
    const seen: StreamEvent[] = [];
    for await (const events of this.#events()) {
      for (const event of events) {
        if (event.type === "error") throw failed(event.error);
        if (event.type === "usage" || event.type === "start") seen.push(event);
        yield* chunksOf(encoder.push(event));
      }
    }
    this.isthmus = extras(this.#prepared, assemble(seen).usage);
    yield* chunksOf(encoder.end());
  }

  async *#events(): AsyncIterable<StreamEvent[]> {
    const { format, endpoint, call: made } = this.#prepared;
    const type = this.#response.headers.get("content-type") ?? "";
    if (!made.stream || type.includes("application/json")) {
      const answer = parseJson(await this.#response.text());
      if (!isObject(answer))
        throw new UpstreamError({
          code: "internal",
          message: "the provider answered with a body that is not a JSON object",
        });
      yield replay(
        format.decodeResponse(endpoint.normaliseResponse?.(answer, made) ?? answer, reading(this.#prepared)),
      );
      return;
    }
    const framer = framerFor(endpoint.framing);
    const decoder = format.createStreamDecoder(reading(this.#prepared));
    const decode = (data: string, event: string | undefined): StreamEvent[] => {
      const frame = endpoint.normaliseFrame === undefined ? undefined : parseJson(data);
      const repaired = isObject(frame) ? JSON.stringify(endpoint.normaliseFrame?.(frame, made) ?? frame) : data;
      return decoder.push(event === undefined ? { data: repaired } : { data: repaired, event });
    };
    const reader = this.#response.body?.getReader();
    try {
      for (let piece = await reader?.read(); piece !== undefined && !piece.done; piece = await reader?.read()) {
        for (const frame of framer.push(piece.value)) yield decode(frame.data, frame.event);
      }
      for (const frame of framer.end()) yield decode(frame.data, frame.event);
      yield decoder.end();
    } finally {
      // A caller that stops reading stops the provider.
      await reader?.cancel();
    }
  }
}

function failed(failure: UpstreamFailure): UpstreamError {
  return new UpstreamError(failure);
}

function* chunksOf(wire: string): Iterable<ChatChunk> {
  for (const frame of wire.split("\n\n")) {
    const chunk: Json | undefined = frame.startsWith("data: {") ? parseJson(frame.slice(6)) : undefined;
    if (isObject(chunk)) yield chunk;
  }
}
