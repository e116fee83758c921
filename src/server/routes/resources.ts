import type { FormatId } from "../../formats/conversation.ts";
import { formatById } from "../../formats/registry.ts";
import { asNumber, asObject, type JsonObject, type MutableJsonObject, parseJson } from "../../json/json.ts";
import { readCallControls } from "../../pipeline/call-controls.ts";
import type { RequestContext } from "../../pipeline/request-context.ts";
import { formFields, type ResourceRequest } from "../../pipeline/resources/resource-request.ts";
import { RESOURCE_ROUTES, type ResourceRoute } from "../../pipeline/resources/resource-routes.ts";
import { serveResource } from "../../pipeline/resources/serve-resource.ts";
import type { UploadForm } from "../../pipeline/resources/upload-form.ts";
import { uploadLimit } from "../../pipeline/resources/upload-rules.ts";
import { allProviders } from "../../providers/registry.ts";
import { newCallId } from "../call-id.ts";
import { readBody } from "../read-body.ts";
import { isForm, withUpload } from "../read-upload.ts";
import { internalError } from "../render-error.ts";
import type { Route, RouteRequest } from "../route.ts";
import { answerOrRefusal } from "./refusal.ts";

/** Long enough for a large file. */
const TIMEOUT_SECONDS = 600;

/** Files, batches, vector stores … that providers keep for callers. */
export const resourceRoutes: readonly Route[] = RESOURCE_ROUTES.map((route) => serverRoute(route));

/** The same below a provider's name: LiteLLM's `/{provider}/v1/files`. */
export const providerResourceRoutes: readonly Route[] = RESOURCE_ROUTES.flatMap((route) =>
  route.kind === "message-batches" ? [] : providersWith(route).map((name) => serverRoute(route, name)),
);

function providersWith({ kind }: ResourceRoute): readonly string[] {
  return allProviders()
    .filter(({ resources }) => resources?.kinds.includes(kind) === true)
    .flatMap(({ id, aliases = [] }) => [id, ...aliases]);
}

function serverRoute(route: ResourceRoute, provider?: string): Route {
  const { method, path, summary, kind } = route;
  return {
    method,
    path: provider === undefined ? `/v1${path}` : `/${provider}/v1${path}`,
    ...(provider === undefined && kind !== "message-batches" ? { aliases: [path] } : {}),
    ...(kind === "message-batches" ? { aliases: [`/anthropic/v1${path}`] } : {}),
    permission: "key",
    errorFormat: formatOf(route),
    summary,
    tag: kind,
    handle: (request) => handle(request, route, provider),
  };
}

function formatOf({ kind }: ResourceRoute): FormatId {
  return kind === "message-batches" ? "anthropic-messages" : "openai-chat";
}

async function handle(request: RouteRequest, route: ResourceRoute, provider: string | undefined): Promise<Response> {
  const snapshot = request.services.snapshot();
  if (isForm(request.request)) {
    return withUpload(request.request, uploadLimit(snapshot), (form) =>
      serve(request, route, provider, { fields: formFields(form), text: "", bytes: 0, form }),
    );
  }
  const body =
    route.method === "POST"
      ? await readBody(request.request, snapshot.general.maxRequestSizeBytes)
      : { json: {}, text: "", bytes: 0 };
  return serve(request, route, provider, { fields: body.json, text: body.text, bytes: body.bytes, form: undefined });
}

interface Sent {
  readonly fields: JsonObject;
  readonly text: string;
  readonly bytes: number;
  readonly form: UploadForm | undefined;
}

function serve(
  { services, request, principal, params, client }: RouteRequest,
  route: ResourceRoute,
  provider: string | undefined,
  { fields, text, bytes, form }: Sent,
): Promise<Response> {
  if (principal === undefined) throw internalError();
  const format = formatOf(route);
  const snapshot = services.snapshot();
  const context: RequestContext = {
    id: newCallId(),
    startedAt: Date.now(),
    startedClock: performance.now(),
    request,
    clientAddress: client,
    client: formatById(format),
    operation: "completions",
    callType: route.callType,
    routeName: route.path,
    principal,
    snapshot,
    text,
    bytes,
    body: fields,
    requestedModel: "",
    stream: false,
    controls: readCallControls(controlFields(fields, form !== undefined), request.headers, snapshot),
  };
  const asked: ResourceRequest = {
    route,
    ids: [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => [name, params[name] ?? ""]),
    query: new URL(request.url).searchParams,
    fields,
    text,
    form,
    provider,
  };
  const timeout =
    context.controls.timeout ?? asNumber(snapshot.general.raw.pass_through_request_timeout) ?? TIMEOUT_SECONDS;
  return answerOrRefusal(services, context, format, () =>
    serveResource(services, services.resources, context, asked, timeout),
  );
}

/** `metadata` belongs to the provider here; the gateway's own may come as JSON text in a form. */
function controlFields(fields: JsonObject, isText: boolean): JsonObject {
  const { metadata: _, ...rest } = fields;
  const controls: MutableJsonObject = rest;
  if (typeof rest.litellm_metadata === "string") {
    controls.litellm_metadata = asObject(parseJson(rest.litellm_metadata)) ?? null;
  }
  if (isText) delete controls.timeout;
  return controls;
}
