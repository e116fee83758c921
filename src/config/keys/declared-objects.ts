import { section, supported } from "../key.ts";
import {
  amount,
  count,
  duration,
  either,
  flag,
  list,
  listOf,
  map,
  mapOf,
  moment,
  oneOf,
  sectionOf,
  text,
  textOf,
  texts,
} from "../value-type.ts";

/** What clients send: LiteLLM's form, as `/key/generate` wants it. */
const secret = textOf({
  name: "a key that begins with sk- and has no spaces",
  example: "sk-1234567890",
  accepts: (value) => /^sk-[\x21-\x7e]+$/.test(value),
});

const counts = supported(mapOf(count));

export const budgetWindow = section(
  "budget_limits[]",
  { budget_duration: supported(duration), max_budget: supported(amount) },
  { unknown: "refused", required: ["budget_duration", "max_budget"] },
);

export const modelBudget = section(
  "model_max_budget.*",
  {
    budget_limit: supported(amount),
    max_budget: supported(amount),
    time_period: supported(duration),
    budget_duration: supported(duration),
    rpm_limit: supported(count),
    tpm_limit: supported(count),
  },
  { unknown: "refused" },
);

const limits = {
  max_budget: supported(amount),
  soft_budget: supported(amount),
  budget_duration: supported(duration),
  max_parallel_requests: supported(count),
  rpm_limit: supported(count),
  tpm_limit: supported(count),
};

const modelBudgets = supported(mapOf(sectionOf(modelBudget)));

/** Limits and rules that keys and teams share. */
const shared = {
  ...limits,
  budget_limits: supported(listOf(sectionOf(budgetWindow))),
  model_max_budget: modelBudgets,
  model_rpm_limit: counts,
  model_tpm_limit: counts,
  models: supported(texts),
  access_group_ids: supported(texts),
  denied_passthrough_routes: supported(texts),
  default_estimated_output_tokens: supported(count),
  default_estimated_output_tokens_per_model: counts,
  tags: supported(texts),
  blocked: supported(flag),
  metadata: supported(map),
  organization_id: supported(text),
};

/** A key that the file gives: the fields of `/key/generate`, save those that say what has become of a key. */
export const declaredKey = section(
  "virtual_keys[]",
  {
    key: supported(secret),
    key_alias: supported(text),
    key_type: supported(oneOf("llm_api", "management", "read_only", "default")),
    ...shared,
    user_id: supported(text),
    team_id: supported(text),
    project_id: supported(text),
    budget_id: supported(text),
    expires: supported(moment),
    allowed_routes: supported(texts),
    tag_rpm_limit: counts,
    aliases: supported(mapOf(text)),
    enforced_params: supported(texts),
    allowed_cache_controls: supported(either(texts, list)),
  },
  { unknown: "refused", required: ["key"] },
);

/** A team that the file makes; who its members are is the API's. */
export const declaredTeam = section(
  "teams[]",
  {
    team_id: supported(text),
    team_alias: supported(text),
    ...shared,
    model_aliases: supported(mapOf(text)),
    default_team_member_models: supported(texts),
    team_member_permissions: supported(texts),
    team_member_budget: supported(amount),
    team_member_budget_duration: supported(duration),
    team_member_rpm_limit: supported(count),
    team_member_tpm_limit: supported(count),
    team_member_key_duration: supported(duration),
  },
  { unknown: "refused", required: ["team_id"] },
);

/** A budget that keys, customers, tags and organizations may share. */
export const declaredBudget = section(
  "budgets[]",
  { budget_id: supported(text), ...limits, model_max_budget: modelBudgets },
  { unknown: "refused", required: ["budget_id"] },
);
