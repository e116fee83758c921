import { type Connection, ObjectTable } from "./object-table.ts";
import type { TeamMemberTable, TeamTable } from "./tables.ts";

export type TeamRow = Readonly<TeamTable>;
export type TeamMemberRow = Readonly<TeamMemberTable>;

export const teams = new ObjectTable("team", "team_id");

/** Memberships by their team; `findMany(…, "user_id")` finds those of users. */
export const teamMembers = new ObjectTable("team_member", "team_id");

export function findTeamMember(
  connection: Connection,
  teamId: string,
  userId: string,
): Promise<TeamMemberRow | undefined> {
  return connection
    .selectFrom("team_member")
    .selectAll()
    .where("team_id", "=", teamId)
    .where("user_id", "=", userId)
    .executeTakeFirst();
}

export async function updateTeamMember(
  connection: Connection,
  teamId: string,
  userId: string,
  patch: Partial<Omit<TeamMemberTable, "team_id" | "user_id">>,
): Promise<void> {
  await connection
    .updateTable("team_member")
    .set(patch)
    .where("team_id", "=", teamId)
    .where("user_id", "=", userId)
    .execute();
}

/** Returns whether the user was a member. */
export async function removeTeamMember(connection: Connection, teamId: string, userId: string): Promise<boolean> {
  const { numDeletedRows } = await connection
    .deleteFrom("team_member")
    .where("team_id", "=", teamId)
    .where("user_id", "=", userId)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}
