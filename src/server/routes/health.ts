import { z } from "zod";
import type { JsonObject } from "../../json/json.ts";
import { LITELLM_CONTRACT_VERSION } from "../../pipeline/answer-headers.ts";
import { probeDeployment } from "../../pipeline/probe-deployment.ts";
import type { Deployment } from "../../snapshot/snapshot.ts";
import type { Route, RouteRequest } from "../route.ts";

/** How many deployments are probed at a time. */
const CONCURRENT_PROBES = 16;

/** Whether the process lives, can serve, and whether its deployments answer. */
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
    path: "/health",
    permission: "key",
    summary: "Calls every deployment once, cheaply, and says which answered",
    tag: "health",
    query: { model: z.string(), model_id: z.string() },
    handle: health,
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
    cache: null,
    litellm_version: LITELLM_CONTRACT_VERSION,
    isthmus_version: services.version,
    configuration_version: snapshot.version,
    log_level: services.logLevel,
    is_detailed_debug: services.log.enabled("trace"),
    degraded: services.degraded(),
    refusals: services.refusals.snapshot(),
  });
}

async function health({ services, request }: RouteRequest): Promise<Response> {
  const query = new URL(request.url).searchParams;
  const model = query.get("model");
  const id = query.get("model_id");
  const deployments = [...services.snapshot().deploymentsById.values()].filter(
    (deployment) =>
      (model === null || deployment.modelName === model || deployment.litellmModel === model) &&
      (id === null || deployment.id === id),
  );
  const healthy: JsonObject[] = [];
  const unhealthy: JsonObject[] = [];
  const queue = [...deployments];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const outcome = await probeDeployment(services, next, request.signal);
      const row = rowOf(next);
      if (outcome.healthy) healthy.push({ ...row, ...outcome.rateLimits });
      else unhealthy.push({ ...row, error: outcome.error });
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT_PROBES }, work));
  return Response.json({
    healthy_endpoints: healthy,
    unhealthy_endpoints: unhealthy,
    healthy_count: healthy.length,
    unhealthy_count: unhealthy.length,
  });
}

function rowOf(deployment: Deployment): JsonObject {
  return {
    model: deployment.litellmModel,
    model_id: deployment.id,
    ...(deployment.target.base === "" ? {} : { api_base: deployment.target.base }),
  };
}
