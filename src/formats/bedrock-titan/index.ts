import { textSide } from "../bedrock-invoke/text-answer.ts";
import type { Format } from "../format.ts";
import { providerOnly } from "../provider-only.ts";
import { TITAN_ANSWER } from "./answer.ts";
import { encodeRequest } from "./request.ts";

/**
 * Amazon Titan Text over InvokeModel
 * (https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-text.html, 2026-11-24).
 */
export const bedrockTitan: Format = providerOnly({
  id: "bedrock-titan",
  inUrl: true,
  encodeRequest,
  ...textSide(TITAN_ANSWER),
});
