import type { Pool } from "pg";
import { databaseLocation } from "../../store/database-location.ts";
import { MIGRATIONS } from "../../store/migrations/all.ts";
import { openPool } from "../../store/postgres/pool.ts";
import { type PostgresSettings, postgresSettings } from "../../store/postgres/settings.ts";
import { configuredSection } from "./configured-section.ts";
import { type Examination, type Finding, findingsOf } from "./finding.ts";

const { ok, warning, problem } = findingsOf("postgresql");

/** PostgreSQL 12: the oldest whose partitioned tables do what the ledger needs. */
const OLDEST_VERSION = 120_000;
const MOST_CLOCK_SKEW_MS = 5_000;
const SLOW_MS = 50;

/** PostgreSQL: reachable, credentials, version, rights, schema, clock. */
export async function checkPostgres(examination: Examination): Promise<Finding[]> {
  const location = databaseLocation(
    examination.environment,
    configuredSection(examination, "general_settings"),
    examination.dataDir,
  );
  if (!("url" in location) || location.url.startsWith("file:")) {
    return [ok("postgres_unused", "no PostgreSQL is configured: the embedded database in the data folder is used")];
  }
  let settings: PostgresSettings;
  try {
    settings = postgresSettings(location.url, location.tuning);
  } catch (error) {
    return [
      problem("postgres_url", text(error), {
        why: "keys, budgets and spend cannot be kept",
        fix: "write DATABASE_URL=postgres://user:password@host:5432/database",
      }),
    ];
  }
  const { patienceMs } = examination;
  const pool = openPool({ ...settings, connectTimeoutMs: patienceMs, statementTimeoutMs: patienceMs }, 1);
  try {
    // The first query also connects; whatever keeps it from that is a finding of its own.
    await pool.query("SELECT 1");
    const allowed = await rights(pool, settings);
    const readable = allowed.every(({ status }) => status === "ok");
    return [
      ...(await latency(pool, settings)),
      ...(await version(pool)),
      ...allowed,
      ...(readable ? await schema(pool) : []),
    ];
  } catch (error) {
    return [connectionFinding(error, settings)];
  } finally {
    await pool.end();
  }
}

function connectionFinding(error: unknown, settings: PostgresSettings): Finding {
  const code = (error as { code?: string }).code ?? "";
  const { host, port, database: name, user } = settings;
  const where = `${host}:${port}`;
  const why = "keys, budgets and spend are kept there";
  switch (code) {
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return problem("postgres_host", `the host ${host} of PostgreSQL is not known here`, {
        why: `${why}; inside a container the names of other containers are known only on a shared network`,
        fix: "correct POSTGRES_HOST (or DATABASE_URL), or connect both to one network: docker network connect internal_network CONTAINER",
      });
    case "ECONNREFUSED":
      return problem("postgres_refused", `nothing listens at ${where}`, {
        why,
        fix: "start PostgreSQL, or correct POSTGRES_HOST and POSTGRES_PORT (or DATABASE_URL)",
      });
    case "28P01":
    case "28000":
      return problem("postgres_password", `PostgreSQL at ${where} refuses the password of ${user}`, {
        why,
        fix: `correct POSTGRES_PASSWORD (or DATABASE_URL), or set it there: ALTER ROLE "${user}" PASSWORD '…'`,
      });
    case "3D000":
      return problem("postgres_database", `PostgreSQL at ${where} has no database ${name}`, {
        why,
        fix: `as its administrator: CREATE DATABASE "${name}" OWNER "${user}"`,
      });
    case "42501":
      return problem("postgres_connect_right", `${user} may not connect to the database ${name}`, {
        why,
        fix: `as its administrator: GRANT CONNECT ON DATABASE "${name}" TO "${user}"`,
      });
    case "53300":
      return problem("postgres_connections", `PostgreSQL at ${where} takes no more connections`, {
        why,
        fix: "raise max_connections there, or lower database_connection_pool_limit of each instance",
      });
    default:
      return problem("postgres_unreachable", `PostgreSQL at ${where} cannot be used: ${text(error)}`, {
        why,
        fix: `try: pg_isready -h ${host} -p ${port}`,
      });
  }
}

