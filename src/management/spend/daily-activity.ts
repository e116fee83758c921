import { z } from "zod";
import { hashKey } from "../../auth/authenticator.ts";
import type { Principal } from "../../auth/principal.ts";
import type { JsonObject, MutableJsonObject } from "../../json/json.ts";
import { DAY_MS, type Dimension } from "../../ledger/rollup-statements.ts";
import { addSums, type Sums, usageBy } from "../../ledger/usage.ts";
import { nanoToNumber } from "../../pricing/cost.ts";
import type { Database } from "../../store/database.ts";
import type { Management } from "../management.ts";
import { refused } from "../refusals.ts";
import { route } from "../route.ts";
import { dateText, dayRange } from "./spend-dates.ts";
import { administeredOrganizations, administeredTeams, narrowed, seesAll } from "./spend-visibility.ts";

/** Keys and entities that one day's breakdown names, the most expensive; the sums are of all. */
const NAMED = 100;

const text = z.string().nullish();

const common = {
  start_date: text,
  end_date: text,
  model: text,
  api_key: text,
  page: z.number().int().min(1).default(1),
  page_size: z.number().int().min(1).max(1000).default(50),
};

/** What `…/daily/activity` needs to know of its kind of entity. */
interface Kind {
  readonly path: string;
  readonly aliases?: readonly string[];
  readonly dimension: Dimension;
  readonly tag: string;
  readonly summary: string;
  /** The parameters that name entities. */
  readonly only: string;
  readonly except?: string;
  /** The entities that the caller may see; undefined for all. Throws when it may see none. */
  readonly visible: (database: Database, principal: Principal) => Promise<readonly string[] | undefined>;
}

const KINDS: readonly Kind[] = [
  {
    path: "/user/daily/activity",
    dimension: "user",
    tag: "Budget & Spend Tracking",
    summary: "Usage of a user, or of everybody, per day",
    only: "user_id",
    visible: async (_, principal) =>
      seesAll(principal) ? undefined : principal.userId === undefined ? [] : [principal.userId],
  },
  {
    path: "/team/daily/activity",
    dimension: "team",
    tag: "team management",
    summary: "Usage of teams per day",
    only: "team_ids",
    except: "exclude_team_ids",
    visible: async (database, principal) => (seesAll(principal) ? undefined : administeredTeams(database, principal)),
  },
  {
    path: "/organization/daily/activity",
    dimension: "organization",
    tag: "organization management",
    summary: "Usage of organisations per day",
    only: "organization_ids",
    except: "exclude_organization_ids",
    visible: async (database, principal) =>
      seesAll(principal) ? undefined : administeredOrganizations(database, principal),
  },
  {
    path: "/customer/daily/activity",
    aliases: ["/end_user/daily/activity"],
    dimension: "customer",
    tag: "Customer Management",
    summary: "Usage of customers per day",
    only: "end_user_ids",
    except: "exclude_end_user_ids",
    visible: async (_, principal) => (seesAll(principal) ? undefined : []),
  },
  {
    path: "/tag/daily/activity",
    dimension: "tag",
    tag: "tag management",
    summary: "Usage of tags per day",
    only: "tags",
    visible: async (_, principal) => (seesAll(principal) ? undefined : []),
  },
];

/** The days of a range by page, newest first, and the same in one answer under `/aggregated`. */
export const dailyActivityRoutes = KINDS.flatMap((kind) => {
  const query = { ...common, [kind.only]: text, ...(kind.except === undefined ? {} : { [kind.except]: text }) };
  const described = { method: "GET", permission: "own", tag: kind.tag, query } as const;
  return [
    route({
      ...described,
      path: kind.path,
      ...(kind.aliases === undefined ? {} : { aliases: kind.aliases }),
      summary: kind.summary,
      handle: ({ management, principal, query }) => answer(kind, management, principal, query as Query, true),
    }),
    route({
      ...described,
      path: `${kind.path}/aggregated`,
      ...(kind.aliases === undefined ? {} : { aliases: kind.aliases.map((alias) => `${alias}/aggregated`) }),
      summary: `${kind.summary}, all days in one answer`,
      handle: ({ management, principal, query }) => answer(kind, management, principal, query as Query, false),
    }),
  ];
});

type Query = { readonly page: number; readonly page_size: number } & Readonly<
  Record<string, string | number | null | undefined>
>;

