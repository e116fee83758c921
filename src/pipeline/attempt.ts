import { UpstreamError, type UpstreamFailure } from "../errors/gateway-error.ts";
import { assemble } from "../formats/assemble.ts";
import type { ConversationResponse } from "../formats/conversation.ts";
import type { AnswerContext, ResponseContext } from "../formats/format.ts";
import { replay } from "../formats/replay.ts";
import { isObject, type JsonObject, parseJson } from "../json/json.ts";
import type { OutboundRequest } from "../providers/provider.ts";
import { framerFor } from "../upstream/framer.ts";
import { connectionFailure } from "../upstream/transport.ts";
import type { Usage } from "../usage/usage.ts";
import type { Gateway } from "./gateway.ts";
import type { Prepared } from "./prepare-request.ts";
import { type RequestContext, visibleCallId } from "./request-context.ts";
import { type FrameRewriter, PassThroughTap, type StreamTap, TranslatingTap } from "./stream-tap.ts";

/** A whole answer of the provider. */
export interface WholeAnswer {
  readonly kind: "whole";
  readonly headers: Headers;
  /** The provider's text, when it passes through. */
  readonly text: string | undefined;
  readonly body: JsonObject;
  /** Decoded, when it is translated. */
  readonly response: ConversationResponse | undefined;
  readonly usage: Usage | undefined;
}

/** A stream whose first content is at hand. */
export interface StreamingAnswer {
  readonly kind: "stream";
  readonly headers: Headers;
  readonly tap: StreamTap;
  /** Client text up to and including the first content. */
  readonly head: string;
  /** The rest of the upstream's bytes; undefined when all of them are in `head`. */
  readonly rest: ReadableStream<Uint8Array> | undefined;
  /** Ends the upstream request. */
  readonly abort: (reason: unknown) => void;
}

export type Answer = WholeAnswer | StreamingAnswer;

/** Why an attempt was aborted. */
export class AttemptTimeout extends Error {
  override readonly name = "AttemptTimeout";
  readonly seconds: number;
  constructor(seconds: number) {
    super(`no answer within ${seconds} s`);
    this.seconds = seconds;
  }
}

export class ClientGone extends Error {
  override readonly name = "ClientGone";
  constructor() {
    super("the client closed the connection");
  }
}

/** Where what the provider may have billed is noted while an attempt runs, so that no way out loses it. */
export interface AttemptProgress {
  /** The request may have reached the provider. */
  sent: boolean;
  usage: Usage | undefined;
  textLength: number;
}

/** Makes one call. Rejects with UpstreamError, or ClientGone. */
export async function attempt(
  gateway: Gateway,
  context: RequestContext,
  prepared: Prepared,
  timeoutSeconds: number,
  progress: AttemptProgress,
): Promise<Answer> {
  const controller = new AbortController();
  const abort = (reason: unknown): void => controller.abort(reason);
  const deadline = gateway.deadlines.add(timeoutSeconds, () => abort(new AttemptTimeout(timeoutSeconds)));
  const clientSignal = context.request.signal;
  const onGone = (): void => abort(new ClientGone());
  if (clientSignal.aborted) onGone();
  else clientSignal.addEventListener("abort", onGone, { once: true });

  const send = (request: OutboundRequest): Promise<Response> =>
    gateway.transport.send({ ...request, signal: controller.signal });

  try {
    const outbound =
      prepared.provider.sign === undefined
        ? prepared.outbound
        : await prepared.provider.sign(prepared.outbound, prepared.call, send);
    progress.sent = true;
    const response =
      prepared.endpoint.exchange === undefined
        ? await gateway.transport.send({ ...outbound, signal: controller.signal })
        : await prepared.endpoint.exchange(outbound, send, prepared.call);
    if (response.status < 200 || response.status > 299) throw await refusal(prepared, response, progress);

    const streamed = isStream(response, prepared);
    if (!streamed) return await whole(context, prepared, response, progress);
    if (!context.stream) return await collected(prepared, response, progress);
    return await firstContent(context, prepared, response, progress, abort);
  } catch (error) {
    abort(error);
    throw asUpstreamError(error, controller.signal, prepared, timeoutSeconds, progress);
  } finally {
    deadline.done();
    // From here on a running stream is ended by the cancellation of its body.
    clientSignal.removeEventListener("abort", onGone);
  }
}

