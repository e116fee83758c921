import type { GatewayError, UpstreamFailure } from "../errors/gateway-error.ts";
import { isContent, type StreamEvent } from "../formats/conversation.ts";
import {
  type Format,
  FRAME_CONTENT,
  FRAME_DONE,
  FRAME_ERROR,
  FRAME_FINISH,
  FRAME_USAGE,
  type StreamDecoder,
  type StreamEncoder,
  type StreamObserver,
} from "../formats/format.ts";
import { asNumber, asObject, asString, isObject, type Json, type JsonObject, parseJson } from "../json/json.ts";
import { type Frame, type Framer, sseFrame } from "../upstream/sse.ts";
import type { Usage } from "../usage/usage.ts";
import { completeLength, scanFrames } from "./frame-scanner.ts";
import type { PassedAnswer } from "./responses/response-call.ts";

/**
 * What stands between the upstream's bytes and the client's: it looks at frames as they pass, synchronously, and says
 * what became of the stream. Bytes go in, text for the client comes out.
 */
export interface StreamTap {
  /** Text for the client, "" when there is none yet. */
  push(chunk: Uint8Array): string;
  /** The upstream ended. Returns the trailer. */
  end(): string;
  /** The error in the client's words, for after content was sent. */
  error(error: GatewayError): string;
  /** A sign of content has passed: no other attempt may replace this one. */
  readonly content: boolean;
  /** The answer is complete: a finish reason was seen. */
  readonly finished: boolean;
  /** The last frame of a complete answer was seen; what follows is nothing. */
  readonly closed: boolean;
  /** An error inside the stream. */
  readonly failure: UpstreamFailure | undefined;
  readonly usage: Usage | undefined;
  /** UTF-16 length of what the model wrote so far, for the estimate of a stream without usage. */
  readonly textLength: number;
  /** The most bytes of UTF-8 that this text can have. */
  readonly textBytes: number;
  /** Ends the answer here, for its length; the client's text for that. `usage` is what it consumed so far. */
  endEarly(end: EarlyEnd): string;
}

/** What is known of a stream that is ended before the provider ends it. */
export interface EarlyEnd {
  readonly usage: Usage;
  /** Answers that the request asked for at once. */
  readonly choices: number;
  /** What the client got: the last events at least. */
  readonly sent: string;
}

/** An event that is longer than this is no event but an attack or a defect. */
const LONGEST_FRAME = 64 * 1024 * 1024;

const MODEL_MEMBER = /"model"\s*:\s*"(?:[^"\\]|\\.)*"/;

export interface PassThroughOptions {
  readonly observer: StreamObserver;
  /** For the client's error frames and trailer. */
  readonly encoder: StreamEncoder;
  /** The name that the client asked for; the upstream's own is replaced by it. */
  readonly model: string;
  /** Frames that carry nothing but usage are taken out when the client did not ask for them. */
  readonly keepUsage: boolean;
  /** Whether the format ends its streams with `data: [DONE]`. */
  readonly doneMarker: boolean;
  readonly rewriter: FrameRewriter | undefined;
  /** Chat Completions: one finish reason per choice, behind everything else; servers say it twice, too early or never. */
  readonly repairFinish: boolean;
  /** Responses: the ids that the client knows the answer by. */
  readonly answer?: PassedAnswer | undefined;
  /** The format's own way to end a stream early, where its encoder cannot. */
  readonly endStream?: Format["endStream"] | undefined;
}

/** Repairs of single frames: provider's quirks, as `Endpoint.normaliseFrame` declares them. */
export interface FrameRewriter {
  /** One of these stands in every frame that may change; undefined: any frame may. */
  readonly marks: readonly string[] | undefined;
  readonly rewrite: (frame: JsonObject) => JsonObject;
}

/** The frame's data after its repairs; the same text where nothing had to change. */
function rewritten(data: string, rewriter: FrameRewriter | undefined): string {
  if (rewriter === undefined || (rewriter.marks !== undefined && !rewriter.marks.some((mark) => data.includes(mark))))
    return data;
  const frame = parseJson(data);
  if (!isObject(frame)) return data;
  const changed = rewriter.rewrite(frame);
  return changed === frame ? data : JSON.stringify(changed);
}

