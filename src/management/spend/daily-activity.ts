import { z } from "zod";
import type { Principal } from "../../auth/principal.ts";
import type { JsonObject, MutableJsonObject } from "../../json/json.ts";
import { DAY_MS } from "../../ledger/rollup-statements.ts";
import { sumsByDay, topOfDays } from "../../ledger/top-of-days.ts";
import { addSums, type Sums, usageBy } from "../../ledger/usage.ts";
import type { Database } from "../../store/database.ts";
import type { Management } from "../management.ts";
import { route } from "../route.ts";
import {
  type ActivityQuery,
  KINDS,
  type Kind,
  keyNames,
  metrics,
  queryOf,
  type Scope,
  scopeOf,
  UNKNOWN_KEY,
} from "./activity-kinds.ts";
import { dateText } from "./spend-dates.ts";

/** Keys and entities that one day's breakdown names, the most expensive; the sums are of all. */
const NAMED = 100;
const MOST_NAMED = 1_000;

/** The days of a range by page, newest first, and the same in one answer under `/aggregated`. */
export const dailyActivityRoutes = KINDS.flatMap((kind) => {
  const described = { method: "GET", permission: "own", tag: kind.tag } as const;
  const query = queryOf(kind);
  return [
    route({
      ...described,
      path: kind.path,
      ...(kind.aliases === undefined ? {} : { aliases: kind.aliases }),
      summary: kind.summary,
      query: {
        ...query,
        page: z.number().int().min(1).default(1),
        page_size: z.number().int().min(1).max(1000).default(50),
      },
      handle: ({ management, principal, query }) => answer(kind, management, principal, query as ActivityQuery, true),
    }),
    route({
      ...described,
      path: `${kind.path}/aggregated`,
      ...(kind.aliases === undefined ? {} : { aliases: kind.aliases.map((alias) => `${alias}/aggregated`) }),
      summary: `${kind.summary}, all days in one answer`,
      query: { ...query, api_key_limit: z.number().int().min(0).max(MOST_NAMED).default(NAMED) },
      handle: ({ management, principal, query }) => answer(kind, management, principal, query as ActivityQuery, false),
    }),
  ];
});

async function answer(
  kind: Kind,
  management: Management,
  principal: Principal,
  query: ActivityQuery,
  paged: boolean,
): Promise<JsonObject> {
  const { database } = management;
  const whole = await scopeOf(kind, management, principal, query);
  const days = Math.round((whole.lastDay - whole.firstDay) / DAY_MS) + 1;
  const size = paged ? Number(query.page_size) : days;
  const page = paged ? Number(query.page) : 1;
  const pages = Math.ceil(days / size);
  // Newest first: the first page has the last days.
  const lastDay = whole.lastDay - (page - 1) * size * DAY_MS;
  const scope = { ...whole, lastDay, firstDay: Math.max(lastDay - (size - 1) * DAY_MS, whole.firstDay) };
  const named = paged ? NAMED : Number(query.api_key_limit);
  const results = page > pages || scope.firstDay > lastDay ? [] : await daysOf(database, scope, named);
  const total = addSums(results.map((day) => day.sums));
  return {
    results: results.map((day) => day.result),
    metadata: {
      ...Object.fromEntries(Object.entries(metrics(total)).map(([name, value]) => [`total_${name}`, value])),
      page,
      total_pages: pages,
      has_more: page < pages,
    },
  };
}

interface Day {
  readonly sums: Sums;
  readonly result: JsonObject;
}

