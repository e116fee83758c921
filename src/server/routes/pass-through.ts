import { ANONYMOUS } from "../../auth/access-rules.ts";
import { GatewayError } from "../../errors/gateway-error.ts";
import type { FormatId } from "../../formats/conversation.ts";
import { formatById } from "../../formats/registry.ts";
import { asObject, asString, type JsonObject } from "../../json/json.ts";
import { replaceStringMember } from "../../json/patch.ts";
import { readCallControls } from "../../pipeline/call-controls.ts";
import {
  type DeclaredEndpoint,
  declaredEndpoints,
  endpointFor,
} from "../../pipeline/pass-through/declared-endpoints.ts";
import { outgoingHeaders } from "../../pipeline/pass-through/pass-headers.ts";
import { type PassThroughRequest, passThrough } from "../../pipeline/pass-through/pass-through.ts";
import { type NamedModel, namedModel, withModelInPath } from "../../pipeline/pass-through/pass-through-model.ts";
import type { PassThroughTargets } from "../../pipeline/pass-through/pass-through-targets.ts";
import { joined, PLACES, type Place } from "../../pipeline/pass-through/places.ts";
import type { RequestContext } from "../../pipeline/request-context.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { newCallId } from "../call-id.ts";
import { parseBody, type RequestBody, readBytes } from "../read-body.ts";
import type { Method, Route, RouteRequest } from "../route.ts";
import { type ConversationRoute, MESSAGES, RESPONSES, serveBody } from "./conversations.ts";
import { answerOrRefusal } from "./refusal.ts";

const METHODS: readonly Method[] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
const DEFAULT_TIMEOUT_SECONDS = 600;

/** Paths that are also those of a client's own format: a model that the configuration knows is served through it. */
const SERVED: readonly { readonly path: string; readonly prefix: string; readonly kind: ConversationRoute }[] = [
  { path: "/anthropic/v1/messages", prefix: "anthropic", kind: MESSAGES },
  { path: "/openai/v1/responses", prefix: "openai", kind: RESPONSES },
];

/** Every provider's own API under its name: bodies and answers pass as they are, the credential is the operator's. */
export function passThroughRoutes(targets: PassThroughTargets): readonly Route[] {
  const served = SERVED.map(({ path, prefix, kind }) => {
    const place = PLACES.find((one) => one.prefix === prefix) as Place;
    return route("POST", path, place, async (request) => {
      const body = await read(request);
      const model = asString(body.parsed?.json.model);
      const known =
        model === undefined
          ? kind === RESPONSES
          : request.services.router.of(request.services.snapshot()).resolve(model, request.principal?.teamId) !==
            undefined;
      if (known && body.parsed !== undefined) return serveBody(request, kind, body.parsed);
      return toProvider(targets, place, request, body);
    });
  });
  const all = PLACES.flatMap((place) =>
    METHODS.map((method) =>
      route(method, `/${place.prefix}/{endpoint...}`, place, async (request) =>
        toProvider(targets, place, request, await read(request)),
      ),
    ),
  );
  return [...served, ...REALTIME_CALLS.map((name) => realtimeCall(targets, name)), ...all];
}

/** What surrounds realtime sessions, and is no session: served by OpenAI, for the models that are deployed there. */
const REALTIME_CALLS = ["client_secrets", "calls", "transcription_sessions"];

function realtimeCall(targets: PassThroughTargets, name: string): Route {
  const path = `v1/realtime/${name}`;
  const openai = PLACES.find(({ prefix }) => prefix === "openai") as Place;
  return {
    ...route("POST", `/${path}`, openai, async (request) =>
      forward(targets, openai, request, await read(request), { path, query: new URL(request.request.url).search }),
    ),
    aliases: [`/realtime/${name}`, `/openai/${path}`],
    summary: "Passed on to OpenAI, with the operator's credential",
    tag: "realtime",
  };
}

function route(method: Method, path: string, place: Place, handle: Route["handle"]): Route {
  return {
    method,
    path,
    permission: "key",
    errorFormat: place.errorFormat,
    queryKey: place.errorFormat === "gemini",
    summary: `${place.label}'s own API, with the operator's credential`,
    tag: "pass-through",
    handle,
  };
}

