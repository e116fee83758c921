import { z } from "zod";
import type { Json, JsonObject, MutableJsonObject } from "../../json/json.ts";
import { budgets } from "../../store/objects/budgets.ts";
import { type CustomerRow, customers } from "../../store/objects/customers.ts";
import { BUDGET_SHAPE } from "../budgets/budget-shape.ts";
import { budgetFieldsOf, changeBudget, insertBudget } from "../budgets/write-budget.ts";
import { type Actor, change } from "../change.ts";
import * as f from "../fields.ts";
import type { Management } from "../management.ts";
import { dollars, nanoOf, ObjectShape, STAMPS } from "../object-shape.ts";
import { refused } from "../refusals.ts";
import { type ManagementRoute, route } from "../route.ts";

const TAG = "Customer Management";

export const CUSTOMER_SHAPE = new ObjectShape(
  {
    user_id: "text",
    alias: "text",
    blocked: "flag",
    allowed_model_region: "text",
    default_model: "text",
    budget_id: "text",
    models: "list",
    ...STAMPS,
  },
  { object_permission: null },
);

const own = {
  user_id: f.requiredName,
  alias: f.optionalName,
  blocked: z.boolean().default(false),
  allowed_model_region: z.enum(["eu", "us"]).nullish(),
  default_model: f.optionalName,
  models: f.optionalNames,
  object_permission: f.objectPermission,
  budget_id: f.optionalName,
};
const newBody = z.object({
  ...own,
  ...f.limitFields,
  model_max_budget: f.modelMaxBudget,
  budget_reset_at: f.time,
  spend: f.money,
});
const updateBody = z.object({ ...own, blocked: f.flag, max_budget: f.money });
const several = z.object({ user_ids: z.array(f.requiredName).min(1).max(500) });

/** `/customer/x`, and `/end_user/x` as older clients call it. */
const at = (name: string) => ({ path: `/customer/${name}`, aliases: [`/end_user/${name}`], tag: TAG });

export const customerRoutes: readonly ManagementRoute[] = [
  route({
    method: "POST",
    ...at("new"),
    permission: "admin",
    summary: "Make a customer with limits of its own",
    body: newBody,
    handle: ({ body, ...actor }) => createCustomer(actor, body as JsonObject),
  }),
  route({
    method: "POST",
    ...at("update"),
    permission: "admin",
    summary: "Change a customer; only fields that are sent change, null clears",
    body: updateBody,
    handle: ({ body, ...actor }) => updateCustomer(actor, body.user_id, body as JsonObject),
  }),
  route({
    method: "POST",
    ...at("delete"),
    permission: "admin",
    summary: "Forget customers, not what they spent",
    body: several,
    handle: async ({ body, ...actor }) => {
      const ids = [...new Set(body.user_ids)];
      await change(actor, async ({ connection, record }) => {
        const rows = await customers.findMany(connection, ids);
        const missing = ids.find((id) => !rows.some((row) => row.user_id === id));
        if (missing !== undefined) throw unknownCustomer(missing);
        await customers.delete(connection, ids);
        for (const row of rows) await record("customer", "deleted", row.user_id, CUSTOMER_SHAPE.show({ ...row }), null);
      });
      return { deleted_customers: ids.length, message: `Successfully deleted customers with ids: ${ids.join(", ")}` };
    },
  }),
  ...([true, false] as const).map((blocked) =>
    route({
      method: "POST",
      ...at(blocked ? "block" : "unblock"),
      permission: "admin",
      summary: blocked ? "Mark customers as blocked" : "Take the mark away",
      body: several,
      handle: async ({ body, ...actor }) => {
        const rows: JsonObject[] = [];
        for (const id of body.user_ids) rows.push(await updateCustomer(actor, id, { blocked }, true));
        return { blocked_users: rows };
      },
    }),
  ),
  route({
    method: "GET",
    ...at("info"),
    permission: "view",
    summary: "A customer",
    query: { end_user_id: f.requiredName },
    handle: async ({ query, management }) => {
      const row = await customers.find(management.database.kysely, query.end_user_id);
      if (row === undefined) throw unknownCustomer(query.end_user_id);
      return showCustomer(management, row);
    },
  }),
  route({
    method: "GET",
    ...at("list"),
    permission: "view",
    summary: "All customers that were given limits",
    handle: async ({ management }) =>
      (await showCustomers(management, await customers.all(management.database.kysely))) as Json,
  }),
];

