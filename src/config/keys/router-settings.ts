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

const routing = later("routing");
const cache = later("cache");
const keys = later("keys");

/** `[{"model-a": ["model-b"]}]` */
export const fallbackList = listOf(mapOf(list));
/** A text or `{model, hidden}`. */
const alias = either(
  text,
  sectionOf(
    section("model_group_alias.*", { model: supported(text), hidden: supported(flag) }, { required: ["model"] }),
  ),
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

  routing_strategy_args: routing(map),
  routing_groups: routing(list),
  max_fallbacks: routing(count),
  fallbacks: routing(fallbackList),
  context_window_fallbacks: routing(fallbackList),
  content_policy_fallbacks: routing(fallbackList),
  default_fallbacks: routing(list),
  allowed_fails: routing(count),
  allowed_fails_policy: routing(sectionOf(allowedFailsPolicy)),
  cooldown_time: routing(amount),
  disable_cooldowns: routing(flag),
  enable_pre_call_checks: routing(flag),
  optional_pre_call_checks: routing(texts),
  deployment_affinity_ttl_seconds: routing(amount),
  model_group_affinity_config: routing(mapOf(list)),
  enable_tag_filtering: routing(flag),
  tag_filtering_match_any: routing(flagOn),
  tag_routing_prefix: routing(text),
  enable_weighted_failover: routing(flag),
  default_max_parallel_requests: routing(count),
  default_priority: routing(count),
  default_litellm_params: routing(map),
  enable_health_check_routing: routing(flag),
  health_check_staleness_threshold: routing(amount),
  health_check_ignore_transient_errors: routing(flag),
  background_health_check_model_groups: routing(texts),
  plugins: routing(anything),
  provider_budget_config: keys(mapOf(map)),

  redis_host: cache(text),
  redis_port: cache(count),
  redis_password: cache(either(text, count)),
  redis_db: cache(count),
  redis_url: cache(text),
  cache_kwargs: cache(map),
  cache_responses: cache(flag),
  caching_groups: cache(list),

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
