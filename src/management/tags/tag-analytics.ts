import { sql } from "kysely";
import { z } from "zod";
import type { JsonObject } from "../../json/json.ts";
import { DAY_MS } from "../../ledger/rollup-statements.ts";
import { addSums, entitiesOf, usageBy } from "../../ledger/usage.ts";
import { nanoToNumber } from "../../pricing/cost.ts";
import type { Database } from "../../store/database.ts";
import { users } from "../../store/objects/users.ts";
import * as f from "../fields.ts";
import type { Management } from "../management.ts";
import { type ManagementRoute, route } from "../route.ts";
import { dateText, dayRange } from "../spend/spend-dates.ts";

const TAG = "tag management";
/** How many days, weeks or months are shown. */
const PERIODS = 7;
const MOST_TAGS = 10_000;
/** `/tag/user-agent/per-user-analytics` looks this far back. */
const USER_DAYS = 30;

const filters = { tag_filter: f.optionalName, tag_filters: f.optionalNames };
type Filters = { readonly [K in keyof typeof filters]?: string | readonly string[] | null | undefined };

/** What the ledger says of tags: who used them and how much. */
export const tagAnalyticsRoutes: readonly ManagementRoute[] = [
  ...(["dau", "wau", "mau"] as const).map((what) =>
    route({
      method: "GET",
      path: `/tag/${what}`,
      permission: "view",
      tag: TAG,
      summary: `Users whose keys used a tag, per ${what === "dau" ? "day" : what === "wau" ? "week" : "month"}`,
      query: filters,
      handle: async ({ management, query }) => {
        const results: JsonObject[] = [];
        for (const { first, last } of periodsOf(what, management.now())) {
          const found = await activeUsers(management.database, first, last, tagsOf(query));
          for (const { tag, active } of found) {
            results.push({
              tag,
              active_users: active,
              date: dateText(first),
              period_start: dateText(first),
              period_end: dateText(last),
            });
          }
        }
        return { results };
      },
    }),
  ),
  route({
    method: "GET",
    path: "/tag/summary",
    permission: "view",
    tag: TAG,
    summary: "What each tag was used for in a range of days",
    query: { start_date: z.string(), end_date: z.string(), ...filters },
    handle: async ({ management, query }) => {
      const { database } = management;
      const range = dayRange(query.start_date, query.end_date, management.now());
      const tags = tagsOf(query);
      const rows = await usageBy(database, {
        ...range,
        dimension: "tag",
        ...(tags === undefined ? {} : { entities: tags }),
        by: ["entity"],
        top: MOST_TAGS,
      });
      const active = new Map(
        (await activeUsers(database, range.firstDay, range.lastDay, tags)).map((one) => [one.tag, one.active]),
      );
      return {
        results: rows.map((row) => ({
          tag: row.entity,
          unique_users: active.get(row.entity) ?? 0,
          total_requests: row.requests,
          successful_requests: row.successes,
          failed_requests: row.requests - row.successes,
          total_tokens: row.totalTokens,
          total_spend: nanoToNumber(row.cost),
        })),
      };
    },
  }),
  route({
    method: "GET",
    path: "/tag/distinct",
    permission: "view",
    tag: TAG,
    summary: "Tags that requests ever had",
    handle: async ({ management }) => ({
      results: (await entitiesOf(management.database, "tag", MOST_TAGS)).map((tag) => ({ tag })),
    }),
  }),
  route({
    method: "GET",
    path: "/tag/user-agent/per-user-analytics",
    permission: "view",
    tag: TAG,
    summary: `What each user did with a tag in the last ${USER_DAYS} days`,
    query: {
      ...filters,
      page: z.int().min(1).default(1),
      page_size: z.int().min(1).max(1_000).default(50),
    },
    handle: ({ management, query }) => perUser(management, tagsOf(query), query.page, query.page_size),
  }),
];

/** Undefined: all tags. */
function tagsOf({ tag_filter: one, tag_filters: several }: Filters): readonly string[] | undefined {
  const tags = [
    ...(Array.isArray(several) ? (several as readonly string[]) : []),
    ...(typeof one === "string" ? [one] : []),
  ];
  return tags.length === 0 ? undefined : tags;
}

