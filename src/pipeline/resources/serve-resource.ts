import { GatewayError } from "../../errors/gateway-error.ts";
import { asString, isObject, type Json, type JsonObject, parseJson } from "../../json/json.ts";
import { priceSheet } from "../../pricing/price-sheet.ts";
import type { OutboundRequest } from "../../providers/provider.ts";
import type { PriceSheet } from "../../snapshot/snapshot.ts";
import { isOwner, type ResourceFacts, type StoredResource } from "../../store/resources/resources.ts";
import type { RequestBody } from "../../upstream/transport.ts";
import { callHeaders } from "../answer-headers.ts";
import type { Gateway } from "../gateway.ts";
import { denialFor, modelDenial, requireModel } from "../model-denial.ts";
import { outgoingHeaders } from "../pass-through/pass-headers.ts";
import { type PassThroughRequest, passThrough } from "../pass-through/pass-through.ts";
import { pricesFor } from "../prices.ts";
import type { RequestContext } from "../request-context.ts";
import { batchAdmission } from "./batch-admission.ts";
import { readBatchFile, withUpstreamModels } from "./batch-file.ts";
import { beginDeferredCost } from "./begin-deferred-cost.ts";
import { callProvider, resourceUrl } from "./provider-call.ts";
import { visibleAnswer } from "./resource-answer.ts";
import { isManagedId, referredIds, withIds } from "./resource-ids.ts";
import type { ResourceKeeping } from "./resource-keeping.ts";
import { ownList } from "./resource-list.ts";
import { modelAt, placeOfModel, placeOfResource, type ResourcePlace, upstreamIdAt } from "./resource-place.ts";
import { isForGateway, modelsIn, namedModels, namedProvider, type ResourceRequest } from "./resource-request.ts";
import { NAMES_MODEL } from "./resource-routes.ts";
import { usualProvider } from "./resource-targets.ts";
import { outgoingForm, type UploadForm } from "./upload-form.ts";
import { requireAllowedFiles, requireBatchFileRoom, requireDownload } from "./upload-rules.ts";

const FREE = priceSheet({
  name: "reads",
  overrides: { input_cost_per_token: 0, output_cost_per_token: 0 },
}) as PriceSheet;
/** What only looks, or takes away, costs nothing. */
const COSTS: ReadonlySet<string> = new Set(["create", "change"]);
const COPY_SECONDS = 600;
/** Answers that are somebody's data, whatever they look like. */
const HOLDS_DATA = /\/(?:content|results)$/;
const DOWNLOADS = /^\/files\/.*\/content$/;
/** Stands for any model: only who may call all of them may call it. */
const ANY_MODEL = "any";

/**
 * Serves a request for what providers keep: finds who keeps it, asks there with the operator's credential and the
 * provider's own ids, and tells the answer in the caller's. Throws the caller's refusal.
 */
export async function serveResource(
  gateway: Gateway,
  keeping: ResourceKeeping,
  context: RequestContext,
  request: ResourceRequest,
  timeout: number,
): Promise<Response> {
  const { route } = request;
  const known = await knownObjects(keeping, context, request);
  const primary = known.get(request.ids[0]?.[1] ?? "");
  const models = namedModels(request, context.request.headers);
  if (gateway.gate !== undefined) for (const model of models) requireModel(gateway.gate, context, model);
  if (route.act === "list" && (context.principal.role !== "proxy_admin" || models.length > 0)) {
    const provider = namedProvider(request, context.request.headers);
    const list = await ownList(gateway, keeping, context, request, { model: models[0], provider });
    return Response.json(list, { headers: callHeaders(context) });
  }
  requireAllowedModels(gateway, context, request, known);
  const place = placeFor(gateway, keeping, context, request, known, models);
  if (gateway.gate !== undefined && DOWNLOADS.test(route.path)) await requireDownload(gateway.gate, context);
  const upload = request.form;
  if (upload !== undefined) requireAllowedFiles(context.snapshot, upload, request.fields);
  const facts = await factsOf(gateway, keeping, context, request);
  const upstreamIds = new Map([...known.values()].map((one) => [one.id, upstreamIdAt(one, place)] as const));
  const copies = await uploadCopies(gateway, context, request, place, models.slice(1));
  const allFacts: ResourceFacts = { ...facts, ...(copies.length === 0 ? {} : { copies }) };
  const form = upload === undefined ? undefined : await formFor(gateway, context, request, place, upload);
  const renamed = renamedModels(gateway, context, request, place);
  const { body, headers } = bodyFor(request, upstreamIds, renamed, form);
  const job = known.get(asString(request.fields.input_file_id) ?? "")?.facts.batch;
  const outbound: OutboundRequest = {
    method: route.method,
    url: resourceUrl(place, pathOf(request, upstreamIds), queryOf(request, upstreamIds)),
    headers: {
      ...(route.kind === "assistants" ? { "openai-beta": "assistants=v2" } : {}),
      ...withoutNames(outgoingHeaders(context.request.headers, context.snapshot.general.keyHeaderName)),
      ...place.deployment.target.headers,
      ...place.deployment.settings.extraHeaders,
      ...headers,
    },
    body,
  };
  const passed: PassThroughRequest = {
    target: place,
    model: undefined,
    path: route.path,
    outbound,
    timeout,
    fixedUsage: { buckets: COSTS.has(route.act) ? videoUsage(request) : {} },
    ...pricesOf(request, place, renamed),
    ...batchAdmission(context, request, place, job),
    ...(HOLDS_DATA.test(route.path)
      ? {}
      : {
          rewrite: async (text) => {
            const answer = { route, place, primary, facts: allFacts };
            const visible = await visibleAnswer(keeping, context, text, answer);
            if (route.act === "create")
              await beginDeferredCost(keeping, context, request, place, { text, visible }, job);
            return visible;
          },
        }),
  };
  return passThrough(gateway, context, passed);
}

