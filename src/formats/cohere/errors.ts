import type { ErrorCode, GatewayError, UpstreamFailure } from "../../errors/gateway-error.ts";
import { asObject, asString, type JsonObject, parseJson } from "../../json/json.ts";

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  401: "authentication",
  402: "permission_denied",
  403: "permission_denied",
  404: "not_found",
  405: "method_not_allowed",
  408: "timeout",
  409: "conflict",
  413: "request_too_large",
  422: "unprocessable",
  429: "rate_limit",
  // Cohere's own: the token is not valid, and the client closed the request.
  498: "authentication",
  499: "client_closed_request",
  502: "bad_gateway",
  503: "service_unavailable",
  504: "gateway_timeout",
};

const TOO_LONG = /too many tokens|maximum (?:context|input|number of tokens)|context (?:length|window)/i;
const WRONG_KEY = /invalid api token|incorrect api key|no api key/i;

/** `{id, message}`, or whatever else came instead. */
export function decodeError(status: number, body: string, headers: Headers): UpstreamFailure {
  const holder = asObject(parseJson(body));
  const retryAfter = Number(headers.get("retry-after") ?? Number.NaN);
  return {
    ...failureOf(holder ?? {}, status, body),
    upstreamStatus: status === 498 ? 401 : status,
    body,
    ...(Number.isFinite(retryAfter) ? { retryAfter } : {}),
  };
}

/** One error object, from a body or from inside a stream. */
export function failureOf(error: JsonObject, status: number, raw: string): UpstreamFailure {
  const said =
    asString(error.message) ?? asString(error.error) ?? asString(asObject(error.error)?.message) ?? raw.trim();
  const message = said === "" ? `status ${status} without a body` : said.slice(0, 2000);
  const upstreamType = asString(error.error_type);
  return {
    code: codeOf(status, message),
    message,
    ...(upstreamType === undefined ? {} : { upstreamType }),
  };
}

function codeOf(status: number, message: string): ErrorCode {
  if (status < 500 && status !== 429 && TOO_LONG.test(message)) return "context_window_exceeded";
  if (status === 400 && WRONG_KEY.test(message)) return "authentication";
  return BY_STATUS[status] ?? (status >= 500 ? "internal" : "invalid_request");
}

/** An error as Cohere's clients read it. */
export function encodeError(error: GatewayError, callId: string | undefined): JsonObject {
  return { ...(callId === undefined ? {} : { id: callId }), message: error.message };
}
