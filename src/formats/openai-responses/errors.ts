import type { ErrorCode, GatewayError, UpstreamFailure } from "../../errors/gateway-error.ts";
import { asNumber, asObject, asString, type JsonObject } from "../../json/json.ts";
import { failureOf } from "../openai-chat/errors.ts";

/** Statuses for the words of errors inside streams, which have none of their own. */
const STATUSES: Readonly<Record<string, number>> = {
  context_length_exceeded: 400,
  content_policy_violation: 400,
  invalid_prompt: 400,
  invalid_image: 400,
  invalid_request_error: 400,
  invalid_api_key: 401,
  authentication_error: 401,
  permission_error: 403,
  model_not_found: 404,
  not_found_error: 404,
  rate_limit_exceeded: 429,
  rate_limit_error: 429,
  insufficient_quota: 429,
  server_overloaded: 529,
  overloaded_error: 529,
};

/** The failure that an `error` event, flat or nested, or a `failed` answer reports. */
export function streamFailure(event: JsonObject): UpstreamFailure {
  const response = asObject(event.response);
  const { type, ...said } =
    response === undefined ? (asObject(event.error) ?? event) : (asObject(response.error) ?? {});
  const error = type === "error" || type === "response.failed" ? said : { type, ...said };
  const failure = failureOf({ error }, statusOf(error), "the provider reported an error without a message");
  const { upstreamStatus: _, ...rest } = failure;
  return rest;
}

function statusOf(error: JsonObject): number {
  const code = error.code ?? error.status_code;
  const number = asNumber(Number(code ?? Number.NaN));
  if (number !== undefined && number >= 400 && number < 600) return number;
  return STATUSES[asString(code) ?? ""] ?? STATUSES[asString(error.type) ?? ""] ?? 500;
}

/** The codes by which this API's own clients know what went wrong. */
const CODES: { readonly [C in ErrorCode]?: string } = {
  rate_limit: "rate_limit_exceeded",
  context_window_exceeded: "context_length_exceeded",
  content_policy_violation: "content_policy_violation",
  invalid_request: "invalid_prompt",
};

/** The error of a `response.failed` or `error` event. */
export function encodeStreamError(error: GatewayError): JsonObject {
  return { code: CODES[error.code] ?? "server_error", message: error.message };
}