/** What the gateway knows of the objects that a request names. Throws the refusal of those of others. */
async function knownObjects(
  { resources }: ResourceKeeping,
  context: RequestContext,
  request: ResourceRequest,
): Promise<ReadonlyMap<string, StoredResource>> {
  const { ids, query, fields, route } = request;
  const named = [...ids.map(([, id]) => id), ...referredIds(fields, false)];
  const cursors = [query.get("after"), query.get("before")].filter((id) => id !== null && isManagedId(id)) as string[];
  const known = await resources.find([...named, ...cursors]);
  const admin = context.principal.role === "proxy_admin";
  for (const resource of known.values()) {
    if (admin || isOwner(resource.owner, context.principal)) continue;
    throw new GatewayError("permission_denied", `Forbidden. '${resource.id}' belongs to another user or team.`);
  }
  const foreign = named.find((id) => !known.has(id) && isManagedId(id));
  if (foreign !== undefined) throw new GatewayError("not_found", `There is no '${foreign}'.`);
  if (context.snapshot.library.raw.require_managed_files === true && !admin) {
    const raw = route.kind === "files" ? ids[0]?.[1] : asString(fields.input_file_id);
    if (raw !== undefined && !known.has(raw)) {
      throw new GatewayError("invalid_request", `File id '${raw}' was not issued by this gateway.`, {
        param: "file_id",
      });
    }
  }
  return known;
}

/** A key that may not call every model may not let a provider's job call it either. */
function requireAllowedModels(
  gateway: Gateway,
  context: RequestContext,
  request: ResourceRequest,
  known: ReadonlyMap<string, StoredResource>,
): void {
  const { gate } = gateway;
  if (gate === undefined || !COSTS.has(request.route.act)) return;
  const provider =
    namedProvider(request, context.request.headers) ?? usualProvider(context.snapshot, request.route.kind);
  for (const model of modelsIn(request.fields)) {
    const denial = modelDenial(gate, context, model);
    if (denial !== undefined && modelDenial(gate, context, `${provider}/${model}`) !== undefined) throw denial;
  }
  const file = asString(request.fields.input_file_id);
  if (request.route.kind !== "batches" || file === undefined || known.get(file)?.facts.batch !== undefined) return;
  if (modelDenial(gate, context, ANY_MODEL) === undefined) return;
  throw new GatewayError(
    "permission_denied",
    `This key may use some models only, and nobody knows which models '${file}' names: upload the file with this key.`,
    { param: "input_file_id" },
  );
}

