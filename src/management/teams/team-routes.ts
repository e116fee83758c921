import { z } from "zod";
import { asArray, asObject, type Json, type JsonObject } from "../../json/json.ts";
import { listArchived } from "../../store/objects/archived-objects.ts";
import { keys } from "../../store/objects/keys.ts";
import type { Condition } from "../../store/objects/object-table.ts";
import { type TeamRow, teams } from "../../store/objects/teams.ts";
import { users } from "../../store/objects/users.ts";
import { Authority } from "../authority.ts";
import { type Actor, change } from "../change.ts";
import * as f from "../fields.ts";
import { showKeys } from "../keys/key-shape.ts";
import { listOf } from "../object-shape.ts";
import { forbidden, refused } from "../refusals.ts";
import { type ManagementRoute, route } from "../route.ts";
import { addMember, administeredTeam, deleteMember, findOrCreateUser, updateMember } from "./members.ts";
import { member, newTeamBody, showMemberships, showTeam, showTeams, updateTeamBody } from "./team-shape.ts";
import { createTeam, deleteTeams, updateTeam } from "./write-teams.ts";

const TAG = "team management";
const teamOnly = z.object({ team_id: f.requiredName });
const whichMember = { team_id: f.requiredName, user_id: f.optionalName, user_email: f.email };

