import type { ErrorCode, UpstreamFailure } from "../../errors/gateway-error.ts";
import { asArray, asObject, asString, type JsonObject, parseJson } from "../../json/json.ts";
import { codeOfStatus, retryAfterOf } from "../error-status.ts";

/** watsonx's own codes that say more than the status. */
const BY_CODE: Readonly<Record<string, ErrorCode>> = {
  token_quota_reached: "rate_limit",
  model_not_supported: "not_found",
  authentication_token_expired: "authentication",
  authentication_token_not_valid: "authentication",
};

/** `{errors: [{code, message}], trace, status_code}`. */
export function decodeError(status: number, body: string, headers: Headers): UpstreamFailure {
  const retryAfter = retryAfterOf(headers);
  return {
    ...failureOf(asObject(parseJson(body)) ?? {}, status, body),
    upstreamStatus: status,
    body,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}

/** One error object, from a body or from inside a stream. */
export function failureOf(error: JsonObject, status: number, raw: string): UpstreamFailure {
  const first = asObject(asArray(error.errors)[0]);
  const said = asString(first?.message) ?? asString(error.message) ?? asString(error.error) ?? raw.trim();
  const message = said === "" ? `status ${status} without a body` : said.slice(0, 2000);
  const upstreamCode = asString(first?.code);
  return {
    code: codeOf(message, upstreamCode, status),
    message,
    ...(upstreamCode === undefined ? {} : { upstreamCode }),
  };
}

function codeOf(message: string, code: string | undefined, status: number): ErrorCode {
  if (
    /exceed(?:s|ed)? (?:the )?(?:maximum|max(?:imum)? number|context)|maximum (?:sequence|context) length/i.test(
      message,
    )
  ) {
    return "context_window_exceeded";
  }
  const known = code === undefined ? undefined : BY_CODE[code];
  // A dependency that failed on the request's own account.
  return known ?? (status === 424 ? "invalid_request" : codeOfStatus(status));
}
