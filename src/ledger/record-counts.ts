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
  if (names.length === 0) {
    const begin = Math.ceil(first / HOUR_MS) * HOUR_MS;
    const end = Math.floor(last / HOUR_MS) * HOUR_MS;
    return countSummed(database, { first, begin, end, last }, requestsOfAll(begin, end));
  }
  const owner = OWNERS.find(([name]) => name === names[0]);
  if (owner === undefined || names.length > 1 || last - first > MOST_DAYS * DAY_MS) {
    return countRows(database, conditionsOf({ ...filter, from: first }));
  }
  const [name, dimension, column] = owner;
  const entity = filter[name] as string;
  const begin = Math.ceil(first / DAY_MS) * DAY_MS;
  const end = Math.floor(last / DAY_MS) * DAY_MS;
  // One by one, since the sums of one entity lie together within a day only.
  const days = Array.from({ length: Math.max(end - begin, 0) / DAY_MS }, (_, at) => begin + at * DAY_MS);
  const requests =
    days.length === 0
      ? NONE
      : sql`(SELECT coalesce(sum(requests), 0) FROM rollup_day
          WHERE dimension = ${dimension} AND entity = ${entity} AND period IN (${sql.join(days)}))`;
  return countSummed(database, { first, begin, end, last }, requests, { column, entity });
}

const NONE: Condition = sql`0`;

/** Requests of whole hours: by the sums of days, which are few, and before and behind these of hours. */
function requestsOfAll(begin: number, end: number): Condition {
  const sum = (table: "rollup_hour" | "rollup_day", from: number, to: number): Condition =>
    from >= to
      ? NONE
      : sql`(SELECT coalesce(sum(requests), 0) FROM ${sql.table(table)}
          WHERE dimension = 'model' AND period >= ${from} AND period < ${to})`;
  const firstDay = Math.ceil(begin / DAY_MS) * DAY_MS;
  const lastDay = Math.floor(end / DAY_MS) * DAY_MS;
  if (firstDay >= lastDay) return sum("rollup_hour", begin, end);
  const parts = [
    sum("rollup_hour", begin, firstDay),
    sum("rollup_day", firstDay, lastDay),
    sum("rollup_hour", lastDay, end),
  ];
  return sql.join(parts, sql` + `);
}

/** Of a time the part from `begin` to `end` has sums; what lies before and behind it is counted row by row. */
interface SummedTime {
  readonly first: number;
  readonly begin: number;
  readonly end: number;
  readonly last: number;
}

/** `requests` of whole periods; the rest, and what no sum has yet, row by row. */
async function countSummed(
  database: Database,
  { first, begin, end, last }: SummedTime,
  requests: Condition,
  owner?: { readonly column: SpendColumn; readonly entity: string },
): Promise<number> {
  const own = owner === undefined ? sql`` : sql`AND ${sql.ref(owner.column)} = ${owner.entity}`;
  // An empty time is not asked for: PostgreSQL would still plan for the days around it.
  const within = (from: number, to: number): Condition =>
    from >= to ? NONE : sql`(SELECT count(*) FROM spend WHERE started_at >= ${from} AND started_at < ${to} ${own})`;
  const { dialect } = database;
  const behind = unindexed(dialect, "started_at");
  const ownBehind = owner === undefined ? sql`` : sql`AND ${unindexed(dialect, owner.column)} = ${owner.entity}`;
  const counted =
    begin >= end
      ? within(first, last)
      : sql`${requests}
      + (SELECT count(*) FROM ${unrolledRows(dialect)} AND ${behind} >= ${begin} AND ${behind} < ${end} ${ownBehind})
      - (SELECT count(*) FROM spend_replaced WHERE started_at >= ${begin} AND started_at < ${end} ${own})
      + ${within(first, begin)} + ${within(end, last)}`;
  const { rows } = await sql<{ n: number }>`SELECT ${counted} AS n`.execute(database.kysely);
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
