import type { Migration } from "./migration.ts";

const tables = (integer: string, end: string): readonly string[] => [
  `CREATE TABLE resource (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  provider TEXT NOT NULL,
  deployment_id TEXT NOT NULL,
  upstream_id TEXT NOT NULL,
  model TEXT,
  key_hash TEXT NOT NULL,
  user_id TEXT,
  team_id TEXT,
  created_at ${integer} NOT NULL,
  deleted_at ${integer},
  body TEXT NOT NULL,
  facts TEXT NOT NULL
)${end}`,
  "CREATE INDEX resource_upstream ON resource (deployment_id, upstream_id)",
  "CREATE INDEX resource_key ON resource (kind, key_hash, created_at)",
  "CREATE INDEX resource_user ON resource (kind, user_id, created_at)",
  "CREATE INDEX resource_team ON resource (kind, team_id, created_at)",
  `CREATE TABLE deferred_cost (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  provider TEXT NOT NULL,
  deployment_id TEXT NOT NULL,
  upstream_id TEXT NOT NULL,
  spend_id TEXT NOT NULL,
  owner TEXT NOT NULL,
  created_at ${integer} NOT NULL,
  next_at ${integer} NOT NULL,
  expires_at ${integer} NOT NULL,
  paid_at ${integer},
  settled ${integer} NOT NULL
)${end}`,
  "CREATE INDEX deferred_cost_next ON deferred_cost (settled, next_at)",
];

/** Files, batches … that providers keep for callers, and jobs whose cost is known when they are done. */
export const resources: Migration = {
  name: "0009-resources",
  statements: { sqlite: tables("INTEGER", " STRICT"), postgres: tables("BIGINT", "") },
};
