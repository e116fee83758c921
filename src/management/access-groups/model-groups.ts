import { z } from "zod";
import { asArray, type JsonObject } from "../../json/json.ts";
import type { Deployment } from "../../snapshot/snapshot.ts";
import { modelAccessGroupBudgets } from "../../store/objects/access-groups.ts";
import { budgets } from "../../store/objects/budgets.ts";
import { bumpConfigurationVersion } from "../../store/objects/configuration-version.ts";
import { type StoredModelRow, storedModels } from "../../store/objects/stored-models.ts";
import { auditedBudget, changeBudget, insertBudget } from "../budgets/write-budget.ts";
import { type Actor, type Change, change } from "../change.ts";
import * as f from "../fields.ts";
import type { Management } from "../management.ts";
import { showModel } from "../models/model-shape.ts";
import { refused } from "../refusals.ts";
import { type ManagementRoute, route } from "../route.ts";

const TAG = "model management";
const described = { tag: TAG, permission: "admin" } as const;
const chosen = { model_names: f.optionalNames, model_ids: f.optionalNames };

/** Groups of models that `model_info.access_groups` makes; keys and teams may name them among their models. */
export const modelGroupRoutes: readonly ManagementRoute[] = [
  route({
    ...described,
    method: "POST",
    path: "/access_group/new",
    summary: "Put models into a new access group",
    body: z.object({ access_group: f.requiredName, ...chosen }),
    handle: async ({ body, ...actor }) => {
      const { access_group: group } = body;
      if (membersOf(actor.management, group).length > 0) {
        throw refused(
          409,
          `Access group '${group}' already exists. Use PUT /access_group/${group}/update to modify it.`,
        );
      }
      const updated = await setMembers(actor, group, body);
      const { model_names, model_ids } = body;
      return {
        access_group: group,
        model_names: model_names ?? null,
        model_ids: model_ids ?? null,
        models_updated: updated,
      };
    },
  }),
  route({
    tag: TAG,
    method: "GET",
    path: "/access_group/list",
    permission: "view",
    summary: "Access groups with their models",
    handle: ({ management }) => {
      const groups = new Set(
        [...management.snapshot().deploymentsById.values()].flatMap(({ info }) => namesIn(info.access_groups)),
      );
      return { access_groups: [...groups].sort().map((group) => showGroup(management, group)) };
    },
  }),
  route({
    tag: TAG,
    method: "GET",
    path: "/access_group/{access_group}/info",
    permission: "view",
    summary: "An access group",
    handle: ({ management, params }) => showGroup(management, requireGroup(management, params.access_group ?? "")),
  }),
  route({
    ...described,
    method: "PUT",
    path: "/access_group/{access_group}/update",
    summary: "Set the models of an access group",
    body: z.object(chosen),
    handle: async ({ body, params, ...actor }) => {
      const group = requireGroup(actor.management, params.access_group ?? "");
      const updated = await setMembers(actor, group, body);
      const { model_names, model_ids } = body;
      return {
        access_group: group,
        model_names: model_names ?? null,
        model_ids: model_ids ?? null,
        models_updated: updated,
      };
    },
  }),
  route({
    ...described,
    method: "DELETE",
    path: "/access_group/{access_group}/delete",
    summary: "Take every model out of an access group, and forget its budget",
    handle: async ({ params, ...actor }) => {
      const group = requireGroup(actor.management, params.access_group ?? "");
      requireUndeclaredMembers(actor.management, group, () => false);
      const updated = await change(actor, async (transaction) => {
        const count = await regroup(actor.management, transaction, group, () => false);
        await modelAccessGroupBudgets.delete(transaction.connection, [group]);
        return count;
      });
      return {
        access_group: group,
        models_updated: updated,
        message: `Access group '${group}' deleted successfully`,
      };
    },
  }),
  route({
    tag: TAG,
    method: "GET",
    path: "/access_group/{access_group}/budget",
    permission: "view",
    summary: "What all keys together may spend on a group's models",
    handle: ({ management, params }) => showBudget(management, params.access_group ?? ""),
  }),
  route({
    ...described,
    method: "PUT",
    path: "/access_group/{access_group}/budget",
    summary: "Set what all keys together may spend on a group's models",
    body: z.object({
      budget_id: f.optionalName,
      max_budget: f.money,
      soft_budget: f.money,
      budget_duration: f.duration,
    }),
    handle: async ({ body, params, ...actor }) => {
      const group = requireGroup(actor.management, params.access_group ?? "");
      await setBudget(actor, group, body as JsonObject);
      return showBudget(actor.management, group);
    },
  }),
  route({
    ...described,
    method: "DELETE",
    path: "/access_group/{access_group}/budget",
    summary: "Lift the limit of an access group",
    handle: async ({ params, ...actor }) => {
      const group = params.access_group ?? "";
      await change(actor, async ({ connection, record }) => {
        const row = await modelAccessGroupBudgets.lock(connection, group);
        if (row === undefined) throw refused(404, `Access group '${group}' has no budget`);
        await modelAccessGroupBudgets.delete(connection, [group]);
        await record("modelAccessGroupBudget", "deleted", group, { budget_id: row.budget_id }, null);
      });
      return { access_group: group, message: `Budget of access group '${group}' deleted successfully` };
    },
  }),
];

function namesIn(value: unknown): string[] {
  return asArray(value).filter((name): name is string => typeof name === "string");
}