export const teamRoutes: readonly ManagementRoute[] = [
  route({
    method: "POST",
    path: "/team/new",
    permission: "manage",
    tag: TAG,
    summary: "Make a team",
    body: newTeamBody,
    handle: ({ body, ...actor }) => createTeam(actor, body as unknown as JsonObject),
  }),
  route({
    method: "POST",
    path: "/team/update",
    permission: "manage",
    tag: TAG,
    summary: "Change a team; only fields that are sent change, null clears",
    body: updateTeamBody,
    handle: ({ body, ...actor }) => updateTeam(actor, body.team_id, body as JsonObject),
  }),
  route({
    method: "POST",
    path: "/team/delete",
    permission: "manage",
    tag: TAG,
    summary: "Delete teams, their keys and memberships",
    body: z.object({ team_ids: z.array(f.requiredName).min(1).max(500) }),
    handle: ({ body, ...actor }) => deleteTeams(actor, body.team_ids),
  }),
  route({
    method: "GET",
    path: "/team/info",
    permission: "own",
    tag: TAG,
    summary: "A team with its keys and memberships",
    query: { team_id: f.requiredName, key_limit: z.int().min(1).max(1_000).nullish() },
    handle: async ({ query, management, principal }) => {
      const connection = management.database.kysely;
      const row = await teams.find(connection, query.team_id);
      if (row === undefined) throw refused(404, `Team not found, passed team id: ${query.team_id}.`);
      if (!(await new Authority(principal, connection).seesTeam(row))) {
        throw forbidden(`You may only see teams that you belong to. team_id=${query.team_id}`);
      }
      const owned = await keys.page(connection, {
        where: [{ column: "team_id", is: row.team_id }],
        orderBy: "created_at",
        descending: true,
        limit: query.key_limit ?? 1_000,
        offset: 0,
      });
      return {
        team_id: row.team_id,
        team_info: await showTeam(management, row),
        keys: await showKeys(management, connection, owned.rows),
        team_memberships: await showMemberships(connection, [row.team_id]),
      };
    },
  }),
  route({
    method: "GET",
    path: "/team/list",
    permission: "own",
    tag: TAG,
    summary: "Teams with their memberships",
    query: { user_id: f.optionalName, organization_id: f.optionalName },
    handle: async ({ query, management, principal }) => {
      const connection = management.database.kysely;
      const authority = new Authority(principal, connection);
      const where = await teamScope(authority, query.user_id);
      if (typeof query.organization_id === "string")
        where.push({ column: "organization_id", is: query.organization_id });
      const found = await teams.page(connection, {
        where,
        orderBy: "created_at",
        descending: true,
        limit: 10_000,
        offset: 0,
      });
      return (await withMemberships(management, found.rows)) as Json;
    },
  }),
  route({
    method: "GET",
    path: "/team/available",
    permission: "own",
    tag: TAG,
    summary: "Teams that users may join by themselves (default_internal_user_params.available_teams)",
    handle: async ({ management, principal }) => {
      const connection = management.database.kysely;
      const own = new Set(await new Authority(principal, connection).ownTeamIds());
      const rows = await teams.findMany(connection, availableTeams(management));
      return (await showTeams(
        management,
        connection,
        rows.filter((row) => !own.has(row.team_id)),
      )) as Json;
    },
  }),
  route({
    method: "GET",
    path: "/v2/team/list",
    permission: "own",
    tag: TAG,
    summary: "Teams, page by page",
    query: {
      user_id: f.optionalName,
      organization_id: f.optionalName,
      team_id: f.optionalName,
      team_alias: f.optionalName,
      search: f.optionalName,
      search_team_id_match: z.enum(["exact", "prefix"]).default("exact"),
      page: z.int().min(1).default(1),
      page_size: z.int().min(1).max(100).default(10),
      sort_by: z.enum(["team_alias", "created_at", "updated_at", "spend", "max_budget"]).nullish(),
      sort_order: z.enum(["asc", "desc"]).default("asc"),
      status: z.enum(["deleted"]).nullish(),
    },
    handle: async ({ query, management, principal }) => {
      if (query.status === "deleted") return deletedTeams(management, principal, query);
      const where = await teamScope(new Authority(principal, management.database.kysely), query.user_id);
      if (typeof query.organization_id === "string")
        where.push({ column: "organization_id", is: query.organization_id });
      if (typeof query.team_id === "string") where.push({ column: "team_id", is: query.team_id });
      if (typeof query.team_alias === "string") where.push({ column: "team_alias", contains: query.team_alias });
      if (typeof query.search === "string") {
        const id: Condition =
          query.search_team_id_match === "exact"
            ? { column: "team_id", is: query.search }
            : { column: "team_id", contains: query.search };
        where.push({ any: [{ column: "team_alias", contains: query.search }, id] });
      }
      const sort = query.sort_by ?? "created_at";
      const found = await teams.page(management.database.kysely, {
        where,
        orderBy: sort === "spend" ? { spendOf: "team" } : sort === "max_budget" ? "max_budget_nano" : sort,
        descending: query.sort_order === "desc",
        limit: query.page_size,
        offset: (query.page - 1) * query.page_size,
      });
      return {
        teams: await showTeams(management, management.database.kysely, found.rows),
        total: found.total,
        page: query.page,
        page_size: query.page_size,
        total_pages: Math.ceil(found.total / query.page_size),
      };
    },
  }),
  route({
    method: "POST",
    path: "/team/member_add",
    permission: "manage",
    tag: TAG,
    summary: "Add members; whoever is unknown becomes a user",
    body: z.object({
      member: z.union([member, z.array(member).min(1).max(500)]),
      team_id: f.requiredName,
      max_budget_in_team: f.money,
      budget_duration: f.duration,
      allowed_models: f.optionalNames,
    }),
    handle: ({ body, ...actor }) =>
      addMembers(actor, body.team_id, [body.member].flat(), body as unknown as JsonObject),
  }),
  route({
    method: "POST",
    path: "/team/bulk_member_add",
    permission: "manage",
    tag: TAG,
    summary: "Add many members, or everybody",
    body: z.object({
      team_id: f.requiredName,
      members: z.array(member).max(500).nullish(),
      all_users: f.flag,
      max_budget_in_team: f.money,
    }),
    handle: async ({ body, ...actor }) => {
      if (body.all_users !== true)
        return addMembers(actor, body.team_id, body.members ?? [], body as unknown as JsonObject);
      if (actor.principal.role !== "proxy_admin") throw forbidden("Only proxy admins can add everybody");
      const everyone = await users.all(actor.management.database.kysely);
      const entries = everyone.map(({ user_id }) => ({ user_id, role: "user" as const }));
      return addMembers(actor, body.team_id, entries, body as unknown as JsonObject);
    },
  }),
  route({
    method: "POST",
    path: "/team/member_delete",
    permission: "manage",
    tag: TAG,
    summary: "Take a member out, with its keys for the team",
    body: z.object(whichMember),
    handle: async ({ body, ...actor }) => showTeam(actor.management, await deleteMember(actor, body)),
  }),
  route({
    method: "POST",
    path: "/team/member_update",
    permission: "manage",
    tag: TAG,
    summary: "Change a member's role and budget",
    body: z.object({
      ...whichMember,
      max_budget_in_team: f.money,
      role: z.enum(["admin", "user"]).nullish(),
      tpm_limit: f.count,
      rpm_limit: f.count,
      budget_duration: f.duration,
      allowed_models: f.optionalNames,
      temp_budget_increase: f.money,
      temp_budget_expiry: f.time,
    }),
    handle: ({ body, ...actor }) => updateMember(actor, body),
  }),
  ...([true, false] as const).map((blocked) =>
    route({
      method: "POST",
      path: blocked ? "/team/block" : "/team/unblock",
      permission: "admin",
      tag: TAG,
      summary: blocked ? "Refuse a team's keys until it is unblocked" : "Let a blocked team's keys in again",
      body: teamOnly,
      handle: async ({ body, ...actor }) => (await updateTeam(actor, body.team_id, { blocked })).data ?? null,
    }),
  ),
  ...(["add", "delete"] as const).map((what) =>
    route({
      method: "POST",
      path: `/team/model/${what}`,
      permission: "manage",
      tag: TAG,
      summary: what === "add" ? "Let a team use more models" : "Take models from a team",
      body: z.object({ team_id: f.requiredName, models: f.names }),
      handle: async ({ body, ...actor }) => {
        const row = await teams.find(actor.management.database.kysely, body.team_id);
        if (row === undefined) throw refused(404, `Team not found, passed team_id=${body.team_id}`);
        const own = listOf(row.models);
        const models =
          what === "add" ? [...new Set([...own, ...body.models])] : own.filter((model) => !body.models.includes(model));
        return (await updateTeam(actor, body.team_id, { models })).data ?? null;
      },
    }),
  ),
  route({
    method: "GET",
    path: "/team/permissions_list",
    permission: "own",
    tag: TAG,
    summary: "The key routes that a team's members may call",
    query: { team_id: f.requiredName },
    handle: async ({ query, management, principal }) => {
      const row = await teams.find(management.database.kysely, query.team_id);
      if (row === undefined) throw refused(404, `Team not found, passed team_id=${query.team_id}`);
      if (!(await new Authority(principal, management.database.kysely).seesTeam(row))) {
        throw forbidden(`You may only see teams that you belong to. team_id=${query.team_id}`);
      }
      return {
        team_id: row.team_id,
        team_member_permissions: [...listOf(row.member_permissions)],
        all_available_permissions: [...MEMBER_PERMISSIONS],
      };
    },
  }),
  route({
    method: "POST",
    path: "/team/permissions_update",
    permission: "manage",
    tag: TAG,
    summary: "Set the key routes that a team's members may call",
    body: z.object({ team_id: f.requiredName, team_member_permissions: f.names.max(100) }),
    handle: async ({ body, ...actor }) => {
      const unknown = body.team_member_permissions.find((one) => !MEMBER_PERMISSIONS.includes(one));
      if (unknown !== undefined) throw refused(400, `Invalid team_member_permission: ${unknown}`);
      const { team_id, team_member_permissions } = body;
      return (await updateTeam(actor, team_id, { team_member_permissions })).data ?? null;
    },
  }),
];

