import { sql } from "kysely";
import type { Database } from "../store/database.ts";
import type { SpendRecord } from "./record.ts";
import { recordOf } from "./spend-row.ts";

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 1_000;

/** The record of a request, or undefined. */
export async function findRecord(database: Database, id: string): Promise<SpendRecord | undefined> {
  const row = await database.kysely.selectFrom("spend").selectAll().where("id", "=", id).executeTakeFirst();
  return row === undefined ? undefined : recordOf(row);
}

export interface RecordFilter {
  readonly keyHash?: string;
  readonly userId?: string;
  readonly teamId?: string;
  readonly organizationId?: string;
  readonly endUser?: string;
  readonly model?: string;
  readonly modelGroup?: string;
  readonly status?: SpendRecord["status"];
  /** Earliest start, inclusive, in milliseconds since the epoch. */
  readonly from?: number;
  /** Latest start, exclusive. */
  readonly to?: number;
  /** 1 to 1,000; default 50. */
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
export async function listRecords(database: Database, filter: RecordFilter = {}): Promise<RecordPage> {
  const limit = Math.min(Math.max(Math.trunc(filter.limit ?? DEFAULT_LIMIT), 1), MAX_LIMIT);
  let query = database.kysely.selectFrom("spend").selectAll();
  if (filter.keyHash !== undefined) query = query.where("key_hash", "=", filter.keyHash);
  if (filter.userId !== undefined) query = query.where("user_id", "=", filter.userId);
  if (filter.teamId !== undefined) query = query.where("team_id", "=", filter.teamId);
  if (filter.organizationId !== undefined) query = query.where("organization_id", "=", filter.organizationId);
  if (filter.endUser !== undefined) query = query.where("end_user", "=", filter.endUser);
  if (filter.model !== undefined) query = query.where("model", "=", filter.model);
  if (filter.modelGroup !== undefined) query = query.where("model_group", "=", filter.modelGroup);
  if (filter.status !== undefined) query = query.where("status", "=", filter.status);
  if (filter.from !== undefined) query = query.where("started_at", ">=", filter.from);
  if (filter.to !== undefined) query = query.where("started_at", "<", filter.to);
  if (filter.after !== undefined) {
    const { startedAt, seq } = placeOf(filter.after);
    query = query.where(({ eb, refTuple, tuple }) => eb(refTuple("started_at", "seq"), "<", tuple(startedAt, seq)));
  }
  const rows = await query
    .orderBy("started_at", "desc")
    .orderBy("seq", "desc")
    .limit(limit + 1)
    .execute();
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    records: page.map(recordOf),
    ...(rows.length > limit && last !== undefined ? { next: `${last.started_at}.${last.seq}` } : {}),
  };
}

/** What a key has spent, nano-dollars: its total up to the watermark and the rows behind it, so nothing is late. */
export async function spendOfKey(database: Database, keyHash: string): Promise<bigint> {
  // The unary plus keeps SQLite from reading all rows of the key where the few newest are meant.
  const unindexed = sql.raw(database.dialect === "sqlite" ? "+key_hash" : "key_hash");
  const { rows } = await sql<{ spend_nano: bigint }>`
    SELECT coalesce((SELECT cost_nano FROM rollup_total WHERE dimension = 'key' AND entity = ${keyHash}), 0)
         + coalesce((SELECT sum(cost_nano) FROM spend
             WHERE seq > (SELECT seq FROM watermark WHERE consumer = 'rollup') AND ${unindexed} = ${keyHash}), 0)
         - coalesce((SELECT sum(cost_nano) FROM spend_replaced WHERE key_hash = ${keyHash}), 0) AS spend_nano
  `.execute(database.kysely);
  return rows[0]?.spend_nano ?? 0n;
}

function placeOf(text: string): { startedAt: number; seq: number } {
  const [startedAt, seq] = text.split(".").map(Number);
  if (!Number.isSafeInteger(startedAt) || !Number.isSafeInteger(seq)) throw new RangeError("this is no page's `next`");
  return { startedAt: startedAt as number, seq: seq as number };
}
