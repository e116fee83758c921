import { z } from "zod";
import { addDuration, nextReset, parseDuration } from "../store/objects/budget-window.ts";
import { type Management, resetClock } from "./management.ts";
import { badRequest } from "./refusals.ts";

/**
 * The types of fields that many bodies share. Null always clears; absent leaves as it is. What no schema of FastAPI
 * refuses, but LiteLLM's handlers do (amounts below zero, durations that are none), is marked as a `refusal`: with
 * nothing else wrong, the answer is status 400 in LiteLLM's envelope.
 */

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

/** Marks a refinement as LiteLLM's own refusal; the sentence follows the field's name, and may repeat it as `{field}`. */
const refusal = (sentence: (value: unknown) => string) => ({
  error: (issue: { readonly input?: unknown }) => sentence(issue.input),
  params: { refusal: true },
});

/** An id or a name: one line, 255 characters at most. */
export const name = z
  .string()
  .max(NAME_LIMIT)
  .refine((text) => !CONTROL.test(text), "Control characters are not allowed");
export const requiredName = name.min(1);
/** A longer text that must fit into a header. */
export const line = z
  .string()
  .max(TEXT_LIMIT)
  .refine((value) => !CONTROL.test(value), "Control characters are not allowed");
export const optionalName = name.nullish();
/** Longer text, in lines. */
export const text = z
  .string()
  .max(TEXT_LIMIT)
  .refine((value) => !NUL.test(value), "The character U+0000 is not allowed");
export const names = z.array(name).max(LIST_LIMIT);
export const optionalNames = names.nullish();

const NO_NUL = "The character U+0000 is not allowed";
/** Whether no text in a value of JSON has a character that PostgreSQL cannot keep. */
export const hasNoNul = (value: unknown): boolean => {
  if (typeof value === "string") return !NUL.test(value);
  if (typeof value !== "object" || value === null) return true;
  return Object.entries(value).every(([name, member]) => !NUL.test(name) && hasNoNul(member));
};
/** Any JSON value. */
export const anyValue = z.json().refine(hasNoNul, NO_NUL);
/** Any JSON object, as it must be present. */
export const requiredObject = z.record(z.string(), z.json()).refine(hasNoNul, NO_NUL);
export const object = requiredObject.nullish();
export const anyList = z.array(z.json()).max(LIST_LIMIT).refine(hasNoNul, NO_NUL).nullish();
export const namesByName = z.record(name, names).nullish();

/** A key, or its hash. */
export const key = z
  .string()
  .min(1)
  .max(512)
  .refine((text) => !CONTROL.test(text), "Control characters are not allowed");
export const keyList = z.array(key).max(1_000).nullish();
export const email = z
  .string()
  .max(320)
  .regex(/^[^\s@]+@[^\s@]+$/, "Input should be an e-mail address")
  .refine((text) => !CONTROL.test(text), "Control characters are not allowed")
  .nullish();

const NOT_NEGATIVE = refusal((value) => `cannot be negative. Received {field}=${value}`);
const notNegative = (value: number): boolean => value >= 0;

export const flag = z.boolean().nullish();
export const requiredCount = z.int().refine(notNegative, NOT_NEGATIVE);
export const count = requiredCount.nullish();
export const countsByName = z.record(name, requiredCount).nullish();
/** Dollars. */
export const requiredMoney = z.number().max(MONEY_LIMIT).refine(notNegative, NOT_NEGATIVE);
export const money = requiredMoney.nullish();
const NO_DURATION = refusal((value) => `'${value}' is not a duration such as 30s, 5m, 24h, 7d, 1w or 1mo`);
const isDuration = (value: string): boolean => isNoDuration(value) || parseDuration(value) !== undefined;
const requiredDuration = z.string().max(32).refine(isDuration, NO_DURATION);
export const duration = requiredDuration.nullish();
/** How long something is good; `-1` is for ever. */
export const lifetime = z
  .string()
  .max(32)
  .refine((value) => value === "-1" || isDuration(value), NO_DURATION)
  .nullish();
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
  .refine(hasNoNul, NO_NUL)
  .nullish();

const budgetWindow = z
  .looseObject({ budget_duration: requiredDuration, max_budget: requiredMoney })
  .refine(hasNoNul, NO_NUL);
export const budgetLimits = z.array(budgetWindow).max(100).nullish();
/** Model → its budget: `{budget_limit | max_budget, time_period | budget_duration}`. */
export const modelMaxBudget = z
  .record(
    name,
    z
      .looseObject({
        budget_limit: money,
        max_budget: money,
        time_period: duration,
        budget_duration: duration,
        tpm_limit: count,
        rpm_limit: count,
      })
      .refine(hasNoNul, NO_NUL),
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
