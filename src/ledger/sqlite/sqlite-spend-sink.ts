import type { Database, SQLQueryBindings, Statement } from "bun:sqlite";
import { open } from "node:fs/promises";
import { isBadValue, isBusy, openSqlite } from "../../store/sqlite/connection.ts";
import type { SpendRecord } from "../record.ts";
import { additions, SUM_COLUMNS, sumsOfRows } from "../rollup-statements.ts";
import { type ColumnValue, SPEND_COLUMNS, spendValues } from "../spend-row.ts";
import type { RefusedRecord, SpendSink, WriteResult } from "../spend-sink.ts";
import { RecentSums } from "./recent-sums.ts";

/** How long one transaction may keep the event loop, in milliseconds, and how many rows pass between two looks. */
const SLICE_MS = 2;
const ROWS_PER_LOOK = 16;

/** Rows per rollup transaction: the number adapts so that each takes about as long. */
const MIN_ROLLUP_ROWS = 64;
const MAX_ROLLUP_ROWS = 8_192;

const COLUMN_LIST = SPEND_COLUMNS.join(", ");

/** A temporary table of sums for one run. */
const CREATE_DELTA = `CREATE TEMP TABLE IF NOT EXISTS rollup_delta AS ${sumsOfRows("spend WHERE false", 1)}`;

const ADD_DELTA = `INSERT INTO rollup_delta (${SUM_COLUMNS}) VALUES (${SUM_COLUMNS.replace(/[^,]+/g, "?")})`;

/** Sums of the rows behind the watermark; parameters: watermark, last row. */
const FILL_DELTA = `INSERT INTO rollup_delta ${sumsOfRows("spend WHERE seq > ? AND seq <= ?", 1)}`;

const FILL_DELTA_OF_REPLACED = `INSERT INTO rollup_delta ${sumsOfRows("spend_replaced", -1)}`;

const APPLY_DELTA = additions("sqlite", "rollup_delta");

/**
 * Writes to SQLite on a connection of its own, so that no transaction of a query is ever mixed with these. It never
 * waits for another writer, which would stop the event loop: the caller tries again.
 */
export class SqliteSpendSink implements SpendSink {
  readonly #path: string;
  readonly #database: Database;
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #rollback: Statement;
  readonly #insert: Statement<unknown, SQLQueryBindings[]>;
  readonly #keepReplaced: Statement<unknown, [string]>;
  readonly #deleteInterrupted: Statement<unknown, [string]>;
  readonly #recent = new RecentSums();
  #rollupRows = 1_024;

