import type { Principal } from "../../auth/principal.ts";
import type { RecordFilter } from "../../ledger/record-filter.ts";
import type { Database } from "../../store/database.ts";
import { forbidden } from "../refusals.ts";

/** Whether the caller may see what everybody spent. */
export function seesAll(principal: Principal): boolean {
  return principal.role === "proxy_admin" || principal.role === "proxy_admin_viewer";
}

/** The caller's own rows: those of its key, and of its user. */
export function ownRows(principal: Principal): RecordFilter {
  if (seesAll(principal)) return {};
  return {
    owner: {
      keyHash: principal.keyHash,
      ...(principal.userId === undefined ? {} : { userId: principal.userId }),
    },
  };
}

/** Teams whose spend the caller may see whole: those that it administers, and that of its key when the key has no user. */
export async function administeredTeams(database: Database, principal: Principal): Promise<readonly string[]> {
  const teams = new Set<string>();
  if (principal.userId === undefined) {
    if (principal.teamId !== undefined) teams.add(principal.teamId);
    return [...teams];
  }
  const rows = await database.kysely
    .selectFrom("team_member")
    .select("team_id")
    .where("user_id", "=", principal.userId)
    .where("role", "=", "admin")
    .execute();
  for (const row of rows) teams.add(row.team_id);
  return [...teams];
}

/** Organisations that the caller administers. */
export async function administeredOrganizations(database: Database, principal: Principal): Promise<readonly string[]> {
  if (principal.userId === undefined) return [];
  const rows = await database.kysely
    .selectFrom("organization_member")
    .select("organization_id")
    .where("user_id", "=", principal.userId)
    .where("user_role", "=", "org_admin")
    .execute();
  return rows.map((row) => row.organization_id);
}

/**
 * Narrows what was asked for to what may be seen: all of `visible` where nothing was asked for. Throws the refusal when
 * something else was.
 */
export function narrowed(
  asked: readonly string[] | undefined,
  visible: readonly string[] | undefined,
  what: string,
): readonly string[] | undefined {
  if (visible === undefined) return asked;
  if (asked === undefined) return visible;
  const hidden = asked.find((id) => !visible.includes(id));
  if (hidden !== undefined) throw forbidden(`You may not see the spend of ${what} ${hidden}`);
  return asked;
}
