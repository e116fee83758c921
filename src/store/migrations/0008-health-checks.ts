import type { Migration } from "./migration.ts";

const tables = (integer: string, end: string): readonly string[] => [
  `CREATE TABLE health_check (
  id TEXT PRIMARY KEY,
  checked_at ${integer} NOT NULL,
  deployment_id TEXT NOT NULL,
  model_name TEXT NOT NULL,
  model TEXT NOT NULL,
  status TEXT NOT NULL,
  error TEXT,
  response_ms ${integer} NOT NULL,
  checked_by TEXT NOT NULL
)${end}`,
  "CREATE INDEX health_check_time ON health_check (checked_at)",
  "CREATE INDEX health_check_model ON health_check (model_name, checked_at)",
];

/** What health checks found, for their history. */
export const healthChecks: Migration = {
  name: "0008-health-checks",
  statements: { sqlite: tables("INTEGER", " STRICT"), postgres: tables("BIGINT", "") },
};
