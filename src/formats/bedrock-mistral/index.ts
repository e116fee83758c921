import { textSide } from "../bedrock-invoke/text-answer.ts";
import type { Format } from "../format.ts";
import { providerOnly } from "../provider-only.ts";
import { MISTRAL_ANSWER } from "./answer.ts";
import { encodeRequest } from "./request.ts";

/**
 * Mistral's text completion over InvokeModel
 * (https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-mistral-text-completion.html, 2026-11-24).
 */
export const bedrockMistral: Format = providerOnly({
  id: "bedrock-mistral",
  inUrl: true,
  encodeRequest,
  ...textSide(MISTRAL_ANSWER),
});
