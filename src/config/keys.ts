/**
 * Every key of LiteLLM's configuration and what becomes of it: the one table behind `check`, the start-up warnings and the
 * documentation.
 */

export type KeyStatus =
  | { readonly status: "supported" }
  /** Read and kept; what it asks for comes with a later release. */
  | { readonly status: "later"; readonly area: string }
  /** Accepted without effect, for the reason given. */
  | { readonly status: "ignored"; readonly reason: string };

export type Section =
  | "top"
  | "litellm_params"
  | "model_info"
  | "router_settings"
  | "litellm_settings"
  | "general_settings";

const supported = (names: string): [string, KeyStatus][] =>
  names.split(" ").map((name) => [name, { status: "supported" }]);
const later = (area: string, names: string): [string, KeyStatus][] =>
  names.split(" ").map((name) => [name, { status: "later", area }]);
const ignored = (reason: string, names: string): [string, KeyStatus][] =>
  names.split(" ").map((name) => [name, { status: "ignored", reason }]);

export const KEYS: Readonly<Record<Section, ReadonlyMap<string, KeyStatus>>> = {
  top: new Map([
    ...supported(
      "model_list router_settings litellm_settings general_settings environment_variables include credential_list",
    ),
    ...ignored("guardrails are not there yet", "guardrails policies policy_attachments"),
    ...ignored("the MCP gateway is not there yet", "mcp_servers"),
    ...ignored(
      "logging callbacks of the Python library have no counterpart yet; missing credentials never stop the start",
      "callback_settings",
    ),
    ...later(
      "formats",
      "search_tools vector_store_registry prompts agent_list files_settings finetune_settings assistant_settings default_vertex_config",
    ),
    ...later("deployment", "worker_registry"),
  ]),
  litellm_params: new Map([
    ...supported(
      "model api_key api_base base_url api_version custom_llm_provider rpm tpm weight timeout stream_timeout max_retries num_retries organization litellm_credential_name drop_params additional_drop_params allowed_openai_params extra_headers headers extra_body default_headers mock_response use_chat_completions_api input_cost_per_token output_cost_per_token cache_read_input_token_cost cache_creation_input_token_cost input_cost_per_second output_cost_per_second input_cost_per_pixel azure_ad_token tenant_id client_id client_secret azure_username azure_password azure_scope vertex_project vertex_location vertex_credentials aws_access_key_id aws_secret_access_key aws_session_token aws_region_name aws_profile_name aws_role_name aws_session_name aws_web_identity_token aws_sts_endpoint aws_external_id aws_bedrock_runtime_endpoint watsonx_region_name project_id temperature max_tokens seed token auth_token sagemaker_base_url modify_params",
    ),
    ...later(
      "routing",
      "itpm otpm order max_parallel_requests cooldown_time tags tag_regex region_name provider_affinity_header auto_router_default_model auto_router_embedding_model auto_router_max_input_chars auto_router_routing_compression auto_router_model_compression complexity_router_config adaptive_router_config quality_router_config aws_session_tags bedrock_tags s3_region_name auto_router_config auto_router_config_path",
    ),
    ...ignored(
      "it has no effect on what is served",
      "ttft_timeout stream_idle_timeout keepalive_seconds allow_client_keepalive_override configurable_clientside_auth_params merge_reasoning_content_in_choices anthropic_organization_id watsonx_token organization_id",
    ),
    ...later(
      "keys, budgets and the ledger",
      "max_budget budget_duration use_xai_oauth timeout_by_service_tier stream_timeout_by_service_tier default_api_key_tpm_limit default_api_key_rpm_limit anthropic_issuer_signing_key_ref anthropic_keycloak_token_url anthropic_keycloak_client_id anthropic_keycloak_auth_method anthropic_keycloak_client_secret_ref anthropic_keycloak_scope fireworks_forward_user_id aws_batch_role_arn s3_access_key_id s3_secret_access_key s3_encryption_key_id milvus_partition_names valkey_host valkey_port valkey_password valkey_ssl valkey_text_field valkey_embedding_field credential_name",
    ),
    ...later(
      "formats",
      "use_in_pass_through anthropic_federation_rule_id anthropic_service_account_id anthropic_federation_workspace_id anthropic_identity_token anthropic_identity_token_file anthropic_identity_source anthropic_disable_workload_identity_federation anthropic_issuer_url anthropic_issuer_subject anthropic_issuer_audience anthropic_issuer_ttl_seconds openai_identity_provider_id openai_service_account_id openai_identity_token_file s3_bucket_name aws_bedrock_project_id s3_endpoint_url s3_bucket_owner s3_output_bucket_name gcs_bucket_name milvus_text_field milvus_db_name",
    ),
    ...later("deployment", "use_litellm_proxy"),
    ...ignored("guardrails are not there yet", "guardrails"),
    ...later("cache", "cache_control_injection_points"),
  ]),
  model_info: new Map([
    ...supported(
      "id mode base_model max_tokens max_input_tokens max_output_tokens input_cost_per_token supported_environments health_check_model health_check_timeout health_check_max_tokens supported_openai_params deprecation_date",
    ),
    ...later("keys, budgets and the ledger", "access_groups team_id team_public_model_name tier"),
    ...later(
      "routing",
      "disable_background_health_check allow_fail_open enable_tag_filtering access_windows member_auto_router",
    ),
    ...later("formats", "ptu_count cost_per_ptu_per_hour ptu_effective_from ptu_effective_to"),
    ...ignored(
      "it has no effect on what is served",
      "discoverable internal_router_model db_model created_at created_by",
    ),
    ...ignored("guardrails are not there yet", "blocked"),
  ]),
  router_settings: new Map([
    ...supported(
      "routing_strategy routing_strategy_args num_retries timeout stream_timeout retry_after retry_policy model_group_retry_policy model_group_alias ignore_invalid_deployments",
    ),
    ...later(
      "routing",
      "max_fallbacks allowed_fails cooldown_time disable_cooldowns allowed_fails_policy fallbacks context_window_fallbacks content_policy_fallbacks default_fallbacks routing_groups enable_pre_call_checks optional_pre_call_checks deployment_affinity_ttl_seconds enable_tag_filtering tag_filtering_match_any tag_routing_prefix enable_weighted_failover provider_budget_config default_max_parallel_requests default_priority default_litellm_params redis_host redis_port redis_password redis_db redis_url cache_kwargs cache_responses caching_groups client_ttl search_tools guardrail_list assistants_config alerting_config enable_health_check_routing health_check_staleness_threshold health_check_ignore_transient_errors background_health_check_model_groups model_group_affinity_config plugins",
    ),
    ...ignored("an internal of the Python library", "polling_interval router_general_settings"),
    ...ignored(
      "a switch of the Python library; --debug and --detailed_debug choose what is logged",
      "set_verbose debug_level",
    ),
  ]),
  litellm_settings: new Map([
    ...supported(
      "drop_params modify_params request_timeout num_retries expose_router_debug_in_errors use_chat_completions_url_for_anthropic_messages",
    ),
    ...later(
      "routing",
      "allowed_fails fallbacks context_window_fallbacks content_policy_fallbacks default_fallbacks langfuse_default_tags disable_add_user_agent_to_request_tags custom_prometheus_tags",
    ),
    ...ignored(
      "logging callbacks of the Python library have no counterpart yet; missing credentials never stop the start",
      "success_callback failure_callback callbacks turn_off_message_logging s3_callback_params datadog_params aws_sqs_callback_params datadog_llm_observability_params newrelic_params generic_logger_headers json_logs set_verbose suppress_debug_info prometheus_metrics_config custom_prometheus_metadata_labels input_callback cold_storage_custom_logger standard_logging_payload_excluded_fields log_raw_request_response log_client_error_tracebacks request_correlation_in_logs disable_streaming_logging prometheus_latency_buckets prometheus_exclude_metrics prometheus_exclude_labels prometheus_emit_stream_label prometheus_emit_input_sequence_length_label allow_dynamic_callback_disabling service_callback service_callbacks",
    ),
    ...later(
      "cache",
      "cache cache_params enable_redis_auth_cache enable_anthropic_prompt_caching anthropic_prompt_caching_ttl enable_caching_on_provider_specific_optional_params force_redis_hash_tag_grouping",
    ),
    ...later(
      "keys, budgets and the ledger",
      "max_budget budget_duration budget_exceeded_status_code budget_rollover budget_exceeded_throttle_percentage block_requests_for_models_without_pricing max_internal_user_budget internal_user_budget_duration max_user_budget max_end_user_budget default_max_internal_user_budget default_soft_budget default_internal_user_params default_team_params default_team_settings max_end_user_budget_id validate_end_user_id_in_db max_ui_session_budget default_key_generate_params upperbound_key_generate_params key_generation_settings enable_key_alias_format_validation redact_user_api_key_info public_model_groups cost_discount_config cost_margin_config tag_budget_config priority_reservation priority_reservation_settings disable_end_user_cost_tracking enable_end_user_cost_tracking_prometheus_only prometheus_initialize_budget_metrics store_audit_logs add_user_information_to_llm_headers user_url_validation user_url_allowed_hosts audit_log_callbacks s3_audit_callback_params log_auth_failure_key_identity extra_spend_tag_headers prometheus_emit_rate_limit_labels prometheus_end_user_metrics_max_series_per_metric prometheus_end_user_metrics_ttl_seconds prometheus_end_user_metrics_cleanup_interval_seconds blocked_user_list banned_keywords_list key_alias_pattern enable_model_config_credential_overrides apply_search_free_tier public_model_groups_links overwrite_user_with_key_hash budget_reset_time timezone proxy_budget_rescheduler_min_time",
    ),
    ...ignored(
      "it has no effect on what is served",
      "redact_messages_in_exceptions model_alias_map model_group_settings custom_provider_map post_call_rules require_auth_for_metrics_endpoint enable_json_schema_validation return_response_headers add_function_to_prompt check_provider_endpoint provider_url_destination_allowed_hosts strip_anthropic_total_tokens anthropic_sse_ping_interval_seconds num_retries_per_request forward_traceparent_to_llm_provider reasoning_auto_summary disable_stop_sequence_limit disable_token_counter public_skills_index",
    ),
    ...ignored(
      "a setting of the Python runtime",
      "ssl_verify force_ipv4 disable_aiohttp_transport http2 aiohttp_trust_env disable_aiohttp_trust_env ssl_certificate ssl_security_level ssl_ecdh_curve network_mock disable_hf_tokenizer_download telemetry",
    ),
    ...later(
      "formats",
      "route_all_chat_openai_to_responses enable_loadbalancing_on_batch_endpoints vector_store_search_failure_mode public_agent_groups require_managed_files gcs_bucket_name gcs_bucket_path",
    ),
    ...ignored(
      "the MCP gateway is not there yet",
      "mcp_aliases public_mcp_servers public_mcp_hub_strict_whitelist mcp_tool_search",
    ),
    ...ignored(
      "guardrails are not there yet",
      "skip_system_message_in_guardrail skip_tool_message_in_guardrail llm_guard_mode",
    ),
  ]),
  general_settings: new Map([
    ...supported(
      "master_key completion_model embedding_model image_generation_model moderation_model litellm_key_header_name max_request_size_mb include_call_id_in_error_body allow_client_side_credentials forward_client_headers_to_llm_api always_include_stream_usage dangerously_permit_weak_or_unset_master_key",
    ),
    ...later(
      "keys, budgets and the ledger",
      "database_url database_connection_pool_limit database_connection_timeout store_model_in_db supported_db_objects infer_model_from_keys alerting alerting_threshold alert_types alerting_args alert_to_webhook_url spend_report_frequency custom_key_generate custom_key_update custom_sso custom_ui_sso_sign_in_handler enable_jwt_auth litellm_jwtauth enable_oauth2_auth enable_oauth2_proxy_auth oauth2_config_mappings token_rate_limit_type fail_closed_rate_limit_enforcement spend_capture_rate_check apply_user_budget_to_team_keys password_policy_check_breached_passwords disable_custom_api_keys disable_key_generate_for_org_admin custom_key_policy custom_team_metadata_validate team_metadata_schema enforce_project_model_quota maximum_autorouter_session_retention_period maximum_daily_tag_spend_retention_period use_spend_logs_partitioning maximum_spend_logs_cleanup_batch_size maximum_spend_logs_cleanup_max_batches maximum_spend_logs_cleanup_run_budget maximum_spend_logs_cleanup_batch_timeout allow_cli_sso_verification_uri_complete enable_public_model_hub use_team_public_model_name hide_default_credentials_hint alert_type_config disable_batch_input_file_rate_limiting skip_batch_input_file_rate_limiting_for_providers skip_batch_input_file_rate_limiting_for_models allow_user_auth use_azure_key_vault database_type database_args max_in_flight_requests_per_worker max_queued_requests_per_worker admission_queue_timeout_seconds disable_spend_logs disable_spend_updates disable_reset_budget store_prompts_in_spend_logs maximum_spend_logs_retention_period fail_closed_budget_enforcement disable_budget_reservation user_api_key_cache_ttl user_api_key_cache_max_size disable_adding_master_key_hash_to_db disable_master_key_return enforce_user_param enforced_params allowed_routes public_routes admin_only_routes allowed_ips ui_access_mode disable_env_credential_login auto_redirect_ui_login_to_sso max_failed_login_attempts_per_source failed_login_window_seconds failed_login_block_seconds default_team_disabled user_header_name user_header_mappings use_client_credentials_pass_through_routes spend_logs_metadata_fields password_policy_min_length password_policy_require_uppercase password_policy_require_lowercase password_policy_require_numbers password_policy_require_special_characters disable_password_login_when_sso_enabled key_management_system key_management_settings encryption_algorithm role_permissions enforce_rbac user_mcp_management_mode require_key_mcp_access_defined require_end_user_mcp_access_defined mcp_allow_all_keys_respects_mcp_scope disable_auto_add_proxy_admin_to_teams database_connection_pool_timeout database_statement_timeout database_lock_timeout database_extra_connection_params database_disable_prepared_statements database_max_idle_connection_lifetime database_connect_timeout database_socket_timeout proxy_budget_rescheduler_min_time proxy_budget_rescheduler_max_time maximum_spend_logs_retention_interval maximum_spend_logs_cleanup_cron max_failed_login_attempts_per_source_overrides ui_username ui_password",
    ),
    ...ignored(
      "it has no effect on what is served",
      "custom_auth custom_auth_run_common_checks max_response_size_mb max_file_size_mb allowed_file_extensions max_file_downloads_per_minute scheduled_job_stagger allow_public_health_readiness_details disable_model_info_refresh block_robots custom_auth_settings allow_requests_on_db_unavailable forward_openai_org_id forward_llm_provider_auth_headers sse_keepalive_ping_interval_seconds cancel_on_disconnect allow_unmanaged_response_ids missing_session_id dangerously_allow_mock_testing_request_params model_list_healthy_only disable_swagger",
    ),
    ...later(
      "routing",
      "max_parallel_requests global_max_parallel_requests health_check_skip_disabled_background_models background_health_check_model_groups maximum_health_check_retention_period expose_fallback_errors_to_caller background_health_checks health_check_interval health_check_details health_check_concurrency use_shared_health_check disable_retry_on_max_parallel_request_limit_error reject_clientside_metadata_tags enforce_fallback_model_access enforce_fallback_budget allow_client_tags",
    ),
    ...later(
      "formats",
      "max_batch_file_size_mb max_batch_file_records max_batch_file_uploads_per_day vector_store_deny_by_default search_tool_deny_by_default responses_websocket_session_limit_seconds passthrough_managed_object_ids transcribe_media_buckets disable_bedrock_agent_runtime_passthrough track_unmanaged_batch_cost proxy_batch_write_at proxy_batch_polling_interval service_account_settings pass_through_endpoints pass_through_request_timeout disable_responses_id_security enable_openai_websocket_passthrough",
    ),
    ...ignored("guardrails are not there yet", "blocked_file_extensions"),
    ...ignored(
      "the MCP gateway is not there yet",
      "mcp_prefer_client_id_metadata_document mcp_internal_ip_ranges mcp_trusted_proxy_ranges mcp_required_fields mcp_client_side_auth_header_name enable_mcp_registry mcp_xff_num_trusted_hops mcp_advertised_versions mcp_allowed_clients mcp_client_id_header mcp_session_token_signing",
    ),
    ...later("cache", "coordination_redis use_redis_transaction_buffer"),
    ...later(
      "deployment",
      "enable_claude_code_gateway claude_code_gateway_managed_settings plugins use_google_kms use_x_forwarded_for trusted_proxy_ranges control_plane_url enable_drain_endpoint drain_endpoint_token litellm_license proxy_config_reload_interval_seconds",
    ),
    ...ignored(
      "logging callbacks of the Python library have no counterpart yet; missing credentials never stop the start",
      "tracing email_settings disable_error_logs otel",
    ),
    ...ignored("a setting of the Python runtime", "disable_prisma_schema_update"),
  ]),
};

/** The key that was probably meant, when one is near. */
export function suggestKey(section: Section, name: string): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(name.length / 4)) + 1;
  for (const known of KEYS[section].keys()) {
    const distance = editDistance(name, known, least);
    if (distance < least) {
      least = distance;
      best = known;
    }
  }
  return best;
}

function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min((previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1, change));
    }
    previous = current;
  }
  return previous[b.length] ?? limit;
}
