import type { Limits, Scope, SpendSource } from "../admission/scope.ts";
import { asNumber, asObject, asString, type Json, type JsonObject, parseJson } from "../json/json.ts";
import type { Database } from "../store/database.ts";
import { nextReset, parseDuration, periodBegin, type ResetClock } from "../store/objects/budget-window.ts";
import { type BudgetRow, budgets } from "../store/objects/budgets.ts";
import { customers } from "../store/objects/customers.ts";
import { findReplacedKey, type KeyRow, keys } from "../store/objects/keys.ts";
import { organizations } from "../store/objects/organizations.ts";
import { type ProjectRow, projects } from "../store/objects/projects.ts";
import { spendTotals } from "../store/objects/spend-totals.ts";
import { tags } from "../store/objects/tags.ts";
import { findTeamMember, type TeamRow, teams } from "../store/objects/teams.ts";
import { type UserRow, users } from "../store/objects/users.ts";
import { type WindowOwner, windowScopes } from "./budget-windows.ts";
import { callerRules, type RuleSource, ruleSource } from "./caller-rules.ts";
import { budgetSentence, countsOf, type Grant, type PerModelLimits } from "./grant.ts";
import type { ModelList } from "./model-access.ts";
import { ROLES, type Role } from "./permissions.ts";
import type { Principal } from "./principal.ts";
import { raisedBudget } from "./raised-budget.ts";

/** Columns that whoever has limits of its own carries. */
interface LimitRow {
  readonly max_budget_nano: bigint | null;
  readonly max_parallel_requests: number | null;
  readonly tpm_limit: number | null;
  readonly rpm_limit: number | null;
}

export interface KeyDirectoryOptions {
  readonly database: Database;
  readonly resetClock: () => ResetClock;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** Finds virtual keys and what belongs to them in the database. Budgets whose period is over begin anew here. */
export class KeyDirectory {
  readonly #database: Database;
  readonly #resetClock: () => ResetClock;
  readonly #now: () => number;

  constructor(options: KeyDirectoryOptions) {
    this.#database = options.database;
    this.#resetClock = options.resetClock;
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
    const team = key.team_id === null ? undefined : await teams.find(kysely, key.team_id);
    const user = key.user_id === null ? undefined : await users.find(kysely, key.user_id);
    const organizationId = key.organization_id ?? team?.organization_id ?? null;
    const currentTeam = team === undefined ? undefined : await this.#renewed(teams, team, "team", [team.team_id]);
    const currentUser = user === undefined ? undefined : await this.#renewed(users, user, "user", [user.user_id]);
    return this.#principal(key, currentTeam, currentUser, organizationId);
  }

