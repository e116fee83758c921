import { createHash } from "node:crypto";
import { type Kysely, sql } from "kysely";
import { type Database, openServer } from "./database.ts";
import { MIGRATIONS } from "./migrations/all.ts";
import type { Migration } from "./migrations/migration.ts";
import type { Schema } from "./schema.ts";

/** Number of PostgreSQL's advisory lock for the schema: "isthmus" in ASCII. */
const SCHEMA_LOCK = 0x69_73_74_68_6d_75_73n;

/**
 * Brings the schema up to date and returns the names of the steps that it applied. All of them happen in one
 * transaction under a lock (SQLite's write lock, an advisory lock of PostgreSQL): of several processes that start at
 * once one does the work and the others wait. Steps of a newer release are left alone.
 *
 * Throws when a step that was applied earlier is not the one that this program knows by the same name.
 */
export async function migrate(
  database: Database,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<readonly string[]> {
  if (database.dialect === "sqlite") return apply(database, migrations);
  // Steps over large tables, and waiting for another process's, may take longer than any query should.
  const patient = openServer({ ...database.settings, poolSize: 1, statementTimeoutMs: 0, lockTimeoutMs: 0 });
  try {
    return await apply(patient, migrations);
  } finally {
    await patient.close();
  }
}

async function apply(database: Database, migrations: readonly Migration[]): Promise<readonly string[]> {
  return database.kysely.transaction().execute(async (transaction) => {
    if (database.dialect === "postgres") {
      await sql`SELECT pg_advisory_xact_lock(${SCHEMA_LOCK})`.execute(transaction);
      await makeSchema(transaction, database.settings.schema);
    }
    await sql`CREATE TABLE IF NOT EXISTS schema_migration (
      name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied_at ${sql.raw(integerType(database))} NOT NULL
    )`.execute(transaction);
    const applied = await appliedSteps(transaction);
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

/** The schema that the address names, where it is not there. Only asked for when missing: it takes a right of its own. */
async function makeSchema(transaction: Kysely<Schema>, name: string | undefined): Promise<void> {
  if (name === undefined) return;
  const { rows } = await sql<{ found: number }>`
    SELECT 1 AS found FROM pg_catalog.pg_namespace WHERE nspname = ${name}`.execute(transaction);
  if (rows.length === 0) await sql`CREATE SCHEMA ${sql.id(name)}`.execute(transaction);
}

function integerType(database: Database): string {
  return database.dialect === "postgres" ? "BIGINT" : "INTEGER";
}

async function appliedSteps(connection: Kysely<Schema>): Promise<ReadonlyMap<string, string>> {
  const rows = await connection.selectFrom("schema_migration").select(["name", "checksum"]).execute();
  return new Map(rows.map((row) => [row.name, row.checksum]));
}