/** Everybody's usage is read from the sums by model, which are few, and by key only for the keys that are named. */
async function daysOf(database: Database, scope: Scope, named: number): Promise<Day[]> {
  const { kind, entities, exceptEntities, keyHash, ...where } = scope;
  const everybody = kind.dimension === "user" && entities === undefined;
  const narrow = {
    ...where,
    ...(entities === undefined ? {} : { entities }),
    ...(exceptEntities === undefined ? {} : { exceptEntities }),
    ...(keyHash === undefined ? {} : { keyHash }),
  };
  const keyScope = everybody
    ? { ...where, dimension: "key" as const, ...(keyHash === undefined ? {} : { entities: [keyHash] }) }
    : { ...narrow, dimension: kind.dimension };
  const modelScope = everybody && keyHash === undefined ? { ...where, dimension: "model" as const } : keyScope;
  const models = await usageBy(database, {
    ...modelScope,
    by: ["period", "model", "model_group", "provider", "call_type"],
  });
  const whole = everybody && keyHash === undefined && where.model === undefined && where.utcOffset === undefined;
  const { keys, owners } = whole
    ? await topOfEverybody(database, models)
    : await topOfSome(database, scope, keyScope, narrow, named);
  const ofDay = <Row extends { readonly period: number }>(rows: readonly Row[], day: number, most: number) =>
    rows.filter((row) => row.period === day).slice(0, most);
  const shown = new Map<number, readonly KeyOfDay[]>();
  for (const day of new Set(models.map((row) => row.period))) shown.set(day, ofDay(keys, day, named));
  const names = await keyNames(database, [...new Set([...shown.values()].flat().map((row) => row.key_hash))]);
  const days: Day[] = [];
  for (let day = scope.lastDay; day >= scope.firstDay; day -= DAY_MS) {
    const own = models.filter((row) => row.period === day);
    if (own.length === 0) continue;
    const sums = addSums(own);
    days.push({
      sums,
      result: {
        date: dateText(day),
        metrics: metrics(sums),
        breakdown: {
          models: grouped(own, (row) => row.model),
          model_groups: grouped(own, (row) => row.model_group),
          providers: grouped(own, (row) => row.provider),
          endpoints: grouped(own, (row) => ENDPOINTS[row.call_type] ?? row.call_type),
          mcp_servers: {},
          api_keys: Object.fromEntries(
            (shown.get(day) ?? []).map((row) => [
              row.key_hash,
              { metrics: metrics(row), metadata: names.get(row.key_hash) ?? UNKNOWN_KEY },
            ]),
          ),
          entities: grouped(ofDay(owners, day, NAMED), (row) => row.entity),
        },
      },
    });
  }
  return days;
}

type KeyOfDay = Sums & { readonly period: number; readonly key_hash: string };
type OwnerOfDay = Sums & { readonly period: number; readonly entity: string };

interface NamedOfDays {
  readonly keys: readonly KeyOfDay[];
  readonly owners: readonly OwnerOfDay[];
}

/** The keys and users of each day, read from what is known of days that are over. */
async function topOfEverybody(
  database: Database,
  models: readonly (Sums & { readonly period: number })[],
): Promise<NamedOfDays> {
  const sums = sumsByDay(models);
  const rowsOf = async (dimension: "key" | "user") => {
    const days = await topOfDays(database, dimension, sums);
    return [...days].flatMap(([period, rows]) => rows.map((row) => ({ ...row, period })));
  };
  const [keys, owners] = [await rowsOf("key"), await rowsOf("user")];
  return { keys: keys.map(({ entity, ...row }) => ({ ...row, key_hash: entity })), owners };
}

async function topOfSome(
  database: Database,
  { kind, firstDay, lastDay }: Scope,
  keyScope: Omit<Parameters<typeof usageBy>[1], "by">,
  narrow: Omit<Parameters<typeof usageBy>[1], "by" | "dimension">,
  named: number,
): Promise<NamedOfDays> {
  const top = Math.max(NAMED, named) * ((lastDay - firstDay) / DAY_MS + 1);
  const [keys, owners] = await Promise.all([
    usageBy(database, { ...keyScope, by: ["period", "key_hash"], top }),
    usageBy(database, { ...narrow, dimension: kind.dimension, by: ["period", "entity"], top }),
  ]);
  return { keys, owners };
}

/** The paths that LiteLLM names for its call types. */
const ENDPOINTS: Readonly<Record<string, string>> = {
  acompletion: "/chat/completions",
  atext_completion: "/completions",
  aembedding: "/embeddings",
  anthropic_messages: "/v1/messages",
  aresponses: "/responses",
  agenerate_content: "/generateContent",
  agenerate_content_stream: "/streamGenerateContent",
  aimage_generation: "/images/generations",
  aimage_edit: "/images/edits",
  atranscription: "/audio/transcriptions",
  aspeech: "/audio/speech",
  amoderation: "/moderations",
  arerank: "/rerank",
};

function grouped<Row extends Sums>(rows: readonly Row[], nameOf: (row: Row) => string): JsonObject {
  const result: MutableJsonObject = {};
  for (const [name, sums] of Map.groupBy(rows, nameOf)) {
    result[name] = { metrics: metrics(addSums(sums)), metadata: {}, api_key_breakdown: {} };
  }
  return result;
}
