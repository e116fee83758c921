import { sql } from "kysely";
import type { Log } from "../events/log.ts";
import type { Database } from "../store/database.ts";
import { LEDGER_LOCK } from "./postgres/ledger-lock.ts";
import { dayOf, dayOfPartition } from "./postgres/partitions.ts";
import { DAY_MS } from "./rollup-statements.ts";

const UNITS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: DAY_MS,
  w: 7 * DAY_MS,
  mo: 30 * DAY_MS,
};

/** Rows per transaction where rows are deleted one by one; other writers wait for it. */
const ROWS_AT_ONCE = 1_000;

/** `30d`, `24h`, `2w` … in milliseconds; undefined for what is no such duration. */
export function ageOf(text: string): number | undefined {
  const parts = /^(\d{1,9})(s|m|h|d|w|mo)$/.exec(text.trim());
  const count = Number(parts?.[1]);
  return parts === null || count === 0 ? undefined : count * (UNITS[parts[2] as string] as number);
}

/**
 * Deletes the rows of whole days (UTC) that ended longer ago than `maxAgeMs`, and returns how many days or rows went:
 * PostgreSQL drops the partitions of those days, SQLite deletes rows. Counters stay, for they are added up per hour, day
 * and in total; only rows that they contain are deleted. Several processes may do it at once.
 */
export async function deleteOldRows(database: Database, maxAgeMs: number, now: number): Promise<number> {
  const keptFrom = dayOf(now - maxAgeMs);
  return database.dialect === "postgres" ? dropPartitions(database, keptFrom) : deleteRows(database, keptFrom);
}

async function dropPartitions(database: Database, keptFrom: number): Promise<number> {
  return database.kysely.transaction().execute(async (transaction) => {
    await sql`SELECT pg_advisory_xact_lock(${LEDGER_LOCK})`.execute(transaction);
    const { rows } = await sql<{ name: string }>`
      SELECT relname AS name FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
      WHERE inhparent = 'spend'::regclass`.execute(transaction);
    let dropped = 0;
    for (const { name } of rows) {
      const day = dayOfPartition(name);
      if (day === undefined || day + DAY_MS > keptFrom) continue;
      const { rows: waiting } = await sql`SELECT 1 FROM ${sql.table(name)}
        WHERE seq > (SELECT seq FROM watermark WHERE consumer = 'rollup') LIMIT 1`.execute(transaction);
      if (waiting.length > 0) continue;
      await sql`DROP TABLE ${sql.table(name)}`.execute(transaction);
      dropped++;
    }
    await noteKeptFrom(transaction, keptFrom);
    return dropped;
  });
}

async function deleteRows(database: Database, keptFrom: number): Promise<number> {
  let deleted = 0;
  for (let more = true; more; ) {
    const count = await database.kysely.transaction().execute(async (transaction) => {
      const result = await sql`DELETE FROM spend WHERE seq IN (
        SELECT seq FROM spend WHERE started_at < ${keptFrom}
          AND seq <= (SELECT seq FROM watermark WHERE consumer = 'rollup') LIMIT ${ROWS_AT_ONCE}
      )`.execute(transaction);
      await noteKeptFrom(transaction, keptFrom);
      return Number(result.numAffectedRows ?? 0n);
    });
    deleted += count;
    more = count === ROWS_AT_ONCE;
    // Requests go first.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return deleted;
}

async function noteKeptFrom(transaction: Database["kysely"], keptFrom: number): Promise<void> {
  await sql`INSERT INTO retention (what, kept_from) VALUES ('spend', ${keptFrom})
    ON CONFLICT (what) DO UPDATE SET kept_from = excluded.kept_from
    WHERE retention.kept_from < excluded.kept_from`.execute(transaction);
}

export interface RetentionOptions {
  readonly database: Database;
  readonly log: Log;
  /** `maximum_spend_logs_retention_period`; nothing is deleted without it. */
  readonly period: unknown;
  /** `maximum_spend_logs_retention_interval`; default a day. */
  readonly interval: unknown;
}

/** Deletes what is too old now and again and again, until `close`. */
export function openRetention(options: RetentionOptions): { close(): Promise<void> } {
  const { database, log, period } = options;
  const maxAgeMs = typeof period === "string" ? ageOf(period) : undefined;
  if (maxAgeMs === undefined) {
    if (period !== undefined && period !== null) {
      log.error("maximum_spend_logs_retention_period is no duration like 30d; no rows are deleted", {
        value: String(period),
      });
    }
    return { close: async () => undefined };
  }
  const everyMs = (typeof options.interval === "string" ? ageOf(options.interval) : undefined) ?? DAY_MS;
  let running: Promise<void> | undefined;
  const run = async () => {
    try {
      const count = await deleteOldRows(database, maxAgeMs, Date.now());
      const what = database.dialect === "postgres" ? "days" : "rows";
      if (count > 0) log.info("spend logs were deleted because of their age", { [what]: count });
    } catch (error) {
      log.error("old spend logs could not be deleted; it is tried again", { reason: String(error) });
    }
  };
  const start = () => {
    running ??= run().finally(() => {
      running = undefined;
    });
  };
  start();
  // A timer cannot be set further ahead than 2^31 ms.
  const timer = setInterval(start, Math.min(everyMs, 20 * DAY_MS));
  timer.unref();
  return {
    async close() {
      clearInterval(timer);
      await running;
    },
  };
}
