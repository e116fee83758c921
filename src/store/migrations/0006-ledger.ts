import type { Migration } from "./migration.ts";

/** What finds rows by whom they belong to, newest first; most rows lack most of these. */
const INDEXED = ["user_id", "team_id", "organization_id", "end_user", "session_id"] as const;

const statements = (integer: string) => [
  "ALTER TABLE spend ADD COLUMN call_id TEXT",
  "ALTER TABLE spend_replaced ADD COLUMN call_id TEXT",
  "CREATE INDEX spend_call ON spend (call_id) WHERE call_id IS NOT NULL",
  ...INDEXED.map(
    (column) => `CREATE INDEX spend_${column} ON spend (${column}, started_at) WHERE ${column} IS NOT NULL`,
  ),
  `CREATE TABLE retention (what TEXT PRIMARY KEY, kept_from ${integer} NOT NULL)`,
];

/** The caller's name for a request, rows of one owner, and how far back rows are complete. */
export const ledger: Migration = {
  name: "0006-ledger",
  statements: { sqlite: statements("INTEGER"), postgres: statements("BIGINT") },
};
