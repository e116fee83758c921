import type { Format } from "../format.ts";
import { providerOnly } from "../provider-only.ts";
import { decodeError } from "./errors.ts";
import { encodeRequest } from "./request.ts";
import { decodeResponse, readUsage } from "./response.ts";
import { TgiStreamDecoder } from "./stream.ts";

/** Text generation as TGI servers and Hugging Face's task endpoints speak it. */
export const huggingfaceGenerate: Format = providerOnly({
  id: "huggingface-generate",
  encodeRequest,
  decodeResponse,
  createStreamDecoder: (context) => new TgiStreamDecoder(context),
  decodeError,
  readUsage,
});
