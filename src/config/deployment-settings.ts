import { asArray, asNumber, asObject, asString, type Json, type JsonObject } from "../json/json.ts";
import type { DeploymentSettings } from "../snapshot/snapshot.ts";
import { litellmParams } from "./keys/litellm-params.ts";
import { parameterKind } from "./parameter-hints.ts";

type Mutable = { -readonly [K in keyof DeploymentSettings]: DeploymentSettings[K] };

/** How the deployment is called, from litellm_params whose values have the types of their keys. */
export function deploymentSettings(
  params: JsonObject,
  preferredEndpoint: DeploymentSettings["preferredEndpoint"],
): DeploymentSettings {
  const settings: Mutable = {
    extraHeaders: {
      ...headersOf(params.default_headers),
      ...headersOf(params.headers),
      ...headersOf(params.extra_headers),
    },
  };
  const put = <K extends keyof DeploymentSettings>(key: K, value: DeploymentSettings[K] | undefined): void => {
    if (value !== undefined) settings[key] = value;
  };
  put("timeout", asNumber(params.timeout));
  put("streamTimeout", asNumber(params.stream_timeout));
  put("numRetries", asNumber(params.num_retries));
  put("maxRetries", asNumber(params.max_retries));
  put("cooldownTime", asNumber(params.cooldown_time));
  put("weight", asNumber(params.weight));
  put("rpm", asNumber(params.rpm));
  put("tpm", asNumber(params.tpm));
  put("itpm", asNumber(params.itpm));
  put("otpm", asNumber(params.otpm));
  put("order", asNumber(params.order));
  put("maxParallelRequests", asNumber(params.max_parallel_requests));
  put("defaultKeyRpm", asNumber(params.default_api_key_rpm_limit));
  put("defaultKeyTpm", asNumber(params.default_api_key_tpm_limit));
  put("maxBudget", asNumber(params.max_budget));
  put("budgetDuration", asString(params.budget_duration));
  put("tags", textsOf(params.tags));
  put("tagRegex", textsOf(params.tag_regex));
  put("regionName", asString(params.region_name));
  put("providerAffinityHeader", asString(params.provider_affinity_header));
  put("silentModel", asString(params.silent_model));
  put("silentModelShare", asNumber(params.silent_model_share));
  put("ttftTimeout", asNumber(params.ttft_timeout));
  put("streamIdleTimeout", asNumber(params.stream_idle_timeout));
  put("keepaliveSeconds", asNumber(params.keepalive_seconds));
  put("allowClientKeepalive", flagOf(params.allow_client_keepalive_override));
  put("timeoutByServiceTier", figuresOf(params.timeout_by_service_tier));
  put("streamTimeoutByServiceTier", figuresOf(params.stream_timeout_by_service_tier));
  put("dropParams", flagOf(params.drop_params));
  put("modifyParams", flagOf(params.modify_params));
  put("additionalDropParams", textsOf(params.additional_drop_params));
  put("allowedOpenaiParams", textsOf(params.allowed_openai_params));
  put("configurableClientsideAuthParams", listOf(params.configurable_clientside_auth_params));
  put("mergeReasoningContentInChoices", flagOf(params.merge_reasoning_content_in_choices));
  put(
    "cacheControlInjectionPoints",
    listOf(params.cache_control_injection_points) as readonly JsonObject[] | undefined,
  );
  put("useInPassThrough", flagOf(params.use_in_pass_through));
  put("mockResponse", asString(params.mock_response));
  put("extraBody", asObject(params.extra_body));
  put("preferredEndpoint", preferredEndpoint);
  return settings;
}

/** What goes upstream where the caller set nothing: everything that is neither a known key nor a price nor the gateway's. */
export function deploymentDefaults(params: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(params).filter(
      ([name, value]) =>
        value !== null && value !== undefined && !litellmParams.keys.has(name) && parameterKind(name) === "provider",
    ),
  );
}

function flagOf(value: Json | undefined): boolean | undefined {
  return typeof value === "boolean" ? value : undefined;
}

function listOf(value: Json | undefined): readonly Json[] | undefined {
  return Array.isArray(value) ? (value as readonly Json[]) : undefined;
}

function textsOf(value: Json | undefined): readonly string[] | undefined {
  return value === undefined || value === null
    ? undefined
    : asArray(value).filter((item): item is string => typeof item === "string");
}

function figuresOf(value: Json | undefined): Record<string, number> | undefined {
  const map = asObject(value);
  if (map === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(map).flatMap(([name, figure]) => (typeof figure === "number" ? [[name, figure]] : [])),
  );
}

function headersOf(value: Json | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(asObject(value) ?? {}).flatMap(([name, content]) =>
      typeof content === "string" || typeof content === "number" || typeof content === "boolean"
        ? [[name.toLowerCase(), String(content)]]
        : [],
    ),
  );
}
