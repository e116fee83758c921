import { z } from "zod";
import { ROLES } from "../../auth/permissions.ts";
import type { Json, JsonObject } from "../../json/json.ts";
import { keys } from "../../store/objects/keys.ts";
import type { Condition, PageQuery } from "../../store/objects/object-table.ts";
import { organizationMembers } from "../../store/objects/organizations.ts";
import { teamMembers, teams } from "../../store/objects/teams.ts";
import { users } from "../../store/objects/users.ts";
import { Authority } from "../authority.ts";
import type { Actor } from "../change.ts";
import * as f from "../fields.ts";
import { showKeys } from "../keys/key-shape.ts";
import type { Management } from "../management.ts";
import { badRequest, forbidden, refused } from "../refusals.ts";
import { type ManagementRoute, route } from "../route.ts";
import { showTeams } from "../teams/team-shape.ts";
import { newUserBody, showUsers, updateUserBody } from "./user-shape.ts";
import { createUser, deleteUsers, updateUser } from "./write-users.ts";

const TAG = "Internal User management";
const SORTED_BY = ["user_id", "user_email", "user_alias", "user_role", "created_at", "updated_at", "max_budget"];

const ROLE_WORDS: Readonly<Record<string, JsonObject>> = {
  proxy_admin: { description: "admin over the platform, has all permissions", ui_label: "Admin (All Permissions)" },
  proxy_admin_viewer: {
    description: "sees all keys, users and spend; cannot change them",
    ui_label: "Admin (View Only)",
  },
  internal_user: {
    description: "makes, changes and sees its own keys, sees its own spend",
    ui_label: "Internal User (Create/Delete/View)",
  },
  internal_user_viewer: { description: "sees its own keys and spend", ui_label: "Internal User (View Only)" },
};

