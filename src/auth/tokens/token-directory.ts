import { tokenHash } from "../../admission/token-hash.ts";
import { GatewayError } from "../../errors/gateway-error.ts";
import type { Log } from "../../events/log.ts";
import type { GeneralSettings } from "../../snapshot/snapshot.ts";
import type { OrganizationRow } from "../../store/objects/organizations.ts";
import type { TeamRow } from "../../store/objects/teams.ts";
import type { UserRow } from "../../store/objects/users.ts";
import type { Transport } from "../../upstream/transport.ts";
import type { KeyDirectory } from "../key-directory.ts";
import type { ModelList } from "../model-access.ts";
import { roleOf } from "../owner-scopes.ts";
import type { Role } from "../permissions.ts";
import { authenticationError } from "../presented-key.ts";
import type { Principal } from "../principal.ts";
import { IssuerKeys } from "./issuer-keys.ts";
import { readClaims, type TokenClaims } from "./token-claims.ts";
import type { TokenObjects } from "./token-objects.ts";
import { type Permissions, type TokenSettings, tokenSettingsOf } from "./token-settings.ts";
import { denied, made, teamsOfToken } from "./token-teams.ts";
import { UserInfo } from "./user-info.ts";
import { type Trust, unverifiedIssuer, verifyToken } from "./verify-token.ts";

export interface TokenDirectoryOptions {
  readonly general: () => GeneralSettings;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly transport: Transport;
  readonly directory: KeyDirectory;
  readonly objects: TokenObjects;
  readonly log: Log;
}

/** Verified tokens that are remembered. */
const MOST_TOKENS = 10_000;
const MOST_TOKEN_LENGTH = 16_384;
const USER_ROUTES = ["management_routes", "info_routes", "spend_tracking_routes", "global_spend_tracking_routes"];

const UNKNOWN_ISSUER = "Authentication Error, Validation fails: the token is of no issuer that is known here";

interface Verified {
  readonly claims: TokenClaims;
  /** Milliseconds since the epoch. */
  readonly expires: number;
  /** Monotonic milliseconds until which the signature need not be looked at again. */
  readonly until: number;
  readonly settings: TokenSettings;
}

/** Finds who presents a token of an identity provider. */
export class TokenDirectory {
  readonly #options: TokenDirectoryOptions;
  readonly #settings = new WeakMap<GeneralSettings, { readonly settings: TokenSettings | undefined }>();
  readonly #issuers = new Map<string, IssuerKeys>();
  readonly #verified = new Map<string, Verified>();

  readonly #userInfo: UserInfo;

  constructor(options: TokenDirectoryOptions) {
    this.#options = options;
    this.#userInfo = new UserInfo(options.transport);
  }

  /** Whether this is to be looked at as a token: of three parts, or of any form where the provider can be asked. */
  accepts(key: string): boolean {
    const settings = this.#current();
    if (settings === undefined || key.startsWith("sk-") || key.length > MOST_TOKEN_LENGTH) return false;
    return looksLikeToken(key) || settings.userInfo !== undefined;
  }

  /** Throws the caller's refusal. */
  async find(token: string): Promise<Principal> {
    const settings = this.#current();
    if (settings === undefined) throw authenticationError("Authentication Error, tokens are not taken");
    const verified = await this.#verify(token, settings);
    return this.#principal(verified, settings);
  }

  #current(): TokenSettings | undefined {
    const general = this.#options.general();
    let known = this.#settings.get(general);
    if (known === undefined) {
      known = { settings: tokenSettingsOf(general.raw, this.#options.environment) };
      this.#settings.set(general, known);
      if (known.settings !== undefined) this.#warn(known.settings);
    }
    return known.settings;
  }

  #warn({ keyUrls, audiences, issuerRules, userInfo }: TokenSettings): void {
    const { log } = this.#options;
    if (keyUrls.length === 0 && issuerRules.size === 0 && userInfo === undefined)
      log.error("enable_jwt_auth is set, but JWT_PUBLIC_KEY_URL is not: no token can be verified");
    if (keyUrls.length > 0 && audiences.length === 0)
      log.warning("JWT_AUDIENCE is not set: tokens that were issued for others are taken, too");
  }

