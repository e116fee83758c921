import type { Format } from "../format.ts";
import { decodeError, encodeError } from "./errors.ts";
import { ANSWERS } from "./expressible.ts";
import { ChatStreamObserver } from "./observer.ts";
import { decodeRequest } from "./request-decode.ts";
import { encodeRequest } from "./request-encode.ts";
import { decodeResponse, encodeResponse } from "./response.ts";
import { ChatStreamDecoder } from "./stream-decoder.ts";
import { ChatStreamEncoder } from "./stream-encoder.ts";
import { usageOf } from "./usage.ts";

/** OpenAI's Chat Completions (platform.openai.com/docs/api-reference/chat, 2026-11), and what the world made of it. */
export const openaiChat: Format = {
  id: "openai-chat",
  answers: ANSWERS,
  decodeRequest,
  encodeRequest,
  decodeResponse,
  encodeResponse,
  createStreamDecoder: (context) => new ChatStreamDecoder(context),
  createStreamEncoder: (context) => new ChatStreamEncoder(context),
  decodeError,
  encodeError,
  readUsage: usageOf,
  createStreamObserver: () => new ChatStreamObserver(),
};
