import { ignored, later, section, supported } from "../key.ts";
import {
  amount,
  anything,
  count,
  either,
  flag,
  flagOn,
  list,
  listOf,
  map,
  mapOf,
  oneOf,
  sectionOf,
  text,
  textOf,
  textOrTexts,
  texts,
  type ValueType,
} from "../value-type.ts";
import { cacheParams } from "./cache-params.ts";
import { fallbackList, routerSettings } from "./router-settings.ts";

const formats = later("formats");
const guardrails = later("guardrails");
const keys = later("keys");
const mcp = later("MCP");
const observability = later("observability");

const python = "it switches inner ways of the Python library";
const sockets = "it concerns the HTTP client of the Python library";
const verbosity = "--debug and --detailed_debug say how much is logged";

const pattern = textOf({
  name: "a regular expression",
  example: "[a-z]+",
  accepts: (value) => {
    try {
      new RegExp(`^(?:${value})$`);
      return true;
    } catch {
      return false;
    }
  },
});

const share: ValueType = { kind: "number", whole: false, least: 0, most: 1 };

export const costMargin = section("cost_margin_config.*", {
  percentage: supported(amount),
  fixed_amount: supported(amount),
});

export const teamKeyGeneration = section("key_generation_settings.team_key_generation", {
  allowed_team_member_roles: supported(texts),
  required_params: supported(texts),
});

export const personalKeyGeneration = section("key_generation_settings.personal_key_generation", {
  allowed_user_roles: supported(texts),
  required_params: supported(texts),
});

export const keyGenerationSettings = section("key_generation_settings", {
  team_key_generation: supported(sectionOf(teamKeyGeneration)),
  personal_key_generation: supported(sectionOf(personalKeyGeneration)),
});