/** The operator's own endpoints: `general_settings.pass_through_endpoints`. */
export function declaredRoute(snapshot: Snapshot, method: string, path: string): Route | undefined {
  const endpoint = endpointFor(declaredEndpoints(snapshot), method, path);
  if (endpoint === undefined) return undefined;
  return {
    method: method as Method,
    path: endpoint.path,
    permission: endpoint.auth ? "key" : "public",
    summary: `Passed on to ${endpoint.target}`,
    tag: "pass-through",
    handle: async (request) => toDeclared(endpoint, path, request, await read(request)),
  };
}

interface ReadBody {
  readonly bytes: Uint8Array;
  /** Where it is JSON. */
  readonly parsed: RequestBody | undefined;
}

async function read({ request, services }: RouteRequest): Promise<ReadBody> {
  const buffer = await readBytes(request, services.snapshot().general.maxRequestSizeBytes);
  const bytes = buffer instanceof Uint8Array ? buffer : new Uint8Array(buffer);
  const isJson = (request.headers.get("content-type") ?? "").includes("json");
  return { bytes, parsed: isJson && bytes.length > 0 ? parseBody(bytes) : undefined };
}

function toProvider(
  targets: PassThroughTargets,
  place: Place,
  request: RouteRequest,
  body: ReadBody,
): Promise<Response> {
  return forward(targets, place, request, body, restOf(request.request.url, place.prefix));
}

function forward(
  targets: PassThroughTargets,
  place: Place,
  request: RouteRequest,
  body: ReadBody,
  { path, query }: { readonly path: string; readonly query: string },
): Promise<Response> {
  const fields = body.parsed?.json ?? {};
  const model = namedModel(path, fields);
  const context = contextOf(request, body, model?.name, isStreamed(path, fields), place.errorFormat);
  return answerOrRefusal(request.services, context, place.errorFormat, async () => {
    requireSafe(path);
    const target = targets.find(context.snapshot, place, path, model);
    const { deployment } = target;
    const upstream =
      model === undefined ? undefined : deployment.upstreamModel.includes("*") ? model.name : deployment.upstreamModel;
    const isRenamed = model !== undefined && upstream !== undefined && upstream !== model.name;
    const sentPath = isRenamed && model.where === "path" ? withModelInPath(path, upstream) : path;
    const address = place.address?.(deployment.target.base, sentPath) ?? joined(deployment.target.base, sentPath);
    return passThrough(request.services, context, {
      target,
      model: upstream,
      path: sentPath,
      timeout: timeoutOf(context),
      outbound: {
        method: request.request.method as Method,
        url: withQuery(address, query, deployment.target.query),
        headers: {
          ...outgoingHeaders(request.request.headers, context.snapshot.general.keyHeaderName),
          ...deployment.target.headers,
          ...deployment.settings.extraHeaders,
        },
        body: isRenamed ? renamed(body, model, upstream) : bodyOf(body),
      },
    });
  });
}

function toDeclared(
  endpoint: DeclaredEndpoint,
  path: string,
  request: RouteRequest,
  body: ReadBody,
): Promise<Response> {
  const rest = path.slice(endpoint.path.length);
  const fields = body.parsed?.json ?? {};
  const context = contextOf(request, body, asString(fields.model), fields.stream === true, "openai-chat");
  return answerOrRefusal(request.services, context, "openai-chat", async () => {
    requireSafe(rest);
    const query = new URL(request.request.url).search;
    const passed: PassThroughRequest = {
      target: endpoint.passThrough,
      model: asString(fields.model),
      path: endpoint.path,
      timeout: endpoint.timeout ?? timeoutOf(context),
      fixedUsage: { buckets: {} },
      outbound: {
        method: request.request.method as Method,
        url: withQuery(`${endpoint.target}${rest}`, query, endpoint.query),
        headers: {
          ...(endpoint.forwardHeaders
            ? outgoingHeaders(request.request.headers, context.snapshot.general.keyHeaderName)
            : contentHeaders(request.request.headers)),
          ...endpoint.headers,
        },
        body: bodyOf(body),
      },
    };
    return passThrough(request.services, context, passed);
  });
}

