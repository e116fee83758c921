import { isInside, type Network, parseAddress, parseNetwork } from "../config/ip-networks.ts";
import { DetailError } from "../errors/detail-error.ts";
import type { JsonObject } from "../json/json.ts";
import type { GeneralSettings } from "../snapshot/snapshot.ts";
import { isRouteAllowed } from "./allowed-routes.ts";
import type { Principal } from "./principal.ts";

/** `general_settings` that say who may call what, before anything of a key is known. */
export interface AccessRules {
  /** Undefined where every address may call. */
  readonly addresses: readonly Network[] | undefined;
  /** Undefined where every route may be called. */
  readonly allowedRoutes: readonly string[] | undefined;
  readonly publicRoutes: readonly string[];
  readonly adminOnlyRoutes: readonly string[];
}

/** As whom LiteLLM lets callers of a `public_routes` entry in. */
export const ANONYMOUS: Principal = { keyHash: "", role: "internal_user_viewer" };

const compiled = new WeakMap<GeneralSettings, AccessRules>();

/** The rules of a configuration, worked out once for each. */
export function accessRulesOf(general: GeneralSettings): AccessRules {
  let rules = compiled.get(general);
  if (rules === undefined) {
    rules = compile(general.raw);
    compiled.set(general, rules);
  }
  return rules;
}

function compile(raw: JsonObject): AccessRules {
  const texts = (name: string): readonly string[] | undefined => {
    const value = raw[name];
    return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : undefined;
  };
  return {
    addresses: texts("allowed_ips")?.flatMap((text) => parseNetwork(text) ?? []),
    allowedRoutes: texts("allowed_routes"),
    publicRoutes: texts("public_routes") ?? [],
    adminOnlyRoutes: texts("admin_only_routes") ?? [],
  };
}

/** Throws LiteLLM's refusal of an address that is on neither list. `stored` are those added through the API. */
export function requireAddress(rules: AccessRules, stored: readonly Network[], client: string | undefined): void {
  if (rules.addresses === undefined && stored.length === 0) return;
  const address = client === undefined ? undefined : parseAddress(client);
  if (address !== undefined && (isInside(address, rules.addresses ?? []) || isInside(address, stored))) return;
  throw new DetailError(403, `Access forbidden: IP address ${client ?? "unknown"} not allowed.`);
}

export function isPublicRoute({ publicRoutes }: AccessRules, path: string): boolean {
  return publicRoutes.length > 0 && isRouteAllowed(publicRoutes, path);
}

/** Throws LiteLLM's refusals of routes that the configuration closes. */
export function requireOpenRoute(rules: AccessRules, principal: Principal, path: string): void {
  if (rules.allowedRoutes !== undefined && !rules.allowedRoutes.some((entry) => isRouteAllowed([entry], path))) {
    throw new DetailError(403, `Access forbidden: Route ${path} not allowed`);
  }
  if (rules.adminOnlyRoutes.length === 0 || principal.role === "proxy_admin") return;
  if (isRouteAllowed(rules.adminOnlyRoutes, path)) {
    throw new DetailError(403, `user not allowed to access this route. Route=${path} is an admin only route`);
  }
}