async function answer(
  kind: Kind,
  management: Management,
  principal: Principal,
  query: Query,
  paged: boolean,
): Promise<JsonObject> {
  const { database } = management;
  const start = textOf(query.start_date);
  const end = textOf(query.end_date);
  if (start === undefined || end === undefined) throw refused(400, "Please provide start_date and end_date");
  const range = dayRange(start, end, management.now());
  const days = Math.round((range.lastDay - range.firstDay) / DAY_MS) + 1;
  const size = paged ? query.page_size : days;
  const page = paged ? query.page : 1;
  const pages = Math.ceil(days / size);
  // Newest first: the first page has the last days.
  const lastDay = range.lastDay - (page - 1) * size * DAY_MS;
  const firstDay = Math.max(lastDay - (size - 1) * DAY_MS, range.firstDay);
  const asked = listOf(query[kind.only]);
  const visible = await kind.visible(database, principal);
  const entities = narrowed(asked, visible, kind.dimension);
  const key = textOf(query.api_key);
  const keyHash = key?.startsWith("sk-") ? hashKey(key) : key;
  const scope: Scope = {
    kind,
    firstDay,
    lastDay,
    ...(entities === undefined ? {} : { entities }),
    ...(kind.except === undefined ? {} : { exceptEntities: listOf(query[kind.except]) ?? [] }),
    ...(keyHash === undefined ? {} : { keyHash }),
    ...(textOf(query.model) === undefined ? {} : { model: textOf(query.model) as string }),
  };
  const results = page > pages || firstDay > lastDay ? [] : await daysOf(database, scope);
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

interface Scope {
  readonly kind: Kind;
  readonly firstDay: number;
  readonly lastDay: number;
  readonly entities?: readonly string[];
  readonly exceptEntities?: readonly string[];
  readonly keyHash?: string;
  readonly model?: string;
}

interface Day {
  readonly sums: Sums;
  readonly result: JsonObject;
}

/** Everybody's usage is read from the sums by model, which are few, and by key only for the keys that are named. */
async function daysOf(database: Database, scope: Scope): Promise<Day[]> {
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
  const dayCount = (scope.lastDay - scope.firstDay) / DAY_MS + 1;
  const top = NAMED * dayCount;
  const [models, keys, owners] = await Promise.all([
    usageBy(database, { ...modelScope, by: ["period", "model", "model_group", "provider", "call_type"] }),
    usageBy(database, { ...keyScope, by: ["period", "key_hash"], top }),
    usageBy(database, { ...narrow, dimension: kind.dimension, by: ["period", "entity"], top }),
  ]);
  const names = await keyNames(database, [...new Set(keys.map((row) => row.key_hash))]);
  const days: Day[] = [];
  for (let day = scope.lastDay; day >= scope.firstDay; day -= DAY_MS) {
    const own = models.filter((row) => row.period === day);
    if (own.length === 0) continue;
    const sums = addSums(own);
    const ofDay = <Row extends { readonly period: number }>(rows: readonly Row[]) =>
      rows.filter((row) => row.period === day).slice(0, NAMED);
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
            ofDay(keys).map((row) => [
              row.key_hash,
              { metrics: metrics(row), metadata: names.get(row.key_hash) ?? UNKNOWN_KEY },
            ]),
          ),
          entities: grouped(ofDay(owners), (row) => row.entity),
        },
      },
    });
  }
  return days;
}

const UNKNOWN_KEY: JsonObject = { key_alias: null, team_id: null, user_id: null, key_exists: false };

async function keyNames(database: Database, hashes: readonly string[]): Promise<ReadonlyMap<string, JsonObject>> {
  const names = new Map<string, JsonObject>();
  for (let at = 0; at < hashes.length; at += 500) {
    const rows = await database.kysely
      .selectFrom("virtual_key")
      .select(["token", "key_alias", "team_id", "user_id"])
      .where("token", "in", hashes.slice(at, at + 500))
      .execute();
    for (const { token, ...row } of rows) names.set(token, { ...row, key_exists: true });
  }
  return names;
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

function metrics(sums: Sums): JsonObject {
  return {
    spend: nanoToNumber(sums.cost),
    prompt_tokens: sums.promptTokens,
    completion_tokens: sums.completionTokens,
    cache_read_input_tokens: sums.cacheReadTokens,
    cache_creation_input_tokens: sums.cacheWriteTokens,
    total_tokens: sums.promptTokens + sums.completionTokens,
    successful_requests: sums.successes,
    failed_requests: sums.requests - sums.successes,
    api_requests: sums.requests,
  };
}

function textOf(value: string | number | null | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function listOf(value: string | number | null | undefined): readonly string[] | undefined {
  const names = textOf(value)
    ?.split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  return names === undefined || names.length === 0 ? undefined : names;
}
