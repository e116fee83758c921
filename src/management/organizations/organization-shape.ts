import { z } from "zod";
import type { JsonObject, MutableJsonObject } from "../../json/json.ts";
import { budgets } from "../../store/objects/budgets.ts";
import type { OrganizationMemberRow, OrganizationRow } from "../../store/objects/organizations.ts";
import { organizationMembers } from "../../store/objects/organizations.ts";
import { teams } from "../../store/objects/teams.ts";
import { BUDGET_SHAPE } from "../budgets/budget-shape.ts";
import * as f from "../fields.ts";
import type { Management } from "../management.ts";
import { dollars, ObjectShape, STAMPS } from "../object-shape.ts";
import { showTeams } from "../teams/team-shape.ts";

export const organizationFields = {
  budget_id: f.optionalName,
  ...f.limitFields,
  model_max_budget: f.modelMaxBudget,
  allowed_models: f.optionalNames,
  temp_budget_increase: f.money,
  temp_budget_expiry: f.time,
  organization_id: f.optionalName,
  models: f.optionalNames,
  metadata: f.object,
  model_rpm_limit: f.countsByName,
  model_tpm_limit: f.countsByName,
  object_permission: f.objectPermission,
};

export const ORGANIZATION_SHAPE = new ObjectShape(
  {
    organization_id: "text",
    organization_alias: "text",
    budget_id: "text",
    models: "list",
    metadata: "object",
    ...STAMPS,
  },
  { model_rpm_limit: null, model_tpm_limit: null, object_permission: null },
);

export const memberRole = z.enum(["org_admin", "internal_user", "internal_user_viewer"]);

export function auditedOrganization(row: OrganizationRow): JsonObject {
  return ORGANIZATION_SHAPE.show({ ...row });
}

export function auditedMember(row: OrganizationMemberRow): JsonObject {
  const { organization_id, user_id, user_role, budget_id } = row;
  return { organization_id, user_id, user_role, budget_id };
}

/** Organisations as the API shows them: with their budgets, members, teams, and with what they spent. */
export async function showOrganizations(
  management: Management,
  rows: readonly OrganizationRow[],
): Promise<MutableJsonObject[]> {
  const connection = management.database.kysely;
  const ids = rows.map((row) => row.organization_id);
  const totals = await management.spendOf("organization", ids);
  const members = await organizationMembers.findMany(connection, ids);
  const owned = await showTeams(management, connection, await teams.findMany(connection, ids, "organization_id"));
  const budgetIds = [...rows, ...members].flatMap((row) => (row.budget_id === null ? [] : [row.budget_id]));
  const byId = new Map((await budgets.findMany(connection, budgetIds)).map((row) => [row.budget_id, row]));
  const budgetOf = (id: string | null): JsonObject | null => {
    const row = id === null ? undefined : byId.get(id);
    return row === undefined ? null : BUDGET_SHAPE.show({ ...row });
  };
  return rows.map((row) => {
    const id = row.organization_id;
    const spent = (totals.get(id) ?? 0n) + row.spend_offset_nano;
    return {
      ...auditedOrganization(row),
      spend: dollars(spent < 0n ? 0n : spent),
      litellm_budget_table: budgetOf(row.budget_id),
      members: members
        .filter((one) => one.organization_id === id)
        .map((one) => ({ ...auditedMember(one), litellm_budget_table: budgetOf(one.budget_id) })),
      teams: owned.filter((team) => team.organization_id === id),
    };
  });
}
