import type { LimitSettings } from "../admission/limit-settings.ts";
import type { Scope } from "../admission/scope.ts";
import { asNumber, asObject, asString, type Json, type JsonObject, parseJson } from "../json/json.ts";
import type { Database } from "../store/database.ts";
import { carriedOver, nextReset, parseDuration, periodBegin, type ResetClock } from "../store/objects/budget-window.ts";
import { type BudgetRow, budgets } from "../store/objects/budgets.ts";
import { customers } from "../store/objects/customers.ts";
import { findReplacedKey, type KeyRow, keys } from "../store/objects/keys.ts";
import { type OrganizationRow, organizations } from "../store/objects/organizations.ts";
import { type ProjectRow, projects } from "../store/objects/projects.ts";
import { spendTotals } from "../store/objects/spend-totals.ts";
import { tags } from "../store/objects/tags.ts";
import { findTeamMember, type TeamRow, teamMembers, teams } from "../store/objects/teams.ts";
import { type UserRow, users } from "../store/objects/users.ts";
import { type WindowOwner, windowScopes } from "./budget-windows.ts";
import { callerRules, type RuleSource, ruleSource } from "./caller-rules.ts";
import { budgetSentence, countsOf, type Grant, type PerModelLimits } from "./grant.ts";
import type { ModelList } from "./model-access.ts";
import {
  blockedOwner,
  blockedWords,
  customerScope,
  defaultCustomerScope,
  type LimitRow,
  limitsOf,
  memberModels,
  memberScope,
  namesIn,
  nano,
  organizationScope,
  projectScope,
  raised,
  roleOf,
  scopeOf,
  teamScope,
  throttledLimits,
  userScope,
  withGroups,
} from "./owner-scopes.ts";
import type { Principal } from "./principal.ts";
import { raisedBudget } from "./raised-budget.ts";

export interface KeyDirectoryOptions {
  readonly database: Database;
  readonly resetClock: () => ResetClock;
  readonly settings: () => LimitSettings;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** Those that a caller belongs to. */
export interface Owners {
  readonly team: TeamRow | undefined;
  readonly user: UserRow | undefined;
  readonly organizationId: string | null;
  readonly projectId: string | null;
}

interface Limited {
  readonly scopes: readonly Scope[];
  readonly access: readonly ModelList[];
  readonly blocked: string | undefined;
  readonly project: ProjectRow | undefined;
}

/** Finds virtual keys and what belongs to them in the database. Budgets whose period is over begin anew here. */
export class KeyDirectory {
  readonly #database: Database;
  readonly #resetClock: () => ResetClock;
  readonly #settings: () => LimitSettings;
  readonly #now: () => number;

  constructor(options: KeyDirectoryOptions) {
    this.#database = options.database;
    this.#resetClock = options.resetClock;
    this.#settings = options.settings;
    this.#now = options.now ?? Date.now;
  }

  /** Who presents the key of this hash; undefined when nobody knows it. Rejects when the database cannot be asked. */
  async find(hash: string): Promise<Principal | undefined> {
    const { kysely } = this.#database;
    const found = (await keys.find(kysely, hash)) ?? (await findReplacedKey(kysely, hash, this.#now()));
    if (found === undefined) return undefined;
    const key = await this.#renewed(keys, found, "key", [
      found.token,
      ...(JSON.parse(found.previous_tokens) as string[]),
    ]);
    const team = key.team_id === null ? undefined : await this.team(key.team_id);
    const user = key.user_id === null ? undefined : await this.user(key.user_id);
    return this.#principal(key, team, user, key.organization_id ?? team?.organization_id ?? null);
  }

  /** What a caller without a key may do: that of those that it belongs to. */
  async grantOf(owners: Owners): Promise<Grant> {
    const { scopes, access, blocked, project } = await this.#owners(owners);
    return {
      expires: undefined,
      blocked,
      access,
      scopes,
      perModel: undefined,
      teamPerModel: this.#teamPerModel(owners.team),
      rules: callerRules({ team: ruleSource(owners.team), project: ruleSource(project) }),
      keyLimits: {},
    };
  }

