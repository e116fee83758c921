import { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type SemanticIndex, type Similar, vectorBytes } from "./semantic-index.ts";

/** Questions of one scope; the search compares with each of them, which takes a few milliseconds for so many. */
const MOST_PER_SCOPE = 2_000;
const SWEEP_MS = 30_000;

interface Row {
  readonly key: string;
  readonly vector: Uint8Array;
}

/** Questions in a SQLite file beside the answers: no service to run, and exact, since every question is compared. */
export class SqliteIndex implements SemanticIndex {
  readonly #database: Database;
  readonly #limit: number;
  readonly #now: () => number;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(folder: string, limitBytes: number, now: () => number = Date.now) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#limit = limitBytes;
    this.#now = now;
    this.#database = new Database(join(folder, "semantic.db"), { create: true, strict: true });
    this.#database.run("PRAGMA busy_timeout = 1000");
    this.#database.run("PRAGMA journal_mode = WAL");
    // It is a cache: a power loss may take it.
    this.#database.run("PRAGMA synchronous = OFF");
    this.#database.run(
      "CREATE TABLE IF NOT EXISTS question (key TEXT PRIMARY KEY, scope TEXT NOT NULL, vector BLOB NOT NULL, until INTEGER NOT NULL) STRICT",
    );
    this.#database.run("CREATE INDEX IF NOT EXISTS question_scope ON question (scope, until)");
    this.#timer = setInterval(() => this.sweep(), SWEEP_MS);
    this.#timer.unref();
  }

  find(scope: string, vector: Float32Array): Similar | undefined {
    const rows = this.#database
      .query<Row, [string, number, number]>(
        "SELECT key, vector FROM question WHERE scope = ? AND until > ? ORDER BY until DESC LIMIT ?",
      )
      .all(scope, this.#now(), MOST_PER_SCOPE);
    let best: Similar | undefined;
    for (const row of rows) {
      if (row.vector.byteLength !== vector.byteLength) continue;
      const similarity = product(vector, floatsOf(row.vector));
      if (best === undefined || similarity > best.similarity) best = { key: row.key, similarity };
    }
    return best;
  }

  add(scope: string, key: string, vector: Float32Array, _value: string, seconds: number): void {
    this.#database
      .query("INSERT OR REPLACE INTO question VALUES (?, ?, ?, ?)")
      .run(key, scope, vectorBytes(vector), Math.ceil(this.#now() + seconds * 1000));
  }

  delete(keys: readonly string[]): void {
    for (const key of keys) this.#database.query("DELETE FROM question WHERE key = ?").run(key);
  }

  flush(): void {
    this.#database.run("DELETE FROM question");
  }

  ping(): void {
    this.#database.query("SELECT 1").get();
  }

  /** Removes what has expired, what a scope has too much, and beyond the limit what would expire next. */
  sweep(): void {
    this.#database.query("DELETE FROM question WHERE until <= ?").run(this.#now());
    this.#database
      .query(
        `DELETE FROM question WHERE key IN (
           SELECT key FROM (SELECT key, row_number() OVER (PARTITION BY scope ORDER BY until DESC) AS place FROM question)
           WHERE place > ?)`,
      )
      .run(MOST_PER_SCOPE);
    const size = (): number =>
      this.#database
        .query<{ bytes: number | null }, []>(
          "SELECT sum(length(key) + length(scope) + length(vector)) AS bytes FROM question",
        )
        .get()?.bytes ?? 0;
    while (size() > this.#limit) {
      this.#database.run("DELETE FROM question WHERE key IN (SELECT key FROM question ORDER BY until LIMIT 100)");
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#database.close();
  }
}

function floatsOf(bytes: Uint8Array): Float32Array {
  // Floats must begin at a multiple of four.
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
}

function product(one: Float32Array, other: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < one.length; index++) sum += (one[index] as number) * (other[index] as number);
  return sum;
}
