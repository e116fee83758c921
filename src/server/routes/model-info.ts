import { z } from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import { asArray, asNumber, asObject, type JsonObject, type MutableJsonObject } from "../../json/json.ts";
import { maskedParams } from "../../management/models/model-shape.ts";
import { publicGroups } from "../../management/public/public-groups.ts";
import { findEntry } from "../../pricing/catalogue.ts";
import type { Deployment, SourceLocation } from "../../snapshot/snapshot.ts";
import type { Route, RouteRequest } from "../route.ts";
import { modelInfoSchema } from "../schemas.ts";
import type { Services } from "../services.ts";
import { isUp, publicName, type Viewer, viewerOf, visibleAutoRouters, visibleDeployments } from "./visible-models.ts";

const TAG = "model management";

/** What is known of deployments and model groups that the caller may use; no secrets. */
export const modelInfoRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/model/info",
    aliases: ["/v1/model/info"],
    permission: "key",
    summary: "Deployments with what is known of their models; no secrets",
    tag: TAG,
    query: {
      litellm_model_id: z.string(),
      include_team_models: z.boolean(),
      teamId: z.string(),
      healthy_only: z.boolean(),
    },
    response: modelInfoSchema,
    handle: modelInfo,
  },
  {
    method: "GET",
    path: "/v2/model/info",
    permission: "key",
    summary: "Deployments, page by page; with debug where each is declared",
    tag: TAG,
    query: {
      model: z.string(),
      modelId: z.string(),
      teamId: z.string(),
      user_models_only: z.boolean(),
      include_team_models: z.boolean(),
      exclude_auto_routers: z.boolean(),
      debug: z.boolean(),
      access_group: z.string(),
      search: z.string(),
      wildcard_only: z.boolean(),
      sortBy: z.enum(["model_name", "created_at", "updated_at"]),
      sortOrder: z.enum(["asc", "desc"]),
      page: z.int(),
      size: z.int(),
    },
    response: modelInfoSchema,
    handle: modelInfoPage,
  },
  {
    method: "GET",
    path: "/model_group/info",
    permission: "key",
    summary: "Model groups with what they can do",
    tag: TAG,
    query: { model_group: z.string() },
    handle: modelGroupInfo,
  },
];

/** One page of deployments, searched and sorted. */
async function modelInfoPage(call: RouteRequest): Promise<Response> {
  const { services, request, principal } = call;
  const query = new URL(request.url).searchParams;
  const page = pageNumber(query, "page", 1, Number.MAX_SAFE_INTEGER);
  const size = pageNumber(query, "size", 50, 1_000);
  const search = query.get("search")?.toLowerCase();
  const viewer = await viewerOf(call, { ownTeams: isSet(query, "include_team_models") });
  const found = listed(services, viewer).filter(({ id, name, litellmModel, info, automatic }) => {
    if (query.has("model") && name !== query.get("model")) return false;
    if (isSet(query, "user_models_only") && info.created_by !== principal?.userId) return false;
    if (isSet(query, "exclude_auto_routers") && automatic) return false;
    if (query.has("modelId") && id !== query.get("modelId")) return false;
    if (query.has("teamId") && info.team_id !== query.get("teamId")) return false;
    if (query.has("access_group") && !asArray(info.access_groups).includes(query.get("access_group"))) return false;
    if (isSet(query, "wildcard_only") && !name.includes("*")) return false;
    return search === undefined || `${name} ${litellmModel}`.toLowerCase().includes(search);
  });
  const sortBy = query.get("sortBy");
  const sorted = sortBy === null ? undefined : SORTED_BY[sortBy];
  if (sorted !== undefined) {
    const sign = query.get("sortOrder") === "desc" ? -1 : 1;
    found.sort((a, b) => sign * sorted(a).localeCompare(sorted(b)));
  } else if (sortBy !== null) {
    const names = Object.keys(SORTED_BY).join(", ");
    throw new GatewayError("invalid_request", `sortBy must be one of ${names}`, { param: "sortBy" });
  }
  const debug = isSet(query, "debug") && (principal?.role ?? "").startsWith("proxy_admin");
  return Response.json({
    data: found.slice((page - 1) * size, page * size).map((one) => ({
      ...one.row(),
      ...(debug ? { declared_at: { ...one.source } } : {}),
    })),
    total_count: found.length,
    current_page: page,
    total_pages: Math.ceil(found.length / size),
    size,
  });
}

/** A deployment, or an auto router, which stands among them. */
interface Listed {
  readonly id: string;
  readonly name: string;
  readonly litellmModel: string;
  readonly info: JsonObject;
  readonly source: SourceLocation;
  readonly automatic: boolean;
  row(): JsonObject;
}

function listed(
  services: Services,
  viewer: Viewer,
  wanted: (deployment: Deployment) => boolean = () => true,
): Listed[] {
  const deployments = visibleDeployments(services, viewer).filter(wanted);
  return [
    ...deployments.map(
      (one): Listed => ({
        ...{ id: one.id, name: publicName(one), litellmModel: one.litellmModel, info: one.info, source: one.source },
        automatic: false,
        row: () => deploymentRow(one),
      }),
    ),
    ...visibleAutoRouters(services, viewer).map(
      (one): Listed => ({
        ...{ id: one.id, name: one.name, info: one.info, source: one.source },
        litellmModel: String(one.params.model),
        automatic: true,
        row: () => ({
          model_name: one.name,
          litellm_params: maskedParams(one.params),
          model_info: { ...one.info, id: one.id, db_model: one.stored === true },
        }),
      }),
    ),
  ];
}

