import { z } from "zod";
import { ROLES } from "../../auth/permissions.ts";
import type { JsonObject, MutableJsonObject } from "../../json/json.ts";
import type { Connection } from "../../store/objects/object-table.ts";
import { organizationMembers } from "../../store/objects/organizations.ts";
import { teamMembers } from "../../store/objects/teams.ts";
import type { UserRow } from "../../store/objects/users.ts";
import * as f from "../fields.ts";
import { keyFields } from "../keys/key-shape.ts";
import type { Management } from "../management.ts";
import { dollars, LIMITS, ObjectShape, STAMPS } from "../object-shape.ts";

/** Roles that a user may be given; the others come with memberships and tokens. */
export const userRole = z.enum([ROLES[0], ROLES[1], ROLES[3], ROLES[4]]).nullish();

const own = {
  user_email: f.email,
  user_alias: f.optionalName,
  user_role: userRole,
  password: f.text.max(128).nullish(),
};

export const userFields = { ...keyFields, ...own, sso_user_id: f.optionalName };

export const newUserBody = z.object({
  ...userFields,
  teams: z
    .array(
      z.union([
        f.requiredName,
        z.object({
          team_id: f.requiredName,
          max_budget_in_team: f.money,
          user_role: z.enum(["user", "admin"]).optional(),
        }),
      ]),
    )
    .max(500)
    .nullish(),
  organizations: f.optionalNames,
  auto_create_key: z.boolean().default(true),
  send_invite_email: f.flag,
  key_type: z.enum(["llm_api", "management", "read_only", "default"]).nullish(),
});

export const updateUserBody = z.object({ ...userFields });

export const USER_SHAPE = new ObjectShape(
  {
    user_id: "text",
    user_email: "text",
    user_alias: "text",
    user_role: "text",
    sso_user_id: "text",
    models: "list",
    ...LIMITS,
    metadata: "object",
    ...STAMPS,
  },
  {
    model_max_budget: {},
    budget_limits: null,
    budget_fallbacks: {},
    model_rpm_limit: null,
    model_tpm_limit: null,
    mcp_rpm_limit: null,
    tag_rpm_limit: null,
    allowed_cache_controls: [],
    guardrails: null,
    policies: [],
    prompts: null,
    permissions: {},
    config: {},
    aliases: {},
    object_permission: null,
    blocked: null,
  },
);

/** Users as the API shows them: with what they spent and where they belong; never a password. */
export async function showUsers(
  management: Management,
  connection: Connection,
  rows: readonly UserRow[],
): Promise<MutableJsonObject[]> {
  const ids = rows.map((row) => row.user_id);
  const totals = await management.spendOf("user", ids);
  const teams = grouped(await teamMembers.findMany(connection, ids, "user_id"));
  const organizations = grouped(await organizationMembers.findMany(connection, ids, "user_id"));
  return rows.map((row) => {
    const spent = (totals.get(row.user_id) ?? 0n) + row.spend_offset_nano;
    return {
      ...USER_SHAPE.show({ ...row }),
      spend: dollars(spent < 0n ? 0n : spent),
      teams: (teams.get(row.user_id) ?? []).map((member) => member.team_id),
      organization_memberships: (organizations.get(row.user_id) ?? []).map((member) => ({
        organization_id: member.organization_id,
        user_id: member.user_id,
        user_role: member.user_role,
        budget_id: member.budget_id,
      })),
    };
  });
}

export function auditedUser(row: UserRow): JsonObject {
  return USER_SHAPE.show({ ...row });
}

function grouped<T extends { readonly user_id: string }>(rows: readonly T[]): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const group = groups.get(row.user_id);
    if (group === undefined) groups.set(row.user_id, [row]);
    else group.push(row);
  }
  return groups;
}
