import { asArray, asObject } from "../json/json.ts";
import type { Diagnostic } from "../snapshot/snapshot.ts";
import { type Path, refusal } from "./diagnostics.ts";
import type { LoadedDocument } from "./load.ts";
import type { ValidDocument } from "./validate.ts";

const PAIRS: readonly (readonly [string, string, string])[] = [
  ["user_roles_jwt_field", "user_allowed_roles", "they only mean something together"],
  ["user_allowed_roles", "user_roles_jwt_field", "they only mean something together"],
  ["object_id_jwt_field", "role_mappings", "the role says whether the object is a user or a team"],
  ["scope_mappings", "enforce_scope_based_access", "without it the scopes are not asked"],
  ["oidc_userinfo_enabled", "oidc_userinfo_endpoint", "somebody has to be asked"],
];

/** What is contradictory in `general_settings.litellm_jwtauth`. */
export function tokenDiagnostics(document: LoadedDocument, valid: ValidDocument): Diagnostic[] {
  const place: Path = ["general_settings", "litellm_jwtauth"];
  const raw = asObject(asObject(valid.value.general_settings)?.litellm_jwtauth);
  if (raw === undefined) return [];
  const isSet = (name: string): boolean => raw[name] !== undefined && raw[name] !== null && raw[name] !== false;
  const found = PAIRS.filter(([name, needed]) => isSet(name) && !isSet(needed)).map(([name, needed, why]) =>
    refusal("incomplete", `litellm_jwtauth.${name} needs ${needed}: ${why}`, document.locate([...place, name])),
  );
  for (const [index, entry] of asArray(raw.issuers).entries()) {
    const { audience, disable_audience_validation: any } = asObject(entry) ?? {};
    const named = audience !== undefined && audience !== null;
    if (named !== (any === true)) continue;
    const message = named
      ? "an issuer has either audience or disable_audience_validation"
      : "an issuer needs audience, or disable_audience_validation: true: without either its tokens are not taken";
    found.push(refusal("incomplete", message, document.locate([...place, "issuers", index])));
  }
  return found;
}
