import { GatewayError, UpstreamError, type UpstreamFailure } from "../errors/gateway-error.ts";
import { assemble } from "../formats/assemble.ts";
import type { ConversationResponse, StreamEvent } from "../formats/conversation.ts";
import { replay } from "../formats/replay.ts";
import { isObject, type JsonObject, parseJson } from "../json/json.ts";
import { framerFor } from "../upstream/framer.ts";
import { connectionFailure, type UpstreamHeaders, type UpstreamResponse } from "../upstream/transport.ts";
import type { Usage } from "../usage/usage.ts";
import { responseContext } from "./answer-context.ts";
import { secretsOf, withoutSecrets } from "./deployment-secrets.ts";
import { firstContent, type StreamingAnswer, translatingTap } from "./first-content.ts";
import type { Gateway } from "./gateway.ts";
import type { Prepared } from "./prepare-request.ts";
import { providerHeaders } from "./provider-headers.ts";
import type { RequestContext } from "./request-context.ts";
import { AttemptTimeout, ClientGone, Superseded, UpstreamCall } from "./upstream-call.ts";

/** A whole answer of the provider. */
export interface WholeAnswer {
  readonly kind: "whole";
  readonly headers: UpstreamHeaders;
  /** The provider's text, when it passes through. */
  readonly text: string | undefined;
  readonly body: JsonObject;
  /** Decoded, when it is translated. */
  readonly response: ConversationResponse | undefined;
  readonly usage: Usage | undefined;
}

export type Answer = WholeAnswer | StreamingAnswer;

export { AttemptTimeout, ClientGone };

/** Where what the provider may have billed is noted while an attempt runs, so that no way out loses it. */
export interface AttemptProgress {
  /** The request may have reached the provider. */
  sent: boolean;
  usage: Usage | undefined;
  textLength: number;
  /** Whether the output of a stream may come to need more than was reserved for it. */
  readonly metered: boolean;
}

/** Makes one call. Rejects with UpstreamError, or ClientGone. */
export async function attempt(
  gateway: Gateway,
  context: RequestContext,
  prepared: Prepared,
  timeoutSeconds: number,
  progress: AttemptProgress,
): Promise<Answer> {
  const { provider, endpoint, call, outbound } = prepared;
  const upstream = new UpstreamCall(gateway, context, {
    provider,
    endpoint,
    call,
    outbound,
    timeoutSeconds,
    onSend: () => {
      progress.sent = true;
    },
  });
  try {
    const response = await upstream.response();
    if (response.status < 200 || response.status > 299) throw await refusal(prepared, response, progress);
    if (!isStream(response, prepared)) return await whole(context, prepared, response, progress);
    if (!context.stream) return await collected(prepared, response, progress);
    return await firstContent(context, prepared, response, progress, upstream.abort);
  } catch (error) {
    const failure = asCallError(error, upstream.reason, prepared, timeoutSeconds, progress);
    upstream.abort(failure);
    throw failure;
  } finally {
    upstream.finish();
  }
}

function isStream(response: UpstreamResponse, prepared: Prepared): boolean {
  const type = response.headers.get("content-type") ?? "";
  if (type.includes("text/event-stream") || type.includes("vnd.amazon.eventstream")) return true;
  if (type.includes("ndjson")) return true;
  return prepared.call.stream && !type.includes("json") && !type.includes("html");
}

async function refusal(
  prepared: Prepared,
  response: UpstreamResponse,
  progress: AttemptProgress,
): Promise<UpstreamError> {
  const text = withoutSecrets(await response.text(), secretsOf(prepared.deployment));
  progress.sent = false;
  let failure = prepared.format.decodeError(response.status, text, response.headers as Headers);
  failure = prepared.provider.classifyError?.(failure, response.status, text) ?? failure;
  return new UpstreamError(failure, { headers: providerHeaders(response.headers, prepared.deployment) });
}

