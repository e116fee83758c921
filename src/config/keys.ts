import { closest } from "../providers/closest.ts";
import { later, type Section, section, supported } from "./key.ts";
import { cacheParams, coordinationRedis } from "./keys/cache-params.ts";
import { budgetWindow, declaredBudget, declaredKey, declaredTeam, modelBudget } from "./keys/declared-objects.ts";
import { generalSettings, serviceAccountSettings, userHeaderMapping } from "./keys/general-settings.ts";
import { jwtAuth, rolePermission, tokenIssuer } from "./keys/jwt-auth.ts";
import { litellmParams } from "./keys/litellm-params.ts";
import {
  costMargin,
  keyGenerationSettings,
  litellmSettings,
  personalKeyGeneration,
  teamKeyGeneration,
} from "./keys/litellm-settings.ts";
import { modelEntry, modelInfo } from "./keys/model-list.ts";
import { alertingArgs, passThroughEndpoint } from "./keys/operations-settings.ts";
import { guardrail, mcpServer } from "./keys/optional-stages.ts";
import { assistantSettings, resourceProvider, vectorStore, vectorStoreParams } from "./keys/resource-settings.ts";
import { allowedFailsPolicy, retryPolicy } from "./keys/retry-policies.ts";
import { routerSettings } from "./keys/router-settings.ts";
import { anything, either, flag, list, listOf, map, mapOf, number, sectionOf, text, texts } from "./value-type.ts";

const formats = later("formats");
const guardrails = later("guardrails");

const credential = section(
  "credential_list[]",
  { credential_name: supported(text), credential_values: supported(map), credential_info: supported(map) },
  { required: ["credential_name", "credential_values"] },
);

/**
 * Every key of LiteLLM's configuration and what becomes of it: the one table behind `check`, the warnings at start and
 * the documentation. Sections below the top level hang on the type of the key that holds them.
 */
export const CONFIGURATION = section("Top level", {
  model_list: supported(listOf(sectionOf(modelEntry))),
  litellm_settings: supported(sectionOf(litellmSettings)),
  general_settings: supported(sectionOf(generalSettings)),
  router_settings: supported(sectionOf(routerSettings)),
  environment_variables: supported(mapOf(either(text, number, flag))),
  credential_list: supported(listOf(sectionOf(credential))),
  include: supported(texts),
  virtual_keys: supported(listOf(sectionOf(declaredKey))),
  teams: supported(listOf(sectionOf(declaredTeam))),
  budgets: supported(listOf(sectionOf(declaredBudget))),

  guardrails: guardrails(listOf(sectionOf(guardrail))),
  policies: guardrails(anything),
  policy_attachments: guardrails(anything),
  mcp_servers: later("MCP")(mapOf(sectionOf(mcpServer))),
  callback_settings: later("observability")(map),
  prompts: later("prompts")(list),
  search_tools: formats(list),
  vector_store_registry: supported(listOf(sectionOf(vectorStore))),
  agent_list: formats(list),
  files_settings: supported(listOf(sectionOf(resourceProvider))),
  finetune_settings: supported(listOf(sectionOf(resourceProvider))),
  assistant_settings: supported(sectionOf(assistantSettings)),
  default_vertex_config: formats(map),
  worker_registry: later("deployment")(anything),
});

/** Every section once, in the order of the documentation. */
export const SECTIONS: readonly Section[] = [
  CONFIGURATION,
  modelEntry,
  litellmParams,
  modelInfo,
  credential,
  declaredKey,
  declaredTeam,
  declaredBudget,
  budgetWindow,
  modelBudget,
  routerSettings,
  retryPolicy,
  allowedFailsPolicy,
  litellmSettings,
  keyGenerationSettings,
  teamKeyGeneration,
  personalKeyGeneration,
  costMargin,
  cacheParams,
  generalSettings,
  serviceAccountSettings,
  userHeaderMapping,
  coordinationRedis,
  passThroughEndpoint,
  resourceProvider,
  assistantSettings,
  vectorStore,
  vectorStoreParams,
  jwtAuth,
  tokenIssuer,
  rolePermission,
  alertingArgs,
  guardrail,
  mcpServer,
];

/** Sections that people mistake for one another. */
const SETTINGS = [routerSettings, litellmSettings, generalSettings, CONFIGURATION];

/** Fields of requests to the management API that say in the file something else, or by another name. */
const OTHER_NAMES: Readonly<Record<string, string>> = { duration: "expires" };

/** What was probably meant by a key that the section does not have: another section's key of that name, or one nearly so. */
export function suggestKey(where: Section, name: string): string | undefined {
  const home = SETTINGS.find((other) => other !== where && SETTINGS.includes(where) && other.keys.has(name));
  if (home !== undefined) return home === CONFIGURATION ? `${name} at the top level` : `${home.title}.${name}`;
  return OTHER_NAMES[name] ?? closest(name, [...where.keys.keys()]);
}
