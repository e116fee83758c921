import { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type CacheStore, LONGEST_VALUE } from "./cache-store.ts";

/** How often what has expired, or is too much, is removed. */
const SWEEP_MS = 30_000;

/** Keeps values in a SQLite file, so that the processes of one machine share them and a restart keeps them. */
export class DiskStore implements CacheStore {
  readonly type = "disk";
  readonly #database: Database;
  readonly #limit: number;
  readonly #now: () => number;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(folder: string, limitBytes: number, now: () => number = Date.now) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#limit = limitBytes;
    this.#now = now;
    this.#database = new Database(join(folder, "cache.db"), { create: true, strict: true });
    this.#database.run("PRAGMA busy_timeout = 1000");
    this.#database.run("PRAGMA journal_mode = WAL");
    // It is a cache: a power loss may take it.
    this.#database.run("PRAGMA synchronous = OFF");
    this.#database.run(
      "CREATE TABLE IF NOT EXISTS answer (key TEXT PRIMARY KEY, value TEXT NOT NULL, until INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    );
    this.#database.run("CREATE INDEX IF NOT EXISTS answer_until ON answer (until)");
    this.#timer = setInterval(() => this.sweep(), SWEEP_MS);
    this.#timer.unref();
  }

  get(key: string): string | undefined {
    return this.#database
      .query<{ value: string }, [string, number]>("SELECT value FROM answer WHERE key = ? AND until > ?")
      .get(key, this.#now())?.value;
  }

  set(key: string, value: string, seconds: number): void {
    if (value.length > LONGEST_VALUE) return;
    this.#database
      .query(
        "INSERT INTO answer VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value, until = excluded.until",
      )
      .run(key, value, Math.ceil(this.#now() + seconds * 1000));
  }

  delete(keys: readonly string[]): number {
    let count = 0;
    for (const key of keys) count += this.#database.query("DELETE FROM answer WHERE key = ?").run(key).changes;
    return count;
  }

  flush(): void {
    this.#database.run("DELETE FROM answer");
  }

  ping(): void {
    this.#database.query("SELECT 1").get();
  }

  /** Removes what has expired, and beyond the limit what would expire next. */
  sweep(): void {
    this.#database.query("DELETE FROM answer WHERE until <= ?").run(this.#now());
    const size = (): number =>
      this.#database
        .query<{ bytes: number | null }, []>("SELECT sum(length(key) + length(value)) AS bytes FROM answer")
        .get()?.bytes ?? 0;
    while (size() > this.#limit) {
      this.#database.run("DELETE FROM answer WHERE key IN (SELECT key FROM answer ORDER BY until LIMIT 100)");
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#database.close();
  }
}
