import type { GatewayError, UpstreamFailure } from "../errors/gateway-error.ts";
import type { JsonObject } from "../json/json.ts";
import type { Frame } from "../upstream/sse.ts";
import type { Usage } from "../usage/usage.ts";
import type { AnswerExpressible } from "./answer-words.ts";
import type { ConversationRequest, ConversationResponse, FormatId, SealOwner, StreamEvent } from "./conversation.ts";
import type { ParameterReport } from "./report.ts";

/** What the model behind a deployment can do; absent means unknown, which counts as yes. */
export interface Capabilities {
  /** The model's largest answer; formats that require a maximum (Anthropic) use it when the caller set none. */
  readonly maxOutputTokens?: number;
  readonly vision?: boolean;
  readonly reasoning?: boolean;
  readonly responseSchema?: boolean;
  readonly promptCaching?: boolean;
}

/** What an encoder of requests must know about its target. */
export interface RequestContext {
  /** The name that the provider knows the model by; goes into the body where the format has it there. */
  readonly model: string;
  /** LiteLLM's provider name (`anthropic`, `bedrock`, `vertex_ai` …). */
  readonly provider: string;
  /** Whose sealed values the target opens. */
  readonly owner: SealOwner;
  readonly capabilities: Capabilities;
  readonly report: ParameterReport;
  /** LiteLLM's `modify_params`: whether a request that the target would refuse may be repaired. */
  readonly modifyParams: boolean;
}

/** What a decoder of answers must know about their source. */
export interface ResponseContext {
  readonly provider: string;
  readonly owner: SealOwner;
  /** The name under which the provider was asked. */
  readonly model: string;
  /** The request that is being answered, for formats that must know (JSON mode, include_usage …). */
  readonly request?: ConversationRequest;
}

/** How an answer of the Responses API is named, and where it is kept to be asked for again. */
export interface KeptAnswer {
  /** The client's id for an answer that the provider gave this id. */
  readonly idFor: (upstreamId: string | undefined) => string;
  /** Names the items of the answer. */
  readonly itemBase: string;
  /** `previous_response_id` as the client sent it. */
  readonly previousId: string | undefined;
  /** Takes the answer as its client gets it; undefined where the provider keeps it, or nobody may. */
  readonly keep: ((answer: JsonObject) => void) | undefined;
}

/** What an encoder of answers must know about its client. */
export interface AnswerContext {
  /** The name that the client asked for; answers carry it. */
  readonly model: string;
  /** The client's request, for formats whose answer repeats it (Responses) or depends on it (`include_usage`). */
  readonly request: ConversationRequest;
  /** Used where the answer has no id of its own. */
  readonly fallbackId: string;
  /** Seconds since the epoch: the gateway's clock, for formats that need a time. */
  readonly now: number;
  /** How the client wants its stream; Google's clients may ask for one JSON array. Default `sse`. */
  readonly streamFraming?: "sse" | "json-array";
  /** Responses only. */
  readonly kept?: KeptAnswer;
}

/** Feeds on the frames of one upstream stream, in order; frames are never split. Synchronous and free of I/O. */
export interface StreamDecoder {
  /** Must not throw on anything a provider may send; malformed JSON becomes an `error` event. */
  push(frame: Frame): StreamEvent[];
  /** The upstream ended; closes what is open. A stream without any finish reason yields an `error` event. */
  end(): StreamEvent[];
}

/** Writes the frames of one client's stream. Returns wire text, possibly empty. */
export interface StreamEncoder {
  push(event: StreamEvent): string;
  /** Called once after the last event: the trailer (`data: [DONE]` …). */
  end(): string;
  /** An error after content has been sent, in the client's own words; ends the stream. */
  error(error: GatewayError): string;
}

/** What one native frame means for the gateway when bytes pass through. A sum of FRAME_* flags. */
export type FrameMeaning = number;
export const FRAME_HEAD = 0;
export const FRAME_CONTENT = 1;
export const FRAME_FINISH = 2;
export const FRAME_USAGE = 4;
export const FRAME_ERROR = 8;
export const FRAME_DONE = 16;

/** Reads native frames on the side while their bytes pass through unchanged. Cheap: a few substring searches. */
export interface StreamObserver {
  observe(data: string, event: string | undefined): FrameMeaning;
  readonly usage: Usage | undefined;
  readonly failure: UpstreamFailure | undefined;
  /** UTF-16 length of the visible and thinking text seen so far, for the estimate of a stream that was cut off. */
  readonly textLength: number;
}

/**
 * One wire language in both directions. All functions are pure; none of them throws on what the other side sent,
 * save `decodeRequest`, which throws GatewayError("invalid_request") with the field at fault.
 */
export interface Format {
  readonly id: FormatId;
  /** Model and streaming are said by the URL; the body holds neither. */
  readonly inUrl?: boolean;

  /** What a whole answer can say to a client of this format; absent where no client speaks it. */
  readonly answers?: AnswerExpressible;

  /** For bodies that pass through: the same body without what only other owners can open; the same object when clean. */
  readonly withoutForeign?: (body: JsonObject, owner: SealOwner) => JsonObject;

  /** Client → conversation. */
  decodeRequest(body: JsonObject): ConversationRequest;
  /** Conversation → provider. What cannot be said goes to `context.report`. */
  encodeRequest(request: ConversationRequest, context: RequestContext): JsonObject;

  /** Provider → conversation. */
  decodeResponse(body: JsonObject, context: ResponseContext): ConversationResponse;
  /** Conversation → client. */
  encodeResponse(response: ConversationResponse, context: AnswerContext): JsonObject;

  createStreamDecoder(context: ResponseContext): StreamDecoder;
  createStreamEncoder(context: AnswerContext): StreamEncoder;

  /** Provider's error body → failure; `body` is the raw text, which may be HTML or empty. */
  decodeError(status: number, body: string, headers: Headers): UpstreamFailure;
  /** Error → body for a client of this format. */
  encodeError(error: GatewayError, callId: string | undefined): JsonObject;

  /** Usage of a whole native answer, when bytes pass through. */
  readUsage(body: JsonObject, context: ResponseContext): Usage | undefined;
  createStreamObserver(context: ResponseContext): StreamObserver;
  /**
   * For formats whose end closes what is open or repeats it: the end, for want of room for more output, of a native stream
   * of which the client got `sent`. Others write it with their encoder.
   */
  readonly endStream?: (sent: string, usage: Usage) => string;
}
