import { z } from "zod";
import type { JsonObject } from "../json/json.ts";
import { addDuration, nextReset, parseDuration } from "../store/objects/budget-window.ts";
import { type Management, resetClock } from "./management.ts";
import { badRequest } from "./refusals.ts";

/** The types of fields that many bodies share. Null always clears; absent leaves as it is. */

const NAME_LIMIT = 255;
const TEXT_LIMIT = 8_192;
const LIST_LIMIT = 10_000;
/** Dollars that fit into 64 bits of nano-dollars. */
const MONEY_LIMIT = 9_000_000_000;

// Such characters end a line of a log, a header or a database's text; no name needs them.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const CONTROL = /[\u0000-\u001f\u007f]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: PostgreSQL cannot keep it
const NUL = /\u0000/;

/** An id or a name: one line, 255 characters at most. */
export const name = z
  .string()
  .max(NAME_LIMIT)
  .refine((text) => !CONTROL.test(text), "Control characters are not allowed");
export const requiredName = name.min(1);
export const optionalName = name.nullish();
/** Longer text, in lines. */
export const text = z
  .string()
  .max(TEXT_LIMIT)
  .refine((value) => !NUL.test(value), "The character U+0000 is not allowed");
export const names = z.array(name).max(LIST_LIMIT);
export const optionalNames = names.nullish();

const noNul = (value: unknown) => !JSON.stringify(value ?? null).includes("\\u0000");
/** Any JSON object. */
export const object = z.record(z.string(), z.json()).refine(noNul, "The character U+0000 is not allowed").nullish();
export const anyList = z.array(z.json()).max(LIST_LIMIT).refine(noNul, "The character U+0000 is not allowed").nullish();
export const namesByName = z.record(z.string(), names).nullish();
export const countsByName = z.record(z.string(), z.int().nonnegative()).nullish();

export const flag = z.boolean().nullish();
export const count = z.int().nullish();
export const money = z.number().max(MONEY_LIMIT).nullish();
export const duration = z.string().max(32).nullish();
export const time = z.iso.datetime({ offset: true, local: true }).nullish();

export const objectPermission = z
  .looseObject({
    mcp_servers: optionalNames,
    mcp_access_groups: optionalNames,
    mcp_tool_permissions: namesByName,
    vector_stores: optionalNames,
    agents: optionalNames,
    agent_access_groups: optionalNames,
    models: optionalNames,
  })
  .nullish();

const budgetWindow = z.looseObject({ budget_duration: z.string(), max_budget: z.number() });
export const budgetLimits = z.array(budgetWindow).max(100).nullish();
/** Model → its budget: `{budget_limit | max_budget, time_period | budget_duration}`. */
export const modelMaxBudget = z
  .record(
    z.string(),
    z.looseObject({
      budget_limit: z.number().nullish(),
      max_budget: z.number().nullish(),
      time_period: z.string().nullish(),
      budget_duration: z.string().nullish(),
      tpm_limit: count,
      rpm_limit: count,
    }),
  )
  .nullish();

/** The limits that a budget, or whoever carries its own, may have. */
export const limitFields = {
  max_budget: money,
  soft_budget: money,
  budget_duration: duration,
  max_parallel_requests: count,
  tpm_limit: count,
  rpm_limit: count,
  tpd_limit: count,
};

const AMOUNTS = ["max_budget", "soft_budget", "temp_budget_increase", "max_budget_in_team", "team_member_budget"];
const COUNTS = [
  ...["max_parallel_requests", "tpm_limit", "rpm_limit", "tpd_limit", "team_member_tpm_limit", "team_member_rpm_limit"],
  ...["default_estimated_output_tokens", "spend", "max_budget_in_organization"],
];
const DURATIONS = ["budget_duration", "team_member_budget_duration", "team_member_key_duration", "rotation_interval"];

/** Refuses amounts below zero and durations that are none; names the field. */
export function checkLimits(fields: Readonly<Record<string, unknown>>): void {
  for (const field of [...AMOUNTS, ...COUNTS]) {
    const value = fields[field];
    if (typeof value === "number" && value < 0) {
      throw badRequest(`${field} cannot be negative. Received ${field}=${value}`, field);
    }
  }
  for (const field of DURATIONS) checkDuration(field, fields[field]);
  const windows = fields.budget_limits;
  if (Array.isArray(windows)) for (const window of windows as JsonObject[]) checkLimits(window);
  const models = fields.model_max_budget;
  if (typeof models === "object" && models !== null) {
    for (const [model, budget] of Object.entries(models as Record<string, JsonObject>)) {
      const amount = budget.budget_limit ?? budget.max_budget;
      if (typeof amount === "number" && amount < 0) {
        throw badRequest(`the budget of ${model} cannot be negative. Received ${amount}`, "model_max_budget");
      }
      checkDuration("model_max_budget", budget.time_period ?? budget.budget_duration);
    }
  }
}

function checkDuration(field: string, value: unknown): void {
  if (typeof value !== "string" || isNoDuration(value) || parseDuration(value) !== undefined) return;
  throw badRequest(`${field} '${value}' is not a duration such as 30s, 5m, 24h, 7d, 1w or 1mo`, field);
}

/** What LiteLLM takes for "none". */
function isNoDuration(value: string): boolean {
  return value === "" || value.toLowerCase() === "none" || value.toLowerCase() === "null";
}

/**
 * When a budget that has just got this duration begins anew; null where it never does, undefined where the duration
 * was not among the fields.
 */
export function resetFor(management: Management, budgetDuration: string | null | undefined): string | null | undefined {
  if (budgetDuration === undefined) return undefined;
  const parsed = budgetDuration === null ? undefined : parseDuration(budgetDuration);
  if (parsed === undefined) return null;
  return new Date(nextReset(parsed, management.now(), resetClock(management))).toISOString();
}

/** When something that has just got this duration expires (milliseconds since the epoch); null is never. */
export function expiryFor(now: number, value: string | null | undefined): number | null | undefined {
  if (value === undefined) return undefined;
  if (value === null || value === "-1" || isNoDuration(value)) return null;
  const parsed = parseDuration(value);
  if (parsed === undefined) {
    throw badRequest(`duration '${value}' is not a duration such as 30s, 5m, 24h, 7d, 1w or 1mo`, "duration");
  }
  return addDuration(now, parsed);
}
