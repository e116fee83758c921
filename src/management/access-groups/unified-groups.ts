import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { Json, JsonObject } from "../../json/json.ts";
import { type AccessGroupRow, accessGroups } from "../../store/objects/access-groups.ts";
import { type KeyRow, keys } from "../../store/objects/keys.ts";
import { type TeamRow, teams } from "../../store/objects/teams.ts";
import { type Actor, type Change, change } from "../change.ts";
import * as f from "../fields.ts";
import { auditedKey, KEY_SHAPE, tokenOf } from "../keys/key-shape.ts";
import { ObjectShape, STAMPS } from "../object-shape.ts";
import { refused } from "../refusals.ts";
import { type ManagementRoute, route } from "../route.ts";
import { auditedTeam, TEAM_SHAPE } from "../teams/team-shape.ts";

const TAG = "access_groups";

export const ACCESS_GROUP_SHAPE = new ObjectShape(
  { access_group_id: "text", access_group_name: "text", description: "text", model_names: "list", ...STAMPS },
  { access_mcp_server_ids: [], access_agent_ids: [], assigned_team_ids: [], assigned_key_ids: [] },
);

const fields = {
  description: f.text.nullish(),
  access_model_names: f.optionalNames,
  access_mcp_server_ids: f.optionalNames,
  access_agent_ids: f.optionalNames,
  assigned_team_ids: f.optionalNames,
  assigned_key_ids: f.optionalNames,
};

/** `/v1/access_group`, and `/v1/unified_access_group` as other clients call it. */
const at = (rest = "") => ({
  path: `/v1/access_group${rest}`,
  aliases: [`/v1/unified_access_group${rest}`],
  tag: TAG,
});

/** Access groups of their own: their models are usable by keys and teams that have the group. */
export const unifiedGroupRoutes: readonly ManagementRoute[] = [
  route({
    ...at(),
    method: "POST",
    permission: "admin",
    summary: "Make an access group, and give it to keys and teams",
    body: z.object({ access_group_name: f.requiredName, ...fields }),
    handle: async ({ body, ...actor }) =>
      Response.json(await writeGroup(actor, undefined, body as JsonObject), { status: 201 }),
  }),
  route({
    ...at(),
    method: "GET",
    permission: "view",
    summary: "All access groups",
    handle: async ({ management }) =>
      (await accessGroups.all(management.database.kysely, "access_group_name")).map(show) as Json,
  }),
  route({
    ...at("/{access_group_id}"),
    method: "GET",
    permission: "view",
    summary: "An access group",
    handle: async ({ management, params }) => {
      const row = await accessGroups.find(management.database.kysely, params.access_group_id ?? "");
      if (row === undefined) throw notThere(params.access_group_id ?? "");
      return show(row);
    },
  }),
  route({
    ...at("/{access_group_id}"),
    method: "PUT",
    permission: "admin",
    summary: "Change an access group; only fields that are sent change",
    body: z.object({ access_group_name: f.requiredName.nullish(), ...fields }),
    handle: ({ body, params, ...actor }) => writeGroup(actor, params.access_group_id ?? "", body as JsonObject),
  }),
  route({
    ...at("/{access_group_id}"),
    method: "DELETE",
    permission: "admin",
    summary: "Delete an access group, and take it from its keys and teams",
    handle: async ({ params, ...actor }) => {
      const id = params.access_group_id ?? "";
      await change(actor, async (transaction) => {
        const row = await accessGroups.lock(transaction.connection, id);
        if (row === undefined) throw notThere(id);
        await assign(actor, transaction, id, show(row), {});
        await accessGroups.delete(transaction.connection, [id]);
        await transaction.record("accessGroup", "deleted", id, show(row), null);
      });
      return new Response(null, { status: 204 });
    },
  }),
];

function show(row: AccessGroupRow): JsonObject {
  const { model_names, ...group } = ACCESS_GROUP_SHAPE.show({ ...row });
  return { ...group, access_model_names: model_names };
}

function notThere(id: string): Error {
  return refused(404, `Access group '${id}' not found`);
}

