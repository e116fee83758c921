import type { ManagementClient } from "../../support/management-client.ts";
import { unique } from "../../support/management-client.ts";

/** One object of each kind, for bodies that are good but for one field. */
export interface Fixtures {
  /** Values of fields and of path parameters by their names. */
  readonly byName: Readonly<Record<string, unknown>>;
  /** What a route needs beside the fields that its schema requires, by the route's path. */
  readonly byRoute: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export async function makeFixtures(api: ManagementClient): Promise<Fixtures> {
  const { organization_id } = await api.ok("POST", "/organization/new", { organization_alias: unique("org") });
  const { user_id } = await api.ok("POST", "/user/new", { user_id: unique("user"), auto_create_key: false });
  const { team_id } = await api.ok("POST", "/team/new", {
    organization_id,
    members_with_roles: [{ role: "user", user_id }],
  });
  await api.ok("POST", "/organization/member_add", {
    organization_id,
    member: { role: "internal_user", user_id },
  });
  const { budget_id } = await api.ok("POST", "/budget/new", { max_budget: 5 });
  const { project_id } = await api.ok("POST", "/project/new", { team_id });
  const { key } = await api.ok("POST", "/key/generate", { key_alias: unique("alias") });
  const customer = unique("customer");
  await api.ok("POST", "/customer/new", { user_id: customer });
  const tag = unique("tag");
  await api.ok("POST", "/tag/new", { name: tag });
  const litellm_params = { model: "openai/m", mock_response: "hi" };
  const { model_id } = await api.ok("POST", "/model/new", { model_name: unique("model"), litellm_params });
  const credential_name = unique("credential");
  await api.ok("POST", "/credentials", { credential_name, credential_info: {}, credential_values: { api_key: "a" } });
  const { body: group } = await api.call("POST", "/v1/access_group", { access_group_name: unique("group") });
  const { id: invitation_id } = await api.ok("POST", "/invitation/new", { user_id });
  const { endpoints } = await api.ok("POST", "/config/pass_through_endpoint", {
    path: `/${unique("own")}`,
    target: "http://127.0.0.1:9/",
  });
  const access_group = unique("named");
  await api.ok("POST", "/access_group/new", { access_group, model_ids: [model_id] });
  return {
    byName: {
      organization_id,
      user_id,
      team_id,
      budget_id,
      project_id,
      key,
      model_id,
      credential_name,
      access_group,
      invitation_id,
      endpoint_id: endpoints[0].id,
      access_group_id: group.access_group_id,
      model: "echo",
      model_name: unique("model"),
      litellm_params,
      member: { role: "user", user_id },
      organization_alias: unique("org"),
      credential_info: {},
      callback_name: "langfuse",
      callback_vars: { langfuse_public_key: "a" },
      access_group_name: unique("group"),
      path: `/${unique("own")}`,
      target: "http://127.0.0.1:9/",
      name: tag,
      ip: "10.0.0.1",
      is_accepted: true,
      reset_to: 0,
      field_name: "x",
      field_value: 1,
      config_type: "general_settings",
      input_tokens: 1,
      output_tokens: 1,
      models: ["echo"],
      fallback_models: ["echo"],
      model_groups: ["echo"],
      team_member_permissions: [],
      keys: [key],
      budgets: [budget_id],
      organizations: [organization_id],
      names: [tag],
      user_ids: [user_id],
      team_ids: [team_id],
      organization_ids: [organization_id],
      project_ids: [project_id],
      id: "none",
    },
    byRoute: {
      "/key/update": { key },
      "/key/regenerate": { key },
      "/key/bulk_update": { keys: [{ key }] },
      "/key/service-account/generate": { team_id },
      "/user/update": { user_id },
      "/budget/update": { budget_id },
      "/model/update": { model_info: { id: model_id } },
      "/customer/new": { user_id: unique("customer") },
      "/customer/update": { user_id: customer },
      "/customer/block": { user_ids: [customer] },
      "/customer/delete": { user_ids: [customer] },
      "/tag/new": { name: unique("tag") },
      "/team/member_update": { user_id },
      "/team/member_delete": { user_id },
      "/organization/member_update": { user_id },
      "/organization/member_delete": { user_id },
      "/project/update": { project_id },
      "/spend/calculate": { model: "echo", messages: [] },
    },
  };
}
