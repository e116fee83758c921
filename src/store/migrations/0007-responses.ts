import type { Migration } from "./migration.ts";

const tables = (integer: string, end: string): readonly string[] => [
  `CREATE TABLE response (
  id TEXT PRIMARY KEY,
  key_hash TEXT NOT NULL,
  user_id TEXT,
  team_id TEXT,
  previous_id TEXT,
  created_at ${integer} NOT NULL,
  expires_at ${integer} NOT NULL,
  input TEXT NOT NULL,
  body TEXT NOT NULL
)${end}`,
  "CREATE INDEX response_expiry ON response (expires_at)",
];

/** Answers that callers may ask for again, or go on from, where the provider keeps none. */
export const responses: Migration = {
  name: "0007-responses",
  statements: { sqlite: tables("INTEGER", " STRICT"), postgres: tables("BIGINT", "") },
};
