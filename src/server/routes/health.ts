import { LITELLM_CONTRACT_VERSION } from "../../pipeline/answer-headers.ts";
import type { Route, RouteRequest } from "../route.ts";

/** Whether the process lives and can serve. */
export const healthRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/health/liveliness",
    aliases: ["/health/liveness"],
    permission: "public",
    summary: "The process lives",
    tag: "health",
    handle: () => Response.json("I'm alive!"),
  },
  {
    method: "GET",
    path: "/health/readiness",
    permission: "public",
    summary: "Requests can be served; `degraded` names what is out of order",
    tag: "health",
    handle: readiness,
  },
  {
    method: "GET",
    path: "/health/readiness/details",
    permission: "key",
    summary: "Readiness with versions and log level",
    tag: "health",
    handle: readinessDetails,
  },
  {
    method: "GET",
    path: "/test",
    permission: "public",
    summary: "Echoes its route",
    tag: "health",
    handle: () => Response.json({ route: "/test" }),
  },
];

function readiness({ services }: RouteRequest): Response {
  if (!services.ready()) {
    return Response.json({ detail: "Service Unhealthy (starting or stopping)" }, { status: 503 });
  }
  const degraded = services.degraded();
  return Response.json({ status: "healthy", db: "connected", ...(degraded.length === 0 ? {} : { degraded }) });
}

function readinessDetails({ services }: RouteRequest): Response {
  const snapshot = services.snapshot();
  return Response.json({
    status: services.ready() ? "healthy" : "unhealthy",
    db: "connected",
    cache: services.cache?.store.type ?? null,
    litellm_version: LITELLM_CONTRACT_VERSION,
    isthmus_version: services.version,
    configuration_version: snapshot.version,
    log_level: services.logLevel,
    is_detailed_debug: services.log.enabled("trace"),
    degraded: services.degraded(),
    refusals: services.refusals.snapshot(),
    events: services.events.counts(),
  });
}