function contentHeaders(headers: Headers): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ["content-type", "accept"]) {
    const value = headers.get(name);
    if (value !== null) kept[name] = value;
  }
  return kept;
}

function contextOf(
  { services, request, principal }: RouteRequest,
  { bytes, parsed }: ReadBody,
  model: string | undefined,
  stream: boolean,
  format: FormatId,
): RequestContext {
  const body: JsonObject = parsed?.json ?? {};
  const context: RequestContext = {
    id: newCallId(),
    startedAt: Date.now(),
    startedClock: performance.now(),
    request,
    client: formatById(format),
    operation: "completions",
    callType: "pass_through_endpoint",
    routeName: new URL(request.url).pathname,
    principal: principal ?? ANONYMOUS,
    snapshot: services.snapshot(),
    text: parsed?.text ?? "",
    bytes: bytes.length,
    body,
    requestedModel: model ?? "unknown",
    stream,
    // A body in another language says nothing to the gateway; the caller's header fields do.
    controls: readCallControls({}, request.headers, services.snapshot()),
  };
  return context;
}

function timeoutOf({ snapshot, controls }: RequestContext): number {
  const set = snapshot.general.raw.pass_through_request_timeout;
  return controls.timeout ?? (typeof set === "number" && set > 0 ? set : DEFAULT_TIMEOUT_SECONDS);
}

function isStreamed(path: string, fields: JsonObject): boolean {
  return fields.stream === true || /[sS]tream[A-Z-]|-stream$|streamRawPredict|:streamGenerateContent/.test(path);
}

/** The path behind the prefix, still URL-encoded and without its slash, and the query with its question mark. */
function restOf(url: string, prefix: string): { readonly path: string; readonly query: string } {
  const { pathname, search } = new URL(url);
  const at = pathname.indexOf(`/${prefix}/`);
  return { path: pathname.slice(at + prefix.length + 2), query: search };
}

const CLIMBS = /(?:^|[/\\])\.\.?(?:[/\\]|$)/;

/** A path must not leave the place that it is passed on to, however it is encoded. */
function requireSafe(path: string): void {
  let decoded = path;
  for (let times = 0; times < 3; times++) {
    if (CLIMBS.test(decoded) || hasOddities(decoded)) {
      throw new GatewayError("invalid_request", "The path is not one that may be passed on.", { param: "endpoint" });
    }
    try {
      const next = decodeURIComponent(decoded);
      if (next === decoded) return;
      decoded = next;
    } catch {
      return; // A percent sign of its own: nothing more is hidden behind it.
    }
  }
}

/** Backslashes, which some servers take for slashes, and control characters. */
function hasOddities(path: string): boolean {
  for (let at = 0; at < path.length; at++) {
    const code = path.charCodeAt(at);
    if (code < 32 || code === 92) return true;
  }
  return false;
}

/** Without the caller's key, which Google's clients send as `key`. */
function withQuery(address: string, query: string, own: Readonly<Record<string, string>> | undefined): string {
  const url = new URL(address);
  for (const [name, value] of new URLSearchParams(query)) if (name !== "key") url.searchParams.append(name, value);
  for (const [name, value] of Object.entries(own ?? {}))
    if (!url.searchParams.has(name)) url.searchParams.set(name, value);
  return url.href;
}

function bodyOf({ bytes }: ReadBody): Uint8Array | undefined {
  return bytes.length === 0 ? undefined : bytes;
}

function renamed(body: ReadBody, model: NamedModel, to: string): string | Uint8Array | undefined {
  const { parsed } = body;
  if (parsed === undefined || model.where === "path") return bodyOf(body);
  if (model.where === "body") return replaceStringMember(parsed.text, "model", model.name, to);
  return JSON.stringify({ ...parsed.json, session: { ...asObject(parsed.json.session), model: to } });
}
