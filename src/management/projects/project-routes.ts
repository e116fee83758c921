import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { Json, JsonObject, MutableJsonObject } from "../../json/json.ts";
import { budgets } from "../../store/objects/budgets.ts";
import { keys } from "../../store/objects/keys.ts";
import { type ProjectRow, projects } from "../../store/objects/projects.ts";
import { type TeamRow, teams } from "../../store/objects/teams.ts";
import { Authority } from "../authority.ts";
import { BUDGET_SHAPE } from "../budgets/budget-shape.ts";
import { budgetFieldsOf, changeBudget, insertBudget } from "../budgets/write-budget.ts";
import { type Actor, type Change, change } from "../change.ts";
import * as f from "../fields.ts";
import { spendOfKeys } from "../keys/key-shape.ts";
import type { Management } from "../management.ts";
import { dollars, listOf, ObjectShape, STAMPS } from "../object-shape.ts";
import { forbidden, refused } from "../refusals.ts";
import { type ManagementRoute, route } from "../route.ts";

const TAG = "project management";

export const PROJECT_SHAPE = new ObjectShape(
  {
    project_id: "text",
    project_alias: "text",
    description: "text",
    team_id: "text",
    budget_id: "text",
    models: "list",
    blocked: "flag",
    metadata: "object",
    ...STAMPS,
  },
  {
    tags: null,
    guardrails: null,
    policies: [],
    model_rpm_limit: null,
    model_tpm_limit: null,
    model_itpm_limit: null,
    model_otpm_limit: null,
    object_permission: null,
  },
);

const fields = {
  project_alias: f.optionalName,
  description: f.text.nullish(),
  metadata: f.object,
  tags: f.optionalNames,
  guardrails: f.optionalNames,
  policies: f.optionalNames,
  models: f.optionalNames,
  blocked: f.flag,
  model_rpm_limit: f.countsByName,
  model_tpm_limit: f.countsByName,
  model_itpm_limit: f.countsByName,
  model_otpm_limit: f.countsByName,
  object_permission: f.objectPermission,
  budget_id: f.optionalName,
  ...f.limitFields,
  model_max_budget: f.modelMaxBudget,
  allowed_models: f.optionalNames,
  temp_budget_increase: f.money,
  temp_budget_expiry: f.time,
};

/** Projects stand between a team and its keys: a project's keys share its models, its budget and its block. */
export const projectRoutes: readonly ManagementRoute[] = [
  route({
    method: "POST",
    path: "/project/new",
    permission: "manage",
    tag: TAG,
    summary: "Make a project of a team",
    body: z.object({ ...fields, project_id: f.optionalName, team_id: f.requiredName }),
    handle: ({ body, ...actor }) => createProject(actor, body as JsonObject & { team_id: string }),
  }),
  route({
    method: "POST",
    path: "/project/update",
    permission: "manage",
    tag: TAG,
    summary: "Change a project; only fields that are sent change, null clears",
    body: z.object({ ...fields, project_id: f.requiredName, team_id: f.requiredName.nullish() }),
    handle: ({ body, ...actor }) => updateProject(actor, body as JsonObject & { project_id: string }),
  }),
  route({
    method: "DELETE",
    path: "/project/delete",
    permission: "manage",
    tag: TAG,
    summary: "Delete projects that no key belongs to",
    body: z.object({ project_ids: z.array(f.requiredName).min(1).max(500) }),
    handle: async ({ body, ...actor }) => (await deleteProjects(actor, [...new Set(body.project_ids)])) as Json,
  }),
  route({
    method: "GET",
    path: "/project/info",
    permission: "own",
    tag: TAG,
    summary: "A project",
    query: { project_id: f.requiredName },
    handle: async ({ query, management, principal }) => {
      const connection = management.database.kysely;
      const row = await projects.find(connection, query.project_id);
      if (row === undefined) throw notThere(query.project_id);
      const team = row.team_id === null ? undefined : await teams.find(connection, row.team_id);
      const authority = new Authority(principal, connection);
      if (!authority.seesAll && (team === undefined || !(await authority.seesTeam(team)))) {
        throw forbidden("You may only see projects of teams that you belong to");
      }
      return (await showProjects(management, [row]))[0] ?? {};
    },
  }),
  route({
    method: "GET",
    path: "/project/list",
    permission: "own",
    tag: TAG,
    summary: "Projects of the teams that the caller belongs to",
    handle: async ({ management, principal }) => {
      const connection = management.database.kysely;
      const authority = new Authority(principal, connection);
      const rows = authority.seesAll
        ? await projects.all(connection, "created_at")
        : await projects.findMany(connection, await authority.ownTeamIds(), "team_id");
      return (await showProjects(management, rows)) as Json;
    },
  }),
];

function notThere(id: string): Error {
  return refused(404, `Project not found, passed project_id=${id}`);
}

async function administeredTeam({ principal }: Actor, { connection }: Change, teamId: string | null): Promise<TeamRow> {
  const team = teamId === null ? undefined : await teams.find(connection, teamId);
  if (team === undefined) throw refused(404, `Team not found, passed team_id=${teamId}`);
  if (await new Authority(principal, connection).administersTeam(team)) return team;
  throw forbidden(`Call not allowed. User not proxy admin OR team admin. team_id=${teamId}`);
}

