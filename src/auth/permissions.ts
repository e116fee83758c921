import { GatewayError } from "../errors/gateway-error.ts";
import { MASTER_KEY_NAME, type Principal } from "./principal.ts";

/** LiteLLM's roles, most powerful first. `team` and `customer` only come with tokens of an identity provider. */
export const ROLES = [
  "proxy_admin",
  "proxy_admin_viewer",
  "org_admin",
  "internal_user",
  "internal_user_viewer",
  "team",
  "customer",
] as const;

export type Role = (typeof ROLES)[number];

/**
 * Who may call a route. Every route names one of these; what a caller may see or change *behind* the route (its own
 * key, the teams that it administers) is the handler's question.
 */
export type Permission =
  /** Nobody needs to be known. */
  | "public"
  /** Any valid key: model routes, and what every caller may know. */
  | "key"
  /** Reads that show callers what is theirs and administrators everything. */
  | "own"
  /** Changes to what is the caller's own, its team's or its organisation's. */
  | "manage"
  /** Reads of everything. */
  | "view"
  /** Changes to everything. */
  | "admin"
  /** The master key itself. */
  | "master";

/** The one table from permission to roles. */
export const PERMISSIONS: Readonly<Record<Permission, readonly Role[]>> = {
  public: ROLES,
  key: ROLES,
  own: ["proxy_admin", "proxy_admin_viewer", "org_admin", "internal_user", "internal_user_viewer", "team"],
  manage: ["proxy_admin", "org_admin", "internal_user"],
  view: ["proxy_admin", "proxy_admin_viewer"],
  admin: ["proxy_admin"],
  master: ["proxy_admin"],
};

/** Whether the caller may call a route of this permission. */
export function isPermitted(permission: Permission, principal: Pick<Principal, "keyHash" | "role">): boolean {
  if (permission === "master" && principal.keyHash !== MASTER_KEY_NAME) return false;
  return PERMISSIONS[permission].includes(principal.role);
}

/** Throws LiteLLM's refusal when the caller may not call a route of this permission. */
export function requirePermission(permission: Permission, principal: Principal, route: string): void {
  if (!isPermitted(permission, principal)) throw adminOnly(principal, route);
}

/** The caller is known, but its role may not do this. */
export class PermissionRefusal extends GatewayError {}

/** LiteLLM's refusal of what only administrators may do. */
export function adminOnly(principal: Pick<Principal, "role" | "userId">, route: string): GatewayError {
  return new PermissionRefusal(
    "authentication",
    "Authentication Error, Only proxy admin can be used to generate, delete, update info for new keys/users/teams. " +
      `Route=${route}. Your role=${principal.userId === undefined ? "unknown" : principal.role}. ` +
      `Your user_id=${maskedId(principal.userId)}`,
    { type: "auth_error", param: "None" },
  );
}

/** Six characters at the front and two at the end stay; of short ids nothing does. */
function maskedId(id: string | undefined): string {
  if (id === undefined) return "None";
  return id.length <= 8 ? "*".repeat(id.length) : `${id.slice(0, 6)}${"*".repeat(id.length - 8)}${id.slice(-2)}`;
}
