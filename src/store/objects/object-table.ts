import { type Kysely, PostgresAdapter, sql } from "kysely";
import type { Schema } from "../schema.ts";
import { PagePlaces, type Place } from "./page-places.ts";
import { pageBySpend, type RankedDimension } from "./spend-order.ts";
import type { ObjectTables } from "./tables.ts";

export type SqlValue = string | number | bigint | null;

/** The database or a transaction on it. */
export type Connection = Kysely<Schema>;

/** Values per `IN (…)`: SQLite takes 32,766 parameters, and long lists would fill its cache of statements. */
const CHUNK = 500;

type Sql = ReturnType<typeof sql>;

export type Condition =
  | { readonly column: string; readonly is: SqlValue }
  /** Null counts as different from every value. */
  | { readonly column: string; readonly isNot: string }
  | { readonly column: string; readonly in: readonly SqlValue[] }
  /** Case does not count; `%` and `_` mean themselves. */
  | { readonly column: string; readonly contains: string }
  | { readonly column: string; readonly atLeast: number }
  | { readonly column: string; readonly below: number }
  | { readonly any: readonly Condition[] };

export interface PageQuery {
  /** All must hold. */
  readonly where: readonly Condition[];
  /** A column, or what the ledger says of the rows. */
  readonly orderBy: string | { readonly spendOf: RankedDimension };
  readonly descending: boolean;
  readonly limit: number;
  readonly offset: number;
}

export interface Page<Row> {
  readonly rows: readonly Row[];
  /** How many there are on all pages. */
  readonly total: number;
}

// One shape for all tables: column names come from this program alone, never from a request.
type Loose = Kysely<{ object: Record<string, SqlValue> }>;

/** The queries that every table of objects needs. Rows are found by one column. */
export class ObjectTable<
  Name extends keyof ObjectTables,
  Row = { readonly [C in keyof ObjectTables[Name]]: ObjectTables[Name][C] },
