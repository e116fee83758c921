import { UpstreamError } from "../errors/gateway-error.ts";
import { reportLostInAnswer } from "../formats/answer-words.ts";
import { assemble } from "../formats/assemble.ts";
import type { StreamEvent } from "../formats/conversation.ts";
import type { AnswerContext, Format, ResponseContext } from "../formats/format.ts";
import { replay } from "../formats/replay.ts";
import { isObject, type JsonObject, parseJson } from "../json/json.ts";
import { framerFor } from "../upstream/framer.ts";
import { type AnswerExtras, answerExtras } from "./answer-extras.ts";
import type { Settings } from "./call-options.ts";
import { type PreparedConversation, prepareConversation } from "./prepare-conversation.ts";
import { sendOnce, withFallbacks, withRetries } from "./send.ts";

/** An answer in the client's format, with what it cost. */
export type Answer = JsonObject & { readonly isthmus: AnswerExtras };

/** Pieces in the client's format, in order; `isthmus` is there when the last one has come. */
export interface AnswerStream extends AsyncIterable<JsonObject> {
  readonly isthmus: AnswerExtras | undefined;
}

/** Asks for a whole answer, in the words of any client format. */
export function converse(client: Format, model: string, body: JsonObject, settings: Settings): Promise<Answer> {
  return withFallbacks(model, settings, (name, own) =>
    withRetries(own, async () => {
      const prepared = prepareConversation(client, name, { ...body, stream: false }, own);
      const response = await sendOnce(prepared, own);
      const decoded = decodeWhole(prepared, await response.text());
      if (client.answers !== undefined) reportLostInAnswer(decoded, client.answers, prepared.call.report);
      return {
        ...client.encodeResponse(decoded, writing(prepared, name)),
        isthmus: answerExtras(name, prepared.entry, prepared.call.report, decoded.usage),
      } as unknown as Answer;
    }),
  );
}

/** Asks for a stream; resolves when its first piece is there, so that what fails before it is tried again. */
export function converseStreamed(
  client: Format,
  model: string,
  body: JsonObject,
  settings: Settings,
): Promise<AnswerStream> {
  return withFallbacks(model, settings, (name, own) =>
    withRetries(own, async () => {
      const prepared = prepareConversation(client, name, { ...body, stream: true }, own);
      const stream = new ConversationStream(client, prepared, await sendOnce(prepared, own), name);
      await stream.begin();
      return stream;
    }),
  );
}

function reading({ provider, call, conversation }: PreparedConversation): ResponseContext {
  return {
    provider: provider.id,
    owner: typeof provider.owner === "string" ? provider.owner : provider.owner(call.model),
    model: call.model,
    request: conversation,
  };
}

function writing({ conversation }: PreparedConversation, model: string): AnswerContext {
  return {
    model,
    request: { ...conversation, includeUsage: true },
    fallbackId: `chatcmpl-${crypto.randomUUID()}`,
    now: Math.floor(Date.now() / 1000),
  };
}

function decodeWhole(prepared: PreparedConversation, text: string) {
  const parsed = parseJson(text);
  if (!isObject(parsed)) {
    throw new UpstreamError({
      code: "internal",
      message: "the provider answered with a body that is not a JSON object",
    });
  }
  const answer = prepared.endpoint.normaliseResponse?.(parsed, prepared.call) ?? parsed;
  return prepared.format.decodeResponse(answer, reading(prepared));
}

class ConversationStream implements AnswerStream {
  isthmus: AnswerExtras | undefined;
  readonly #client: Format;
  readonly #prepared: PreparedConversation;
  readonly #response: Response;
  readonly #model: string;
  readonly #pieces: AsyncIterator<JsonObject>;
  #first: IteratorResult<JsonObject> | undefined;

  constructor(client: Format, prepared: PreparedConversation, response: Response, model: string) {
    this.#client = client;
    this.#prepared = prepared;
    this.#response = response;
    this.#model = model;
    this.#pieces = this.#read();
  }

  async begin(): Promise<void> {
    this.#first = await this.#pieces.next();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<JsonObject> {
    try {
      const first = this.#first;
      this.#first = undefined;
      if (first !== undefined) {
        if (first.done === true) return;
        yield first.value;
      }
      for (let next = await this.#pieces.next(); next.done !== true; next = await this.#pieces.next()) yield next.value;
    } finally {
      // A caller that stops reading stops the provider.
      await this.#pieces.return?.();
    }
  }

  async *#read(): AsyncGenerator<JsonObject> {
    const encoder = this.#client.createStreamEncoder(writing(this.#prepared, this.#model));
    const seen: StreamEvent[] = [];
    for await (const events of this.#events()) {
      for (const event of events) {
        if (event.type === "error") throw new UpstreamError(event.error);
        if (event.type === "usage" || event.type === "start") seen.push(event);
        yield* piecesOf(encoder.push(event));
      }
    }
    const { entry, call } = this.#prepared;
    this.isthmus = answerExtras(this.#model, entry, call.report, assemble(seen).usage);
    yield* piecesOf(encoder.end());
  }

  async *#events(): AsyncIterable<StreamEvent[]> {
    const { format, endpoint, call } = this.#prepared;
    const type = this.#response.headers.get("content-type") ?? "";
    if (!call.stream || type.includes("application/json")) {
      yield replay(decodeWhole(this.#prepared, await this.#response.text()));
      return;
    }
    const framer = framerFor(endpoint.framing);
    const decoder = format.createStreamDecoder(reading(this.#prepared));
    const decode = (data: string, event: string | undefined): StreamEvent[] => {
      const frame = endpoint.normaliseFrame === undefined ? undefined : parseJson(data);
      const repaired = isObject(frame) ? JSON.stringify(endpoint.normaliseFrame?.(frame, call) ?? frame) : data;
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
      await reader?.cancel();
    }
  }
}

/** The JSON objects of server-sent events. */
function* piecesOf(wire: string): Iterable<JsonObject> {
  for (const frame of wire.split("\n\n")) {
    const data = frame.split("\n").find((line) => line.startsWith("data: {"));
    const piece = data === undefined ? undefined : parseJson(data.slice("data: ".length));
    if (isObject(piece)) yield piece;
  }
}