  async #verify(token: string, settings: TokenSettings): Promise<Verified> {
    const known = this.#verified.get(token);
    if (known !== undefined && known.settings === settings && performance.now() < known.until) return known;
    const verified = looksLikeToken(token)
      ? await this.#bySignature(token, settings)
      : await this.#byAsking(token, settings);
    if (this.#verified.size >= MOST_TOKENS) this.#verified.clear();
    this.#verified.set(token, verified);
    return verified;
  }

  async #bySignature(token: string, settings: TokenSettings): Promise<Verified> {
    const rules = settings.issuerRules.get(unverifiedIssuer(token) ?? "");
    const { keyUrls, audiences, issuers, claims } = rules ?? settings;
    if (keyUrls.length === 0) {
      if (settings.issuerRules.size > 0) throw authenticationError(UNKNOWN_ISSUER);
      throw new GatewayError("service_unavailable", "JWT_PUBLIC_KEY_URL is not set: no token can be verified");
    }
    const trust: Trust = { keys: keyUrls.map((url) => this.#issuer(url)), audiences, issuers, ages: settings };
    const payload = await verifyToken(token, trust);
    return {
      claims: readClaims(payload, { ...settings, claims }),
      expires: (payload.exp as number) * 1000,
      until: performance.now() + settings.keyTtl * 1000,
      settings,
    };
  }

  /** A token that says nothing itself: the identity provider says whose it is. */
  async #byAsking(token: string, settings: TokenSettings): Promise<Verified> {
    const { endpoint, ttl } = settings.userInfo as { endpoint: string; ttl: number };
    const { claims, at } = await this.#userInfo.ask(endpoint, token, ttl);
    const until = at + ttl * 1000;
    return { claims: readClaims(claims, settings), expires: Date.now() + until - performance.now(), until, settings };
  }

  #issuer(url: string): IssuerKeys {
    let issuer = this.#issuers.get(url);
    if (issuer === undefined) {
      issuer = new IssuerKeys(url, this.#options.transport);
      this.#issuers.set(url, issuer);
    }
    return issuer;
  }

  async #principal({ claims, expires }: Verified, settings: TokenSettings): Promise<Principal> {
    if (claims.admin) {
      return {
        keyHash: tokenHash(claims.userId, undefined),
        role: "proxy_admin",
        ...(claims.userId === undefined ? {} : { userId: claims.userId }),
        allowedRoutes: settings.adminRoutes,
        grant: { ...(await this.#options.directory.grantOf(NOBODY)), expires },
      };
    }
    requireRole(claims, settings);
    const user = await this.#user(claims, settings);
    const organization = await this.#organization(claims);
    const { teams, byName } = await teamsOfToken(claims, settings, user, this.#options);
    const make = (team: TeamRow | undefined): Promise<Principal> =>
      this.#caller({ claims, settings, user, organization, team, expires });
    const [primary, ...others] = await Promise.all((teams.length === 0 ? [undefined] : teams).map(make));
    const named = await Promise.all(byName.map(make));
    return {
      ...(primary as Principal),
      otherTeams: others,
      ...(named.length === 0 ? {} : { teamsByName: named }),
    };
  }

  async #caller(caller: {
    readonly claims: TokenClaims;
    readonly settings: TokenSettings;
    readonly user: UserRow | undefined;
    readonly organization: OrganizationRow | undefined;
    readonly team: TeamRow | undefined;
    readonly expires: number;
  }): Promise<Principal> {
    const { claims, settings, user, organization, team, expires } = caller;
    const userId = user?.user_id ?? claims.userId;
    const organizationId = organization?.organization_id ?? team?.organization_id ?? null;
    const grant = await this.#options.directory.grantOf({ team, user, organizationId, projectId: null });
    const role = claims.role ?? (user === undefined && team !== undefined && !claims.userNamed ? "team" : roleOf(user));
    const access = [...grant.access, ...accessBy(claims, settings, role)];
    return {
      keyHash: tokenHash(userId, team?.team_id),
      role,
      ...(userId === undefined ? {} : { userId }),
      ...(team === undefined ? {} : { teamId: team.team_id }),
      ...(team?.team_alias == null ? {} : { teamAlias: team.team_alias }),
      ...(organizationId === null ? {} : { organizationId }),
      ...(claims.endUser === undefined ? {} : { endUser: claims.endUser }),
      allowedRoutes: routesFor(claims, settings, role, team),
      grant: { ...grant, access, expires },
    };
  }

