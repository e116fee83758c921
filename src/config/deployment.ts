import { readFileSync } from "node:fs";
import { asNumber, asString, type Json, type JsonObject } from "../json/json.ts";
import { type CatalogueEntry, findEntry } from "../pricing/catalogue.ts";
import { InvalidPriceError } from "../pricing/price-rules.ts";
import { priceSheet } from "../pricing/price-sheet.ts";
import { isConfigureProblem, type Provider } from "../providers/provider.ts";
import { resolveModel } from "../providers/registry.ts";
import type { Deployment, DeploymentSettings, ModelFacts, PriceSheet, SourceLocation } from "../snapshot/snapshot.ts";
import { deploymentDefaults, deploymentSettings } from "./deployment-settings.ts";
import type { Environment } from "./references.ts";

/** Why an entry of `model_list` makes no deployment. */
export interface DeploymentProblem {
  readonly problem: string;
  /** The key of litellm_params (or model_info) at fault or missing. */
  readonly key: string;
  readonly suggestion?: string;
}

export interface DeploymentInput {
  readonly id: string;
  readonly modelName: string;
  /** litellm_params with references resolved and its credential merged in. */
  readonly params: JsonObject;
  readonly info: JsonObject;
  readonly environment: Environment;
  readonly source: SourceLocation;
  /** Reads files that parameters name; undefined for what cannot be read. */
  readonly readFile: (path: string) => string | undefined;
}

/** Stands in for credentials and address of a deployment that never calls anybody. */
const MOCKED: JsonObject = { api_key: "mock", api_base: "http://127.0.0.1" };
/** The price of what costs nothing: the built-in echo, and mocked answers of models without a price. */
const FREE = priceSheet({ overrides: { input_cost_per_token: 0, output_cost_per_token: 0 }, name: "free" });

/** One entry of `model_list` as a deployment. */
export function compileDeployment(input: DeploymentInput): Deployment | DeploymentProblem {
  const { params, info, modelName } = input;
  const written = asString(params.model);
  if (written === undefined || written.trim() === "") return { problem: "its model is unset.", key: "model" };
  const resolved = resolveModel({
    model: written,
    customLlmProvider: asString(params.custom_llm_provider),
    apiBase: asString(params.api_base) ?? asString(params.base_url),
    catalogueProvider: (name) => findEntry(name)?.provider,
  });
  if ("problem" in resolved) {
    const { problem, suggestion } = resolved;
    return { problem, key: "model", ...(suggestion === undefined ? {} : { suggestion }) };
  }
  const { provider } = resolved;
  const mocked = asString(params.mock_response) !== undefined;
  const target = provider.configure({
    params: mocked ? { ...MOCKED, ...params } : params,
    model: resolved.model,
    environment: input.environment,
    readFile: input.readFile,
  });
  if (isConfigureProblem(target)) return { problem: target.message, key: target.key };

  const model = resolved.model.replace(/^responses\//, "");
  const baseModel = asString(info.base_model) ?? asString(params.base_model);
  const entry = catalogueEntry(model, provider, baseModel);
  const prices = pricesOf(params, info, entry, entry?.name ?? baseModel ?? written);
  if (prices !== undefined && "problem" in prices) return prices;
  return {
    id: input.id,
    modelName,
    provider: provider.id,
    litellmModel: written,
    upstreamModel: model,
    target,
    settings: deploymentSettings(params, preferredEndpoint(params, resolved.model, info)),
    defaults: deploymentDefaults(params),
    info,
    facts: factsOf(entry, info),
    prices: prices ?? (provider.key === "none" || mocked ? FREE : undefined),
    ...(baseModel === undefined ? {} : { baseModel }),
    source: input.source,
  };
}

export function readFile(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // The provider tells which credential it could not read.
    return undefined;
  }
}

/** The catalogue's entry of a deployment; a pattern has one for each name that it is called by. */
function catalogueEntry(model: string, provider: Provider, baseModel: string | undefined): CatalogueEntry | undefined {
  if (baseModel !== undefined) return findEntry(baseModel) ?? findEntry(baseModel, provider.id);
  if (model.includes("*")) return undefined;
  return findEntry(`${provider.id}/${model}`) ?? findEntry(model, provider.id);
}

function pricesOf(
  params: JsonObject,
  info: JsonObject,
  entry: CatalogueEntry | undefined,
  name: string,
): PriceSheet | DeploymentProblem | undefined {
  try {
    return priceSheet({ entry, overrides: { ...info, ...withoutNull(params) }, name });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const field = error instanceof InvalidPriceError ? error.field.split(".")[0] : "off_peak_pricing";
    return { problem: error.message, key: field ?? "off_peak_pricing" };
  }
}

/** What is unset must not hide what another source sets. */
export function withoutNull(values: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null && value !== undefined));
}

function preferredEndpoint(
  params: JsonObject,
  model: string,
  info: JsonObject,
): DeploymentSettings["preferredEndpoint"] {
  if (params.use_chat_completions_api === true) return "chat";
  return model.startsWith("responses/") || info.mode === "responses" ? "responses" : undefined;
}

function factsOf(entry: CatalogueEntry | undefined, info: JsonObject): ModelFacts {
  const supports: Record<string, boolean> = { ...entry?.supports };
  for (const [key, value] of Object.entries(info)) {
    if (key.startsWith("supports_") && typeof value === "boolean") supports[key.slice("supports_".length)] = value;
  }
  const number = (value: Json | undefined, known: number | undefined): number | undefined => asNumber(value) ?? known;
  const mode = asString(info.mode) ?? entry?.mode;
  const maxInput = number(info.max_input_tokens, entry?.maxInputTokens);
  const maxOutput = number(info.max_output_tokens ?? info.max_tokens, entry?.maxOutputTokens);
  return {
    supports,
    ...(mode === undefined ? {} : { mode }),
    ...(maxInput === undefined ? {} : { maxInputTokens: maxInput }),
    ...(maxOutput === undefined ? {} : { maxOutputTokens: maxOutput }),
  };
}
