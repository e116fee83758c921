import type { Database } from "bun:sqlite";
import { type CacheStore, LONGEST_VALUE } from "./cache-store.ts";
import { CacheTable } from "./cache-table.ts";

/** Keeps values in a SQLite file, so that the processes of one machine share them and a restart keeps them. */
export class DiskStore implements CacheStore {
  readonly type = "disk";
  readonly #table: CacheTable;
  readonly #now: () => number;

  constructor(folder: string, limitBytes: number, now: () => number = Date.now) {
    this.#now = now;
    this.#table = new CacheTable({
      folder,
      file: "cache.db",
      table: "answer",
      columns: "value TEXT NOT NULL",
      index: "until",
      bytes: "length(key) + length(value)",
      limitBytes,
      now,
    });
  }

  get(key: string): string | undefined {
    return this.#database
      .query<{ value: string }, [string, number]>("SELECT value FROM answer WHERE key = ? AND until > ?")
      .get(key, this.#now())?.value;
  }

  set(key: string, value: string, seconds: number): void {
    if (value.length > LONGEST_VALUE) return;
    this.#database
      .query("INSERT OR REPLACE INTO answer (key, value, until) VALUES (?, ?, ?)")
      .run(key, value, this.#table.until(seconds));
  }

  delete(keys: readonly string[]): number {
    return this.#table.delete(keys);
  }

  flush(): void {
    this.#table.flush();
  }

  ping(): void {
    this.#table.ping();
  }

  sweep(): void {
    this.#table.sweep();
  }

  close(): void {
    this.#table.close();
  }

  get #database(): Database {
    return this.#table.database;
  }
}
