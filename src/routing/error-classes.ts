import type { ErrorCode } from "../errors/gateway-error.ts";

/** LiteLLM's names of error classes in its policies, without the ending `Retries` or `AllowedFails`. */
export const POLICY_CLASSES: Partial<Readonly<Record<ErrorCode, string>>> = {
  invalid_request: "BadRequestError",
  unsupported_params: "BadRequestError",
  unprocessable: "BadRequestError",
  authentication: "AuthenticationError",
  not_found: "NotFoundError",
  timeout: "TimeoutError",
  gateway_timeout: "TimeoutError",
  rate_limit: "RateLimitError",
  content_policy_violation: "ContentPolicyViolationError",
  internal: "InternalServerError",
  api_error: "InternalServerError",
  api_connection: "InternalServerError",
  bad_gateway: "BadGatewayError",
  service_unavailable: "ServiceUnavailableError",
  overloaded: "InternalServerError",
};

/** Classes that a policy may name on their own, and that otherwise count as internal server errors. */
const WIDER: Readonly<Record<string, string>> = {
  BadGatewayError: "InternalServerError",
  ServiceUnavailableError: "InternalServerError",
};

/** What a policy (`retry_policy`, `allowed_fails_policy`) says of a failure; undefined where it says nothing. */
export function policyFigure(
  policy: Readonly<Record<string, number>> | undefined,
  code: ErrorCode,
  ending: "Retries" | "AllowedFails",
): number | undefined {
  const name = POLICY_CLASSES[code];
  if (policy === undefined || name === undefined) return undefined;
  const wider = WIDER[name];
  return policy[`${name}${ending}`] ?? (wider === undefined ? undefined : policy[`${wider}${ending}`]);
}
