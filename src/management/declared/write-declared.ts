import { isDeepStrictEqual } from "node:util";
import { KEY_TYPE_ROUTES } from "../../auth/allowed-routes.ts";
import type { JsonObject, MutableJsonObject } from "../../json/json.ts";
import type { DeclaredObject } from "../../snapshot/snapshot.ts";
import type { ResetClock } from "../../store/objects/budget-window.ts";
import { nextReset, parseDuration } from "../../store/objects/budget-window.ts";
import { type BudgetRow, budgets } from "../../store/objects/budgets.ts";
import { type KeyRow, keys } from "../../store/objects/keys.ts";
import { type TeamRow, teams } from "../../store/objects/teams.ts";
import { BUDGET_SHAPE } from "../budgets/budget-shape.ts";
import { auditedBudget } from "../budgets/write-budget.ts";
import type { Change } from "../change.ts";
import { checkReferences } from "../keys/key-rules.ts";
import { auditedKey, KEY_SHAPE } from "../keys/key-shape.ts";
import { isoTime, type ObjectShape } from "../object-shape.ts";
import { auditedTeam, TEAM_SHAPE } from "../teams/team-shape.ts";
import { memberBudgetOf, requireOrganization } from "../teams/write-teams.ts";

/** What the transaction that applies a configuration hands to those that write. */
export interface Applying extends Change {
  /** The zone and hour of the configuration that is applied. */
  readonly clock: ResetClock;
}

/** Whether the object was there before. */
export type Written = "created" | "kept" | "changed";

/** Makes the row of a declared object what the file says, and nothing else. */
export function writeDeclared(applying: Applying, object: DeclaredObject): Promise<Written> {
  switch (object.kind) {
    case "budget":
      return writeBudget(applying, object.id, object.fields);
    case "team":
      return writeTeam(applying, object);
    case "key":
      return writeKey(applying, object);
  }
}

async function writeBudget(applying: Applying, id: string, fields: JsonObject): Promise<Written> {
  const { connection, record } = applying;
  const before = await budgets.lock(connection, id);
  const row = BUDGET_SHAPE.insert(stamped(applying, { ...fields, budget_id: id }, before)) as unknown as BudgetRow;
  if (before === undefined) {
    await budgets.insert(connection, row);
    await record("budget", "created", id, null, auditedBudget(row));
    return "created";
  }
  if (sameRows(BUDGET_SHAPE, before, row)) return "kept";
  await budgets.update(connection, id, row);
  await record("budget", "updated", id, auditedBudget(before), auditedBudget(row));
  return "changed";
}

async function writeTeam(applying: Applying, { id, fields }: DeclaredObject): Promise<Written> {
  const { connection, record } = applying;
  await requireOrganization(applying, typeof fields.organization_id === "string" ? fields.organization_id : null);
  const before = await teams.lock(connection, id);
  const ofMembers = memberBudgetOf(fields);
  const budgetId = ofMembers === undefined ? null : `members-of-${id}`;
  if (ofMembers !== undefined && budgetId !== null) await writeBudget(applying, budgetId, ofMembers);
  const named = { member_permissions: fields.team_member_permissions ?? null, member_budget_id: budgetId };
  const row = {
    ...TEAM_SHAPE.insert(stamped(applying, { ...fields, ...named, team_id: id }, before)),
    spend_offset_nano: before?.spend_offset_nano ?? 0n,
  } as unknown as TeamRow;
  if (before === undefined) {
    await teams.insert(connection, row);
    await record("team", "created", id, null, auditedTeam(row));
    return "created";
  }
  if (sameRows(TEAM_SHAPE, before, row)) return "kept";
  await teams.update(connection, id, row);
  await record("team", "updated", id, auditedTeam(before), auditedTeam(row));
  return "changed";
}

async function writeKey(applying: Applying, { id: token, fields }: DeclaredObject): Promise<Written> {
  const { connection, record } = applying;
  const team = await checkReferences(connection, fields);
  const before = await keys.lock(connection, token);
  const own: MutableJsonObject = { ...fields };
  if (typeof fields.key_type === "string") own.allowed_routes ??= [...(KEY_TYPE_ROUTES[fields.key_type] ?? [])];
  own.organization_id ??= team?.organization_id ?? null;
  const row = {
    ...KEY_SHAPE.insert(stamped(applying, own, before)),
    token,
    spend_offset_nano: before?.spend_offset_nano ?? 0n,
    previous_tokens: before?.previous_tokens ?? "[]",
  } as unknown as KeyRow;
  if (before === undefined) {
    await keys.insert(connection, row);
    await record("key", "created", token, null, auditedKey(row));
    return "created";
  }
  if (sameRows(KEY_SHAPE, before, row)) return "kept";
  await keys.update(connection, token, row);
  await record("key", "updated", token, auditedKey(before), auditedKey(row));
  return "changed";
}

interface Stamped {
  readonly created_at: number;
  readonly created_by: string | null;
  readonly budget_duration: string | null;
  readonly budget_reset_at: number | null;
}

/** With when it was made, and with the end of its period: one that is under way goes on. */
function stamped({ now, by, clock }: Applying, fields: JsonObject, before: Stamped | undefined): JsonObject {
  const period = typeof fields.budget_duration === "string" ? fields.budget_duration : null;
  const duration = period === null ? undefined : parseDuration(period);
  const goesOn = before !== undefined && before.budget_duration === period && before.budget_reset_at !== null;
  const end = goesOn ? before.budget_reset_at : duration === undefined ? null : nextReset(duration, now, clock);
  return {
    ...fields,
    budget_reset_at: period === null || end === null ? null : isoTime(end),
    created_at: before?.created_at ?? now,
    created_by: before?.created_by ?? by,
    updated_at: now,
    updated_by: by,
  };
}

/** Whether two rows say the same, but for who wrote them and when. */
function sameRows(shape: ObjectShape, one: object, other: object): boolean {
  const said = (row: object): JsonObject => ({
    ...shape.show(row as Parameters<ObjectShape["show"]>[0]),
    created_at: null,
    created_by: null,
    updated_at: null,
    updated_by: null,
  });
  return isDeepStrictEqual(said(one), said(other));
}
