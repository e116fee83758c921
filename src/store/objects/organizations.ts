import { type Connection, ObjectTable } from "./object-table.ts";
import type { OrganizationMemberTable, OrganizationTable } from "./tables.ts";

export type OrganizationRow = Readonly<OrganizationTable>;
export type OrganizationMemberRow = Readonly<OrganizationMemberTable>;

export const organizations = new ObjectTable("organization", "organization_id");

/** Memberships by their organisation; `findMany(…, "user_id")` finds those of users. */
export const organizationMembers = new ObjectTable("organization_member", "organization_id");

export function findOrganizationMember(
  connection: Connection,
  organizationId: string,
  userId: string,
): Promise<OrganizationMemberRow | undefined> {
  return connection
    .selectFrom("organization_member")
    .selectAll()
    .where("organization_id", "=", organizationId)
    .where("user_id", "=", userId)
    .executeTakeFirst();
}

export async function updateOrganizationMember(
  connection: Connection,
  organizationId: string,
  userId: string,
  patch: Partial<Omit<OrganizationMemberTable, "organization_id" | "user_id">>,
): Promise<void> {
  await connection
    .updateTable("organization_member")
    .set(patch)
    .where("organization_id", "=", organizationId)
    .where("user_id", "=", userId)
    .execute();
}

/** Returns whether the user was a member. */
export async function removeOrganizationMember(
  connection: Connection,
  organizationId: string,
  userId: string,
): Promise<boolean> {
  const { numDeletedRows } = await connection
    .deleteFrom("organization_member")
    .where("organization_id", "=", organizationId)
    .where("user_id", "=", userId)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}
