import { asArray, asNumber, asObject, asString, type JsonObject } from "../../json/json.ts";
import { ROLES, type Role } from "../permissions.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** What a role of the identity provider, or a scope, is good for. */
export interface Permissions {
  readonly models: readonly string[];
  readonly routes: readonly string[];
}

/** Whom a token has to come from, whom it has to be for, and how its claims are named. */
export interface IssuerRules {
  /** Where the issuer's keys are: JWKS documents, or OpenID configurations that name one. */
  readonly keyUrls: readonly string[];
  /** One of them has to be named; none: any. */
  readonly audiences: readonly string[];
  readonly issuers: readonly string[];
  readonly claims: Readonly<Record<ClaimName, string | undefined>>;
}

/** `general_settings.litellm_jwtauth` and the variables beside it. Claims are named by paths with dots. */
export interface TokenSettings extends IssuerRules {
  /** For tokens of these issuers, in place of the rules for all others. */
  readonly issuerRules: ReadonlyMap<string, IssuerRules>;
  /** Seconds that keys, and tokens that they verified, are good for without asking again. */
  readonly keyTtl: number;
  /** Seconds beyond `keyTtl` for which keys stay good while their issuer is away. */
  readonly staleTtl: number;
  /** Who is asked about tokens that are no JWT, and for how many seconds the answer holds. */
  readonly userInfo: { readonly endpoint: string; readonly ttl: number } | undefined;
  readonly adminScope: string;
  readonly adminRoutes: readonly string[];
  readonly teamRoutes: readonly string[];
  readonly defaultTeam: string | undefined;
  readonly upsertTeam: boolean;
  readonly upsertUser: boolean;
  readonly emailDomains: readonly string[];
  readonly allowedUserRoles: readonly string[] | undefined;
  /** Role of the identity provider → role here. */
  readonly roleMappings: ReadonlyMap<string, Role>;
  readonly enforceRoles: boolean;
  readonly rolePermissions: ReadonlyMap<string, Permissions>;
  readonly enforceScopes: boolean;
  readonly scopePermissions: ReadonlyMap<string, Permissions>;
  readonly enforceTeamModels: boolean;
  /** Whether a claim that names no team that is there gives way to the only team that the user is a member of. */
  readonly teamClaimFallback: boolean;
  /** Whether users may call for every team that they are members of. */
  readonly userTeams: boolean;
  /** Whether the role and the teams of a token are written down as the user's. */
  readonly syncUser: boolean;
}

const CLAIMS = {
  user: "user_id_jwt_field",
  email: "user_email_jwt_field",
  userRoles: "user_roles_jwt_field",
  team: "team_id_jwt_field",
  teams: "team_ids_jwt_field",
  teamAlias: "team_alias_jwt_field",
  organization: "org_id_jwt_field",
  organizationAlias: "org_alias_jwt_field",
  endUser: "end_user_id_jwt_field",
  roles: "roles_jwt_field",
  object: "object_id_jwt_field",
} as const;

export type ClaimName = keyof typeof CLAIMS;

const KEY_TTL = 600;
const ADMIN_SCOPE = "litellm_proxy_admin";
const ADMIN_ROUTES = ["management_routes", "spend_tracking_routes", "global_spend_tracking_routes", "info_routes"];
const TEAM_ROUTES = ["openai_routes", "info_routes", "mcp_routes", "/v1/messages", "/v1/messages/count_tokens"];
const STALE_TTL = 3600;
const USER_INFO_TTL = 300;