function isStream(response: Response, prepared: Prepared): boolean {
  const type = response.headers.get("content-type") ?? "";
  if (type.includes("text/event-stream") || type.includes("vnd.amazon.eventstream")) return true;
  if (type.includes("ndjson")) return true;
  return prepared.call.stream && !type.includes("json") && !type.includes("html");
}

function responseContext(prepared: Prepared): ResponseContext {
  const { provider, call, conversation } = prepared;
  return {
    provider: provider.id,
    owner: typeof provider.owner === "string" ? provider.owner : provider.owner(call.model),
    model: call.model,
    ...(conversation === undefined ? {} : { request: conversation }),
  };
}

export function answerContext(context: RequestContext, prepared: Prepared): AnswerContext {
  const request = prepared.conversation ?? { model: context.requestedModel, messages: [], sampling: {} };
  return {
    model: context.requestedModel,
    request:
      prepared.wantsStreamUsage === request.includeUsage
        ? request
        : { ...request, includeUsage: prepared.wantsStreamUsage },
    fallbackId: `chatcmpl-${visibleCallId(context)}`,
    now: Math.floor(context.startedAt / 1000),
  };
}

async function refusal(prepared: Prepared, response: Response, progress: AttemptProgress): Promise<UpstreamError> {
  const text = await response.text();
  progress.sent = false;
  let failure = prepared.format.decodeError(response.status, text, response.headers);
  failure = prepared.provider.classifyError?.(failure, response.status, text) ?? failure;
  return new UpstreamError(failure, { headers: providerHeaders(response.headers) });
}

async function whole(
  context: RequestContext,
  prepared: Prepared,
  response: Response,
  progress: AttemptProgress,
): Promise<Answer> {
  const text = await response.text();
  const parsed = parseJson(text);
  if (!isObject(parsed)) {
    throw new UpstreamError({
      code: "internal",
      message: `the provider answered with status ${response.status} and a body that is not a JSON object: ${excerpt(text)}`,
    });
  }
  const body = prepared.endpoint.normaliseResponse?.(parsed, prepared.call) ?? parsed;
  const failure = errorInside(prepared, body, text, response);
  if (failure !== undefined) throw new UpstreamError(failure, { headers: providerHeaders(response.headers) });

  const reading = responseContext(prepared);
  if (prepared.native && !context.stream) {
    const usage = prepared.format.readUsage(body, reading);
    progress.usage = usage;
    return {
      kind: "whole",
      headers: response.headers,
      text: body === parsed ? text : undefined,
      body,
      response: undefined,
      usage,
    };
  }
  const decoded = prepared.format.decodeResponse(body, reading);
  progress.usage = decoded.usage;
  if (!context.stream) {
    return { kind: "whole", headers: response.headers, text: undefined, body, response: decoded, usage: decoded.usage };
  }
  const tap = translatingTap(context, prepared);
  const head = tap.replay(replay(decoded));
  return { kind: "stream", headers: response.headers, tap, head: head + tap.end(), rest: undefined, abort: () => {} };
}

/** Some providers report failures in an answer of status 200. */
function errorInside(
  prepared: Prepared,
  body: JsonObject,
  text: string,
  response: Response,
): UpstreamFailure | undefined {
  if (body.error === undefined || body.error === null) return undefined;
  if (
    body.choices !== undefined ||
    body.content !== undefined ||
    body.output !== undefined ||
    body.candidates !== undefined
  )
    return undefined;
  const status =
    isObject(body.error) && typeof body.error.code === "number" && body.error.code >= 400 && body.error.code < 600
      ? body.error.code
      : 500;
  const failure = prepared.format.decodeError(status, text, response.headers);
  return prepared.provider.classifyError?.(failure, status, text) ?? failure;
}

/** A stream that the client wants whole. */
async function collected(prepared: Prepared, response: Response, progress: AttemptProgress): Promise<WholeAnswer> {
  const decoder = prepared.format.createStreamDecoder(responseContext(prepared));
  const framer = framerFor(prepared.endpoint.framing);
  const events = [];
  if (response.body !== null) {
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      for (const frame of framer.push(chunk)) events.push(...decoder.push(frame));
    }
  }
  for (const frame of framer.end()) events.push(...decoder.push(frame));
  events.push(...decoder.end());
  const failed = events.find((event) => event.type === "error");
  const assembled = assemble(events);
  progress.usage = assembled.usage;
  if (failed !== undefined) throw new UpstreamError(failed.error, { headers: providerHeaders(response.headers) });
  return {
    kind: "whole",
    headers: response.headers,
    text: undefined,
    body: {},
    response: assembled,
    usage: assembled.usage,
  };
}

