import { sql } from "kysely";
import { type Connection, ObjectTable } from "./object-table.ts";
import type { GatewayUserTable } from "./tables.ts";

export type UserRow = Readonly<GatewayUserTable>;

export const users = new ObjectTable("gateway_user", "user_id");

/** The user with this address; case does not count. */
export function findUserByEmail(connection: Connection, email: string): Promise<UserRow | undefined> {
  return connection
    .selectFrom("gateway_user")
    .selectAll()
    .where(sql<boolean>`lower(user_email) = ${email.toLowerCase()}`)
    .executeTakeFirst();
}
