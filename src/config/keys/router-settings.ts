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
  texts,
} from "../value-type.ts";
import { allowedFailsPolicy, retryPolicy } from "./retry-policies.ts";

/** `[{"model-a": ["model-b"]}]` */
export const fallbackList = listOf(mapOf(list));
/** A text or `{model, hidden}`. */
const alias = either(
  text,
  sectionOf(
    section("model_group_alias.*", { model: supported(text), hidden: supported(flag) }, { required: ["model"] }),
  ),
);

/** A key of our own: a second attempt for requests that show nothing in time. */
const hedging = section(
  "hedging.*",
  { after: supported(amount), max_attempts: supported(count) },
  { required: ["after"] },
);

export const routerSettings = section("router_settings", {
  routing_strategy: supported(
    oneOf(
      "simple-shuffle",
      "least-busy",
      "usage-based-routing",
      "usage-based-routing-v2",
      "latency-based-routing",
      "cost-based-routing",
      "adaptive",
      "provider-budget-routing",
      "lar1",
    ),
  ),
  num_retries: supported(count),
  timeout: supported(amount),
  stream_timeout: supported(amount),
  retry_after: supported(amount),
  retry_policy: supported(sectionOf(retryPolicy)),
  model_group_retry_policy: supported(mapOf(sectionOf(retryPolicy))),
  model_group_alias: supported(mapOf(alias)),
  ignore_invalid_deployments: supported(flagOn),

  routing_strategy_args: supported(map),
  routing_groups: supported(list),
  max_fallbacks: supported(count),
  fallbacks: supported(fallbackList),
  context_window_fallbacks: supported(fallbackList),
  content_policy_fallbacks: supported(fallbackList),
  default_fallbacks: supported(list),
  allowed_fails: supported(count),
  allowed_fails_policy: supported(sectionOf(allowedFailsPolicy)),
  cooldown_time: supported(amount),
  disable_cooldowns: supported(flag),
  enable_pre_call_checks: supported(flag),
  optional_pre_call_checks: supported(texts),
  deployment_affinity_ttl_seconds: supported(amount),
  model_group_affinity_config: supported(mapOf(list)),
  enable_tag_filtering: supported(flag),
  tag_filtering_match_any: supported(flagOn),
  tag_routing_prefix: supported(text),
  enable_weighted_failover: supported(flag),
  default_max_parallel_requests: supported(count),
  default_priority: supported(count),
  default_litellm_params: supported(map),
  enable_health_check_routing: supported(flag),
  health_check_staleness_threshold: supported(amount),
  health_check_ignore_transient_errors: supported(flag),
  background_health_check_model_groups: supported(texts),
  plugins: ignored("plugins of LiteLLM's router are Python classes", anything),
  provider_budget_config: supported(mapOf(map)),
  hedging: supported(mapOf(sectionOf(hedging))),

  redis_host: supported(text),
  redis_port: supported(count),
  redis_password: supported(either(text, count)),
  redis_db: supported(count),
  redis_url: supported(text),
  cache_kwargs: supported(map),
  cache_responses: supported(flag),
  caching_groups: supported(listOf(texts)),

  search_tools: later("formats")(list),
  assistants_config: later("formats")(map),
  guardrail_list: later("guardrails")(list),
  alerting_config: later("observability")(map),

  client_ttl: ignored("there are no provider clients to keep; connections live as long as they are of use", amount),
  polling_interval: ignored("there is no queue of requests that is polled", amount),
  router_general_settings: ignored("it switches inner ways of the Python library", map),
  set_verbose: ignored("--debug and --detailed_debug say how much is logged", flag),
  debug_level: ignored("--debug and --detailed_debug say how much is logged", text),
});
