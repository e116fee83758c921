import type { Deployment } from "../snapshot/snapshot.ts";
import type { RequestContext } from "./request-context.ts";

/**
 * Seconds until the answer, or a stream's first content, must be there: the caller's word, the deployment's, the
 * router's, the library's. A deployment may say it by `service_tier`.
 */
export function timeoutOf(context: RequestContext, deployment: Deployment): number {
  const { controls, snapshot } = context;
  const { settings } = deployment;
  const whole =
    controls.timeout ??
    ofTier(settings.timeoutByServiceTier, context) ??
    settings.timeout ??
    snapshot.router.timeout ??
    snapshot.library.requestTimeout;
  if (!context.stream) return whole;
  return (
    controls.streamTimeout ??
    settings.ttftTimeout ??
    ofTier(settings.streamTimeoutByServiceTier, context) ??
    settings.streamTimeout ??
    snapshot.router.streamTimeout ??
    whole
  );
}

/** Seconds for which a stream may be silent once it has begun. */
export function idleTimeoutOf(context: RequestContext, deployment: Deployment): number {
  const { controls, snapshot } = context;
  const { settings } = deployment;
  return (
    settings.streamIdleTimeout ??
    controls.streamTimeout ??
    ofTier(settings.streamTimeoutByServiceTier, context) ??
    settings.streamTimeout ??
    snapshot.router.streamTimeout ??
    controls.timeout ??
    settings.timeout ??
    snapshot.router.timeout ??
    snapshot.library.requestTimeout
  );
}

function ofTier(limits: Readonly<Record<string, number>> | undefined, { body }: RequestContext): number | undefined {
  return limits === undefined || typeof body.service_tier !== "string" ? undefined : limits[body.service_tier];
}
