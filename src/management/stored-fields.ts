/**
 * Fields that are kept and shown, and change nothing that a request sees, each with the reason. The others have an
 * effect, which a test sees for each of them.
 */
const AGENTS = "agents are not there yet";
const BATCHES = "files and batches keep the provider's own expiry";
const GUARDRAILS = "guardrails are not there yet";
const LOGIN = "the dashboard and its logins are not there yet";
const MAIL = "no mail is sent";
const MCP = "MCP is not there yet";
const PROMPTS = "prompt management is not there yet";
const ROUTING = "routing is the configuration's";
const VECTOR_STORES = "access to vector stores is not there yet";
const OF_KEYS = "it counts on keys and teams, not on users";

const shared = {
  guardrails: GUARDRAILS,
  policies: GUARDRAILS,
  prompts: PROMPTS,
  mcp_rpm_limit: MCP,
  object_permission: "MCP servers, agents and vector stores are not there yet",
  tpd_limit: "tokens are limited per minute",
} as const;

const limitTypes = {
  rpm_limit_type: "every limit is held: there is no best effort",
  tpm_limit_type: "every limit is held: there is no best effort",
} as const;

const keyOnly = {
  agent_id: AGENTS,
  config: "LiteLLM's proxy reads it nowhere for requests",
  permissions: GUARDRAILS,
  budget_fallbacks: "a request whose budget is spent is refused",
  throttle_on_budget_exceeded: "a request whose budget is spent is refused",
  end_user_budget_id: "customers have budgets of their own",
  enable_prompt_caching: "cache_control_injection_points of a deployment do it",
  disable_global_guardrails: GUARDRAILS,
  allowed_passthrough_routes: "allowed_routes decides",
  allowed_vector_store_indexes: VECTOR_STORES,
  router_settings: ROUTING,
} as const;

export const STORED_FIELDS = {
  key: { ...shared, ...limitTypes, ...keyOnly, send_invite_email: MAIL },
  team: {
    ...shared,
    ...limitTypes,
    disable_global_guardrails: GUARDRAILS,
    allowed_passthrough_routes: "allowed_routes of keys decides",
    allowed_vector_store_indexes: VECTOR_STORES,
    secret_manager_settings: "secrets are the configuration's",
    enforced_batch_output_expires_after: BATCHES,
    enforced_file_expires_after: BATCHES,
    router_settings: ROUTING,
  },
  user: {
    ...shared,
    ...limitTypes,
    ...keyOnly,
    ...Object.fromEntries(
      [
        ...["aliases", "allowed_cache_controls", "allowed_routes", "auto_rotate", "budget_limits", "rotation_interval"],
        ...["default_estimated_output_tokens", "default_estimated_output_tokens_per_model", "access_group_ids"],
        ...["denied_passthrough_routes", "enforced_params", "model_max_budget", "model_rpm_limit", "model_tpm_limit"],
        ...["tag_rpm_limit", "tags", "budget_id", "project_id"],
      ].map((name) => [name, OF_KEYS]),
    ),
    send_invite_email: MAIL,
    password: LOGIN,
    sso_user_id: LOGIN,
  },
  customer: {
    object_permission: "MCP servers, agents and vector stores are not there yet",
    tpd_limit: "tokens are limited per minute",
    model_max_budget: OF_KEYS,
  },
  project: {
    guardrails: GUARDRAILS,
    policies: GUARDRAILS,
    object_permission: "MCP servers, agents and vector stores are not there yet",
    tpd_limit: "tokens are limited per minute",
    model_max_budget: OF_KEYS,
    model_rpm_limit: OF_KEYS,
    model_tpm_limit: OF_KEYS,
    model_itpm_limit: OF_KEYS,
    model_otpm_limit: OF_KEYS,
    allowed_models: "models of the project decides",
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, string>>>>;
