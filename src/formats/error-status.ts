import type { ErrorCode } from "../errors/gateway-error.ts";

const CODES: Readonly<Record<number, ErrorCode>> = {
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
  499: "client_closed_request",
  502: "bad_gateway",
  503: "service_unavailable",
  504: "gateway_timeout",
  524: "gateway_timeout",
  529: "overloaded",
};

/** What a status of a provider means when its body says nothing more. */
export function codeOfStatus(status: number): ErrorCode {
  return CODES[status] ?? (status >= 500 ? "internal" : "invalid_request");
}

/** Seconds of a `retry-after` header that is a number or a date; undefined when there is none. */
export function retryAfterOf(headers: Headers, now: number = Date.now()): number | undefined {
  const text = headers.get("retry-after");
  if (text === null || text.trim() === "") return undefined;
  const seconds = Number(text);
  if (Number.isFinite(seconds)) return Math.max(seconds, 0);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(Math.ceil((date - now) / 1000), 0);
}
