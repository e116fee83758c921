import {
  type AccessRules,
  ANONYMOUS,
  accessRulesOf,
  isPublicRoute,
  requireAddress,
  requireOpenRoute,
} from "../auth/access-rules.ts";
import { requireAllowedRoute, requireUndeniedRoute } from "../auth/allowed-routes.ts";
import { PermissionRefusal, requirePermission } from "../auth/permissions.ts";
import { KEY_HEADERS, presentedKey } from "../auth/presented-key.ts";
import type { Principal } from "../auth/principal.ts";
import { DetailError } from "../errors/detail-error.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import type { FormatId } from "../formats/conversation.ts";
import { ClientGone } from "../pipeline/attempt.ts";
import { SECURITY_HEADERS } from "../pipeline/security-headers.ts";
import type { Peers, TrustedProxies } from "./client-address.ts";
import { InFlightLimit, type InFlightSettings, inFlightSettingsOf, releasing } from "./in-flight-limit.ts";
import { BodyBroken } from "./read-body.ts";
import { internalError, renderError } from "./render-error.ts";
import type { Route } from "./route.ts";
import type { RouteTable } from "./route-table.ts";
import type { Services } from "./services.ts";
import { protocolKey, UPGRADED } from "./sockets.ts";

const NO_PARAMS = {};

const EXPOSED_HEADERS = [
  "x-litellm-semantic-filter",
  "x-litellm-semantic-filter-tools",
  "x-litellm-adaptive-router-model",
  "x-litellm-applied-guardrails",
  "x-litellm-guardrail-scan-id",
  "x-litellm-guardrail-scan-metadata",
  "x-litellm-cache-key",
].join(", ");

export interface ServerOptions {
  /** Prefix under which clients see everything, "" for none; a proxy may have taken it away already. */
  readonly rootPath: string;
  /** `*` or a list of origins. */
  readonly corsOrigins: readonly string[];
  readonly hsts: boolean;
  readonly proxies: TrustedProxies;
}

/** Answers requests: finds the route, identifies the caller, runs the handler, tells errors in the caller's words. */
export function createHandler(
  table: RouteTable,
  services: Services,
  options: ServerOptions,
): (request: Request, peers: Peers) => Promise<Response> {
  const inFlight = new InFlightLimit();
  return async (request, peers) => {
    const limit = inFlightSettingsOf(services.snapshot().general);
    const response =
      limit === undefined
        ? await answer(table, services, options, request, peers)
        : await limited(inFlight, limit, pathOf(request.url, options.rootPath), () =>
            answer(table, services, options, request, peers),
          );
    if (response === UPGRADED) return response;
    finish(response, request, services, options);
    return response;
  };
}

async function limited(
  inFlight: InFlightLimit,
  limit: InFlightSettings,
  path: string,
  serve: () => Promise<Response>,
): Promise<Response> {
  const entered = await inFlight.enter(limit, path);
  if (entered instanceof Response) return entered;
  try {
    const response = await serve();
    // A socket that stays open is no request any more.
    if (response !== UPGRADED) return releasing(response, entered);
    entered();
    return response;
  } catch (error) {
    entered();
    throw error;
  }
}

async function answer(
  table: RouteTable,
  services: Services,
  options: ServerOptions,
  request: Request,
  peers: Peers,
): Promise<Response> {
  const path = pathOf(request.url, options.rootPath);
  if (request.method === "OPTIONS" && request.headers.has("access-control-request-method")) return preflight();
  const method = request.method === "HEAD" ? "GET" : request.method;
  let match = table.match(method, path);
  if (match.kind !== "found") {
    const declared = services.declaredRoute(method, path);
    if (declared !== undefined) match = { kind: "found", route: declared, params: NO_PARAMS };
  }
  if (match.kind === "none") return notFound(services);
  if (match.kind === "method") {
    services.refusals.add("method_not_allowed");
    return Response.json(
      { detail: "Method Not Allowed" },
      { status: 405, headers: { allow: match.allowed.join(", ") } },
    );
  }
  const { route, params } = match;
  try {
    const client = options.proxies.clientOf(request, peers, services.snapshot());
    const identified = identify(route, services, request, path, client);
    const principal = identified instanceof Promise ? await identified : identified;
    return await route.handle({ services, request, params, principal, client, peers });
  } catch (error) {
    return failure(error, route.errorFormat ?? "openai-chat", services);
  }
}

function socketKey(route: Route, request: Request): string | undefined {
  return route.socket === true ? protocolKey(request.headers) : undefined;
}

