import { isDeepStrictEqual } from "node:util";
import { asObject, type Json, type JsonObject, type MutableJsonObject, parseJson } from "../../json/json.ts";
import { budgets } from "../../store/objects/budgets.ts";
import { type KeyRow, keys } from "../../store/objects/keys.ts";
import type { Connection } from "../../store/objects/object-table.ts";
import { findOrganizationMember, organizations } from "../../store/objects/organizations.ts";
import { projects } from "../../store/objects/projects.ts";
import { findTeamMember, type TeamRow, teams } from "../../store/objects/teams.ts";
import type { Authority } from "../authority.ts";
import { expiryFor } from "../fields.ts";
import type { Management } from "../management.ts";
import { badRequest, forbidden, refused } from "../refusals.ts";

/** Only administrators set these: they open routes, or take a key out of its owner's hands. */
const ADMIN_FIELDS = ["allowed_routes", "permissions", "allowed_passthrough_routes"] as const;

/** What an owner may not change in a key that somebody else made for it. */
const LIMIT_FIELDS = [
  ...["max_budget", "soft_budget", "budget_duration", "budget_id", "budget_limits", "model_max_budget", "spend"],
  ...["tpm_limit", "rpm_limit", "tpd_limit", "max_parallel_requests", "model_rpm_limit", "model_tpm_limit", "blocked"],
  ...["temp_budget_increase", "temp_budget_expiry", "models", "duration", "access_group_ids", "object_permission"],
  ...["tags", "tag_rpm_limit", "enforced_params", "allowed_cache_controls", "denied_passthrough_routes"],
  ...["default_estimated_output_tokens", "default_estimated_output_tokens_per_model"],
] as const;

/** Limits that may also stand in `metadata`, as LiteLLM keeps them. */
const METADATA_LIMITS = [
  ...["temp_budget_increase", "temp_budget_expiry", "model_rpm_limit", "model_tpm_limit", "tags", "enforced_params"],
  ...["denied_passthrough_routes", "default_estimated_output_tokens"],
] as const;

/** The first limit of an object's `metadata` that a change would set to something else. */
export function changedMetadataLimit(before: string, after: Json | undefined): string | undefined {
  if (after === undefined) return undefined;
  const own = asObject(parseJson(before)) ?? {};
  const wanted = asObject(after) ?? {};
  return METADATA_LIMITS.find((name) => !isDeepStrictEqual(own[name] ?? null, wanted[name] ?? null));
}

/** The references of a key must exist, and belong together. Returns the team. */
export async function checkReferences(connection: Connection, fields: JsonObject): Promise<TeamRow | undefined> {
  const { team_id, organization_id, project_id, budget_id } = fields;
  let team: TeamRow | undefined;
  if (typeof team_id === "string") {
    team = await teams.find(connection, team_id);
    if (team === undefined) throw refused(404, `Team doesn't exist in db. Team=${team_id}.`);
  }
  if (typeof organization_id === "string" && (await organizations.find(connection, organization_id)) === undefined) {
    throw badRequest(`Organization doesn't exist in db. Organization=${organization_id}`, "organization_id");
  }
  if (typeof project_id === "string") {
    const project = await projects.find(connection, project_id);
    if (project === undefined) throw badRequest(`Project doesn't exist in db. Project=${project_id}`, "project_id");
    if (typeof team_id === "string" && project.team_id !== null && project.team_id !== team_id) {
      throw badRequest(`Project ${project_id} belongs to another team than ${team_id}`, "project_id");
    }
  }
  if (typeof budget_id === "string" && (await budgets.find(connection, budget_id)) === undefined) {
    throw badRequest(`Budget doesn't exist in db. Budget=${budget_id}`, "budget_id");
  }
  return team;
}

/** Whether the caller may make a key with these fields; `route` is the permission that a team's members need. */
export async function requireMayCreate(
  authority: Authority,
  connection: Connection,
  fields: JsonObject,
  team: TeamRow | undefined,
  route: string,
): Promise<void> {
  if (authority.isAdmin) return;
  refuseAdminFields(fields);
  const { user_id, organization_id } = fields;
  const foreign = typeof user_id === "string" && !authority.isSelf(user_id);
  if (team === undefined) {
    if (typeof organization_id === "string" && (await authority.administersOrganization(organization_id))) {
      if (!foreign || (await findOrganizationMember(connection, organization_id, user_id)) !== undefined) return;
    }
    if (foreign || authority.principal.userId === undefined) {
      throw forbidden(
        "User can only create keys for themselves. " +
          `Got user_id=${String(user_id)}, Your ID=${authority.principal.userId ?? "None"}`,
      );
    }
    if (typeof organization_id === "string") {
      const member = await findOrganizationMember(connection, organization_id, authority.principal.userId);
      if (member === undefined) throw forbidden(`User is not a member of organization=${organization_id}`);
    }
    return;
  }
  if (await authority.administersTeam(team)) {
    if (foreign && (await findTeamMember(connection, team.team_id, user_id)) === undefined) {
      throw forbidden(`User=${user_id} is not a member of team=${team.team_id}`);
    }
    return;
  }
  if ((await authority.hasMemberPermission(team, route)) && !foreign) return;
  throw forbidden(`User=${authority.principal.userId ?? "None"} may not call ${route} for team=${team.team_id}`);
}

