import { z } from "zod";
import type { Principal } from "../../auth/principal.ts";
import type { Json, JsonObject } from "../../json/json.ts";
import { DAY_MS } from "../../ledger/rollup-statements.ts";
import { entitiesOf, totals, usageBy } from "../../ledger/usage.ts";
import { nanoToNumber } from "../../pricing/cost.ts";
import type { Database } from "../../store/database.ts";
import * as f from "../fields.ts";
import { route } from "../route.ts";
import { dateText, dayRange } from "./spend-dates.ts";
import { seesAll } from "./spend-visibility.ts";

const TAG = "Budget & Spend Tracking";

/** Names in lists that LiteLLM does not page. */
const LISTED = 1_000;

/** The days that the `/global/spend` views look back. */
const LAST_DAYS = 30;

const text = f.optionalName;
const dates = { start_date: text, end_date: text };

export const spendTotalRoutes = [
  route({
    method: "GET",
    path: "/spend/keys",
    permission: "own",
    tag: TAG,
    summary: "Keys by what they have spent, most first",
    handle: ({ management: { database }, principal }) => keysBySpend(database, ownKeys(principal), LISTED),
  }),
  route({
    method: "GET",
    path: "/spend/users",
    permission: "own",
    tag: TAG,
    summary: "Users by what they have spent, most first",
    query: { user_id: text },
    handle: async ({ management: { database }, principal, query }) => {
      const asked = typeof query.user_id === "string" ? [query.user_id] : undefined;
      const own = principal.userId === undefined ? [] : [principal.userId];
      const entities = seesAll(principal) ? asked : (asked ?? own).filter((id) => own.includes(id));
      const rows = await totals(database, "user", { ...(entities === undefined ? {} : { entities }), top: LISTED });
      return rows.map((row) => ({ user_id: row.entity, spend: nanoToNumber(row.cost) }));
    },
  }),
  route({
    method: "GET",
    path: "/spend/tags",
    aliases: ["/global/spend/tags"],
    permission: "view",
    tag: TAG,
    summary: "Spend and requests by tag",
    query: { ...dates, tags: text },
    handle: async ({ management, query }) => {
      const names = query.tags?.split(",").map((name) => name.trim());
      const rows = await usageBy(management.database, {
        ...dayRange(query.start_date, query.end_date, management.now()),
        dimension: "tag",
        by: ["entity"],
        ...(names === undefined ? {} : { entities: names }),
        top: LISTED,
      });
      return rows.map((row) => ({
        individual_request_tag: row.entity,
        name: row.entity,
        log_count: row.requests,
        total_spend: nanoToNumber(row.cost),
        spend: nanoToNumber(row.cost),
      }));
    },
  }),
  route({
    method: "GET",
    path: "/global/spend",
    permission: "view",
    tag: TAG,
    summary: "What was spent in all",
    handle: async ({ management: { database, snapshot } }) => {
      const rows = await totals(database, "model");
      const budget = snapshot().library.raw.max_budget;
      return {
        spend: nanoToNumber(rows.reduce((sum, row) => sum + row.cost, 0n)),
        max_budget: typeof budget === "number" ? budget : 0,
      };
    },
  }),
  route({
    method: "GET",
    path: "/global/spend/logs",
    permission: "own",
    tag: TAG,
    summary: "Spend per day of the last thirty days",
    query: { api_key: text },
    handle: async ({ management: { database, now }, principal, query }) => {
      const key = seesAll(principal) ? query.api_key : principal.keyHash;
      const rows = await usageBy(database, {
        ...lastDays(now()),
        dimension: typeof key === "string" ? "key" : "model",
        by: ["period"],
        ...(typeof key === "string" ? { entities: [key] } : {}),
      });
      return rows
        .toSorted((left, right) => left.period - right.period)
        .map((row) => ({ date: dateText(row.period), spend: nanoToNumber(row.cost) }));
    },
  }),
  route({
    method: "GET",
    path: "/global/spend/keys",
    permission: "own",
    tag: TAG,
    summary: "The most expensive keys of all time",
    query: { limit: z.number().int().min(1).max(LISTED).default(10) },
    handle: async ({ management: { database }, principal, query }) =>
      (await keysBySpend(database, ownKeys(principal), query.limit)).map((row) => ({
        api_key: row.token ?? null,
        key_alias: row.key_alias ?? null,
        key_name: row.key_name ?? null,
        total_spend: row.spend ?? 0,
      })),
  }),
  route({
    method: "GET",
    path: "/global/spend/models",
    permission: "view",
    tag: TAG,
    summary: "The most expensive models of the last thirty days",
    query: { limit: z.number().int().min(1).max(LISTED).default(10) },
    handle: async ({ management: { database, now }, query }) => {
      const rows = await usageBy(database, { ...lastDays(now()), dimension: "model", by: ["model"], top: query.limit });
      return rows.map((row) => ({ model: row.model, total_spend: nanoToNumber(row.cost) }));
    },
  }),
  route({
    method: "GET",
    path: "/global/spend/provider",
    permission: "view",
    tag: TAG,
    summary: "Spend by provider",
    query: dates,
    handle: async ({ management: { database, now }, query }) => {
      const range = dayRange(query.start_date, query.end_date, now());
      const rows = await usageBy(database, { ...range, dimension: "provider", by: ["provider"], top: LISTED });
      return rows.map((row) => ({ provider: row.provider, spend: nanoToNumber(row.cost) }));
    },
  }),
  route({
    method: "GET",
    path: "/global/spend/teams",
    permission: "view",
    tag: TAG,
    summary: "Spend of each team per day of the last thirty days",
    handle: async ({ management: { database, now } }) => teamsPerDay(database, now()),
  }),
  route({
    method: "POST",
    path: "/global/spend/end_users",
    permission: "view",
    tag: TAG,
    summary: "Customers by what they have spent",
    body: z.object({ api_key: text, startTime: text, endTime: text }),
    handle: async ({ management: { database, now }, body }) => {
      const rows = await usageBy(database, {
        ...dayRange(body.startTime, body.endTime, now()),
        dimension: "customer",
        by: ["entity"],
        ...(typeof body.api_key === "string" ? { keyHash: body.api_key } : {}),
        top: 100,
      });
      return rows.map((row) => ({
        end_user: row.entity,
        total_count: row.requests,
        total_spend: nanoToNumber(row.cost),
      }));
    },
  }),
  route({
    method: "GET",
    path: "/global/spend/all_tag_names",
    permission: "view",
    tag: TAG,
    summary: "Names of all tags that were ever used",
    handle: async ({ management: { database } }) => ({ tag_names: await entitiesOf(database, "tag", LISTED) }),
  }),
  route({
    method: "GET",
    path: "/global/all_end_users",
    permission: "view",
    tag: TAG,
    summary: "Names of all customers that ever called",
    handle: async ({ management: { database } }) => ({ end_users: await entitiesOf(database, "customer", LISTED) }),
  }),
  route({
    method: "GET",
    path: "/global/spend/report",
    permission: "view",
    tag: TAG,
    summary: "Spend per day by team, customer or key, with models",
    query: {
      ...dates,
      group_by: z.enum(["team", "customer", "api_key"]).nullish(),
      api_key: text,
      internal_user_id: text,
      team_id: text,
      customer_id: text,
    },
    handle: async ({ management: { database, now }, query }) => report(database, now(), query),
  }),
];

