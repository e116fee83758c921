import { randomUUID } from "node:crypto";
import type { JsonObject } from "../../json/json.ts";
import { budgets } from "../../store/objects/budgets.ts";
import { keys } from "../../store/objects/keys.ts";
import {
  findOrganizationMember,
  type OrganizationMemberRow,
  type OrganizationRow,
  organizationMembers,
  organizations,
  removeOrganizationMember,
  updateOrganizationMember,
} from "../../store/objects/organizations.ts";
import { teams } from "../../store/objects/teams.ts";
import { findUserByEmail } from "../../store/objects/users.ts";
import { Authority } from "../authority.ts";
import { budgetFieldsOf, changeBudget, insertBudget } from "../budgets/write-budget.ts";
import { type Actor, type Change, change } from "../change.ts";
import { forbidden, refused } from "../refusals.ts";
import { findOrCreateUser } from "../teams/members.ts";
import { auditedMember, auditedOrganization, ORGANIZATION_SHAPE, showOrganizations } from "./organization-shape.ts";

export async function createOrganization(actor: Actor, body: JsonObject): Promise<JsonObject> {
  const { management } = actor;
  const id = typeof body.organization_id === "string" ? body.organization_id : randomUUID();
  const row = await change(actor, async (transaction) => {
    const { connection, now, by, record } = transaction;
    if ((await organizations.find(connection, id)) !== undefined) {
      throw refused(400, `Organization already exists, passed organization_id=${id}`);
    }
    const inserted = {
      ...ORGANIZATION_SHAPE.insert({
        ...body,
        organization_id: id,
        budget_id: await budgetFor(actor, transaction, null, body),
        created_at: now,
        created_by: by,
        updated_at: now,
        updated_by: by,
      }),
      spend_offset_nano: 0n,
    } as unknown as OrganizationRow;
    await organizations.insert(connection, inserted);
    await record("organization", "created", id, null, auditedOrganization(inserted));
    return inserted;
  });
  return (await showOrganizations(management, [row]))[0] ?? {};
}

/** The budget that the body names, or the one that its fields make or change. */
async function budgetFor(
  actor: Actor,
  transaction: Change,
  present: string | null,
  body: JsonObject,
): Promise<string | null> {
  const named = body.budget_id === undefined ? present : (body.budget_id as string | null);
  if (
    typeof body.budget_id === "string" &&
    (await budgets.find(transaction.connection, body.budget_id)) === undefined
  ) {
    throw refused(400, `Budget not found, passed budget_id=${body.budget_id}`);
  }
  const fields = budgetFieldsOf(body);
  if (fields === undefined) return named;
  const changed = named === null ? undefined : await changeBudget(actor.management, transaction, named, fields);
  return (changed ?? (await insertBudget(actor.management, transaction, fields))).budget_id;
}

async function administered(actor: Actor, { connection }: Change, id: string): Promise<OrganizationRow> {
  const row = await organizations.lock(connection, id);
  if (row === undefined) throw refused(404, `Organization not found, passed organization_id=${id}`);
  if (await new Authority(actor.principal, connection).administersOrganization(id)) return row;
  throw forbidden(`You are not an admin of organization=${id}`);
}

/** Changes an organisation; its limits are for proxy admins to set. */
export async function updateOrganization(actor: Actor, id: string, body: JsonObject): Promise<JsonObject> {
  const { management } = actor;
  const row = await change(actor, async (transaction) => {
    const { connection, now, by, record } = transaction;
    const before = await administered(actor, transaction, id);
    const limits = { ...budgetFieldsOf(body), budget_id: body.budget_id, models: body.models };
    const field = Object.entries(limits).find(([, value]) => value !== undefined)?.[0];
    if (field !== undefined && actor.principal.role !== "proxy_admin") {
      throw forbidden(`Only proxy admins can change ${field} of an organization`);
    }
    const after: OrganizationRow = {
      ...before,
      ...ORGANIZATION_SHAPE.update(
        { ...before },
        {
          ...body,
          organization_id: undefined,
          budget_id: await budgetFor(actor, transaction, before.budget_id, body),
        },
      ),
      updated_at: now,
      updated_by: by,
    };
    await organizations.update(connection, id, after);
    await record("organization", "updated", id, auditedOrganization(before), auditedOrganization(after));
    return after;
  });
  return (await showOrganizations(management, [row]))[0] ?? {};
}

