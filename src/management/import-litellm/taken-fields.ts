import type { Json, JsonObject, MutableJsonObject } from "../../json/json.ts";
import { nextReset, parseDuration } from "../../store/objects/budget-window.ts";
import type { ImportContext } from "./kind.ts";
import type { OldRow } from "./old-row.ts";

/** Limits and their period, by their names on the wire. */
export function limitsOf(row: OldRow, { now, resetClock }: ImportContext): MutableJsonObject {
  const duration = row.text("budget_duration");
  const parsed = duration === null ? undefined : parseDuration(duration);
  // A budget with a period and without an end would never begin anew.
  const fallback = parsed === undefined ? null : nextReset(parsed, now, resetClock);
  return {
    max_budget: row.dollars("max_budget"),
    soft_budget: row.dollars("soft_budget"),
    budget_duration: duration,
    budget_reset_at: row.time("budget_reset_at") ?? fallback,
    max_parallel_requests: row.number("max_parallel_requests"),
    tpm_limit: row.number("tpm_limit"),
    rpm_limit: row.number("rpm_limit"),
    tpd_limit: row.number("tpd_limit"),
  };
}

export function stampsOf(row: OldRow, { now }: ImportContext): MutableJsonObject {
  const created = row.time("created_at") ?? now;
  return {
    created_at: created,
    created_by: row.text("created_by"),
    updated_at: row.time("updated_at") ?? created,
    updated_by: row.text("updated_by"),
  };
}

/**
 * LiteLLM keeps fields that it has no column for in `metadata`; here they are fields of their own. `names` says which.
 */
export function liftedFields(
  metadata: JsonObject,
  names: ReadonlySet<string>,
): { readonly fields: MutableJsonObject; readonly metadata: JsonObject } {
  const fields: MutableJsonObject = {};
  const rest: MutableJsonObject = {};
  for (const [name, value] of Object.entries(metadata)) {
    if (names.has(name)) fields[name] = value;
    else rest[name] = value;
  }
  return { fields, metadata: rest };
}

/** `object_permission` of rows, by the id of their row in LiteLLM's table. */
export async function objectPermissions(
  { old }: ImportContext,
  rows: readonly OldRow[],
): Promise<(row: OldRow) => Json> {
  const ids = rows.map((row) => row.text("object_permission_id"));
  const found = await old.findMany(OBJECT_PERMISSIONS, "object_permission_id", ids);
  return (row) => {
    const permission = found.get(row.text("object_permission_id") ?? "");
    if (permission === undefined) return null;
    const entries = PERMISSION_FIELDS.map((name): [string, Json] => [name, permission.json(name)]);
    const set = entries.filter(([, value]) => value !== null);
    return set.length === 0 ? null : Object.fromEntries(set);
  };
}

export const OBJECT_PERMISSIONS = "LiteLLM_ObjectPermissionTable";

const PERMISSION_FIELDS = [
  ...["mcp_servers", "mcp_access_groups", "mcp_tool_permissions", "mcp_toolsets", "vector_stores", "agents"],
  ...["agent_access_groups", "models", "blocked_tools", "search_tools", "skills"],
] as const;
