import type { Connection } from "./object-table.ts";

export type ArchivedKind = "key" | "team";

export interface ArchivedObject {
  readonly id: string;
  readonly deletedAt: number;
  readonly deletedBy: string | null;
  /** The object as the API showed it, as JSON text. */
  readonly data: string;
}

/** Keeps what is about to be deleted. */
export async function archive(transaction: Connection, kind: ArchivedKind, objects: readonly ArchivedObject[]) {
  for (const object of objects) {
    await transaction
      .insertInto("archived_object")
      .values({
        kind,
        id: object.id,
        deleted_at: object.deletedAt,
        deleted_by: object.deletedBy,
        data: object.data,
      })
      .execute();
  }
}

/** Newest first. */
export async function listArchived(
  connection: Connection,
  kind: ArchivedKind,
  limit: number,
  offset: number,
): Promise<{ readonly objects: readonly ArchivedObject[]; readonly total: number }> {
  const rows = await connection
    .selectFrom("archived_object")
    .selectAll()
    .where("kind", "=", kind)
    .orderBy("deleted_at", "desc")
    .orderBy("id")
    .limit(limit)
    .offset(offset)
    .execute();
  const { total } = await connection
    .selectFrom("archived_object")
    .select(({ fn }) => fn.countAll<number>().as("total"))
    .where("kind", "=", kind)
    .executeTakeFirstOrThrow();
  return {
    objects: rows.map((row) => ({ id: row.id, deletedAt: row.deleted_at, deletedBy: row.deleted_by, data: row.data })),
    total: Number(total),
  };
}