async function deletedTeams(
  management: Actor["management"],
  principal: Actor["principal"],
  { page, page_size }: { readonly page: number; readonly page_size: number },
): Promise<JsonObject> {
  const connection = management.database.kysely;
  if (!new Authority(principal, connection).seesAll) throw forbidden("Only proxy admins can list deleted teams");
  const { objects, total } = await listArchived(connection, "team", page_size, (page - 1) * page_size);
  const rows = objects.map((one) => ({
    ...(JSON.parse(one.data) as JsonObject),
    deleted_at: new Date(one.deletedAt).toISOString(),
    deleted_by: one.deletedBy,
  }));
  return { teams: rows, total, page, page_size, total_pages: Math.ceil(total / page_size) };
}

const MEMBER_PERMISSIONS: readonly string[] = [
  ...["/key/generate", "/key/update", "/key/delete", "/key/regenerate", "/key/service-account/generate", "/key/info"],
  ...["/key/block", "/key/unblock", "/key/list", "/key/{key_id}/reset_spend", "/key/{key_id}/regenerate"],
];

/** Which teams the caller may see, and of those the ones of a user that it names. */
async function teamScope(authority: Authority, userId: string | null | undefined): Promise<Condition[]> {
  const where: Condition[] = [];
  if (!authority.seesAll) {
    where.push({
      any: [
        { column: "team_id", in: await authority.ownTeamIds() },
        { column: "organization_id", in: await authority.ownOrganizationIds() },
      ],
    });
  }
  if (typeof userId === "string") {
    where.push({ column: "team_id", in: await authority.teamIdsOf(userId) });
  }
  return where;
}

