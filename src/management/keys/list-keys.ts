import type { Json, JsonObject } from "../../json/json.ts";
import { listArchived } from "../../store/objects/archived-objects.ts";
import { type KeyRow, keys } from "../../store/objects/keys.ts";
import type { Condition, Connection, PageQuery } from "../../store/objects/object-table.ts";
import { users } from "../../store/objects/users.ts";
import type { Authority } from "../authority.ts";
import type { Management } from "../management.ts";
import { badRequest } from "../refusals.ts";
import { showUsers } from "../users/user-shape.ts";
import { showKeys } from "./key-shape.ts";

export interface KeyListQuery {
  readonly page: number;
  readonly size: number;
  readonly user_id?: string | null | undefined;
  readonly team_id?: string | null | undefined;
  readonly organization_id?: string | null | undefined;
  readonly project_id?: string | null | undefined;
  readonly access_group_id?: string | null | undefined;
  readonly agent_id?: string | null | undefined;
  readonly key_hash?: string | null | undefined;
  readonly key_alias?: string | null | undefined;
  readonly search?: string | null | undefined;
  readonly status?: string | null | undefined;
  readonly expires?: string | null | undefined;
  readonly sort_by?: string | null | undefined;
  readonly sort_order: string;
  readonly expand?: readonly string[] | null | undefined;
  readonly return_full_object: boolean;
  readonly include_team_keys: boolean;
  readonly include_created_by_keys: boolean;
  readonly substring_matching: boolean;
}

const SORTED_BY = ["max_budget", "created_at", "updated_at", "token", "key_alias", "expires"];
/** Keys of sessions of the dashboard are nobody's business. */
const SESSION_TEAM = "litellm-dashboard";

/** One page of the keys that the caller may see. */
export async function listKeys(management: Management, authority: Authority, query: KeyListQuery): Promise<JsonObject> {
  const { page, size } = query;
  const connection = management.database.kysely;
  const offset = (page - 1) * size;
  if (query.status === "deleted") {
    if (!authority.seesAll) throw badRequest("Only proxy admins can list deleted keys", "status");
    const { objects, total } = await listArchived(connection, "key", size, offset);
    const shown = objects.map((one) => ({
      ...(JSON.parse(one.data) as JsonObject),
      deleted_at: new Date(one.deletedAt).toISOString(),
      deleted_by: one.deletedBy,
    }));
    return paged(query.return_full_object ? shown : objects.map((one) => one.id), total, page, size);
  }
  const where = [...(await visible(connection, await scope(authority, query))), ...filters(query, management.now())];
  const found = await keys.page(connection, {
    where,
    orderBy: orderOf(query.sort_by),
    descending: query.sort_order !== "asc",
    limit: size,
    offset,
  });
  const expanded = query.expand?.includes("user") === true;
  if (!query.return_full_object && !expanded) {
    return paged(
      found.rows.map((row) => row.token),
      found.total,
      page,
      size,
    );
  }
  const shown = await showKeys(management, connection, found.rows);
  return paged(expanded ? await withUsers(management, found.rows, shown) : shown, found.total, page, size);
}

/** The aliases of the keys that the caller may see. */
export async function listAliases(
  management: Management,
  authority: Authority,
  query: {
    readonly page: number;
    readonly size: number;
    readonly search?: string | null | undefined;
    readonly team_id?: string | null | undefined;
  },
): Promise<JsonObject> {
  const own = await scope(authority, { include_team_keys: true, include_created_by_keys: true });
  const found = await keys.page(management.database.kysely, {
    where: [
      ...(await visible(management.database.kysely, own)),
      { column: "key_alias", isNot: "" },
      { column: "key_alias", contains: query.search ?? "" },
      ...(typeof query.team_id === "string" ? [{ column: "team_id", is: query.team_id }] : []),
    ],
    orderBy: "key_alias",
    descending: false,
    limit: query.size,
    offset: (query.page - 1) * query.size,
  });
  const { keys: aliases, ...rest } = paged(
    found.rows.map((row) => row.key_alias),
    found.total,
    query.page,
    query.size,
  );
  return { aliases, ...rest, size: query.size };
}

