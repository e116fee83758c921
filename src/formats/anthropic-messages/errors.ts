import { ERROR_CODES, type ErrorCode, type GatewayError, type UpstreamFailure } from "../../errors/gateway-error.ts";
import { asObject, asString, type JsonObject, parseJson } from "../../json/json.ts";

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

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: "invalid_request",
  401: "authentication",
  402: "permission_denied",
  403: "permission_denied",
  404: "not_found",
  408: "timeout",
  409: "conflict",
  413: "request_too_large",
  422: "unprocessable",
  429: "rate_limit",
  500: "internal",
  502: "bad_gateway",
  503: "service_unavailable",
  504: "gateway_timeout",
  529: "overloaded",
};

const TOO_LONG =
  /prompt is too long|prompt: length|input length and `max_tokens` exceed context limit|exceed(?:s|ed)? (?:the )?(?:model's )?context (?:window|limit|length)/i;
const POLICY = /content filtering policy/i;
const NO_CREDIT = /credit balance is too low/i;

/** Anthropic's error body, or whatever a proxy in between sent instead of it. */
export function decodeError(status: number, body: string, headers: Headers): UpstreamFailure {
  const parsed = asObject(parseJson(body));
  const error = asObject(parsed?.error);
  const retryAfter = retryAfterSeconds(headers);
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
  const byStatus = status === undefined ? undefined : BY_STATUS[status];
  const byType = BY_TYPE[type ?? ""];
  // A 500 with `overloaded_error` is an overload; otherwise the status is what intermediaries agree on.
  if (byType === "overloaded" || byStatus === undefined) {
    return byType ?? (status !== undefined && status < 500 ? "invalid_request" : "internal");
  }
  return byStatus;
}

function retryAfterSeconds(headers: Headers): number | undefined {
  const milliseconds = Number.parseFloat(headers.get("retry-after-ms") ?? "");
  if (Number.isFinite(milliseconds)) return milliseconds / 1000;
  const given = headers.get("retry-after");
  if (given === null) return undefined;
  const seconds = Number(given);
  if (Number.isFinite(seconds)) return seconds;
  const date = Date.parse(given);
  return Number.isNaN(date) ? undefined : Math.max((date - Date.now()) / 1000, 0);
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
