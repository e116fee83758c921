import { textSide } from "../bedrock-invoke/text-answer.ts";
import type { Format } from "../format.ts";
import { providerOnly } from "../provider-only.ts";
import { AI21_ANSWER } from "./answer.ts";
import { encodeRequest } from "./request.ts";

/**
 * AI21 Jurassic-2 over InvokeModel; it does not stream
 * (https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-jurassic2.html, 2026-11-24).
 */
export const bedrockAi21: Format = providerOnly({
  id: "bedrock-ai21",
  inUrl: true,
  encodeRequest,
  ...textSide(AI21_ANSWER),
});
