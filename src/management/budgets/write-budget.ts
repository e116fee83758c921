import { randomUUID } from "node:crypto";
import type { JsonObject } from "../../json/json.ts";
import { type BudgetRow, budgets } from "../../store/objects/budgets.ts";
import { customers } from "../../store/objects/customers.ts";
import { keys } from "../../store/objects/keys.ts";
import type { Connection } from "../../store/objects/object-table.ts";
import { organizations } from "../../store/objects/organizations.ts";
import { projects } from "../../store/objects/projects.ts";
import { tags } from "../../store/objects/tags.ts";
import { teamMembers } from "../../store/objects/teams.ts";
import type { Change } from "../change.ts";
import { resetFor } from "../fields.ts";
import type { Management } from "../management.ts";
import { BUDGET_SHAPE } from "./budget-shape.ts";

/** Names of the fields that make a budget of whoever has them. */
export const BUDGET_FIELDS = [
  ...["max_budget", "soft_budget", "budget_duration", "max_parallel_requests", "tpm_limit", "rpm_limit", "tpd_limit"],
  ...["model_max_budget", "allowed_models", "temp_budget_increase", "temp_budget_expiry", "budget_reset_at"],
] as const;

/** The fields of a body that belong to its budget; undefined when there is none. */
export function budgetFieldsOf(body: JsonObject): JsonObject | undefined {
  const found = BUDGET_FIELDS.filter((name) => body[name] !== undefined);
  return found.length === 0 ? undefined : Object.fromEntries(found.map((name) => [name, body[name]]));
}

export function auditedBudget(row: BudgetRow): JsonObject {
  return BUDGET_SHAPE.show({ ...row });
}

export async function insertBudget(
  management: Management,
  { connection, now, by, record }: Change,
  fields: JsonObject,
): Promise<BudgetRow> {
  const row = BUDGET_SHAPE.insert({
    budget_reset_at: resetFor(management, fields.budget_duration as string | null | undefined) ?? null,
    ...fields,
    budget_id: fields.budget_id ?? randomUUID(),
    created_at: now,
    created_by: by,
    updated_at: now,
    updated_by: by,
  }) as unknown as BudgetRow;
  await budgets.insert(connection, row);
  await record("budget", "created", row.budget_id, null, auditedBudget(row));
  return row;
}

/** Changes a budget that is there; undefined when it is not. */
export async function changeBudget(
  management: Management,
  { connection, now, by, record }: Change,
  budgetId: string,
  fields: JsonObject,
): Promise<BudgetRow | undefined> {
  // Whoever shares it changes it through its own route, too.
  management.declared.requireOwn("budget", budgetId);
  const before = await budgets.lock(connection, budgetId);
  if (before === undefined) return undefined;
  const after: BudgetRow = {
    ...before,
    ...BUDGET_SHAPE.update(
      { ...before },
      {
        budget_reset_at: resetFor(management, fields.budget_duration as string | null | undefined),
        ...fields,
        budget_id: undefined,
      },
    ),
    updated_at: now,
    updated_by: by,
  };
  await budgets.update(connection, budgetId, after);
  await record("budget", "updated", budgetId, auditedBudget(before), auditedBudget(after));
  return after;
}

const HOLDERS = [
  ["keys", keys],
  ["customers", customers],
  ["tags", tags],
  ["organizations", organizations],
  ["projects", projects],
  ["team members", teamMembers],
] as const;

/** Who has a budget (`3 keys`); undefined when nobody does. */
export async function holdersOfBudget(connection: Connection, id: string): Promise<string | undefined> {
  for (const [what, table] of HOLDERS) {
    const count = (await table.countBy(connection, "budget_id", [id])).get(id) ?? 0;
    if (count > 0) return `${count} ${what}`;
  }
  return undefined;
}
