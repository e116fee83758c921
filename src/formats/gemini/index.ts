import type { Format } from "../format.ts";
import { decodeError, encodeError } from "./errors.ts";
import { ANSWERS } from "./expressible.ts";
import { GeminiStreamObserver, readUsage } from "./observer.ts";
import { decodeRequest } from "./request-decode.ts";
import { encodeRequest } from "./request-encode.ts";
import { decodeResponse, encodeResponse } from "./response.ts";
import { GeminiStreamDecoder } from "./stream-decoder.ts";
import { GeminiStreamEncoder } from "./stream-encoder.ts";

/** Google's generateContent, as AI Studio and Vertex AI speak it (ai.google.dev/api/generate-content, 2026-11). */
export const gemini: Format = {
  id: "gemini",
  answers: ANSWERS,
  inUrl: true,
  decodeRequest,
  encodeRequest,
  decodeResponse,
  encodeResponse,
  createStreamDecoder: () => new GeminiStreamDecoder(),
  createStreamEncoder: (context) => new GeminiStreamEncoder(context),
  decodeError,
  encodeError,
  readUsage,
  createStreamObserver: () => new GeminiStreamObserver(),
};
