import { textSide } from "../bedrock-invoke/text-answer.ts";
import type { Format } from "../format.ts";
import { providerOnly } from "../provider-only.ts";
import { LLAMA_ANSWER } from "./answer.ts";
import { encodeRequest } from "./request.ts";

/**
 * Meta Llama over InvokeModel, and imported models that keep to its form
 * (https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-meta.html, 2026-11-24).
 */
export const bedrockLlama: Format = providerOnly({
  id: "bedrock-llama",
  inUrl: true,
  encodeRequest,
  ...textSide(LLAMA_ANSWER),
});
