import { asObject, asString } from "../../json/json.ts";
import type { ImportContext, Kind, Taken } from "./kind.ts";
import type { OldRow } from "./old-row.ts";

const MEMBERSHIPS = "LiteLLM_TeamMembership";

export const organizationMembersKind: Kind = {
  name: "organization members",
  from: { table: "LiteLLM_OrganizationMembership", order: ["organization_id", "user_id"] },
  to: "organization_member",
  key: ["organization_id", "user_id"],
  audited: {
    kind: "organizationMember",
    show: ({ organization_id, user_id, user_role, budget_id }) => ({
      ...{ organization_id: String(organization_id), user_id: String(user_id) },
      ...{ user_role: text(user_role), budget_id: text(budget_id) },
    }),
  },
  take: (rows, { now }) =>
    rows.map((row) => {
      const organizationId = row.text("organization_id") ?? "";
      const userId = row.text("user_id") ?? "";
      const created = row.time("created_at") ?? now;
      return {
        name: `${userId} of ${organizationId}`,
        row: {
          organization_id: organizationId,
          user_id: userId,
          user_role: row.text("user_role"),
          budget_id: row.text("budget_id"),
          spend_offset_nano: row.nano("spend"),
          created_at: created,
          updated_at: row.time("updated_at") ?? created,
        },
      };
    }),
};

/** A team's row says who its members are; what they spent and their own budgets are in a table of their own. */
export const teamMembersKind: Kind = {
  name: "team members",
  from: { table: "LiteLLM_TeamTable", order: ["team_id"] },
  alongside: [MEMBERSHIPS, "LiteLLM_UserTable"],
  to: "team_member",
  key: ["team_id", "user_id"],
  audited: {
    kind: "teamMember",
    show: ({ team_id, user_id, role, budget_id }) => ({
      ...{ team_id: String(team_id), user_id: String(user_id) },
      ...{ role: text(role), budget_id: text(budget_id) },
    }),
  },
  async take(rows, context) {
    const memberships = await membershipsOf(rows, context);
    const ids = await userIds(rows, context);
    return rows.flatMap((team) => {
      const teamId = team.text("team_id") ?? "";
      const seen = new Set<string>();
      return membersOf(team).flatMap((member): Taken[] => {
        const userId = member.userId ?? ids.get(member.email?.toLowerCase() ?? "");
        if (userId === undefined) {
          return [{ name: `${member.email ?? "a member"} of ${teamId}`, skipped: "no user has this address" }];
        }
        if (seen.has(userId)) return [];
        seen.add(userId);
        const membership = memberships.get(`${teamId}\n${userId}`);
        return [
          {
            name: `${userId} of ${teamId}`,
            row: {
              team_id: teamId,
              user_id: userId,
              role: member.role,
              budget_id: membership?.text("budget_id") ?? null,
              spend_offset_nano: membership?.nano("spend") ?? 0n,
              created_at: team.time("created_at") ?? context.now,
            },
          },
        ];
      });
    });
  },
};

interface OldMember {
  readonly userId: string | undefined;
  readonly email: string | undefined;
  readonly role: "admin" | "user";
}

/** `members_with_roles`; teams of old releases have two lists of ids instead. */
function membersOf(team: OldRow): readonly OldMember[] {
  const listed = team.list("members_with_roles").flatMap((item): OldMember[] => {
    const member = asObject(item);
    if (member === undefined) return [];
    const role = member.role === "admin" ? "admin" : "user";
    return [{ userId: asString(member.user_id), email: asString(member.user_email), role }];
  });
  if (listed.length > 0) return listed;
  const admins = new Set(team.names("admins"));
  const ids = [...admins, ...team.names("members").filter((id) => !admins.has(id))];
  return ids.map((userId) => ({ userId, email: undefined, role: admins.has(userId) ? "admin" : "user" }));
}

async function membershipsOf(teams: readonly OldRow[], { old }: ImportContext): Promise<ReadonlyMap<string, OldRow>> {
  const rows = await old.findAll(
    MEMBERSHIPS,
    "team_id",
    teams.map((team) => team.text("team_id")),
  );
  return new Map(rows.map((row) => [`${row.text("team_id")}\n${row.text("user_id")}`, row]));
}

async function userIds(teams: readonly OldRow[], { old }: ImportContext): Promise<ReadonlyMap<string, string>> {
  const unnamed = teams.flatMap(membersOf).filter((member) => member.userId === undefined);
  return old.usersByEmail(unnamed.flatMap(({ email }) => (email === undefined ? [] : [email])));
}

function text(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}
