import type { Pool, PoolClient } from "pg";
import { isBadValue, isBusy, keepsConnection, sqlState } from "../../store/postgres/errors.ts";
import { openPool } from "../../store/postgres/pool.ts";
import type { PostgresSettings } from "../../store/postgres/settings.ts";
import { UNROLLED } from "../../store/unrolled.ts";
import type { SpendRecord } from "../record.ts";
import { additions, sumsOfRows } from "../rollup-statements.ts";
import { type ColumnValue, SPEND_COLUMNS, spendValues } from "../spend-row.ts";
import type { RefusedRecord, SpendSink, WriteResult } from "../spend-sink.ts";
import { LEDGER_LOCK } from "./ledger-lock.ts";
import { addPartition, dayOf, partitionOf } from "./partitions.ts";

/** Records per transaction: turning them into parameters keeps the event loop for about two milliseconds. */
const BATCH = 500;

/** Rows per rollup transaction, which other writers wait for. */
const ROLLUP_ROWS = 5_000;

/** The ledger must not hold on to a server that does not answer: its journal has everything. */
const STATEMENT_TIMEOUT_MS = 15_000;

/** Known days; a few for rows of today, more while an old journal is recovered. */
const DAY_LIMIT = 1_000;

const COLUMN_LIST = SPEND_COLUMNS.join(", ");
const COLUMN_TYPES = SPEND_COLUMNS.map((column) => (isInteger(column) ? "bigint" : "text"));
const ARRAYS = COLUMN_TYPES.map((type, index) => `$${index + 1}::${type}[]`).join(", ");

const INSERT = {
  name: "ledger-insert",
  text: `INSERT INTO spend (${COLUMN_LIST}) SELECT * FROM unnest(${ARRAYS}) ON CONFLICT (id, started_at) DO NOTHING RETURNING id`,
};

/** Takes interrupted rows away; those that rollups have counted are kept to be subtracted. */
const REPLACE_INTERRUPTED = {
  name: "ledger-replace",
  text: `WITH old AS (
    DELETE FROM spend USING unnest($1::text[], $2::bigint[]) AS final (id, started_at)
    WHERE spend.id = final.id AND spend.started_at = final.started_at AND spend.status = 'interrupted'
    RETURNING spend.*
  )
  INSERT INTO spend_replaced (${COLUMN_LIST}) SELECT ${COLUMN_LIST} FROM old
  WHERE seq <= (SELECT seq FROM watermark WHERE consumer = 'rollup')`,
};

const [addHours, addDays, addTotals] = additions("postgres", "delta");

/** Everything behind the watermark up to $2, and what was replaced, into all rollups at once. */
const ROLL_UP = {
  name: "ledger-rollup",
  text: `WITH delta AS MATERIALIZED (
    ${sumsOfRows("spend WHERE seq > $1 AND seq <= $2", 1)}
    UNION ALL ${sumsOfRows("spend_replaced", -1)}
  ), hours AS (${addHours}), days AS (${addDays})
  ${addTotals}`,
};

const PENDING = `SELECT EXISTS (SELECT 1 FROM ${UNROLLED})
  OR EXISTS (SELECT 1 FROM spend_replaced) AS pending`;

/**
 * Writes to PostgreSQL on a connection of its own, so that it waits for nobody's queries. Several gateways write to one
 * database in turns; see `LEDGER_LOCK`.
 */
export class PostgresSpendSink implements SpendSink {
  readonly #pool: Pool;
  #days = new Set<number>();

  constructor(settings: PostgresSettings) {
    const statementTimeoutMs = Math.min(settings.statementTimeoutMs || STATEMENT_TIMEOUT_MS, STATEMENT_TIMEOUT_MS);
    this.#pool = openPool({ ...settings, statementTimeoutMs }, 1);
  }

  async write(records: readonly SpendRecord[], from: number): Promise<WriteResult> {
    const batch = records.slice(from, from + BATCH);
    const { rows, refused, duplicates } = prepare(batch);
    await this.#insertAll(rows, duplicates, refused);
    return { done: batch.length, duplicates, refused };
  }

