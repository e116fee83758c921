import type { UpstreamFailure } from "../../errors/gateway-error.ts";
import { asNumber, asObject, asString, type JsonObject, parseJson } from "../../json/json.ts";
import { retryAfterOf } from "../error-status.ts";
import { failureOf } from "../huggingface-generate/errors.ts";

/**
 * SageMaker's errors. A `ModelError` (424) stands for the container's own answer, which it carries
 * (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html, 2026-11-24).
 */
export function decodeError(status: number, body: string, headers: Headers): UpstreamFailure {
  const holder = asObject(parseJson(body)) ?? {};
  const retryAfter = retryAfterOf(headers);
  const original = originalOf(holder);
  const actual = original?.status ?? status;
  return {
    ...(original === undefined
      ? failureOf({ error: sentenceOf(holder) }, status, body)
      : failureOf(asObject(parseJson(original.message)) ?? {}, actual, original.message)),
    upstreamStatus: actual,
    body,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}

function originalOf(holder: JsonObject): { readonly status: number; readonly message: string } | undefined {
  const status = asNumber(holder.OriginalStatusCode);
  const message = asString(holder.OriginalMessage);
  if (status === undefined || message === undefined) return undefined;
  return { status, message };
}

function sentenceOf(holder: JsonObject): string | undefined {
  return asString(holder.message) ?? asString(holder.Message) ?? asString(holder.error);
}
