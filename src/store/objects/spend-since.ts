import { sql } from "kysely";
import { unindexed, unrolledRows } from "../unrolled.ts";
import { type Connection, dialectOf } from "./object-table.ts";

const HOUR_MS = 3_600_000;

/** Whose spend is meant; `proxy` is everybody's. */
export type SpendOwner = "proxy" | "provider" | "deployment" | "customer" | "tag";

const COLUMNS = { provider: "provider", customer: "end_user", deployment: "deployment_id" } as const;

/**
 * Nano-dollars since a moment: whole hours by the rollups, the rest by the rows. Tags lag by what no rollup has yet, at
 * most some seconds; deployments have no rollup and are added up row by row.
 */
export async function spendSince(
  connection: Connection,
  of: SpendOwner,
  entity: string,
  since: number,
): Promise<bigint> {
  const rows = of === "proxy" || of === "tag" ? sql`1 = 1` : sql`${sql.ref(COLUMNS[of])} = ${entity}`;
  if (of === "deployment") {
    return costOf(connection, sql`SELECT cost_nano FROM spend WHERE started_at >= ${since} AND ${rows}`);
  }
  const hour = Math.ceil(since / HOUR_MS) * HOUR_MS;
  const dialect = dialectOf(connection);
  const dimension = of === "proxy" ? "provider" : of;
  const rolledUp = sql`SELECT cost_nano FROM rollup_hour WHERE dimension = ${dimension} AND period >= ${hour}
    ${of === "proxy" ? sql`` : sql`AND entity = ${entity}`}`;
  if (of === "tag") return costOf(connection, rolledUp);
  return costOf(
    connection,
    sql`${rolledUp}
      UNION ALL
      SELECT cost_nano FROM ${unrolledRows(dialect)} AND ${unindexed(dialect, "started_at")} >= ${hour} AND ${rows}
      UNION ALL
      SELECT -cost_nano FROM spend_replaced WHERE started_at >= ${hour} AND ${rows}
      UNION ALL
      SELECT cost_nano FROM spend WHERE started_at >= ${since} AND started_at < ${hour} AND ${rows}`,
  );
}

async function costOf(connection: Connection, parts: ReturnType<typeof sql>): Promise<bigint> {
  const { rows } = await sql<{ cost: bigint | number | null }>`
    SELECT sum(cost_nano) AS cost FROM (${parts}) AS parts`.execute(connection);
  return BigInt(rows[0]?.cost ?? 0);
}
