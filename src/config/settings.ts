import { asArray, asNumber, asObject, asString, isObject, type Json, type JsonObject } from "../json/json.ts";
import type {
  GeneralSettings,
  LibrarySettings,
  ModelAlias,
  ResourceSettings,
  RouterSettings,
} from "../snapshot/snapshot.ts";

/** LiteLLM's default for chat and embeddings, in seconds. */
const REQUEST_TIMEOUT = 6000;
const NUM_RETRIES = 2;
const MEGABYTE = 1024 * 1024;
/** Bodies beyond this are refused unless `max_request_size_mb` says otherwise. */
const DEFAULT_REQUEST_MEGABYTES = 512;

/** `router_settings` as the router uses them; the same keys in `litellm_settings` count where these are unset. */
export function routerSettingsOf(own: JsonObject, library: JsonObject): RouterSettings {
  const read = (name: string): Json | undefined => own[name] ?? library[name] ?? undefined;
  const timeout = asNumber(read("timeout"));
  const streamTimeout = asNumber(read("stream_timeout"));
  const policy = numbers(read("retry_policy"));
  const groups = asObject(read("model_group_retry_policy"));
  return {
    routingStrategy: asString(read("routing_strategy")) ?? "simple-shuffle",
    routingStrategyArgs: asObject(read("routing_strategy_args")) ?? {},
    numRetries: asNumber(read("num_retries")) ?? NUM_RETRIES,
    retryAfter: asNumber(read("retry_after")) ?? 0,
    ...(timeout === undefined ? {} : { timeout }),
    ...(streamTimeout === undefined ? {} : { streamTimeout }),
    ...(policy === undefined ? {} : { retryPolicy: policy }),
    ...(groups === undefined
      ? {}
      : {
          modelGroupRetryPolicy: Object.fromEntries(
            Object.entries(groups).map(([group, value]) => [group, numbers(value) ?? {}]),
          ),
        }),
    raw: own,
  };
}

function numbers(value: Json | undefined): Record<string, number> | undefined {
  if (!isObject(value)) return undefined;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, number]) => (typeof number === "number" ? [[key, number]] : [])),
  );
}

/** `model_group_alias`: a name, or `{model, hidden}`. */
export function aliasesOf(own: JsonObject, library: JsonObject): ReadonlyMap<string, ModelAlias> {
  const aliases = new Map<string, ModelAlias>();
  for (const [name, target] of Object.entries(asObject(own.model_group_alias ?? library.model_group_alias) ?? {})) {
    const model = asString(target) ?? asString(asObject(target)?.model);
    if (model !== undefined) aliases.set(name, { model, hidden: asObject(target)?.hidden === true });
  }
  for (const [name, model] of Object.entries(asObject(library.model_alias_map) ?? {})) {
    if (typeof model === "string" && !aliases.has(name)) aliases.set(name, { model, hidden: true });
  }
  return aliases;
}

export function librarySettingsOf(
  raw: JsonObject,
  environment: Readonly<Record<string, string | undefined>>,
): LibrarySettings {
  return {
    dropParams: (raw.drop_params ?? environment.LITELLM_DROP_PARAMS?.toLowerCase() === "true") === true,
    modifyParams: raw.modify_params === true,
    requestTimeout: asNumber(raw.request_timeout) ?? seconds(environment.REQUEST_TIMEOUT) ?? REQUEST_TIMEOUT,
    exposeRouterDebugInErrors: raw.expose_router_debug_in_errors !== false,
    raw,
  };
}

function seconds(value: string | undefined): number | undefined {
  const read = value === undefined || value.trim() === "" ? Number.NaN : Number(value);
  return read > 0 ? read : undefined;
}

/** STORE_MODEL_IN_DB wins over `store_model_in_db`, as in LiteLLM. */
function storesModels(raw: JsonObject, variable: string | undefined): boolean {
  return variable === undefined || variable === ""
    ? raw.store_model_in_db === true
    : ["true", "1", "yes", "on"].includes(variable.toLowerCase());
}

/** STORE_PROMPTS_IN_SPEND_LOGS turns on what the file leaves off. */
function withPrompts(raw: JsonObject, variable: string | undefined): JsonObject {
  return variable?.toLowerCase() === "true" ? { ...raw, store_prompts_in_spend_logs: true } : raw;
}

export function generalSettingsOf(
  raw: JsonObject,
  environment: Readonly<Record<string, string | undefined>>,
): GeneralSettings {
  const masterKey = asString(raw.master_key);
  const header = asString(raw.litellm_key_header_name);
  const model = asString(raw.completion_model);
  return {
    ...(masterKey === undefined ? {} : { masterKey }),
    ...(header === undefined ? {} : { keyHeaderName: header.toLowerCase() }),
    ...(model === undefined ? {} : { completionModel: model }),
    maxRequestSizeBytes: (asNumber(raw.max_request_size_mb) ?? DEFAULT_REQUEST_MEGABYTES) * MEGABYTE,
    alwaysIncludeStreamUsage: raw.always_include_stream_usage === true,
    cancelOnDisconnect: raw.cancel_on_disconnect === true,
    includeCallIdInErrorBody: raw.include_call_id_in_error_body === true,
    allowClientSideCredentials: raw.allow_client_side_credentials === true,
    forwardClientHeaders: raw.forward_client_headers_to_llm_api === true,
    storesModels: storesModels(raw, environment.STORE_MODEL_IN_DB),
    raw: withPrompts(raw, environment.STORE_PROMPTS_IN_SPEND_LOGS),
  };
}

/** `files_settings` and its like. */
export function resourceSettingsOf(document: JsonObject): ResourceSettings {
  const assistants = asObject(document.assistant_settings);
  return {
    files: asArray(document.files_settings).filter(isObject),
    fineTuning: asArray(document.finetune_settings).filter(isObject),
    assistants:
      assistants === undefined
        ? undefined
        : { ...asObject(assistants.litellm_params), custom_llm_provider: assistants.custom_llm_provider },
    vectorStores: asArray(document.vector_store_registry)
      .filter(isObject)
      .flatMap((entry) => {
        const params = asObject(entry.litellm_params);
        return params === undefined ? [] : [params];
      }),
  };
}
