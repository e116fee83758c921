import { createHash } from "node:crypto";
import type { TestPostgres } from "../../support/services/postgres.ts";
import { LITELLM_SCHEMA } from "./litellm-schema.ts";

export const OLD_SALT = "salt-of-the-old-gateway";
export const UPSTREAM_SECRET = "sk-upstream-of-the-old-gateway";

/**
 * Sealed with OLD_SALT by what LiteLLM uses: PyNaCl's SecretBox, and AESGCM and HKDF of Python's cryptography. The model
 * is `openai/gpt-4o`, the base `os.environ/OLD_UPSTREAM`, the key UPSTREAM_SECRET.
 */
export const SEALED = {
  box: {
    model: "N6iQiVfboCaHTrJ3zE0RAuorVOfJewh50qvqXulf7Ky3gi4dTeg-oZS19lq59H5jjT3U0jE=",
    api_base: "bd08NT4b0PfrPpLzKKt2lLUR_ywu3g4kMGyW7nJqt6v-dlK5lesq7jBbFqmwWWsRHrXcT9WSGkzp_mZmlAxA",
    api_key: "6z8C-sklIpnlweltSmeS2-BDDs9tSTVcTVwET7hoeLh_TM26fG8ILvwT6cxL5PFBukhvwsiEZggcO3P6U7SGtczTNKdqNg==",
  },
  v2: {
    model: "v2:gcm:0WGk0wW8s_Jm7TbnMSqwC-dSRHklQbRz_Kih7jmHT0sYqIbXxbW9ZN0=",
    api_base: "v2:gcm:RFx7T53A-LvipVK-iI-L-ppT9ppBuoKJsbX1P49q1RY_u4snHZ6GKnshtDghe3JwkgbQ",
    api_key: "v2:gcm:IX5y4AWM-ksSG_mH6ycK8q5gFVegyk85aqGGmyQAnQlkrjFLPYHlebo5li7IF7aLFTT6egpsxCulow==",
  },
  v3: {
    model: "v3:gcm:W7Cv3KmwGZqGtkODy2GX2Zj5oIGWV-M0Uj6wBVwlkiL1nq8Nwgbxt48=",
    api_base: "v3:gcm:awQ9JGfOnFTr4c1LkULviH9GTF3G5HLvgojfiRhjgwNCPPz5r0m9dGRu6lUqPl5MrUGm",
    api_key: "v3:gcm:CiWfh261Zlk8PWbBl91aFLICFtj13Oq03Ra6lOwaixH_-10H_0L0azGhpmfYeFcy2LQbRINgBvwdOA==",
  },
} as const;

/** The empty text, sealed in each form. */
export const SEALED_EMPTY = {
  box: "bHTf6p32fWN3GLdFT5phupqlo7hWRNWSi9gc-6mk0ZY1MbK9akcJ2A==",
  v2: "v2:gcm:DoinzDdM15fjIGgKQAsgfhC3aIF_EzojMd9WEA==",
  v3: "v3:gcm:6IpssKxfHpfuqrIs4O6ytKWG6XxHQSbsyerGRA==",
} as const;

/** `sk-upstream-of-another-gateway`, sealed with another salt. */
export const SEALED_ELSEWHERE =
  "n3vKZr_6W9eoxmpwsBTlOjK4mUHMEukzQpUxV8IvjalwyQ_mjiwy_1kfaRFjxWh2ZPs71tper81c-i8kr35MAshbq1va9w==";

/** Keys as their holders know them. */
export const KEYS = {
  alice: "sk-alice-0123456789abcdef",
  spent: "sk-spent-0123456789abcdef",
  team: "sk-team-0123456789abcdef",
  tier: "sk-tier-0123456789abcdef",
  expired: "sk-expired-0123456789abcdef",
  replaced: "sk-replaced-0123456789abcdef",
  twin: "sk-twin0-0123456789abcdef",
} as const;

export const hash = (key: string): string => createHash("sha256").update(key).digest("hex");