function placeFor(
  gateway: Gateway,
  { targets }: ResourceKeeping,
  context: RequestContext,
  request: ResourceRequest,
  known: ReadonlyMap<string, StoredResource>,
  models: readonly string[],
): ResourcePlace {
  const { route, ids, fields } = request;
  const first = known.get(ids[0]?.[1] ?? "") ?? known.values().next().value;
  if (first !== undefined) return placeOfResource(targets, context, first, route.kind, models[0]);
  const [model] = models;
  if (model !== undefined) {
    const place = placeOfModel(gateway, context, model, route.kind);
    if (place !== undefined) return place;
    throw new GatewayError(
      "invalid_request",
      `Model '${model}' has no deployment whose provider has ${route.kind} in this form.`,
      { param: "model" },
    );
  }
  const named = namedProvider(request, context.request.headers);
  const worker = workingModel(request);
  const place =
    named !== undefined || worker === undefined ? undefined : placeOfModel(gateway, context, worker, route.kind);
  if (place !== undefined && route.act === "create") return place;
  const provider = named ?? usualProvider(context.snapshot, route.kind);
  return { ...targets.find(context.snapshot, provider, route.kind), deploymentId: undefined, model: undefined };

  /** The model that is to do the work, where the request names it. */
  function workingModel({ route: { kind } }: ResourceRequest): string | undefined {
    if (kind === "message-batches") return modelsIn(fields).values().next().value;
    return NAMES_MODEL.has(kind) ? asString(fields.model) : undefined;
  }
}

/** What is in a file of batch requests; every model in it must be one that the caller may use. */
async function factsOf(
  gateway: Gateway,
  keeping: ResourceKeeping,
  context: RequestContext,
  request: ResourceRequest,
): Promise<ResourceFacts> {
  const { route, fields, form } = request;
  const [file] = form?.files ?? [];
  if (route.kind !== "files" || route.act !== "create" || fields.purpose !== "batch" || file === undefined) return {};
  const batch = await readBatchFile(file);
  await requireBatchFileRoom(keeping.resources, context, batch);
  const { gate } = gateway;
  if (gate !== undefined) {
    const provider = namedProvider(request, context.request.headers) ?? "openai";
    for (const model of batch.models) {
      const denial = modelDenial(gate, context, model);
      if (denial !== undefined && modelDenial(gate, context, `${provider}/${model}`) !== undefined) throw denial;
    }
  }
  return { batch };
}

/** A file for several models goes to a deployment of each. */
async function uploadCopies(
  gateway: Gateway,
  context: RequestContext,
  request: ResourceRequest,
  place: ResourcePlace,
  models: readonly string[],
): Promise<NonNullable<ResourceFacts["copies"]>> {
  const { route, form } = request;
  if (route.kind !== "files" || route.act !== "create" || form === undefined) return [];
  const copies: { model: string; provider: string; deploymentId: string; upstreamId: string }[] = [];
  for (const model of models) {
    const other = placeOfModel(gateway, context, model, "files");
    if (other === undefined) {
      throw new GatewayError("invalid_request", `Model '${model}' has no deployment whose provider keeps files.`, {
        param: "target_model_names",
      });
    }
    const { deploymentId } = other;
    if (deploymentId === undefined || deploymentId === place.deploymentId) continue;
    const outgoing = outgoingForm(await formFor(gateway, context, request, other, form));
    const response = await callProvider(gateway, other, {
      method: "POST",
      path: "/files",
      headers: { "content-type": outgoing.contentType },
      body: outgoing.body,
      timeout: COPY_SECONDS,
    });
    const body = parseJson(await response.text());
    if (response.status > 299 || !isObject(body) || typeof body.id !== "string") {
      throw new GatewayError("bad_gateway", `${other.provider.label} did not take the file for model '${model}'.`);
    }
    copies.push({ model, provider: other.provider.id, deploymentId, upstreamId: body.id });
  }
  return copies;
}

/** The form as it goes out: without what is the gateway's, and with the provider's names for models. */
async function formFor(
  gateway: Gateway,
  context: RequestContext,
  request: ResourceRequest,
  place: ResourcePlace,
  form: UploadForm,
): Promise<UploadForm> {
  const fields = form.fields.filter(([name]) => !isForGateway(name.replace(/\[.*$/, ""), request));
  const [file, ...others] = form.files;
  const batch = request.route.kind === "files" && request.fields.purpose === "batch";
  if (!batch || file === undefined || place.deploymentId === undefined) return { ...form, fields };
  const targets = new Set(namedModels(request, context.request.headers));
  const nameOf = (model: string): string => {
    const name = modelAt(gateway, context, place, model);
    if (name !== undefined) return name;
    // A file for several models names one of them; each deployment gets it under its own name.
    const own =
      place.model !== undefined && targets.has(model) ? modelAt(gateway, context, place, place.model) : undefined;
    if (own !== undefined) return own;
    throw new GatewayError(
      "invalid_request",
      `The file has requests for model '${model}', which the deployment that it is uploaded for does not serve.`,
      { param: "file" },
    );
  };
  const path = `${form.folder}/${place.deploymentId.replace(/[^\w-]/g, "_")}`;
  return { ...form, fields, files: [await withUpstreamModels(file, path, nameOf), ...others] };
}

/** The model in a request's own fields, as the provider knows it; undefined where nothing changes. */
function renamedModels(
  gateway: Gateway,
  context: RequestContext,
  { route, fields }: ResourceRequest,
  place: ResourcePlace,
): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  if (place.deploymentId === undefined || !(NAMES_MODEL.has(route.kind) || route.kind === "message-batches"))
    return names;
  for (const model of modelsIn(fields)) {
    const name = modelAt(gateway, context, place, model);
    if (name !== undefined) names.set(model, name);
    else if (route.kind === "message-batches") throw denialFor("deployment", model);
  }
  return names;
}

