import { randomUUID } from "node:crypto";
import type { JsonObject, MutableJsonObject } from "../../json/json.ts";
import { keys } from "../../store/objects/keys.ts";
import { organizationMembers, organizations } from "../../store/objects/organizations.ts";
import { type TeamRow, teamMembers, teams } from "../../store/objects/teams.ts";
import { findUserByEmail, type UserRow, users } from "../../store/objects/users.ts";
import { Authority } from "../authority.ts";
import { type Actor, type Change, change } from "../change.ts";
import { resetFor } from "../fields.ts";
import { deleteKeyRows, generateKey } from "../keys/write-keys.ts";
import type { Management } from "../management.ts";
import { nanoOf } from "../object-shape.ts";
import { badRequest, forbidden, refused } from "../refusals.ts";
import { addMember } from "../teams/members.ts";
import { newUserRow } from "./new-user-row.ts";
import { hashPassword } from "./password.ts";
import { auditedUser, showUsers, USER_SHAPE } from "./user-shape.ts";

/** What users may change of themselves. */
const OWN_FIELDS = new Set(["user_id", "user_email", "user_alias", "password"]);

/** Makes a user, its memberships and, unless told otherwise, a key. */
export async function createUser(actor: Actor, body: JsonObject): Promise<JsonObject> {
  const { management } = actor;
  const defaults = management.snapshot().library.raw.default_internal_user_params as JsonObject | undefined;
  const fields: MutableJsonObject = { ...defaults };
  for (const [name, value] of Object.entries(body)) if (value !== undefined && value !== null) fields[name] = value;
  if ((fields.user_role ?? "internal_user") === "internal_user") applyInternalUserBudget(management, fields);
  const userId = typeof fields.user_id === "string" ? fields.user_id : randomUUID();
  const organizationIds = (fields.organizations ?? []) as readonly string[];
  const row = await change(actor, async (transaction) => {
    const { connection, now, by, record } = transaction;
    await requireMayCreateUser(actor, transaction, fields, organizationIds);
    await requireFreeIdentity(transaction, userId, fields.user_email);
    const inserted = newUserRow(management, { user_role: "internal_user", ...fields, user_id: userId }, now, by);
    await users.insert(connection, inserted);
    await record("user", "created", userId, null, auditedUser(inserted));
    for (const id of organizationIds) {
      if ((await organizations.find(connection, id)) === undefined)
        throw refused(404, `Organization not found, passed organization_id=${id}`);
      await organizationMembers.insert(connection, {
        organization_id: id,
        user_id: userId,
        user_role: "internal_user",
        budget_id: null,
        spend_offset_nano: 0n,
        created_at: now,
        updated_at: now,
      });
      await record("organizationMember", "created", `${id}:${userId}`, null, { organization_id: id, user_id: userId });
    }
    for (const membership of membershipsOf(fields)) {
      const team = await teams.lock(connection, membership.team_id);
      if (team === undefined) throw refused(404, `Team not found, passed team_id=${membership.team_id}`);
      await requireMayAdd(actor, transaction, team);
      await addMember(management, transaction, team, {
        userId,
        role: membership.user_role ?? "user",
        ...(typeof membership.max_budget_in_team === "number"
          ? { budget: { max_budget: membership.max_budget_in_team } }
          : {}),
      });
    }
    return inserted;
  });
  const [shown] = await showUsers(management, management.database.kysely, [row]);
  const key =
    body.auto_create_key === false
      ? {}
      : await generateKey(
          actor,
          { ...keyFieldsOf(body), user_id: userId, team_id: body.team_id },
          { route: "/key/generate", ofNewUser: true },
        );
  return { ...key, ...shown, user_id: userId, ...(body.auto_create_key === false ? { key: null, token: null } : {}) };
}

/** `max_internal_user_budget` and `internal_user_budget_duration`, where the request says nothing of its own. */
function applyInternalUserBudget(management: Management, fields: MutableJsonObject): void {
  const { raw } = management.snapshot().library;
  const budget = raw.max_internal_user_budget ?? raw.default_max_internal_user_budget;
  if (fields.max_budget === undefined && typeof budget === "number") fields.max_budget = budget;
  const duration = raw.internal_user_budget_duration;
  if (fields.budget_duration === undefined && typeof duration === "string") fields.budget_duration = duration;
}

/** A first key has what names and routes it; the limits are its owner's. */
function keyFieldsOf(body: JsonObject): JsonObject {
  const { key_alias, duration, models, aliases, config, permissions, guardrails, metadata, key_type, blocked } = body;
  return { key_alias, duration, models, aliases, config, permissions, guardrails, metadata, key_type, blocked };
}

interface Membership {
  readonly team_id: string;
  readonly user_role?: "user" | "admin";
  readonly max_budget_in_team?: number | null;
}

function membershipsOf(fields: JsonObject): readonly Membership[] {
  const listed = (fields.teams ?? []) as readonly (string | (Membership & JsonObject))[];
  const all = typeof fields.team_id === "string" ? [...listed, fields.team_id] : listed;
  const byTeam = new Map<string, Membership>();
  for (const one of all) {
    const membership: Membership = typeof one === "string" ? { team_id: one } : one;
    if (!byTeam.has(membership.team_id)) byTeam.set(membership.team_id, membership);
  }
  return [...byTeam.values()];
}

