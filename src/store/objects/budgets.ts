import { ObjectTable } from "./object-table.ts";
import type { BudgetTable } from "./tables.ts";

export type BudgetRow = Readonly<BudgetTable>;

/** Budgets that keys, organisations, customers, tags, projects and memberships refer to. */
export const budgets = new ObjectTable("budget", "budget_id");
