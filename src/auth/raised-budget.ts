import type { BudgetRow } from "../store/objects/budgets.ts";

/** The budget with its temporary raise (`temp_budget_increase`), until that expires. */
export function raisedBudget(budget: BudgetRow, now: number): BudgetRow {
  const { max_budget_nano: most, temp_budget_increase_nano: by, temp_budget_expiry: until } = budget;
  if (most === null || by === null || until === null || until < now) return budget;
  return { ...budget, max_budget_nano: most + by };
}
