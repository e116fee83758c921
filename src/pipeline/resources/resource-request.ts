import { asArray, asString, type Json, type JsonObject } from "../../json/json.ts";
import { NAMES_MODEL, type ResourceRoute } from "./resource-routes.ts";
import type { UploadForm } from "./upload-form.ts";

/** One request for something that a provider keeps, taken apart. */
export interface ResourceRequest {
  readonly route: ResourceRoute;
  /** Ids of the path, in its order. */
  readonly ids: readonly (readonly [name: string, id: string])[];
  readonly query: URLSearchParams;
  /** The JSON body, or the texts of a form. */
  readonly fields: JsonObject;
  /** Text of a JSON body. */
  readonly text: string;
  readonly form: UploadForm | undefined;
  /** The provider that the path names. */
  readonly provider: string | undefined;
}

/** Texts of a form as fields: a name that comes again is a list, `a[b]` stands in `a`. */
export function formFields(form: UploadForm): JsonObject {
  const fields: Record<string, Json> = {};
  for (const [name, value] of form.fields) {
    const given = fields[name];
    fields[name] = given === undefined ? value : [...(Array.isArray(given) ? given : [given]), value];
  }
  return fields;
}

/** Fields and parameters that speak to the gateway. */
const GATEWAY_NAMES: ReadonlySet<string> = new Set([
  ...["custom_llm_provider", "provider", "target_model_names", "litellm_metadata", "target_storage", "passthrough"],
  ...["litellm_trace_id", "litellm_session_id", "litellm_call_id", "tags", "key"],
]);

/** Whether a field or parameter goes no further than to the gateway. */
export function isForGateway(name: string, { route }: Pick<ResourceRequest, "route">): boolean {
  // Where the work is not a model's, `model` only says whose deployment keeps it.
  return GATEWAY_NAMES.has(name) || (name === "model" && !NAMES_MODEL.has(route.kind) && route.kind !== "evals");
}

/** The provider that a caller names: in the path, the query, a header, or the body. */
export function namedProvider(request: ResourceRequest, headers: Headers): string | undefined {
  const { query, fields } = request;
  return (
    request.provider ??
    query.get("custom_llm_provider") ??
    query.get("provider") ??
    headers.get("custom-llm-provider") ??
    asString(fields.custom_llm_provider) ??
    undefined
  );
}

/** The models that are to choose the deployments. */
export function namedModels(request: ResourceRequest, headers: Headers): readonly string[] {
  const { query, fields, route } = request;
  const targets = [
    ...listed(fields.target_model_names),
    ...listed(fields["target_model_names[]"]),
    ...listed(query.get("target_model_names") ?? undefined),
  ];
  if (targets.length > 0) return targets;
  const own = NAMES_MODEL.has(route.kind) || route.kind === "evals" ? undefined : asString(fields.model);
  const model = own ?? query.get("model") ?? headers.get("x-litellm-model");
  return model === null || model === undefined || model === "" ? [] : [model];
}

/** Names between commas, a JSON list, or a list. */
function listed(value: Json | undefined): readonly string[] {
  const names = typeof value === "string" ? value.replace(/^\[|\]$|"/g, "").split(",") : asArray(value).map(String);
  return names.map((name) => name.trim()).filter((name) => name !== "");
}

/** Every model that a body names, however deep. */
export function modelsIn(value: Json | undefined, found = new Set<string>()): ReadonlySet<string> {
  if (Array.isArray(value)) for (const item of value as readonly Json[]) modelsIn(item, found);
  else if (typeof value === "object" && value !== null) {
    for (const [name, member] of Object.entries(value as JsonObject)) {
      if (name === "model" && typeof member === "string") found.add(member);
      else modelsIn(member, found);
    }
  }
  return found;
}