export const userRoutes: readonly ManagementRoute[] = [
  route({
    method: "POST",
    path: "/user/new",
    permission: "manage",
    tag: TAG,
    summary: "Make a user, and a key for it",
    body: newUserBody,
    handle: ({ body, ...actor }) => createUser(actor, body as JsonObject),
  }),
  route({
    method: "POST",
    path: "/user/update",
    permission: "manage",
    tag: TAG,
    summary: "Change a user; users may change their own name, address and password",
    body: updateUserBody,
    handle: ({ body, ...actor }) => updateUser(actor, body as JsonObject),
  }),
  route({
    method: "POST",
    path: "/user/bulk_update",
    permission: "admin",
    tag: TAG,
    summary: "Change many users; each succeeds or fails for itself",
    body: z.object({
      users: z.array(updateUserBody).max(500).nullish(),
      all_users: f.flag,
      user_updates: updateUserBody.nullish(),
    }),
    handle: ({ body, ...actor }) => bulkUpdate(actor, body as JsonObject),
  }),
  route({
    method: "POST",
    path: "/user/delete",
    permission: "admin",
    tag: TAG,
    summary: "Delete users, their keys and memberships",
    body: z.object({ user_ids: z.array(f.requiredName).min(1).max(500) }),
    handle: async ({ body, ...actor }) => (await deleteUsers(actor, body.user_ids)) as Json,
  }),
  route({
    method: "GET",
    path: "/user/info",
    permission: "own",
    tag: TAG,
    summary: "A user with its keys and teams; the caller where none is named",
    query: { user_id: f.optionalName },
    handle: async ({ query, management, principal }) => {
      const connection = management.database.kysely;
      const authority = new Authority(principal, connection);
      const userId = query.user_id ?? principal.userId ?? null;
      if (!authority.seesAll && !authority.isSelf(userId)) throw forbidden("You may only see your own user");
      const row = userId === null ? undefined : await users.find(connection, userId);
      if (row === undefined && typeof query.user_id === "string") throw refused(404, `User ${query.user_id} not found`);
      const all = authority.seesAll && typeof query.user_id !== "string";
      const keyRows = all
        ? (await keys.page(connection, { ...EVERYTHING, orderBy: "created_at" })).rows
        : await keys.findMany(connection, userId === null ? [] : [userId], "user_id");
      const memberships = userId === null ? [] : await teamMembers.findMany(connection, [userId], "user_id");
      const teamRows = all
        ? (await teams.page(connection, { ...EVERYTHING, orderBy: "created_at" })).rows
        : await teams.findMany(
            connection,
            memberships.map((member) => member.team_id),
          );
      const [info] = row === undefined ? [] : await showUsers(management, connection, [row]);
      return {
        user_id: userId,
        user_info: info ?? null,
        keys: await showKeys(management, connection, keyRows),
        teams: await showTeams(management, connection, teamRows),
      };
    },
  }),
  route({
    method: "GET",
    path: "/v2/user/info",
    permission: "own",
    tag: TAG,
    summary: "A user without its keys",
    query: { user_id: f.optionalName },
    handle: async ({ query, management, principal }) => {
      const connection = management.database.kysely;
      const authority = new Authority(principal, connection);
      const userId = query.user_id ?? principal.userId;
      if (userId === undefined) throw badRequest("user_id is required", "user_id");
      if (!authority.seesAll && !authority.isSelf(userId) && !(await sharesTeam(management, authority, userId))) {
        throw forbidden("You may only see yourself and members of teams that you administer");
      }
      const row = await users.find(connection, userId);
      if (row === undefined) throw refused(404, `User ${userId} not found`);
      return (await showUsers(management, connection, [row]))[0] ?? {};
    },
  }),
  route({
    method: "GET",
    path: "/user/list",
    permission: "own",
    tag: TAG,
    summary: "Users, page by page",
    query: {
      role: f.optionalName,
      user_ids: f.text.nullish(),
      sso_user_ids: f.text.nullish(),
      user_email: f.optionalName,
      search: f.optionalName,
      team: f.optionalName,
      page: z.int().min(1).default(1),
      page_size: z.int().min(1).max(100).default(25),
      sort_by: f.optionalName,
      sort_order: z.enum(["asc", "desc"]).default("asc"),
      organization_ids: f.text.nullish(),
    },
    handle: ({ query, management, principal }) =>
      listUsers(management, new Authority(principal, management.database.kysely), query),
  }),
  route({
    method: "GET",
    path: "/user/filter/ui",
    permission: "view",
    tag: TAG,
    summary: "Users whose id or address contains a text",
    query: {
      user_id: f.optionalName,
      user_email: f.optionalName,
      page: z.int().min(1).default(1),
      page_size: z.int().min(1).max(100).default(50),
    },
    handle: async ({ query, management }) => {
      const where: Condition[] = [];
      if (typeof query.user_id === "string") where.push({ column: "user_id", contains: query.user_id });
      if (typeof query.user_email === "string") where.push({ column: "user_email", contains: query.user_email });
      const found = await users.page(management.database.kysely, {
        where,
        orderBy: "created_at",
        descending: true,
        limit: query.page_size,
        offset: (query.page - 1) * query.page_size,
      });
      return (await showUsers(management, management.database.kysely, found.rows)) as Json;
    },
  }),
  route({
    method: "GET",
    path: "/user/available_roles",
    permission: "key",
    tag: TAG,
    summary: "The roles that users may have",
    handle: () => ROLE_WORDS,
  }),
];

const EVERYTHING = { where: [], descending: true, limit: 1_000, offset: 0 } as const;

async function sharesTeam(management: Management, authority: Authority, userId: string): Promise<boolean> {
  const administered = await authority.ownTeamIds("admin");
  const memberships = await teamMembers.findMany(management.database.kysely, [userId], "user_id");
  return memberships.some((member) => administered.includes(member.team_id));
}

interface UserListQuery {
  readonly role?: string | null | undefined;
  readonly user_ids?: string | null | undefined;
  readonly sso_user_ids?: string | null | undefined;
  readonly user_email?: string | null | undefined;
  readonly search?: string | null | undefined;
  readonly team?: string | null | undefined;
  readonly organization_ids?: string | null | undefined;
  readonly page: number;
  readonly page_size: number;
  readonly sort_by?: string | null | undefined;
  readonly sort_order: string;
}