async function whole(
  context: RequestContext,
  prepared: Prepared,
  response: UpstreamResponse,
  progress: AttemptProgress,
): Promise<Answer> {
  const text = await response.text();
  const parsed = parseJson(text);
  if (!isObject(parsed)) {
    if (isMislabelledStream(text)) {
      const stream = readAgain(text, response);
      return context.stream
        ? await firstContent(context, prepared, stream, progress, () => {})
        : await collected(prepared, stream, progress);
    }
    throw new UpstreamError({
      code: "internal",
      message: `the provider answered with status ${response.status} and a body that is not a JSON object: ${excerpt(withoutSecrets(text, secretsOf(prepared.deployment)))}`,
    });
  }
  const body = prepared.endpoint.normaliseResponse?.(parsed, prepared.call) ?? parsed;
  const failure = errorInside(prepared, body, text, response);
  if (failure !== undefined)
    throw new UpstreamError(failure, { headers: providerHeaders(response.headers, prepared.deployment) });

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
  const tap = translatingTap(context, prepared, progress.metered);
  const head = tap.replay(replay(decoded));
  return { kind: "stream", headers: response.headers, tap, head, rest: undefined, abort: () => {} };
}

/** Server-sent events that the server, or a proxy in front of it, calls JSON or nothing at all. */
function isMislabelledStream(text: string): boolean {
  return /^\s*(?:data|event|id|retry)?:/.test(text);
}

/** A body that was already read, to be read as a stream. */
function readAgain(text: string, { status, headers }: UpstreamResponse): UpstreamResponse {
  return {
    status,
    headers,
    text: async () => text,
    read(sink) {
      sink.data(new TextEncoder().encode(text));
      sink.end();
      return { pause() {}, resume() {} };
    },
  };
}

/** Some providers report failures in an answer of status 200. */
function errorInside(
  prepared: Prepared,
  body: JsonObject,
  text: string,
  response: UpstreamResponse,
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
  const said = withoutSecrets(text, secretsOf(prepared.deployment));
  const failure = prepared.format.decodeError(status, said, response.headers as Headers);
  return prepared.provider.classifyError?.(failure, status, text) ?? failure;
}

/** A stream that the client wants whole. */
async function collected(
  prepared: Prepared,
  response: UpstreamResponse,
  progress: AttemptProgress,
): Promise<WholeAnswer> {
  const decoder = prepared.format.createStreamDecoder(responseContext(prepared));
  const framer = framerFor(prepared.endpoint.framing);
  const events: StreamEvent[] = [];
  await new Promise<void>((resolve, reject) => {
    response.read({
      data: (chunk) => {
        for (const frame of framer.push(chunk)) events.push(...decoder.push(frame));
      },
      end: resolve,
      fail: reject,
    });
  });
  for (const frame of framer.end()) events.push(...decoder.push(frame));
  events.push(...decoder.end());
  const failed = events.find((event) => event.type === "error");
  const assembled = assemble(events);
  progress.usage = assembled.usage;
  if (failed !== undefined)
    throw new UpstreamError(failed.error, { headers: providerHeaders(response.headers, prepared.deployment) });
  return {
    kind: "whole",
    headers: response.headers,
    text: undefined,
    body: {},
    response: assembled,
    usage: assembled.usage,
  };
}

/** What a call rejected with, as a provider's failure, unless it is the client that has gone. */
export function asCallError(
  error: unknown,
  reason: Error | undefined,
  prepared: { readonly outbound: { readonly url: string } },
  seconds: number,
  progress: AttemptProgress,
): Error {
  if (error instanceof UpstreamError) return error;
  if (reason instanceof ClientGone || reason instanceof Superseded) return reason;
  if (reason instanceof AttemptTimeout) {
    return new UpstreamError({
      code: "timeout",
      message: `Request timed out. - timeout value=${seconds}, time taken=${seconds} seconds`,
    });
  }
  if (error instanceof GatewayError) return error;
  const failure = connectionFailure(error, prepared.outbound.url);
  // Connections fail with a code; anything else is a defect of ours and must not be told as the provider's.
  if (failure.upstreamCode === undefined) return error instanceof Error ? error : new Error(String(error));
  if (["ECONNREFUSED", "ConnectionRefused", "ENOTFOUND", "EAI_AGAIN"].includes(failure.upstreamCode ?? "")) {
    progress.sent = false;
  }
  return new UpstreamError(failure, { cause: error });
}

function excerpt(text: string): string {
  return JSON.stringify(text.length > 300 ? `${text.slice(0, 300)}…` : text);
}
