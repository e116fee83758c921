import { type RawBuilder, sql } from "kysely";
import type { Database } from "../store/database.ts";
import { DAY_MS, type Dimension, MEASURE_NAMES } from "./rollup-statements.ts";

/** What rollups add up, of one key, model, day … Money is nano-dollars. */
export interface Sums {
  readonly requests: number;
  readonly successes: number;
  readonly cacheHits: number;
  readonly cost: bigint;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly totalTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
}

export type UsageColumn = "period" | "entity" | "key_hash" | "call_type" | "model_group" | "model" | "provider";

export interface UsageQuery<C extends UsageColumn> {
  /** Whose rows: those of `key` are all rows, told apart by key; those of `model` are all rows in few sums. */
  readonly dimension: Dimension;
  /** Start of the first and of the last day (UTC), inclusive, milliseconds since the epoch. */
  readonly firstDay: number;
  readonly lastDay: number;
  /**
   * How far the clock whose midnights make the days is ahead of UTC, in milliseconds; default 0. Days are then summed of
   * hours (UTC), so zones of half hours are exact to the hour.
   */
  readonly utcOffset?: number;
  /** Only these keys, users, teams …; in any case all others are left out. */
  readonly entities?: readonly string[];
  readonly exceptEntities?: readonly string[];
  readonly keyHash?: string;
  readonly model?: string;
  readonly modelGroup?: string;
  /** What the sums are told apart by. */
  readonly by: readonly C[];
  /** Most expensive first, at most so many. Without it all, in no order. */
  readonly top?: number;
}

export type UsageRow<C extends UsageColumn> = Sums & {
  readonly [K in C]: K extends "period" ? number : string;
};

/** More days are found by their range instead of one by one. */
const LISTED_DAYS = 400;

/** Sums of the daily rollups; they lag by some seconds. */
export async function usageBy<C extends UsageColumn>(database: Database, query: UsageQuery<C>): Promise<UsageRow<C>[]> {
  const conditions: RawBuilder<unknown>[] = [sql`dimension = ${query.dimension}`, daysOf(query)];
  const { entities, exceptEntities, keyHash, model, modelGroup } = query;
  if (entities !== undefined) {
    if (entities.length === 0) return [];
    conditions.push(sql`entity IN (${sql.join([...entities])})`);
  }
  if (exceptEntities !== undefined && exceptEntities.length > 0) {
    conditions.push(sql`entity NOT IN (${sql.join([...exceptEntities])})`);
  }
  if (keyHash !== undefined) conditions.push(sql`key_hash = ${keyHash}`);
  if (model !== undefined) conditions.push(sql`model = ${model}`);
  if (modelGroup !== undefined) conditions.push(sql`model_group = ${modelGroup}`);
  const group = query.by.length === 0 ? sql`` : sql`GROUP BY ${sql.join(query.by.map((one) => columnOf(one, query)))}`;
  const selected = query.by.map((column) => sql`${columnOf(column, query)} AS ${sql.ref(column)}`);
  const select = query.by.length === 0 ? sql`` : sql`${sql.join(selected)},`;
  const table = sql.table((query.utcOffset ?? 0) === 0 ? "rollup_day" : "rollup_hour");
  const order =
    query.top === undefined ? sql`` : sql`ORDER BY sum(cost_nano) DESC, sum(requests) DESC LIMIT ${query.top}`;
  const { rows } = await sql<Record<string, number | bigint | string>>`
    SELECT ${select} ${sql.raw(MEASURE_NAMES.map((name) => `coalesce(sum(${name}), 0) AS ${name}`).join(", "))}
    FROM ${table} WHERE ${sql.join(conditions, sql` AND `)} ${group} ${order}`.execute(database.kysely);
  return rows.map((row) => ({ ...pick(row, query.by), ...sumsOf(row) }) as UsageRow<C>);
}

/** Totals since the beginning, most expensive first. */
export async function totals(
  database: Database,
  dimension: Dimension,
  filter: { readonly entities?: readonly string[]; readonly top?: number } = {},
): Promise<(Sums & { readonly entity: string })[]> {
  const { entities, top } = filter;
  if (entities?.length === 0) return [];
  const { rows } = await sql<Record<string, number | bigint | string>>`
    SELECT * FROM rollup_total WHERE dimension = ${dimension}
    ${entities === undefined ? sql`` : sql`AND entity IN (${sql.join([...entities])})`}
    ORDER BY cost_nano DESC, entity ${top === undefined ? sql`` : sql`LIMIT ${top}`}`.execute(database.kysely);
  return rows.map((row) => ({ entity: String(row.entity), ...sumsOf(row) }));
}

/** Names of all that ever spent, in their order, at most `limit`. */
export async function entitiesOf(database: Database, dimension: Dimension, limit: number): Promise<string[]> {
  const rows = await database.kysely
    .selectFrom("rollup_total")
    .select("entity")
    .where("dimension", "=", dimension)
    .orderBy("entity")
    .limit(limit)
    .execute();
  return rows.map((row) => row.entity);
}

/** The sum of sums. */
export function addSums(rows: readonly Sums[]): Sums {
  const total = { ...NOTHING };
  for (const row of rows) {
    total.requests += row.requests;
    total.successes += row.successes;
    total.cacheHits += row.cacheHits;
    total.cost += row.cost;
    total.promptTokens += row.promptTokens;
    total.completionTokens += row.completionTokens;
    total.totalTokens += row.totalTokens;
    total.cacheReadTokens += row.cacheReadTokens;
    total.cacheWriteTokens += row.cacheWriteTokens;
  }
  return total;
}

const NOTHING = {
  requests: 0,
  successes: 0,
  cacheHits: 0,
  cost: 0n,
  promptTokens: 0,
  completionTokens: 0,
  totalTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
};

/** One by one, so that an entity's rows of each day are found by the index, whose order is day before entity. */
function daysOf({ firstDay, lastDay, entities, utcOffset = 0 }: UsageQuery<UsageColumn>): RawBuilder<unknown> {
  if (utcOffset !== 0) return sql`period >= ${firstDay - utcOffset} AND period < ${lastDay + DAY_MS - utcOffset}`;
  const count = (lastDay - firstDay) / DAY_MS + 1;
  if (entities === undefined || count > LISTED_DAYS) return sql`period BETWEEN ${firstDay} AND ${lastDay}`;
  const days = Array.from({ length: Math.max(count, 0) }, (_, index) => firstDay + index * DAY_MS);
  return days.length === 0 ? sql`1 = 0` : sql`period IN (${sql.join(days)})`;
}

/** With a zone of its own, the day that an hour belongs to there. */
function columnOf(column: UsageColumn, { utcOffset = 0 }: UsageQuery<UsageColumn>): RawBuilder<unknown> {
  if (column !== "period" || utcOffset === 0) return sql.ref(column);
  return sql.raw(`(period + (${Math.trunc(utcOffset)})) - (period + (${Math.trunc(utcOffset)})) % ${DAY_MS}`);
}

function pick(row: Record<string, number | bigint | string>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, row[name]]));
}

function sumsOf(row: Record<string, number | bigint | string>): Sums {
  const number = (name: string) => Number(row[name]);
  return {
    requests: number("requests"),
    successes: number("successes"),
    cacheHits: number("cache_hits"),
    cost: BigInt(row.cost_nano as bigint),
    promptTokens: number("prompt_tokens"),
    completionTokens: number("completion_tokens"),
    totalTokens: number("total_tokens"),
    cacheReadTokens: number("cache_read_tokens"),
    cacheWriteTokens: number("cache_write_tokens"),
  };
}
