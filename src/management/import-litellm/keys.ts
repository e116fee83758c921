import { KEY_SHAPE } from "../keys/key-shape.ts";
import { isoTime } from "../object-shape.ts";
import type { ImportContext, Kind, Taken } from "./kind.ts";
import type { OldRow } from "./old-row.ts";
import { liftedFields, limitsOf, OBJECT_PERMISSIONS, objectPermissions, stampsOf } from "./taken-fields.ts";

const TABLE = "LiteLLM_VerificationToken";

/** The team of the keys that a login at LiteLLM's dashboard makes for a day. */
const DASHBOARD = "litellm-dashboard";

/** Keys by their hashes: whoever has one goes on using it. */
export const keysKind: Kind = {
  name: "keys",
  from: { table: TABLE, order: ["token"] },
  alongside: [OBJECT_PERMISSIONS],
  to: "virtual_key",
  key: ["token"],
  unique: [{ column: "key_alias" }],
  uncompared: ["previous_tokens", "key_name"],
  audited: { kind: "key", show: (row) => ({ token: String(row.token), ...KEY_SHAPE.show(row) }) },
  async take(rows, context) {
    const permissionOf = await objectPermissions(context, rows);
    return rows.map((row) => takeKey(row, context, permissionOf));
  },
};

function takeKey(
  row: OldRow,
  context: ImportContext,
  permissionOf: Awaited<ReturnType<typeof objectPermissions>>,
): Taken {
  const token = row.text("token") ?? "";
  const alias = row.text("key_alias");
  const name = `${alias ?? row.text("key_name") ?? "key"} (${token.slice(0, 12)}…)`;
  if (!/^[0-9a-f]{64}$/.test(token))
    return { name, skipped: "its token is no SHA-256: LiteLLM accepts no such key either" };
  if (row.text("team_id") === DASHBOARD) return { name, skipped: "a login at LiteLLM's dashboard" };
  const { fields, metadata } = liftedFields(row.object("metadata"), KEY_SHAPE.settings);
  const columns = KEY_SHAPE.insert({
    ...fields,
    ...limitsOf(row, context),
    ...stampsOf(row, context),
    key_name: row.text("key_name") ?? "sk-...",
    key_alias: alias,
    user_id: row.text("user_id"),
    team_id: row.text("team_id"),
    organization_id: row.text("organization_id"),
    project_id: row.text("project_id"),
    agent_id: row.text("agent_id"),
    budget_id: row.text("budget_id"),
    expires: row.time("expires"),
    models: row.names("models"),
    blocked: row.flag("blocked"),
    allowed_routes: row.names("allowed_routes"),
    metadata,
    aliases: row.json("aliases"),
    config: row.json("config"),
    permissions: row.json("permissions"),
    budget_limits: row.json("budget_limits"),
    allowed_cache_controls: row.json("allowed_cache_controls"),
    model_max_budget: row.json("model_max_budget"),
    budget_fallbacks: row.json("budget_fallbacks"),
    router_settings: row.json("router_settings"),
    access_group_ids: row.json("access_group_ids"),
    policies: row.json("policies") ?? fields.policies ?? null,
    key_type: row.text("key_type"),
    object_permission: permissionOf(row),
    ...rotationOf(row),
  });
  return { name, row: { ...columns, token, spend_offset_nano: row.nano("spend"), previous_tokens: "[]" } };
}

function rotationOf(row: OldRow): { readonly [name: string]: string | number | boolean | null } {
  const time = (column: string): string | null => {
    const at = row.time(column);
    return at === null ? null : isoTime(at);
  };
  return {
    auto_rotate: row.flag("auto_rotate") === true ? true : null,
    rotation_interval: row.text("rotation_interval"),
    rotation_count: row.number("rotation_count") || null,
    last_rotation_at: time("last_rotation_at"),
    key_rotation_at: time("key_rotation_at"),
  };
}

/** Hashes that were replaced and are still good for a while. */
export const replacedKeysKind: Kind = {
  name: "replaced keys",
  from: { table: "LiteLLM_DeprecatedVerificationToken", order: ["token"] },
  to: "deprecated_key",
  key: ["token"],
  take: (rows, { now }) =>
    rows.map((row) => {
      const token = row.text("token") ?? "";
      const name = `${token.slice(0, 12)}…`;
      const active = row.text("active_token_id");
      const until = row.time("revoke_at");
      if (active === null || until === null || until <= now) return { name, skipped: "its time is over" };
      return { name, row: { token, active_token: active, revoke_at: until } };
    }),
};