function identify(
  route: Route,
  services: Services,
  request: Request,
  path: string,
  client: string | undefined,
): Principal | undefined | Promise<Principal | undefined> {
  const { general } = services.snapshot();
  const rules = accessRulesOf(general);
  if (route.permission !== "public") requireAddress(rules, services.gate?.addresses.networks ?? [], client);
  const open = isPublicRoute(rules, path);
  const { keyHeaderName } = general;
  if ((open || route.permission === "public") && !presentsKey(request.headers, keyHeaderName)) {
    return open ? ANONYMOUS : undefined;
  }
  try {
    const query =
      route.queryKey === true ? (new URL(request.url).searchParams.get("key") ?? undefined) : socketKey(route, request);
    const found = services.authenticator.authenticate(presentedKey(request.headers, keyHeaderName, query));
    if (!(found instanceof Promise)) return permitted(route, found, path, rules, open);
    return found.then(
      (principal) => {
        try {
          return permitted(route, principal, path, rules, open);
        } catch (error) {
          return notIdentified(route, services, error, open);
        }
      },
      (error: unknown) => notIdentified(route, services, error, open),
    );
  } catch (error) {
    return notIdentified(route, services, error, open);
  }
}

function presentsKey(headers: Headers, onlyHeader: string | undefined): boolean {
  return onlyHeader === undefined ? KEY_HEADERS.some((name) => headers.has(name)) : headers.has(onlyHeader);
}

/** `open`: the configuration lets everyone in. */
function permitted(route: Route, principal: Principal, path: string, rules: AccessRules, open: boolean): Principal {
  requireAllowedRoute(principal.allowedRoutes ?? [], path);
  requireUndeniedRoute(principal.grant?.rules?.deniedRoutes, path);
  if (route.permission !== "public") requireOpenRoute(rules, principal, path);
  if (!open) requirePermission(route.permission, principal, path);
  return principal;
}

/** Whoever comes where nobody need be known; otherwise throws the refusal. */
function notIdentified(route: Route, services: Services, error: unknown, open: boolean): Principal | undefined {
  if (open) return ANONYMOUS;
  if (route.permission === "public") return undefined;
  if (error instanceof DetailError) services.refusals.add("forbidden");
  if (error instanceof GatewayError && error.code === "authentication") {
    services.refusals.add(refusalOf(error));
    // LiteLLM tells authentication failures in OpenAI's words on every route.
    throw new AuthenticationRefusal(error);
  }
  throw error;
}

function refusalOf(error: GatewayError): "no_key" | "forbidden" | "invalid_key" {
  if (error.message.endsWith("No api key passed in.")) return "no_key";
  return error instanceof PermissionRefusal ? "forbidden" : "invalid_key";
}

/** An authentication failure, whatever the route's format. */
class AuthenticationRefusal extends Error {
  override readonly name = "AuthenticationRefusal";
  readonly refusal: GatewayError;
  constructor(refusal: GatewayError) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

function failure(error: unknown, format: FormatId, services: Services): Response {
  if (error instanceof AuthenticationRefusal) return renderError(error.refusal, "openai-chat", undefined);
  if (error instanceof GatewayError) return renderError(error, format, undefined);
  if (error instanceof DetailError) return Response.json({ detail: error.detail }, { status: error.status });
  if (error instanceof BodyBroken) {
    services.refusals.add("body_broken");
    return renderError(
      new GatewayError("invalid_request", error.message, { param: "request_body" }),
      format,
      undefined,
    );
  }
  if (error instanceof ClientGone) return new Response(null, { status: 499 });
  services.log.error("a handler failed", {
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
  return renderError(internalError(), format, undefined);
}

function notFound(services: Services): Response {
  services.refusals.add("not_found");
  return Response.json({ detail: "Not Found" }, { status: 404 });
}

function preflight(): Response {
  return new Response("OK", {
    status: 200,
    headers: {
      "access-control-allow-methods": "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
      "access-control-allow-headers": "*",
      "access-control-max-age": "600",
    },
  });
}

function finish(response: Response, request: Request, services: Services, options: ServerOptions): void {
  const { headers } = response;
  // Answers of models have them already.
  if (!headers.has("x-frame-options")) {
    for (const name in SECURITY_HEADERS) headers.set(name, SECURITY_HEADERS[name] as string);
  }
  if (options.hsts) headers.set("strict-transport-security", "max-age=31536000; includeSubDomains");
  const origin = request.headers.get("origin");
  if (origin !== null) {
    const allowed = options.corsOrigins.includes("*") ? "*" : options.corsOrigins.includes(origin) ? origin : undefined;
    if (allowed !== undefined) headers.set("access-control-allow-origin", allowed);
    headers.set("access-control-expose-headers", EXPOSED_HEADERS);
  }
  if (services.draining()) headers.set("connection", "close");
}

/** The path without the root prefix. Never throws on what a client may send. */
function pathOf(url: string, rootPath: string): string {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  if (start < 0) return "/";
  let end = url.indexOf("?", start);
  if (end < 0) end = url.length;
  let path = url.slice(start, end);
  if (
    rootPath !== "" &&
    path.startsWith(rootPath) &&
    (path.length === rootPath.length || path[rootPath.length] === "/")
  ) {
    path = path.slice(rootPath.length) || "/";
  }
  return path.length > 1 && path.endsWith("/") && !path.startsWith("/ui") ? path.slice(0, -1) : path;
}
