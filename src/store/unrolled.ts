import { type RawBuilder, sql } from "kysely";

const SQLITE = sql.raw("spend WHERE seq > (SELECT seq FROM watermark WHERE consumer = 'rollup')");
const POSTGRES = sql.raw("spend_unrolled WHERE true");

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
