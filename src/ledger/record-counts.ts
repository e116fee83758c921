import { sql } from "kysely";
import type { Database } from "../store/database.ts";
import { unindexed, unrolledRows } from "../store/unrolled.ts";
import { type Condition, conditionsOf, type RecordFilter, whereAll } from "./record-filter.ts";
import { DAY_MS, type Dimension, HOUR_MS } from "./rollup-statements.ts";
import type { SpendColumn } from "./spend-row.ts";

/** Hours with requests, oldest first: the sums, and the rows that no sum has yet. */
export async function requestsByHour(
  database: Database,
  from: number,
  to: number,
): Promise<readonly (readonly [hour: number, requests: number])[]> {
  const { dialect } = database;
  const behind = unindexed(dialect, "started_at");
  const { rows } = await sql<{ hour: number; requests: number }>`
    SELECT hour, sum(requests) AS requests FROM (
      SELECT period AS hour, requests FROM rollup_hour
        WHERE dimension = 'model' AND period >= ${from} AND period < ${to}
      UNION ALL
      SELECT started_at - started_at % ${sql.lit(HOUR_MS)}, 1 FROM ${unrolledRows(dialect)}
        AND ${behind} >= ${from} AND ${behind} < ${to}
      UNION ALL
      SELECT started_at - started_at % ${sql.lit(HOUR_MS)}, -1 FROM spend_replaced
        WHERE started_at >= ${from} AND started_at < ${to}
    ) AS parts GROUP BY hour ORDER BY hour`.execute(database.kysely);
  return rows.map(({ hour, requests }) => [hour, Number(requests)]);
}

/** Filters whose rows are sums of their own, with their dimension and the column. */
const OWNERS = [
  ["keyHash", "key", "key_hash"],
  ["userId", "user", "user_id"],
  ["teamId", "team", "team_id"],
  ["organizationId", "organization", "organization_id"],
  ["endUser", "customer", "end_user"],
  ["model", "model", "model"],
] as const satisfies readonly (readonly [keyof RecordFilter, Dimension, SpendColumn])[];

/** Rows of one entity lie in one sum per day and combination; so many days are looked up one by one. */
const MOST_DAYS = 400;

/**
 * How many rows there are. Where only a time is given, or beside it one key, user, team, organisation, customer or model,
 * whole hours or days are taken from the rollups, so that millions of rows are not counted one by one.
 */
export async function countRecords(database: Database, filter: RecordFilter): Promise<number> {
  const { from, to, ...others } = filter;
  const kept = await keptFrom(database);
  const first = Math.max(from ?? kept, kept);
  const last = to ?? Number.MAX_SAFE_INTEGER;
  const names = Object.keys(others);
  if (names.length === 0) return countSummed(database, first, last, HOUR_MS, sql`dimension = 'model'`, undefined);
  const owner = OWNERS.find(([name]) => name === names[0]);
  if (owner === undefined || names.length > 1 || last - first > MOST_DAYS * DAY_MS) {
    return countRows(database, conditionsOf({ ...filter, from: first }));
  }
  const [name, dimension, column] = owner;
  const entity = filter[name] as string;
  return countSummed(database, first, last, DAY_MS, sql`dimension = ${dimension} AND entity = ${entity}`, {
    column,
    entity,
  });
}

/** Whole periods from their sums; what lies before and behind them, and what no sum has yet, row by row. */
async function countSummed(
  database: Database,
  first: number,
  last: number,
  periodMs: typeof HOUR_MS | typeof DAY_MS,
  ofSums: Condition,
  owner: { readonly column: SpendColumn; readonly entity: string } | undefined,
): Promise<number> {
  const begin = Math.ceil(first / periodMs) * periodMs;
  const end = Math.floor(last / periodMs) * periodMs;
  const own = owner === undefined ? sql`` : sql`AND ${sql.ref(owner.column)} = ${owner.entity}`;
  // An empty time is not asked for: PostgreSQL would still plan for the days around it.
  const within = (from: number, to: number): Condition =>
    from >= to ? sql`0` : sql`(SELECT count(*) FROM spend WHERE started_at >= ${from} AND started_at < ${to} ${own})`;
  if (begin >= end)
    return (await sql<{ n: number }>`SELECT ${within(first, last)} AS n`.execute(database.kysely)).rows[0]?.n ?? 0;
  // One by one, since the sums of one entity lie together within a day only.
  const periods =
    owner === undefined
      ? sql`period >= ${begin} AND period < ${end}`
      : sql`period IN (${sql.join(Array.from({ length: (end - begin) / periodMs }, (_, at) => begin + at * periodMs))})`;
  const { dialect } = database;
  const behind = unindexed(dialect, "started_at");
  const ownBehind = owner === undefined ? sql`` : sql`AND ${unindexed(dialect, owner.column)} = ${owner.entity}`;
  const { rows } = await sql<{ n: number }>`
    SELECT coalesce((SELECT sum(requests) FROM ${sql.table(periodMs === HOUR_MS ? "rollup_hour" : "rollup_day")}
        WHERE ${ofSums} AND ${periods}), 0)
      + (SELECT count(*) FROM ${unrolledRows(dialect)} AND ${behind} >= ${begin} AND ${behind} < ${end} ${ownBehind})
      - (SELECT count(*) FROM spend_replaced WHERE started_at >= ${begin} AND started_at < ${end} ${own})
      + ${within(first, begin)} + ${within(end, last)} AS n
  `.execute(database.kysely);
  return Number(rows[0]?.n ?? 0);
}

/** How many rows hold, one by one. */
export async function countRows(database: Database, conditions: readonly Condition[]): Promise<number> {
  const { rows } = await sql<{ n: number }>`SELECT count(*) AS n FROM spend ${whereAll(conditions)}`.execute(
    database.kysely,
  );
  return rows[0]?.n ?? 0;
}

/** Rows that began earlier may have been deleted because of their age. */
export async function keptFrom(database: Database): Promise<number> {
  const row = await database.kysely
    .selectFrom("retention")
    .select("kept_from")
    .where("what", "=", "spend")
    .executeTakeFirst();
  return row?.kept_from ?? Number.MIN_SAFE_INTEGER;
}
