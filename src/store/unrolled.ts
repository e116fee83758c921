import { type RawBuilder, sql } from "kysely";

const BEHIND = "seq > (SELECT seq FROM watermark WHERE consumer = 'rollup')";

/**
 * PostgreSQL's `spend_unrolled`, and of it what is behind the watermark: nothing else is there, but what was there stays
 * in its pages until they are cleaned. The upper bound lets the planner expect few rows, and take the index past them.
 */
export const UNROLLED = `spend_unrolled WHERE ${BEHIND} AND seq < 9223372036854775807`;

const SQLITE = sql.raw(`spend WHERE ${BEHIND}`);
const POSTGRES = sql.raw(UNROLLED);

/**
 * The rows of the ledger that no rollup has yet, for a FROM clause; conditions follow with AND. Of columns there are those
 * of `spend_unrolled`, and conditions on them name them by `unindexed`.
 */
export function unrolledRows(dialect: "sqlite" | "postgres"): RawBuilder<unknown> {
  return dialect === "postgres" ? POSTGRES : SQLITE;
}

/** The unary plus keeps SQLite from reading all rows of a time or an owner where the few newest are meant. */
export function unindexed(dialect: "sqlite" | "postgres", column: string): RawBuilder<unknown> {
  return dialect === "postgres" ? sql.ref(column) : sql.raw(`+${column}`);
}
