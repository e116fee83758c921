import type { GatewayError } from "../../errors/gateway-error.ts";
import type { JsonObject } from "../../json/json.ts";
import { sseFrame } from "../../upstream/sse.ts";
import type { StreamEvent } from "../conversation.ts";
import type { AnswerContext, StreamEncoder } from "../format.ts";
import { AnswerWriter } from "./answer-writer.ts";
import { encodeStreamError } from "./errors.ts";

/** A streamed answer in the API's own order of events, numbered from 0. There is no `[DONE]`. */
export class ResponsesStreamEncoder implements StreamEncoder {
  readonly #writer: AnswerWriter;
  #text = "";
  #sequence = 0;
  #ended = false;

  constructor(context: AnswerContext) {
    this.#writer = new AnswerWriter(context, (type, members) => {
      this.#write(type, members);
    });
  }

  push(event: StreamEvent): string {
    if (this.#ended) return "";
    this.#writer.push(event);
    return this.#take();
  }

  end(): string {
    if (this.#ended) return "";
    this.#ended = true;
    this.#writer.finish();
    return this.#take();
  }

  error(error: GatewayError): string {
    if (this.#ended) return "";
    this.#ended = true;
    if (this.#writer.begun) this.#writer.fail(encodeStreamError(error));
    else this.#write("error", { ...encodeStreamError(error), param: error.param ?? null });
    return this.#take();
  }

  #write(type: string, members: JsonObject): void {
    this.#text += sseFrame(JSON.stringify({ type, sequence_number: this.#sequence++, ...members }), type);
  }

  #take(): string {
    const text = this.#text;
    this.#text = "";
    return text;
  }
}
