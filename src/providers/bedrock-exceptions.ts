import { ERROR_CODES, type UpstreamFailure } from "../errors/gateway-error.ts";
import { exceptionFailure, refineFailure } from "../formats/bedrock-invoke/errors.ts";
import { asString, type JsonObject } from "../json/json.ts";

/** An exception inside a Bedrock stream, in the words of the format whose events the stream otherwise holds. */
export function exceptionFrame(frame: JsonObject): JsonObject {
  const type = asString(frame.__type);
  if (type === undefined) return frame;
  const failure = exceptionFailure(type, JSON.stringify(frame));
  // Anthropic Messages reads `type` and `error`, Chat Completions `error` alone.
  const { anthropicType } = ERROR_CODES[failure.code];
  return { type: "error", error: { type: anthropicType, message: failure.message, code: type } };
}

/** What Bedrock's sentences and statuses mean, whatever format the refused call had. */
export function classifyBedrockError(failure: UpstreamFailure, status: number, body: string): UpstreamFailure {
  return refineFailure(failure, status, body);
}
