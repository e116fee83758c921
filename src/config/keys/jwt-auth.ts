import { ignored, type Key, later, section, supported } from "../key.ts";
import { amount, flag, listOf, map, oneOf, sectionOf, text, textOrTexts, texts } from "../value-type.ts";

const keys = later("keys");
const all = (names: string, key: Key): Record<string, Key> =>
  Object.fromEntries(
    names
      .trim()
      .split(/\s+/)
      .map((name) => [name, key]),
  );

/** One entry of `litellm_jwtauth.issuers`. */
export const tokenIssuer = section(
  "litellm_jwtauth.issuers[]",
  {
    ...all(
      `issuer jwks_url user_id_jwt_field user_email_jwt_field team_id_jwt_field team_ids_jwt_field org_id_jwt_field
       end_user_id_jwt_field`,
      supported(text),
    ),
    audience: supported(textOrTexts),
    disable_audience_validation: supported(flag),
    virtual_key_claim_field: keys(text),
    unregistered_jwt_client_behavior: keys(oneOf("fallback_team_mapping", "reject", "auto_register")),
  },
  { required: ["issuer"] },
);

/** `general_settings.litellm_jwtauth`. */
export const jwtAuth = section("litellm_jwtauth", {
  ...all(
    `admin_jwt_scope team_id_jwt_field team_ids_jwt_field team_alias_jwt_field team_id_default org_id_jwt_field
     org_alias_jwt_field user_id_jwt_field user_email_jwt_field user_roles_jwt_field end_user_id_jwt_field
     roles_jwt_field object_id_jwt_field`,
    supported(text),
  ),
  ...all(
    `team_id_upsert user_id_upsert enforce_scope_based_access enforce_team_based_model_access enforce_rbac
     sync_user_role_and_teams`,
    supported(flag),
  ),
  public_key_ttl: supported(amount),
  ...all("admin_allowed_routes team_allowed_routes user_allowed_roles", supported(texts)),
  user_allowed_email_domain: supported(textOrTexts),
  ...all("role_mappings scope_mappings jwt_litellm_role_map", supported(listOf(map))),
  ...all("oidc_userinfo_enabled team_claim_fallback fallback_to_db_teams", supported(flag)),
  oidc_userinfo_endpoint: supported(text),
  ...all("oidc_userinfo_cache_ttl public_key_stale_ttl", supported(amount)),
  issuers: supported(listOf(sectionOf(tokenIssuer))),
  virtual_key_claim_field: keys(text),
  virtual_key_mapping_cache_ttl: keys(amount),
  auto_register_map_existing_key: keys(flag),
  routing_overrides: keys(listOf(map)),
  unregistered_jwt_client_behavior: keys(oneOf("fallback_team_mapping", "reject", "auto_register")),
  upsert_sso_user_to_team: ignored("users join the teams that their tokens name anyway", flag),
  public_allowed_routes: ignored("nothing in LiteLLM reads it; `public_routes` opens routes", texts),
  agent_id_jwt_field: later("MCP")(text),
  mcp_client_id_jwt_field: later("MCP")(text),
  custom_validate: ignored("it names Python code", text),
});

/** One entry of `general_settings.role_permissions`. */
export const rolePermission = section(
  "role_permissions[]",
  { role: supported(text), models: supported(texts), routes: supported(texts) },
  { required: ["role"] },
);
