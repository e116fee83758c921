import { ERROR_CODES, GatewayError, type UpstreamError } from "../errors/gateway-error.ts";
import type { Provider } from "../providers/provider.ts";
import type { RequestContext } from "./request-context.ts";

/** LiteLLM names the class once more for these, and not for the others. */
const NAMED_ONCE = new Set(["BadRequestError", "UnsupportedParamsError"]);

/**
 * The error that a client sees for a provider's failure: LiteLLM's wording around the provider's own sentence, and the
 * status of the provider's answer, save Anthropic's 529, which clients know as 500.
 */
export function clientError(error: UpstreamError, provider: Provider, context: RequestContext): GatewayError {
  return providerError(error, provider, suffix(context));
}

/** The same with what the router adds at its end. */
export function providerError(error: UpstreamError, provider: Provider, suffix: string): GatewayError {
  const { failure } = error;
  const { litellmClass } = ERROR_CODES[failure.code];
  const upstream = failure.upstreamStatus;
  const status =
    upstream === undefined || upstream < 400 ? ERROR_CODES[failure.code].status : upstream > 504 ? 500 : upstream;
  const passesType = status === 400 || status === 422 || failure.upstreamType === "invalid_request_error";
  return new GatewayError(
    failure.code,
    `${wording(failure.code, litellmClass, provider)} - ${failure.message}${suffix}`,
    {
      status,
      param: passesType ? failure.param : undefined,
      type: passesType ? failure.upstreamType : undefined,
      headers: error.headers,
      cause: error,
    },
  );
}

function wording(code: string, litellmClass: string, provider: Provider): string {
  const source = provider.id === "anthropic" ? "AnthropicError" : `${provider.label}Exception`;
  switch (code) {
    case "context_window_exceeded":
      return `litellm.ContextWindowExceededError: litellm.BadRequestError: ContextWindowExceededError: ${source}`;
    case "content_policy_violation":
      return `litellm.BadRequestError: litellm.ContentPolicyViolationError: ContentPolicyViolationError: ${source}`;
    case "timeout":
      return "litellm.Timeout: APITimeoutError";
    default:
      return NAMED_ONCE.has(litellmClass) || provider.id === "anthropic"
        ? `litellm.${litellmClass}: ${source}`
        : `litellm.${litellmClass}: ${litellmClass}: ${source}`;
  }
}

function suffix(context: RequestContext): string {
  if (!context.snapshot.library.exposeRouterDebugInErrors || context.body.disable_fallbacks === true) return "";
  return `\n\nLiteLLM: model group '${context.requestedModel}' failed with the error above. No fallback was attempted.`;
}
