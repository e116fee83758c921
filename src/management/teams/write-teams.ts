import { randomUUID } from "node:crypto";
import type { JsonObject, MutableJsonObject } from "../../json/json.ts";
import { archive } from "../../store/objects/archived-objects.ts";
import { keys } from "../../store/objects/keys.ts";
import { organizations } from "../../store/objects/organizations.ts";
import { type TeamRow, teamMembers, teams } from "../../store/objects/teams.ts";
import { Authority } from "../authority.ts";
import { changeBudget, insertBudget } from "../budgets/write-budget.ts";
import { type Actor, type Change, change } from "../change.ts";
import { resetFor } from "../fields.ts";
import { changedMetadataLimit } from "../keys/key-rules.ts";
import { deleteKeyRows } from "../keys/write-keys.ts";
import { forbidden, refused } from "../refusals.ts";
import { addMember, administeredTeam, findOrCreateUser } from "./members.ts";
import { auditedTeam, showTeam, showTeams, TEAM_SHAPE } from "./team-shape.ts";

interface MemberEntry {
  readonly role: string;
  readonly user_id?: string | null | undefined;
  readonly user_email?: string | null | undefined;
}

/** Makes a team. Its maker becomes its admin, unless that is the master key. */
export async function createTeam(actor: Actor, body: JsonObject): Promise<MutableJsonObject> {
  const { management, principal } = actor;
  const defaults = management.snapshot().library.raw.default_team_params as JsonObject | undefined;
  const fields: MutableJsonObject = { ...defaults };
  for (const [name, value] of Object.entries(body)) if (value !== undefined) fields[name] = value;
  const teamId = typeof fields.team_id === "string" ? fields.team_id : randomUUID();
  const row = await change(actor, async (transaction) => {
    const { connection, now, by, record } = transaction;
    const organizationId = typeof fields.organization_id === "string" ? fields.organization_id : null;
    const authority = new Authority(principal, connection);
    if (!authority.isAdmin && !(await authority.administersOrganization(organizationId))) {
      throw forbidden("Only proxy admins can create teams; org admins can create teams of their organization");
    }
    await requireOrganization(transaction, organizationId);
    if ((await teams.find(connection, teamId)) !== undefined) {
      throw refused(400, `Team id = ${teamId} already exists. Please use a different team id.`);
    }
    const memberBudget = memberBudgetOf(fields);
    const budget = memberBudget === undefined ? undefined : await insertBudget(management, transaction, memberBudget);
    const inserted = {
      ...TEAM_SHAPE.insert({
        ...fields,
        team_id: teamId,
        member_permissions: fields.team_member_permissions ?? null,
        member_budget_id: budget?.budget_id ?? null,
        budget_reset_at: resetFor(management, fields.budget_duration as string | null | undefined) ?? null,
        created_at: now,
        created_by: by,
        updated_at: now,
        updated_by: by,
      }),
      spend_offset_nano: 0n,
    } as unknown as TeamRow;
    await teams.insert(connection, inserted);
    await record("team", "created", teamId, null, auditedTeam(inserted));
    const members = new Map<string, string>();
    for (const entry of membersOf(fields)) {
      members.set(await findOrCreateUser(management, transaction, entry), entry.role);
    }
    if (!authority.isAdmin && principal.userId !== undefined) members.set(principal.userId, "admin");
    for (const [userId, role] of members) await addMember(management, transaction, inserted, { userId, role });
    return inserted;
  });
  return showTeam(management, row);
}

function membersOf(fields: JsonObject): readonly MemberEntry[] {
  const named = (name: string, role: string): MemberEntry[] =>
    ((fields[name] ?? []) as readonly string[]).map((user_id) => ({ role, user_id }));
  const listed = (fields.members_with_roles ?? []) as unknown as readonly MemberEntry[];
  return [...named("members", "user"), ...named("admins", "admin"), ...listed];
}

/** The limits of members that have none of their own; undefined when the fields name none. */
export function memberBudgetOf(fields: JsonObject): JsonObject | undefined {
  const { team_member_budget, team_member_budget_duration, team_member_rpm_limit, team_member_tpm_limit } = fields;
  const budget = Object.entries({
    max_budget: team_member_budget,
    budget_duration: team_member_budget_duration,
    rpm_limit: team_member_rpm_limit,
    tpm_limit: team_member_tpm_limit,
  }).filter(([, value]) => value !== undefined);
  return budget.length === 0 ? undefined : (Object.fromEntries(budget) as JsonObject);
}

