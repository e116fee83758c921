import { ERROR_CODES, type ErrorCode, type GatewayError, type UpstreamFailure } from "../../errors/gateway-error.ts";
import { asArray, asNumber, asObject, asString, isObject, type JsonObject, parseJson } from "../../json/json.ts";

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: "invalid_request",
  401: "authentication",
  403: "permission_denied",
  404: "not_found",
  408: "timeout",
  409: "conflict",
  413: "request_too_large",
  422: "unprocessable",
  429: "rate_limit",
  499: "client_closed_request",
  500: "internal",
  502: "bad_gateway",
  503: "service_unavailable",
  504: "gateway_timeout",
  529: "overloaded",
};

const TOO_LONG = /exceeds the maximum number of tokens|input token count .*exceeds|request payload size exceeds/i;

/** Google's error body, plain or wrapped in an array, or whatever else came instead. */
export function decodeError(status: number, body: string, headers: Headers): UpstreamFailure {
  const parsed = parseJson(body);
  const holder = asObject(Array.isArray(parsed) ? parsed[0] : parsed);
  const error = asObject(holder?.error);
  const retryAfter = asNumber(Number(headers.get("retry-after") ?? "x"));
  if (error === undefined) {
    const said = asString(holder?.error) ?? asString(holder?.message) ?? body.trim();
    return {
      code: codeOf(status),
      message: said === "" ? `status ${status} without a body` : said.slice(0, 2000),
      upstreamStatus: status,
      body,
      ...(retryAfter === undefined ? {} : { retryAfter }),
    };
  }
  return {
    ...failureOf(error, status),
    upstreamStatus: status,
    body,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}

/** One error object. A wrong API key is a 400 of Google's and an authentication failure of everybody's. */
export function failureOf(error: JsonObject, status: number): UpstreamFailure {
  const message = asString(error.message) ?? `status ${status}`;
  const details = asArray(error.details).filter(isObject);
  const wrongKey = details.some((detail) => detail.reason === "API_KEY_INVALID") || /api key not valid/i.test(message);
  const code: ErrorCode = wrongKey
    ? "authentication"
    : status === 400 && TOO_LONG.test(message)
      ? "context_window_exceeded"
      : codeOf(status);
  const delay = details
    .map((detail) => /^([\d.]+)s$/.exec(asString(detail.retryDelay) ?? "")?.[1])
    .find((text) => text !== undefined);
  const upstreamCode = asString(error.status);
  return {
    code,
    message,
    upstreamStatus: wrongKey ? 401 : status,
    ...(upstreamCode === undefined ? {} : { upstreamCode }),
    ...(delay === undefined ? {} : { retryAfter: Number(delay) }),
  };
}

function codeOf(status: number): ErrorCode {
  return BY_STATUS[status] ?? (status >= 500 ? "internal" : "invalid_request");
}

/** An error in Google's envelope. */
export function encodeError(error: GatewayError, callId: string | undefined): JsonObject {
  return {
    error: {
      code: error.status,
      message: error.message,
      status: ERROR_CODES[error.code].googleStatus,
      ...(callId === undefined ? {} : { litellm_call_id: callId }),
    },
  };
}
