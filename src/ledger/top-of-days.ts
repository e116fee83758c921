import type { Database } from "../store/database.ts";
import { DAY_MS } from "./rollup-statements.ts";
import { type Sums, usageBy } from "./usage.ts";

/** How many entities of a day are known, the most expensive. */
export const MOST_OF_DAY = 1_000;

/** Days that are kept, of all dimensions together: two months of keys and of users. */
const DAYS_KEPT = 128;

export type TopDimension = "key" | "user" | "team" | "organization" | "customer" | "tag";

/** What an entity used on a day, over all models. */
export type TopRow = Sums & { readonly entity: string };

interface KnownDay {
  /** What the whole day added up to when this was read: another sum, another day. */
  readonly sum: string;
  readonly rows: readonly TopRow[];
}

/** What one day added up to, over everybody. */
export interface DaySum {
  readonly requests: number;
  readonly cost: bigint;
  readonly totalTokens: number;
}

const known = new WeakMap<Database, Map<string, KnownDay>>();

/**
 * Who used most on each day, most expensive first, at most `MOST_OF_DAY` of a day. To find them all keys of a day have
 * to be added up, however many there are, so days that are over are kept: `sums` says, from the few sums by model, whether
 * a day is still what it was.
 */
export async function topOfDays(
  database: Database,
  dimension: TopDimension,
  sums: ReadonlyMap<number, DaySum>,
): Promise<ReadonlyMap<number, readonly TopRow[]>> {
  const days = known.get(database) ?? new Map<string, KnownDay>();
  known.set(database, days);
  const found = new Map<number, readonly TopRow[]>();
  for (const [day, { requests, cost, totalTokens }] of sums) {
    const name = `${dimension} ${day}`;
    const sum = `${requests} ${cost} ${totalTokens}`;
    let entry = days.get(name);
    if (entry?.sum !== sum) {
      const rows = await usageBy(database, {
        dimension,
        firstDay: day,
        lastDay: day,
        by: ["entity"],
        top: MOST_OF_DAY,
      });
      entry = { sum, rows };
    }
    // The day that was asked for last is the last to go.
    days.delete(name);
    days.set(name, entry);
    found.set(day, entry.rows);
  }
  for (const name of days.keys()) {
    if (days.size <= DAYS_KEPT) break;
    days.delete(name);
  }
  return found;
}

/** The sums of rows by the day that they belong to. */
export function sumsByDay(rows: readonly (Sums & { readonly period: number })[]): ReadonlyMap<number, DaySum> {
  const sums = new Map<number, { requests: number; cost: bigint; totalTokens: number }>();
  for (const { period, requests, cost, totalTokens } of rows) {
    const day = period - (period % DAY_MS);
    const sum = sums.get(day) ?? { requests: 0, cost: 0n, totalTokens: 0 };
    sums.set(day, {
      requests: sum.requests + requests,
      cost: sum.cost + cost,
      totalTokens: sum.totalTokens + totalTokens,
    });
  }
  return sums;
}