/** Deletes organisations that have neither teams nor keys, with their memberships. */
export async function deleteOrganizations(actor: Actor, ids: readonly string[]): Promise<JsonObject[]> {
  const rows = await change(actor, async (transaction) => {
    const { connection, record } = transaction;
    const found: OrganizationRow[] = [];
    for (const id of new Set(ids)) {
      const row = await organizations.lock(connection, id);
      if (row === undefined) throw refused(404, `Organization not found, passed organization_id=${id}`);
      for (const [what, table] of [
        ["teams", teams],
        ["keys", keys],
      ] as const) {
        const count = (await table.countBy(connection, "organization_id", [id])).get(id) ?? 0;
        if (count > 0) throw refused(400, `Organization ${id} has ${count} ${what}: delete or move them first`);
      }
      found.push(row);
    }
    await organizationMembers.delete(connection, ids);
    await organizations.delete(connection, ids);
    for (const row of found)
      await record("organization", "deleted", row.organization_id, auditedOrganization(row), null);
    return found;
  });
  return rows.map(auditedOrganization);
}

interface Named {
  readonly user_id?: string | null | undefined;
  readonly user_email?: string | null | undefined;
}

export async function addOrganizationMembers(
  actor: Actor,
  id: string,
  entries: readonly (Named & { readonly role: string })[],
  maxBudget: number | null | undefined,
): Promise<JsonObject> {
  const added = await change(actor, async (transaction) => {
    const { connection, now, record } = transaction;
    await administered(actor, transaction, id);
    const rows: OrganizationMemberRow[] = [];
    for (const { role, ...named } of entries) {
      const userId = await findOrCreateUser(actor.management, transaction, named);
      if ((await findOrganizationMember(connection, id, userId)) !== undefined) {
        throw refused(400, `User=${userId} already in organization=${id}`);
      }
      const budget =
        typeof maxBudget === "number"
          ? await insertBudget(actor.management, transaction, { max_budget: maxBudget })
          : undefined;
      const row: OrganizationMemberRow = {
        organization_id: id,
        user_id: userId,
        user_role: role,
        budget_id: budget?.budget_id ?? null,
        spend_offset_nano: 0n,
        created_at: now,
        updated_at: now,
      };
      await organizationMembers.insert(connection, row);
      await record("organizationMember", "created", `${id}:${userId}`, null, auditedMember(row));
      rows.push(row);
    }
    return rows;
  });
  return {
    organization_id: id,
    updated_users: added.map(({ user_id }) => ({ user_id })),
    updated_organization_memberships: added.map(auditedMember),
  };
}

async function memberOf({ connection }: Change, id: string, named: Named): Promise<OrganizationMemberRow> {
  const { user_id, user_email } = named;
  const userId =
    user_id ?? (typeof user_email === "string" ? (await findUserByEmail(connection, user_email))?.user_id : undefined);
  const row = userId === undefined ? undefined : await findOrganizationMember(connection, id, userId);
  if (row === undefined) throw refused(404, `User not found in organization=${id}, User=${userId ?? user_email}`);
  return row;
}

export async function updateMembership(
  actor: Actor,
  id: string,
  body: Named & {
    readonly role?: string | null | undefined;
    readonly max_budget_in_organization?: number | null | undefined;
  },
): Promise<JsonObject> {
  const { max_budget_in_organization: maxBudget } = body;
  return change(actor, async (transaction) => {
    const { connection, now, record } = transaction;
    await administered(actor, transaction, id);
    const before = await memberOf(transaction, id, body);
    const fields = maxBudget === undefined ? {} : { max_budget: maxBudget };
    const after: OrganizationMemberRow = {
      ...before,
      user_role: body.role ?? before.user_role,
      budget_id: await budgetFor(actor, transaction, before.budget_id, fields),
      updated_at: now,
    };
    const { user_role, budget_id, updated_at } = after;
    await updateOrganizationMember(connection, id, before.user_id, { user_role, budget_id, updated_at });
    await record(
      "organizationMember",
      "updated",
      `${id}:${before.user_id}`,
      auditedMember(before),
      auditedMember(after),
    );
    return auditedMember(after);
  });
}

export async function deleteMembership(actor: Actor, id: string, named: Named): Promise<JsonObject> {
  return change(actor, async (transaction) => {
    await administered(actor, transaction, id);
    const row = await memberOf(transaction, id, named);
    await removeOrganizationMember(transaction.connection, id, row.user_id);
    await transaction.record("organizationMember", "deleted", `${id}:${row.user_id}`, auditedMember(row), null);
    return auditedMember(row);
  });
}
