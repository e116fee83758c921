import { textSide } from "../bedrock-invoke/text-answer.ts";
import type { Format } from "../format.ts";
import { providerOnly } from "../provider-only.ts";
import { COHERE_ANSWER } from "./answer.ts";
import { encodeRequest } from "./request.ts";

/**
 * Cohere Command and Command R over InvokeModel
 * (https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-cohere-command.html and
 * …/model-parameters-cohere-command-r-plus.html, 2026-11-24).
 */
export const bedrockCohere: Format = providerOnly({
  id: "bedrock-cohere",
  inUrl: true,
  encodeRequest,
  ...textSide(COHERE_ANSWER),
});
