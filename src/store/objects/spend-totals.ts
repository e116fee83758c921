import { sql } from "kysely";
import { unindexed, unrolledRows } from "../unrolled.ts";
import { type Connection, dialectOf } from "./object-table.ts";

/** What the ledger adds up. */
export type SpendDimension = "key" | "user" | "team" | "organization" | "customer" | "tag";

const COLUMNS: Readonly<Record<Exclude<SpendDimension, "tag">, string>> = {
  key: "key_hash",
  user: "user_id",
  team: "team_id",
  organization: "organization_id",
  customer: "end_user",
};

const CHUNK = 500;
const DAY_MS = 86_400_000;

/** Nano-dollars of model groups since the day (UTC) of a moment: the rollups, and the rows that no rollup has yet. */
export async function modelGroupSpend(
  connection: Connection,
  models: readonly string[],
  since: number,
): Promise<bigint> {
  if (models.length === 0) return 0n;
  const day = since - (since % DAY_MS);
  const names = sql.join([...models]);
  const dialect = dialectOf(connection);
  const { rows } = await sql<{ cost: bigint | number | null }>`
    SELECT sum(cost_nano) AS cost FROM (
      SELECT cost_nano FROM rollup_day
        WHERE dimension = 'model' AND period >= ${day} AND model_group IN (${names})
      UNION ALL
      SELECT cost_nano FROM ${unrolledRows(dialect)}
        AND ${unindexed(dialect, "started_at")} >= ${day} AND model_group IN (${names})
      UNION ALL
      SELECT -cost_nano FROM spend_replaced WHERE started_at >= ${day} AND model_group IN (${names})
    ) AS parts`.execute(connection);
  return BigInt(rows[0]?.cost ?? 0);
}

/**
 * Nano-dollars per entity since the beginning: the rollups, and the rows that no rollup has yet, so nothing is late.
 * Entities that never spent are absent. Tags lag by what no rollup has yet, at most some seconds.
 */
export async function spendTotals(
  connection: Connection,
  dimension: SpendDimension,
  entities: readonly string[],
): Promise<ReadonlyMap<string, bigint>> {
  const totals = new Map<string, bigint>();
  const distinct = [...new Set(entities)];
  const dialect = dialectOf(connection);
  for (let at = 0; at < distinct.length; at += CHUNK) {
    const chunk = distinct.slice(at, at + CHUNK);
    const column = dimension === "tag" ? undefined : unindexed(dialect, COLUMNS[dimension]);
    // One statement, so that sums and rows are of one moment: between two a rollup would hide what it adds up.
    const { rows } = await sql<{ entity: string; cost_nano: bigint }>`
      SELECT entity, sum(cost_nano) AS cost_nano FROM (
        SELECT entity, cost_nano FROM rollup_total WHERE dimension = ${dimension}
        ${
          column === undefined
            ? sql``
            : sql`UNION ALL
        SELECT ${column} AS entity, cost_nano FROM ${unrolledRows(dialect)}
        UNION ALL
        SELECT ${column} AS entity, -cost_nano FROM spend_replaced`
        }
      ) AS parts
      WHERE entity IN (${sql.join(chunk)})
      GROUP BY entity`.execute(connection);
    for (const row of rows) totals.set(row.entity, BigInt(row.cost_nano));
  }
  return totals;
}
