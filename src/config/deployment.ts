import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  asArray,
  asNumber,
  asObject,
  asString,
  type Json,
  type JsonObject,
  type MutableJsonObject,
} from "../json/json.ts";
import { findEntry } from "../pricing/catalogue.ts";
import { priceSheet } from "../pricing/price-sheet.ts";
import { isConfigureProblem } from "../providers/provider.ts";
import { resolveModel } from "../providers/registry.ts";
import type { Deployment, DeploymentSettings, ModelFacts, SourceLocation } from "../snapshot/snapshot.ts";
import { KEYS } from "./keys.ts";
import type { Environment } from "./references.ts";

/** Why an entry of `model_list` makes no deployment. */
export interface DeploymentProblem {
  readonly problem: string;
  /** The litellm_params key at fault. */
  readonly key: string;
  readonly suggestion?: string;
}

export interface DeploymentInput {
  readonly modelName: string;
  /** References resolved, credential merged. */
  readonly params: JsonObject;
  readonly info: JsonObject;
  readonly environment: Environment;
  readonly source: SourceLocation;
}

/** litellm_params that are read here and never go upstream, beside the ones in the table of keys. */
const OWN = new Set(["model", "litellm_credential_name", "credential_name", "responses"]);
/** Known parameters that are the model's own and go upstream. */
const UPSTREAM = new Set(["temperature", "max_tokens", "seed", "thinking", "reasoning_effort"]);
const PRICE = /_cost(_|$)|^(tiered_pricing|off_peak_pricing|cost_per_second)$/;

/** One entry of `model_list` as a deployment. */
export function compileDeployment(input: DeploymentInput): Deployment | DeploymentProblem {
  const { params, info, modelName } = input;
  const written = asString(params.model) ?? "";
  const resolved = resolveModel({
    model: written,
    customLlmProvider: asString(params.custom_llm_provider),
    apiBase: asString(params.api_base) ?? asString(params.base_url),
    catalogueProvider: (name) => findEntry(name)?.provider,
  });
  if ("problem" in resolved) {
    return {
      problem: resolved.problem,
      key: "model",
      ...(resolved.suggestion === undefined ? {} : { suggestion: resolved.suggestion }),
    };
  }
  const { provider } = resolved;
  const preferred = preferredEndpoint(params, resolved.model, info);
  const model = resolved.model.replace(/^responses\//, "");
  const mocked = asString(params.mock_response) !== undefined;
  const target = provider.configure({
    params: mocked ? { api_key: "mock", api_base: "http://127.0.0.1", ...params } : params,
    model: resolved.model,
    environment: input.environment,
    readFile,
  });
  if (isConfigureProblem(target)) return { problem: target.message, key: target.key };

  const baseModel = asString(info.base_model);
  const name = baseModel ?? (model.includes("*") ? undefined : `${provider.id}/${model}`);
  const entry = name === undefined ? undefined : (findEntry(name) ?? findEntry(model, provider.id));
  let prices: Deployment["prices"];
  try {
    prices = priceSheet({ entry, overrides: { ...info, ...params }, name: name ?? written });
    if (prices === undefined && (provider.key === "none" || mocked)) prices = FREE;
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error), key: "input_cost_per_token" };
  }
  const settings = settingsOf(params, preferred);
  return {
    id: asString(info.id) ?? (typeof info.id === "number" ? String(info.id) : deploymentId(modelName, params)),
    modelName,
    provider: provider.id,
    litellmModel: written,
    upstreamModel: model,
    target,
    settings,
    defaults: defaultsOf(params),
    info,
    facts: factsOf(entry, info),
    prices,
    ...(baseModel === undefined ? {} : { baseModel }),
    source: input.source,
  };
}

/** The price of what costs nothing: the built-in echo, and mocked answers of models without a price. */
const FREE = priceSheet({ overrides: { input_cost_per_token: 0, output_cost_per_token: 0 }, name: "free" });

function readFile(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // The provider tells which credential it could not read.
    return undefined;
  }
}