/** Days (UTC) from and to, newest first: today and the days before; weeks and months that end today, and those before. */
function periodsOf(
  what: "dau" | "wau" | "mau",
  now: number,
): readonly { readonly first: number; readonly last: number }[] {
  const today = now - (now % DAY_MS);
  const days = what === "dau" ? 1 : what === "wau" ? 7 : 30;
  return Array.from({ length: PERIODS }, (_, index) => {
    const last = today - index * days * DAY_MS;
    return { first: last - (days - 1) * DAY_MS, last };
  });
}

/** Users whose keys had requests with a tag, most first. */
async function activeUsers(
  { kysely }: Database,
  firstDay: number,
  lastDay: number,
  tags: readonly string[] | undefined,
): Promise<readonly { readonly tag: string; readonly active: number }[]> {
  const { rows } = await sql<{ tag: string; active: number }>`
    SELECT rollup_day.entity AS tag, count(DISTINCT virtual_key.user_id) AS active
    FROM rollup_day JOIN virtual_key ON virtual_key.token = rollup_day.key_hash
    WHERE dimension = 'tag' AND period BETWEEN ${firstDay} AND ${lastDay} AND virtual_key.user_id IS NOT NULL
    ${tags === undefined ? sql`` : sql`AND rollup_day.entity IN (${sql.join([...tags])})`}
    GROUP BY rollup_day.entity ORDER BY active DESC, tag LIMIT ${MOST_TAGS}`.execute(kysely);
  return rows.map(({ tag, active }) => ({ tag, active: Number(active) }));
}

async function perUser(
  management: Management,
  tags: readonly string[] | undefined,
  page: number,
  size: number,
): Promise<JsonObject> {
  const { database } = management;
  const lastDay = management.now() - (management.now() % DAY_MS);
  const rows = await usageBy(database, {
    firstDay: lastDay - USER_DAYS * DAY_MS,
    lastDay,
    dimension: "tag",
    ...(tags === undefined ? {} : { entities: tags }),
    by: ["entity", "key_hash"],
    top: MOST_TAGS,
  });
  const owners = await ownersOf(
    database,
    rows.map((row) => row.key_hash),
  );
  const groups = Map.groupBy(rows, (row) => JSON.stringify([owners.get(row.key_hash) ?? null, row.entity]));
  const found = [...groups]
    .flatMap(([name, members]) => {
      const [userId, tag] = JSON.parse(name) as [string | null, string];
      return userId === null ? [] : [{ userId, tag, sums: addSums(members) }];
    })
    .toSorted((a, b) => b.sums.requests - a.sums.requests || a.userId.localeCompare(b.userId));
  const shown = found.slice((page - 1) * size, page * size);
  const people = await users.findMany(
    database.kysely,
    shown.map(({ userId }) => userId),
  );
  const emails = new Map(people.map((user) => [user.user_id, user.user_email]));
  return {
    results: shown.map(({ userId, tag, sums }) => ({
      user_id: userId,
      user_email: emails.get(userId) ?? null,
      user_agent: tag,
      successful_requests: sums.successes,
      failed_requests: sums.requests - sums.successes,
      total_requests: sums.requests,
      total_tokens: sums.totalTokens,
      spend: nanoToNumber(sums.cost),
    })),
    total_count: found.length,
    page,
    page_size: size,
    total_pages: Math.ceil(found.length / size),
  };
}

async function ownersOf({ kysely }: Database, hashes: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const owners = new Map<string, string>();
  const distinct = [...new Set(hashes)];
  for (let at = 0; at < distinct.length; at += 500) {
    const rows = await kysely
      .selectFrom("virtual_key")
      .select(["token", "user_id"])
      .where("token", "in", distinct.slice(at, at + 500))
      .execute();
    for (const { token, user_id } of rows) if (user_id !== null) owners.set(token, user_id);
  }
  return owners;
}
