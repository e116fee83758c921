import type { Format } from "../format.ts";
import { providerOnly } from "../provider-only.ts";
import { decodeError } from "./errors.ts";
import { encodeRequest } from "./request.ts";
import { decodeResponse } from "./response.ts";
import { TritonStreamDecoder } from "./stream.ts";

/** Text generation of NVIDIA's Triton Inference Server. */
export const triton: Format = providerOnly({
  id: "triton",
  encodeRequest,
  decodeResponse,
  createStreamDecoder: (context) => new TritonStreamDecoder(context),
  decodeError,
  readUsage: () => undefined,
});
