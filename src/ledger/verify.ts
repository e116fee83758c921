import { CompiledQuery } from "kysely";
import type { Database } from "../store/database.ts";
import { MEASURE_NAMES, PERIOD_KEY, ROLLUP_TABLES, sumsOfRows, sumsOfTable, TOTAL_KEY } from "./rollup-statements.ts";

/** How many differences are listed. */
const LISTED = 100;

/** A rollup row that is not the sum of its rows. */
export interface Difference {
  readonly table: string;
  /** `dimension=key period=… entity=…` and so on. */
  readonly key: string;
  /** For each measure that differs: what the rollup has minus what its rows add up to. */
  readonly excess: Readonly<Record<string, bigint>>;
}

export interface Verification {
  /** Rows that the rollups should contain. */
  readonly rows: number;
  /** Rows that came since the last rollup. */
  readonly waiting: number;
  /** Rows of all rollups: what was compared. */
  readonly counters: number;
  /** At most 100 of them. */
  readonly differences: readonly Difference[];
}

/**
 * Compares every rollup with the sum of its rows, from scratch, at one moment: hours and days with their rows, totals
 * with their days, which stay when rows are deleted because of their age.
 */
export async function verify(database: Database): Promise<Verification> {
  return database.kysely
    .transaction()
    .setIsolationLevel("repeatable read")
    .setAccessMode("read only")
    .execute(async (transaction) => {
      const mark = await transaction
        .selectFrom("watermark")
        .select("seq")
        .where("consumer", "=", "rollup")
        .executeTakeFirstOrThrow();
      const kept = await transaction
        .selectFrom("retention")
        .select("kept_from")
        .where("what", "=", "spend")
        .executeTakeFirst();
      const keptFrom = kept?.kept_from ?? Number.MIN_SAFE_INTEGER;
      const count = await transaction
        .selectFrom("spend")
        .select(({ eb, fn }) => [
          fn.count<number>("seq").filterWhere("seq", "<=", mark.seq).as("rows"),
          fn
            .count<number>("seq")
            .filterWhere(eb("seq", ">", mark.seq))
            .as("waiting"),
        ])
        .executeTakeFirstOrThrow();
      const differences: Difference[] = [];
      let counters = 0;
      for (const { table, periodMs } of ROLLUP_TABLES) {
        const query =
          periodMs === undefined
            ? CompiledQuery.raw(differencesOfTotals())
            : CompiledQuery.raw(differencesOfPeriods(database.dialect, table, periodMs, mark.seq, keptFrom));
        const { rows } = await transaction.executeQuery<Record<string, string | number | bigint>>(query);
        for (const row of rows) differences.push(differenceOf(table, row));
        const { n } = await transaction
          .selectFrom(table)
          .select(({ fn }) => fn.countAll<number>().as("n"))
          .executeTakeFirstOrThrow();
        counters += n;
      }
      if (database.dialect === "postgres") {
        const { rows } = await transaction.executeQuery<Record<string, string | number | bigint>>(
          CompiledQuery.raw(differencesOfUnrolled(mark.seq)),
        );
        for (const row of rows) differences.push(differenceOf("spend_unrolled", row));
      }
      const ranks = await transaction.executeQuery<Record<string, string | number | bigint>>(
        CompiledQuery.raw(differencesOfRanks()),
      );
      for (const row of ranks.rows) differences.push(differenceOf("spend_rank", row));
      const { n } = await transaction
        .selectFrom("spend_rank")
        .select(({ fn }) => fn.countAll<number>().as("n"))
        .executeTakeFirstOrThrow();
      counters += n;
      return { rows: count.rows, waiting: count.waiting, counters, differences: differences.slice(0, LISTED) };
    });
}

const list = (format: (name: string) => string) => MEASURE_NAMES.map(format).join(", ");

function differencesOfPeriods(
  dialect: Database["dialect"],
  table: string,
  periodMs: number,
  seq: number,
  keptFrom: number,
): string {
  return `WITH of_rows AS MATERIALIZED (
    ${sumsOfRows(`spend WHERE seq <= ${seq} AND started_at >= ${keptFrom}`, 1)}
    UNION ALL ${sumsOfRows(`spend_replaced WHERE started_at >= ${keptFrom}`, 1)}
  )
  ${differences(
    PERIOD_KEY,
    `SELECT ${PERIOD_KEY}, ${list((name) => name)} FROM ${table} WHERE period >= ${keptFrom}`,
    `SELECT ${PERIOD_KEY}, ${list((name) => `-${name}`)} FROM (${sumsOfTable(dialect, "of_rows", periodMs)}) AS sums`,
  )}`;
}

function differencesOfTotals(): string {
  return differences(
    TOTAL_KEY,
    `SELECT ${TOTAL_KEY}, ${list((name) => name)} FROM rollup_total`,
    `SELECT ${TOTAL_KEY}, ${list((name) => `-${name}`)} FROM rollup_day`,
  );
}

/** Rows that no rollup has yet, by key, and what PostgreSQL keeps beside them. */
function differencesOfUnrolled(seq: number): string {
  return `SELECT key_hash, sum(requests) AS requests_nano, sum(cost) AS cost_nano FROM (
    SELECT key_hash, 1 AS requests, cost_nano AS cost FROM spend_unrolled
    UNION ALL SELECT key_hash, -1, -cost_nano FROM spend WHERE seq > ${seq}
  ) AS both_sides GROUP BY key_hash HAVING sum(requests) <> 0 OR sum(cost) <> 0 LIMIT ${LISTED}`;
}

/** The rank of keys, users and teams: their totals with what was carried over or reset. */
function differencesOfRanks(): string {
  const offsets = [
    ["key", "token", "virtual_key"],
    ["user", "user_id", "gateway_user"],
    ["team", "team_id", "team"],
  ].map(
    ([dimension, key, table]) =>
      `UNION ALL SELECT '${dimension}', ${key}, -spend_offset_nano FROM ${table} WHERE spend_offset_nano <> 0`,
  );
  return `SELECT dimension, entity, sum(nano) AS cost_nano FROM (
    SELECT dimension, entity, spend_nano AS nano FROM spend_rank
    UNION ALL SELECT dimension, entity, -cost_nano FROM rollup_total WHERE dimension IN ('key', 'user', 'team')
    ${offsets.join("\n    ")}
  ) AS both_sides GROUP BY dimension, entity HAVING sum(nano) <> 0 LIMIT ${LISTED}`;
}

/** The columns end in `_nano` so that differences are read as bigint, whatever they count. */
function differences(key: string, rollups: string, negatedSums: string): string {
  return `SELECT ${key}, ${list((name) => `sum(${name}) AS ${name}_nano`)}
  FROM (${rollups} UNION ALL ${negatedSums}) AS both_sides
  GROUP BY ${key} HAVING ${MEASURE_NAMES.map((name) => `sum(${name}) <> 0`).join(" OR ")}
  LIMIT ${LISTED}`;
}

function differenceOf(table: string, row: Record<string, string | number | bigint>): Difference {
  const excess: Record<string, bigint> = {};
  const key: string[] = [];
  for (const [name, value] of Object.entries(row)) {
    if (typeof value !== "bigint") key.push(`${name}=${value}`);
    else if (value !== 0n) excess[name.slice(0, -"_nano".length)] = value;
  }
  return { table, key: key.join(" "), excess };
}