const SORTED_BY: Readonly<Record<string, (one: Listed) => string>> = {
  model_name: ({ name }) => name,
  created_at: ({ info }) => String(info.created_at ?? ""),
  updated_at: ({ info }) => String(info.updated_at ?? ""),
};

function isSet(query: URLSearchParams, name: string): boolean {
  return query.get(name)?.toLowerCase() === "true";
}

function pageNumber(query: URLSearchParams, name: string, otherwise: number, most: number): number {
  const text = query.get(name);
  const value = text === null ? otherwise : Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new GatewayError("invalid_request", `${name} must be a whole number from 1 to ${most}`, { param: name });
}

/** Model groups with what their deployments have in common, and the most that one of them can do. */
async function modelGroupInfo(call: RouteRequest): Promise<Response> {
  const { services, request } = call;
  const wanted = new URL(request.url).searchParams.get("model_group");
  const groups = Map.groupBy(visibleDeployments(services, await viewerOf(call)), publicName);
  const data = [...groups].filter(([name]) => wanted === null || name === wanted);
  const shown = await publicGroups(services.management);
  return Response.json({
    data: data.map(([name, deployments]) => ({
      ...groupRow(name, deployments),
      is_public_model_group: shown.includes(name),
    })),
  });
}

export function groupRow(name: string, deployments: readonly Deployment[]): JsonObject {
  const most = (values: readonly (number | undefined)[]): number | null => {
    const known = values.filter((value) => value !== undefined);
    return known.length === 0 ? null : Math.max(...known);
  };
  const sum = (values: readonly (number | undefined)[]): number | null => {
    const known = values.filter((value) => value !== undefined);
    return known.length === 0 ? null : known.reduce((total, value) => total + value, 0);
  };
  const rows = deployments.map((deployment) => asObject(deploymentRow(deployment).model_info) ?? {});
  const figures = (field: string) => rows.map((row) => asNumber(row[field]));
  const abilities: MutableJsonObject = {};
  for (const { facts } of deployments) {
    for (const [ability, has] of Object.entries(facts.supports)) {
      abilities[`supports_${ability}`] = abilities[`supports_${ability}`] === true || has;
    }
  }
  return {
    model_group: name,
    providers: [...new Set(deployments.map((deployment) => deployment.provider))],
    max_input_tokens: most(deployments.map(({ facts }) => facts.maxInputTokens)),
    max_output_tokens: most(deployments.map(({ facts }) => facts.maxOutputTokens)),
    input_cost_per_token: most(figures("input_cost_per_token")),
    output_cost_per_token: most(figures("output_cost_per_token")),
    mode: deployments[0]?.facts.mode ?? null,
    tpm: sum(deployments.map(({ settings }) => settings.tpm)),
    rpm: sum(deployments.map(({ settings }) => settings.rpm)),
    itpm: sum(deployments.map(({ settings }) => settings.itpm)),
    otpm: sum(deployments.map(({ settings }) => settings.otpm)),
    ...abilities,
  };
}

async function modelInfo(call: RouteRequest): Promise<Response> {
  const { services, request } = call;
  const query = new URL(request.url).searchParams;
  const id = query.get("litellm_model_id");
  const viewer = await viewerOf(call, {
    teamId: query.get("teamId"),
    ownTeams: isSet(query, "include_team_models"),
  });
  const all = listed(services, viewer, (deployment) => !isSet(query, "healthy_only") || isUp(services, deployment));
  if (id === null) return Response.json({ data: all.map((one) => one.row()) });
  const found = all.find((one) => one.id === id);
  if (found === undefined) {
    throw new GatewayError("invalid_request", `Model id = ${id} not found on litellm proxy`, {
      param: "litellm_model_id",
    });
  }
  return Response.json({ data: [found.row()] });
}

export function deploymentRow(deployment: Deployment): JsonObject {
  const entry = findEntry(deployment.baseModel ?? `${deployment.provider}/${deployment.upstreamModel}`);
  const params: MutableJsonObject = { ...deployment.defaults, model: deployment.litellmModel };
  if (deployment.target.base !== "") params.api_base = deployment.target.base;
  const { settings } = deployment;
  for (const [name, value] of Object.entries({
    rpm: settings.rpm,
    tpm: settings.tpm,
    itpm: settings.itpm,
    otpm: settings.otpm,
    weight: settings.weight,
    order: settings.order,
    timeout: settings.timeout,
    stream_timeout: settings.streamTimeout,
    num_retries: settings.numRetries,
  })) {
    if (value !== undefined) params[name] = value;
  }
  return {
    model_name: publicName(deployment),
    litellm_params: maskedParams(params),
    model_info: {
      ...entry?.litellmFields(),
      key: entry?.name,
      litellm_provider: deployment.provider,
      ...deployment.info,
      id: deployment.id,
      db_model: deployment.stored === true,
    },
  };
}