function membersOf(management: Management, group: string): Deployment[] {
  return [...management.snapshot().deploymentsById.values()].filter(({ info }) =>
    namesIn(info.access_groups).includes(group),
  );
}

function requireGroup(management: Management, group: string): string {
  if (membersOf(management, group).length === 0) throw refused(404, `Access group '${group}' not found`);
  return group;
}

function showGroup(management: Management, group: string): JsonObject {
  const members = membersOf(management, group);
  return {
    access_group: group,
    model_names: [...new Set(members.map(({ modelName }) => modelName))],
    deployment_count: members.length,
  };
}

/** Which stored deployments a body names; what it names and nobody has, or only a file has, is refused. */
async function setMembers(
  actor: Actor,
  group: string,
  body: {
    readonly model_names?: readonly string[] | null | undefined;
    readonly model_ids?: readonly string[] | null | undefined;
  },
): Promise<number> {
  const { management } = actor;
  const names = body.model_names ?? [];
  const ids = body.model_ids ?? [];
  if (names.length + ids.length === 0) throw refused(400, "model_names or model_ids must name at least one model");
  const isMember = (id: string, name: string): boolean => (ids.length > 0 ? ids.includes(id) : names.includes(name));
  const rows = await storedModels.all(management.database.kysely);
  const wanted = rows.filter((row) => isMember(row.model_id, row.model_name));
  for (const name of ids.length > 0 ? ids : names) {
    if (wanted.some((row) => row.model_name === name || row.model_id === name)) continue;
    const declared = [...management.snapshot().deploymentsById.values()].find(
      ({ id, modelName }) => id === name || modelName === name,
    );
    if (declared === undefined) throw refused(404, `Model(s) not found: ${name}`);
    const { file, line } = declared.source;
    throw refused(
      400,
      `The model ${name} is declared in ${file}, line ${line}: its access_groups can only be changed there`,
    );
  }
  requireUndeclaredMembers(management, group, isMember);
  return change(actor, (transaction) => regroup(management, transaction, group, isMember));
}

/** A deployment of a file cannot be taken out of its group here. */
function requireUndeclaredMembers(
  management: Management,
  group: string,
  isMember: (id: string, name: string) => boolean,
): void {
  const member = membersOf(management, group).find(
    ({ stored, id, modelName }) => stored === undefined && !isMember(id, modelName),
  );
  if (member === undefined) return;
  const { file, line } = member.source;
  throw refused(
    400,
    `The model ${member.modelName} is in the group '${group}' by ${file}, line ${line}: it can only be taken out there`,
  );
}

/** Puts the stored deployments that are members into the group and all others out. Returns how many changed. */
async function regroup(
  management: Management,
  { connection, now, by, record }: Change,
  group: string,
  isMember: (id: string, name: string) => boolean,
): Promise<number> {
  let changed = 0;
  for (const { model_id } of await storedModels.all(connection)) {
    const before = await storedModels.lock(connection, model_id);
    if (before === undefined) continue;
    const info = JSON.parse(before.model_info) as JsonObject;
    const groups = namesIn(info.access_groups);
    const wanted = isMember(before.model_id, before.model_name);
    if (groups.includes(group) === wanted) continue;
    const access_groups = wanted ? [...groups, group] : groups.filter((name) => name !== group);
    const after: StoredModelRow = {
      ...before,
      model_info: JSON.stringify({ ...info, access_groups }),
      updated_at: now,
      updated_by: by,
    };
    await storedModels.update(connection, model_id, after);
    const { secrets } = management;
    await record("model", "updated", model_id, showModel(before, secrets), showModel(after, secrets));
    changed++;
  }
  if (changed > 0) await bumpConfigurationVersion(connection, now);
  return changed;
}

async function setBudget(actor: Actor, group: string, body: JsonObject): Promise<void> {
  const { management } = actor;
  await change(actor, async (transaction) => {
    const { connection, now, by, record } = transaction;
    const before = await modelAccessGroupBudgets.lock(connection, group);
    const { budget_id: named, ...fields } = body;
    let id = typeof named === "string" ? named : before?.budget_id;
    if (typeof named === "string" && (await budgets.find(connection, named)) === undefined) {
      throw refused(400, `Budget not found, passed budget_id=${named}`);
    }
    if (Object.values(fields).some((value) => value !== undefined)) {
      const changed = id === undefined ? undefined : await changeBudget(management, transaction, id, fields);
      id = (changed ?? (await insertBudget(management, transaction, fields))).budget_id;
    }
    if (id === undefined) throw refused(400, "Set budget_id or the fields of a budget");
    const stamps = { updated_at: now, updated_by: by };
    if (before === undefined) {
      const row = { access_group_name: group, budget_id: id, created_at: now, created_by: by, ...stamps };
      await modelAccessGroupBudgets.insert(connection, row);
    } else await modelAccessGroupBudgets.update(connection, group, { budget_id: id, ...stamps });
    const old = before === undefined ? null : { budget_id: before.budget_id };
    await record("modelAccessGroupBudget", before === undefined ? "created" : "updated", group, old, { budget_id: id });
  });
}

async function showBudget({ database }: Management, group: string): Promise<JsonObject> {
  const row = await modelAccessGroupBudgets.find(database.kysely, group);
  if (row === undefined) throw refused(404, `Access group '${group}' has no budget`);
  const budget = await budgets.find(database.kysely, row.budget_id);
  return {
    access_group: group,
    budget_id: row.budget_id,
    litellm_budget_table: budget === undefined ? null : auditedBudget(budget),
  };
}