/** A project may use no more models than its team. */
function requireModelsOf(team: TeamRow, models: Json | undefined): void {
  const allowed = listOf(team.models);
  if (allowed.length === 0 || allowed.includes("all-proxy-models") || allowed.includes("*")) return;
  const other = ((models ?? []) as readonly string[]).find((model) => !allowed.includes(model));
  if (other !== undefined) throw refused(400, `The model ${other} is none of team=${team.team_id}`);
}

async function createProject(actor: Actor, body: JsonObject & { team_id: string }): Promise<JsonObject> {
  const { management } = actor;
  const id = typeof body.project_id === "string" ? body.project_id : randomUUID();
  const row = await change(actor, async (transaction) => {
    const { connection, now, by, record } = transaction;
    requireModelsOf(await administeredTeam(actor, transaction, body.team_id), body.models);
    if ((await projects.find(connection, id)) !== undefined) throw refused(400, `Project ${id} already exists`);
    const inserted = {
      ...PROJECT_SHAPE.insert({
        ...body,
        project_id: id,
        budget_id: await budgetOf(management, transaction, body, null),
        created_at: now,
        created_by: by,
        updated_at: now,
        updated_by: by,
      }),
      spend_offset_nano: 0n,
    } as unknown as ProjectRow;
    await projects.insert(connection, inserted);
    await record("project", "created", id, null, PROJECT_SHAPE.show({ ...inserted }));
    return inserted;
  });
  return (await showProjects(management, [row]))[0] ?? {};
}

async function updateProject(actor: Actor, body: JsonObject & { project_id: string }): Promise<JsonObject> {
  const { management } = actor;
  const row = await change(actor, async (transaction) => {
    const { connection, now, by, record } = transaction;
    const before = await projects.lock(connection, body.project_id);
    if (before === undefined) throw notThere(body.project_id);
    let team = await administeredTeam(actor, transaction, before.team_id);
    if (typeof body.team_id === "string" && body.team_id !== before.team_id) {
      if ((await keys.findMany(connection, [before.project_id], "project_id")).length > 0) {
        throw refused(400, `Project ${before.project_id} has keys: it stays with its team`);
      }
      team = await administeredTeam(actor, transaction, body.team_id);
    }
    if (body.models !== undefined) requireModelsOf(team, body.models);
    const budgetId = await budgetOf(management, transaction, body, before.budget_id);
    const after: ProjectRow = {
      ...before,
      ...PROJECT_SHAPE.update({ ...before }, { ...body, project_id: undefined, team_id: team.team_id }),
      budget_id: budgetId,
      updated_at: now,
      updated_by: by,
    };
    await projects.update(connection, before.project_id, after);
    await record(
      "project",
      "updated",
      before.project_id,
      PROJECT_SHAPE.show({ ...before }),
      PROJECT_SHAPE.show({ ...after }),
    );
    return after;
  });
  return (await showProjects(management, [row]))[0] ?? {};
}

/** The budget that the fields name, change or make. */
async function budgetOf(
  management: Management,
  transaction: Change,
  body: JsonObject,
  before: string | null,
): Promise<string | null> {
  const id = body.budget_id === undefined ? before : (body.budget_id as string | null);
  if (
    typeof body.budget_id === "string" &&
    (await budgets.find(transaction.connection, body.budget_id)) === undefined
  ) {
    throw refused(400, `Budget not found, passed budget_id=${body.budget_id}`);
  }
  const wanted = budgetFieldsOf(body);
  if (wanted === undefined) return id;
  const changed = id === null ? undefined : await changeBudget(management, transaction, id, wanted);
  return (changed ?? (await insertBudget(management, transaction, wanted))).budget_id;
}

async function deleteProjects(actor: Actor, ids: readonly string[]): Promise<JsonObject[]> {
  const { management } = actor;
  const rows = await projects.findMany(management.database.kysely, ids);
  const missing = ids.find((id) => !rows.some((row) => row.project_id === id));
  if (missing !== undefined) throw notThere(missing);
  const shown = await showProjects(management, rows);
  await change(actor, async (transaction) => {
    const { connection, record } = transaction;
    for (const row of rows) {
      await administeredTeam(actor, transaction, row.team_id);
      const owned = await keys.findMany(connection, [row.project_id], "project_id");
      if (owned.length > 0) throw refused(400, `Project ${row.project_id} has ${owned.length} keys: delete them first`);
      await projects.delete(connection, [row.project_id]);
      await record("project", "deleted", row.project_id, PROJECT_SHAPE.show({ ...row }), null);
    }
  });
  return shown;
}

/** Projects with their budgets, and with what their keys spent. */
async function showProjects(management: Management, rows: readonly ProjectRow[]): Promise<MutableJsonObject[]> {
  const connection = management.database.kysely;
  const owned = await keys.findMany(
    connection,
    rows.map((row) => row.project_id),
    "project_id",
  );
  const spends = await spendOfKeys(management, owned);
  const ids = rows.flatMap((row) => (row.budget_id === null ? [] : [row.budget_id]));
  const byId = new Map((await budgets.findMany(connection, ids)).map((row) => [row.budget_id, row]));
  return rows.map((row) => {
    const budget = row.budget_id === null ? undefined : byId.get(row.budget_id);
    const spent = owned
      .filter((key) => key.project_id === row.project_id)
      .reduce((sum, key) => sum + (spends.get(key.token) ?? 0n), row.spend_offset_nano);
    return {
      ...PROJECT_SHAPE.show({ ...row }),
      spend: dollars(spent < 0n ? 0n : spent),
      litellm_budget_table: budget === undefined ? null : BUDGET_SHAPE.show({ ...budget }),
    };
  });
}