async function latency(pool: Pool, settings: PostgresSettings): Promise<Finding[]> {
  const before = performance.now();
  const { rows } = await pool.query<{ now: string }>("SELECT extract(epoch FROM clock_timestamp()) * 1000 AS now");
  const took = performance.now() - before;
  const skew = Math.abs(Number(rows[0]?.now) - Date.now());
  const found: Finding[] = [
    took > SLOW_MS
      ? warning("postgres_slow", `PostgreSQL needs ${Math.round(took)} ms to answer`, {
          why: "each new key and each page of a report waits that long",
          fix: "run it nearer to the gateway, or look at its load",
        })
      : ok("postgres", `PostgreSQL at ${settings.host}:${settings.port} answers in ${took.toFixed(1)} ms`),
  ];
  if (skew > MOST_CLOCK_SKEW_MS) {
    found.push(
      warning("postgres_clock", `PostgreSQL's clock and this machine's differ by ${Math.round(skew / 1000)} s`, {
        why: "periods of budgets and of reports begin and end by the clock",
        fix: "synchronise both: timedatectl set-ntp true",
      }),
    );
  }
  return found;
}

async function version(pool: Pool): Promise<Finding[]> {
  const { rows } = await pool.query<{ number: string; name: string }>(
    "SELECT current_setting('server_version_num') AS number, current_setting('server_version') AS name",
  );
  const { number, name } = rows[0] ?? { number: "0", name: "?" };
  if (Number(number) >= OLDEST_VERSION) return [ok("postgres_version", `PostgreSQL ${name}`)];
  return [
    problem("postgres_version", `PostgreSQL ${name} is too old`, {
      why: "the ledger's partitions need version 12 or newer",
      fix: "upgrade PostgreSQL",
    }),
  ];
}

async function rights(pool: Pool, { user }: PostgresSettings): Promise<Finding[]> {
  const { rows } = await pool.query<{ schema: string | null; may: boolean | null }>(
    "SELECT current_schema() AS schema, has_schema_privilege(current_schema(), 'CREATE') AS may",
  );
  const schemaName = rows[0]?.schema ?? "public";
  if (rows[0]?.may !== true) {
    return [
      problem("postgres_rights", `${user} may not make tables in the schema ${schemaName}`, {
        why: "the schema cannot be set up or brought up to date",
        fix: `as its administrator: GRANT ALL ON SCHEMA ${schemaName} TO "${user}"`,
      }),
    ];
  }
  const denied = await pool.query<{ name: string }>(
    `SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()
       AND tablename = ANY($1) AND NOT has_table_privilege(quote_ident(schemaname) || '.' || quote_ident(tablename), 'SELECT, INSERT, UPDATE, DELETE')`,
    [["schema_migration", "spend", "key", "team", "user"]],
  );
  if (denied.rows.length === 0) return [ok("postgres_rights", `${user} may do what is needed`)];
  const tables = denied.rows.map(({ name }) => name).join(", ");
  return [
    problem("postgres_rights", `${user} may not read and write ${tables}`, {
      why: "they were made by another user",
      fix: `as its administrator: GRANT ALL ON ALL TABLES IN SCHEMA ${schemaName} TO "${user}"`,
    }),
  ];
}

async function schema(pool: Pool): Promise<Finding[]> {
  const there = await pool.query<{ there: boolean }>("SELECT to_regclass('schema_migration') IS NOT NULL AS there");
  if (there.rows[0]?.there !== true) {
    return [
      warning("postgres_schema_missing", "the database has no tables of Isthmus yet", {
        why: "the first start makes them",
        fix: "isthmus migrate",
      }),
    ];
  }
  const { rows } = await pool.query<{ name: string }>("SELECT name FROM schema_migration");
  const applied = new Set(rows.map(({ name }) => name));
  const known = new Set(MIGRATIONS.map(({ name }) => name));
  const missing = MIGRATIONS.filter(({ name }) => !applied.has(name)).map(({ name }) => name);
  const newer = rows.filter(({ name }) => !known.has(name)).map(({ name }) => name);
  if (missing.length > 0) {
    return [
      problem("postgres_schema_old", `the schema lacks ${missing.join(", ")}`, {
        why: "this release needs them; until they are there it does not start",
        fix: "isthmus migrate (each start does it, too)",
      }),
    ];
  }
  if (newer.length > 0) {
    return [
      warning("postgres_schema_new", `the schema has steps of a newer release: ${newer.join(", ")}`, {
        why: "this release runs on it, as the one before always does; an older one may not",
        fix: "finish the upgrade of all instances",
      }),
    ];
  }
  return [ok("postgres_schema", `the schema is up to date (${known.size} steps)`)];
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
