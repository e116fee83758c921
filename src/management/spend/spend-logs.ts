import { z } from "zod";
import { hashKey } from "../../auth/authenticator.ts";
import type { Principal } from "../../auth/principal.ts";
import type { JsonObject } from "../../json/json.ts";
import { findRecords, listRecords, listSessions, recordsAt, SORT_COLUMNS } from "../../ledger/queries.ts";
import type { SpendRecord } from "../../ledger/record.ts";
import { countRecords } from "../../ledger/record-counts.ts";
import type { RecordFilter } from "../../ledger/record-filter.ts";
import { DAY_MS } from "../../ledger/rollup-statements.ts";
import { nanoToNumber } from "../../pricing/cost.ts";
import type { Database } from "../../store/database.ts";
import * as f from "../fields.ts";
import { badRequest, refused } from "../refusals.ts";
import { route } from "../route.ts";
import { spendByDay } from "./spend-by-day.ts";
import { dayOfText, momentOfText } from "./spend-dates.ts";
import { spendLogRow } from "./spend-log-row.ts";
import { administeredTeams, ownRows, seesAll } from "./spend-visibility.ts";

const TAG = "Budget & Spend Tracking";

/** Rows of `/spend/logs` without pages; a header says when there are more. */
const RAW_LIMIT = 10_000;

const text = f.optionalName;
const SORTS = Object.keys(SORT_COLUMNS) as (keyof typeof SORT_COLUMNS)[];
const NANO = 1e9;

const pageQuery = {
  api_key: text,
  user_id: text,
  request_id: text,
  session_id: text,
  team_id: text,
  min_spend: z.number().nullish(),
  max_spend: z.number().nullish(),
  start_date: text,
  end_date: text,
  page: z.number().int().min(1).default(1),
  page_size: z.number().int().min(1).max(100).default(50),
  status_filter: text,
  cache_hit_filter: text,
  model: text,
  model_id: text,
  model_group: text,
  key_alias: text,
  end_user: text,
  error_code: text,
  error_message: text,
  sort_by: z.enum(SORTS as [keyof typeof SORT_COLUMNS, ...(keyof typeof SORT_COLUMNS)[]]).default("startTime"),
  sort_order: z.enum(["asc", "desc"]).nullish(),
  search: text,
  used_client_oauth_token: z.boolean().nullish(),
  span_type: z.enum(["llm", "mcp", "agent"]).nullish(),
  exclude_internal_health_checks: z.boolean().default(false),
  group_by_session: z.boolean().default(false),
  session_cursor: text,
};

/** Calls that are no calls of models, by LiteLLM's names. */
const SPANS: Readonly<Record<"mcp" | "agent", readonly string[]>> = {
  mcp: ["call_mcp_tool", "list_mcp_tools"],
  agent: ["asend_message", "send_message"],
};

/** LiteLLM's name of the key that its own health checks are logged under. */
const HEALTH_CHECK_KEY = "litellm-internal-health-check";

export const spendLogRoutes = [
  route({
    method: "GET",
    path: "/spend/logs",
    permission: "own",
    tag: TAG,
    summary: "Rows of the ledger, or with dates their sums per day",
    query: {
      api_key: text,
      user_id: text,
      request_id: text,
      start_date: text,
      end_date: text,
      summarize: z.boolean().default(true),
    },
    handle: async ({ management: { database }, principal, query }) => {
      const { start_date: start, end_date: end } = query;
      if (typeof query.request_id === "string") {
        return (await visibleRecords(database, principal, query.request_id)).map(spendLogRow);
      }
      const filter = { ...ownRows(principal), ...ownerOf(query) };
      const dated = typeof start === "string" && typeof end === "string";
      if (dated && query.summarize) return spendByDay(database, principal, filter, start, end);
      const { records, next } = await listRecords(database, {
        ...filter,
        ...(typeof start === "string" ? { from: momentOfText(start, "start_date") } : {}),
        ...(typeof end === "string" ? { to: endOf(end) } : {}),
        limit: RAW_LIMIT,
      });
      const headers = next === undefined ? {} : { "x-litellm-spend-logs-truncated": "true" };
      return Response.json(records.map(spendLogRow), { headers });
    },
  }),
  route({
    method: "GET",
    path: "/spend/logs/v2",
    aliases: ["/spend/logs/ui"],
    permission: "own",
    tag: TAG,
    summary: "Rows of the ledger by page, with filters on what they say",
    query: pageQuery,
    handle: async ({ management: { database }, principal, query }) => {
      const { start_date: start, end_date: end, page, page_size: size } = query;
      if (typeof start !== "string" || typeof end !== "string") {
        throw badRequest("Start date and end date are required", "start_date");
      }
      const filter: RecordFilter = {
        ...(await visibleRows(database, principal, query.team_id)),
        ...filterOf(query),
        from: momentOfText(start, "start_date"),
        to: endOf(end),
      };
      if (query.group_by_session) return sessionPage(database, filter, query);
      const [records, total] = await Promise.all([
        recordsAt(database, filter, {
          sortBy: query.sort_by,
          descending: query.sort_order !== "asc",
          limit: size,
          offset: (page - 1) * size,
        }),
        countRecords(database, filter),
      ]);
      return pageOf(records, total, page, size);
    },
  }),
  route({
    method: "GET",
    path: "/spend/logs/session/ui",
    permission: "own",
    tag: TAG,
    summary: "Rows of one session",
    query: {
      session_id: f.name,
      page: z.number().int().min(1).default(1),
      page_size: z.number().int().min(1).max(100).default(50),
    },
    handle: async ({ management: { database }, principal, query }) => {
      const { page, page_size: size } = query;
      const filter = { ...ownRows(principal), sessionId: query.session_id };
      const [records, total] = await Promise.all([
        recordsAt(database, filter, { sortBy: "startTime", descending: false, limit: size, offset: (page - 1) * size }),
        countRecords(database, filter),
      ]);
      return pageOf(records, total, page, size);
    },
  }),
  route({
    method: "GET",
    path: "/spend/logs/ui/{request_id}",
    permission: "own",
    tag: TAG,
    summary: "One row of the ledger; bodies are kept only where the configuration says so",
    query: { start_date: text, end_date: text },
    handle: async ({ management: { database }, principal, params }) => {
      const [record] = await visibleRecords(database, principal, params.request_id as string);
      if (record === undefined) throw refused(404, `no request ${params.request_id} is in the ledger`);
      return spendLogRow(record);
    },
  }),
];

