import { decodeError } from "../bedrock-invoke/errors.ts";
import type { Format } from "../format.ts";
import { encodeError } from "./errors.ts";
import { ConverseStreamObserver, readUsage } from "./observer.ts";
import { decodeRequest } from "./request-decode.ts";
import { encodeRequest } from "./request-encode.ts";
import { decodeResponse, encodeResponse } from "./response.ts";
import { ConverseStreamDecoder } from "./stream-decoder.ts";
import { ConverseStreamEncoder } from "./stream-encoder.ts";
import { FORMAT } from "./types.ts";

/** Amazon Bedrock's Converse and ConverseStream (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, 2026-11). */
export const bedrockConverse: Format = {
  id: FORMAT,
  inUrl: true,
  decodeRequest,
  encodeRequest,
  decodeResponse,
  encodeResponse,
  createStreamDecoder: (context) => new ConverseStreamDecoder(context),
  createStreamEncoder: () => new ConverseStreamEncoder(),
  decodeError,
  encodeError,
  readUsage,
  createStreamObserver: () => new ConverseStreamObserver(),
};
