import { ignored, later, section, supported } from "../key.ts";
import {
  amount,
  anything,
  count,
  either,
  flag,
  flagOn,
  listOf,
  map,
  sectionOf,
  text,
  textOrTexts,
  texts,
} from "../value-type.ts";
import { litellmParams } from "./litellm-params.ts";
import { allowedFailsPolicy } from "./retry-policies.ts";

const server = "the gateway says this itself in its answers";

export const modelInfo = section(
  "model_list[].model_info",
  {
    id: supported(either(text, count)),
    mode: supported(text),
    base_model: supported(text),
    max_tokens: supported(count),
    max_input_tokens: supported(count),
    max_output_tokens: supported(count),
    supported_environments: supported(textOrTexts),
    health_check_model: supported(text),
    health_check_timeout: supported(amount),
    health_check_max_tokens: supported(count),

    supported_openai_params: ignored("each provider's own table says what it takes; see allowed_openai_params", texts),
    deprecation_date: ignored("it is shown by /model/info and changes nothing else", text),
    db_model: ignored(server, flag),
    created_at: ignored(server, anything),
    created_by: ignored(server, anything),

    allowed_fails: supported(count),
    allowed_fails_policy: supported(sectionOf(allowedFailsPolicy)),
    cooldown_time: supported(amount),

    access_groups: supported(texts),
    team_id: supported(text),
    team_public_model_name: supported(text),
    tier: ignored("LiteLLM's proxy reads it nowhere for requests", text),
    access_windows: later("keys")(listOf(map)),
    blocked: supported(flag),
    discoverable: supported(flagOn),
    ptu_count: later("keys")(count),
    cost_per_ptu_per_hour: later("keys")(amount),
    ptu_effective_from: later("keys")(anything),
    ptu_effective_to: later("keys")(anything),
    disable_background_health_check: supported(flag),
    allow_fail_open: supported(flag),
    enable_tag_filtering: supported(flag),
    internal_router_model: ignored("every row names the group, the deployment and the provider", anything),
    member_auto_router: ignored("whoever may use an auto router's name may use what it chooses", anything),
  },
  { unknown: "kept" },
);

export const modelEntry = section(
  "model_list[]",
  {
    model_name: supported(text),
    litellm_params: supported(sectionOf(litellmParams)),
    model_info: supported(sectionOf(modelInfo)),
  },
  { required: ["model_name", "litellm_params"] },
);