function ownKeys(principal: Principal): readonly string[] | undefined {
  return seesAll(principal) ? undefined : [principal.keyHash];
}

function lastDays(now: number): { readonly firstDay: number; readonly lastDay: number } {
  const lastDay = now - (now % DAY_MS);
  return { firstDay: lastDay - (LAST_DAYS - 1) * DAY_MS, lastDay };
}

async function keysBySpend(
  database: Database,
  entities: readonly string[] | undefined,
  limit: number,
): Promise<JsonObject[]> {
  const rows = await totals(database, "key", { ...(entities === undefined ? {} : { entities }), top: limit });
  const hashes = rows.map((row) => row.entity);
  const known = new Map<
    string,
    { key_alias: string | null; key_name: string; user_id: string | null; team_id: string | null }
  >();
  for (let at = 0; at < hashes.length; at += 500) {
    const keys = await database.kysely
      .selectFrom("virtual_key")
      .select(["token", "key_alias", "key_name", "user_id", "team_id"])
      .where("token", "in", hashes.slice(at, at + 500))
      .execute();
    for (const { token, ...key } of keys) known.set(token, key);
  }
  return rows.map((row) => ({
    token: row.entity,
    spend: nanoToNumber(row.cost),
    ...(known.get(row.entity) ?? { key_alias: null, key_name: null, user_id: null, team_id: null }),
  }));
}

