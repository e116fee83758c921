import type { TokenObjects } from "../auth/tokens/token-objects.ts";
import { teamMembers, teams } from "../store/objects/teams.ts";
import { type Actor, change } from "./change.ts";
import type { Management } from "./management.ts";
import { addMember, deleteMember } from "./teams/members.ts";
import { createTeam } from "./teams/write-teams.ts";
import { createUser, updateUser } from "./users/write-users.ts";

/** Makes users and teams that verified tokens name, with the defaults and the audit log of the management API. */
export function tokenObjects(management: () => Management): TokenObjects {
  const actor = (): Actor => ({
    management: management(),
    principal: { keyHash: "token", role: "proxy_admin", userId: "identity provider" },
    headers: new Headers(),
  });
  return {
    async makeUser(user) {
      await createUser(actor(), { ...user, auto_create_key: false });
    },
    async makeTeam(team) {
      await createTeam(actor(), { ...team, team_alias: team.team_id });
    },
    async setRole(userId, role) {
      await updateUser(actor(), { user_id: userId, user_role: role });
    },
    async setTeams(userId, teamIds, { leaveOthers }) {
      const { kysely } = management().database;
      const memberships = await teamMembers.findMany(kysely, [userId], "user_id");
      const present = new Set(memberships.map((row) => row.team_id));
      const missing = teamIds.filter((id) => !present.has(id));
      if (missing.length > 0) {
        await change(actor(), async (transaction) => {
          for (const id of missing) {
            const team = await teams.lock(transaction.connection, id);
            if (team !== undefined) await addMember(management(), transaction, team, { userId, role: "user" });
          }
        });
      }
      for (const id of leaveOthers ? present : [])
        if (!teamIds.includes(id)) await deleteMember(actor(), { team_id: id, user_id: userId });
    },
  };
}
