import { ignored, type Key, later, section, supported } from "../key.ts";
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
  text,
  textOrTexts,
  texts,
} from "../value-type.ts";

const formats = later("formats");
const keys = later("keys");

/** Text where digits alone are common: YAML makes numbers of them. */
const textOrDigits = either(text, count);
const identity = "workload identity of this provider is not supported; give a key";

const all = (names: string, key: Key): Record<string, Key> =>
  Object.fromEntries(
    names
      .trim()
      .split(/\s+/)
      .map((name) => [name, key]),
  );

/** What a key that is not here means: a price field (`pricing/` knows those), else a parameter of the provider. */
export const litellmParams = section(
  "model_list[].litellm_params",
  {
    model: supported(text),
    custom_llm_provider: supported(text),
    litellm_credential_name: supported(text),
    api_key: supported(textOrDigits),
    api_base: supported(text),
    base_url: supported(text),
    api_version: supported(textOrDigits),
    base_model: supported(text),
    model_id: supported(text),
    organization: supported(textOrTexts),
    project: supported(textOrDigits),
    auth_token: supported(text),
    ...all("azure_ad_token tenant_id client_id client_secret azure_scope", supported(text)),
    ...all("azure_username azure_password", supported(text)),
    ...all("vertex_project vertex_ai_project", supported(textOrDigits)),
    ...all("vertex_location vertex_ai_location", supported(text)),
    ...all("vertex_credentials vertex_ai_credentials", supported(either(text, map))),
    ...all(
      `aws_access_key_id aws_secret_access_key aws_session_token aws_region_name aws_profile_name aws_role_name
       aws_session_name aws_web_identity_token aws_sts_endpoint aws_external_id aws_bedrock_runtime_endpoint`,
      supported(text),
    ),
    ...all(
      `watsonx_region_name watsonx_project watsonx_space_id watsonx_token watsonx_zenapikey watsonx_iam_url iam_url
       zen_api_key project_id space_id apikey token`,
      supported(textOrDigits),
    ),
    ...all("account_id refresh_token predibase_tenant_id cloudflare_account_id", supported(textOrDigits)),
    sagemaker_base_url: supported(text),

    weight: supported(amount),
    rpm: supported(count),
    tpm: supported(count),
    timeout: supported(amount),
    stream_timeout: supported(amount),
    num_retries: supported(count),
    drop_params: supported(flag),
    modify_params: supported(flag),
    additional_drop_params: supported(texts),
    allowed_openai_params: supported(texts),
    extra_headers: supported(map),
    headers: supported(map),
    default_headers: supported(map),
    extra_body: supported(map),
    mock_response: supported(text),
    use_chat_completions_api: supported(flag),

    order: supported(count),
    max_parallel_requests: supported(count),
    cooldown_time: supported(amount),
    itpm: supported(count),
    otpm: supported(count),
    tags: supported(texts),
    tag_regex: supported(texts),
    region_name: supported(text),
    provider_affinity_header: supported(text),
    silent_model: supported(text),
    silent_model_share: supported(amount),
    ttft_timeout: supported(amount),
    stream_idle_timeout: supported(amount),
    keepalive_seconds: supported(amount),
    allow_client_keepalive_override: supported(flag),
    timeout_by_service_tier: supported(mapOf(amount)),
    stream_timeout_by_service_tier: supported(mapOf(amount)),
    auto_router_config: supported(either(text, map)),
    auto_router_config_path: supported(text),
    auto_router_default_model: supported(text),
    auto_router_embedding_model: supported(text),
    auto_router_max_input_chars: supported(count),
    complexity_router_config: supported(map),
    complexity_router_default_model: supported(text),
    quality_router_config: supported(map),
    quality_router_default_model: supported(text),
    ...all(
      "auto_router_routing_compression auto_router_model_compression",
      ignored("prompts are not shortened on their way to a model", anything),
    ),
    ...all(
      "adaptive_router_config adaptive_router_default_model",
      ignored("nothing is learned from what later turns of a conversation sound like", anything),
    ),

    max_budget: supported(amount),
    budget_duration: supported(text),
    default_api_key_tpm_limit: supported(count),
    default_api_key_rpm_limit: supported(count),
    configurable_clientside_auth_params: keys(list),
    fireworks_forward_user_id: keys(flag),
    aws_session_tags: keys(anything),
    bedrock_tags: keys(anything),

    guardrails: later("guardrails")(texts),
    cache_control_injection_points: supported(listOf(map)),
    merge_reasoning_content_in_choices: formats(flag),
    use_litellm_proxy: formats(flag),
    use_in_pass_through: supported(flag),
    ...all(
      `s3_bucket_name s3_region_name s3_endpoint_url s3_access_key_id s3_secret_access_key s3_encryption_key_id
       s3_bucket_owner s3_output_bucket_name aws_batch_role_arn aws_bedrock_project_id gcs_bucket_name milvus_text_field
       milvus_db_name milvus_partition_names valkey_host valkey_port valkey_password valkey_ssl valkey_text_field
       valkey_embedding_field`,
      formats(anything),
    ),

    max_retries: ignored("there is no provider client that retries by itself; num_retries counts", count),
    use_xai_oauth: ignored("logins of xAI accounts are not supported; give a key", flag),
    ...all(
      `anthropic_federation_rule_id anthropic_organization_id anthropic_service_account_id
       anthropic_federation_workspace_id anthropic_identity_token anthropic_identity_token_file anthropic_identity_source
       anthropic_disable_workload_identity_federation anthropic_issuer_url anthropic_issuer_subject
       anthropic_issuer_audience anthropic_issuer_ttl_seconds anthropic_issuer_signing_key_ref
       anthropic_keycloak_token_url anthropic_keycloak_client_id anthropic_keycloak_auth_method
       anthropic_keycloak_client_secret_ref anthropic_keycloak_scope openai_identity_provider_id
       openai_service_account_id openai_identity_token_file`,
      ignored(identity, anything),
    ),
    supports_system_message: ignored("each provider's own table says what it takes", flagOn),
    ssl_verify: ignored("certificates of providers are always verified", anything),
    ...all(
      "initial_prompt_value roles final_prompt_value bos_token eos_token",
      ignored("providers apply their models' own prompt templates", anything),
    ),
  },
  { unknown: "upstream", required: ["model"] },
);
