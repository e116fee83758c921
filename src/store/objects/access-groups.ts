import { ObjectTable } from "./object-table.ts";
import type { AccessGroupTable } from "./tables.ts";

export type AccessGroupRow = Readonly<AccessGroupTable>;

/** Unified access groups; a key or team that names one may use its models as well. */
export const accessGroups = new ObjectTable("access_group", "access_group_id");

/** Budgets of the access groups that `model_info.access_groups` makes. */
export const modelAccessGroupBudgets = new ObjectTable("model_access_group_budget", "access_group_name");
