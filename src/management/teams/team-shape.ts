import { z } from "zod";
import { asObject, type Json, type JsonObject, type MutableJsonObject } from "../../json/json.ts";
import { budgets } from "../../store/objects/budgets.ts";
import type { Connection } from "../../store/objects/object-table.ts";
import { type TeamRow, teamMembers } from "../../store/objects/teams.ts";
import { users } from "../../store/objects/users.ts";
import { BUDGET_SHAPE } from "../budgets/budget-shape.ts";
import * as f from "../fields.ts";
import type { Management } from "../management.ts";
import { dollars, LIMITS, ObjectShape, STAMPS } from "../object-shape.ts";

const limitType = z.enum(["guaranteed_throughput", "best_effort_throughput"]).nullish();

export const member = z.object({
  role: z.enum(["admin", "user"]).default("user"),
  user_id: f.optionalName,
  user_email: f.email,
});

export const teamFields = {
  team_alias: f.optionalName,
  organization_id: f.optionalName,
  metadata: f.object,
  ...f.limitFields,
  budget_limits: f.budgetLimits,
  models: f.optionalNames,
  blocked: f.flag,
  router_settings: f.object,
  access_group_ids: f.optionalNames,
  default_team_member_models: f.optionalNames,
  model_aliases: f.object,
  model_max_budget: f.modelMaxBudget,
  tags: f.optionalNames,
  guardrails: f.optionalNames,
  policies: f.optionalNames,
  prompts: f.optionalNames,
  object_permission: f.objectPermission,
  allowed_passthrough_routes: f.optionalNames,
  denied_passthrough_routes: f.optionalNames,
  disable_global_guardrails: f.flag,
  secret_manager_settings: f.object,
  model_rpm_limit: f.countsByName,
  model_tpm_limit: f.countsByName,
  mcp_rpm_limit: f.countsByName,
  default_estimated_output_tokens: f.count,
  default_estimated_output_tokens_per_model: f.countsByName,
  team_member_budget: f.money,
  team_member_budget_duration: f.duration,
  team_member_rpm_limit: f.count,
  team_member_tpm_limit: f.count,
  team_member_key_duration: f.duration,
  allowed_vector_store_indexes: f.anyList,
  enforced_batch_output_expires_after: f.object,
  enforced_file_expires_after: f.object,
};

export const newTeamBody = z.object({
  ...teamFields,
  team_id: f.optionalName,
  admins: f.optionalNames,
  members: f.optionalNames,
  members_with_roles: z.array(member).max(500).nullish(),
  team_member_permissions: f.optionalNames,
  rpm_limit_type: limitType,
  tpm_limit_type: limitType,
});

export const updateTeamBody = z.object({ ...teamFields, team_id: f.requiredName });

export const TEAM_SHAPE = new ObjectShape(
  {
    team_id: "text",
    team_alias: "text",
    organization_id: "text",
    models: "list",
    ...LIMITS,
    blocked: "flag",
    member_permissions: "list",
    member_budget_id: "text",
    metadata: "object",
    ...STAMPS,
  },
  {
    budget_limits: null,
    router_settings: null,
    access_group_ids: [],
    default_team_member_models: [],
    model_aliases: null,
    model_max_budget: {},
    tags: null,
    guardrails: null,
    policies: [],
    prompts: null,
    object_permission: null,
    allowed_passthrough_routes: null,
    denied_passthrough_routes: null,
    disable_global_guardrails: null,
    secret_manager_settings: null,
    model_rpm_limit: null,
    model_tpm_limit: null,
    mcp_rpm_limit: null,
    rpm_limit_type: null,
    tpm_limit_type: null,
    default_estimated_output_tokens: null,
    default_estimated_output_tokens_per_model: null,
    team_member_key_duration: null,
    allowed_vector_store_indexes: null,
    enforced_batch_output_expires_after: null,
    enforced_file_expires_after: null,
    logging: null,
  },
);

/** A team for the audit log: as its row has it. */
export function auditedTeam(row: TeamRow): JsonObject {
  const { member_permissions, logging, ...team } = TEAM_SHAPE.show({ ...row });
  return { ...team, team_member_permissions: member_permissions, logging: shownCallbacks(logging) };
}

/** The variables of callbacks are sealed, and nobody's business even so. */
function shownCallbacks(logging: Json | undefined): Json {
  if (!Array.isArray(logging)) return null;
  return logging.map((item: Json) => ({ ...asObject(item), callback_vars: "****" }));
}

/** Teams as the API shows them, with their members and with what they spent. */
export async function showTeams(
  management: Management,
  connection: Connection,
  rows: readonly TeamRow[],
): Promise<MutableJsonObject[]> {
  const ids = rows.map((row) => row.team_id);
  const totals = await management.spendOf("team", ids);
  const members = await teamMembers.findMany(connection, ids);
  const people = await users.findMany(connection, [...new Set(members.map((one) => one.user_id))]);
  const emails = new Map(people.map((user) => [user.user_id, user.user_email]));
  return rows.map((row) => {
    const spent = (totals.get(row.team_id) ?? 0n) + row.spend_offset_nano;
    const own = members.filter((one) => one.team_id === row.team_id);
    return {
      ...auditedTeam(row),
      spend: dollars(spent < 0n ? 0n : spent),
      admins: own.filter((one) => one.role === "admin").map((one) => one.user_id),
      members: own.map((one) => one.user_id),
      members_with_roles: own.map((one) => ({
        role: one.role,
        user_id: one.user_id,
        user_email: emails.get(one.user_id) ?? null,
      })),
    };
  });
}

export async function showTeam(management: Management, row: TeamRow): Promise<MutableJsonObject> {
  return (await showTeams(management, management.database.kysely, [row]))[0] ?? {};
}

/** The memberships of teams with their budgets. */
export async function showMemberships(connection: Connection, teamIds: readonly string[]): Promise<JsonObject[]> {
  const members = await teamMembers.findMany(connection, teamIds);
  const ids = members.flatMap((one) => (one.budget_id === null ? [] : [one.budget_id]));
  const byId = new Map((await budgets.findMany(connection, ids)).map((row) => [row.budget_id, row]));
  return members.map((one) => {
    const budget = one.budget_id === null ? undefined : byId.get(one.budget_id);
    return {
      user_id: one.user_id,
      team_id: one.team_id,
      budget_id: one.budget_id,
      litellm_budget_table: budget === undefined ? null : BUDGET_SHAPE.show({ ...budget }),
    };
  });
}