/** Undefined where the caller may see all keys. */
async function scope(
  authority: Authority,
  query: Pick<KeyListQuery, "include_team_keys" | "include_created_by_keys">,
): Promise<Condition | undefined> {
  if (authority.seesAll) return undefined;
  const { userId, keyHash } = authority.principal;
  const any: Condition[] = [
    userId === undefined ? { column: "token", is: keyHash } : { column: "user_id", is: userId },
    { column: "organization_id", in: await authority.ownOrganizationIds() },
  ];
  if (query.include_team_keys) any.push({ column: "team_id", in: await authority.ownTeamIds("admin") });
  if (query.include_created_by_keys && userId !== undefined) any.push({ column: "created_by", is: userId });
  return { any };
}

/** Where there are no keys of sessions nothing is said of them, so that an index alone finds a page and counts all. */
async function visible(connection: Connection, own: Condition | undefined): Promise<Condition[]> {
  const sessions = (await keys.countBy(connection, "team_id", [SESSION_TEAM])).size > 0;
  return [...(sessions ? [{ column: "team_id", isNot: SESSION_TEAM }] : []), ...(own === undefined ? [] : [own])];
}

function filters(query: KeyListQuery, now: number): Condition[] {
  const where: Condition[] = [];
  for (const column of ["team_id", "organization_id", "project_id", "agent_id"] as const) {
    const value = query[column];
    if (typeof value === "string") where.push({ column, is: value });
  }
  for (const column of ["user_id", "key_alias"] as const) {
    const value = query[column];
    if (typeof value === "string")
      where.push(query.substring_matching ? { column, contains: value } : { column, is: value });
  }
  if (typeof query.key_hash === "string") where.push({ column: "token", is: query.key_hash });
  if (typeof query.search === "string") {
    const any = ["key_alias", "user_id", "team_id", "token"].map((column) => ({
      column,
      contains: query.search ?? "",
    }));
    where.push({ any });
  }
  if (typeof query.access_group_id === "string") {
    where.push({ column: "settings", contains: JSON.stringify(query.access_group_id) });
  }
  if (query.expires === "expired") where.push({ column: "expires", below: now });
  else if (query.expires === "never") where.push({ column: "expires", is: null });
  else if (query.expires === "active") {
    where.push({
      any: [
        { column: "expires", is: null },
        { column: "expires", atLeast: now },
      ],
    });
  } else if (typeof query.expires === "string") {
    throw badRequest("expires must be one of expired, active and never", "expires");
  }
  if (typeof query.status === "string" && query.status !== "deleted") {
    throw badRequest("status must be 'deleted' or absent", "status");
  }
  return where;
}

function orderOf(sortBy: string | null | undefined): PageQuery["orderBy"] {
  if (sortBy === null || sortBy === undefined) return "created_at";
  if (sortBy === "spend") return { spendOf: "key" };
  if (!SORTED_BY.includes(sortBy)) {
    throw badRequest(`Invalid sort_by. Must be one of: spend, ${SORTED_BY.join(", ")}`, "sort_by");
  }
  return sortBy === "max_budget" ? "max_budget_nano" : sortBy;
}

async function withUsers(
  management: Management,
  rows: readonly KeyRow[],
  shown: readonly JsonObject[],
): Promise<Json[]> {
  const ids = rows.flatMap((row) => (row.user_id === null ? [] : [row.user_id]));
  const found = await users.findMany(management.database.kysely, ids);
  const byId = new Map(
    (await showUsers(management, management.database.kysely, found)).map((user) => [user.user_id, user]),
  );
  return shown.map((key) => ({ ...key, user: byId.get(key.user_id) ?? null }));
}

function paged(
  rows: readonly Json[],
  total: number,
  page: number,
  size: number,
): { readonly keys: readonly Json[] } & JsonObject {
  return { keys: rows, total_count: total, current_page: page, total_pages: Math.ceil(total / size) };
}
