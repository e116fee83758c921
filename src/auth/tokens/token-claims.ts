import type { JWTPayload } from "jose";
import type { Role } from "../permissions.ts";
import type { ClaimName, TokenSettings } from "./token-settings.ts";

/** Whom a token speaks of, in our words. */
export interface TokenClaims {
  readonly admin: boolean;
  readonly userId: string | undefined;
  /** Whether the configuration names the claim: then the user has to be known. */
  readonly userNamed: boolean;
  readonly email: string | undefined;
  readonly userRoles: readonly string[];
  /** In the order in which they are asked; a team of its own claim comes first. */
  readonly teamIds: readonly string[];
  /** Whether the token names one team, which then has to be there. */
  readonly teamNamed: boolean;
  /** Whether the token says anything of teams; `team_id_default` does not count. */
  readonly teamClaimed: boolean;
  readonly teamAlias: string | undefined;
  readonly organizationId: string | undefined;
  readonly organizationAlias: string | undefined;
  readonly endUser: string | undefined;
  readonly scopes: readonly string[];
  /** By `role_mappings`; undefined where none fits. */
  readonly role: Role | undefined;
}

/** Reads the claims by the paths that the configuration names. */
export function readClaims(payload: JWTPayload, settings: TokenSettings): TokenClaims {
  const value = (name: ClaimName): unknown => at(payload, settings.claims[name]);
  const scopes = [...words(payload.scope), ...words(payload.scp)];
  const roles = words(value("roles"));
  const role = roles.map((name) => settings.roleMappings.get(name)).find((found) => found !== undefined);
  const object = settings.claims.object === undefined ? undefined : text(value("object"));
  const asUser = object !== undefined && (role === "internal_user" || role === "internal_user_viewer");
  const team = (object !== undefined && role === "team" ? object : undefined) ?? text(first(value("team")));
  const teams = [...(team === undefined ? [] : [team]), ...words(value("teams"))];
  return {
    admin: scopes.includes(settings.adminScope) || role === "proxy_admin",
    userId: (asUser ? object : undefined) ?? text(value("user")) ?? text(payload.sub),
    userNamed: asUser || text(value("user")) !== undefined,
    email: text(value("email")),
    userRoles: words(value("userRoles")),
    teamIds: teams.length === 0 && settings.defaultTeam !== undefined ? [settings.defaultTeam] : [...new Set(teams)],
    teamNamed: team !== undefined,
    teamClaimed: teams.length > 0 || text(value("teamAlias")) !== undefined,
    teamAlias: text(value("teamAlias")),
    organizationId: text(value("organization")),
    organizationAlias: text(value("organizationAlias")),
    endUser: text(value("endUser")),
    scopes,
    role,
  };
}

/** The value at a path with dots; a claim whose own name has dots wins. */
function at(payload: JWTPayload, path: string | undefined): unknown {
  if (path === undefined) return undefined;
  if (Object.hasOwn(payload, path)) return payload[path];
  let value: unknown = payload;
  for (const step of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return value;
}

function text(value: unknown): string | undefined {
  if (typeof value === "number" && Number.isFinite(value)) return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Some issuers say a single name as a list of one. */
function first(value: unknown): unknown {
  return Array.isArray(value) ? (value as unknown[])[0] : value;
}

/** A list, or words with spaces between them, as OAuth writes scopes. */
function words(value: unknown): readonly string[] {
  if (typeof value === "string") return value.split(/\s+/).filter((word) => word !== "");
  return Array.isArray(value) ? (value as unknown[]).flatMap((item) => text(item) ?? []) : [];
}
