import { z } from "zod";
import { asArray, asObject, type JsonObject } from "../../json/json.ts";
import { findEntry } from "../../pricing/catalogue.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import type { Route, RouteRequest } from "../route.ts";
import { modelListSchema } from "../schemas.ts";
import { modelInfoRoutes } from "./model-info.ts";
import { isHealthy, type Viewer, viewerOf, visibleGroups, visibleNames } from "./visible-models.ts";

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
    query: {
      return_wildcard_routes: z.boolean(),
      team_id: z.string(),
      include_model_access_groups: z.boolean(),
      only_model_access_groups: z.boolean(),
      include_metadata: z.boolean(),
      fallback_type: z.enum(["general", "context_window", "content_policy"]),
      scope: z.enum(["expand"]),
      healthy_only: z.boolean(),
      client_version: z.string().describe("Sent by some clients; the answer is the same"),
    },
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
    query: { team_id: z.string(), healthy_only: z.boolean() },
    handle: showModel,
  },
  ...modelInfoRoutes,
];

async function listModels(call: RouteRequest): Promise<Response> {
  const { services, request } = call;
  const snapshot = services.snapshot();
  const query = new URL(request.url).searchParams;
  const isSet = (name: string): boolean => query.get(name) === "true";
  const viewer = await listViewer(call, query);
  let names = isSet("only_model_access_groups")
    ? visibleGroups(services, viewer)
    : visibleNames(services, viewer, isSet("return_wildcard_routes"));
  if (isSet("include_model_access_groups")) names = [...new Set([...names, ...visibleGroups(services, viewer)])];
  if (isSet("healthy_only") || services.snapshot().general.raw.model_list_healthy_only === true)
    names = names.filter((name) => isHealthy(services, name));
  if (request.headers.has("anthropic-version")) return Response.json(anthropicList(snapshot, names));
  const fallbacks = isSet("include_metadata") ? fallbacksOf(snapshot, query.get("fallback_type")) : undefined;
  return Response.json({ data: names.map((name) => modelRow(snapshot, name, fallbacks)), object: "list" });
}

/** `scope=expand` shows administrators everything, whatever their key may call. */
async function listViewer(call: RouteRequest, query: URLSearchParams): Promise<Viewer> {
  if (query.get("scope") === "expand" && call.principal?.role === "proxy_admin") {
    return { access: [], teamIds: undefined, administers: true };
  }
  return viewerOf(call, { teamId: query.get("team_id") });
}

async function showModel(call: RouteRequest): Promise<Response> {
  const { services, params, request } = call;
  const query = new URL(request.url).searchParams;
  const id = params.id as string;
  const viewer = await viewerOf(call, { teamId: query.get("team_id") });
  const healthy = query.get("healthy_only") !== "true" || isHealthy(services, id);
  if (!healthy || !visibleNames(services, viewer, false).includes(id)) {
    return Response.json({ detail: `The model \`${id}\` does not exist or is not accessible` }, { status: 404 });
  }
  return Response.json(modelRow(services.snapshot(), id, undefined));
}

/** Model → where its requests go when it fails, by LiteLLM's kinds of failure. */
function fallbacksOf({ router, library }: Snapshot, type: string | null): ReadonlyMap<string, readonly string[]> {
  const kind = type === null || type === "general" ? "fallbacks" : `${type}_fallbacks`;
  const found = new Map<string, readonly string[]>();
  for (const item of asArray(router.raw[kind] ?? library.raw[kind])) {
    for (const [model, targets] of Object.entries(asObject(item) ?? {})) {
      found.set(
        model,
        asArray(targets).flatMap((target) => (typeof target === "string" ? [target] : [])),
      );
    }
  }
  return found;
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

function modelRow(
  snapshot: Snapshot,
  name: string,
  fallbacks: ReadonlyMap<string, readonly string[]> | undefined,
): JsonObject {
  const { mode, maxInput, maxOutput } = factsOf(snapshot, name);
  return {
    id: name,
    object: "model",
    created: CREATED,
    owned_by: "openai",
    mode,
    max_input_tokens: maxInput,
    max_output_tokens: maxOutput,
    metadata: fallbacks === undefined ? undefined : { fallbacks: [...(fallbacks.get(name) ?? [])] },
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
