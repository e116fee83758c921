import type { Format } from "../format.ts";
import { decodeError, encodeError } from "../openai-chat/errors.ts";
import { endStream } from "./end-stream.ts";
import { ANSWERS } from "./expressible.ts";
import { ResponsesStreamObserver } from "./observer.ts";
import { withOwnItemsOnly } from "./own-items.ts";
import { decodeRequest } from "./request-decode.ts";
import { encodeRequest } from "./request-encode.ts";
import { decodeResponse, encodeResponse } from "./response.ts";
import { ResponsesStreamDecoder } from "./stream-decoder.ts";
import { ResponsesStreamEncoder } from "./stream-encoder.ts";
import { decodeUsage } from "./usage.ts";

/** OpenAI's Responses API (https://platform.openai.com/docs/api-reference/responses, 2026-11). */
export const openaiResponses: Format = {
  id: "openai-responses",
  answers: ANSWERS,
  withoutForeign: withOwnItemsOnly,
  decodeRequest,
  encodeRequest,
  decodeResponse,
  encodeResponse,
  createStreamDecoder: (context) => new ResponsesStreamDecoder(context),
  createStreamEncoder: (context) => new ResponsesStreamEncoder(context),
  decodeError,
  encodeError,
  readUsage: (body) => decodeUsage(body),
  endStream,
  createStreamObserver: () => new ResponsesStreamObserver(),
};
