import { asArray, asObject, asString, type Json, type JsonObject } from "../../json/json.ts";
import type { Secrets } from "../../store/secrets.ts";
import { ORGANIZATION_SHAPE } from "../organizations/organization-shape.ts";
import { PROJECT_SHAPE } from "../projects/project-routes.ts";
import { teamCallbackContext } from "../teams/team-callbacks.ts";
import { TEAM_SHAPE } from "../teams/team-shape.ts";
import { USER_SHAPE } from "../users/user-shape.ts";
import type { ImportContext, Kind, NewRow, Taken } from "./kind.ts";
import type { OldRow } from "./old-row.ts";
import { liftedFields, limitsOf, OBJECT_PERMISSIONS, objectPermissions, stampsOf } from "./taken-fields.ts";

const ORGANIZATIONS = "LiteLLM_OrganizationTable";
const TEAMS = "LiteLLM_TeamTable";
const ALIASES = "LiteLLM_ModelTable";

/** LiteLLM's own row for what all keys together spend. */
const PROXY_BUDGET = "litellm-proxy-budget";

export const organizationsKind: Kind = {
  name: "organizations",
  from: { table: ORGANIZATIONS, order: ["organization_id"] },
  alongside: [OBJECT_PERMISSIONS],
  to: "organization",
  key: ["organization_id"],
  audited: { kind: "organization", show: (row) => ORGANIZATION_SHAPE.show(row) },
  async take(rows, context) {
    const permissionOf = await objectPermissions(context, rows);
    return rows.map((row): Taken => {
      const { fields, metadata } = liftedFields(row.object("metadata"), ORGANIZATION_SHAPE.settings);
      const id = row.text("organization_id") ?? "";
      const columns = ORGANIZATION_SHAPE.insert({
        ...fields,
        ...stampsOf(row, context),
        organization_id: id,
        organization_alias: row.text("organization_alias") ?? id,
        budget_id: row.text("budget_id"),
        models: row.names("models"),
        metadata,
        object_permission: permissionOf(row),
      });
      return { name: id, row: { ...columns, spend_offset_nano: row.nano("spend") } };
    });
  },
};

export const teamsKind: Kind = {
  name: "teams",
  from: { table: TEAMS, order: ["team_id"] },
  alongside: [OBJECT_PERMISSIONS, ALIASES],
  to: "team",
  key: ["team_id"],
  audited: { kind: "team", show: (row) => ({ ...TEAM_SHAPE.show(row), logging: null }) },
  async take(rows, context) {
    const permissionOf = await objectPermissions(context, rows);
    const ids = rows.map((row) => row.number("model_id"));
    const aliases = await context.old.findMany(ALIASES, "id", ids);
    return rows.map((row) => takeTeam(row, context, permissionOf(row), aliases.get(String(row.number("model_id")))));
  },
  comparable: (row, { secrets }) => ({ ...row, settings: openedCallbacks(row, secrets) }),
};

function takeTeam(row: OldRow, context: ImportContext, permission: Json, aliases: OldRow | undefined): Taken {
  const id = row.text("team_id") ?? "";
  const alias = row.text("team_alias");
  const { team_member_budget_id: memberBudget, ...own } = row.object("metadata");
  const { fields, metadata } = liftedFields(own, TEAM_SHAPE.settings);
  const callbacks = takeCallbacks(id, fields.logging, context);
  const columns = TEAM_SHAPE.insert({
    ...fields,
    ...limitsOf(row, context),
    ...stampsOf(row, context),
    team_id: id,
    team_alias: alias,
    organization_id: row.text("organization_id"),
    models: row.names("models"),
    blocked: row.flag("blocked"),
    member_permissions: row.names("team_member_permissions"),
    member_budget_id: asString(memberBudget) ?? null,
    metadata,
    budget_limits: row.json("budget_limits"),
    router_settings: row.json("router_settings"),
    access_group_ids: row.json("access_group_ids"),
    default_team_member_models: row.json("default_team_member_models"),
    model_aliases: aliases?.json("aliases") ?? aliases?.json("model_aliases") ?? null,
    model_max_budget: row.json("model_max_budget"),
    policies: row.json("policies") ?? fields.policies ?? null,
    object_permission: permission,
    logging: callbacks.logging,
  });
  return {
    name: alias === null ? id : `${alias} (${id})`,
    row: { ...columns, spend_offset_nano: row.nano("spend") },
    closed: callbacks.closed,
  };
}

