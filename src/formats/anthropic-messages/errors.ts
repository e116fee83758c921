import { ERROR_CODES, type ErrorCode, type GatewayError, type UpstreamFailure } from "../../errors/gateway-error.ts";
import { asObject, asString, type JsonObject, parseJson } from "../../json/json.ts";
import { codeOfStatus, retryAfterOf } from "../error-status.ts";

/** https://platform.claude.com/docs/en/api/errors (2026-11) */
const BY_TYPE: Readonly<Record<string, ErrorCode>> = {
  invalid_request_error: "invalid_request",
  authentication_error: "authentication",
  billing_error: "permission_denied",
  permission_error: "permission_denied",
  not_found_error: "not_found",
  request_too_large: "request_too_large",
  rate_limit_error: "rate_limit",
  api_error: "internal",
  timeout_error: "gateway_timeout",
  overloaded_error: "overloaded",
};

const TOO_LONG =
  /prompt is too long|prompt: length|input length and `max_tokens` exceed context limit|exceed(?:s|ed)? (?:the )?(?:model's )?context (?:window|limit|length)/i;
const POLICY = /content filtering policy/i;
const NO_CREDIT = /credit balance is too low/i;

/** Anthropic's error body, or whatever a proxy in between sent instead of it. */
export function decodeError(status: number, body: string, headers: Headers): UpstreamFailure {
  const parsed = asObject(parseJson(body));
  const error = asObject(parsed?.error);
  const milliseconds = Number.parseFloat(headers.get("retry-after-ms") ?? "");
  const retryAfter = Number.isFinite(milliseconds) ? milliseconds / 1000 : retryAfterOf(headers);
  const failure =
    error === undefined
      ? {
          code: codeOf(status, undefined, body),
          message:
            asString(parsed?.error) ??
            asString(parsed?.message) ??
            asString(parsed?.detail) ??
            (body.trim().slice(0, 2000) || `status ${status} without a body`),
        }
      : failureOf(error, status);
  // The header overrules what the status would say.
  const said = headers.get("x-should-retry");
  return {
    ...failure,
    upstreamStatus: status,
    body,
    ...(retryAfter === undefined ? {} : { retryAfter }),
    ...(said === "true" ? { retryable: true } : said === "false" ? { retryable: false } : {}),
  };
}

/** One `error` object. In a stream there is no status, and the type alone decides. */
export function failureOf(error: JsonObject, status: number | undefined): UpstreamFailure {
  const type = asString(error.type);
  const message = asString(error.message) ?? type ?? "the provider reported an error without a message";
  return {
    code: codeOf(status, type, message),
    message,
    ...(type === undefined ? {} : { upstreamType: type }),
    ...(NO_CREDIT.test(message) ? { retryable: false } : {}),
  };
}

function codeOf(status: number | undefined, type: string | undefined, message: string): ErrorCode {
  const client = status === undefined ? type === "invalid_request_error" : status >= 400 && status < 500;
  if (client && TOO_LONG.test(message)) return "context_window_exceeded";
  if (client && POLICY.test(message)) return "content_policy_violation";
  const byType = BY_TYPE[type ?? ""];
  if (status === undefined) return byType ?? "internal";
  // A 500 with `overloaded_error` is an overload; otherwise the status is what intermediaries agree on.
  return byType === "overloaded" ? byType : codeOfStatus(status);
}

/** An error in Anthropic's envelope. */
export function encodeError(error: GatewayError, callId: string | undefined): JsonObject {
  return {
    type: "error",
    error: {
      type: ERROR_CODES[error.code].anthropicType,
      message: error.message,
      ...(error.providerFields === undefined ? {} : { provider_specific_fields: error.providerFields }),
      ...(callId === undefined ? {} : { litellm_call_id: callId }),
    },
  };
}
