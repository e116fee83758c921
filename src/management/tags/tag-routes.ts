import { z } from "zod";
import type { Json, JsonObject, MutableJsonObject } from "../../json/json.ts";
import { entitiesOf, usageBy } from "../../ledger/usage.ts";
import { budgets } from "../../store/objects/budgets.ts";
import { type TagRow, tags } from "../../store/objects/tags.ts";
import { BUDGET_SHAPE } from "../budgets/budget-shape.ts";
import { budgetFieldsOf, changeBudget, insertBudget } from "../budgets/write-budget.ts";
import { type Actor, change } from "../change.ts";
import * as f from "../fields.ts";
import type { Management } from "../management.ts";
import { dollars, ObjectShape, STAMPS } from "../object-shape.ts";
import { refused } from "../refusals.ts";
import { type ManagementRoute, route } from "../route.ts";
import { dayRange } from "../spend/spend-dates.ts";
import { tagAnalyticsRoutes } from "./tag-analytics.ts";

const TAG = "tag management";
const MOST_TAGS = 10_000;

export const TAG_SHAPE = new ObjectShape({
  tag_name: "text",
  description: "text",
  models: "list",
  model_info: "optional-object",
  budget_id: "text",
  ...STAMPS,
});

const tagBody = z.object({
  name: f.requiredName,
  description: f.text.nullish(),
  models: f.optionalNames,
  model_info: z.record(f.name, f.name).nullish(),
  budget_id: f.optionalName,
  max_budget: f.money,
  soft_budget: f.money,
  max_parallel_requests: f.count,
  tpm_limit: f.count,
  rpm_limit: f.count,
  model_max_budget: f.modelMaxBudget,
  budget_duration: f.duration,
});

export const tagRoutes: readonly ManagementRoute[] = [
  ...(["new", "update"] as const).map((what) =>
    route({
      method: "POST",
      path: `/tag/${what}`,
      permission: "admin",
      tag: TAG,
      summary: what === "new" ? "Make a tag with limits of its own" : "Change a tag",
      body: tagBody,
      handle: async ({ body, ...actor }) => ({
        message: `Tag ${body.name} ${what === "new" ? "created" : "updated"} successfully`,
        tag: await writeTag(actor, body as JsonObject & { name: string }, what === "new"),
      }),
    }),
  ),
  route({
    method: "POST",
    path: "/tag/delete",
    permission: "admin",
    tag: TAG,
    summary: "Delete a tag; what it spent stays in the ledger",
    body: z.object({ name: f.requiredName }),
    handle: async ({ body, ...actor }) => {
      await change(actor, async ({ connection, record }) => {
        const row = await tags.lock(connection, body.name);
        if (row === undefined) throw refused(404, `Tag ${body.name} not found`);
        await tags.delete(connection, [body.name]);
        await record("tag", "deleted", body.name, TAG_SHAPE.show({ ...row }), null);
      });
      return { message: `Tag ${body.name} deleted successfully` };
    },
  }),
  route({
    method: "POST",
    path: "/tag/info",
    permission: "view",
    tag: TAG,
    summary: "Tags by their names",
    body: z.object({ names: f.names.min(1) }),
    handle: async ({ body, management }) => {
      const rows = await tags.findMany(management.database.kysely, body.names);
      const missing = body.names.find((name) => !rows.some((row) => row.tag_name === name));
      if (missing !== undefined) throw refused(404, `Tag ${missing} not found`);
      const shown = await showTags(management, rows);
      return Object.fromEntries(shown.map((tag) => [String(tag.name), tag]));
    },
  }),
  route({
    method: "GET",
    path: "/tag/list",
    permission: "view",
    tag: TAG,
    summary: "Tags with limits of their own, and those that only requests have",
    query: { start_date: f.optionalName, end_date: f.optionalName },
    handle: async ({ management, query }) => {
      const own = await showTags(management, await tags.all(management.database.kysely));
      const known = new Set(own.map((tag) => tag.name));
      const used = (await usedTags(management, query.start_date, query.end_date)).filter((name) => !known.has(name));
      return [...own, ...used.map(dynamicTag)] as Json;
    },
  }),
  ...tagAnalyticsRoutes,
];

/** Tags that requests had, in a range of days where one is given. */
async function usedTags(
  management: Management,
  start: string | null | undefined,
  end: string | null | undefined,
): Promise<string[]> {
  const { database } = management;
  if (typeof start !== "string" && typeof end !== "string") return entitiesOf(database, "tag", MOST_TAGS);
  const range = dayRange(start, end, management.now());
  const rows = await usageBy(database, { ...range, dimension: "tag", by: ["entity"], top: MOST_TAGS });
  return rows.map((row) => row.entity).sort();
}

function dynamicTag(name: string): JsonObject {
  return {
    name,
    description: "Requests had this tag; it has no limits of its own",
    models: null,
    model_info: null,
    budget_id: null,
    litellm_budget_table: null,
  };
}

async function writeTag(actor: Actor, body: JsonObject & { name: string }, create: boolean): Promise<JsonObject> {
  const { management } = actor;
  const fields = budgetFieldsOf(body);
  const row = await change(actor, async (transaction) => {
    const { connection, now, by, record } = transaction;
    const before = await tags.lock(connection, body.name);
    if (create && before !== undefined) throw refused(400, `Tag ${body.name} already exists`);
    if (!create && before === undefined) throw refused(404, `Tag ${body.name} not found`);
    let budgetId = body.budget_id === undefined ? (before?.budget_id ?? null) : (body.budget_id as string | null);
    if (typeof body.budget_id === "string" && (await budgets.find(connection, body.budget_id)) === undefined) {
      throw refused(400, `Budget not found, passed budget_id=${body.budget_id}`);
    }
    if (fields !== undefined) {
      const changed = budgetId === null ? undefined : await changeBudget(management, transaction, budgetId, fields);
      budgetId = (changed ?? (await insertBudget(management, transaction, fields))).budget_id;
    }
    const stamps = { updated_at: now, updated_by: by, budget_id: budgetId };
    const after = (before === undefined
      ? {
          ...TAG_SHAPE.insert({ ...body, tag_name: body.name, ...stamps, created_at: now, created_by: by }),
          spend_offset_nano: 0n,
        }
      : { ...before, ...TAG_SHAPE.update({ ...before }, { ...body, ...stamps }) }) as unknown as TagRow;
    if (before === undefined) await tags.insert(connection, after);
    else await tags.update(connection, body.name, after);
    const old = before === undefined ? null : TAG_SHAPE.show({ ...before });
    await record("tag", create ? "created" : "updated", body.name, old, TAG_SHAPE.show({ ...after }));
    return after;
  });
  return (await showTags(management, [row]))[0] ?? {};
}

async function showTags(management: Management, rows: readonly TagRow[]): Promise<MutableJsonObject[]> {
  const totals = await management.spendOf(
    "tag",
    rows.map((row) => row.tag_name),
  );
  const ids = rows.flatMap((row) => (row.budget_id === null ? [] : [row.budget_id]));
  const byId = new Map((await budgets.findMany(management.database.kysely, ids)).map((row) => [row.budget_id, row]));
  return rows.map((row) => {
    const { tag_name, ...tag } = TAG_SHAPE.show({ ...row });
    const budget = row.budget_id === null ? undefined : byId.get(row.budget_id);
    const spent = (totals.get(row.tag_name) ?? 0n) + row.spend_offset_nano;
    return {
      name: tag_name,
      ...tag,
      spend: dollars(spent < 0n ? 0n : spent),
      litellm_budget_table: budget === undefined ? null : BUDGET_SHAPE.show({ ...budget }),
    };
  });
}
