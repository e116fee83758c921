import { asArray, asNumber, asObject, asString, type JsonObject, parseJson } from "../../json/json.ts";
import type { AutoRouter, SemanticRoute } from "../../snapshot/auto-router.ts";
import type { Deployment, SourceLocation } from "../../snapshot/snapshot.ts";
import type { DeploymentProblem } from "../deployment.ts";
import { complexityRules, complexityTiers } from "./complexity-settings.ts";
import type { Notes } from "./notes.ts";
import { qualityModels, qualityOfTiers } from "./quality-settings.ts";

const PREFIX = "auto_router/";
const LONGEST_INPUT = 2000;
/** LiteLLM's figure for routes that name none. */
const THRESHOLD = 0.3;

/** An entry of `model_list` whose model is no model but a rule that chooses one. */
export interface AutoRouterSource {
  readonly id: string;
  readonly stored?: boolean;
  readonly name: string;
  readonly params: JsonObject;
  readonly info: JsonObject;
  readonly source: SourceLocation;
  readonly readFile: (path: string) => string | undefined;
}

export function isAutoRouter(params: JsonObject): boolean {
  return typeof params.model === "string" && params.model.startsWith(PREFIX);
}

/** `groups`: the deployments of the same configuration. */
export function compileAutoRouter(
  entry: AutoRouterSource,
  groups: ReadonlyMap<string, readonly Deployment[]>,
  notesAt: (key: string) => Notes,
): AutoRouter | DeploymentProblem {
  const { id, stored, params, info, name, source } = entry;
  const kind = String(params.model).slice(PREFIX.length);
  const common = {
    ...{ id, name, source, params, info },
    teamId: asString(info.team_id),
    ...(stored === true ? { stored } : {}),
  };
  if (kind.startsWith("complexity_router")) {
    const key = "complexity_router_config";
    const config = asObject(params[key]) ?? {};
    const notes = notesAt(key);
    const defaultModel = asString(params.complexity_router_default_model) ?? asString(config.default_model);
    const tiers = complexityTiers(config, notes);
    if (tiers.models.size === 0 && defaultModel === undefined) {
      return {
        problem: "complexity_router_config.tiers names no model, and there is no complexity_router_default_model.",
        key,
      };
    }
    return { ...common, kind: "complexity", defaultModel, rules: complexityRules(config, notes), ...tiers };
  }
  if (kind.startsWith("quality_router")) {
    const key = "quality_router_config";
    const config = asObject(params[key]) ?? {};
    const models = qualityModels(config, groups);
    if (typeof models === "string") return { problem: models, key };
    const defaultModel = asString(params.quality_router_default_model) ?? asString(config.default_model);
    if (models.length === 0 && defaultModel === undefined) {
      return { problem: "quality_router_config.available_models is empty.", key };
    }
    const rules = complexityRules({}, notesAt(key));
    return { ...common, kind: "quality", defaultModel, rules, qualityOf: qualityOfTiers(config), models };
  }
  if (kind.startsWith("adaptive_router")) {
    const problem =
      "adaptive_router learns from what later turns of a conversation sound like, which is not done here; take complexity_router or quality_router.";
    return { problem, key: "model" };
  }
  return semanticRouter(entry, common);
}

function semanticRouter(
  { params, readFile }: AutoRouterSource,
  common: Pick<AutoRouter, "id" | "name" | "source" | "teamId" | "params" | "info" | "stored">,
): AutoRouter | DeploymentProblem {
  const defaultModel = asString(params.auto_router_default_model);
  if (defaultModel === undefined) return { problem: "auto_router_default_model is unset.", key: "model" };
  const embeddingModel = asString(params.auto_router_embedding_model);
  if (embeddingModel === undefined) return { problem: "auto_router_embedding_model is unset.", key: "model" };
  const path = asString(params.auto_router_config_path);
  const key = path === undefined ? "auto_router_config" : "auto_router_config_path";
  const text = path === undefined ? asString(params.auto_router_config) : readFile(path);
  const config = asObject(text === undefined ? params.auto_router_config : parseJson(text));
  if (config === undefined) {
    const problem =
      path !== undefined && text === undefined
        ? `auto_router_config_path: ${path} cannot be read.`
        : `${key} must have routes, as JSON or as a map.`;
    return { problem, key: params[key] === undefined ? "model" : key };
  }
  const routes = asArray(config.routes).flatMap((item): SemanticRoute[] => {
    const route = asObject(item);
    const name = asString(route?.name);
    const utterances = asArray(route?.utterances).filter((one) => typeof one === "string");
    const threshold = asNumber(route?.score_threshold) ?? THRESHOLD;
    return name === undefined || utterances.length === 0 ? [] : [{ name, utterances, threshold }];
  });
  if (routes.length === 0) return { problem: `${key} has no route with a name and utterances.`, key };
  const longestInput = asNumber(params.auto_router_max_input_chars) ?? LONGEST_INPUT;
  return { ...common, kind: "semantic", defaultModel, embeddingModel, longestInput, routes };
}
