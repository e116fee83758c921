import { randomUUID } from "node:crypto";
import type { JsonObject } from "../../json/json.ts";
import { keys } from "../../store/objects/keys.ts";
import {
  findTeamMember,
  removeTeamMember,
  type TeamMemberRow,
  type TeamRow,
  teamMembers,
  teams,
  updateTeamMember,
} from "../../store/objects/teams.ts";
import { findUserByEmail, users } from "../../store/objects/users.ts";
import { Authority } from "../authority.ts";
import { changeBudget, insertBudget } from "../budgets/write-budget.ts";
import { type Actor, type Change, change } from "../change.ts";
import { deleteKeyRows } from "../keys/write-keys.ts";
import type { Management } from "../management.ts";
import { forbidden, refused } from "../refusals.ts";
import { newUserRow } from "../users/new-user-row.ts";
import { auditedUser } from "../users/user-shape.ts";

export interface NewMember {
  readonly userId: string;
  readonly role: string;
  /** The member's own budget; without one it has the team's default for members. */
  readonly budget?: JsonObject;
}

/** The team, locked, when the caller administers it. */
export async function administeredTeam(actor: Actor, { connection }: Change, teamId: string): Promise<TeamRow> {
  const team = await teams.lock(connection, teamId);
  if (team === undefined) throw refused(404, `Team not found, passed team_id=${teamId}`);
  if (await new Authority(actor.principal, connection).administersTeam(team)) return team;
  throw forbidden(`Call not allowed. User not proxy admin OR team admin. team_id=${teamId}`);
}

/** Throws where the user is a member already. */
export async function addMember(
  management: Management,
  transaction: Change,
  team: TeamRow,
  { userId, role, budget }: NewMember,
): Promise<TeamMemberRow> {
  const { connection, now, record } = transaction;
  if ((await findTeamMember(connection, team.team_id, userId)) !== undefined) {
    throw refused(400, `User=${userId} already in team=${team.team_id}`);
  }
  const own = budget === undefined ? undefined : await insertBudget(management, transaction, budget);
  const row: TeamMemberRow = {
    team_id: team.team_id,
    user_id: userId,
    role,
    budget_id: own?.budget_id ?? null,
    spend_offset_nano: 0n,
    created_at: now,
  };
  await teamMembers.insert(connection, row);
  await record("teamMember", "created", `${team.team_id}:${userId}`, null, memberOf(row));
  return row;
}

/** The id of whoever an id or an address names; whoever is unknown becomes a user. */
export async function findOrCreateUser(
  management: Management,
  { connection, now, by, record }: Change,
  named: { readonly user_id?: string | null | undefined; readonly user_email?: string | null | undefined },
): Promise<string> {
  const { user_id, user_email } = named;
  if (typeof user_id === "string") {
    if ((await users.find(connection, user_id)) !== undefined) return user_id;
  } else if (typeof user_email === "string") {
    const known = await findUserByEmail(connection, user_email);
    if (known !== undefined) return known.user_id;
  } else {
    throw refused(400, "Either user_id or user_email must be given for a member");
  }
  const fields = { user_id: user_id ?? randomUUID(), user_email: user_email ?? null, user_role: "internal_user" };
  const row = newUserRow(management, fields, now, by);
  await users.insert(connection, row);
  await record("user", "created", row.user_id, null, auditedUser(row));
  return row.user_id;
}

/** The member whom an id or an address names. */
export async function findMember(
  { connection }: Change,
  teamId: string,
  named: { readonly user_id?: string | null | undefined; readonly user_email?: string | null | undefined },
): Promise<TeamMemberRow> {
  const userId =
    named.user_id ??
    (typeof named.user_email === "string" ? (await findUserByEmail(connection, named.user_email))?.user_id : undefined);
  const found = userId === undefined ? undefined : await findTeamMember(connection, teamId, userId);
  if (found !== undefined) return found;
  throw refused(400, `User not found in team. Team_id=${teamId}, User=${userId ?? String(named.user_email)}`);
}

/** Takes a member out of a team, with the keys that it had for the team. */
export async function deleteMember(
  actor: Actor,
  body: {
    readonly team_id: string;
    readonly user_id?: string | null | undefined;
    readonly user_email?: string | null | undefined;
  },
): Promise<TeamRow> {
  let gone = "";
  const team = await change(actor, async (transaction) => {
    const found = await administeredTeam(actor, transaction, body.team_id);
    const row = await findMember(transaction, body.team_id, body);
    await removeTeamMember(transaction.connection, body.team_id, row.user_id);
    await transaction.record("teamMember", "deleted", `${body.team_id}:${row.user_id}`, memberOf(row), null);
    gone = row.user_id;
    return found;
  });
  const owned = await keys.findMany(actor.management.database.kysely, [gone], "user_id");
  await deleteKeyRows(
    actor,
    owned.filter((key) => key.team_id === body.team_id),
    false,
  );
  return team;
}

/** Changes a member's role and budget. */
export async function updateMember(actor: Actor, body: JsonObject & { readonly team_id: string }): Promise<JsonObject> {
  const { max_budget_in_team, tpm_limit, rpm_limit, budget_duration, allowed_models } = body;
  const { temp_budget_increase, temp_budget_expiry } = body;
  const budget = { max_budget: max_budget_in_team, tpm_limit, rpm_limit, budget_duration, allowed_models };
  const fields = Object.entries({ ...budget, temp_budget_increase, temp_budget_expiry }).filter(
    ([, value]) => value !== undefined,
  );
  return change(actor, async (transaction) => {
    await administeredTeam(actor, transaction, body.team_id);
    const before = await findMember(transaction, body.team_id, {
      user_id: body.user_id as string | null | undefined,
      user_email: body.user_email as string | null | undefined,
    });
    let budgetId = before.budget_id;
    if (fields.length > 0) {
      const wanted = Object.fromEntries(fields) as JsonObject;
      const changed =
        budgetId === null ? undefined : await changeBudget(actor.management, transaction, budgetId, wanted);
      budgetId = (changed ?? (await insertBudget(actor.management, transaction, wanted))).budget_id;
    }
    const role = typeof body.role === "string" ? body.role : before.role;
    const after = { ...before, role, budget_id: budgetId };
    await updateTeamMember(transaction.connection, body.team_id, before.user_id, { role, budget_id: budgetId });
    const id = `${body.team_id}:${before.user_id}`;
    await transaction.record("teamMember", "updated", id, memberOf(before), memberOf(after));
    return { ...body, user_id: before.user_id, role };
  });
}

function memberOf(row: TeamMemberRow): JsonObject {
  return { team_id: row.team_id, user_id: row.user_id, role: row.role, budget_id: row.budget_id };
}
