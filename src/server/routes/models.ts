import { z } from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import type { JsonObject, MutableJsonObject } from "../../json/json.ts";
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
];

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

function listModels({ services, request }: RouteRequest): Response {
  const snapshot = services.snapshot();
  const query = new URL(request.url).searchParams;
  const names = listedModels(snapshot, query.get("return_wildcard_routes") === "true");
  const withMetadata = query.get("include_metadata") === "true";
  if (request.headers.has("anthropic-version")) return Response.json(anthropicList(snapshot, names));
  return Response.json({ data: names.map((name) => modelRow(snapshot, name, withMetadata)), object: "list" });
}

function showModel({ services, params }: RouteRequest): Response {
  const snapshot = services.snapshot();
  const id = params.id as string;
  if (!listedModels(snapshot, false).includes(id)) {
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
