import { formatDollars } from "../pricing/cost.ts";
import type { Deployment } from "../snapshot/snapshot.ts";
import { providerHeaders } from "./attempt.ts";
import type { Gateway } from "./gateway.ts";
import { type RequestContext, visibleCallId } from "./request-context.ts";
import type { Settlement } from "./settlement.ts";

/** LiteLLM's version whose HTTP contract is kept; clients look at it. */
export const LITELLM_CONTRACT_VERSION = "1.106.2";

/** The headers of every answer of a model route, successful or not. */
export function callHeaders(context: RequestContext): Record<string, string> {
  return { "x-litellm-call-id": visibleCallId(context), "x-litellm-version": LITELLM_CONTRACT_VERSION };
}

/** The headers of a successful answer. */
export function answerHeaders(
  gateway: Gateway,
  context: RequestContext,
  deployment: Deployment,
  upstreamHeaders: Headers,
  settlement: Settlement,
  upstreamMs: number,
  changes: string | undefined,
): Record<string, string> {
  const headers = providerHeaders(upstreamHeaders);
  const elapsed = performance.now() - context.startedClock;
  headers["x-litellm-call-id"] = visibleCallId(context);
  headers["x-litellm-version"] = LITELLM_CONTRACT_VERSION;
  headers["x-isthmus-version"] = gateway.version;
  headers["x-litellm-model-id"] = deployment.id;
  headers["x-litellm-model-group"] = context.requestedModel;
  headers["x-litellm-model-name"] = deployment.litellmModel;
  if (deployment.target.base !== "") headers["x-litellm-model-api-base"] = deployment.target.base;
  headers["x-litellm-attempted-retries"] = String(settlement.attempts.length - 1);
  headers["x-litellm-attempted-fallbacks"] = "0";
  headers["x-litellm-response-duration-ms"] = elapsed.toFixed(3);
  headers["x-litellm-overhead-duration-ms"] = Math.max(elapsed - upstreamMs, 0).toFixed(3);
  if (context.stream) {
    headers["x-litellm-key-spend"] = "0.0";
    headers["content-type"] = "text/event-stream; charset=utf-8";
    headers["cache-control"] = "no-cache";
    headers["x-accel-buffering"] = "no";
  } else {
    const cost = settlement.price === "unknown" ? undefined : formatDollars(settlement.cost);
    if (cost !== undefined) {
      headers["x-litellm-response-cost"] = cost;
      headers["x-litellm-key-spend"] = cost;
    }
    headers["content-type"] = "application/json";
  }
  if (changes !== undefined) headers["x-isthmus-parameters"] = changes;
  return headers;
}
