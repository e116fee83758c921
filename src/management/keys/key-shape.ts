import { z } from "zod";
import { abbreviated, hashKey } from "../../auth/authenticator.ts";
import type { JsonObject, MutableJsonObject } from "../../json/json.ts";
import { budgets } from "../../store/objects/budgets.ts";
import type { KeyRow } from "../../store/objects/keys.ts";
import type { Connection } from "../../store/objects/object-table.ts";
import { BUDGET_SHAPE } from "../budgets/budget-shape.ts";
import * as f from "../fields.ts";
import type { Management } from "../management.ts";
import { dollars, LIMITS, listOf, ObjectShape, STAMPS } from "../object-shape.ts";

const limitType = z.enum(["guaranteed_throughput", "best_effort_throughput", "dynamic"]).nullish();

/** The fields that a key has and that a caller may set. */
export const keyFields = {
  key_alias: f.optionalName,
  duration: f.lifetime,
  models: f.optionalNames,
  spend: f.money,
  ...f.limitFields,
  user_id: f.optionalName,
  team_id: f.optionalName,
  agent_id: f.optionalName,
  organization_id: f.optionalName,
  project_id: f.optionalName,
  budget_id: f.optionalName,
  budget_limits: f.budgetLimits,
  allowed_cache_controls: f.anyList,
  config: f.object,
  permissions: f.object,
  metadata: f.object,
  model_max_budget: f.modelMaxBudget,
  budget_fallbacks: f.namesByName,
  model_rpm_limit: f.countsByName,
  model_tpm_limit: f.countsByName,
  mcp_rpm_limit: f.countsByName,
  tag_rpm_limit: f.countsByName,
  guardrails: f.optionalNames,
  policies: f.optionalNames,
  prompts: f.optionalNames,
  blocked: f.flag,
  aliases: f.object,
  object_permission: f.objectPermission,
  default_estimated_output_tokens: f.count,
  default_estimated_output_tokens_per_model: f.countsByName,
  end_user_budget_id: f.optionalName,
  tags: f.optionalNames,
  disable_global_guardrails: f.flag,
  enable_prompt_caching: f.flag,
  throttle_on_budget_exceeded: f.flag,
  enforced_params: f.optionalNames,
  allowed_routes: f.optionalNames,
  allowed_passthrough_routes: f.optionalNames,
  denied_passthrough_routes: f.optionalNames,
  allowed_vector_store_indexes: f.anyList,
  rpm_limit_type: limitType,
  tpm_limit_type: limitType,
  router_settings: f.object,
  access_group_ids: f.optionalNames,
  auto_rotate: f.flag,
  rotation_interval: f.duration,
};

export const generateBody = z.object({
  ...keyFields,
  key: f.key.nullish(),
  key_type: z.enum(["llm_api", "management", "read_only", "default"]).nullish(),
  send_invite_email: f.flag,
});

export const updateBody = z.object({
  ...keyFields,
  key: f.key.nullish(),
  temp_budget_increase: f.money,
  temp_budget_expiry: f.time,
});

export const KEY_SHAPE = new ObjectShape(
  {
    key_name: "text",
    key_alias: "text",
    user_id: "text",
    team_id: "text",
    organization_id: "text",
    project_id: "text",
    agent_id: "text",
    budget_id: "text",
    expires: "time",
    models: "list",
    ...LIMITS,
    blocked: "optional-flag",
    allowed_routes: "list",
    metadata: "object",
    ...STAMPS,
  },
  {
    aliases: {},
    config: {},
    permissions: {},
    budget_limits: null,
    allowed_cache_controls: [],
    model_max_budget: {},
    budget_fallbacks: {},
    model_rpm_limit: null,
    model_tpm_limit: null,
    mcp_rpm_limit: null,
    tag_rpm_limit: null,
    guardrails: null,
    policies: [],
    prompts: null,
    object_permission: null,
    default_estimated_output_tokens: null,
    default_estimated_output_tokens_per_model: null,
    end_user_budget_id: null,
    tags: null,
    disable_global_guardrails: null,
    enable_prompt_caching: null,
    throttle_on_budget_exceeded: null,
    enforced_params: null,
    allowed_passthrough_routes: null,
    denied_passthrough_routes: null,
    allowed_vector_store_indexes: null,
    rpm_limit_type: null,
    tpm_limit_type: null,
    router_settings: null,
    access_group_ids: [],
    key_type: null,
    auto_rotate: false,
    rotation_interval: null,
    rotation_count: 0,
    last_rotation_at: null,
    key_rotation_at: null,
    temp_budget_increase: null,
    temp_budget_expiry: null,
  },
);

/** The stored form of a key that a caller names: by itself or by its hash. */
export function tokenOf(key: string): string {
  return /^[0-9a-f]{64}$/.test(key) ? key : hashKey(key);
}

/** How a key is shown where it must not be. */
export function keyNameOf(key: string): string {
  return abbreviated(key);
}

/** What keys have spent (nano-dollars), their former tokens' spend included. */
export async function spendOfKeys(
  management: Management,
  rows: readonly KeyRow[],
): Promise<ReadonlyMap<string, bigint>> {
  const tokens = rows.flatMap((row) => [row.token, ...listOf(row.previous_tokens)]);
  const totals = await management.spendOf("key", tokens);
  return new Map(
    rows.map((row) => {
      const all = [row.token, ...listOf(row.previous_tokens)];
      const spent = all.reduce((sum, token) => sum + (totals.get(token) ?? 0n), row.spend_offset_nano);
      return [row.token, spent < 0n ? 0n : spent];
    }),
  );
}

/** Keys as the API shows them, with what they spent and with their budgets. */
export async function showKeys(
  management: Management,
  connection: Connection,
  rows: readonly KeyRow[],
): Promise<MutableJsonObject[]> {
  const spends = await spendOfKeys(management, rows);
  const ids = rows.flatMap((row) => (row.budget_id === null ? [] : [row.budget_id]));
  const budgetRows = new Map((await budgets.findMany(connection, ids)).map((row) => [row.budget_id, row]));
  return rows.map((row) => {
    const budget = row.budget_id === null ? undefined : budgetRows.get(row.budget_id);
    return {
      token: row.token,
      ...KEY_SHAPE.show({ ...row }),
      spend: dollars(spends.get(row.token) ?? 0n),
      litellm_budget_table: budget === undefined ? null : BUDGET_SHAPE.show({ ...budget }),
    };
  });
}

export async function showKey(management: Management, connection: Connection, row: KeyRow): Promise<MutableJsonObject> {
  return (await showKeys(management, connection, [row]))[0] ?? {};
}

/** A key for the audit log: as its row has it, without what it spent. */
export function auditedKey(row: KeyRow): JsonObject {
  return { token: row.token, ...KEY_SHAPE.show({ ...row }) };
}