/** Undefined where tokens are not taken. */
export function tokenSettingsOf(general: JsonObject, environment: Environment): TokenSettings | undefined {
  if (general.enable_jwt_auth !== true) return undefined;
  const raw = asObject(general.litellm_jwtauth) ?? {};
  const claims = claimsOf(raw);
  const endpoint = asString(raw.oidc_userinfo_endpoint);
  const roles = textsOf(raw.user_allowed_roles);
  return {
    keyUrls: listed(environment.JWT_PUBLIC_KEY_URL),
    audiences: listed(environment.JWT_AUDIENCE),
    issuers: listed(environment.JWT_ISSUER),
    keyTtl: asNumber(raw.public_key_ttl) ?? KEY_TTL,
    staleTtl: asNumber(raw.public_key_stale_ttl) ?? STALE_TTL,
    claims,
    issuerRules: issuerRulesOf(raw.issuers, claims),
    userInfo:
      raw.oidc_userinfo_enabled === true && endpoint !== undefined
        ? { endpoint, ttl: asNumber(raw.oidc_userinfo_cache_ttl) ?? USER_INFO_TTL }
        : undefined,
    adminScope: asString(raw.admin_jwt_scope) ?? ADMIN_SCOPE,
    adminRoutes: textsOf(raw.admin_allowed_routes) ?? ADMIN_ROUTES,
    teamRoutes: textsOf(raw.team_allowed_routes) ?? TEAM_ROUTES,
    defaultTeam: asString(raw.team_id_default),
    upsertTeam: raw.team_id_upsert === true,
    upsertUser: raw.user_id_upsert === true,
    emailDomains: (asString(raw.user_allowed_email_domain) === undefined
      ? (textsOf(raw.user_allowed_email_domain) ?? [])
      : [asString(raw.user_allowed_email_domain) as string]
    ).map((domain) => domain.toLowerCase()),
    allowedUserRoles: roles,
    roleMappings: roleMappingsOf(raw),
    enforceRoles: raw.enforce_rbac === true || general.enforce_rbac === true,
    rolePermissions: permissionsOf(general.role_permissions, "role"),
    enforceScopes: raw.enforce_scope_based_access === true,
    scopePermissions: permissionsOf(raw.scope_mappings, "scope"),
    enforceTeamModels: raw.enforce_team_based_model_access === true,
    teamClaimFallback: raw.team_claim_fallback === true,
    userTeams: raw.fallback_to_db_teams === true,
    syncUser: raw.sync_user_role_and_teams === true,
  };
}

function claimsOf(raw: JsonObject): IssuerRules["claims"] {
  const found = Object.entries(CLAIMS).map(([name, key]) => [name, asString(raw[key])]);
  return Object.fromEntries(found) as IssuerRules["claims"];
}

/** `issuers`: what one names wins over what holds for all. */
function issuerRulesOf(value: unknown, claims: IssuerRules["claims"]): ReadonlyMap<string, IssuerRules> {
  const found = new Map<string, IssuerRules>();
  for (const entry of Array.isArray(value) ? (value as unknown[]) : []) {
    const raw = asObject(entry as JsonObject) ?? {};
    const issuer = asString(raw.issuer);
    if (issuer === undefined) continue;
    const own = Object.entries(claimsOf(raw)).filter(([, path]) => path !== undefined);
    const audience = asString(raw.audience);
    // One that does not say for whom its tokens are is left out, which the start tells.
    if ((raw.audience ?? null) === null && raw.disable_audience_validation !== true) continue;
    found.set(issuer, {
      keyUrls: [asString(raw.jwks_url) ?? `${issuer.replace(/\/+$/, "")}/.well-known/openid-configuration`],
      audiences: audience === undefined ? (textsOf(raw.audience) ?? []) : [audience],
      issuers: [issuer],
      claims: { ...claims, ...Object.fromEntries(own) },
    });
  }
  return found;
}

/** `role_mappings` ({role, internal_role}) and `jwt_litellm_role_map` ({jwt_role, litellm_role}) say the same. */
function roleMappingsOf(raw: JsonObject): ReadonlyMap<string, Role> {
  const mappings = new Map<string, Role>();
  for (const entry of [...asArray(raw.role_mappings), ...asArray(raw.jwt_litellm_role_map)]) {
    const mapping = asObject(entry);
    const from = asString(mapping?.role) ?? asString(mapping?.jwt_role);
    const to = asString(mapping?.internal_role) ?? asString(mapping?.litellm_role);
    if (from !== undefined && isRole(to)) mappings.set(from, to);
  }
  return mappings;
}

function permissionsOf(value: unknown, by: "role" | "scope"): ReadonlyMap<string, Permissions> {
  const found = new Map<string, Permissions>();
  for (const entry of Array.isArray(value) ? (value as unknown[]) : []) {
    const permissions = asObject(entry as JsonObject);
    const name = asString(permissions?.[by]);
    if (name === undefined) continue;
    found.set(name, { models: textsOf(permissions?.models) ?? [], routes: textsOf(permissions?.routes) ?? [] });
  }
  return found;
}

export function isRole(value: unknown): value is Role {
  return typeof value === "string" && (ROLES as readonly string[]).includes(value);
}

function textsOf(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : undefined;
}

function listed(value: string | undefined): readonly string[] {
  return (value ?? "")
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}
