import { z } from "zod";
import { isModelAllowed } from "../../auth/model-access.ts";
import { GatewayError } from "../../errors/gateway-error.ts";
import { asArray, asNumber, asObject, type JsonObject, type MutableJsonObject } from "../../json/json.ts";
import { findEntry, modelsOfProvider } from "../../pricing/catalogue.ts";
import type { Deployment, Snapshot } from "../../snapshot/snapshot.ts";
import type { Route, RouteRequest } from "../route.ts";
import { modelInfoSchema, modelListSchema } from "../schemas.ts";

/** LiteLLM's constant `created` of every listed model. */
const CREATED = 1_677_610_602;

/** The models that a caller may use. */
export const modelRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/models",
    aliases: ["/models"],
    permission: "key",
    summary: "Models that the key may call",
    tag: "model management",
    query: { return_wildcard_routes: z.boolean(), include_metadata: z.boolean() },
    response: modelListSchema,
    handle: listModels,
  },
  {
    method: "GET",
    path: "/v1/models/{id}",
    aliases: ["/models/{id}"],
    permission: "key",
    summary: "One model",
    tag: "model management",
    handle: showModel,
  },
  {
    method: "GET",
    path: "/model/info",
    aliases: ["/v1/model/info"],
    permission: "key",
    summary: "Deployments with what is known of their models; no secrets",
    tag: "model management",
    query: { litellm_model_id: z.string() },
    response: modelInfoSchema,
    handle: modelInfo,
  },
  {
    method: "GET",
    path: "/v2/model/info",
    permission: "key",
    summary: "Deployments, page by page",
    tag: "model management",
    query: {
      model: z.string(),
      modelId: z.string(),
      teamId: z.string(),
      access_group: z.string(),
      search: z.string(),
      wildcard_only: z.boolean(),
      sortBy: z.enum(["model_name"]),
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
    tag: "model management",
    query: { model_group: z.string() },
    handle: modelGroupInfo,
  },
];

/** One page of deployments, searched and sorted. */
function modelInfoPage({ services, request }: RouteRequest): Response {
  const query = new URL(request.url).searchParams;
  const page = pageNumber(query, "page", 1, Number.MAX_SAFE_INTEGER);
  const size = pageNumber(query, "size", 50, 1_000);
  const search = query.get("search")?.toLowerCase();
  const found = [...services.snapshot().deploymentsById.values()].filter((deployment) => {
    if (query.has("model") && deployment.modelName !== query.get("model")) return false;
    if (query.has("modelId") && deployment.id !== query.get("modelId")) return false;
    if (query.has("teamId") && deployment.info.team_id !== query.get("teamId")) return false;
    if (query.has("access_group") && !asArray(deployment.info.access_groups).includes(query.get("access_group"))) {
      return false;
    }
    if (query.get("wildcard_only") === "true" && !deployment.modelName.includes("*")) return false;
    return search === undefined || `${deployment.modelName} ${deployment.litellmModel}`.toLowerCase().includes(search);
  });
  const sortBy = query.get("sortBy");
  if (sortBy === "model_name") {
    const sign = query.get("sortOrder") === "desc" ? -1 : 1;
    found.sort((a, b) => sign * a.modelName.localeCompare(b.modelName));
  } else if (sortBy !== null) {
    throw new GatewayError("invalid_request", "sortBy must be model_name", { param: "sortBy" });
  }
  return Response.json({
    data: found.slice((page - 1) * size, page * size).map(deploymentRow),
    total_count: found.length,
    current_page: page,
    total_pages: Math.ceil(found.length / size),
    size,
  });
}

function pageNumber(query: URLSearchParams, name: string, otherwise: number, most: number): number {
  const text = query.get(name);
  const value = text === null ? otherwise : Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new GatewayError("invalid_request", `${name} must be a whole number from 1 to ${most}`, { param: name });
}

/** Model groups with what their deployments have in common, and the most that one of them can do. */
function modelGroupInfo({ services, request }: RouteRequest): Response {
  const wanted = new URL(request.url).searchParams.get("model_group");
  const { groups, wildcards } = services.snapshot();
  const all = [...groups, ...wildcards.map(({ pattern, deployments }) => [pattern, deployments] as const)];
  const data = all
    .filter(([name]) => wanted === null || name === wanted)
    .map(([name, deployments]) => groupRow(name, deployments));
  return Response.json({ data });
}

function groupRow(name: string, deployments: readonly Deployment[]): JsonObject {
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
    ...abilities,
  };
}

/** Public names, aliases first; wildcards stand for the catalogue's models of their provider. */
export function listedModels(snapshot: Snapshot, withPatterns: boolean): string[] {
  const names = new Set<string>();
  for (const [alias, { hidden }] of snapshot.aliases) if (!hidden) names.add(alias);
  for (const group of snapshot.groups.keys()) names.add(group);
  for (const wildcard of snapshot.wildcards) {
    if (withPatterns) names.add(wildcard.pattern);
    for (const deployment of wildcard.deployments) {
      if (wildcard.pieces.length !== 2 || !deployment.upstreamModel.endsWith("*")) continue;
      for (const model of modelsOfProvider(deployment.provider)) {
        if (model.includes("*")) continue;
        names.add(wildcard.pattern === "*" ? `${deployment.provider}/${model}` : wildcard.pieces.join(model));
      }
    }
  }
  return [...names];
}

