import { z } from "zod";
import type { Json, JsonObject } from "../../json/json.ts";
import { addSums, type Sums, type UsageColumn, type UsageRow, usageBy } from "../../ledger/usage.ts";
import type { Database } from "../../store/database.ts";
import * as f from "../fields.ts";
import { type ManagementRoute, route } from "../route.ts";
import {
  type ActivityQuery,
  KINDS,
  keyNames,
  metrics,
  queryOf,
  type Scope,
  scopeOf,
  UNKNOWN_KEY,
} from "./activity-kinds.ts";
import { dateText } from "./spend-dates.ts";

/** Keys that are looked through at most, the most expensive. */
const MOST_KEYS = 10_000;
const MOST_ROWS = 100_000;

const EXPORTS = {
  daily: ["period", "entity"],
  daily_with_keys: ["period", "entity", "key_hash"],
  daily_with_models: ["period", "entity", "model"],
  daily_with_users: ["period", "entity", "key_hash"],
} as const satisfies Record<string, readonly UsageColumn[]>;

/** More of `…/daily/activity/aggregated`: its keys page by page, by name, of one model; and everything as a file. */
export const activityDetailRoutes: readonly ManagementRoute[] = KINDS.flatMap((kind) => {
  const described = { method: "GET", permission: "own", tag: kind.tag } as const;
  const query = queryOf(kind);
  const limit = z.int().min(1).max(1_000).default(50);
  return [
    route({
      ...described,
      path: `${kind.path}/aggregated/keys`,
      summary: `${kind.summary}: the keys, most expensive first`,
      query: { ...query, offset: z.int().min(0).default(0), limit },
      handle: async ({ management, principal, query }) => {
        const scope = await scopeOf(kind, management, principal, query as ActivityQuery);
        const { offset, limit } = query as unknown as { offset: number; limit: number };
        const keys = await usageBy(management.database, { ...usageOf(scope), by: ["key_hash"], top: MOST_KEYS });
        const page = await showKeys(management.database, keys.slice(offset, offset + limit));
        return { results: page, total_count: keys.length, offset, limit, has_more: offset + limit < keys.length };
      },
    }),
    route({
      ...described,
      path: `${kind.path}/aggregated/search`,
      summary: `${kind.summary}: keys whose alias, user, team or hash has a text in it`,
      query: { ...query, search: z.string().min(1).max(255), limit },
      handle: async ({ management, principal, query }) => {
        const scope = await scopeOf(kind, management, principal, query as ActivityQuery);
        const { search, limit } = query as unknown as { search: string; limit: number };
        const keys = await usageBy(management.database, { ...usageOf(scope), by: ["key_hash"], top: MOST_KEYS });
        const wanted = search.toLowerCase();
        const found = (await showKeys(management.database, keys)).filter(({ api_key, metadata }) =>
          [api_key, ...Object.values(metadata as JsonObject)].some(
            (text) => typeof text === "string" && text.toLowerCase().includes(wanted),
          ),
        );
        return { results: found.slice(0, limit), total_count: found.length };
      },
    }),
    route({
      ...described,
      path: `${kind.path}/aggregated/model_top_keys`,
      summary: `${kind.summary}: the keys that spent the most on a model`,
      query: { ...query, model_group: f.name, by_model_group: z.boolean().default(true), limit },
      handle: async ({ management, principal, query }) => {
        const scope = await scopeOf(kind, management, principal, query as ActivityQuery);
        const asked = query as unknown as { model_group: string; by_model_group: boolean; limit: number };
        const keys = await usageBy(management.database, {
          ...usageOf(scope),
          ...(asked.by_model_group ? { modelGroup: asked.model_group } : { model: asked.model_group }),
          by: ["key_hash"],
          top: asked.limit,
        });
        return { model_group: asked.model_group, results: await showKeys(management.database, keys) };
      },
    }),
    route({
      ...described,
      path: `${kind.path}/export`,
      summary: `${kind.summary}, as JSON or CSV`,
      query: {
        ...query,
        export_type: z.enum(Object.keys(EXPORTS) as [keyof typeof EXPORTS]).default("daily"),
        format: z.enum(["csv", "json"]).default("csv"),
      },
      handle: async ({ management, principal, query }) => {
        const scope = await scopeOf(kind, management, principal, query as ActivityQuery);
        const { export_type: type, format } = query as unknown as { export_type: keyof typeof EXPORTS; format: string };
        const rows = await exported(management.database, scope, type);
        if (format === "json") return { export_type: type, data: rows };
        return new Response(csvOf(rows), {
          headers: {
            "content-type": "text/csv; charset=utf-8",
            "content-disposition": `attachment; filename="${kind.dimension}-${type}.csv"`,
          },
        });
      },
    }),
  ];
});

/** Everybody's usage is told apart by key, the same for all. */
function usageOf({ kind, ...scope }: Scope) {
  const everybody = kind.dimension === "user" && scope.entities === undefined;
  if (!everybody) return { ...scope, dimension: kind.dimension };
  const { keyHash, ...rest } = scope;
  return { ...rest, dimension: "key" as const, ...(keyHash === undefined ? {} : { entities: [keyHash] }) };
}

async function showKeys(database: Database, keys: readonly UsageRow<"key_hash">[]): Promise<JsonObject[]> {
  const names = await keyNames(
    database,
    keys.map((row) => row.key_hash),
  );
  return keys.map((row) => ({
    api_key: row.key_hash,
    metrics: metrics(row),
    metadata: names.get(row.key_hash) ?? UNKNOWN_KEY,
  }));
}

async function exported(database: Database, scope: Scope, type: keyof typeof EXPORTS): Promise<JsonObject[]> {
  const { kind, ...where } = scope;
  const by = EXPORTS[type] as readonly UsageColumn[];
  const found = await usageBy(database, { ...where, dimension: kind.dimension, by, top: MOST_ROWS });
  const rows = found.toSorted((a, b) => a.period - b.period || a.entity.localeCompare(b.entity));
  const names = by.includes("key_hash")
    ? await keyNames(database, [...new Set(rows.map((row) => row.key_hash))])
    : new Map<string, JsonObject>();
  const labelled = rows.map((row): [JsonObject, Sums] => [
    {
      date: dateText(row.period),
      [kind.dimension]: row.entity,
      ...(type === "daily_with_models" ? { model: row.model } : {}),
      ...(type === "daily_with_keys"
        ? { api_key: row.key_hash, key_alias: names.get(row.key_hash)?.key_alias ?? null }
        : {}),
      ...(type === "daily_with_users" ? { user_id: names.get(row.key_hash)?.user_id ?? null } : {}),
    },
    row,
  ]);
  // Several keys may be one user's.
  const groups = Map.groupBy(labelled, ([label]) => JSON.stringify(label));
  return [...groups].map(([label, members]) => ({
    ...(JSON.parse(label) as JsonObject),
    ...metrics(addSums(members.map(([, sums]) => sums))),
  }));
}

/** RFC 4180. A cell that a spreadsheet would take for a formula begins with an apostrophe. */
function csvOf(rows: readonly JsonObject[]): string {
  const names = Object.keys(rows[0] ?? { date: null });
  const lines = [names, ...rows.map((row) => names.map((name) => row[name]))];
  return `${lines.map((line) => line.map((cell) => csvCell(cell ?? null)).join(",")).join("\r\n")}\r\n`;
}

function csvCell(value: Json): string {
  if (typeof value !== "string") return value === null ? "" : String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
