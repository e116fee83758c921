import { sql } from "kysely";
import type { Connection } from "./object-table.ts";

/** Whose spend is ranked. */
export type RankedDimension = "key" | "user" | "team";

interface Ranked {
  readonly table: string;
  readonly key: string;
  readonly dimension: RankedDimension;
}

interface Asked {
  readonly descending: boolean;
  readonly limit: number;
  readonly offset: number;
}

/**
 * A page of all rows of a table in the order of what they spent. Those who spent are found by their rank; the others, who
 * are far more and all alike, by their key.
 */
export async function pageBySpend(
  connection: Connection,
  ranked: Ranked,
  asked: Asked,
): Promise<readonly Record<string, unknown>[]> {
  const parts = asked.descending ? (["above", "none", "below"] as const) : (["below", "none", "above"] as const);
  const rows: Record<string, unknown>[] = [];
  let { offset } = asked;
  for (const part of parts) {
    const limit = asked.limit - rows.length;
    if (limit === 0) break;
    const found = await rowsOf(connection, ranked, part, { ...asked, limit, offset });
    rows.push(...found);
    // What begins in this part goes on in the next at its first row; what begins behind it, so many rows later.
    offset = found.length > 0 || offset === 0 ? 0 : Math.max(offset - (await countOf(connection, ranked, part)), 0);
  }
  return rows;
}

/** More than nothing, nothing, or less (of who was reset before the sums came in). */
type Part = "above" | "none" | "below";

async function rowsOf(
  connection: Connection,
  ranked: Ranked,
  part: Part,
  { descending, limit, offset }: Asked,
): Promise<readonly Record<string, unknown>[]> {
  const direction = descending ? sql`DESC` : sql`ASC`;
  const key = sql.ref(`holders.${ranked.key}`);
  const order =
    part === "none" ? sql`${key} ${direction}` : sql`ranks.spend_nano ${direction}, ranks.entity ${direction}`;
  const { rows } = await sql<Record<string, unknown>>`
    SELECT holders.* ${from(ranked, part)} ORDER BY ${order} LIMIT ${limit} OFFSET ${offset}`.execute(connection);
  return rows;
}

async function countOf(connection: Connection, ranked: Ranked, part: Part): Promise<number> {
  const { rows } = await sql<{ n: number }>`SELECT count(*) AS n ${from(ranked, part)}`.execute(connection);
  return Number(rows[0]?.n ?? 0);
}

function from({ table, key, dimension }: Ranked, part: Part): ReturnType<typeof sql> {
  const ofHolder = sql`ranks.dimension = ${dimension} AND ranks.entity = ${sql.ref(`holders.${key}`)}`;
  if (part === "none") {
    return sql`FROM ${sql.table(table)} AS holders
      WHERE NOT EXISTS (SELECT 1 FROM spend_rank AS ranks WHERE ${ofHolder} AND ranks.spend_nano <> 0)`;
  }
  const sign = part === "above" ? sql`>` : sql`<`;
  // CROSS JOIN: SQLite then reads the ranks in their order and looks the holders up.
  return sql`FROM spend_rank AS ranks CROSS JOIN ${sql.table(table)} AS holders
    WHERE ${ofHolder} AND ranks.spend_nano ${sign} 0`;
}
