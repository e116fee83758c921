import type { Lease } from "../admission/admission.ts";
import { formatDollars } from "../pricing/cost.ts";
import type { Deployment } from "../snapshot/snapshot.ts";
import type { UpstreamHeaders } from "../upstream/transport.ts";
import { autoHeaders } from "./auto-headers.ts";
import { shownFailures } from "./fallback-errors.ts";
import type { Gateway } from "./gateway.ts";
import { echoProviderHeaders } from "./provider-headers.ts";
import { type RequestContext, visibleCallId } from "./request-context.ts";
import { SECURITY_HEADERS } from "./security-headers.ts";
import type { Settlement } from "./settlement.ts";

/** LiteLLM's version whose HTTP contract is kept; clients look at it. */
export const LITELLM_CONTRACT_VERSION = "1.106.2";

/** The headers of every answer of a model route, successful or not. */
export function callHeaders(context: RequestContext): Record<string, string> {
  return { "x-litellm-call-id": visibleCallId(context), "x-litellm-version": LITELLM_CONTRACT_VERSION };
}

/** The headers that all answers of one deployment under one name share; copied, never changed. */
const shared = new WeakMap<Deployment, Map<string, Headers>>();
const MOST_NAMES = 1000;

function sharedHeaders(gateway: Gateway, context: RequestContext, deployment: Deployment): Headers {
  let byName = shared.get(deployment);
  if (byName === undefined) {
    byName = new Map();
    shared.set(deployment, byName);
  }
  const key = context.stream ? `${context.requestedModel}\n` : context.requestedModel;
  let headers = byName.get(key);
  if (headers === undefined) {
    headers = new Headers({
      ...SECURITY_HEADERS,
      "content-type": context.stream ? "text/event-stream; charset=utf-8" : "application/json",
      ...(context.stream
        ? { "cache-control": "no-cache", "x-accel-buffering": "no", "x-litellm-key-spend": "0.0" }
        : {}),
      "x-litellm-version": LITELLM_CONTRACT_VERSION,
      "x-isthmus-version": gateway.version,
      "x-litellm-model-id": headerText(deployment.id),
      "x-litellm-model-group": headerText(context.requestedModel),
      "x-litellm-model-name": headerText(deployment.litellmModel),
      ...(deployment.target.base === "" ? {} : { "x-litellm-model-api-base": headerText(deployment.target.base) }),
      "x-litellm-attempted-fallbacks": "0",
    });
    if (byName.size >= MOST_NAMES) byName.clear();
    byName.set(key, headers);
  }
  return headers;
}

/** Names come from callers and configurations; a header takes visible ASCII only. */
function headerText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?");
}

/** The headers of a successful answer. */
export function answerHeaders(
  gateway: Gateway,
  context: RequestContext,
  deployment: Deployment,
  upstreamHeaders: UpstreamHeaders,
  settlement: Settlement,
  upstreamMs: number,
  changes: string | undefined,
): Headers {
  const headers = new Headers(sharedHeaders(gateway, context, deployment));
  echoProviderHeaders(upstreamHeaders, headers, deployment);
  const elapsed = performance.now() - context.startedClock;
  headers.set("x-litellm-call-id", visibleCallId(context));
  const { route } = settlement;
  headers.set("x-litellm-attempted-retries", String(route?.retries ?? 0));
  if (route !== undefined && route.retries > 0) headers.set("x-litellm-max-retries", String(route.maxRetries));
  if (route !== undefined && route.fallbacks > 0) {
    headers.set("x-litellm-attempted-fallbacks", String(route.fallbacks));
    headers.set("x-litellm-max-fallbacks", String(route.maxFallbacks));
    const errors = shownFailures(context, route.failures);
    if (errors !== undefined) headers.set("x-litellm-fallback-errors", errors);
  }
  if (route?.decision !== undefined) autoHeaders(route.decision, headers);
  headers.set("x-litellm-response-duration-ms", String(Math.round(elapsed * 1000) / 1000));
  headers.set("x-litellm-overhead-duration-ms", String(Math.round(Math.max(elapsed - upstreamMs, 0) * 1000) / 1000));
  if (!context.stream && settlement.price !== "unknown") {
    const cost = formatDollars(settlement.cost);
    headers.set("x-litellm-response-cost", cost);
    if (settlement.lease === undefined) headers.set("x-litellm-key-spend", cost);
  }
  if (settlement.lease !== undefined) limitHeaders(context, settlement, settlement.lease, headers);
  if (context.streamFraming === "json-array") headers.set("content-type", "application/json");
  if (changes !== undefined) headers.set("x-isthmus-parameters", changes);
  return headers;
}

/** What the caller's limits are and what is left of them. */
function limitHeaders(context: RequestContext, settlement: Settlement, lease: Lease, headers: Headers): void {
  const keyLimits = context.principal.grant?.keyLimits;
  if (keyLimits?.maxBudget !== undefined) headers.set("x-litellm-key-max-budget", formatDollars(keyLimits.maxBudget));
  if (keyLimits?.rpm !== undefined) headers.set("x-litellm-key-rpm-limit", String(keyLimits.rpm));
  if (keyLimits?.tpm !== undefined) headers.set("x-litellm-key-tpm-limit", String(keyLimits.tpm));
  for (const { scope, requests, tokens, spent } of lease.remainders) {
    const { descriptor, limits } = scope;
    if (descriptor === "api_key" && !context.stream) {
      headers.set("x-litellm-key-spend", formatDollars(spent + settlement.cost));
    }
    if (requests !== undefined) {
      headers.set(`x-ratelimit-${descriptor}-limit-requests`, String(limits.rpm));
      headers.set(`x-ratelimit-${descriptor}-remaining-requests`, String(requests));
    }
    if (tokens !== undefined) {
      headers.set(`x-ratelimit-${descriptor}-limit-tokens`, String(limits.tpm));
      headers.set(`x-ratelimit-${descriptor}-remaining-tokens`, String(tokens));
    }
  }
}
