import type { Format } from "../format.ts";
import { decodeError, encodeError } from "./errors.ts";
import { ANSWERS } from "./expressible.ts";
import { OllamaStreamObserver, readUsage } from "./observer.ts";
import { decodeRequest } from "./request-decode.ts";
import { encodeRequest } from "./request-encode.ts";
import { decodeResponse, encodeResponse } from "./response.ts";
import { OllamaStreamDecoder } from "./stream-decoder.ts";
import { OllamaStreamEncoder } from "./stream-encoder.ts";

/** Ollama's own chat API; streams are lines of JSON (https://docs.ollama.com/api/chat, 2026-11-24). */
export const ollama: Format = {
  id: "ollama",
  answers: ANSWERS,
  decodeRequest,
  encodeRequest,
  decodeResponse,
  encodeResponse,
  createStreamDecoder: (context) => new OllamaStreamDecoder(context),
  createStreamEncoder: (context) => new OllamaStreamEncoder(context),
  decodeError,
  encodeError: (error) => encodeError(error),
  readUsage,
  createStreamObserver: (context) => new OllamaStreamObserver(context),
};
