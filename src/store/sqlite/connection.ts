import { Database } from "bun:sqlite";

/** Bytes of page cache per connection: index pages of the hot tables stay in memory. */
const CACHE_KIBIBYTES = 8_192;

export interface SqliteConnectionOptions {
  /** How long a statement may wait (and block its thread) for another writer, in milliseconds. */
  readonly busyTimeoutMs: number;
}

/**
 * Opens a connection with the settings that all of them share: write-ahead log, so that readers never wait for the
 * writer, and integers as bigint, because nano-dollars pass 2^53 at nine million dollars.
 *
 * `synchronous = NORMAL` loses no consistency at power loss but may lose the last commits, so whoever deletes the
 * journal of what was committed calls `fsync` on the write-ahead log first.
 */
export function openSqlite(path: string, options: SqliteConnectionOptions): Database {
  const connection = new Database(path, { create: true, readwrite: true, safeIntegers: true, strict: true });
  connection.run(`PRAGMA busy_timeout = ${options.busyTimeoutMs}`);
  connection.run("PRAGMA journal_mode = WAL");
  connection.run("PRAGMA synchronous = NORMAL");
  connection.run("PRAGMA foreign_keys = ON");
  connection.run("PRAGMA temp_store = MEMORY");
  connection.run(`PRAGMA cache_size = -${CACHE_KIBIBYTES}`);
  return connection;
}

/** Whether another connection held the lock that the statement needed, so that trying again helps. */
export function isBusy(error: unknown): boolean {
  return sqliteCode(error)?.startsWith("SQLITE_BUSY") === true || sqliteCode(error) === "SQLITE_LOCKED";
}

/** Whether the values of the row are at fault, so that trying again can never help. */
export function isBadValue(error: unknown): boolean {
  const code = sqliteCode(error);
  return (
    code !== undefined &&
    (code.startsWith("SQLITE_CONSTRAINT") || code === "SQLITE_MISMATCH" || code === "SQLITE_TOOBIG")
  );
}

/** SQLite's own name for what went wrong (`SQLITE_BUSY`, `SQLITE_FULL` …), when the error is SQLite's. */
export function sqliteCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" && error.code.startsWith("SQLITE_") ? error.code : undefined;
}
