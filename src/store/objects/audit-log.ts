import { type Connection, ObjectTable } from "./object-table.ts";
import type { AuditLogTable } from "./tables.ts";

export { newestChange } from "./object-table.ts";

export type AuditEntry = Readonly<Omit<AuditLogTable, "seq">>;

/** Changes by their id. */
export const auditLog = new ObjectTable("audit_log", "id");

/** What was changed. */
export interface Change {
  readonly seq: number;
  readonly table: string;
  readonly id: string;
}

export async function appendAudit(transaction: Connection, entry: AuditEntry): Promise<void> {
  await transaction.insertInto("audit_log").values(entry).execute();
}

/** Changes after `seq`, oldest first. */
export async function changesAfter(connection: Connection, seq: number, limit: number): Promise<readonly Change[]> {
  const rows = await connection
    .selectFrom("audit_log")
    .select(["seq", "table_name", "object_id"])
    .where("seq", ">", seq)
    .orderBy("seq")
    .limit(limit)
    .execute();
  return rows.map((row) => ({ seq: row.seq, table: row.table_name, id: row.object_id }));
}
