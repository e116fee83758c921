import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { JsonObject } from "../../json/json.ts";
import { type InvitationRow, invitations } from "../../store/objects/invitations.ts";
import { organizationMembers } from "../../store/objects/organizations.ts";
import { users } from "../../store/objects/users.ts";
import { Authority } from "../authority.ts";
import { type Actor, type Change, change } from "../change.ts";
import * as f from "../fields.ts";
import { ObjectShape, STAMPS } from "../object-shape.ts";
import { badRequest, forbidden, refused } from "../refusals.ts";
import { type ManagementRoute, route } from "../route.ts";

const TAG = "Invite Links";
/** How long a link is good. */
const VALID_MS = 7 * 86_400_000;

export const INVITATION_SHAPE = new ObjectShape({
  id: "text",
  user_id: "text",
  is_accepted: "flag",
  accepted_at: "time",
  expires_at: "time",
  ...STAMPS,
});

const which = { invitation_id: f.requiredName };

/** Links by which a user who was made here sets a password. */
export const invitationRoutes: readonly ManagementRoute[] = [
  route({
    method: "POST",
    path: "/invitation/new",
    permission: "manage",
    tag: TAG,
    summary: "Invite a user that is there; the link is good for seven days",
    body: z.object({ user_id: f.requiredName }),
    handle: async ({ body, ...actor }) => {
      const row = await change(actor, async (transaction) => {
        const { connection, now, by, record } = transaction;
        if ((await users.find(connection, body.user_id)) === undefined) {
          throw badRequest(
            `User id=${body.user_id} does not exist in 'LiteLLM_UserTable'. Create user via \`/user/new\`.`,
          );
        }
        await requireMayInvite(actor, transaction, body.user_id);
        const inserted = {
          ...INVITATION_SHAPE.insert({
            id: randomUUID(),
            user_id: body.user_id,
            is_accepted: false,
            expires_at: now + VALID_MS,
            created_at: now,
            created_by: by,
            updated_at: now,
            updated_by: by,
          }),
        } as unknown as InvitationRow;
        await invitations.insert(connection, inserted);
        await record("invitation", "created", inserted.id, null, INVITATION_SHAPE.show({ ...inserted }));
        return inserted;
      });
      return INVITATION_SHAPE.show({ ...row });
    },
  }),
  route({
    method: "GET",
    path: "/invitation/info",
    permission: "own",
    tag: TAG,
    summary: "An invitation",
    query: which,
    handle: async ({ query, management, principal }) => {
      const row = await invitations.find(management.database.kysely, query.invitation_id);
      const authority = new Authority(principal, management.database.kysely);
      // Of somebody else's it is not even said that it is there.
      if (
        row === undefined ||
        !(authority.seesAll || authority.isSelf(row.user_id) || authority.isSelf(row.created_by))
      ) {
        throw notThere(query.invitation_id);
      }
      return INVITATION_SHAPE.show({ ...row });
    },
  }),
  route({
    method: "POST",
    path: "/invitation/update",
    permission: "manage",
    tag: TAG,
    summary: "Say whether an invitation was accepted",
    body: z.object({ ...which, is_accepted: z.boolean() }),
    handle: async ({ body, ...actor }) =>
      change(actor, async (transaction) => {
        const { connection, now, by, record } = transaction;
        const before = await invitations.lock(connection, body.invitation_id);
        if (before === undefined) throw notThere(body.invitation_id);
        const authority = new Authority(actor.principal, connection);
        if (!authority.isSelf(before.user_id)) await requireMayInvite(actor, transaction, before.user_id);
        if (body.is_accepted && before.expires_at <= now) throw refused(400, "The invitation has expired");
        const after: InvitationRow = {
          ...before,
          is_accepted: body.is_accepted ? 1 : 0,
          accepted_at: body.is_accepted ? now : null,
          updated_at: now,
          updated_by: by,
        };
        await invitations.update(connection, before.id, after);
        await record(
          "invitation",
          "updated",
          before.id,
          INVITATION_SHAPE.show({ ...before }),
          INVITATION_SHAPE.show({ ...after }),
        );
        return INVITATION_SHAPE.show({ ...after });
      }) as Promise<JsonObject>,
  }),
  route({
    method: "POST",
    path: "/invitation/delete",
    permission: "manage",
    tag: TAG,
    summary: "Take an invitation back",
    body: z.object(which),
    handle: async ({ body, ...actor }) => {
      const row = await change(actor, async (transaction) => {
        const { connection, record } = transaction;
        const before = await invitations.lock(connection, body.invitation_id);
        if (before === undefined) throw notThere(body.invitation_id);
        if (before.created_by !== actor.principal.userId) await requireMayInvite(actor, transaction, before.user_id);
        await invitations.delete(connection, [before.id]);
        await record("invitation", "deleted", before.id, INVITATION_SHAPE.show({ ...before }), null);
        return before;
      });
      return INVITATION_SHAPE.show({ ...row });
    },
  }),
];

function notThere(id: string): Error {
  return refused(404, `Invitation id does not exist in the database: ${id}`);
}

/** Administrators invite everybody, those of an organisation its members. */
async function requireMayInvite({ principal }: Actor, { connection }: Change, userId: string): Promise<void> {
  const authority = new Authority(principal, connection);
  if (authority.isAdmin) return;
  for (const { organization_id } of await organizationMembers.findMany(connection, [userId], "user_id")) {
    if (await authority.administersOrganization(organization_id)) return;
  }
  throw forbidden("Only proxy admins, and org admins for the members of their organization, can invite a user");
}
