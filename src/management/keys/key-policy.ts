import { asArray, asObject, asString, type JsonObject } from "../../json/json.ts";
import type { TeamRow } from "../../store/objects/teams.ts";
import type { Authority } from "../authority.ts";
import type { Management } from "../management.ts";
import { badRequest, refused } from "../refusals.ts";

/** LiteLLM's own rule, which `enable_key_alias_format_validation` asks for. */
const ALIAS = /^[a-zA-Z0-9][a-zA-Z0-9_\-/.@]{0,253}[a-zA-Z0-9]$/;

/** Throws the refusal of an alias that `litellm_settings` do not allow. */
export function requireAliasFormat({ snapshot }: Management, alias: unknown): void {
  if (typeof alias !== "string") return;
  const { key_alias_pattern: pattern, enable_key_alias_format_validation: validates } = snapshot().library.raw;
  if (typeof pattern === "string") {
    if (new RegExp(`^(?:${pattern})$`).test(alias)) return;
    throw badRequest(
      `Invalid key_alias format. Must be at most 255 characters and match the configured key_alias_pattern: ${pattern}`,
      "key_alias",
    );
  }
  if (validates !== true || ALIAS.test(alias)) return;
  throw badRequest(
    "Invalid key_alias format. Must be 2-255 characters, start/end with alphanumeric, and only contain a-zA-Z0-9_-/.@.",
    "key_alias",
  );
}

/** Throws the refusal of a secret that the caller chose itself, where `general_settings` want none. */
export function requireGeneratedSecret({ snapshot }: Management, secret: unknown): void {
  if (secret === undefined || secret === null || snapshot().general.raw.disable_custom_api_keys !== true) return;
  throw refused(403, "Custom API key values are disabled by your administrator. Keys must be auto-generated.");
}

/**
 * Throws the refusal of a key that `key_generation_settings` do not let the caller make: who may, and what it has to
 * say. `named`: the fields of the request. Administrators may make any key of a team.
 */
export async function requireKeyPolicy(
  { snapshot }: Management,
  authority: Authority,
  named: JsonObject,
  team: TeamRow | undefined,
): Promise<void> {
  const { role } = authority.principal;
  if (snapshot().general.raw.disable_key_generate_for_org_admin === true && (await isOrganizationAdmin(authority))) {
    throw refused(403, "key generation is disabled for org admins. Contact your proxy admin.");
  }
  const settings = asObject(snapshot().library.raw.key_generation_settings);
  if (team !== undefined) {
    if (authority.isAdmin) return;
    await requireTeamRole(authority, team, asObject(settings?.team_key_generation));
    requireParams(named, asObject(settings?.team_key_generation));
    return;
  }
  const personal = asObject(settings?.personal_key_generation);
  const roles = texts(personal?.allowed_user_roles);
  if (roles.length > 0 && !roles.includes(role)) {
    throw refused(
      400,
      `Personal key creation has been restricted by admin. Allowed roles=${list(roles)}. Your role=${role}`,
    );
  }
  requireParams(named, personal);
}

async function isOrganizationAdmin(authority: Authority): Promise<boolean> {
  if (authority.isAdmin) return false;
  return authority.principal.role === "org_admin" || (await authority.ownOrganizationIds()).length > 0;
}

async function requireTeamRole(authority: Authority, team: TeamRow, settings: JsonObject | undefined): Promise<void> {
  const role = await authority.teamRole(team.team_id);
  const roles = texts(settings?.allowed_team_member_roles);
  if (roles.length === 0 || role === undefined || roles.includes(role)) return;
  throw refused(400, `Team member role ${role} not in allowed_team_member_roles=${list(roles)}`);
}

function requireParams(named: JsonObject, settings: JsonObject | undefined): void {
  const missing = texts(settings?.required_params).find((name) => named[name] === undefined);
  if (missing !== undefined) throw refused(400, `Required param ${missing} not in data`);
}

function texts(value: unknown): string[] {
  return asArray(value).flatMap((item) => asString(item) ?? []);
}

function list(names: readonly string[]): string {
  return `[${names.map((name) => `'${name}'`).join(", ")}]`;
}
