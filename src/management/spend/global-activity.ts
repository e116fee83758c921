import { sql } from "kysely";
import { dayOf } from "../../ledger/postgres/partitions.ts";
import { DAY_MS } from "../../ledger/rollup-statements.ts";
import { addSums, type Sums, usageBy } from "../../ledger/usage.ts";
import * as f from "../fields.ts";
import { route } from "../route.ts";
import { dateText, dayRange } from "./spend-dates.ts";

const TAG = "Budget & Spend Tracking";
const MODELS = 10;

/** Combinations of key, call type and model in one answer. */
const GROUPS = 1_000;

const text = f.optionalName;
const dates = { start_date: text, end_date: text };

/** How much was asked for, per day: what the dashboard draws. */
export const globalActivityRoutes = [
  route({
    method: "GET",
    path: "/global/activity",
    permission: "view",
    tag: TAG,
    summary: "Requests and tokens per day",
    query: dates,
    handle: async ({ management: { database, now }, query }) => {
      const range = dayRange(query.start_date, query.end_date, now());
      return series(await usageBy(database, { ...range, dimension: "model", by: ["period"] }));
    },
  }),
  route({
    method: "GET",
    path: "/global/activity/model",
    permission: "view",
    tag: TAG,
    summary: "Requests and tokens per day of the ten busiest models",
    query: dates,
    handle: async ({ management: { database, now }, query }) => {
      const range = dayRange(query.start_date, query.end_date, now());
      const rows = await usageBy(database, { ...range, dimension: "model", by: ["period", "model_group"] });
      const groups = Map.groupBy(rows, (row) => row.model_group);
      return [...groups]
        .map(([model, ofModel]) => ({ model, ...series(ofModel) }))
        .toSorted((left, right) => right.sum_api_requests - left.sum_api_requests)
        .slice(0, MODELS);
    },
  }),
  route({
    method: "GET",
    path: "/global/activity/cache_hits",
    permission: "view",
    tag: TAG,
    summary: "What the response cache answered, by key, model and call type",
    query: {
      start_date: f.name,
      end_date: f.name,
      key_aliases: f.names.min(1).nullish(),
      models: f.names.min(1).nullish(),
    },
    handle: async ({ management: { database, now }, query }) => {
      const range = dayRange(query.start_date, query.end_date, now());
      const { models, key_aliases: aliases } = query;
      const { rows } = await sql<{ api_key: string; call_type: string; model: string; [sum: string]: number | string }>`
        SELECT key_hash AS api_key, call_type, model, count(*) AS total_rows,
          sum(coalesce(cache_hit, 0)) AS cache_hit_true_rows,
          sum(CASE WHEN cache_hit = 1 THEN completion_tokens ELSE 0 END) AS cached_completion_tokens,
          sum(CASE WHEN cache_hit = 1 THEN 0 ELSE completion_tokens END) AS generated_completion_tokens
        FROM spend WHERE started_at >= ${range.firstDay} AND started_at < ${range.lastDay + DAY_MS}
          ${models === null || models === undefined ? sql`` : sql`AND model IN (${sql.join(models)})`}
          ${aliases === null || aliases === undefined ? sql`` : sql`AND key_alias IN (${sql.join(aliases)})`}
        GROUP BY key_hash, call_type, model ORDER BY total_rows DESC LIMIT ${GROUPS}`.execute(database.kysely);
      return rows;
    },
  }),
  route({
    method: "GET",
    path: "/global/activity/exceptions",
    permission: "view",
    tag: TAG,
    summary: "Rate-limit failures of a model per day",
    query: { ...dates, model_group: f.name },
    handle: async ({ management: { database, now }, query }) => {
      const range = dayRange(query.start_date, query.end_date, now());
      const { rows } = await sql<{ day: number; n: number }>`
        SELECT started_at - started_at % ${DAY_MS} AS day, count(*) AS n FROM spend
        WHERE model_group = ${query.model_group} AND http_status = 429
          AND started_at >= ${range.firstDay} AND started_at < ${range.lastDay + DAY_MS}
        GROUP BY 1 ORDER BY 1`.execute(database.kysely);
      return failures(rows);
    },
  }),
  route({
    method: "GET",
    path: "/global/activity/exceptions/deployment",
    permission: "view",
    tag: TAG,
    summary: "Rate-limit failures of a model's deployments per day",
    query: { ...dates, model_group: f.name },
    handle: async ({ management: { database, now }, query }) => {
      const range = dayRange(query.start_date, query.end_date, now());
      const { rows } = await sql<{ api_base: string; day: number; n: number }>`
        SELECT api_base, started_at - started_at % ${DAY_MS} AS day, count(*) AS n FROM spend
        WHERE model_group = ${query.model_group} AND http_status = 429
          AND started_at >= ${range.firstDay} AND started_at < ${range.lastDay + DAY_MS}
        GROUP BY 1, 2 ORDER BY 1, 2`.execute(database.kysely);
      return [...Map.groupBy(rows, (row) => row.api_base)].map(([api_base, ofBase]) => ({
        api_base,
        ...failures(ofBase),
      }));
    },
  }),
];

function series(rows: readonly (Sums & { readonly period: number })[]) {
  const sums = addSums(rows);
  return {
    daily_data: rows
      .toSorted((left, right) => left.period - right.period)
      .map((row) => ({ date: dateText(row.period), api_requests: row.requests, total_tokens: row.totalTokens })),
    sum_api_requests: sums.requests,
    sum_total_tokens: sums.totalTokens,
  };
}

function failures(rows: readonly { readonly day: number; readonly n: number }[]) {
  return {
    daily_data: rows.map((row) => ({ date: dateText(dayOf(row.day)), num_rate_limit_exceptions: row.n })),
    sum_num_rate_limit_exceptions: rows.reduce((sum, row) => sum + row.n, 0),
  };
}