  /** With its budget begun anew where its period is over. */
  async user(id: string): Promise<UserRow | undefined> {
    const user = await users.find(this.#database.kysely, id);
    return user === undefined ? undefined : this.#renewed(users, user, "user", [id]);
  }

  async team(id: string): Promise<TeamRow | undefined> {
    const team = await teams.find(this.#database.kysely, id);
    return team === undefined ? undefined : this.#renewed(teams, team, "team", [id]);
  }

  /** The teams that a user is a member of, by their ids. */
  async teamsOf(userId: string): Promise<readonly TeamRow[]> {
    const memberships = await teamMembers.findMany(this.#database.kysely, [userId], "user_id");
    const ids = memberships.map((row) => row.team_id).sort();
    const found = await Promise.all(ids.map((id) => this.team(id)));
    return found.filter((team) => team !== undefined);
  }

  /** Undefined also where several have the name: then none is meant. */
  async teamByAlias(alias: string): Promise<TeamRow | undefined> {
    const [found, another] = await teams.findMany(this.#database.kysely, [alias], "team_alias");
    return found === undefined || another !== undefined ? undefined : this.team(found.team_id);
  }

  async organization(id: string | undefined, alias: string | undefined): Promise<OrganizationRow | undefined> {
    const { kysely } = this.#database;
    if (id !== undefined) return organizations.find(kysely, id);
    const [found, another] = await organizations.findMany(kysely, [alias ?? ""], "organization_alias");
    return another === undefined ? found : undefined;
  }

  /** The scope of an end user whom a request names; undefined when nothing limits it. */
  async customerScope(id: string): Promise<Scope | undefined> {
    const { kysely } = this.#database;
    const customer = await customers.find(kysely, id);
    const budget = await this.#budget(customer?.budget_id);
    if (customer !== undefined && budget !== undefined) return customerScope(customer, budget);
    const { endUserBudgetId, endUserBudget } = this.#settings();
    const common = await this.#budget(endUserBudgetId);
    if (common !== undefined) {
      return defaultCustomerScope(id, limitsOf(common), this.#beginOf(common.budget_duration ?? undefined, 0));
    }
    return endUserBudget === undefined ? undefined : defaultCustomerScope(id, { maxBudget: endUserBudget }, 0);
  }

  /** The scope of a tag; undefined when nothing limits it. */
  async tagScope(name: string): Promise<Scope | undefined> {
    const { kysely } = this.#database;
    const tag = await tags.find(kysely, name);
    if (tag === undefined || tag.budget_id === null) return undefined;
    const budget = await budgets.find(kysely, tag.budget_id);
    if (budget === undefined) return undefined;
    return scopeOf({
      id: `tag:${name}`,
      descriptor: "tag",
      value: name,
      limits: limitsOf(budget),
      source: { dimension: "tag", entities: [name] },
      offset: tag.spend_offset_nano,
      exceeded: budgetSentence(`Tag=${name}`),
    });
  }

  async #principal(
    key: KeyRow,
    team: TeamRow | undefined,
    user: UserRow | undefined,
    organizationId: string | null,
  ): Promise<Principal> {
    const budget = await this.#budget(key.budget_id);
    const settings = asObject(parseJson(key.settings)) ?? {};
    const metadata = asObject(parseJson(key.metadata)) ?? {};
    const { parallelPerKey, throttle } = this.#settings();
    const keyLimits = raised(
      { ...(parallelPerKey === undefined ? {} : { parallel: parallelPerKey }), ...limitsOf(key, budget) },
      settings,
      metadata,
      this.#now(),
    );
    const throttled = metadata.throttle_on_budget_exceeded === true ? throttledLimits(keyLimits, throttle) : undefined;
    const keyScope = scopeOf({
      id: `key:${key.token}`,
      descriptor: "api_key",
      value: key.token,
      limits: keyLimits,
      source: { dimension: "key", entities: [key.token, ...(JSON.parse(key.previous_tokens) as string[])] },
      offset: key.spend_offset_nano,
      exceeded: budgetSentence(`Key=${key.key_alias ?? "key"} (${key.key_name})`),
      ...(throttled === undefined ? {} : { throttled }),
    });
    const tokens = [key.token, ...(JSON.parse(key.previous_tokens) as string[])];
    const scopes: Scope[] = [
      keyScope,
      ...this.#windows({ of: "key", id: key.token, entities: tokens, name: `Key=${key.key_name}` }, settings),
    ];
    const access: ModelList[] = [{ object: "key", models: withGroups(namesIn(key.models), settings) }];

    const owners = await this.#owners({ team, user, organizationId, projectId: key.project_id });
    scopes.push(...owners.scopes);
    access.push(...owners.access);
    const grant: Grant = {
      expires: key.expires ?? undefined,
      blocked: blockedWords(key) ?? owners.blocked,
      access: access.filter(({ models }) => models.length > 0),
      scopes,
      perModel: this.#perModel({ keyHash: key.token, alias: key.key_alias ?? undefined }, key.created_at, {
        settings,
        metadata,
      }),
      teamPerModel: this.#teamPerModel(team),
      rules: callerRules({ key: { settings, metadata }, team: ruleSource(team), project: ruleSource(owners.project) }),
      keyLimits,
    };
    return {
      keyHash: key.token,
      ...(key.key_alias === null ? {} : { keyAlias: key.key_alias }),
      role: roleOf(user),
      ...(key.user_id === null ? {} : { userId: key.user_id }),
      ...(key.team_id === null ? {} : { teamId: key.team_id }),
      ...(organizationId === null ? {} : { organizationId }),
      allowedRoutes: namesIn(key.allowed_routes),
      grant,
    };
  }

  /** What those that a caller belongs to limit. */
  async #owners({ team, user, organizationId, projectId }: Owners): Promise<Limited> {
    const { kysely } = this.#database;
    const scopes: Scope[] = [];
    const access: ModelList[] = [];
    if (team !== undefined) {
      scopes.push(teamScope(team));
      const own = ruleSource(team)?.settings ?? {};
      access.push({ object: "team", models: withGroups(namesIn(team.models), own) });
      const { team_id: id } = team;
      scopes.push(...this.#windows({ of: "team", id, entities: [id], name: `Team=${id}` }, own));
      if (user !== undefined) {
        const member = await findTeamMember(kysely, id, user.user_id);
        const budget = await this.#budget(member?.budget_id ?? team.member_budget_id);
        access.push(memberModels(budget, own));
        if (budget !== undefined) scopes.push(memberScope(team, user, member, raisedBudget(budget, this.#now())));
      }
    }
    // A key of a team leaves its owner's personal budget alone, unless it is told otherwise.
    if (user !== undefined && (team === undefined || this.#settings().userBudgetOnTeamKeys))
      scopes.push(userScope(user));
    if (user !== undefined && team === undefined) {
      access.push({ object: "user", models: namesIn(user.models).filter((name) => name !== "no-default-models") });
    }
    const project = projectId === null ? undefined : await projects.find(kysely, projectId);
    if (project !== undefined) {
      scopes.push(projectScope(project, await this.#budget(project.budget_id)));
      access.push({ object: "project", models: namesIn(project.models) });
    }
    const organization = organizationId === null ? undefined : await organizations.find(kysely, organizationId);
    if (organization !== undefined) {
      scopes.push(organizationScope(organization, await this.#budget(organization.budget_id)));
      access.push({ object: "org", models: namesIn(organization.models) });
    }
    return {
      scopes,
      access: access.filter(({ models }) => models.length > 0),
      blocked: blockedOwner({ team, project, user }),
      project,
    };
  }

  async #budget(id: string | null | undefined): Promise<BudgetRow | undefined> {
    return id === null || id === undefined ? undefined : await budgets.find(this.#database.kysely, id);
  }

  #teamPerModel(team: TeamRow | undefined): PerModelLimits | undefined {
    const source = ruleSource(team);
    if (team === undefined || source === undefined) return undefined;
    return this.#perModel({ keyHash: "", alias: undefined, teamId: team.team_id }, team.created_at, source);
  }

  /** `budget_limits` of a key or a team. */
  #windows(owner: WindowOwner, { budget_limits: limits }: JsonObject): Scope[] {
    return windowScopes(owner, limits, this.#now(), this.#resetClock());
  }

  #perModel(
    owner: Pick<PerModelLimits, "keyHash" | "alias" | "teamId">,
    createdAt: number,
    { settings, metadata }: RuleSource,
  ): PerModelLimits | undefined {
    const rpm = countsOf(settings.model_rpm_limit ?? metadata.model_rpm_limit);
    const tpm = countsOf(settings.model_tpm_limit ?? metadata.model_tpm_limit);
    const found = new Map<string, { limit: bigint; since: number }>();
    for (const [model, value] of Object.entries(asObject(settings.model_max_budget) ?? {})) {
      const budget = asObject(value as Json);
      const limit = asNumber(budget?.budget_limit) ?? asNumber(budget?.max_budget);
      if (limit === undefined) continue;
      const period = asString(budget?.time_period) ?? asString(budget?.budget_duration);
      found.set(model, { limit: nano(limit), since: this.#beginOf(period, createdAt) });
      if (asNumber(budget?.rpm_limit) !== undefined) rpm[model] ??= asNumber(budget?.rpm_limit) as number;
      if (asNumber(budget?.tpm_limit) !== undefined) tpm[model] ??= asNumber(budget?.tpm_limit) as number;
    }
    if (found.size + Object.keys(rpm).length + Object.keys(tpm).length === 0) return undefined;
    return { ...owner, rpm, tpm, budgets: found };
  }

  /** When the period that is under way began; without a period, ever. */
  #beginOf(period: string | undefined, fallback: number): number {
    const duration = period === undefined ? undefined : parseDuration(period);
    if (duration === undefined) return fallback;
    return periodBegin(duration, this.#now(), this.#resetClock());
  }

  /** The row, with its budget begun anew when its period is over: what was spent until now no longer counts. */
  async #renewed<Row extends LimitRow & ResettingRow>(
    table: { update(connection: Database["kysely"], id: string, patch: object): Promise<unknown> },
    row: Row,
    dimension: "key" | "team" | "user",
    entities: readonly string[],
  ): Promise<Row> {
    const now = this.#now();
    const { resets, rollover } = this.#settings();
    if (!resets || row.budget_duration === null || row.budget_reset_at === null || row.budget_reset_at > now)
      return row;
    const duration = parseDuration(row.budget_duration);
    if (duration === undefined) return row;
    const totals = await spendTotals(this.#database.kysely, dimension, entities);
    let total = 0n;
    for (const amount of totals.values()) total += amount;
    const beyond = rollover ? carriedOver(total + row.spend_offset_nano, row.max_budget_nano) : 0n;
    const patch = { spend_offset_nano: beyond - total, budget_reset_at: nextReset(duration, now, this.#resetClock()) };
    await table.update(this.#database.kysely, entities[0] as string, patch);
    return { ...row, ...patch };
  }
}

interface ResettingRow {
  readonly spend_offset_nano: bigint;
  readonly budget_duration: string | null;
  readonly budget_reset_at: number | null;
}
