import type { Limits, Scope, SpendSource } from "../admission/scope.ts";
import { asNumber, asString, type JsonObject, parseJson } from "../json/json.ts";
import type { BudgetRow } from "../store/objects/budgets.ts";
import type { CustomerRow } from "../store/objects/customers.ts";
import type { KeyRow } from "../store/objects/keys.ts";
import type { OrganizationRow } from "../store/objects/organizations.ts";
import type { ProjectRow } from "../store/objects/projects.ts";
import type { TeamMemberRow, TeamRow } from "../store/objects/teams.ts";
import type { UserRow } from "../store/objects/users.ts";
import { ruleSource } from "./caller-rules.ts";
import { budgetSentence } from "./grant.ts";
import type { ModelList } from "./model-access.ts";
import { ROLES, type Role } from "./permissions.ts";

/** Columns that whoever has limits of its own carries. */
export interface LimitRow {
  readonly max_budget_nano: bigint | null;
  readonly max_parallel_requests: number | null;
  readonly tpm_limit: number | null;
  readonly rpm_limit: number | null;
}

export function teamScope(team: TeamRow): Scope {
  return scopeOf({
    id: `team:${team.team_id}`,
    descriptor: "team",
    value: team.team_id,
    limits: limitsOf(team),
    source: { dimension: "team", entities: [team.team_id] },
    offset: team.spend_offset_nano,
    exceeded: budgetSentence(`Team=${team.team_id}`),
  });
}

export function userScope(user: UserRow): Scope {
  return scopeOf({
    id: `user:${user.user_id}`,
    descriptor: "user",
    value: user.user_id,
    limits: limitsOf(user),
    source: { dimension: "user", entities: [user.user_id] },
    offset: user.spend_offset_nano,
    exceeded: (spent, limit) =>
      `ExceededBudget: User=${user.user_id} over budget. Spend=${dollars(spent)}, Budget=${dollars(limit)}`,
  });
}

export function memberScope(team: TeamRow, user: UserRow, member: TeamMemberRow | undefined, budget: BudgetRow): Scope {
  return scopeOf({
    id: `member:${team.team_id}:${user.user_id}`,
    descriptor: "team_member",
    value: `${team.team_id}:${user.user_id}`,
    limits: limitsOf(budget),
    source: { dimension: "member", teamId: team.team_id, userId: user.user_id },
    offset: member?.spend_offset_nano ?? 0n,
    exceeded: budgetSentence(`User=${user.user_id} in Team=${team.team_id}`),
  });
}

export function organizationScope(organization: OrganizationRow, budget: BudgetRow | undefined): Scope {
  return scopeOf({
    id: `organization:${organization.organization_id}`,
    descriptor: "organization",
    value: organization.organization_id,
    limits: budget === undefined ? {} : limitsOf(budget),
    source: { dimension: "organization", entities: [organization.organization_id] },
    offset: organization.spend_offset_nano,
    exceeded: budgetSentence(`Organization=${organization.organization_id}`),
  });
}

export function projectScope(project: ProjectRow, budget: BudgetRow | undefined): Scope {
  return scopeOf({
    id: `project:${project.project_id}`,
    descriptor: "project",
    value: project.project_id,
    limits: budget === undefined ? {} : limitsOf(budget),
    source: { dimension: "project", projectId: project.project_id },
    offset: project.spend_offset_nano,
    exceeded: budgetSentence(`Project=${project.project_id}`),
  });
}

export function customerScope(customer: CustomerRow, budget: BudgetRow): Scope {
  const { user_id: id } = customer;
  return scopeOf({
    ...customerWords(id),
    id: `customer:${id}`,
    limits: limitsOf(budget),
    source: { dimension: "customer", entities: [id] },
    offset: customer.spend_offset_nano,
  });
}

/** Of an end user without a budget of its own, in the period that began at `since`. */
export function defaultCustomerScope(id: string, limits: Limits, since: number): Scope {
  return scopeOf({
    ...customerWords(id),
    // A new period is a new scope.
    id: `customer-default:${id}:${since}`,
    limits,
    source: { dimension: "since", of: "customer", entity: id, since },
    offset: 0n,
  });
}

