import { BUDGET_SHAPE } from "../budgets/budget-shape.ts";
import { CUSTOMER_SHAPE } from "../customers/customer-routes.ts";
import { TAG_SHAPE } from "../tags/tag-routes.ts";
import type { Kind } from "./kind.ts";
import { limitsOf, OBJECT_PERMISSIONS, objectPermissions, stampsOf } from "./taken-fields.ts";

/** Budgets that others refer to. */
export const budgetsKind: Kind = {
  name: "budgets",
  from: { table: "LiteLLM_BudgetTable", order: ["budget_id"] },
  to: "budget",
  key: ["budget_id"],
  audited: { kind: "budget", show: (row) => BUDGET_SHAPE.show(row) },
  take: (rows, context) =>
    rows.map((row) => ({
      name: row.text("budget_id") ?? "",
      row: BUDGET_SHAPE.insert({
        ...limitsOf(row, context),
        ...stampsOf(row, context),
        budget_id: row.text("budget_id") ?? "",
        model_max_budget: row.object("model_max_budget"),
        allowed_models: row.names("allowed_models"),
        temp_budget_increase: row.dollars("temp_budget_increase"),
        temp_budget_expiry: row.time("temp_budget_expiry"),
      }),
    })),
};

/** End users, also those that have no limits, with what they spent. */
export const customersKind: Kind = {
  name: "customers",
  from: { table: "LiteLLM_EndUserTable", order: ["user_id"] },
  alongside: [OBJECT_PERMISSIONS],
  to: "customer",
  key: ["user_id"],
  audited: { kind: "customer", show: (row) => CUSTOMER_SHAPE.show(row) },
  async take(rows, context) {
    const permissionOf = await objectPermissions(context, rows);
    return rows.map((row) => ({
      name: row.text("user_id") ?? "",
      row: {
        ...CUSTOMER_SHAPE.insert({
          ...stampsOf(row, context),
          user_id: row.text("user_id") ?? "",
          alias: row.text("alias"),
          blocked: row.flag("blocked"),
          allowed_model_region: row.text("allowed_model_region"),
          default_model: row.text("default_model"),
          budget_id: row.text("budget_id"),
          models: row.names("models"),
          object_permission: permissionOf(row),
        }),
        spend_offset_nano: row.nano("spend"),
      },
    }));
  },
};

export const tagsKind: Kind = {
  name: "tags",
  from: { table: "LiteLLM_TagTable", order: ["tag_name"] },
  to: "tag",
  key: ["tag_name"],
  audited: { kind: "tag", show: (row) => TAG_SHAPE.show(row) },
  take: (rows, context) =>
    rows.map((row) => ({
      name: row.text("tag_name") ?? "",
      row: {
        ...TAG_SHAPE.insert({
          ...stampsOf(row, context),
          tag_name: row.text("tag_name") ?? "",
          description: row.text("description"),
          models: row.names("models"),
          model_info: row.json("model_info"),
          budget_id: row.text("budget_id"),
        }),
        spend_offset_nano: row.nano("spend"),
      },
    })),
};