async function withMemberships(management: Actor["management"], rows: readonly TeamRow[]): Promise<JsonObject[]> {
  const connection = management.database.kysely;
  const memberships = await showMemberships(
    connection,
    rows.map((row) => row.team_id),
  );
  const shown = await showTeams(management, connection, rows);
  return shown.map((team) => ({
    ...team,
    team_memberships: memberships.filter((one) => one.team_id === team.team_id),
  }));
}

/** Teams of the configuration that every user may join. */
function availableTeams(management: Actor["management"]): readonly string[] {
  const params = asObject(management.snapshot().library.raw.default_internal_user_params);
  return asArray(params?.available_teams).filter((id): id is string => typeof id === "string");
}

/** Whether a user who does not administer the team adds itself, as an ordinary member, where everybody may. */
function joinsItself(
  { management, principal }: Actor,
  teamId: string,
  entries: readonly z.output<typeof member>[],
): boolean {
  const [entry] = entries;
  return (
    principal.role !== "proxy_admin" &&
    entries.length === 1 &&
    entry?.role === "user" &&
    typeof entry.user_id === "string" &&
    entry.user_id === principal.userId &&
    availableTeams(management).includes(teamId)
  );
}

async function addMembers(
  actor: Actor,
  teamId: string,
  entries: readonly z.output<typeof member>[],
  body: JsonObject,
): Promise<JsonObject> {
  const { management } = actor;
  const wanted = Object.entries({
    max_budget: body.max_budget_in_team,
    budget_duration: body.budget_duration,
    allowed_models: body.allowed_models,
  }).filter(([, value]) => value !== undefined && value !== null);
  const added: string[] = [];
  const team = await change(actor, async (transaction) => {
    const row = joinsItself(actor, teamId, entries)
      ? await teams.lock(transaction.connection, teamId)
      : await administeredTeam(actor, transaction, teamId);
    if (row === undefined) throw refused(404, `Team not found, passed team_id=${teamId}`);
    if (joinsItself(actor, teamId, entries) && wanted.length > 0) {
      throw forbidden("Whoever joins a team by itself has the team's own budget for members");
    }
    for (const { role, user_id, user_email } of entries) {
      const userId = await findOrCreateUser(management, transaction, { user_id, user_email });
      const budget = wanted.length === 0 ? {} : { budget: Object.fromEntries(wanted) as JsonObject };
      await addMember(management, transaction, row, { userId, role, ...budget });
      added.push(userId);
    }
    return row;
  });
  const memberships = await showMemberships(management.database.kysely, [teamId]);
  return {
    ...(await showTeam(management, team)),
    updated_users: added.map((user_id) => ({ user_id })),
    updated_team_memberships: memberships.filter((one) => added.includes(String(one.user_id))),
  };
}