  async #user(claims: TokenClaims, settings: TokenSettings): Promise<UserRow | undefined> {
    const { directory, objects } = this.#options;
    const { userId, email } = claims;
    if (settings.emailDomains.length > 0 && claims.userNamed) requireDomain(email, settings);
    if (userId === undefined) return undefined;
    let user = await directory.user(userId);
    if (user === undefined) {
      if (!settings.upsertUser) {
        if (!claims.userNamed) return undefined;
        throw authenticationError(
          `Authentication Error, User doesn't exist in db. 'user_id'=${userId}. Create user via \`/user/new\` call.`,
        );
      }
      const role = claims.role;
      user = await made(
        objects.makeUser({
          user_id: userId,
          ...(email === undefined ? {} : { user_email: email }),
          ...(role === undefined || role === "team" || role === "customer" ? {} : { user_role: role }),
        }),
        () => directory.user(userId),
      );
    }
    const { role } = claims;
    if (user !== undefined && settings.syncUser && role !== undefined && user.user_role !== role) {
      await objects.setRole(userId, role);
      user = await directory.user(userId);
    }
    return user;
  }

  async #organization({ organizationId, organizationAlias }: TokenClaims): Promise<OrganizationRow | undefined> {
    if (organizationId === undefined && organizationAlias === undefined) return undefined;
    const found = await this.#options.directory.organization(organizationId, organizationAlias);
    if (found !== undefined) return found;
    throw denied(`Organization doesn't exist in db. Organization=${organizationId ?? organizationAlias}.`);
  }
}

const NOBODY = { team: undefined, user: undefined, organizationId: null, projectId: null };

function looksLikeToken(key: string): boolean {
  const first = key.indexOf(".");
  const second = key.indexOf(".", first + 1);
  return first > 0 && second > first + 1 && key.indexOf(".", second + 1) === -1;
}

function requireRole(claims: TokenClaims, settings: TokenSettings): void {
  if (settings.enforceRoles && claims.role === undefined) {
    throw denied(
      "Unmatched token passed in. enforce_rbac is set to True. Token must belong to a proxy admin, team, or user.",
    );
  }
  const { allowedUserRoles } = settings;
  if (allowedUserRoles !== undefined && !claims.userRoles.some((role) => allowedUserRoles.includes(role))) {
    throw denied(`User role not allowed. Allowed roles=[${allowedUserRoles.join(", ")}]`);
  }
}

function requireDomain(email: string | undefined, { emailDomains }: TokenSettings): void {
  const domain = email?.slice(email.lastIndexOf("@") + 1).toLowerCase();
  if (domain === undefined || !emailDomains.includes(domain)) {
    throw denied(`User email must be of ${emailDomains.join(" or ")}`);
  }
}

/** Models that the role and the scopes of a token leave. */
function accessBy(claims: TokenClaims, settings: TokenSettings, role: Role): readonly ModelList[] {
  const lists: ModelList[] = [];
  const ofRole = settings.rolePermissions.get(role);
  if (ofRole !== undefined && ofRole.models.length > 0) lists.push({ object: "key", models: ofRole.models });
  if (settings.enforceScopes) {
    const models = scopePermissions(claims, settings).flatMap((permissions) => permissions.models);
    // A list that is empty allows everything; scopes that allow nothing must not.
    lists.push({ object: "key", models: models.length === 0 ? [""] : models });
  }
  return lists;
}

function scopePermissions(claims: TokenClaims, settings: TokenSettings): readonly Permissions[] {
  return claims.scopes.flatMap((scope) => settings.scopePermissions.get(scope) ?? []);
}

function routesFor(
  claims: TokenClaims,
  settings: TokenSettings,
  role: Role,
  team: TeamRow | undefined,
): readonly string[] {
  const ofRole = settings.rolePermissions.get(role)?.routes ?? [];
  if (ofRole.length > 0) return ofRole;
  if (role === "proxy_admin") return [];
  if (settings.enforceScopes) {
    const ofScopes = scopePermissions(claims, settings).flatMap(({ routes }) => routes);
    if (ofScopes.length > 0) return ofScopes;
  }
  if (team === undefined) return [];
  // A team's token calls models; its user, where it names one, manages what is its own.
  return claims.userNamed ? [...settings.teamRoutes, ...USER_ROUTES] : settings.teamRoutes;
}
