import type { Migration } from "./migration.ts";

const SPEND_COLUMNS = `
  id TEXT NOT NULL,
  status TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  first_content_at INTEGER,
  call_type TEXT NOT NULL,
  model_group TEXT NOT NULL,
  model TEXT NOT NULL,
  provider TEXT NOT NULL,
  deployment_id TEXT NOT NULL,
  api_base TEXT NOT NULL,
  key_hash TEXT NOT NULL,
  key_alias TEXT,
  user_id TEXT,
  team_id TEXT,
  organization_id TEXT,
  end_user TEXT,
  session_id TEXT,
  requester_ip TEXT,
  stream INTEGER NOT NULL,
  cache_hit INTEGER,
  http_status INTEGER NOT NULL,
  error_code TEXT,
  error_message TEXT,
  price TEXT NOT NULL,
  estimated INTEGER NOT NULL,
  cost_nano INTEGER NOT NULL,
  prompt_tokens INTEGER NOT NULL,
  completion_tokens INTEGER NOT NULL,
  total_tokens INTEGER NOT NULL,
  cache_read_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL,
  tags TEXT,
  buckets TEXT NOT NULL,
  attempts TEXT NOT NULL,
  metadata TEXT`;

const MEASURES = `
  requests INTEGER NOT NULL,
  successes INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  cancellations INTEGER NOT NULL,
  interruptions INTEGER NOT NULL,
  estimates INTEGER NOT NULL,
  cache_hits INTEGER NOT NULL,
  cost_nano INTEGER NOT NULL,
  prompt_tokens INTEGER NOT NULL,
  completion_tokens INTEGER NOT NULL,
  total_tokens INTEGER NOT NULL,
  cache_read_tokens INTEGER NOT NULL,
  cache_write_tokens INTEGER NOT NULL,
  duration_ms INTEGER NOT NULL`;

// The period stands before the entity: new rows then land together at the end of each dimension.
const rollupOf = (period: string) => `CREATE TABLE rollup_${period} (
  dimension TEXT NOT NULL,
  period INTEGER NOT NULL,
  entity TEXT NOT NULL,
  key_hash TEXT NOT NULL,
  call_type TEXT NOT NULL,
  model_group TEXT NOT NULL,
  model TEXT NOT NULL,
  provider TEXT NOT NULL,${MEASURES},
  PRIMARY KEY (dimension, period, entity, key_hash, call_type, model_group, model, provider)
)`;

const ROLLUP_TOTAL = `CREATE TABLE rollup_total (
  dimension TEXT NOT NULL,
  entity TEXT NOT NULL,${MEASURES},
  PRIMARY KEY (dimension, entity)
)`;

const WATERMARK = "CREATE TABLE watermark (consumer TEXT PRIMARY KEY, seq INTEGER NOT NULL)";

const FIRST_WATERMARK = "INSERT INTO watermark (consumer, seq) VALUES ('rollup', 0)";

const postgres = (statement: string) => statement.replaceAll("INTEGER", "BIGINT");

/** The ledger's rows and what is derived from them. */
export const spend: Migration = {
  name: "0001-spend",
  statements: {
    sqlite: [
      // AUTOINCREMENT: a number must not come back after the newest row was deleted, or rollups would skip a row.
      `CREATE TABLE spend (seq INTEGER PRIMARY KEY AUTOINCREMENT,${SPEND_COLUMNS}) STRICT`,
      "CREATE UNIQUE INDEX spend_id ON spend (id)",
      "CREATE INDEX spend_key ON spend (key_hash, started_at)",
      "CREATE INDEX spend_time ON spend (started_at)",
      `CREATE TABLE spend_replaced (${SPEND_COLUMNS}) STRICT`,
      `${rollupOf("hour")} STRICT, WITHOUT ROWID`,
      `${rollupOf("day")} STRICT, WITHOUT ROWID`,
      `${ROLLUP_TOTAL} STRICT, WITHOUT ROWID`,
      `${WATERMARK} STRICT, WITHOUT ROWID`,
      FIRST_WATERMARK,
    ],
    postgres: [
      "CREATE SEQUENCE spend_seq",
      // The ledger adds a partition for each day before its first row. A request begins once, so its id and its start
      // name it, and only such a pair can be unique across partitions.
      postgres(
        `CREATE TABLE spend (seq INTEGER NOT NULL DEFAULT nextval('spend_seq'),${SPEND_COLUMNS}) PARTITION BY RANGE (started_at)`,
      ),
      "CREATE UNIQUE INDEX spend_id ON spend (id, started_at)",
      "CREATE INDEX spend_seq_order ON spend (seq)",
      "CREATE INDEX spend_key ON spend (key_hash, started_at)",
      "CREATE INDEX spend_time ON spend (started_at, seq)",
      postgres(`CREATE TABLE spend_replaced (${SPEND_COLUMNS})`),
      postgres(rollupOf("hour")),
      postgres(rollupOf("day")),
      postgres(ROLLUP_TOTAL),
      postgres(WATERMARK),
      FIRST_WATERMARK,
    ],
  },
};