function customerWords(id: string): Pick<Scope, "descriptor" | "value" | "refusesWhen" | "exceeded"> {
  return {
    descriptor: "end_user",
    value: id,
    refusesWhen: "above",
    exceeded: (spent, limit) =>
      `ExceededBudget: End User=${id} over budget. ${budgetSentence("")(spent, limit).replace(/^.*! +/, "")}`,
  };
}

/** A share of the limits per minute instead of the budget; undefined where there are none to slow down by. */
export function throttledLimits({ rpm, tpm, parallel }: Limits, share: number | undefined): Limits | undefined {
  if (share === undefined || (rpm === undefined && tpm === undefined)) return undefined;
  const part = (limit: number): number => Math.max(1, Math.floor(limit * share));
  return {
    ...(rpm === undefined ? {} : { rpm: part(rpm) }),
    ...(tpm === undefined ? {} : { tpm: part(tpm) }),
    ...(parallel === undefined ? {} : { parallel }),
  };
}

export function scopeOf(
  options: Omit<Scope, "refusesWhen" | "source"> & {
    readonly source: SpendSource;
    readonly refusesWhen?: "at" | "above";
  },
): Scope {
  return { ...options, refusesWhen: options.refusesWhen ?? "at" };
}

/** The row's own limits, else those of its budget. */
export function limitsOf(row: LimitRow, budget?: BudgetRow): Limits {
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
export function raised(limits: Limits, settings: JsonObject, metadata: JsonObject, now: number): Limits {
  const by = asNumber(settings.temp_budget_increase ?? metadata.temp_budget_increase);
  const until = asString(settings.temp_budget_expiry ?? metadata.temp_budget_expiry);
  if (limits.maxBudget === undefined || by === undefined || until === undefined || Date.parse(until) < now)
    return limits;
  return { ...limits, maxBudget: limits.maxBudget + nano(by) };
}

export function blockedWords(key: KeyRow): string | undefined {
  return key.blocked === 1 ? "Key is blocked. Update via `/key/unblock` if you're an admin." : undefined;
}

/** Undefined where none of those that a caller belongs to is blocked. */
export function blockedOwner(owners: {
  readonly team: TeamRow | undefined;
  readonly project: ProjectRow | undefined;
  readonly user: UserRow | undefined;
}): string | undefined {
  const { team, project, user } = owners;
  if (team?.blocked === 1) return `Team=${team.team_id} is blocked. Update via \`/team/unblock\` if your admin.`;
  if (project?.blocked === 1) return `Project=${project.project_id} is blocked. Update via \`/project/update\`.`;
  if (user !== undefined && ruleSource(user)?.settings.blocked === true)
    return `User=${user.user_id} is blocked. Update via \`/user/update\`.`;
  return undefined;
}

/** The access groups that a key or a team was given widen its list of models; without a list all are allowed anyway. */
export function withGroups(models: readonly string[], { access_group_ids: groups }: JsonObject): readonly string[] {
  if (models.length === 0 || !Array.isArray(groups)) return models;
  return [...models, ...groups.filter((group): group is string => typeof group === "string")];
}

/** The models that a team gives a member: the member's own list, else that of all members. */
export function memberModels(budget: BudgetRow | undefined, team: JsonObject): ModelList {
  const own = budget === undefined ? [] : namesIn(budget.allowed_models);
  const all = team.default_team_member_models;
  const models = own.length > 0 ? own : Array.isArray(all) ? all.filter((name) => typeof name === "string") : [];
  return { object: "team_member", models };
}

export function roleOf(user: UserRow | undefined): Role {
  const role = user?.user_role;
  return role !== null && role !== undefined && (ROLES as readonly string[]).includes(role)
    ? (role as Role)
    : "internal_user";
}

export function namesIn(text: string): readonly string[] {
  const value = parseJson(text);
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

export function nano(amount: number): bigint {
  return BigInt(Math.round(amount * 1e9));
}

function dollars(amount: bigint): string {
  return `$${(Number(amount) / 1e9).toFixed(4)}`;
}
