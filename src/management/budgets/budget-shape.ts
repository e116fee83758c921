import { z } from "zod";
import * as f from "../fields.ts";
import { LIMITS, ObjectShape, STAMPS } from "../object-shape.ts";

export const BUDGET_SHAPE = new ObjectShape({
  budget_id: "text",
  ...LIMITS,
  model_max_budget: "object",
  allowed_models: "list",
  temp_budget_increase: "money",
  temp_budget_expiry: "time",
  ...STAMPS,
});

/** The fields of a budget that a caller may set. */
export const budgetBody = z.object({
  budget_id: f.optionalName,
  ...f.limitFields,
  model_max_budget: f.modelMaxBudget,
  budget_reset_at: f.time,
});