async function requireMayCreateUser(
  actor: Actor,
  { connection }: Change,
  fields: JsonObject,
  organizationIds: readonly string[],
): Promise<void> {
  const authority = new Authority(actor.principal, connection);
  if (authority.isAdmin) return;
  if (fields.user_role === "proxy_admin" || fields.user_role === "proxy_admin_viewer") {
    throw forbidden("Only proxy admins can create proxy admins");
  }
  if (fields.permissions !== undefined) throw forbidden("Only proxy admins can set permissions");
  const administered = await authority.ownOrganizationIds();
  if (organizationIds.length === 0 || !organizationIds.every((id) => administered.includes(id))) {
    throw forbidden("Only proxy admins can create users; org admins can create users of their organizations");
  }
}

async function requireMayAdd(actor: Actor, { connection }: Change, team: TeamRow): Promise<void> {
  if (await new Authority(actor.principal, connection).administersTeam(team)) return;
  throw forbidden(`You may not add members to team=${team.team_id}`);
}

async function requireFreeIdentity({ connection }: Change, userId: string, email: unknown): Promise<void> {
  if ((await users.find(connection, userId)) !== undefined) {
    throw refused(409, `User with id '${userId}' already exists`);
  }
  if (typeof email === "string" && (await findUserByEmail(connection, email)) !== undefined) {
    throw refused(400, `User with email '${email}' already exists`);
  }
}

/** Changes the user that `user_id` or `user_email` names; only fields that are there change. */
export async function updateUser(actor: Actor, asked: JsonObject): Promise<JsonObject> {
  const { management } = actor;
  const body: MutableJsonObject = { ...asked };
  // Whoever becomes an internal user gets the limits of one.
  if (body.user_role === "internal_user") applyInternalUserBudget(management, body);
  const connection = management.database.kysely;
  const byEmail = typeof body.user_id !== "string";
  if (byEmail && typeof body.user_email !== "string")
    throw badRequest("Either user_id or user_email must be given", "user_id");
  const named = byEmail ? await findUserByEmail(connection, String(body.user_email)) : undefined;
  const userId = byEmail ? named?.user_id : String(body.user_id);
  if (userId === undefined) throw refused(404, `User not found, passed user_email=${String(body.user_email)}`);
  const spent = typeof body.spend === "number" ? ((await management.spendOf("user", [userId])).get(userId) ?? 0n) : 0n;
  const row = await change(actor, async ({ connection: transaction, now, by, record }) => {
    const authority = new Authority(actor.principal, transaction);
    if (!authority.isAdmin) requireOwnFields(authority, userId, body);
    const before = await users.lock(transaction, userId);
    if (before === undefined) throw refused(404, `User not found, passed user_id=${userId}`);
    if (typeof body.user_email === "string") {
      const holder = await findUserByEmail(transaction, body.user_email);
      if (holder !== undefined && holder.user_id !== userId) {
        throw refused(400, `User with email '${body.user_email}' already exists`);
      }
    }
    const after: UserRow = {
      ...before,
      ...USER_SHAPE.update(
        { ...before },
        {
          ...body,
          user_id: undefined,
          budget_reset_at: resetFor(management, body.budget_duration as string | null | undefined),
        },
      ),
      ...(typeof body.password === "string" ? { password: hashPassword(body.password) } : {}),
      ...(typeof body.spend === "number" ? { spend_offset_nano: nanoOf(body.spend) - spent } : {}),
      updated_at: now,
      updated_by: by,
    };
    await users.update(transaction, userId, after);
    await record("user", "updated", userId, auditedUser(before), auditedUser(after));
    return after;
  });
  const [data] = await showUsers(management, connection, [row]);
  return { user_id: userId, data };
}

function requireOwnFields(authority: Authority, userId: string, body: JsonObject): void {
  if (!authority.isSelf(userId)) throw forbidden("Only proxy admins can change other users");
  const field = Object.entries(body).find(([name, value]) => value !== undefined && !OWN_FIELDS.has(name))?.[0];
  if (field !== undefined) throw forbidden(`Only proxy admins can change ${field} of a user`);
}

/** Deletes users with their keys and memberships, all or none. Returns how many. */
export async function deleteUsers(actor: Actor, userIds: readonly string[]): Promise<number> {
  const { management } = actor;
  const ids = [...new Set(userIds)];
  const rows = await users.findMany(management.database.kysely, ids);
  const missing = ids.find((id) => !rows.some((row) => row.user_id === id));
  if (missing !== undefined) throw refused(404, `User not found, passed user_id=${missing}`);
  await deleteKeyRows(actor, await keys.findMany(management.database.kysely, ids, "user_id"), false);
  await change(actor, async ({ connection, record }) => {
    await teamMembers.delete(connection, ids, "user_id");
    await organizationMembers.delete(connection, ids, "user_id");
    await users.delete(connection, ids);
    for (const row of rows) await record("user", "deleted", row.user_id, auditedUser(row), null);
  });
  return rows.length;
}
