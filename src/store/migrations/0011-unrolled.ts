import type { Migration } from "./migration.ts";

const COLUMNS = [
  ...[
    "seq",
    "started_at",
    "key_hash",
    "user_id",
    "team_id",
    "organization_id",
    "end_user",
    "provider",
    "deployment_id",
  ],
  ...["model", "model_group", "cost_nano"],
].join(", ");

const trigger = (name: string, event: string, rows: string, statement: string): readonly string[] => [
  `CREATE FUNCTION spend_unrolled_${name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN ${statement}; RETURN NULL; END $$`,
  `CREATE TRIGGER spend_unrolled_${name} AFTER ${event} ${rows} EXECUTE FUNCTION spend_unrolled_${name}()`,
];

/**
 * In PostgreSQL what is asked of the rows that no rollup has yet is kept beside them: to look for those few in `spend` is
 * to plan for every partition, so that the oldest day would make each question slower. Triggers keep it, whichever
 * release writes.
 */
export const unrolled: Migration = {
  name: "0011-unrolled",
  statements: {
    sqlite: [],
    postgres: [
      // Rows come and go all the time, and few are ever there: cleaned more often than by the share of its size.
      `CREATE TABLE spend_unrolled (
  seq BIGINT PRIMARY KEY,
  started_at BIGINT NOT NULL,
  key_hash TEXT NOT NULL,
  user_id TEXT,
  team_id TEXT,
  organization_id TEXT,
  end_user TEXT,
  provider TEXT NOT NULL,
  deployment_id TEXT NOT NULL,
  model TEXT NOT NULL,
  model_group TEXT NOT NULL,
  cost_nano BIGINT NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)`,
      // Nobody writes rows from here until these triggers are committed.
      "LOCK TABLE spend IN SHARE ROW EXCLUSIVE MODE",
      `INSERT INTO spend_unrolled (${COLUMNS}) SELECT ${COLUMNS} FROM spend
  WHERE seq > (SELECT seq FROM watermark WHERE consumer = 'rollup')`,
      ...trigger(
        "added",
        "INSERT ON spend",
        "REFERENCING NEW TABLE AS added FOR EACH STATEMENT",
        `INSERT INTO spend_unrolled (${COLUMNS}) SELECT ${COLUMNS} FROM added`,
      ),
      ...trigger(
        "removed",
        "DELETE ON spend",
        "REFERENCING OLD TABLE AS removed FOR EACH STATEMENT",
        "DELETE FROM spend_unrolled USING removed WHERE spend_unrolled.seq = removed.seq",
      ),
      ...trigger(
        "rolled_up",
        "INSERT OR UPDATE OF seq ON watermark",
        "FOR EACH ROW WHEN (NEW.consumer = 'rollup')",
        // Rollups can be run again from an earlier watermark.
        `DELETE FROM spend_unrolled WHERE seq <= NEW.seq;
IF TG_OP = 'INSERT' OR NEW.seq < OLD.seq THEN
  INSERT INTO spend_unrolled (${COLUMNS}) SELECT ${COLUMNS} FROM spend WHERE seq > NEW.seq ON CONFLICT (seq) DO NOTHING;
END IF`,
      ),
    ],
  },
};
