import type { Format } from "../format.ts";
import { providerOnly } from "../provider-only.ts";
import { decodeError } from "./errors.ts";
import { encodeRequest } from "./request.ts";
import { decodeResponse, readUsage } from "./response.ts";
import { ReplicateStreamDecoder } from "./stream.ts";

/** Conversations as Replicate's predictions (https://replicate.com/docs/reference/http, 2026-11-24). */
export const replicate: Format = providerOnly({
  id: "replicate",
  encodeRequest,
  decodeResponse,
  createStreamDecoder: (context) => new ReplicateStreamDecoder(context.model),
  decodeError,
  readUsage,
});