/** Settings of the router work here as well; `router_settings` wins. */
export const litellmSettings = section("litellm_settings", {
  ...Object.fromEntries(routerSettings.keys),

  drop_params: supported(flag),
  modify_params: supported(flag),
  request_timeout: supported(amount),
  expose_router_debug_in_errors: supported(flagOn),

  fallbacks: supported(fallbackList),
  model_alias_map: supported(mapOf(text)),
  num_retries_per_request: supported(count),

  cache: supported(flag),
  cache_params: supported(sectionOf(cacheParams)),
  enable_redis_auth_cache: ignored(
    "keys are read from the database, so that one that was deleted ends everywhere at once",
    flag,
  ),
  enable_caching_on_provider_specific_optional_params: ignored("every parameter is part of the cache's key", flag),
  force_redis_hash_tag_grouping: ignored("what one script uses always has one hash tag", flag),

  max_budget: supported(amount),
  budget_duration: supported(text),
  budget_exceeded_status_code: supported(count),
  budget_rollover: supported(flag),
  budget_exceeded_throttle_percentage: supported(amount),
  budget_reset_time: supported(anything),
  timezone: supported(text),
  block_requests_for_models_without_pricing: supported(flag),
  max_internal_user_budget: supported(amount),
  internal_user_budget_duration: supported(text),
  max_user_budget: ignored("LiteLLM reads it nowhere; `max_internal_user_budget` gives users a budget", amount),
  max_end_user_budget: supported(amount),
  max_end_user_budget_id: supported(text),
  default_max_internal_user_budget: supported(amount),
  default_soft_budget: supported(amount),
  default_internal_user_params: supported(map),
  default_team_params: supported(map),
  default_team_settings: keys(listOf(map)),
  validate_end_user_id_in_db: supported(flag),
  max_ui_session_budget: keys(amount),
  default_key_generate_params: supported(map),
  upperbound_key_generate_params: supported(map),
  key_generation_settings: supported(sectionOf(keyGenerationSettings)),
  enable_key_alias_format_validation: supported(flag),
  key_alias_pattern: supported(pattern),
  model_group_settings: keys(map),
  public_model_groups: supported(texts),
  public_model_groups_links: keys(map),
  cost_discount_config: supported(mapOf(share)),
  cost_margin_config: supported(mapOf(either(amount, sectionOf(costMargin)))),
  tag_budget_config: supported(mapOf(map)),
  priority_reservation: keys(map),
  priority_reservation_settings: keys(map),
  disable_end_user_cost_tracking: supported(flag),
  extra_spend_tag_headers: supported(texts),
  disable_add_user_agent_to_request_tags: supported(flag),
  store_audit_logs: ignored("every change is in the audit log: other processes learn of it there", flag),
  overwrite_user_with_key_hash: supported(flag),
  blocked_user_list: supported(textOrTexts),
  add_user_information_to_llm_headers: supported(flag),
  enable_model_config_credential_overrides: keys(flag),
  user_url_validation: keys(flagOn),
  user_url_allowed_hosts: keys(texts),
  provider_url_destination_allowed_hosts: keys(texts),

  success_callback: observability(textOrTexts),
  failure_callback: observability(textOrTexts),
  callbacks: observability(textOrTexts),
  service_callback: observability(textOrTexts),
  service_callbacks: observability(textOrTexts),
  input_callback: observability(textOrTexts),
  audit_log_callbacks: observability(textOrTexts),
  s3_audit_callback_params: observability(map),
  turn_off_message_logging: observability(flag),
  redact_user_api_key_info: observability(flag),
  redact_messages_in_exceptions: observability(flag),
  langfuse_default_tags: observability(texts),
  s3_callback_params: observability(map),
  datadog_params: observability(map),
  datadog_llm_observability_params: observability(map),
  gcs_bucket_name: observability(text),
  gcs_bucket_path: observability(text),
  aws_sqs_callback_params: observability(map),
  newrelic_params: observability(map),
  generic_logger_headers: observability(anything),
  cold_storage_custom_logger: observability(text),
  standard_logging_payload_excluded_fields: observability(texts),
  log_raw_request_response: observability(flag),
  log_client_error_tracebacks: observability(flag),
  log_auth_failure_key_identity: observability(flag),
  request_correlation_in_logs: observability(flag),
  disable_streaming_logging: observability(flag),
  allow_dynamic_callback_disabling: observability(flagOn),
  forward_traceparent_to_llm_provider: observability(flag),
  enable_end_user_cost_tracking_prometheus_only: observability(flag),
  prometheus_metrics_config: observability(list),
  prometheus_initialize_budget_metrics: observability(flag),
  prometheus_latency_buckets: observability(list),
  prometheus_exclude_metrics: observability(texts),
  prometheus_exclude_labels: observability(texts),
  prometheus_emit_stream_label: observability(flag),
  prometheus_emit_input_sequence_length_label: observability(flag),
  prometheus_emit_rate_limit_labels: observability(flag),
  prometheus_end_user_metrics_max_series_per_metric: observability(count),
  prometheus_end_user_metrics_ttl_seconds: observability(amount),
  prometheus_end_user_metrics_cleanup_interval_seconds: observability(amount),
  prometheus_metrics_max_series_per_metric: observability(count),
  prometheus_metrics_ttl_seconds: observability(amount),
  prometheus_metrics_cleanup_interval_seconds: observability(amount),
  custom_prometheus_metadata_labels: observability(texts),
  custom_prometheus_tags: observability(texts),
  require_auth_for_metrics_endpoint: observability(flag),

  skip_system_message_in_guardrail: guardrails(flag),
  skip_tool_message_in_guardrail: guardrails(flag),
  llm_guard_mode: guardrails(text),
  banned_keywords_list: guardrails(either(text, list)),
  post_call_rules: guardrails(anything),

  mcp_aliases: mcp(mapOf(text)),
  public_mcp_servers: mcp(texts),
  public_mcp_hub_strict_whitelist: mcp(flagOn),
  mcp_tool_search: mcp(anything),

  enable_anthropic_prompt_caching: supported(flag),
  anthropic_prompt_caching_ttl: supported(oneOf("5m", "1h")),
  strip_anthropic_total_tokens: ignored("Anthropic's clients never get total_tokens", flag),
  anthropic_sse_ping_interval_seconds: supported(amount),
  sse_keepalive_ping_interval_seconds: supported(amount),
  use_chat_completions_url_for_anthropic_messages: formats(flag),
  route_all_chat_openai_to_responses: supported(flag),
  reasoning_auto_summary: supported(flag),
  disable_stop_sequence_limit: ignored("stop sequences all go on, however many there are", flag),
  enable_json_schema_validation: formats(flag),
  check_provider_endpoint: formats(flag),
  enable_loadbalancing_on_batch_endpoints: ignored(
    "files and batches that name a model are always spread over its deployments",
    flag,
  ),
  require_managed_files: supported(flag),
  vector_store_search_failure_mode: formats(text),
  apply_search_free_tier: formats(flag),
  public_agent_groups: formats(texts),
  public_skills_index: formats(anything),

  json_logs: ignored("the environment variable JSON_LOGS says whether logs are JSON", flag),
  set_verbose: ignored(verbosity, flag),
  suppress_debug_info: ignored(verbosity, flag),
  custom_provider_map: ignored("it names Python code", list),
  ssl_verify: ignored("certificates of providers are always verified", anything),
  ssl_certificate: ignored(sockets, text),
  ssl_security_level: ignored(sockets, anything),
  ssl_ecdh_curve: ignored(sockets, text),
  force_ipv4: ignored(sockets, flag),
  http2: ignored(sockets, flag),
  disable_aiohttp_transport: ignored(sockets, flag),
  aiohttp_trust_env: ignored(sockets, flag),
  disable_aiohttp_trust_env: ignored(sockets, flag),
  network_mock: ignored(python, anything),
  add_function_to_prompt: ignored("a provider without tools refuses them, or they are dropped and reported", flag),
  return_response_headers: ignored("headers of the provider are always returned, as llm_provider-…", flag),
  disable_hf_tokenizer_download: ignored("no tokenizer is ever downloaded", flag),
  disable_token_counter: ignored("tokens of prompts are not counted on a call's way", flag),
  telemetry: ignored("the gateway reports to nobody", flagOn),
});
