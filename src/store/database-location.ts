import { asObject, type JsonObject } from "../json/json.ts";
import type { DatabaseLocation } from "./database.ts";
import type { PostgresTuning } from "./postgres/settings.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Keys of `general_settings` about the database; times are seconds, as LiteLLM has them. */
export interface DatabaseConfig {
  readonly database_url?: unknown;
  readonly database_connection_pool_limit?: unknown;
  readonly database_connection_timeout?: unknown;
  readonly database_connection_pool_timeout?: unknown;
  readonly database_connect_timeout?: unknown;
  readonly database_statement_timeout?: unknown;
  readonly database_lock_timeout?: unknown;
  readonly database_idle_in_transaction_session_timeout?: unknown;
  readonly database_extra_connection_params?: unknown;
  readonly database_disable_prepared_statements?: unknown;
  readonly database_max_idle_connection_lifetime?: unknown;
}

/**
 * Which database is meant: `general_settings.database_url`, else DATABASE_URL, else the parts in DATABASE_HOST,
 * DATABASE_PORT, DATABASE_USERNAME (or DATABASE_USER), DATABASE_PASSWORD, DATABASE_NAME, DATABASE_SCHEMA or in
 * POSTGRES_HOST, POSTGRES_PORT, POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB (or POSTGRES_LITELLM_DB), else the
 * embedded one in the data directory.
 */
export function databaseLocation(environment: Environment, config: DatabaseConfig, dataDir: string): DatabaseLocation {
  const url = text(config.database_url) ?? nonEmpty(environment.DATABASE_URL) ?? addressOfParts(environment);
  return url === undefined ? { dataDir } : { url, tuning: tuningOf(config) };
}

function addressOfParts(environment: Environment): string | undefined {
  const part = (...names: string[]) => {
    for (const name of names) {
      const value = nonEmpty(environment[name]);
      if (value !== undefined) return encodeURIComponent(value);
    }
    return undefined;
  };
  const host = part("DATABASE_HOST", "POSTGRES_HOST");
  const name = part("DATABASE_NAME", "POSTGRES_LITELLM_DB", "POSTGRES_DB");
  if (host === undefined || name === undefined) return undefined;
  const user = part("DATABASE_USERNAME", "DATABASE_USER", "POSTGRES_USER") ?? "postgres";
  const password = part("DATABASE_PASSWORD", "POSTGRES_PASSWORD");
  const schema = part("DATABASE_SCHEMA");
  const port = part("DATABASE_PORT", "POSTGRES_PORT") ?? "5432";
  const secret = password === undefined ? "" : `:${password}`;
  return `postgres://${user}${secret}@${host}:${port}/${name}${schema === undefined ? "" : `?schema=${schema}`}`;
}

function tuningOf(config: DatabaseConfig): PostgresTuning {
  const connect = milliseconds(
    config.database_connection_pool_timeout ?? config.database_connect_timeout ?? config.database_connection_timeout,
  );
  const statement = milliseconds(config.database_statement_timeout);
  const lock = milliseconds(config.database_lock_timeout);
  const inTransaction = milliseconds(config.database_idle_in_transaction_session_timeout);
  const idle = milliseconds(config.database_max_idle_connection_lifetime);
  const size = config.database_connection_pool_limit;
  return {
    ...(typeof size === "number" && size >= 1 ? { poolSize: size } : {}),
    ...(connect === undefined ? {} : { connectTimeoutMs: connect }),
    ...(statement === undefined ? {} : { statementTimeoutMs: statement }),
    ...(lock === undefined ? {} : { lockTimeoutMs: lock }),
    ...(inTransaction === undefined ? {} : { idleInTransactionTimeoutMs: inTransaction }),
    ...(idle === undefined ? {} : { idleTimeoutMs: idle }),
    ...parametersOf({
      ...(config.database_disable_prepared_statements === true ? { pgbouncer: true } : {}),
      ...asObject(config.database_extra_connection_params),
    }),
  };
}

/** LiteLLM's map of parameters of the address: texts, numbers and flags, which win over what the address has. */
function parametersOf(value: JsonObject): Pick<PostgresTuning, "parameters"> {
  const given = Object.entries(value).filter(([, one]) => ["string", "number", "boolean"].includes(typeof one));
  if (given.length === 0) return {};
  return { parameters: Object.fromEntries(given.map(([name, one]) => [name, String(one)])) };
}

function milliseconds(seconds: unknown): number | undefined {
  return typeof seconds === "number" && seconds > 0 ? Math.ceil(seconds * 1000) : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? nonEmpty(value) : undefined;
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === undefined || value === "" ? undefined : value;
}
