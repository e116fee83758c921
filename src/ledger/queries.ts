import { sql } from "kysely";
import type { Database } from "../store/database.ts";
import type { SpendTable } from "../store/schema.ts";
import { unindexed, unrolledRows } from "../store/unrolled.ts";
import type { SpendRecord } from "./record.ts";
import { countRows, keptFrom, requestsByHour } from "./record-counts.ts";
import { conditionsOf, type RecordFilter, whereAll } from "./record-filter.ts";
import { DAY_MS, HOUR_MS } from "./rollup-statements.ts";
import { recordOf } from "./spend-row.ts";

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 10_000;

/** The record of a request by its id, or undefined. */
export async function findRecord(database: Database, id: string): Promise<SpendRecord | undefined> {
  const row = await database.kysely.selectFrom("spend").selectAll().where("id", "=", id).executeTakeFirst();
  return row === undefined ? undefined : recordOf(row);
}

/** Records by the gateway's id, or by the caller's own, which several requests may share; at most 100. */
export async function findRecords(database: Database, id: string): Promise<readonly SpendRecord[]> {
  const found = await findRecord(database, id);
  if (found !== undefined) return [found];
  const rows = await database.kysely
    .selectFrom("spend")
    .selectAll()
    .where("call_id", "=", id)
    .orderBy("started_at", "desc")
    .limit(100)
    .execute();
  return rows.map(recordOf);
}
export interface PageQuery extends RecordFilter {
  /** 1 to 10,000; default 50. */
  readonly limit?: number;
  /** `next` of the page before. */
  readonly after?: string;
}

export interface RecordPage {
  readonly records: readonly SpendRecord[];
  /** Absent on the last page. */
  readonly next?: string;
}

/**
 * Records, newest start first, a page at a time. A page is found by its place, so the last costs as much as the first.
 * Throws a RangeError when `after` is not a page's `next`.
 */
export async function listRecords(database: Database, query: PageQuery = {}): Promise<RecordPage> {
  const limit = Math.min(Math.max(Math.trunc(query.limit ?? DEFAULT_LIMIT), 1), MAX_LIMIT);
  const conditions = conditionsOf(query);
  if (query.after !== undefined) {
    const { startedAt, seq } = placeOf(query.after);
    conditions.push(sql`(started_at, seq) < (${startedAt}, ${seq})`);
  }
  const { rows } = await sql<SpendTable & { seq: number }>`
    SELECT * FROM spend ${whereAll(conditions)}
    ORDER BY started_at DESC, seq DESC LIMIT ${limit + 1}`.execute(database.kysely);
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    records: page.map(recordOf),
    ...(rows.length > limit && last !== undefined ? { next: `${last.started_at}.${last.seq}` } : {}),
  };
}

/** What rows may be sorted by, with the column or expression. */
export const SORT_COLUMNS = {
  startTime: "started_at",
  endTime: "ended_at",
  spend: "cost_nano",
  total_tokens: "total_tokens",
  request_duration_ms: "ended_at - started_at",
  model: "model",
  ttft_ms: "first_content_at - started_at",
} as const;

export interface NumberedPage {
  readonly sortBy: keyof typeof SORT_COLUMNS;
  readonly descending: boolean;
  readonly limit: number;
  readonly offset: number;
}

/**
 * Records by page number, for interfaces that jump to any page. By time and without other filters a far page costs about
 * as much as a near one; otherwise more.
 */
export async function recordsAt(
  database: Database,
  filter: RecordFilter,
  asked: NumberedPage,
): Promise<readonly SpendRecord[]> {
  const { from, to, ...others } = filter;
  if (asked.sortBy !== "startTime" || Object.keys(others).length > 0) return rowsAt(database, filter, asked);
  if (asked.offset < FAR_OFFSET) return nearRows(database, { from, to }, asked);
  const found = await hoursOfPage(database, { from, to }, asked);
  return rowsAt(database, found?.filter ?? filter, found === undefined ? asked : { ...asked, offset: found.offset });
}

/** From here on it pays to look for a page's hours first. */
const FAR_OFFSET = 10_000;

interface Times {
  readonly from: number | undefined;
  readonly to: number | undefined;
}

/** The newest rows mostly lie in the last three days: PostgreSQL then plans for their partitions instead of all. */
async function nearRows(database: Database, { from, to }: Times, asked: NumberedPage): Promise<readonly SpendRecord[]> {
  const all = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
  const end = Math.min(to ?? Number.MAX_SAFE_INTEGER, Date.now() + DAY_MS);
  if (!asked.descending || database.dialect === "sqlite" || end - (from ?? 0) <= NEAR_MS) {
    return rowsAt(database, all, asked);
  }
  const near = await rowsAt(database, { ...all, from: end - NEAR_MS }, asked);
  return near.length === asked.limit ? near : rowsAt(database, all, asked);
}

const NEAR_MS = 3 * DAY_MS;

/**
 * Where a page lies: the hours, by the sums per hour, and the rows in them before the page. Undefined behind the last page,
 * and where no whole hour is meant. Rows that come meanwhile may move a page by as many, as they always do.
 */
