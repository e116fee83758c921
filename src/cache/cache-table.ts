import { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

/** How often expired rows are removed, and the bound is looked at. */
const SWEEP_MS = 30_000;

export interface CacheTableOptions {
  /** Made where it is missing, for this user alone. */
  readonly folder: string;
  readonly file: string;
  readonly table: string;
  /** Columns beside `key` and `until`, as SQL. */
  readonly columns: string;
  /** Columns of the index that finds rows, as SQL. */
  readonly index: string;
  /** Bytes of one row, as SQL. */
  readonly bytes: string;
  /** What all rows together may take; enforced twice a minute. */
  readonly limitBytes: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** What else a sweep removes, after the expired rows and before the bound. */
  readonly sweep?: () => void;
}

/** A table of a SQLite file whose rows have a key and expire, bounded in bytes. */
export class CacheTable {
  readonly database: Database;
  readonly #options: CacheTableOptions;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(options: CacheTableOptions) {
    const { folder, file, table, columns, index } = options;
    this.#options = options;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.database = new Database(join(folder, file), { create: true, strict: true });
    this.database.run("PRAGMA busy_timeout = 1000");
    this.database.run("PRAGMA journal_mode = WAL");
    // It is a cache: a power loss may take it.
    this.database.run("PRAGMA synchronous = OFF");
    this.database.run(
      `CREATE TABLE IF NOT EXISTS ${table} (key TEXT PRIMARY KEY, ${columns}, until INTEGER NOT NULL) STRICT`,
    );
    this.database.run(`CREATE INDEX IF NOT EXISTS ${table}_index ON ${table} (${index})`);
    this.#timer = setInterval(() => this.sweep(), SWEEP_MS);
    this.#timer.unref();
  }

  /** When a row that is written now expires. */
  until(seconds: number): number {
    return Math.ceil(this.#options.now() + seconds * 1000);
  }

  /** Returns how many rows there were. */
  delete(keys: readonly string[]): number {
    const statement = this.database.query(`DELETE FROM ${this.#options.table} WHERE key = ?`);
    return keys.reduce((count, key) => count + statement.run(key).changes, 0);
  }

  flush(): void {
    this.database.run(`DELETE FROM ${this.#options.table}`);
  }

  ping(): void {
    this.database.query("SELECT 1").get();
  }

  /** Removes what has expired, and beyond the limit what would expire next. */
  sweep(): void {
    const { table, bytes, limitBytes, now, sweep } = this.#options;
    this.database.query(`DELETE FROM ${table} WHERE until <= ?`).run(now());
    sweep?.();
    const size = (): number =>
      this.database.query<{ bytes: number | null }, []>(`SELECT sum(${bytes}) AS bytes FROM ${table}`).get()?.bytes ??
      0;
    while (size() > limitBytes) {
      this.database.run(`DELETE FROM ${table} WHERE key IN (SELECT key FROM ${table} ORDER BY until LIMIT 100)`);
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.database.close();
  }
}
