import type { FormatId } from "../../formats/conversation.ts";
import type { StreamObserver } from "../../formats/format.ts";
import { formatById } from "../../formats/registry.ts";
import { isObject, type JsonObject, parseJson } from "../../json/json.ts";
import { operationUsage } from "../../providers/operation-usage.ts";
import type { Operation } from "../../providers/provider.ts";
import { framerFor } from "../../upstream/framer.ts";
import type { Framer } from "../../upstream/sse.ts";
import type { Usage } from "../../usage/usage.ts";

/** In which language an answer is written, by the end of the request's path. */
export type AnswerShape = { readonly format: FormatId } | { readonly operation: Operation };

const SHAPES: readonly (readonly [RegExp, AnswerShape])[] = [
  [/\/?chat\/completions$/, { format: "openai-chat" }],
  [/\/?responses$/, { format: "openai-responses" }],
  [/\/?embeddings$/, { operation: "embeddings" }],
  [/\/?images\/(?:generations|edits|variations)$/, { operation: "image-generation" }],
  [/\/?audio\/transcriptions$/, { operation: "transcription" }],
  [/\/?audio\/speech$/, { operation: "speech" }],
  [/\/?completions$/, { format: "openai-completions" }],
  [/\/?messages$|:(?:streamR|r)awPredict$/, { format: "anthropic-messages" }],
  [/:(?:streamG|g)enerateContent$/, { format: "gemini" }],
  [/\/converse(?:-stream)?$/, { format: "bedrock-converse" }],
  [/\/invoke(?:-with-response-stream)?$/, { format: "anthropic-messages" }],
  [/(?:^|\/)v2\/chat$/, { format: "cohere" }],
  [/(?:^|\/)v[12]\/rerank$/, { operation: "rerank" }],
  [/(?:^|\/)v2\/embed$/, { operation: "embeddings" }],
];

/** What an answer to this path is written in; undefined when nothing in it is billed by the token. */
export function answerShape(path: string): AnswerShape | undefined {
  return SHAPES.find(([pattern]) => pattern.test(path))?.[1];
}

/** Answers that are longer are not read for what they cost. */
const LONGEST_READ = 8 * 1024 * 1024;

export interface ReaderOptions {
  readonly shape: AnswerShape;
  readonly provider: string;
  readonly model: string;
  readonly contentType: string;
  /** The request's fields. */
  readonly fields: JsonObject;
}

/** Reads on the side what an answer consumed while its bytes pass through untouched. */
export class UsageReader {
  readonly #options: ReaderOptions;
  readonly #framer: Framer | undefined;
  readonly #observer: StreamObserver | undefined;
  readonly #decoder = new TextDecoder();
  #text = "";
  #tooLong = false;

  constructor(options: ReaderOptions) {
    this.#options = options;
    const { shape, contentType, provider, model } = options;
    const framing = contentType.includes("event-stream")
      ? contentType.includes("amazon")
        ? "aws-event-stream"
        : "sse"
      : undefined;
    if (framing === undefined || !("format" in shape)) return;
    this.#framer = framerFor(framing);
    this.#observer = formatById(shape.format).createStreamObserver({ provider, owner: "openai", model });
  }

  push(chunk: Uint8Array): void {
    if (this.#framer !== undefined) {
      for (const { data, event } of this.#framer.push(chunk)) this.#observer?.observe(data, event);
      return;
    }
    if (this.#tooLong) return;
    this.#text += this.#decoder.decode(chunk, { stream: true });
    if (this.#text.length <= LONGEST_READ) return;
    this.#tooLong = true;
    this.#text = "";
  }

  /** UTF-16 length of the visible text of a stream, for the estimate of one that was cut off. */
  get textLength(): number {
    return this.#observer?.textLength ?? 0;
  }

  /** What the answer says that it consumed; undefined when it does not say. */
  end(): Usage | undefined {
    if (this.#framer !== undefined) {
      for (const { data, event } of this.#framer.end()) this.#observer?.observe(data, event);
      return this.#observer?.usage;
    }
    const { shape, provider, model, fields } = this.#options;
    const parsed = this.#tooLong ? undefined : parseJson(this.#text + this.#decoder.decode());
    if ("operation" in shape) {
      return operationUsage({ operation: shape.operation, fields }, isObject(parsed) ? parsed : undefined);
    }
    const format = formatById(shape.format);
    // Google writes a stream as one JSON list unless asked for events; the last part has the whole usage.
    const last = Array.isArray(parsed) ? parsed.findLast(isObject) : parsed;
    return isObject(last) ? format.readUsage(last, { provider, owner: "openai", model }) : undefined;
  }
}
