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
