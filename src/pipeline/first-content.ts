import { UpstreamError } from "../errors/gateway-error.ts";
import { framerFor } from "../upstream/framer.ts";
import type { ByteSink, ByteSource, UpstreamHeaders, UpstreamResponse } from "../upstream/transport.ts";
import { answerContext, responseContext } from "./answer-context.ts";
import type { AttemptProgress } from "./attempt.ts";
import type { Prepared } from "./prepare-request.ts";
import { providerHeaders } from "./provider-headers.ts";
import type { RequestContext } from "./request-context.ts";
import { keptAnswer, passedAnswer } from "./responses/response-call.ts";
import { type FrameRewriter, PassThroughTap, type StreamTap, TranslatingTap } from "./stream-tap.ts";

/** A stream whose first content is at hand. */
export interface StreamingAnswer {
  readonly kind: "stream";
  readonly headers: UpstreamHeaders;
  readonly tap: StreamTap;
  /** Client text up to and including the first content. */
  readonly head: string;
  /** The rest of the upstream's bytes, held back until `attach`; undefined when all of them are in `head`. */
  readonly rest: HeldStream | undefined;
  /** Ends the upstream request. */
  readonly abort: (reason: Error) => void;
}

/** An upstream body that waits for who takes it. */
export interface HeldStream extends ByteSource {
  attach(sink: ByteSink): void;
}

/** Reads frames of the provider's format and writes those of the client's. */
export function translatingTap(context: RequestContext, prepared: Prepared, metered: boolean): TranslatingTap {
  return new TranslatingTap({
    framer: framerFor(prepared.endpoint.framing),
    decoder: prepared.format.createStreamDecoder(responseContext(prepared)),
    encoder: context.client.createStreamEncoder(answerContext(context, prepared)),
    rewriter: rewriterOf(prepared),
    metered,
  });
}

function rewriterOf(prepared: Prepared): FrameRewriter | undefined {
  const { normaliseFrame, frameMarks } = prepared.endpoint;
  if (normaliseFrame === undefined) return undefined;
  return { marks: frameMarks, rewrite: (frame) => normaliseFrame(frame, prepared.call) };
}

/** Whether the provider's events reach the client as they came. */
export function passesThrough(context: RequestContext, prepared: Prepared): boolean {
  return prepared.native && context.streamFraming === undefined && (prepared.endpoint.framing ?? "sse") === "sse";
}

function tapFor(context: RequestContext, prepared: Prepared, metered: boolean): StreamTap {
  if (!passesThrough(context, prepared)) return translatingTap(context, prepared, metered);
  return new PassThroughTap({
    observer: prepared.format.createStreamObserver(responseContext(prepared)),
    encoder: context.client.createStreamEncoder(answerContext(context, prepared)),
    model: context.requestedModel,
    keepUsage:
      !(context.client.id === "openai-chat" || context.client.id === "openai-completions") || prepared.wantsStreamUsage,
    doneMarker: context.client.id === "openai-chat" || context.client.id === "openai-completions",
    repairFinish: context.client.id === "openai-chat",
    answer: passedAnswer(context, keptAnswer(context, prepared)),
    rewriter: rewriterOf(prepared),
    endStream: context.client.endStream,
  });
}

/** Reads until there is something that the client should see: until then, another attempt may still take over. */
export function firstContent(
  context: RequestContext,
  prepared: Prepared,
  response: UpstreamResponse,
  progress: AttemptProgress,
  abort: (reason: Error) => void,
): Promise<StreamingAnswer> {
  const tap = tapFor(context, prepared, progress.metered);
  const { headers } = response;
  return new Promise((resolve, reject) => {
    let head = "";
    let later: ByteSink | undefined;
    const waiting: ("end" | { readonly error: unknown } | Uint8Array)[] = [];
    let source: ByteSource | undefined;
    let answered = false;

    const answer = (rest: HeldStream | undefined): void => {
      answered = true;
      resolve({ kind: "stream", headers, tap, head, rest, abort });
    };
    const look = (text: string, ended: boolean): void => {
      head += text;
      progress.usage = tap.usage;
      progress.textLength = tap.textLength;
      // An error that comes with or after content in the same piece belongs to the client's stream, not to a retry.
      if (tap.failure !== undefined && !tap.content) {
        answered = true;
        reject(new UpstreamError(tap.failure, { headers: providerHeaders(headers, prepared.deployment) }));
      } else if (ended || tap.failure !== undefined) {
        answer(undefined);
      } else if (tap.content) {
        source?.pause();
        answer({
          attach: (sink) => {
            later = sink;
            for (const item of waiting.splice(0)) deliver(sink, item);
          },
          pause: () => source?.pause(),
          resume: () => source?.resume(),
        });
      }
    };
    source = response.read({
      data: (chunk) => {
        if (later !== undefined) later.data(chunk);
        else if (answered) waiting.push(chunk.slice());
        else look(tap.push(chunk), false);
      },
      end: () => {
        if (later !== undefined) later.end();
        else if (answered) waiting.push("end");
        else look(tap.end(), true);
      },
      fail: (error) => {
        if (later !== undefined) later.fail(error);
        else if (answered) waiting.push({ error });
        else reject(error);
      },
    });
    // What was there already came before there was anything to hold back.
    if (answered) source.pause();
  });
}

function deliver(sink: ByteSink, item: "end" | { readonly error: unknown } | Uint8Array): void {
  if (item === "end") sink.end();
  else if (item instanceof Uint8Array) sink.data(item);
  else sink.fail(item.error);
}