/** The names among these that the caller may use. */
function usable(names: readonly string[], { services, principal }: RouteRequest): string[] {
  const access = principal?.grant?.access ?? [];
  const groups = services.gate?.accessGroups() ?? new Map();
  const snapshot = services.snapshot();
  return names.filter((name) => access.every(({ models }) => isModelAllowed(models, name, snapshot, groups)));
}

function listModels(call: RouteRequest): Response {
  const { services, request } = call;
  const snapshot = services.snapshot();
  const query = new URL(request.url).searchParams;
  const names = usable(listedModels(snapshot, query.get("return_wildcard_routes") === "true"), call);
  const withMetadata = query.get("include_metadata") === "true";
  if (request.headers.has("anthropic-version")) return Response.json(anthropicList(snapshot, names));
  return Response.json({ data: names.map((name) => modelRow(snapshot, name, withMetadata)), object: "list" });
}

function showModel(call: RouteRequest): Response {
  const { services, params } = call;
  const snapshot = services.snapshot();
  const id = params.id as string;
  if (!usable(listedModels(snapshot, false), call).includes(id)) {
    return Response.json({ detail: `The model \`${id}\` does not exist or is not accessible` }, { status: 404 });
  }
  return Response.json(modelRow(snapshot, id, false));
}

function factsOf(snapshot: Snapshot, name: string): { mode?: string; maxInput?: number; maxOutput?: number } {
  const deployment = snapshot.groups.get(snapshot.aliases.get(name)?.model ?? name)?.[0];
  const facts = deployment?.facts ?? findEntry(name);
  return {
    ...(facts?.mode === undefined ? {} : { mode: facts.mode }),
    ...(facts?.maxInputTokens === undefined ? {} : { maxInput: facts.maxInputTokens }),
    ...(facts?.maxOutputTokens === undefined ? {} : { maxOutput: facts.maxOutputTokens }),
  };
}

function modelRow(snapshot: Snapshot, name: string, withMetadata: boolean): JsonObject {
  const { mode, maxInput, maxOutput } = factsOf(snapshot, name);
  return {
    id: name,
    object: "model",
    created: CREATED,
    owned_by: "openai",
    mode,
    max_input_tokens: maxInput,
    max_output_tokens: maxOutput,
    metadata: withMetadata ? { fallbacks: [] } : undefined,
  };
}

/** Anthropic's list shape, for clients that send `anthropic-version`. */
function anthropicList(snapshot: Snapshot, names: readonly string[]): JsonObject {
  const data = names.map((name) => {
    const { maxInput, maxOutput } = factsOf(snapshot, name);
    return {
      type: "model",
      id: name,
      display_name: name,
      created_at: "2023-02-28T18:56:42Z",
      max_input_tokens: maxInput,
      max_tokens: maxOutput,
    };
  });
  return { data, has_more: false, first_id: names[0] ?? null, last_id: names[names.length - 1] ?? null };
}

function modelInfo({ services, request }: RouteRequest): Response {
  const snapshot = services.snapshot();
  const id = new URL(request.url).searchParams.get("litellm_model_id");
  const all = [...snapshot.deploymentsById.values()];
  if (id === null) return Response.json({ data: all.map(deploymentRow) });
  const deployment = snapshot.deploymentsById.get(id);
  if (deployment === undefined) {
    throw new GatewayError("invalid_request", `Model id = ${id} not found on litellm proxy`, {
      param: "litellm_model_id",
    });
  }
  return Response.json({ data: [deploymentRow(deployment)] });
}

function deploymentRow(deployment: Deployment): JsonObject {
  const entry = findEntry(deployment.baseModel ?? `${deployment.provider}/${deployment.upstreamModel}`);
  const params: MutableJsonObject = { ...deployment.defaults, model: deployment.litellmModel };
  if (deployment.target.base !== "") params.api_base = deployment.target.base;
  const { settings } = deployment;
  for (const [name, value] of Object.entries({
    rpm: settings.rpm,
    tpm: settings.tpm,
    weight: settings.weight,
    order: settings.order,
    timeout: settings.timeout,
    stream_timeout: settings.streamTimeout,
    num_retries: settings.numRetries,
  })) {
    if (value !== undefined) params[name] = value;
  }
  return {
    model_name: deployment.modelName,
    litellm_params: params,
    model_info: {
      ...entry?.litellmFields(),
      key: entry?.name,
      litellm_provider: deployment.provider,
      ...deployment.info,
      id: deployment.id,
      db_model: false,
    },
  };
}