function translatingTap(context: RequestContext, prepared: Prepared): TranslatingTap {
  return new TranslatingTap({
    framer: framerFor(prepared.endpoint.framing),
    decoder: prepared.format.createStreamDecoder(responseContext(prepared)),
    encoder: context.client.createStreamEncoder(answerContext(context, prepared)),
    rewriter: rewriterOf(prepared),
  });
}

function rewriterOf(prepared: Prepared): FrameRewriter | undefined {
  const { normaliseFrame, frameMarks } = prepared.endpoint;
  if (normaliseFrame === undefined) return undefined;
  return { marks: frameMarks, rewrite: (frame) => normaliseFrame(frame, prepared.call) };
}

function tapFor(context: RequestContext, prepared: Prepared): StreamTap {
  if (!prepared.native || (prepared.endpoint.framing ?? "sse") !== "sse") {
    return translatingTap(context, prepared);
  }
  return new PassThroughTap({
    observer: prepared.format.createStreamObserver(responseContext(prepared)),
    encoder: context.client.createStreamEncoder(answerContext(context, prepared)),
    model: context.requestedModel,
    keepUsage: context.client.id !== "openai-chat" || prepared.wantsStreamUsage,
    doneMarker: context.client.id === "openai-chat" || context.client.id === "openai-completions",
    rewriter: rewriterOf(prepared),
  });
}

/** Reads until there is something that the client should see: until then, another attempt may still take over. */
async function firstContent(
  context: RequestContext,
  prepared: Prepared,
  response: Response,
  progress: AttemptProgress,
  abort: (reason: unknown) => void,
): Promise<StreamingAnswer> {
  const tap = tapFor(context, prepared);
  const { headers } = response;
  const body = response.body;
  if (body === null)
    throw new UpstreamError({ code: "api_connection", message: "the provider answered without a body" });
  const reader = body.getReader();
  let head = "";
  for (;;) {
    const { done, value } = await reader.read();
    head += done ? tap.end() : tap.push(value);
    progress.usage = tap.usage;
    progress.textLength = tap.textLength;
    // An error that comes with or after content in the same piece belongs to the client's stream, not to a retry.
    if (tap.failure !== undefined && !tap.content)
      throw new UpstreamError(tap.failure, { headers: providerHeaders(headers) });
    if (done || tap.failure !== undefined) return { kind: "stream", headers, tap, head, rest: undefined, abort };
    if (tap.content) {
      reader.releaseLock();
      return { kind: "stream", headers, tap, head, rest: body as ReadableStream<Uint8Array>, abort };
    }
  }
}

function asUpstreamError(
  error: unknown,
  signal: AbortSignal,
  prepared: Prepared,
  seconds: number,
  progress: AttemptProgress,
): Error {
  if (error instanceof UpstreamError) return error;
  const reason: unknown = signal.aborted ? signal.reason : undefined;
  if (reason instanceof ClientGone) return reason;
  if (reason instanceof AttemptTimeout) {
    return new UpstreamError({
      code: "timeout",
      message: `Request timed out. - timeout value=${seconds}, time taken=${seconds} seconds`,
    });
  }
  if (error instanceof Error && error.name === "GatewayError") return error;
  const failure = connectionFailure(error, prepared.outbound.url);
  if (["ECONNREFUSED", "ConnectionRefused", "ENOTFOUND", "EAI_AGAIN"].includes(failure.upstreamCode ?? ""))
    progress.sent = false;
  return new UpstreamError(failure, { cause: error });
}

/** The provider's answer headers as the client sees them. */
export function providerHeaders(headers: Headers): Record<string, string> {
  const result: Record<string, string> = {};
  headers.forEach((value, name) => {
    if (HOP_BY_HOP.has(name)) return;
    result[`llm_provider-${name}`] = value;
    if (name.startsWith("x-ratelimit-")) result[name] = value;
    else if (name === "x-request-id" || name === "request-id") result["request-id"] = value;
  });
  return result;
}

const HOP_BY_HOP = new Set(["connection", "keep-alive", "transfer-encoding", "content-encoding", "set-cookie"]);

function excerpt(text: string): string {
  return JSON.stringify(text.length > 300 ? `${text.slice(0, 300)}…` : text);
}