type Row = Readonly<Record<string, unknown>>;

const ROWS: Readonly<Record<string, readonly Row[]>> = {
  LiteLLM_BudgetTable: [
    { budget_id: "tier", max_budget: 5, budget_duration: "30d", budget_reset_at: "2099-01-01", rpm_limit: 7 },
    { budget_id: "of-the-org", max_budget: 1000, tpm_limit: 100000, created_by: "admin" },
    { budget_id: "of-members", max_budget: 2.5 },
    { budget_id: "of-bob", max_budget: 0.75, allowed_models: ["gpt"] },
  ],
  LiteLLM_OrganizationTable: [
    { organization_id: "org", organization_alias: "The Org", budget_id: "of-the-org", spend: 12.125, models: ["gpt"] },
  ],
  LiteLLM_ModelTable: [{ id: 11, aliases: { smart: "gpt" } }],
  LiteLLM_TeamTable: [
    {
      team_id: "team",
      team_alias: "Builders",
      organization_id: "org",
      members_with_roles: [
        { role: "admin", user_id: "alice" },
        { role: "user", user_email: "BOB@example.com" },
        { role: "user", user_email: "nobody@example.com" },
      ],
      metadata: {
        team_member_budget_id: "of-members",
        tags: ["building"],
        own: "kept",
        logging: [
          {
            callback_name: "langfuse",
            callback_type: "success",
            callback_vars: { langfuse_secret: SEALED.v2.api_key },
          },
        ],
      },
      max_budget: 50,
      budget_duration: "7d",
      spend: 3.5,
      models: ["gpt"],
      model_id: 11,
      rpm_limit: 500,
    },
    { team_id: "old-team", admins: ["alice"], members: ["alice", "bob"], blocked: true },
  ],
  LiteLLM_UserTable: [
    { user_id: "alice", user_email: "alice@example.com", user_role: "proxy_admin", spend: 1.25, max_budget: 10 },
    { user_id: "bob", user_email: "bob@example.com", password: "5e884898da28047151d0e56f8dc62927" },
    { user_id: "bob-again", user_email: "Bob@Example.com", user_role: "internal_user" },
    { user_id: "litellm-proxy-budget", spend: 99 },
  ],
  LiteLLM_TeamMembership: [{ user_id: "bob", team_id: "team", spend: 0.5, budget_id: "of-bob" }],
  LiteLLM_OrganizationMembership: [{ user_id: "alice", organization_id: "org", user_role: "org_admin", spend: 0.25 }],
  LiteLLM_ProjectTable: [
    { project_id: "project", project_alias: "Bridge", team_id: "team", spend: 0.125, model_rpm_limit: { gpt: 9 } },
  ],
  LiteLLM_ObjectPermissionTable: [{ object_permission_id: "permission", mcp_servers: ["files"] }],
  LiteLLM_VerificationToken: [
    {
      token: hash(KEYS.alice),
      key_name: "sk-...cdef",
      key_alias: "laptop",
      user_id: "alice",
      spend: 0.000012345,
      max_budget: 1,
      budget_duration: "1d",
      models: ["gpt"],
      metadata: { tags: ["mine"], model_rpm_limit: { gpt: 3 }, note: "free text" },
      allowed_routes: ["llm_api_routes"],
      object_permission_id: "permission",
      aliases: { fast: "gpt" },
      created_at: "2025-03-01 10:00:00.123",
      created_by: "alice",
    },
    { token: hash(KEYS.spent), key_name: "sk-...cdef", spend: 2, max_budget: 2 },
    { token: hash(KEYS.team), team_id: "team", models: ["all-team-models"], rpm_limit: 60 },
    { token: hash(KEYS.tier), budget_id: "tier", spend: 4.999999 },
    { token: hash(KEYS.expired), expires: "2025-01-01 00:00:00", spend: 1 },
    { token: hash(KEYS.twin), key_alias: "laptop" },
    { token: hash("sk-dashboard"), team_id: "litellm-dashboard", expires: "2099-01-01 00:00:00" },
  ],
  LiteLLM_DeprecatedVerificationToken: [
    { id: "1", token: hash(KEYS.replaced), active_token_id: hash(KEYS.alice), revoke_at: "2099-01-01 00:00:00" },
    { id: "2", token: hash("sk-gone"), active_token_id: hash(KEYS.alice), revoke_at: "2025-01-01 00:00:00" },
  ],
  LiteLLM_EndUserTable: [
    { user_id: "customer", spend: 0.5, budget_id: "of-bob", blocked: true, allowed_model_region: "eu" },
  ],
  LiteLLM_TagTable: [{ tag_name: "building", spend: 1.5, budget_id: "of-members", models: ["gpt"] }],
  LiteLLM_AccessGroupTable: [
    { access_group_id: "group", access_group_name: "all-rounders", access_model_names: ["gpt"] },
  ],
  LiteLLM_CredentialsTable: [
    {
      credential_id: "c",
      credential_name: "openai-eu",
      credential_values: { api_key: SEALED.box.api_key, api_base: SEALED.v3.api_base },
      credential_info: { custom_llm_provider: "openai" },
    },
  ],
  LiteLLM_ProxyModelTable: [
    {
      model_id: "of-box",
      model_name: "gpt",
      litellm_params: { ...SEALED.box, rpm: 100, input_cost_per_token: 0.001, output_cost_per_token: 0.001 },
      model_info: { id: "of-box", db_model: true, mode: "chat" },
    },
    { model_id: "of-v2", model_name: "v2", litellm_params: SEALED.v2, model_info: {} },
    { model_id: "of-v3", model_name: "v3", litellm_params: SEALED.v3, model_info: {} },
    {
      model_id: "by-credential",
      model_name: "by-credential",
      litellm_params: { model: SEALED.box.model, litellm_credential_name: "openai-eu" },
    },
    // A row that nobody sealed, with a key that looks as if somebody had.
    {
      model_id: "plain",
      model_name: "plain",
      litellm_params: { model: "openai/gpt-4o", api_key: `sk-${"Ab1_".repeat(20)}` },
    },
    {
      model_id: "homeless",
      model_name: "homeless",
      litellm_params: { model: "openai/m", api_key: "os.environ/UNSET" },
    },
    { model_id: "unknown", model_name: "unknown", litellm_params: { model: "no-such-provider/m", api_key: "k" } },
  ],
  LiteLLM_Config: [
    { param_name: "router_settings", param_value: { num_retries: 2, routing_strategy: "no-such-strategy" } },
    { param_name: "general_settings", param_value: { master_key: "sk-1", max_request_size_mb: 7 } },
    { param_name: "litellm_settings", param_value: { no_such_setting: true } },
    { param_name: "environment_variables", param_value: { LANGFUSE_HOST: SEALED.box.api_base } },
  ],
  LiteLLM_SpendLogs: [{ request_id: "chatcmpl-1", spend: 0.5 }],
  LiteLLM_MCPServerTable: [{ server_id: "files", url: "http://127.0.0.1/mcp" }],
};

/** LiteLLM's tables with rows in all of them. */
export async function fillOldDatabase({ query }: Pick<TestPostgres, "query">): Promise<void> {
  for (const statement of LITELLM_SCHEMA) await query(statement);
  for (const [table, rows] of Object.entries(ROWS)) {
    for (const row of rows) await insertOld({ query }, table, row);
  }
}

export async function insertOld({ query }: Pick<TestPostgres, "query">, table: string, row: Row): Promise<void> {
  const columns = Object.keys(row);
  const places = columns.map((_, at) => `$${at + 1}`);
  const values = columns.map((column) => toSql(row[column]));
  await query(`INSERT INTO "${table}" (${columns.join(", ")}) VALUES (${places.join(", ")})`, values);
}

/** Lists of texts are columns of lists; all else that has members is JSON. */
function toSql(value: unknown): unknown {
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  return typeof value === "object" && value !== null ? JSON.stringify(value) : value;
}