/** Throws when there is no such organization. */
export async function requireOrganization({ connection }: Change, id: string | null): Promise<void> {
  if (id !== null && (await organizations.find(connection, id)) === undefined) {
    throw refused(400, `Organization not found, passed organization_id=${id}`);
  }
}

/** Changes a team; only fields that are there change, null clears. */
export async function updateTeam(actor: Actor, teamId: string, body: JsonObject): Promise<JsonObject> {
  const { management } = actor;
  management.declared.requireOwn("team", teamId);
  const row = await change(actor, async (transaction) => {
    const { connection, now, by, record } = transaction;
    const before = await administeredTeam(actor, transaction, teamId);
    const authority = new Authority(actor.principal, connection);
    if (body.organization_id !== undefined && (body.organization_id ?? null) !== before.organization_id) {
      const wanted = body.organization_id as string | null;
      if (
        !(await authority.administersOrganization(wanted)) ||
        !(await authority.administersOrganization(before.organization_id))
      ) {
        throw forbidden("Only proxy admins can move a team to another organization");
      }
      await requireOrganization(transaction, wanted);
    }
    if (!(await authority.administersOrganization(before.organization_id))) requireTeamAdminFields(before, body);
    const memberBudget = memberBudgetOf(body);
    let budgetId = before.member_budget_id;
    if (memberBudget !== undefined) {
      const changed =
        budgetId === null ? undefined : await changeBudget(management, transaction, budgetId, memberBudget);
      budgetId = (changed ?? (await insertBudget(management, transaction, memberBudget))).budget_id;
    }
    const after: TeamRow = {
      ...before,
      ...TEAM_SHAPE.update(
        { ...before },
        {
          ...body,
          team_id: undefined,
          member_permissions: body.team_member_permissions,
          budget_reset_at: resetFor(management, body.budget_duration as string | null | undefined),
        },
      ),
      member_budget_id: budgetId,
      updated_at: now,
      updated_by: by,
    };
    await teams.update(connection, teamId, after);
    await record("team", "updated", teamId, auditedTeam(before), auditedTeam(after));
    return after;
  });
  return { team_id: teamId, data: await showTeam(management, row) };
}

/** A team's admin runs the team within the limits that others gave it. */
function requireTeamAdminFields(before: TeamRow, body: JsonObject): void {
  const field =
    ["max_budget", "budget_duration", "tpm_limit", "rpm_limit", "tpd_limit", "models", "blocked", "access_group_ids"]
      .concat("max_parallel_requests", "budget_limits", "model_max_budget", "allowed_passthrough_routes")
      .concat("model_rpm_limit", "model_tpm_limit", "tags", "denied_passthrough_routes", "object_permission")
      .concat("default_estimated_output_tokens", "default_estimated_output_tokens_per_model")
      .find((name) => body[name] !== undefined) ?? changedMetadataLimit(before.metadata, body.metadata);
  if (field !== undefined) throw forbidden(`Only proxy admins and org admins can change ${field} of a team`);
}

/** Deletes teams with their keys and memberships; what they were stays in the archive. */
export async function deleteTeams(actor: Actor, teamIds: readonly string[]): Promise<JsonObject> {
  const { management } = actor;
  const connection = management.database.kysely;
  const ids = [...new Set(teamIds)];
  const rows = await teams.findMany(connection, ids);
  const missing = ids.find((id) => !rows.some((row) => row.team_id === id));
  if (missing !== undefined) throw refused(404, `Team not found, passed team_id=${missing}`);
  for (const id of ids) management.declared.requireOwn("team", id);
  const authority = new Authority(actor.principal, connection);
  for (const row of rows) {
    if (!(await authority.administersTeam(row))) throw forbidden(`You may not delete team=${row.team_id}`);
  }
  const shown = await showTeams(management, connection, rows);
  await deleteKeyRows(actor, await keys.findMany(connection, ids, "team_id"), false);
  await change(actor, async ({ connection: transaction, now, by, record }) => {
    await archive(
      transaction,
      "team",
      rows.map((row, at) => ({ id: row.team_id, deletedAt: now, deletedBy: by, data: JSON.stringify(shown[at]) })),
    );
    await teamMembers.delete(transaction, ids);
    await teams.delete(transaction, ids);
    for (const row of rows) await record("team", "deleted", row.team_id, auditedTeam(row), null);
  });
  return { deleted_teams: ids };
}
