import type { FormatId } from "../formats/conversation.ts";
import type { MutableJsonObject } from "../json/json.ts";

/** LiteLLM's chat parameters: what a provider does not support among these is refused unless `drop_params` is on. */
export const OPENAI_CHAT_PARAMETERS: ReadonlySet<string> = new Set([
  "functions",
  "function_call",
  "temperature",
  "top_p",
  "n",
  "stream",
  "stream_options",
  "stop",
  "max_tokens",
  "max_completion_tokens",
  "modalities",
  "prediction",
  "audio",
  "presence_penalty",
  "frequency_penalty",
  "logit_bias",
  "user",
  "response_format",
  "seed",
  "tools",
  "tool_choice",
  "parallel_tool_calls",
  "logprobs",
  "top_logprobs",
  "reasoning_effort",
  "thinking",
  "verbosity",
  "web_search_options",
  "service_tier",
  "safety_identifier",
  "prompt_cache_key",
  "prompt_cache_retention",
  "store",
  "metadata",
  "context_management",
]);

/** Fields of a request body that speak to the gateway, in every client format. */
const GATEWAY_FIELDS: ReadonlySet<string> = new Set([
  // Grouping and spending.
  "tags",
  "user_config",
  "target_model_names",
  "fastest_response",
  "priority",
  // Retries, fallbacks, time-outs.
  "num_retries",
  "max_retries",
  "retry_policy",
  "fallbacks",
  "disable_fallbacks",
  "include_fallback_errors",
  "context_window_fallbacks",
  "content_policy_fallbacks",
  "max_fallbacks",
  "timeout",
  "request_timeout",
  "stream_timeout",
  "force_timeout",
  "keepalive_seconds",
  "cooldown_time",
  // Cache, guardrails, prompts.
  "cache",
  "caching",
  "cache_key",
  "preset_cache_key",
  "guardrails",
  "disable_global_guardrails",
  "guardrail_config",
  "policies",
  "prompt_id",
  "prompt_variables",
  "prompt_label",
  "prompt_version",
  // What becomes of parameters.
  "drop_params",
  "additional_drop_params",
  "allowed_openai_params",
  "modify_params",
  "enable_json_schema_validation",
  "merge_reasoning_content_in_choices",
  "cache_control_injection_points",
  "provider_specific_header",
  "extra_headers",
  "extra_body",
  // Logging.
  "no-log",
  "turn_off_message_logging",
  "logger_fn",
  "verbose",
  "proxy_server_request",
  "secret_fields",
  "model_info",
  "mock_response",
  "mock_tool_calls",
  "mock_timeout",
  "mock_delay",
  // Credentials and addresses: never a provider's business to read in a body.
  "api_key",
  "api_base",
  "base_url",
  "api_version",
  "api_type",
  "custom_llm_provider",
  "organization",
  "region_name",
  "azure_ad_token",
  "azure_username",
  "azure_password",
  "azure_scope",
  "tenant_id",
  "client_id",
  "client_secret",
]);

/** Whole families of such fields. */
const GATEWAY_PREFIXES = [
  "litellm_",
  "langfuse_",
  "user_api_key_",
  "mock_testing_",
  "aws_",
  "vertex_",
  "s3_",
  "gcs_",
  "watsonx_",
] as const;

/**
 * In these formats `metadata` is LiteLLM's own word (tags, trace names, spend labels); in Responses and Messages it
 * belongs to the provider, and LiteLLM's word is `litellm_metadata`.
 */
const METADATA_IS_GATEWAYS: ReadonlySet<FormatId> = new Set<FormatId>(["openai-chat", "openai-completions"]);

/** Whether a field of a body in the client's format speaks to the gateway and so never goes upstream. */
export function isGatewayField(name: string, client: FormatId): boolean {
  if (name === "metadata") return METADATA_IS_GATEWAYS.has(client);
  let known = judged.get(name);
  if (known === undefined) {
    known = GATEWAY_FIELDS.has(name) || GATEWAY_PREFIXES.some((prefix) => name.startsWith(prefix));
    if (judged.size >= MOST_JUDGED) judged.clear();
    judged.set(name, known);
  }
  return known;
}

/** Bodies name the same few fields again and again. */
const judged = new Map<string, boolean>();
const MOST_JUDGED = 1_000;

/** Deletes the gateway's own fields from a body. */
export function withoutGatewayFields(body: MutableJsonObject, client: FormatId): void {
  for (const name of Object.keys(body)) {
    if (isGatewayField(name, client)) delete body[name];
  }
}
