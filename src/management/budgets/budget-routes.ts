import { z } from "zod";
import type { Json, JsonObject } from "../../json/json.ts";
import { type BudgetRow, budgets } from "../../store/objects/budgets.ts";
import { change } from "../change.ts";
import * as f from "../fields.ts";
import { badRequest, refused } from "../refusals.ts";
import { type ManagementRoute, route } from "../route.ts";
import { budgetBody } from "./budget-shape.ts";
import { auditedBudget, changeBudget, holdersOfBudget, insertBudget } from "./write-budget.ts";

const TAG = "budget management";

export const budgetRoutes: readonly ManagementRoute[] = [
  route({
    method: "POST",
    path: "/budget/new",
    permission: "admin",
    tag: TAG,
    summary: "Make a budget that keys, customers, tags and organizations may share",
    body: budgetBody,
    handle: async ({ body, ...actor }) => {
      const row = await change(actor, async (transaction) => {
        if (typeof body.budget_id === "string" && (await budgets.find(transaction.connection, body.budget_id))) {
          throw badRequest(`Budget with id '${body.budget_id}' already exists`, "budget_id");
        }
        return insertBudget(actor.management, transaction, body as JsonObject);
      });
      return auditedBudget(row);
    },
  }),
  route({
    method: "POST",
    path: "/budget/update",
    permission: "admin",
    tag: TAG,
    summary: "Change a budget; only fields that are sent change, null clears",
    body: budgetBody,
    handle: async ({ body, ...actor }) => {
      const { budget_id, ...fields } = body;
      if (typeof budget_id !== "string") throw badRequest("budget_id is required", "budget_id");
      const row = await change(actor, (transaction) =>
        changeBudget(actor.management, transaction, budget_id, fields as JsonObject),
      );
      if (row === undefined) throw refused(404, `Budget not found, passed budget_id=${budget_id}`);
      return auditedBudget(row);
    },
  }),
  route({
    method: "POST",
    path: "/budget/delete",
    permission: "admin",
    tag: TAG,
    summary: "Delete a budget that nobody has",
    body: z.object({ id: f.requiredName }),
    handle: async ({ body, ...actor }) => {
      actor.management.declared.requireOwn("budget", body.id);
      const row = await change(actor, async ({ connection, record }) => {
        const found = await budgets.lock(connection, body.id);
        if (found === undefined) throw refused(404, `Budget not found, passed budget_id=${body.id}`);
        const holders = await holdersOfBudget(connection, body.id);
        if (holders !== undefined) throw refused(400, `Budget ${body.id} is in use by ${holders}`);
        await budgets.delete(connection, [body.id]);
        await record("budget", "deleted", body.id, auditedBudget(found), null);
        return found;
      });
      return auditedBudget(row);
    },
  }),
  route({
    method: "POST",
    path: "/budget/info",
    permission: "view",
    tag: TAG,
    summary: "Budgets by their ids",
    body: z.object({ budgets: f.names.min(1) }),
    handle: async ({ body, management }) => shown(await budgets.findMany(management.database.kysely, body.budgets)),
  }),
  route({
    method: "GET",
    path: "/budget/list",
    permission: "view",
    tag: TAG,
    summary: "All budgets",
    handle: async ({ management }) => shown(await budgets.all(management.database.kysely, "created_at")),
  }),
  route({
    method: "GET",
    path: "/budget/settings",
    permission: "view",
    tag: TAG,
    summary: "A budget field by field, for forms",
    query: { budget_id: f.requiredName },
    handle: async ({ query, management }) => {
      const row = await budgets.find(management.database.kysely, query.budget_id);
      if (row === undefined) throw refused(404, `Budget not found, passed budget_id=${query.budget_id}`);
      const values = auditedBudget(row);
      return Object.keys(budgetBody.shape)
        .filter((name) => name !== "budget_id")
        .map((name) => ({ field_name: name, field_value: values[name] ?? null, stored_in_db: true })) as Json;
    },
  }),
];

function shown(rows: readonly BudgetRow[]): Json {
  return rows.map(auditedBudget);
}
