import { CacheTable } from "../cache-table.ts";
import { type SemanticIndex, type Similar, vectorBytes } from "./semantic-index.ts";

/** Questions of one scope; the search compares with each of them, which takes a few milliseconds for so many. */
const MOST_PER_SCOPE = 2_000;

interface Row {
  readonly key: string;
  readonly vector: Uint8Array;
}

/** Questions in a SQLite file beside the answers: no service to run, and exact, since every question is compared. */
export class SqliteIndex implements SemanticIndex {
  readonly #table: CacheTable;
  readonly #now: () => number;

  constructor(folder: string, limitBytes: number, now: () => number = Date.now) {
    this.#now = now;
    this.#table = new CacheTable({
      folder,
      file: "semantic.db",
      table: "question",
      columns: "scope TEXT NOT NULL, vector BLOB NOT NULL",
      index: "scope, until",
      bytes: "length(key) + length(scope) + length(vector)",
      limitBytes,
      now,
      sweep: () => this.#removeSurplus(),
    });
  }

  find(scope: string, vector: Float32Array): Similar | undefined {
    const rows = this.#table.database
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
    this.#table.database
      .query("INSERT OR REPLACE INTO question (key, scope, vector, until) VALUES (?, ?, ?, ?)")
      .run(key, scope, vectorBytes(vector), this.#table.until(seconds));
  }

  delete(keys: readonly string[]): void {
    this.#table.delete(keys);
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

  /** Of a scope with too many questions, those that expire first. */
  #removeSurplus(): void {
    this.#table.database
      .query(
        `DELETE FROM question WHERE key IN (
           SELECT key FROM (SELECT key, row_number() OVER (PARTITION BY scope ORDER BY until DESC) AS place FROM question)
           WHERE place > ?)`,
      )
      .run(MOST_PER_SCOPE);
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