async function writeGroup(actor: Actor, id: string | undefined, body: JsonObject): Promise<JsonObject> {
  const { access_model_names, assigned_key_ids: named, ...rest } = body;
  const own = {
    ...rest,
    ...(access_model_names === undefined ? {} : { model_names: access_model_names }),
    // By their hashes, whatever names them: keys are not kept.
    ...(named === undefined ? {} : { assigned_key_ids: ((named ?? []) as readonly string[]).map(tokenOf) }),
  };
  return change(actor, async (transaction) => {
    const { connection, now, by, record } = transaction;
    const before = id === undefined ? undefined : await accessGroups.lock(connection, id);
    if (id !== undefined && before === undefined) throw notThere(id);
    if (typeof body.access_group_name === "string") {
      const [holder] = await accessGroups.findMany(connection, [body.access_group_name], "access_group_name");
      if (holder !== undefined && holder.access_group_id !== id) {
        throw refused(409, `Access group '${body.access_group_name}' already exists`);
      }
    }
    const stamps = { updated_at: now, updated_by: by };
    const groupId = id ?? randomUUID();
    const after = (before === undefined
      ? ACCESS_GROUP_SHAPE.insert({ ...own, access_group_id: groupId, ...stamps, created_at: now, created_by: by })
      : { ...before, ...ACCESS_GROUP_SHAPE.update({ ...before }, { ...own, ...stamps }) }) as unknown as AccessGroupRow;
    if (before === undefined) await accessGroups.insert(connection, after);
    else await accessGroups.update(connection, groupId, after);
    const old = before === undefined ? null : show(before);
    await assign(actor, transaction, groupId, old ?? {}, show(after));
    await record("accessGroup", before === undefined ? "created" : "updated", groupId, old, show(after));
    return show(after);
  });
}

/** Gives the group to the keys and teams that are assigned now, and takes it from those that were. */
async function assign(
  { management }: Actor,
  transaction: Change,
  group: string,
  before: JsonObject,
  after: JsonObject,
): Promise<void> {
  const { connection, now, by, record } = transaction;
  for (const [id, has] of difference(before.assigned_team_ids, after.assigned_team_ids)) {
    const row = await teams.lock(connection, id);
    if (row === undefined && has) throw refused(404, `Team not found, passed team_id=${id}`);
    if (row === undefined) continue;
    management.declared.requireOwn("team", id);
    const patch = TEAM_SHAPE.update({ ...row }, { access_group_ids: regrouped(row.settings, group, has) });
    const changed: TeamRow = { ...row, ...patch, updated_at: now, updated_by: by };
    await teams.update(connection, id, changed);
    await record("team", "updated", id, auditedTeam(row), auditedTeam(changed));
  }
  for (const [token, has] of difference(before.assigned_key_ids, after.assigned_key_ids)) {
    const row = await keys.lock(connection, token);
    if (row === undefined && has) throw refused(404, `Key not found, passed key=${token}`);
    if (row === undefined) continue;
    management.declared.requireOwn("key", token);
    const patch = KEY_SHAPE.update({ ...row }, { access_group_ids: regrouped(row.settings, group, has) });
    const changed: KeyRow = { ...row, ...patch, updated_at: now, updated_by: by };
    await keys.update(connection, token, changed);
    await record("key", "updated", token, auditedKey(row), auditedKey(changed));
  }
}

/** Ids whose membership changes, with whether they have it now. */
function difference(before: Json | undefined, after: Json | undefined): readonly [string, boolean][] {
  const had = new Set((before ?? []) as readonly string[]);
  const has = new Set((after ?? []) as readonly string[]);
  return [
    ...[...has].filter((id) => !had.has(id)).map((id): [string, boolean] => [id, true]),
    ...[...had].filter((id) => !has.has(id)).map((id): [string, boolean] => [id, false]),
  ];
}

function regrouped(settings: string, group: string, has: boolean): readonly string[] {
  const { access_group_ids: ids } = JSON.parse(settings) as { access_group_ids?: readonly string[] };
  const others = (ids ?? []).filter((id) => id !== group);
  return has ? [...others, group] : others;
}
