import { type ErrorCode, GatewayError, UpstreamError } from "../errors/gateway-error.ts";
import type { RoutePlan } from "../routing/route-plan.ts";
import type { RequestContext } from "./request-context.ts";

/** Request fields that make the first group, or its first attempt, fail, and the failure that each pretends. */
const PRETENDED: readonly (readonly [field: string, code: ErrorCode])[] = [
  ["mock_testing_fallbacks", "internal"],
  ["mock_testing_context_fallbacks", "context_window_exceeded"],
  ["mock_testing_content_policy_fallbacks", "content_policy_violation"],
  ["mock_testing_rate_limit_error", "rate_limit"],
];

/** Lets a caller see what its fallbacks do; refused unless the configuration allows it. */
export function pretendFailure(plan: RoutePlan, context: RequestContext): void {
  const { body, snapshot } = context;
  const asked = PRETENDED.filter(([field]) => body[field] === true);
  const [first] = asked;
  if (first === undefined) return;
  if (snapshot.general.raw.dangerously_allow_mock_testing_request_params !== true) {
    throw new GatewayError(
      "invalid_request",
      `Mock testing request params are disabled on this proxy: ${asked.map(([field]) => field).join(", ")}. ` +
        "An admin can enable them by setting `general_settings.dangerously_allow_mock_testing_request_params: true`.",
    );
  }
  const [, code] = first;
  const limited = code === "rate_limit";
  const message = `This is a mock exception for model=${context.requestedModel}, to trigger a ${limited ? "rate limit error" : "fallback"}.`;
  const { provider } = plan.target.group.candidates[0]?.deployment ?? { provider: "openai" };
  const failure = { code, retryable: limited, error: new UpstreamError({ code, message }), provider };
  // A pretended rate limit is the first attempt's: retries follow as they would.
  if (limited) plan.pretend(failure);
  else plan.refuse(failure);
}
