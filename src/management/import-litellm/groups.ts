import { ACCESS_GROUP_SHAPE } from "../access-groups/unified-groups.ts";
import { INVITATION_SHAPE } from "../invitations/invitation-routes.ts";
import type { Kind, NewRow } from "./kind.ts";
import { stampsOf } from "./taken-fields.ts";

export const accessGroupsKind: Kind = {
  name: "access groups",
  from: { table: "LiteLLM_AccessGroupTable", order: ["access_group_id"] },
  to: "access_group",
  key: ["access_group_id"],
  unique: [{ column: "access_group_name", required: true }],
  audited: { kind: "accessGroup", show: (row) => ACCESS_GROUP_SHAPE.show(row) },
  take: (rows, context) =>
    rows.map((row) => ({
      name: row.text("access_group_name") ?? "",
      row: ACCESS_GROUP_SHAPE.insert({
        ...stampsOf(row, context),
        access_group_id: row.text("access_group_id") ?? "",
        access_group_name: row.text("access_group_name") ?? "",
        description: row.text("description"),
        model_names: row.names("access_model_names"),
        access_mcp_server_ids: row.json("access_mcp_server_ids"),
        access_agent_ids: row.json("access_agent_ids"),
        assigned_team_ids: row.json("assigned_team_ids"),
        assigned_key_ids: row.json("assigned_key_ids"),
      }),
    })),
};

/** Budgets of the groups that models name. What was spent of them counts from now on: the ledger adds it up by model. */
export const groupBudgetsKind: Kind = {
  name: "access group budgets",
  from: { table: "LiteLLM_ModelAccessGroupBudgetTable", order: ["access_group_name"] },
  to: "model_access_group_budget",
  key: ["access_group_name"],
  audited: {
    kind: "modelAccessGroupBudget",
    show: ({ access_group_name, budget_id }) => ({
      access_group_name: String(access_group_name),
      budget_id: String(budget_id),
    }),
  },
  take: (rows, context) =>
    rows.map((row) => {
      const name = row.text("access_group_name") ?? "";
      const budgetId = row.text("budget_id");
      if (budgetId === null) return { name, skipped: "it has no budget" };
      return {
        name,
        row: { access_group_name: name, budget_id: budgetId, ...(stampsOf(row, context) as NewRow) },
        notes: (row.number("spend") ?? 0) > 0 ? ["what was spent of it is not counted"] : [],
      };
    }),
};

export const invitationsKind: Kind = {
  name: "invitations",
  from: { table: "LiteLLM_InvitationLink", order: ["id"] },
  to: "invitation",
  key: ["id"],
  audited: { kind: "invitation", show: (row) => INVITATION_SHAPE.show(row) },
  take: (rows, context) =>
    rows.map((row) => {
      const id = row.text("id") ?? "";
      const expires = row.time("expires_at");
      if (expires === null || expires <= context.now) return { name: id, skipped: "its time is over" };
      return {
        name: id,
        row: INVITATION_SHAPE.insert({
          ...stampsOf(row, context),
          id,
          user_id: row.text("user_id") ?? "",
          is_accepted: row.flag("is_accepted"),
          accepted_at: row.time("accepted_at"),
          expires_at: expires,
        }),
      };
    }),
};
