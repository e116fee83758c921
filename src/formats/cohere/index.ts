import type { Format } from "../format.ts";
import { decodeError, encodeError } from "./errors.ts";
import { ANSWERS } from "./expressible.ts";
import { CohereStreamObserver, readUsage } from "./observer.ts";
import { decodeRequest } from "./request-decode.ts";
import { encodeRequest } from "./request-encode.ts";
import { decodeResponse, encodeResponse } from "./response.ts";
import { CohereStreamDecoder } from "./stream-decoder.ts";
import { CohereStreamEncoder } from "./stream-encoder.ts";

/** Cohere's Chat API, version 2 (https://docs.cohere.com/reference/chat, 2026-11-24). */
export const cohere: Format = {
  id: "cohere",
  answers: ANSWERS,
  decodeRequest,
  encodeRequest,
  decodeResponse,
  encodeResponse,
  createStreamDecoder: () => new CohereStreamDecoder(),
  createStreamEncoder: (context) => new CohereStreamEncoder(context),
  decodeError,
  encodeError,
  readUsage,
  createStreamObserver: () => new CohereStreamObserver(),
};
