import type { Format } from "../format.ts";
import { decodeError, encodeError } from "../openai-chat/errors.ts";
import { usageOf } from "../openai-chat/usage.ts";
import { ANSWERS } from "./expressible.ts";
import { CompletionsStreamObserver } from "./observer.ts";
import { decodeRequest } from "./request-decode.ts";
import { encodeRequest } from "./request-encode.ts";
import { decodeResponse, encodeResponse } from "./response.ts";
import { CompletionsStreamDecoder } from "./stream-decoder.ts";
import { CompletionsStreamEncoder } from "./stream-encoder.ts";

/** OpenAI's legacy text completions (https://platform.openai.com/docs/api-reference/completions, 2026-11). */
export const openaiCompletions: Format = {
  id: "openai-completions",
  answers: ANSWERS,
  decodeRequest,
  encodeRequest,
  decodeResponse,
  encodeResponse,
  createStreamDecoder: () => new CompletionsStreamDecoder(),
  createStreamEncoder: (context) => new CompletionsStreamEncoder(context),
  decodeError,
  encodeError,
  readUsage: usageOf,
  createStreamObserver: () => new CompletionsStreamObserver(),
};
