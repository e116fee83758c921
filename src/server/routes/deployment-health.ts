import { z } from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import { asObject, asString, type JsonObject } from "../../json/json.ts";
import type { CheckedDeployment } from "../../pipeline/health-checks.ts";
import { probeHealth } from "../../pipeline/health-probe.ts";
import { Router } from "../../routing/router.ts";
import type { Deployment } from "../../snapshot/snapshot.ts";
import { latestHealthChecks, listHealthChecks } from "../../store/health/health-history.ts";
import type { HealthCheckTable } from "../../store/schema.ts";
import { readBody } from "../read-body.ts";
import { internalError } from "../render-error.ts";
import type { Route, RouteRequest } from "../route.ts";
import { viewerOf, visibleDeployments } from "./visible-models.ts";

const HISTORY_LIMIT = 100;
const LONGEST_HISTORY = 1000;

/** Whether deployments answer. */
export const deploymentHealthRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/health",
    permission: "key",
    summary: "Which deployments answer: from the last background round, else by calling each once, cheaply",
    tag: "health",
    query: { model: z.string(), model_id: z.string() },
    handle: health,
  },
  {
    method: "GET",
    path: "/health/latest",
    permission: "view",
    summary: "The last result of each deployment",
    tag: "health",
    handle: latest,
  },
  {
    method: "GET",
    path: "/health/history",
    permission: "view",
    summary: "Results of the last week, newest first",
    tag: "health",
    query: {
      model: z.string(),
      status_filter: z.enum(["healthy", "unhealthy"]),
      limit: z.int(),
      offset: z.int(),
    },
    handle: history,
  },
  {
    method: "GET",
    path: "/health/shared-status",
    permission: "view",
    summary: "Whether instances share their health checks, and whose round was the last",
    tag: "health",
    handle: sharedStatus,
  },
  {
    method: "GET",
    path: "/health/backlog",
    permission: "key",
    summary: "Model calls under way in this process",
    tag: "health",
    handle: ({ services }) => {
      let underWay = 0;
      for (const { inFlight } of services.router.states()) underWay += inFlight;
      return Response.json({ in_flight_requests: underWay });
    },
  },
  {
    method: "POST",
    path: "/health/test_connection",
    permission: "admin",
    summary: "Calls a deployment that is not in the configuration",
    tag: "health",
    body: z.looseObject({
      litellm_params: z.looseObject({ model: z.string() }),
      model_info: z.looseObject({}).optional(),
      mode: z.string().optional(),
    }),
    handle: testConnection,
  },
];

async function health(call: RouteRequest): Promise<Response> {
  const { services, request, principal } = call;
  const query = new URL(request.url).searchParams;
  const model = query.get("model");
  const id = query.get("model_id");
  const snapshot = services.snapshot();
  const { raw } = snapshot.general;
  const deployments = visibleDeployments(services, await viewerOf(call)).filter(
    (deployment) =>
      (model === null || deployment.modelName === model || deployment.litellmModel === model) &&
      (id === null || deployment.id === id) &&
      !(
        raw.health_check_skip_disabled_background_models === true &&
        deployment.info.disable_background_health_check === true
      ),
  );
  const checked = services.health.background(snapshot)
    ? deployments.flatMap((deployment) => services.health.latest(deployment.id) ?? [])
    : await services.health.check(deployments, request.signal, principal?.keyAlias ?? principal?.keyHash ?? "");
  const byId = new Map(checked.map((one) => [one.deploymentId, one]));
  const rows = { healthy: [] as JsonObject[], unhealthy: [] as JsonObject[], unprobed: [] as JsonObject[] };
  for (const deployment of deployments) {
    const found = byId.get(deployment.id);
    if (found !== undefined)
      rows[found.outcome.status].push(rowOf(deployment, found, raw.health_check_details !== false));
  }
  return Response.json({
    healthy_endpoints: rows.healthy,
    unhealthy_endpoints: rows.unhealthy,
    ...(rows.unprobed.length === 0 ? {} : { unprobed_endpoints: rows.unprobed }),
    healthy_count: rows.healthy.length,
    unhealthy_count: rows.unhealthy.length,
  });
}