/** The same for the same entry, whatever the order of its keys. */
function deploymentId(modelName: string, params: JsonObject): string {
  const sorted = Object.fromEntries(Object.entries(params).sort(([a], [b]) => (a < b ? -1 : 1)));
  return createHash("sha256")
    .update(JSON.stringify([modelName, sorted]))
    .digest("hex");
}

function preferredEndpoint(params: JsonObject, model: string, info: JsonObject): "chat" | "responses" | undefined {
  if (params.use_chat_completions_api === true) return "chat";
  return model.startsWith("responses/") || info.mode === "responses" ? "responses" : undefined;
}

/** What goes upstream where the caller set nothing: the model's parameters and whatever the table of keys does not know. */
function defaultsOf(params: JsonObject): JsonObject {
  const defaults: MutableJsonObject = {};
  for (const [key, value] of Object.entries(params)) {
    if (value === undefined || value === null || OWN.has(key) || PRICE.test(key) || key.startsWith("echo_target"))
      continue;
    if (UPSTREAM.has(key) || !KEYS.litellm_params.has(key)) defaults[key] = value;
  }
  return defaults;
}

function factsOf(entry: ReturnType<typeof findEntry>, info: JsonObject): ModelFacts {
  const supports: Record<string, boolean> = { ...entry?.supports };
  for (const [key, value] of Object.entries(info)) {
    if (key.startsWith("supports_") && typeof value === "boolean") supports[key.slice("supports_".length)] = value;
  }
  const mode = asString(info.mode) ?? entry?.mode;
  const maxInput = asNumber(info.max_input_tokens) ?? entry?.maxInputTokens;
  const maxOutput = asNumber(info.max_output_tokens) ?? asNumber(info.max_tokens) ?? entry?.maxOutputTokens;
  return {
    supports,
    ...(mode === undefined ? {} : { mode }),
    ...(maxInput === undefined ? {} : { maxInputTokens: maxInput }),
    ...(maxOutput === undefined ? {} : { maxOutputTokens: maxOutput }),
  };
}

function settingsOf(params: JsonObject, preferredEndpoint: "chat" | "responses" | undefined): DeploymentSettings {
  const settings: { -readonly [K in keyof DeploymentSettings]: DeploymentSettings[K] } = {
    extraHeaders: { ...textMap(params.default_headers), ...textMap(params.headers), ...textMap(params.extra_headers) },
  };
  const number = (name: string): number | undefined => {
    const value = params[name];
    return asNumber(typeof value === "string" && value.trim() !== "" ? Number(value) : value);
  };
  const put = <K extends keyof DeploymentSettings>(key: K, value: DeploymentSettings[K] | undefined): void => {
    if (value !== undefined) settings[key] = value;
  };
  put("timeout", number("timeout"));
  put("streamTimeout", number("stream_timeout"));
  put("numRetries", number("num_retries"));
  put("maxRetries", number("max_retries"));
  put("weight", number("weight"));
  put("rpm", number("rpm"));
  put("tpm", number("tpm"));
  put("dropParams", flag(params.drop_params));
  put("modifyParams", flag(params.modify_params));
  put("additionalDropParams", texts(params.additional_drop_params));
  put("allowedOpenaiParams", texts(params.allowed_openai_params));
  put("mockResponse", asString(params.mock_response));
  put("extraBody", asObject(params.extra_body));
  put("preferredEndpoint", preferredEndpoint);
  return settings;
}

function flag(value: Json | undefined): boolean | undefined {
  if (typeof value === "boolean") return value;
  return value === "true" || value === "True" ? true : value === "false" || value === "False" ? false : undefined;
}

function texts(value: Json | undefined): readonly string[] | undefined {
  return value === undefined || value === null
    ? undefined
    : asArray(value).filter((item): item is string => typeof item === "string");
}

function textMap(value: Json | undefined): Record<string, string> {
  const map: Record<string, string> = {};
  for (const [name, text] of Object.entries(asObject(value) ?? {})) {
    if (typeof text === "string" || typeof text === "number") map[name.toLowerCase()] = String(text);
  }
  return map;
}