  constructor(path: string) {
    this.#path = path;
    this.#database = openSqlite(path, { busyTimeoutMs: 0 });
    this.#begin = this.#database.prepare("BEGIN IMMEDIATE");
    this.#commit = this.#database.prepare("COMMIT");
    this.#rollback = this.#database.prepare("ROLLBACK");
    this.#insert = this.#database.prepare(
      `INSERT INTO spend (${COLUMN_LIST}) VALUES (${SPEND_COLUMNS.map(() => "?").join(", ")}) ON CONFLICT (id) DO NOTHING`,
    );
    this.#keepReplaced = this.#database.prepare(
      `INSERT INTO spend_replaced (${COLUMN_LIST}) SELECT ${COLUMN_LIST} FROM spend
       WHERE id = ? AND status = 'interrupted' AND seq <= (SELECT seq FROM watermark WHERE consumer = 'rollup')`,
    );
    this.#deleteInterrupted = this.#database.prepare("DELETE FROM spend WHERE id = ? AND status = 'interrupted'");
    this.#database.run(CREATE_DELTA);
  }

  write(records: readonly SpendRecord[], from: number): WriteResult {
    const duplicates: string[] = [];
    const refused: RefusedRecord[] = [];
    const written: ColumnValue[][] = [];
    const start = performance.now();
    let next = from;
    this.#transaction(() => {
      while (next < records.length) {
        const record = records[next++] as SpendRecord;
        try {
          const values = spendValues(record);
          if (this.#insertOrReplace(record, values)) written.push(values);
          else duplicates.push(record.id);
        } catch (error) {
          // A failed statement leaves the transaction as it was before it.
          if (!isBadValue(error) && !(error instanceof RangeError) && !(error instanceof TypeError)) throw error;
          refused.push({ record, error });
        }
        if ((next - from) % ROWS_PER_LOOK === 0 && performance.now() - start > SLICE_MS) break;
      }
    });
    for (const values of written) this.#recent.add(values);
    return { done: next - from, duplicates, refused };
  }

  rollUp(): boolean {
    const start = performance.now();
    let more = false;
    let last = 0n;
    const pending = this.#database
      .query<{ last: bigint | null; replaced: bigint }, []>(
        `SELECT (SELECT seq FROM spend WHERE seq > (SELECT seq FROM watermark WHERE consumer = 'rollup') LIMIT 1) AS last,
         EXISTS (SELECT 1 FROM spend_replaced) AS replaced`,
      )
      .get();
    // Looking first spares the write lock when there is nothing to do.
    if (pending?.last === null && pending.replaced === 0n) return false;
    this.#transaction(() => {
      const watermark = this.#one("SELECT seq FROM watermark WHERE consumer = 'rollup'") ?? 0n;
      const newest = this.#one("SELECT max(seq) AS seq FROM spend") ?? 0n;
      const known = this.#recent.covers(watermark, newest);
      const end = watermark + BigInt(this.#rollupRows);
      last = known || newest < end ? newest : end;
      if (last < watermark) last = watermark;
      more = last < newest;
      this.#database.run("DELETE FROM rollup_delta");
      if (known) for (const sums of this.#recent.values()) this.#database.query(ADD_DELTA).run(...sums);
      else if (last > watermark) this.#database.query(FILL_DELTA).run(watermark, last);
      this.#database.query(FILL_DELTA_OF_REPLACED).run();
      for (const statement of APPLY_DELTA) this.#database.query(statement).run();
      this.#database.query("DELETE FROM spend_replaced").run();
      if (last > watermark) this.#database.query("UPDATE watermark SET seq = ? WHERE consumer = 'rollup'").run(last);
    });
    if (more) this.#recent.forget();
    else this.#recent.begin(last);
    const elapsed = performance.now() - start;
    if (elapsed > SLICE_MS) this.#rollupRows = Math.max(MIN_ROLLUP_ROWS, this.#rollupRows >> 1);
    else if (more && elapsed < SLICE_MS / 2) this.#rollupRows = Math.min(MAX_ROLLUP_ROWS, this.#rollupRows << 1);
    return more;
  }

  async sync(): Promise<void> {
    // Committed rows are in the log or, after a checkpoint, which syncs, in the database. SQLite's own locks are on
    // other files: opening and closing the database itself here would drop them.
    const log = await open(`${this.#path}-wal`, "r+");
    try {
      await log.datasync();
    } finally {
      await log.close();
    }
  }

  isBusy(error: unknown): boolean {
    return isBusy(error);
  }

  close(): void {
    this.#database.close();
  }

  /** Returns whether the row is the record's now. */
  #insertOrReplace(record: SpendRecord, values: ColumnValue[]): boolean {
    if (this.#insert.run(...values).changes === 1) return true;
    if (record.status === "interrupted") return false;
    // The final row gets a number of its own, behind the watermark; the old one is subtracted if it was counted.
    this.#keepReplaced.run(record.id);
    if (this.#deleteInterrupted.run(record.id).changes === 0) return false;
    return this.#insert.run(...values).changes === 1;
  }

  #one(query: string): bigint | null | undefined {
    return this.#database.query<{ seq: bigint | null }, []>(query).get()?.seq;
  }

  #transaction(work: () => void): void {
    this.#begin.run();
    try {
      work();
      this.#commit.run();
    } catch (error) {
      // SQLite has rolled back by itself after a full disk or an input/output error.
      if (this.#database.inTransaction) this.#rollback.run();
      throw error;
    }
  }
}