function rowOf(deployment: Deployment, { outcome }: CheckedDeployment, details: boolean): JsonObject {
  const row = { model: deployment.litellmModel, model_id: deployment.id };
  if (!details) return row;
  return {
    ...row,
    ...(deployment.target.base === "" ? {} : { api_base: deployment.target.base }),
    ...(outcome.status === "healthy" ? outcome.rateLimits : {}),
    ...(outcome.status === "unhealthy" ? { error: outcome.error } : {}),
    ...(outcome.status === "unprobed" ? { reason: outcome.reason } : {}),
  };
}

async function latest({ services }: RouteRequest): Promise<Response> {
  const rows = await latestHealthChecks(services.management.database);
  return Response.json({
    latest_health_checks: Object.fromEntries(rows.map((row) => [row.deployment_id, historyRow(row)])),
    total_models: rows.length,
  });
}

async function history({ services, request }: RouteRequest): Promise<Response> {
  const query = new URL(request.url).searchParams;
  const status = query.get("status_filter") ?? undefined;
  if (status !== undefined && status !== "healthy" && status !== "unhealthy") {
    throw new GatewayError("invalid_request", "status_filter is healthy or unhealthy", { param: "status_filter" });
  }
  const limit = Math.min(wholeNumber(query, "limit", HISTORY_LIMIT), LONGEST_HISTORY);
  const offset = wholeNumber(query, "offset", 0);
  const modelName = query.get("model") ?? undefined;
  const { database } = services.management;
  const { rows, total } = await listHealthChecks(database, { modelName, status, limit, offset });
  return Response.json({ health_checks: rows.map(historyRow), total_records: total, limit, offset });
}

function wholeNumber(query: URLSearchParams, name: string, standard: number): number {
  const text = query.get(name);
  if (text === null) return standard;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) {
    throw new GatewayError("invalid_request", `'${name}' must be a whole number of 0 or more`, { param: name });
  }
  return value;
}

function historyRow(row: HealthCheckTable): JsonObject {
  const at = new Date(row.checked_at).toISOString();
  const healthy = row.status === "healthy";
  return {
    health_check_id: row.id,
    model_name: row.model_name,
    model_id: row.deployment_id,
    status: row.status,
    healthy_count: healthy ? 1 : 0,
    unhealthy_count: healthy ? 0 : 1,
    error_message: row.error,
    response_time_ms: row.response_ms,
    details: { model: row.model },
    checked_by: row.checked_by,
    checked_at: at,
    created_at: at,
  };
}

function sharedStatus({ services }: RouteRequest): Response {
  const { health } = services;
  const { lastRound } = health;
  return Response.json({
    shared_health_check_enabled: services.snapshot().general.raw.use_shared_health_check === true,
    status: {
      last_round_at: lastRound === undefined ? null : new Date(lastRound).toISOString(),
      checked_by_this_instance: lastRound === undefined ? null : !health.checkedByOther,
    },
  });
}

/** The trial has a router of its own, so that it leaves no trace in what is known of the deployments that serve. */
async function testConnection({ services, request }: RouteRequest): Promise<Response> {
  const { json } = await readBody(request, services.snapshot().general.maxRequestSizeBytes);
  const params = asObject(json.litellm_params);
  const name = asString(params?.model);
  if (params === undefined || name === undefined) {
    throw new GatewayError("invalid_request", "litellm_params.model is required", { param: "litellm_params.model" });
  }
  const mode = asString(json.mode);
  const id = `trial-${crypto.randomUUID()}`;
  const info = { ...asObject(json.model_info), id, ...(mode === undefined ? {} : { mode }) };
  const snapshot = services.management.models.trial({ id, modelName: id, teamId: null, params, info });
  if (typeof snapshot === "string") return Response.json({ status: "error", result: { error: snapshot } });
  const deployment = snapshot.deploymentsById.get(id);
  if (deployment === undefined) throw internalError();
  const router = new Router({ random: services.random, now: Date.now });
  const gateway = { ...services, router, snapshot: () => snapshot };
  const outcome = await probeHealth(gateway, snapshot, deployment, request.signal);
  switch (outcome.status) {
    case "healthy":
      return Response.json({ status: "success", result: { ...outcome.rateLimits } });
    case "unhealthy":
      return Response.json({ status: "error", result: { error: outcome.error } });
    case "unprobed":
      return Response.json({ status: "error", result: { error: outcome.reason } });
  }
}