async function teamNames(database: Database, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await database.kysely
    .selectFrom("team")
    .select(["team_id", "team_alias"])
    .where("team_id", "in", ids.slice(0, LISTED))
    .execute();
  return new Map(rows.map((row) => [row.team_id, row.team_alias ?? row.team_id]));
}

async function teamsPerDay(database: Database, now: number): Promise<JsonObject> {
  const rows = await usageBy(database, {
    ...lastDays(now),
    dimension: "team",
    by: ["period", "entity"],
    top: LISTED * 10,
  });
  const names = await teamNames(database, [...new Set(rows.map((row) => row.entity))]);
  const days = new Map<number, Record<string, Json>>();
  const sums = new Map<string, bigint>();
  for (const row of rows) {
    const name = names.get(row.entity) ?? row.entity;
    const day = days.get(row.period) ?? { date: dateText(row.period) };
    day[name] = nanoToNumber(row.cost);
    days.set(row.period, day);
    sums.set(name, (sums.get(name) ?? 0n) + row.cost);
  }
  const ranked = [...sums].toSorted(([, left], [, right]) => (left < right ? 1 : -1));
  return {
    daily_spend: [...days].toSorted(([left], [right]) => left - right).map(([, day]) => day),
    teams: ranked.map(([name]) => name),
    total_spend_per_team: ranked.map(([team_id, cost]) => ({ team_id, total_spend: nanoToNumber(cost) })),
  };
}

interface ReportQuery {
  readonly start_date?: string | null | undefined;
  readonly end_date?: string | null | undefined;
  readonly group_by?: "team" | "customer" | "api_key" | null | undefined;
  readonly api_key?: string | null | undefined;
  readonly internal_user_id?: string | null | undefined;
  readonly team_id?: string | null | undefined;
  readonly customer_id?: string | null | undefined;
}

const GROUPS = {
  team: { dimension: "team", list: "teams", name: "team_name" },
  customer: { dimension: "customer", list: "customers", name: "customer" },
  api_key: { dimension: "key", list: "api_keys", name: "api_key" },
  user: { dimension: "user", list: "users", name: "user_id" },
} as const;

async function report(database: Database, now: number, query: ReportQuery): Promise<JsonObject[]> {
  const kind =
    typeof query.internal_user_id === "string"
      ? "user"
      : typeof query.customer_id === "string"
        ? "customer"
        : typeof query.team_id === "string"
          ? "team"
          : typeof query.api_key === "string" && query.group_by === undefined
            ? "api_key"
            : (query.group_by ?? "team");
  const { dimension, list, name } = GROUPS[kind];
  const entity = {
    user: query.internal_user_id,
    customer: query.customer_id,
    team: query.team_id,
    api_key: query.api_key,
  }[kind];
  const rows = await usageBy(database, {
    ...dayRange(query.start_date, query.end_date, now),
    dimension,
    by: ["period", "entity", "model", "key_hash"],
    ...(typeof entity === "string" ? { entities: [entity] } : {}),
    ...(typeof query.api_key === "string" && kind !== "api_key" ? { keyHash: query.api_key } : {}),
    top: LISTED * 10,
  });
  const names = kind === "team" ? await teamNames(database, [...new Set(rows.map((row) => row.entity))]) : undefined;
  const days = Map.groupBy(rows, (row) => row.period);
  return [...days]
    .toSorted(([left], [right]) => left - right)
    .map(([day, ofDay]) => ({
      group_by_day: `${dateText(day)}T00:00:00+00:00`,
      [list]: [...Map.groupBy(ofDay, (row) => row.entity)].map(([id, ofEntity]) => ({
        [name]: names?.get(id) ?? id,
        total_spend: nanoToNumber(ofEntity.reduce((sum, row) => sum + row.cost, 0n)),
        metadata: ofEntity.map((row) => ({
          model: row.model,
          api_key: row.key_hash,
          spend: nanoToNumber(row.cost),
          total_tokens: row.totalTokens,
        })),
      })),
    }));
}