  async rollUp(): Promise<boolean> {
    const { rows } = await this.#pool.query<{ pending: boolean }>(PENDING);
    if (rows[0]?.pending !== true) return false;
    return this.#transaction(async (client) => {
      const { rows } = await client.query<{ watermark: bigint; newest: bigint }>(
        `SELECT seq AS watermark, coalesce((SELECT max(seq) FROM ${UNROLLED}), 0) AS newest FROM watermark WHERE consumer = 'rollup'`,
      );
      const { watermark, newest } = rows[0] as { watermark: bigint; newest: bigint };
      const end = watermark + BigInt(ROLLUP_ROWS);
      // Deleted rows may have had the newest numbers.
      const last = newest < watermark ? watermark : newest < end ? newest : end;
      await client.query({ ...ROLL_UP, values: [watermark, last] });
      await client.query("DELETE FROM spend_replaced");
      await client.query("UPDATE watermark SET seq = $1 WHERE consumer = 'rollup'", [last]);
      return last < newest;
    });
  }

  async sync(): Promise<void> {
    // PostgreSQL has synced what it has committed.
  }

  isBusy(error: unknown): boolean {
    return isBusy(error);
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  /** One transaction for all; one for each where a value of one of them cannot be stored. */
  async #insertAll(rows: readonly Row[], duplicates: string[], refused: RefusedRecord[]): Promise<void> {
    if (rows.length === 0) return;
    try {
      duplicates.push(...(await this.#insertOnce(rows)));
    } catch (error) {
      if (!isBadValue(error)) throw error;
      const [only] = rows;
      if (rows.length === 1 && only !== undefined) {
        refused.push({ record: only.record, error });
        return;
      }
      const half = rows.length >> 1;
      await this.#insertAll(rows.slice(0, half), duplicates, refused);
      await this.#insertAll(rows.slice(half), duplicates, refused);
    }
  }

  /** Returns the ids that had their final row already. */
  async #insertOnce(rows: readonly Row[]): Promise<readonly string[]> {
    const days = [...new Set(rows.map((row) => dayOf(row.record.startedAt)))];
    try {
      return await this.#transaction((client) => this.#insert(client, rows, days));
    } catch (error) {
      // No partition, which is no fault of the row: another process has dropped it because of its age.
      if (sqlState(error) !== "23514" || !days.some((day) => this.#days.has(day))) throw error;
      this.#days.clear();
      return this.#transaction((client) => this.#insert(client, rows, days));
    } finally {
      if (this.#days.size > DAY_LIMIT) this.#days.clear();
    }
  }

  async #insert(client: PoolClient, rows: readonly Row[], days: readonly number[]): Promise<readonly string[]> {
    const added: number[] = [];
    for (const day of days) {
      if (this.#days.has(day)) continue;
      const { rows } = await client.query<{ found: string | null }>("SELECT to_regclass($1) AS found", [
        partitionOf(day),
      ]);
      if (rows[0]?.found === null) for (const statement of addPartition(day)) await client.query(statement);
      added.push(day);
    }
    const inserted = await insertRows(client, rows);
    let rest = rows.filter((row) => !inserted.has(row.record.id) && row.record.status !== "interrupted");
    if (rest.length > 0) {
      const values = [rest.map((row) => row.record.id), rest.map((row) => row.record.startedAt)];
      await client.query({ ...REPLACE_INTERRUPTED, values });
      const replaced = await insertRows(client, rest);
      rest = rest.filter((row) => !replaced.has(row.record.id));
    }
    for (const day of added) this.#days.add(day);
    return rest.map((row) => row.record.id);
  }

  async #transaction<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let lost = false;
    try {
      await client.query("BEGIN");
      await client.query("SELECT pg_advisory_xact_lock($1)", [LEDGER_LOCK]);
      const result = await work(client);
      await client.query("COMMIT");
      return result;
    } catch (error) {
      lost = !keepsConnection(error);
      if (!lost) {
        try {
          await client.query("ROLLBACK");
        } catch {
          // The error that led here says more; the server rolls back when the connection ends.
          lost = true;
        }
      }
      throw error;
    } finally {
      client.release(lost);
    }
  }
}

interface Row {
  readonly record: SpendRecord;
  readonly values: readonly ColumnValue[];
}

/** Rows without those that cannot be made, and one for each request: a final record beats an interrupted one. */
function prepare(records: readonly SpendRecord[]): { rows: Row[]; refused: RefusedRecord[]; duplicates: string[] } {
  const rows = new Map<string, Row>();
  const refused: RefusedRecord[] = [];
  const duplicates: string[] = [];
  for (const record of records) {
    try {
      partitionOf(dayOf(record.startedAt));
      const earlier = rows.get(record.id)?.record;
      if (earlier !== undefined && (earlier.status !== "interrupted" || record.status === "interrupted")) {
        duplicates.push(record.id);
        continue;
      }
      rows.set(record.id, { record, values: spendValues(record) });
    } catch (error) {
      if (!(error instanceof RangeError) && !(error instanceof TypeError)) throw error;
      refused.push({ record, error });
    }
  }
  return { rows: [...rows.values()], refused, duplicates };
}

async function insertRows(client: PoolClient, rows: readonly Row[]): Promise<ReadonlySet<string>> {
  const values = SPEND_COLUMNS.map((_, column) => rows.map((row) => row.values[column]));
  const result = await client.query<{ id: string }>({ ...INSERT, values });
  return new Set(result.rows.map((row) => row.id));
}

function isInteger(column: string): boolean {
  return (
    /_(at|nano|tokens|status)$/.test(column) || column === "stream" || column === "cache_hit" || column === "estimated"
  );
}
