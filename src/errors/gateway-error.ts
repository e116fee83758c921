import type { Json } from "../json/json.ts";

/** What one error code means to each kind of client. */
interface ErrorMeaning {
  readonly status: number;
  /** The class name of LiteLLM's Python exceptions, which stands in messages as `litellm.<Class>`. */
  readonly litellmClass: string;
  /** `error.type` of OpenAI's envelope. */
  readonly openaiType: string;
  /** `error.type` of Anthropic's envelope. */
  readonly anthropicType: string;
  /** `error.status` of Google's envelope. */
  readonly googleStatus: string;
  /** Whether another attempt, on this or another deployment, may succeed. */
  readonly retryable: boolean;
}

const meaning = (
  status: number,
  litellmClass: string,
  openaiType: string,
  anthropicType: string,
  googleStatus: string,
  retryable = false,
): ErrorMeaning => ({ status, litellmClass, openaiType, anthropicType, googleStatus, retryable });

/** The closed set of error codes and what each means on every wire: the one table from code to HTTP. */
export const ERROR_CODES = {
  invalid_request: meaning(
    400,
    "BadRequestError",
    "invalid_request_error",
    "invalid_request_error",
    "INVALID_ARGUMENT",
  ),
  unsupported_params: meaning(
    400,
    "UnsupportedParamsError",
    "invalid_request_error",
    "invalid_request_error",
    "INVALID_ARGUMENT",
  ),
  context_window_exceeded: meaning(
    400,
    "ContextWindowExceededError",
    "invalid_request_error",
    "invalid_request_error",
    "INVALID_ARGUMENT",
  ),
  content_policy_violation: meaning(
    400,
    "ContentPolicyViolationError",
    "invalid_request_error",
    "invalid_request_error",
    "INVALID_ARGUMENT",
  ),
  authentication: meaning(
    401,
    "AuthenticationError",
    "authentication_error",
    "authentication_error",
    "UNAUTHENTICATED",
  ),
  permission_denied: meaning(403, "PermissionDeniedError", "permission_error", "permission_error", "PERMISSION_DENIED"),
  not_found: meaning(404, "NotFoundError", "invalid_request_error", "not_found_error", "NOT_FOUND"),
  method_not_allowed: meaning(
    405,
    "BadRequestError",
    "invalid_request_error",
    "invalid_request_error",
    "INVALID_ARGUMENT",
  ),
  timeout: meaning(408, "Timeout", "invalid_request_error", "timeout_error", "DEADLINE_EXCEEDED", true),
  conflict: meaning(409, "BadRequestError", "invalid_request_error", "invalid_request_error", "ABORTED", true),
  request_too_large: meaning(413, "BadRequestError", "invalid_request_error", "request_too_large", "INVALID_ARGUMENT"),
  unprocessable: meaning(
    422,
    "UnprocessableEntityError",
    "invalid_request_error",
    "invalid_request_error",
    "INVALID_ARGUMENT",
  ),
  budget_exceeded: meaning(422, "BudgetExceededError", "budget_exceeded", "rate_limit_error", "RESOURCE_EXHAUSTED"),
  rate_limit: meaning(429, "RateLimitError", "throttling_error", "rate_limit_error", "RESOURCE_EXHAUSTED", true),
  no_deployment: meaning(429, "RateLimitError", "rate_limit_error", "rate_limit_error", "RESOURCE_EXHAUSTED"),
  client_closed_request: meaning(499, "APIConnectionError", "invalid_request_error", "api_error", "CANCELLED"),
  internal: meaning(500, "InternalServerError", "internal_server_error", "api_error", "INTERNAL", true),
  api_error: meaning(500, "APIError", "internal_server_error", "api_error", "INTERNAL", true),
  api_connection: meaning(500, "APIConnectionError", "internal_server_error", "api_error", "UNAVAILABLE", true),
  bad_gateway: meaning(502, "BadGatewayError", "internal_server_error", "api_error", "UNAVAILABLE", true),
  service_unavailable: meaning(
    503,
    "ServiceUnavailableError",
    "internal_server_error",
    "overloaded_error",
    "UNAVAILABLE",
    true,
  ),
  gateway_timeout: meaning(504, "Timeout", "internal_server_error", "timeout_error", "DEADLINE_EXCEEDED", true),
  overloaded: meaning(529, "InternalServerError", "internal_server_error", "overloaded_error", "UNAVAILABLE", true),
} as const satisfies Record<string, ErrorMeaning>;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface GatewayErrorOptions {
  /** HTTP status for the client, when it is not the code's own. */
  readonly status?: number | undefined;
  /** The request field at fault. */
  readonly param?: string | undefined;
  /** `error.type` for the client, when it is not the code's own (an upstream's type, `auth_error` …). */
  readonly type?: string | undefined;
  /** Extra response headers, such as `retry-after`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Rendered as `error.provider_specific_fields`. */
  readonly providerFields?: Json | undefined;
  readonly cause?: unknown;
}

/**
 * Every failure that a client may see. The code says what happened; the server renders it in the caller's format.
 * Messages never contain credentials.
 */
export class GatewayError extends Error {
  override readonly name: string = "GatewayError";
  readonly code: ErrorCode;
  readonly status: number;
  readonly param: string | undefined;
  readonly type: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly providerFields: Json | undefined;

  constructor(code: ErrorCode, message: string, options: GatewayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = options.status ?? ERROR_CODES[code].status;
    this.param = options.param;
    this.type = options.type ?? ERROR_CODES[code].openaiType;
    this.headers = options.headers ?? {};
    this.providerFields = options.providerFields;
  }

  get litellmClass(): string {
    return ERROR_CODES[this.code].litellmClass;
  }

  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }
}

export interface UpstreamFailure {
  readonly code: ErrorCode;
  /** The provider's own sentence, or the raw body where it has no sentence. */
  readonly message: string;
  /** The provider's HTTP status; undefined when no answer came. */
  readonly upstreamStatus?: number | undefined;
  /** `error.type` and `error.param` and `error.code` of the provider's body. */
  readonly upstreamType?: string | undefined;
  readonly param?: string | undefined;
  readonly upstreamCode?: string | undefined;
  /** Seconds to wait, from `retry-after` or `retry-after-ms`. */
  readonly retryAfter?: number | undefined;
  /** False where the provider says that the same call can never succeed (`insufficient_quota`). */
  readonly retryable?: boolean | undefined;
  /** The raw body, for clients of the same format. */
  readonly body?: string | undefined;
}

/** A failure that the provider reported, or that reaching the provider produced. */
export class UpstreamError extends GatewayError {
  override readonly name = "UpstreamError";
  readonly failure: UpstreamFailure;

  constructor(failure: UpstreamFailure, options: GatewayErrorOptions = {}) {
    super(failure.code, failure.message, {
      status:
        failure.upstreamStatus !== undefined && failure.upstreamStatus >= 400 ? failure.upstreamStatus : undefined,
      param: failure.param,
      type: failure.upstreamType,
      ...options,
    });
    this.failure = failure;
  }

  override get retryable(): boolean {
    return this.failure.retryable ?? super.retryable;
  }
}