async function hoursOfPage(
  database: Database,
  { from, to }: Times,
  { offset, limit, descending }: NumberedPage,
): Promise<{ readonly filter: RecordFilter; readonly offset: number } | undefined> {
  const kept = await keptFrom(database);
  const first = Math.max(from ?? kept, kept);
  const last = Math.min(to ?? Number.MAX_SAFE_INTEGER, LAST_HOUR);
  // Parts of hours at either end are counted row by row.
  const parts = { front: Math.ceil(first / HOUR_MS) * HOUR_MS, back: Math.floor(last / HOUR_MS) * HOUR_MS };
  if (parts.front >= parts.back) return undefined;
  const hours = await requestsByHour(database, parts.front, parts.back);
  const countOf = async (begin: number, end: number) =>
    begin >= end ? 0 : countRows(database, conditionsOf({ from: begin, to: end }));
  const counted: readonly (readonly [from: number, to: number, requests: number])[] = [
    [first, parts.front, await countOf(first, parts.front)],
    ...hours.map(([hour, requests]) => [hour, hour + HOUR_MS, requests] as const),
    [parts.back, last, await countOf(parts.back, last)],
  ];
  let before = 0;
  let begun: { readonly from: number; readonly to: number; readonly offset: number } | undefined;
  for (const [begin, end, requests] of descending ? counted.toReversed() : counted) {
    if (begun === undefined && before + requests > offset) begun = { from: begin, to: end, offset: offset - before };
    before += requests;
    if (begun === undefined || before < offset + limit) continue;
    return {
      filter: descending ? { from: begin, to: begun.to } : { from: begun.from, to: end },
      offset: begun.offset,
    };
  }
  if (begun === undefined) return undefined;
  return {
    filter: descending ? { from: first, to: begun.to } : { from: begun.from, to: last },
    offset: begun.offset,
  };
}

/** No row begins later than year 9999. */
const LAST_HOUR = Date.UTC(10_000, 0, 1);

async function rowsAt(database: Database, filter: RecordFilter, page: NumberedPage): Promise<readonly SpendRecord[]> {
  const direction = sql.raw(page.descending ? "DESC" : "ASC");
  const { rows } = await sql<SpendTable & { seq: number }>`
    SELECT * FROM spend ${whereAll(conditionsOf(filter))}
    ORDER BY ${sql.raw(SORT_COLUMNS[page.sortBy])} ${direction}, seq ${direction}
    LIMIT ${page.limit} OFFSET ${page.offset}`.execute(database.kysely);
  return rows.map(recordOf);
}

/** The rows of one session, or a row without one. */
export interface SessionRows {
  /** The newest of them. */
  readonly record: SpendRecord;
  readonly requests: number;
  /** Nano-dollars. */
  readonly cost: bigint;
  readonly totalTokens: number;
  /** Where the next page goes on. */
  readonly cursor: string;
}

/** Sessions, newest first, each once; `after` is the cursor of the last that is known. */
export async function listSessions(
  database: Database,
  filter: RecordFilter,
  page: { readonly limit: number; readonly offset: number; readonly after?: string },
): Promise<{ readonly sessions: readonly SessionRows[]; readonly total: number }> {
  const where = whereAll(conditionsOf(filter));
  const after = page.after === undefined ? undefined : Number(page.after);
  if (after !== undefined && !Number.isSafeInteger(after)) throw new RangeError("this is no session's cursor");
  const groups = sql`SELECT max(seq) AS seq, count(*) AS requests, sum(cost_nano) AS cost_nano,
    sum(total_tokens) AS total_tokens FROM spend ${where} GROUP BY coalesce(session_id, id)`;
  const { rows } = await sql<{ seq: number; requests: number; cost_nano: bigint; total_tokens: number }>`
    SELECT * FROM (${groups}) AS sessions ${after === undefined ? sql`` : sql`WHERE seq < ${after}`}
    ORDER BY seq DESC LIMIT ${page.limit} OFFSET ${after === undefined ? page.offset : 0}`.execute(database.kysely);
  const counted = await sql<{ n: number }>`SELECT count(*) AS n FROM (${groups}) AS sessions`.execute(database.kysely);
  const newest =
    rows.length === 0
      ? new Map<number, SpendRecord>()
      : await recordsBySeq(
          database,
          rows.map((row) => row.seq),
        );
  return {
    sessions: rows.flatMap((row) => {
      const record = newest.get(row.seq);
      if (record === undefined) return [];
      const requests = Number(row.requests);
      return [
        {
          record,
          requests,
          cost: BigInt(row.cost_nano),
          totalTokens: Number(row.total_tokens),
          cursor: String(row.seq),
        },
      ];
    }),
    total: Number(counted.rows[0]?.n ?? 0),
  };
}

async function recordsBySeq(database: Database, seqs: readonly number[]): Promise<ReadonlyMap<number, SpendRecord>> {
  const rows = await database.kysely.selectFrom("spend").selectAll().where("seq", "in", seqs).execute();
  return new Map(rows.map((row) => [row.seq, recordOf(row)]));
}
/** What a key has spent, nano-dollars: its total up to the watermark and the rows behind it, so nothing is late. */
export async function spendOfKey(database: Database, keyHash: string): Promise<bigint> {
  const { dialect } = database;
  const { rows } = await sql<{ spend_nano: bigint }>`
    SELECT coalesce((SELECT cost_nano FROM rollup_total WHERE dimension = 'key' AND entity = ${keyHash}), 0)
         + coalesce((SELECT sum(cost_nano) FROM ${unrolledRows(dialect)}
             AND ${unindexed(dialect, "key_hash")} = ${keyHash}), 0)
         - coalesce((SELECT sum(cost_nano) FROM spend_replaced WHERE key_hash = ${keyHash}), 0) AS spend_nano
  `.execute(database.kysely);
  return rows[0]?.spend_nano ?? 0n;
}

function placeOf(text: string): { startedAt: number; seq: number } {
  const [startedAt, seq] = text.split(".").map(Number);
  if (!Number.isSafeInteger(startedAt) || !Number.isSafeInteger(seq)) throw new RangeError("this is no page's `next`");
  return { startedAt: startedAt as number, seq: seq as number };
}
