import type { Format } from "../format.ts";
import { TgiStreamDecoder } from "../huggingface-generate/stream.ts";
import { providerOnly } from "../provider-only.ts";
import { decodeError } from "./errors.ts";
import { encodeRequest } from "./request.ts";
import { decodeResponse, readUsage } from "./response.ts";

/** Text generation behind SageMaker endpoints; streams are TGI's, once their event stream is unwrapped. */
export const sagemakerGenerate: Format = providerOnly({
  id: "sagemaker-generate",
  encodeRequest,
  decodeResponse,
  createStreamDecoder: (context) => new TgiStreamDecoder(context),
  decodeError,
  readUsage,
});