/** Whether the caller may change a key, by a route that a team's members may be permitted. */
export async function requireMayChange(
  authority: Authority,
  connection: Connection,
  row: KeyRow,
  route: string,
): Promise<"administrator" | "owner"> {
  if (authority.isAdmin) return "administrator";
  const team = row.team_id === null ? undefined : await teams.find(connection, row.team_id);
  if (team !== undefined) {
    if (await authority.administersTeam(team)) return "administrator";
    if (authority.isSelf(row.user_id) && (await authority.hasMemberPermission(team, route))) return "owner";
  } else {
    if (await authority.administersOrganization(row.organization_id)) return "administrator";
    if (authority.isSelf(row.user_id)) return "owner";
  }
  throw forbidden("User doesn't have permission to change this key");
}

/** What a caller who is no administrator may change in a key. */
export async function requireMaySet(
  authority: Authority,
  connection: Connection,
  row: KeyRow,
  fields: JsonObject,
  standing: "administrator" | "owner",
): Promise<void> {
  if (authority.isAdmin) return;
  refuseAdminFields(fields);
  const moved = (name: "user_id" | "team_id" | "organization_id") =>
    fields[name] !== undefined && (fields[name] ?? null) !== row[name];
  if (moved("team_id") || moved("organization_id") || (moved("user_id") && standing === "owner")) {
    throw forbidden("Only proxy admins can move a key to another user, team or organization");
  }
  if (moved("user_id") && row.team_id !== null && typeof fields.user_id === "string") {
    if ((await findTeamMember(connection, row.team_id, fields.user_id)) === undefined) {
      throw forbidden(`User=${fields.user_id} is not a member of team=${row.team_id}`);
    }
  }
  if (standing === "administrator" || row.created_by === authority.principal.userId) return;
  const field =
    LIMIT_FIELDS.find((name) => fields[name] !== undefined) ?? changedMetadataLimit(row.metadata, fields.metadata);
  if (field !== undefined) throw forbidden(`Only who made this key, or an administrator, can change its ${field}`);
}

/** Whether the caller may know of a key. */
export async function seesKey(authority: Authority, connection: Connection, row: KeyRow): Promise<boolean> {
  if (authority.seesAll || row.token === authority.principal.keyHash || authority.isSelf(row.user_id)) return true;
  if (row.team_id !== null) {
    const team = await teams.find(connection, row.team_id);
    if (team !== undefined && (await authority.administersTeam(team))) return true;
    if (team !== undefined && (await authority.hasMemberPermission(team, "/key/info"))) return true;
  }
  return row.organization_id !== null && (await authority.administersOrganization(row.organization_id));
}

function refuseAdminFields(fields: JsonObject): void {
  const field = ADMIN_FIELDS.find((name) => {
    const value = fields[name];
    return value !== undefined && value !== null && Object.keys(value as object).length > 0;
  });
  if (field !== undefined) throw forbidden(`Only proxy admins can set ${field} of a key`);
}

/** An alias names one key. */
export async function requireFreeAlias(connection: Connection, alias: unknown, token?: string): Promise<void> {
  if (typeof alias !== "string") return;
  const [holder] = await keys.findMany(connection, [alias], "key_alias");
  if (holder !== undefined && holder.token !== token) {
    throw badRequest(
      `Key with alias '${alias}' already exists. Unique key aliases across all keys are required.`,
      "key_alias",
    );
  }
}

/** Fills in `default_key_generate_params` and refuses what is above `upperbound_key_generate_params`. */
export function applyKeyDefaults(management: Management, fields: MutableJsonObject): void {
  const {
    default_key_generate_params: defaults,
    upperbound_key_generate_params: bounds,
    default_soft_budget: softBudget,
  } = management.snapshot().library.raw;
  for (const [name, value] of Object.entries((defaults ?? {}) as JsonObject)) {
    if (fields[name] === undefined || fields[name] === null) fields[name] = value;
  }
  if (typeof softBudget === "number") fields.soft_budget ??= softBudget;
  const now = management.now();
  for (const [name, bound] of Object.entries((bounds ?? {}) as JsonObject)) {
    const value = fields[name];
    if (value === undefined || value === null) {
      fields[name] = bound;
      continue;
    }
    const above =
      typeof bound === "string"
        ? (expiryFor(now, String(value)) ?? Number.POSITIVE_INFINITY) >
          (expiryFor(now, bound) ?? Number.POSITIVE_INFINITY)
        : Number(value) > Number(bound);
    if (above) {
      throw refused(
        400,
        `${name} is over max limit set in config - user_value=${String(value)}; max_value=${String(bound)}`,
      );
    }
  }
}