function bodyFor(
  request: ResourceRequest,
  ids: ReadonlyMap<string, string>,
  models: ReadonlyMap<string, string>,
  form: UploadForm | undefined,
): { readonly body: RequestBody | undefined; readonly headers: Record<string, string> } {
  const { fields, text, route } = request;
  if (form !== undefined) {
    const renamed = form.fields.map(([name, value]): readonly [string, string] => [
      name,
      name === "model" ? (models.get(value) ?? value) : (ids.get(value) ?? value),
    ]);
    const outgoing = outgoingForm({ ...form, fields: renamed });
    return { body: outgoing.body, headers: { "content-type": outgoing.contentType } };
  }
  if (route.method === "GET" || text === "") return { body: undefined, headers: {} };
  const kept = Object.fromEntries(Object.entries(fields).filter(([name]) => !isForGateway(name, request)));
  const named = withModels(withIds(kept, ids, false), models);
  const same = named === kept && Object.keys(kept).length === Object.keys(fields).length;
  return { body: same ? text : JSON.stringify(named), headers: { "content-type": "application/json" } };
}

function withModels(value: Json, models: ReadonlyMap<string, string>): Json {
  if (models.size === 0 || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return (value as readonly Json[]).map((item) => withModels(item, models));
  return Object.fromEntries(
    Object.entries(value as JsonObject).map(([name, member]) => [
      name,
      name === "model" && typeof member === "string"
        ? (models.get(member) ?? member)
        : member === undefined
          ? member
          : withModels(member, models),
    ]),
  );
}

function pathOf({ route, ids }: ResourceRequest, upstream: ReadonlyMap<string, string>): string {
  let { path } = route;
  for (const [name, id] of ids) path = path.replace(`{${name}}`, encodeURIComponent(upstream.get(id) ?? id));
  return path;
}

function queryOf(request: ResourceRequest, upstream: ReadonlyMap<string, string>): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of request.query) {
    if (!isForGateway(name, request) && name !== "model") query.append(name, upstream.get(value) ?? value);
  }
  return query;
}

/** Header fields that were for the gateway, and the form's own boundary. */
function withoutNames(headers: Record<string, string>): Record<string, string> {
  const { "custom-llm-provider": _, "content-type": __, ...rest } = headers;
  return rest;
}

/** Videos are paid by the second, when they are asked for. https://platform.openai.com/docs/guides/video-generation (2026-11-26): four seconds unless asked otherwise. */
function videoUsage({ route, fields }: ResourceRequest) {
  if (route.kind !== "videos" || !/^\/videos(?:$|\/edits|\/extensions|\/\{)/.test(route.path)) return {};
  const seconds = Number(fields.seconds ?? 4);
  return { output_video_seconds: seconds > 0 ? seconds : 4 };
}

/** Reads are free; what a job costs is unknown until it is done, and so is a price that nobody has. */
function pricesOf(
  { route, fields }: ResourceRequest,
  { deployment }: ResourcePlace,
  models: ReadonlyMap<string, string>,
): Pick<PassThroughRequest, "prices"> {
  if (route.kind === "videos" && COSTS.has(route.act)) {
    const asked = asString(fields.model);
    const model = asked === undefined ? "sora-2" : (models.get(asked) ?? asked);
    const prices = pricesFor(deployment, model);
    return prices === undefined ? {} : { prices };
  }
  const billedLater = route.kind === "batches" || route.kind === "message-batches" || route.kind === "files";
  const unpriced =
    COSTS.has(route.act) && !billedLater && route.kind !== "vector-stores" && route.kind !== "containers";
  return unpriced ? {} : { prices: FREE };
}
