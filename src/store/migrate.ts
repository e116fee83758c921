import { createHash } from "node:crypto";
import { sql } from "kysely";
import type { Database } from "./database.ts";
import { MIGRATIONS } from "./migrations/all.ts";
import type { Migration } from "./migrations/migration.ts";

/**
 * Brings the schema up to date and returns the names of the steps that it applied. All of them happen in one write
 * transaction, which is also the lock: of several processes that start at once one does the work and the others wait.
 * Steps of a newer release are left alone.
 *
 * Throws when a step that was applied earlier is not the one that this program knows by the same name.
 */
export async function migrate(
  database: Database,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<readonly string[]> {
  return database.kysely.transaction().execute(async (transaction) => {
    await sql`CREATE TABLE IF NOT EXISTS schema_migration (
      name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL
    )`.execute(transaction);
    const rows = await transaction.selectFrom("schema_migration").select(["name", "checksum"]).execute();
    const applied = new Map(rows.map((row) => [row.name, row.checksum]));
    const done: string[] = [];
    for (const migration of migrations) {
      const statements = migration.statements[database.dialect];
      const checksum = createHash("sha256").update(statements.join(";\n")).digest("hex");
      const known = applied.get(migration.name);
      if (known === checksum) continue;
      if (known !== undefined) {
        throw new Error(`migration ${migration.name} was applied with other statements than this program has`);
      }
      for (const statement of statements) await sql.raw(statement).execute(transaction);
      await transaction
        .insertInto("schema_migration")
        .values({ name: migration.name, checksum, applied_at: Date.now() })
        .execute();
      done.push(migration.name);
    }
    return done;
  });
}