async function createCustomer(actor: Actor, body: JsonObject): Promise<JsonObject> {
  const { management } = actor;
  const fields = budgetFieldsOf(body);
  if (fields !== undefined && typeof body.budget_id === "string") {
    throw refused(422, "Set either budget_id or the fields of a budget, not both");
  }
  const id = String(body.user_id);
  const row = await change(actor, async (transaction) => {
    const { connection, now, by, record } = transaction;
    if ((await customers.find(connection, id)) !== undefined) {
      throw refused(400, `Customer already exists, passed user_id=${id}. Please pass a new user_id.`);
    }
    await requireBudget(transaction.connection, body.budget_id);
    const budget = fields === undefined ? undefined : await insertBudget(management, transaction, fields);
    const inserted = {
      ...CUSTOMER_SHAPE.insert({
        ...body,
        budget_id: budget?.budget_id ?? body.budget_id ?? null,
        created_at: now,
        created_by: by,
        updated_at: now,
        updated_by: by,
      }),
      spend_offset_nano: typeof body.spend === "number" ? nanoOf(body.spend) : 0n,
    } as unknown as CustomerRow;
    await customers.insert(connection, inserted);
    await record("customer", "created", id, null, CUSTOMER_SHAPE.show({ ...inserted }));
    return inserted;
  });
  return showCustomer(management, row);
}

async function updateCustomer(actor: Actor, id: string, body: JsonObject, create = false): Promise<JsonObject> {
  const { management } = actor;
  const known = await customers.find(management.database.kysely, id);
  // Whoever is only known from requests can be blocked, too.
  if (known === undefined && create) return createCustomer(actor, { ...body, user_id: id });
  const row = await change(actor, async (transaction) => {
    const { connection, now, by, record } = transaction;
    const before = await customers.lock(connection, id);
    if (before === undefined) throw unknownCustomer(id);
    await requireBudget(connection, body.budget_id);
    let budgetId = body.budget_id === undefined ? before.budget_id : (body.budget_id as string | null);
    if (body.max_budget !== undefined) {
      const fields = { max_budget: body.max_budget };
      const changed = budgetId === null ? undefined : await changeBudget(management, transaction, budgetId, fields);
      budgetId = (changed ?? (await insertBudget(management, transaction, fields))).budget_id;
    }
    const after: CustomerRow = {
      ...before,
      ...CUSTOMER_SHAPE.update({ ...before }, { ...body, user_id: undefined }),
      budget_id: budgetId,
      updated_at: now,
      updated_by: by,
    };
    await customers.update(connection, id, after);
    const action = body.blocked === true ? "blocked" : body.blocked === false ? "unblocked" : "updated";
    await record("customer", action, id, CUSTOMER_SHAPE.show({ ...before }), CUSTOMER_SHAPE.show({ ...after }));
    return after;
  });
  return showCustomer(management, row);
}

async function requireBudget(connection: Parameters<typeof budgets.find>[0], id: unknown): Promise<void> {
  if (typeof id === "string" && (await budgets.find(connection, id)) === undefined) {
    throw refused(400, `Budget not found, passed budget_id=${id}`);
  }
}

function unknownCustomer(id: string): Error {
  return refused(404, `End User Id=${id} does not exist in db`);
}

async function showCustomers(management: Management, rows: readonly CustomerRow[]): Promise<MutableJsonObject[]> {
  const totals = await management.spendOf(
    "customer",
    rows.map((row) => row.user_id),
  );
  const ids = rows.flatMap((row) => (row.budget_id === null ? [] : [row.budget_id]));
  const byId = new Map((await budgets.findMany(management.database.kysely, ids)).map((row) => [row.budget_id, row]));
  return rows.map((row) => {
    const spent = (totals.get(row.user_id) ?? 0n) + row.spend_offset_nano;
    const budget = row.budget_id === null ? undefined : byId.get(row.budget_id);
    return {
      ...CUSTOMER_SHAPE.show({ ...row }),
      spend: dollars(spent < 0n ? 0n : spent),
      litellm_budget_table: budget === undefined ? null : BUDGET_SHAPE.show({ ...budget }),
    };
  });
}

async function showCustomer(management: Management, row: CustomerRow): Promise<MutableJsonObject> {
  return (await showCustomers(management, [row]))[0] ?? {};
}
