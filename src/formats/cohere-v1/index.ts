import { decodeError } from "../cohere/errors.ts";
import type { Format } from "../format.ts";
import { providerOnly } from "../provider-only.ts";
import { encodeRequest } from "./request.ts";
import { decodeResponse, readUsage } from "./response.ts";
import { CohereV1StreamDecoder } from "./stream.ts";

/** Cohere's Chat API, version 1: for models and servers that know no other (https://docs.cohere.com/v1/reference/chat). */
export const cohereV1: Format = providerOnly({
  id: "cohere-v1",
  encodeRequest,
  decodeResponse,
  createStreamDecoder: () => new CohereV1StreamDecoder(),
  decodeError,
  readUsage: (body) => readUsage(body),
});