/** `metadata.logging` of a team: the variables of its callbacks are secrets, and are sealed here. */
function takeCallbacks(
  teamId: string,
  logging: Json | undefined,
  { oldSecrets, secrets }: ImportContext,
): { readonly logging: Json; readonly closed: readonly string[] } {
  const closed: string[] = [];
  const taken = asArray(logging).flatMap((item): JsonObject[] => {
    const callback = asObject(item);
    if (callback === undefined) return [];
    const vars = Object.entries(asObject(callback.callback_vars) ?? {}).map(([name, value]): [string, Json] => {
      if (typeof value !== "string") return [name, value ?? null];
      const read = oldSecrets.read(value);
      if (read.kind === "closed" && read.prefixed) closed.push(`callback_vars.${name}`);
      return [name, read.kind === "closed" ? value : read.text];
    });
    const sealed = secrets.sealObject(Object.fromEntries(vars), teamCallbackContext(teamId));
    return [{ ...callback, callback_vars: sealed }];
  });
  return { logging: taken.length === 0 ? null : taken, closed };
}

function openedCallbacks(row: NewRow, secrets: Secrets): string {
  const settings = asObject(JSON.parse(String(row.settings))) ?? {};
  if (settings.logging === undefined) return String(row.settings);
  return JSON.stringify({
    ...settings,
    logging: asArray(settings.logging).map((item) => ({
      ...asObject(item),
      callback_vars: secrets.unsealObject(
        asObject(asObject(item)?.callback_vars) ?? {},
        teamCallbackContext(String(row.team_id)),
      ),
    })),
  });
}

export const usersKind: Kind = {
  name: "users",
  from: { table: "LiteLLM_UserTable", order: ["user_id"] },
  alongside: [OBJECT_PERMISSIONS],
  to: "gateway_user",
  key: ["user_id"],
  unique: [{ column: "user_email", folded: true }, { column: "sso_user_id" }],
  audited: { kind: "user", show: (row) => USER_SHAPE.show(row) },
  async take(rows, context) {
    const permissionOf = await objectPermissions(context, rows);
    return rows.map((row): Taken => {
      const id = row.text("user_id") ?? "";
      const name = row.text("user_email") === null ? id : `${id} (${row.text("user_email")})`;
      if (id === PROXY_BUDGET) return { name, skipped: "what the whole proxy spent; the ledger adds it up anew" };
      const password = row.text("password");
      const usable = password?.startsWith("scrypt:") === true;
      const { fields, metadata } = liftedFields(row.object("metadata"), USER_SHAPE.settings);
      const columns = USER_SHAPE.insert({
        ...fields,
        ...limitsOf(row, context),
        ...stampsOf(row, context),
        user_id: id,
        user_email: row.text("user_email"),
        user_alias: row.text("user_alias"),
        // Without a role LiteLLM lets a user look at what is its own, and no more.
        user_role: row.text("user_role") ?? "internal_user_viewer",
        sso_user_id: row.text("sso_user_id"),
        models: row.names("models"),
        metadata,
        model_max_budget: row.json("model_max_budget"),
        allowed_cache_controls: row.json("allowed_cache_controls"),
        policies: row.json("policies") ?? fields.policies ?? null,
        object_permission: permissionOf(row),
      });
      return {
        name,
        row: { ...columns, password: usable ? password : null, spend_offset_nano: row.nano("spend") },
        notes: password === null || usable ? [] : ["without its password, which has an old form: it needs a new one"],
      };
    });
  },
};

export const projectsKind: Kind = {
  name: "projects",
  from: { table: "LiteLLM_ProjectTable", order: ["project_id"] },
  alongside: [OBJECT_PERMISSIONS],
  to: "project",
  key: ["project_id"],
  audited: { kind: "project", show: (row) => PROJECT_SHAPE.show(row) },
  async take(rows, context) {
    const permissionOf = await objectPermissions(context, rows);
    return rows.map((row): Taken => {
      const { fields, metadata } = liftedFields(row.object("metadata"), PROJECT_SHAPE.settings);
      const id = row.text("project_id") ?? "";
      const columns = PROJECT_SHAPE.insert({
        ...fields,
        ...stampsOf(row, context),
        project_id: id,
        project_alias: row.text("project_alias"),
        description: row.text("description"),
        team_id: row.text("team_id"),
        budget_id: row.text("budget_id"),
        models: row.names("models"),
        blocked: row.flag("blocked"),
        metadata,
        model_rpm_limit: row.json("model_rpm_limit"),
        model_tpm_limit: row.json("model_tpm_limit"),
        object_permission: permissionOf(row),
      });
      return { name: row.text("project_alias") ?? id, row: { ...columns, spend_offset_nano: row.nano("spend") } };
    });
  },
};
