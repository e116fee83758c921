import type { Format } from "../format.ts";
import { endStream } from "./end-stream.ts";
import { decodeError, encodeError } from "./errors.ts";
import { ANSWERS } from "./expressible.ts";
import { AnthropicStreamObserver, readUsage } from "./observer.ts";
import { decodeRequest } from "./request-decode.ts";
import { encodeRequest } from "./request-encode.ts";
import { decodeResponse, encodeResponse } from "./response.ts";
import { withoutForeignSealed } from "./sealed.ts";
import { AnthropicStreamDecoder } from "./stream-decoder.ts";
import { AnthropicStreamEncoder } from "./stream-encoder.ts";
import { FORMAT } from "./types.ts";

/** Anthropic's Messages API (https://platform.claude.com/docs/en/api/messages, 2026-11). */
export const anthropicMessages: Format = {
  id: FORMAT,
  answers: ANSWERS,
  withoutForeign: withoutForeignSealed,
  decodeRequest,
  encodeRequest,
  decodeResponse,
  encodeResponse,
  createStreamDecoder: (context) => new AnthropicStreamDecoder(context),
  createStreamEncoder: (context) => new AnthropicStreamEncoder(context),
  decodeError,
  encodeError,
  readUsage,
  endStream,
  createStreamObserver: () => new AnthropicStreamObserver(),
};