> {
  readonly #name: "object";
  readonly #key: string;

  constructor(name: Name, key: keyof ObjectTables[Name] & string) {
    this.#name = name as "object";
    this.#key = key;
  }

  async find(connection: Connection, id: string): Promise<Row | undefined> {
    const row = await loose(connection).selectFrom(this.#name).selectAll().where(this.#key, "=", id).executeTakeFirst();
    return row as Row | undefined;
  }

  /** The row, locked until the transaction ends: what is then written cannot overwrite what another wrote meanwhile. */
  async lock(transaction: Connection, id: string): Promise<Row | undefined> {
    // SQLite's transactions begin as the only writer; PostgreSQL has to be asked.
    let query = loose(transaction).selectFrom(this.#name).selectAll().where(this.#key, "=", id);
    if (isPostgres(transaction)) query = query.forUpdate();
    return (await query.executeTakeFirst()) as Row | undefined;
  }

  /** Rows whose `column` (default: the key) is one of the values, in no particular order. */
  async findMany(connection: Connection, values: readonly string[], column = this.#key): Promise<Row[]> {
    const rows: Row[] = [];
    const distinct = [...new Set(values)];
    for (let at = 0; at < distinct.length; at += CHUNK) {
      const chunk = distinct.slice(at, at + CHUNK);
      const found = await loose(connection).selectFrom(this.#name).selectAll().where(column, "in", chunk).execute();
      rows.push(...(found as Row[]));
    }
    return rows;
  }

  async all(connection: Connection, orderBy = this.#key): Promise<Row[]> {
    return (await loose(connection).selectFrom(this.#name).selectAll().orderBy(orderBy).execute()) as Row[];
  }

  async page(connection: Connection, query: PageQuery): Promise<Page<Row>> {
    const { orderBy } = query;
    const where = query.where.length === 0 ? sql`1 = 1` : sql.join(query.where.map(conditionSql), sql` AND `);
    const newest = await newestChange(connection);
    const list = `${newest} ${this.#name} ${JSON.stringify(query.where)}`;
    const total = await this.#count(connection, where, list);
    if (typeof orderBy !== "string") {
      const { spendOf } = orderBy;
      const rows =
        query.where.length === 0
          ? await pageBySpend(connection, { table: this.#name, key: this.#key, dimension: spendOf }, query)
          : await this.#rows(connection, where, this.#spend(spendOf), query);
      return { rows: rows as Row[], total };
    }
    const place = NEVER_NULL.has(orderBy)
      ? await this.#placeBefore(connection, where, `${list} ${orderBy} ${query.descending}`, query)
      : undefined;
    const rows =
      place === undefined
        ? await this.#rows(connection, where, sql.ref(orderBy), query)
        : await this.#rows(connection, sql`${where} AND ${this.#behind(place, query)}`, sql.ref(orderBy), {
            ...query,
            offset: query.offset - place.offset,
          });
    return { rows: rows as Row[], total };
  }

  async #rows(
    connection: Connection,
    where: Sql,
    order: Sql,
    { descending, limit, offset }: PageQuery,
  ): Promise<readonly unknown[]> {
    const direction = descending ? sql`DESC` : sql`ASC`;
    const { rows } = await sql<Record<string, SqlValue>>`
      SELECT * FROM ${sql.table(this.#name)} WHERE ${where}
      ORDER BY ${order} ${direction}, ${sql.ref(this.#key)} ${direction} LIMIT ${limit} OFFSET ${offset}`.execute(
      connection,
    );
    return rows;
  }

  #placeBefore(connection: Connection, where: Sql, list: string, query: PageQuery): Promise<Place | undefined> {
    const order = sql.ref(String(query.orderBy));
    const direction = query.descending ? sql`DESC` : sql`ASC`;
    const key = sql.ref(this.#key);
    return remembered(connection).places.before(list, query.offset, async (from, rows) => {
      const behind = from === undefined ? sql`1 = 1` : this.#behind(from, query);
      const found = await sql<{ value: SqlValue; key: string }>`
        SELECT ${order} AS value, ${key} AS key FROM ${sql.table(this.#name)} WHERE ${where} AND ${behind}
        ORDER BY ${order} ${direction}, ${key} ${direction} LIMIT 1 OFFSET ${rows - 1}`.execute(connection);
      return found.rows[0];
    });
  }

  #behind({ value, key }: Place, { orderBy, descending }: PageQuery): Sql {
    const sign = descending ? sql`<` : sql`>`;
    return sql`(${sql.ref(String(orderBy))}, ${sql.ref(this.#key)}) ${sign} (${value}, ${key})`;
  }

  /**
   * How many rows hold. Every change of objects is in the audit log, so a count is the same until the next one, and
   * paging through millions counts them once. On PostgreSQL a change may become visible after a later one: some seconds
   * bound how long that goes unseen.
   */
  async #count(connection: Connection, where: Sql, list: string): Promise<number> {
    const { counts } = remembered(connection);
    const counted = counts.get(list);
    const now = performance.now();
    if (counted !== undefined && now - counted.at < LATE_MS) return counted.total;
    const { rows } = await sql<{ total: number }>`
      SELECT count(*) AS total FROM ${sql.table(this.#name)} WHERE ${where}`.execute(connection);
    const total = Number(rows[0]?.total ?? 0);
    if (counts.size >= COUNTS_KEPT) counts.clear();
    counts.set(list, { total, at: now });
    return total;
  }

  /** How many rows have each of the values in a column; values without rows are absent. */
  async countBy(
    connection: Connection,
    column: string,
    values: readonly string[],
  ): Promise<ReadonlyMap<string, number>> {
    if (values.length === 0) return new Map();
    const { rows } = await sql<{ value: string; total: number }>`
      SELECT ${sql.ref(column)} AS value, count(*) AS total FROM ${sql.table(this.#name)}
      WHERE ${sql.ref(column)} IN (${sql.join(values)}) GROUP BY ${sql.ref(column)}`.execute(connection);
    return new Map(rows.map((row) => [row.value, Number(row.total)]));
  }

  #spend(dimension: RankedDimension): Sql {
    return sql`spend_offset_nano + coalesce((SELECT cost_nano FROM rollup_total
      WHERE dimension = ${dimension} AND entity = ${sql.ref(this.#key)}), 0)`;
  }

  async insert(connection: Connection, row: Row): Promise<void> {
    await loose(connection)
      .insertInto(this.#name)
      .values(row as Record<string, SqlValue>)
      .execute();
  }

  /** Returns whether there was such a row. */
  async update(connection: Connection, id: string, patch: Partial<Row>): Promise<boolean> {
    const values = patch as Record<string, SqlValue>;
    if (Object.keys(values).length === 0) return true;
    const { numUpdatedRows } = await loose(connection)
      .updateTable(this.#name)
      .set(values)
      .where(this.#key, "=", id)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  /** Deletes rows whose `column` (default: the key) is one of the values. */
  async delete(connection: Connection, values: readonly string[], column = this.#key): Promise<void> {
    for (let at = 0; at < values.length; at += CHUNK) {
      await loose(connection)
        .deleteFrom(this.#name)
        .where(column, "in", values.slice(at, at + CHUNK))
        .execute();
    }
  }
}

interface Counted {
  readonly total: number;
  /** By the clock of `performance`. */
  readonly at: number;
}

/** On PostgreSQL a change may become visible after a later one; so long that may go unseen. */
const LATE_MS = 10_000;
/** What is known of lists, by the newest change at that time, their table and their conditions. */
interface Remembered {
  readonly counts: Map<string, Counted>;
  readonly places: PagePlaces;
}

const COUNTS_KEPT = 100;
const rememberedOf = new WeakMap<Connection, Remembered>();

function remembered(connection: Connection): Remembered {
  const known = rememberedOf.get(connection) ?? {
    counts: new Map(),
    places: new PagePlaces(isPostgres(connection) ? LATE_MS : Number.POSITIVE_INFINITY),
  };
  rememberedOf.set(connection, known);
  return known;
}

/** Columns whose places can be compared: a row is before or behind every other one. */
const NEVER_NULL: ReadonlySet<string> = new Set(["created_at", "updated_at", "token", "user_id", "team_id"]);

/** The number of the newest change of objects; 0 when there is none. */
export async function newestChange(connection: Connection): Promise<number> {
  const row = await connection.selectFrom("audit_log").select("seq").orderBy("seq", "desc").limit(1).executeTakeFirst();
  return row?.seq ?? 0;
}

function loose(connection: Connection): Loose {
  return connection as unknown as Loose;
}

export function dialectOf(connection: Connection): "sqlite" | "postgres" {
  return isPostgres(connection) ? "postgres" : "sqlite";
}

/** Whether the connection speaks PostgreSQL's dialect. */
export function isPostgres(connection: Connection): boolean {
  return connection.getExecutor().adapter instanceof PostgresAdapter;
}

function conditionSql(condition: Condition): ReturnType<typeof sql> {
  if ("any" in condition) {
    return condition.any.length === 0 ? sql`1 = 0` : sql`(${sql.join(condition.any.map(conditionSql), sql` OR `)})`;
  }
  const column = sql.ref(condition.column);
  if ("in" in condition) return condition.in.length === 0 ? sql`1 = 0` : sql`${column} IN (${sql.join(condition.in)})`;
  if ("contains" in condition) {
    const text = condition.contains.toLowerCase().replace(/[\\%_]/g, "\\$&");
    return sql`lower(${column}) LIKE ${`%${text}%`} ESCAPE '\\'`;
  }
  if ("isNot" in condition) return sql`(${column} IS NULL OR ${column} <> ${condition.isNot})`;
  if ("atLeast" in condition) return sql`${column} >= ${condition.atLeast}`;
  if ("below" in condition) return sql`${column} < ${condition.below}`;
  return condition.is === null ? sql`${column} IS NULL` : sql`${column} = ${condition.is}`;
}