/** Same format on both sides: whole frames go on as they came, but for the model's name. */
export class PassThroughTap implements StreamTap {
  readonly #options: PassThroughOptions;
  readonly #decoder = new TextDecoder();
  #rest = "";
  #modelMember: string | undefined;
  #replacement = "";
  /** Stretches of the piece at hand and what stands in their place. */
  #edits: [start: number, end: number, text: string][] | undefined;
  /** A frame with a finish reason, until the next one shows that it was the last of its choice. */
  #finish: { readonly data: string; readonly text: string } | undefined;
  #calls = false;
  /** The chunk before, whose id a chunk that we add takes. */
  #last = "";
  /** Bytes that came beyond the UTF-16 units that they became. */
  #surplus = 0;
  /** Choices whose finish reason has come, where somebody may have to end the others. */
  #ended: string[] = [];
  #usage: Usage | undefined;
  content = false;
  finished = false;
  closed = false;
  failure: UpstreamFailure | undefined;

  constructor(options: PassThroughOptions) {
    this.#options = options;
  }

  get usage(): Usage | undefined {
    return this.#usage ?? this.#options.observer.usage;
  }

  get textLength(): number {
    return this.#options.observer.textLength;
  }

  get textBytes(): number {
    return this.#options.observer.textLength + this.#surplus;
  }

  push(chunk: Uint8Array): string {
    const decoded = this.#decoder.decode(chunk, { stream: true });
    this.#surplus += chunk.byteLength - decoded.length;
    const text = this.#rest + decoded;
    const length = completeLength(text);
    if (length === 0) {
      this.#rest = this.#bounded(text);
      return "";
    }
    this.#rest = length === text.length ? "" : text.slice(length);
    return this.#pass(length === text.length ? text : text.slice(0, length));
  }

  end(): string {
    const rest = this.#rest + this.#decoder.decode();
    this.#rest = "";
    let text = rest.trim() === "" ? "" : this.#pass(rest.endsWith("\n\n") ? rest : `${rest.trimEnd()}\n\n`);
    text += this.#named(this.#finish?.text ?? "");
    this.#finish = undefined;
    if (this.failure === undefined && !this.finished) {
      this.failure = { code: "api_connection", message: "the stream ended before the answer was complete" };
    }
    if (this.failure === undefined && this.#options.doneMarker && !this.closed) text += "data: [DONE]\n\n";
    return text;
  }

  error(error: GatewayError): string {
    return this.#options.encoder.error(error);
  }

  endEarly({ usage, choices, sent }: EarlyEnd): string {
    const { endStream, encoder, answer } = this.#options;
    this.#usage = usage;
    this.finished = true;
    let text = this.#named(this.#finish?.text ?? "");
    this.#finish = undefined;
    if (endStream !== undefined) {
      text += endStream(sent, usage);
      answer?.finished(lastData(text));
      return text;
    }
    const last = asObject(parseJson(lastData(sent)));
    const id = asString(last?.id) ?? asString(last?.responseId);
    const created = asNumber(last?.created);
    text += encoder.push({
      type: "start",
      ...(id === undefined ? {} : { id }),
      ...(created === undefined ? {} : { created }),
    });
    for (let choice = 0; choice < choices; choice++) {
      if (!this.#ended.includes(String(choice))) text += encoder.push({ type: "finish", choice, reason: "length" });
    }
    return text + encoder.push({ type: "usage", usage }) + encoder.end();
  }

  #bounded(text: string): string {
    if (text.length <= LONGEST_FRAME) return text;
    this.failure = { code: "bad_gateway", message: "the upstream sent a stream event without end" };
    return "";
  }

  #pass(text: string): string {
    this.#edits = undefined;
    scanFrames(text, (data, event, start, end) => this.#observe(data, event, start, end));
    if (this.failure !== undefined && !this.content) return "";
    const passed = this.#edited(text);
    if (this.#modelMember === undefined) this.#learnModel(text);
    return this.#named(passed);
  }

  #named(text: string): string {
    const named =
      this.#modelMember === undefined || this.#modelMember === this.#replacement
        ? text
        : text.replaceAll(this.#modelMember, this.#replacement);
    return this.#options.answer === undefined ? named : this.#options.answer.named(named);
  }

  #edited(text: string): string {
    const edits = this.#edits as [number, number, string][] | undefined;
    if (edits === undefined) return text;
    let passed = "";
    let at = 0;
    for (const [start, end, replacement] of edits) {
      passed += text.slice(at, start) + replacement;
      at = end;
    }
    return passed + text.slice(at);
  }

  #edit(start: number, end: number, text: string): void {
    this.#edits ??= [];
    this.#edits.push([start, end, text]);
  }