/** Rows by id that the caller may see; a row of somebody else is as good as none. */
export async function visibleRecords(
  database: Database,
  principal: Principal,
  id: string,
): Promise<readonly SpendRecord[]> {
  const records = await findRecords(database, id);
  if (records.length === 0 || seesAll(principal)) return records;
  const teams = await administeredTeams(database, principal);
  return records.filter(
    (record) =>
      record.keyHash === principal.keyHash ||
      (record.userId !== undefined && record.userId === principal.userId) ||
      (record.teamId !== undefined && teams.includes(record.teamId)),
  );
}

/** Who administers a team may see its rows when asking for them. */
async function visibleRows(
  database: Database,
  principal: Principal,
  teamId: string | null | undefined,
): Promise<RecordFilter> {
  if (seesAll(principal) || typeof teamId !== "string") return ownRows(principal);
  const teams = await administeredTeams(database, principal);
  return teams.includes(teamId) ? {} : ownRows(principal);
}

type PageQuery = { readonly [K in keyof typeof pageQuery]: z.output<(typeof pageQuery)[K]> };

function filterOf(query: PageQuery): RecordFilter {
  const { status_filter: status, cache_hit_filter: cacheHit, min_spend: min, max_spend: max } = query;
  return {
    ...ownerOf(query),
    ...kindOf(query),
    ...given("id", query.request_id),
    ...given("sessionId", query.session_id),
    ...given("teamId", query.team_id),
    ...given("model", query.model),
    ...given("deploymentId", query.model_id),
    ...given("modelGroup", query.model_group),
    ...given("keyAlias", query.key_alias),
    ...given("endUser", query.end_user),
    ...given("errorCode", query.error_code),
    ...given("errorText", query.error_message),
    ...given("search", query.search),
    ...(status === "failure" ? { statusNot: "success" } : given("status", status)),
    ...(typeof cacheHit === "string" ? { cacheHit: cacheHit.toLowerCase() === "true" || cacheHit === "hit" } : {}),
    ...(typeof min === "number" ? { minCost: BigInt(Math.ceil(min * NANO)) } : {}),
    ...(typeof max === "number" ? { maxCost: BigInt(Math.floor(max * NANO)) } : {}),
  } as RecordFilter;
}

function kindOf(query: PageQuery): RecordFilter {
  const { span_type: span, used_client_oauth_token: oauth } = query;
  return {
    ...(span === "llm" ? { callTypesNot: Object.values(SPANS).flat() } : {}),
    ...(span === "mcp" || span === "agent" ? { callTypes: SPANS[span] } : {}),
    ...(typeof oauth === "boolean" ? { marked: { name: "used_client_oauth_token", is: oauth } } : {}),
    ...(query.exclude_internal_health_checks ? { keyHashNot: HEALTH_CHECK_KEY } : {}),
  };
}

/** The newest row of each session, with what the session's rows add up to. */
async function sessionPage(database: Database, filter: RecordFilter, query: PageQuery): Promise<JsonObject> {
  const { page, page_size: size, session_cursor: cursor } = query;
  if (typeof cursor === "string" && !/^\d{1,15}$/.test(cursor)) {
    throw badRequest("session_cursor is not one that an answer gave", "session_cursor");
  }
  const { sessions, total } = await listSessions(database, filter, {
    limit: size,
    offset: (page - 1) * size,
    ...(typeof cursor === "string" ? { after: cursor } : {}),
  });
  return {
    data: sessions.map(({ record, requests, cost, totalTokens }) => ({
      ...spendLogRow(record),
      session_total_count: requests,
      session_total_spend: nanoToNumber(cost),
      session_total_tokens: totalTokens,
    })),
    total,
    page,
    page_size: size,
    total_pages: Math.ceil(total / size),
    next_session_cursor: sessions.length < size ? null : (sessions.at(-1)?.cursor ?? null),
  };
}

function ownerOf(query: {
  readonly api_key?: string | null | undefined;
  readonly user_id?: string | null | undefined;
}): RecordFilter {
  const { api_key: key } = query;
  return {
    ...(typeof key === "string" ? { keyHash: key.startsWith("sk-") ? hashKey(key) : key } : {}),
    ...given("userId", query.user_id),
  };
}

function given(name: keyof RecordFilter, value: string | null | undefined): Record<string, string> {
  return typeof value === "string" ? { [name]: value } : {};
}

/** A date means the whole day. */
function endOf(text: string): number {
  return text.length === 10 ? dayOfText(text, "end_date") + DAY_MS : momentOfText(text, "end_date") + 1;
}

function pageOf(records: readonly SpendRecord[], total: number, page: number, size: number): JsonObject {
  return {
    data: records.map(spendLogRow),
    total,
    page,
    page_size: size,
    total_pages: Math.ceil(total / size),
  };
}
