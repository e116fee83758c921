import type { Format } from "../format.ts";
import { providerOnly } from "../provider-only.ts";
import { decodeError } from "./errors.ts";
import { encodeRequest } from "./request.ts";
import { decodeResponse, readUsage } from "./response.ts";
import { WatsonxStreamDecoder } from "./stream.ts";

/** Text generation of IBM watsonx.ai. */
export const watsonxGenerate: Format = providerOnly({
  id: "watsonx-generate",
  encodeRequest,
  decodeResponse,
  createStreamDecoder: (context) => new WatsonxStreamDecoder(context),
  decodeError,
  readUsage: (body) => readUsage(body),
});
