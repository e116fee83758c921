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
  502: "bad_gateway",
  503: "service_unavailable",
  504: "gateway_timeout",
  524: "gateway_timeout",
  529: "overloaded",
};

/** What an upstream status means when nothing more is known. */
export function codeOfStatus(status: number): ErrorCode {
  return CODES[status] ?? (status >= 500 ? "internal" : "invalid_request");
}