async function listUsers(management: Management, authority: Authority, query: UserListQuery): Promise<JsonObject> {
  const connection = management.database.kysely;
  const where: Condition[] = [];
  if (typeof query.role === "string") {
    if (!(ROLES as readonly string[]).includes(query.role)) throw badRequest(`Invalid role '${query.role}'`, "role");
    where.push({ column: "user_role", is: query.role });
  }
  if (typeof query.user_ids === "string") where.push({ column: "user_id", in: split(query.user_ids) });
  if (typeof query.sso_user_ids === "string") where.push({ column: "sso_user_id", in: split(query.sso_user_ids) });
  if (typeof query.user_email === "string") where.push({ column: "user_email", contains: query.user_email });
  if (typeof query.search === "string") {
    const any = ["user_id", "user_email", "user_alias"].map((column) => ({ column, contains: query.search ?? "" }));
    where.push({ any });
  }
  if (typeof query.team === "string") {
    const members = await teamMembers.findMany(connection, [query.team]);
    where.push({ column: "user_id", in: members.map((member) => member.user_id) });
  }
  let organizationIds = typeof query.organization_ids === "string" ? split(query.organization_ids) : undefined;
  if (!authority.seesAll) {
    const administered = await authority.ownOrganizationIds();
    organizationIds = organizationIds?.filter((id) => administered.includes(id)) ?? [...administered];
    if (administered.length === 0) throw forbidden("Only proxy admins and org admins can list users");
  }
  if (organizationIds !== undefined) {
    const members = await organizationMembers.findMany(connection, organizationIds);
    where.push({ column: "user_id", in: members.map((member) => member.user_id) });
  }
  const found = await users.page(connection, {
    where,
    orderBy: orderOf(query.sort_by),
    descending: query.sort_by === null || query.sort_by === undefined ? true : query.sort_order === "desc",
    limit: query.page_size,
    offset: (query.page - 1) * query.page_size,
  });
  const ids = found.rows.map((row) => row.user_id);
  const counts = await keys.countBy(connection, "user_id", ids);
  const shown = await showUsers(management, connection, found.rows);
  return {
    users: shown.map((user) => ({ ...user, key_count: counts.get(String(user.user_id)) ?? 0 })),
    total: found.total,
    page: query.page,
    page_size: query.page_size,
    total_pages: Math.ceil(found.total / query.page_size),
  };
}

function split(list: string): string[] {
  return list.split(",").map((item) => item.trim());
}

function orderOf(sortBy: string | null | undefined): PageQuery["orderBy"] {
  if (sortBy === null || sortBy === undefined) return "created_at";
  if (sortBy === "spend") return { spendOf: "user" };
  if (!SORTED_BY.includes(sortBy)) {
    throw badRequest(`Invalid sort_by. Must be one of: spend, ${SORTED_BY.join(", ")}`, "sort_by");
  }
  return sortBy === "max_budget" ? "max_budget_nano" : sortBy;
}

async function bulkUpdate(actor: Actor, body: JsonObject): Promise<JsonObject> {
  let items = (body.users ?? []) as readonly JsonObject[];
  if (body.all_users === true) {
    if (body.user_updates === undefined || body.user_updates === null) {
      throw badRequest("all_users needs user_updates", "user_updates");
    }
    const everyone = await users.all(actor.management.database.kysely);
    items = everyone.map((row) => ({
      ...(body.user_updates as JsonObject),
      user_id: row.user_id,
      user_email: undefined,
    }));
  }
  if (items.length === 0) throw badRequest("users or all_users must be given", "users");
  const results: JsonObject[] = [];
  for (const item of items) {
    const named = { user_id: item.user_id ?? null, user_email: item.user_email ?? null };
    try {
      results.push({ ...named, success: true, updated_user: (await updateUser(actor, item)).data ?? null });
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      results.push({ ...named, success: false, error: error.message });
    }
  }
  const successful = results.filter((result) => result.success === true).length;
  return {
    results,
    total_requested: results.length,
    successful_updates: successful,
    failed_updates: results.length - successful,
  };
}