  /** The scope of an end user whom a request names; undefined when nothing limits it. */
  async customerScope(id: string): Promise<Scope | undefined> {
    const { kysely } = this.#database;
    const customer = await customers.find(kysely, id);
    if (customer === undefined || customer.budget_id === null) return undefined;
    const budget = await budgets.find(kysely, customer.budget_id);
    if (budget === undefined) return undefined;
    return scopeOf({
      id: `customer:${id}`,
      descriptor: "end_user",
      value: id,
      limits: limitsOf(budget),
      source: { dimension: "customer", entities: [id] },
      offset: customer.spend_offset_nano,
      refusesWhen: "above",
      exceeded: (spent, limit) =>
        `ExceededBudget: End User=${id} over budget. ${budgetSentence("")(spent, limit).replace(/^.*! +/, "")}`,
    });
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
    const { kysely } = this.#database;
    const budget = key.budget_id === null ? undefined : await budgets.find(kysely, key.budget_id);
    const organization = organizationId === null ? undefined : await organizations.find(kysely, organizationId);
    const settings = asObject(parseJson(key.settings)) ?? {};
    const metadata = asObject(parseJson(key.metadata)) ?? {};
    const keyLimits = raised(limitsOf(key, budget), settings, metadata, this.#now());
    const keyScope = scopeOf({
      id: `key:${key.token}`,
      descriptor: "api_key",
      value: key.token,
      limits: keyLimits,
      source: { dimension: "key", entities: [key.token, ...(JSON.parse(key.previous_tokens) as string[])] },
      offset: key.spend_offset_nano,
      exceeded: budgetSentence(`Key=${key.key_alias ?? "key"} (${key.key_name})`),
    });
    const tokens = [key.token, ...(JSON.parse(key.previous_tokens) as string[])];
    const scopes: Scope[] = [
      keyScope,
      ...this.#windows({ of: "key", id: key.token, entities: tokens, name: `Key=${key.key_name}` }, settings),
    ];
    const access: ModelList[] = [{ object: "key", models: withGroups(namesIn(key.models), settings) }];

    if (team !== undefined) {
      scopes.push(
        scopeOf({
          id: `team:${team.team_id}`,
          descriptor: "team",
          value: team.team_id,
          limits: limitsOf(team),
          source: { dimension: "team", entities: [team.team_id] },
          offset: team.spend_offset_nano,
          exceeded: budgetSentence(`Team=${team.team_id}`),
        }),
      );
      const own = asObject(parseJson(team.settings)) ?? {};
      access.push({ object: "team", models: withGroups(namesIn(team.models), own) });
      const { team_id: id } = team;
      scopes.push(...this.#windows({ of: "team", id, entities: [id], name: `Team=${id}` }, own));
      if (user !== undefined) access.push(await this.#memberModels(team, user));
      if (user !== undefined) scopes.push(...(await this.#memberScope(team, user)));
    } else if (user !== undefined) {
      // A key of a team leaves its owner's personal budget alone.
      scopes.push(
        scopeOf({
          id: `user:${user.user_id}`,
          descriptor: "user",
          value: user.user_id,
          limits: limitsOf(user),
          source: { dimension: "user", entities: [user.user_id] },
          offset: user.spend_offset_nano,
          exceeded: (spent, limit) =>
            `ExceededBudget: User=${user.user_id} over budget. Spend=${dollars(spent)}, Budget=${dollars(limit)}`,
        }),
      );
      access.push({ object: "user", models: namesIn(user.models).filter((name) => name !== "no-default-models") });
    }
    const project = key.project_id === null ? undefined : await projects.find(kysely, key.project_id);
    if (project !== undefined) {
      const limits = project.budget_id === null ? undefined : await budgets.find(kysely, project.budget_id);
      scopes.push(
        scopeOf({
          id: `project:${project.project_id}`,
          descriptor: "project",
          value: project.project_id,
          limits: limits === undefined ? {} : limitsOf(limits),
          source: { dimension: "project", projectId: project.project_id },
          offset: project.spend_offset_nano,
          exceeded: budgetSentence(`Project=${project.project_id}`),
        }),
      );
      access.push({ object: "project", models: namesIn(project.models) });
    }
    if (organization !== undefined) {
      const limits = organization.budget_id === null ? undefined : await budgets.find(kysely, organization.budget_id);
      scopes.push(
        scopeOf({
          id: `organization:${organization.organization_id}`,
          descriptor: "organization",
          value: organization.organization_id,
          limits: limits === undefined ? {} : limitsOf(limits),
          source: { dimension: "organization", entities: [organization.organization_id] },
          offset: organization.spend_offset_nano,
          exceeded: budgetSentence(`Organization=${organization.organization_id}`),
        }),
      );
      access.push({ object: "org", models: namesIn(organization.models) });
    }
    const grant: Grant = {
      expires: key.expires ?? undefined,
      blocked: blockedWords(key, team, project) ?? blockedUser(user),
      access: access.filter(({ models }) => models.length > 0),
      scopes,
      perModel: this.#perModel({ keyHash: key.token, alias: key.key_alias ?? undefined }, key.created_at, {
        settings,
        metadata,
      }),
      teamPerModel: this.#teamPerModel(team),
      rules: callerRules({ key: { settings, metadata }, team: ruleSource(team), project: ruleSource(project) }),
      keyLimits,
      keyScope,
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

  async #memberScope(team: TeamRow, user: UserRow): Promise<Scope[]> {
    const { kysely } = this.#database;
    const member = await findTeamMember(kysely, team.team_id, user.user_id);
    const budgetId = member?.budget_id ?? team.member_budget_id;
    const budget = budgetId === null || budgetId === undefined ? undefined : await budgets.find(kysely, budgetId);
    if (budget === undefined) return [];
    return [
      scopeOf({
        id: `member:${team.team_id}:${user.user_id}`,
        descriptor: "team_member",
        value: `${team.team_id}:${user.user_id}`,
        limits: limitsOf(raisedBudget(budget, this.#now())),
        source: { dimension: "member", teamId: team.team_id, userId: user.user_id },
        offset: member?.spend_offset_nano ?? 0n,
        exceeded: budgetSentence(`User=${user.user_id} in Team=${team.team_id}`),
      }),
    ];
  }

  #teamPerModel(team: TeamRow | undefined): PerModelLimits | undefined {
    const source = ruleSource(team);
    if (team === undefined || source === undefined) return undefined;
    return this.#perModel({ keyHash: "", alias: undefined, teamId: team.team_id }, team.created_at, source);
  }

  /** The models that a team gives a member: the member's own list, else that of all members. */
  async #memberModels(team: TeamRow, user: UserRow): Promise<ModelList> {
    const { kysely } = this.#database;
    const member = await findTeamMember(kysely, team.team_id, user.user_id);
    const budgetId = member?.budget_id ?? team.member_budget_id;
    const budget = budgetId === null || budgetId === undefined ? undefined : await budgets.find(kysely, budgetId);
    const own = budget === undefined ? [] : namesIn(budget.allowed_models);
    const all = ruleSource(team)?.settings.default_team_member_models;
    const models = own.length > 0 ? own : Array.isArray(all) ? all.filter((name) => typeof name === "string") : [];
    return { object: "team_member", models };
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
    if (row.budget_duration === null || row.budget_reset_at === null || row.budget_reset_at > now) return row;
    const duration = parseDuration(row.budget_duration);
    if (duration === undefined) return row;
    const totals = await spendTotals(this.#database.kysely, dimension, entities);
    let total = 0n;
    for (const amount of totals.values()) total += amount;
    const patch = { spend_offset_nano: -total, budget_reset_at: nextReset(duration, now, this.#resetClock()) };
    await table.update(this.#database.kysely, entities[0] as string, patch);
    return { ...row, ...patch };
  }
}

interface ResettingRow {
  readonly budget_duration: string | null;
  readonly budget_reset_at: number | null;
}

function scopeOf(
  options: Omit<Scope, "refusesWhen" | "source"> & {
    readonly source: SpendSource;
    readonly refusesWhen?: "at" | "above";
  },
): Scope {
  return { ...options, refusesWhen: options.refusesWhen ?? "at" };
}

/** The row's own limits, else those of its budget. */
function limitsOf(row: LimitRow, budget?: BudgetRow): Limits {
  const maxBudget = row.max_budget_nano ?? budget?.max_budget_nano ?? undefined;
  const rpm = row.rpm_limit ?? budget?.rpm_limit ?? undefined;
  const tpm = row.tpm_limit ?? budget?.tpm_limit ?? undefined;
  const parallel = row.max_parallel_requests ?? budget?.max_parallel_requests ?? undefined;
  return {
    ...(maxBudget === undefined ? {} : { maxBudget }),
    ...(rpm === undefined ? {} : { rpm }),
    ...(tpm === undefined ? {} : { tpm }),
    ...(parallel === undefined ? {} : { parallel }),
  };
}

/** A temporary raise counts until it expires. */
function raised(limits: Limits, settings: JsonObject, metadata: JsonObject, now: number): Limits {
  const by = asNumber(settings.temp_budget_increase ?? metadata.temp_budget_increase);
  const until = asString(settings.temp_budget_expiry ?? metadata.temp_budget_expiry);
  if (limits.maxBudget === undefined || by === undefined || until === undefined || Date.parse(until) < now)
    return limits;
  return { ...limits, maxBudget: limits.maxBudget + nano(by) };
}

function blockedWords(key: KeyRow, team: TeamRow | undefined, project: ProjectRow | undefined): string | undefined {
  if (key.blocked === 1) return "Key is blocked. Update via `/key/unblock` if you're an admin.";
  if (team?.blocked === 1) return `Team=${team.team_id} is blocked. Update via \`/team/unblock\` if your admin.`;
  if (project?.blocked === 1) return `Project=${project.project_id} is blocked. Update via \`/project/update\`.`;
  return undefined;
}

function blockedUser(user: UserRow | undefined): string | undefined {
  if (user === undefined || ruleSource(user)?.settings.blocked !== true) return undefined;
  return `User=${user.user_id} is blocked. Update via \`/user/update\`.`;
}

function roleOf(user: UserRow | undefined): Role {
  const role = user?.user_role;
  return role !== null && role !== undefined && (ROLES as readonly string[]).includes(role)
    ? (role as Role)
    : "internal_user";
}

function namesIn(text: string): readonly string[] {
  const value = parseJson(text);
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

/** The access groups that a key or a team was given widen its list of models; without a list all are allowed anyway. */
function withGroups(models: readonly string[], { access_group_ids: groups }: JsonObject): readonly string[] {
  if (models.length === 0 || !Array.isArray(groups)) return models;
  return [...models, ...groups.filter((group): group is string => typeof group === "string")];
}

function nano(amount: number): bigint {
  return BigInt(Math.round(amount * 1e9));
}

function dollars(amount: bigint): string {
  return `$${(Number(amount) / 1e9).toFixed(4)}`;
}