  #observe(original: string, event: string | undefined, start: number, end: number): void {
    if (this.failure !== undefined) {
      this.#edit(start, end, "");
      return;
    }
    const data = rewritten(original, this.#options.rewriter);
    const meaning = this.#options.observer.observe(data, event);
    if ((meaning & FRAME_ERROR) !== 0) {
      this.failure = this.#options.observer.failure ?? { code: "api_error", message: data.slice(0, 500) };
      this.#edit(start, end, "");
      return;
    }
    if (this.#options.repairFinish && this.#holdFinish(data, original, event, meaning, start, end)) return;
    if ((meaning & FRAME_DONE) !== 0) this.closed = true;
    if ((meaning & (FRAME_CONTENT | FRAME_FINISH)) !== 0) {
      this.content = true;
      if ((meaning & FRAME_FINISH) !== 0) {
        this.finished = true;
        this.#options.answer?.finished(data);
      }
    } else if ((meaning & FRAME_USAGE) !== 0 && !this.#options.keepUsage) {
      this.#edit(start, end, "");
      return;
    }
    if (data !== original) this.#edit(start, end, sseFrame(data, event));
  }

  /** Returns whether the frame is held; what was held before goes out in front of this one. */
  #holdFinish(
    data: string,
    original: string,
    event: string | undefined,
    meaning: number,
    start: number,
    end: number,
  ): boolean {
    if (!this.#calls && data.includes('"tool_calls":[{')) this.#calls = true;
    const held = this.#finish;
    this.#finish = undefined;
    let before = "";
    if (held !== undefined) {
      const more = (meaning & (FRAME_CONTENT | FRAME_FINISH)) !== 0 && choiceOf(data) === choiceOf(held.data);
      before = more ? withoutFinish(held.data) : held.text;
    }
    if ((meaning & FRAME_FINISH) !== 0) {
      this.content = true;
      this.finished = true;
      this.#ended.push(choiceOf(data));
      this.#finish = { data, text: sseFrame(data, event) };
      this.#edit(start, end, before);
      return true;
    }
    if ((meaning & FRAME_DONE) !== 0 && !this.finished && this.content) {
      this.finished = true;
      const id = asString(asObject(parseJson(this.#last))?.id);
      this.#options.encoder.push({ type: "start", ...(id === undefined ? {} : { id }) });
      before += this.#options.encoder.push({ type: "finish", choice: 0, reason: this.#calls ? "tool-calls" : "stop" });
    }
    if ((meaning & FRAME_DONE) === 0) this.#last = data;
    if (before === "") return false;
    if ((meaning & FRAME_DONE) !== 0) this.closed = true;
    if ((meaning & FRAME_CONTENT) !== 0) this.content = true;
    const dropped = (meaning & FRAME_USAGE) !== 0 && (meaning & FRAME_CONTENT) === 0 && !this.#options.keepUsage;
    this.#edit(start, end, dropped ? before : before + sseFrame(data, event));
    return original !== "";
  }

  #learnModel(text: string): void {
    const member = MODEL_MEMBER.exec(text)?.[0];
    if (member === undefined) return;
    this.#modelMember = member;
    this.#replacement = `"model":${JSON.stringify(this.#options.model)}`;
  }
}

/** The data of the last event that has any. */
function lastData(text: string): string {
  const at = text.lastIndexOf("\ndata:");
  const start = at < 0 ? text.indexOf("data:") : at + 1;
  if (start < 0) return "";
  const end = text.indexOf("\n", start);
  return text.slice(start + 5, end < 0 ? undefined : end).trim();
}

/** The number of the choice that a chunk speaks of. */
function choiceOf(data: string): string {
  return /"index"\s*:\s*(\d+)/.exec(data.slice(data.indexOf('"choices"')))?.[1] ?? "0";
}

/** The chunk with its finish reason taken back; nothing when it said nothing else. */
function withoutFinish(data: string): string {
  const body = parseJson(data);
  if (!isObject(body) || !Array.isArray(body.choices)) return sseFrame(data);
  const choices = (body.choices as readonly Json[]).map((choice) =>
    isObject(choice) ? { ...choice, finish_reason: null } : choice,
  );
  return sseFrame(JSON.stringify({ ...body, choices }));
}

export interface TranslatingOptions {
  readonly framer: Framer;
  readonly decoder: StreamDecoder;
  readonly encoder: StreamEncoder;
  readonly rewriter: FrameRewriter | undefined;
  /** Whether somebody asks for `textBytes`. */
  readonly metered: boolean;
}

/** Different formats: frames → events → the client's frames. */
export class TranslatingTap implements StreamTap {
  readonly #options: TranslatingOptions;
  content = false;
  finished = false;
  closed = false;
  failure: UpstreamFailure | undefined;
  usage: Usage | undefined;
  textLength = 0;
  textBytes = 0;
  readonly #ended = new Set<number>();

  constructor(options: TranslatingOptions) {
    this.#options = options;
  }

  push(chunk: Uint8Array): string {
    let text = "";
    for (const frame of this.#options.framer.push(chunk)) text += this.#decode(frame);
    return text;
  }

  end(): string {
    let text = "";
    for (const frame of this.#options.framer.end()) text += this.#decode(frame);
    text += this.#encode(this.#options.decoder.end());
    if (this.failure === undefined && !this.finished) {
      this.failure = { code: "api_connection", message: "the stream ended before the answer was complete" };
    }
    if (this.failure === undefined) text += this.#options.encoder.end();
    return text;
  }

  error(error: GatewayError): string {
    return this.#options.encoder.error(error);
  }

  endEarly({ usage, choices }: EarlyEnd): string {
    const events: StreamEvent[] = [];
    for (let choice = 0; choice < choices; choice++) {
      if (!this.#ended.has(choice)) events.push({ type: "finish", choice, reason: "length" });
    }
    return this.#encode([...events, { type: "usage", usage }]) + this.#options.encoder.end();
  }

  #decode(frame: Frame): string {
    const data = rewritten(frame.data, this.#options.rewriter);
    return this.#encode(this.#options.decoder.push(data === frame.data ? frame : { ...frame, data }));
  }

  /** A whole answer as the stream that it would have been, trailer included. */
  replay(events: readonly StreamEvent[]): string {
    return this.#encode(events) + this.#options.encoder.end();
  }

  #encode(events: readonly StreamEvent[]): string {
    let text = "";
    for (const event of events) {
      if (this.failure !== undefined) return text;
      if (event.type === "error") {
        this.failure = event.error;
        return text;
      }
      if (event.type === "usage") this.usage = event.usage;
      else if (event.type === "start" && event.usage !== undefined) this.usage = event.usage;
      else if (event.type === "delta") this.#grow(event.text);
      else if (event.type === "finish") this.#finish(event.choice);
      if (!this.content && isContent(event)) this.content = true;
      text += this.#options.encoder.push(event);
    }
    return text;
  }

  #grow(text: string): void {
    this.textLength += text.length;
    if (this.#options.metered) this.textBytes += Buffer.byteLength(text);
  }

  #finish(choice: number): void {
    this.finished = true;
    this.#ended.add(choice);
  }
}
