import { asString, isObject, type Json, type JsonObject, type MutableJsonObject } from "../../json/json.ts";
import { sealValues, unsealValues } from "../../store/objects/credentials.ts";
import { sealParams, unsealParams } from "../../store/objects/stored-models.ts";
import { sealSetting, settingName, unsealSetting } from "../../store/objects/stored-settings.ts";
import { maskAll } from "../mask-secrets.ts";

import type { ImportContext, Kind, NewRow, Taken } from "./kind.ts";
import type { OldRow } from "./old-row.ts";
import { openStrings } from "./opened-strings.ts";
import { stampsOf } from "./taken-fields.ts";

const REFERENCE = "os.environ/";

export const credentialsKind: Kind = {
  name: "credentials",
  from: { table: "LiteLLM_CredentialsTable", order: ["credential_name"] },
  to: "credential",
  key: ["credential_name"],
  configures: true,
  audited: {
    kind: "credential",
    show: ({ credential_name, credential_values }) => ({
      credential_name: String(credential_name),
      credential_values: maskAll(parsed(credential_values)),
    }),
  },
  take: (rows, context) =>
    rows.map((row): Taken => {
      const name = row.text("credential_name") ?? "";
      const { value, closed } = openStrings(context.oldSecrets, row.object("credential_values"));
      const resolved = resolve(value, context);
      if (resolved.missing !== undefined) return { name, skipped: missingVariable(resolved.missing) };
      context.credentials.set(name, resolved.value);
      return {
        name,
        closed,
        notes: resolved.notes,
        row: {
          credential_name: name,
          display_name: row.text("display_name"),
          credential_values: sealValues(context.secrets, name, resolved.value),
          credential_info: JSON.stringify(row.object("credential_info")),
          ...columnStamps(row, context),
        },
      };
    }),
  comparable: (row, { secrets }) => ({
    ...row,
    credential_values: JSON.stringify(
      unsealValues(secrets, {
        credential_name: String(row.credential_name),
        credential_values: String(row.credential_values),
      }),
    ),
  }),
};

/** Deployments, opened with the old salt key and sealed with the gateway's own. */
export const modelsKind: Kind = {
  name: "models",
  from: { table: "LiteLLM_ProxyModelTable", order: ["model_id"] },
  to: "stored_model",
  key: ["model_id"],
  configures: true,
  audited: {
    kind: "model",
    show: ({ model_id, model_name, team_id }) => ({
      ...{ model_id: String(model_id), model_name: String(model_name) },
      team_id: team_id === null || team_id === undefined ? null : String(team_id),
    }),
  },
  take: (rows, context) => rows.map((row) => takeModel(row, context)),
  comparable: (row, { secrets }) => ({
    ...row,
    litellm_params: JSON.stringify(
      unsealParams(secrets, { model_id: String(row.model_id), litellm_params: String(row.litellm_params) }),
    ),
  }),
};

function takeModel(row: OldRow, context: ImportContext): Taken {
  const id = row.text("model_id") ?? "";
  const modelName = row.text("model_name") ?? "";
  const name = `${modelName} (${id})`;
  const { value, closed } = openStrings(context.oldSecrets, row.object("litellm_params"), "model");
  const { value: params, notes, missing } = resolve(withoutNulls(value), context);
  if (missing !== undefined) return { name, skipped: missingVariable(missing) };
  const { id: _, db_model: __, ...info } = withoutNulls(row.object("model_info"));
  const teamId = asString(info.team_id) ?? null;
  const problem =
    closed.length > 0
      ? undefined
      : context.problemOfModel({ id, modelName, teamId, params, info }, context.credentials);
  return {
    name,
    closed: closed.map((path) => `litellm_params.${path}`),
    notes: problem === undefined ? notes : [...notes, `it will not be served: ${problem}`],
    row: {
      model_id: id,
      model_name: modelName,
      team_id: teamId,
      litellm_params: sealParams(context.secrets, id, params),
      model_info: JSON.stringify(info),
      blocked: row.flag("blocked") === true ? 1 : 0,
      ...columnStamps(row, context),
    },
  };
}

/** Sections whose keys become settings here; what else LiteLLM keeps in the table is its own. */
const SECTIONS = new Set(["general_settings", "litellm_settings", "router_settings"]);

export const settingsKind: Kind = {
  name: "settings",
  from: { table: "LiteLLM_Config", order: ["param_name"] },
  to: "setting",
  key: ["name"],
  configures: true,
  audited: { kind: "setting", show: ({ name }) => ({ name: String(name).replace(/^config:/, "") }) },
  take: (rows, context) =>
    rows.flatMap((row): Taken[] => {
      const section = row.text("param_name") ?? "";
      const values = row.object("param_value");
      if (section === "environment_variables") {
        return Object.keys(values).map((name) => ({
          name: `${section}.${name}`,
          skipped: "variables of the environment are set where the gateway is started",
        }));
      }
      if (!SECTIONS.has(section)) return [{ name: section, skipped: "LiteLLM's own" }];
      return Object.entries(values).flatMap(([key, value]) =>
        value === null || value === undefined ? [] : [takeSetting(section, key, value, context)],
      );
    }),
  comparable: (row, { secrets }) => {
    const [section = "", ...key] = String(row.name)
      .replace(/^config:/, "")
      .split(".");
    const sealed = { section, key: key.join("."), sealed: String(row.value) };
    return { ...row, value: JSON.stringify(unsealSetting(secrets, sealed)) };
  },
};

function takeSetting(section: string, key: string, value: Json, context: ImportContext): Taken {
  const name = `${section}.${key}`;
  const problem = context.problemOfSetting(section, key, value);
  if (problem !== undefined) return { name, skipped: problem };
  return {
    name,
    row: {
      name: settingName(section, key),
      value: sealSetting(context.secrets, section, key, value).sealed,
      updated_at: context.now,
      updated_by: null,
    },
  };
}

/**
 * Values with references to variables of the environment replaced by what they are now: in the database they are not
 * resolved, because whoever may add models through the API must not reach the machine's secrets by it.
 */
function resolve(
  object: JsonObject,
  { environment }: ImportContext,
): { readonly value: JsonObject; readonly notes: readonly string[]; readonly missing: string | undefined } {
  const notes: string[] = [];
  let missing: string | undefined;
  const visit = (value: Json): Json => {
    if (typeof value === "string" && value.startsWith(REFERENCE)) {
      const variable = value.slice(REFERENCE.length);
      const found = environment[variable];
      if (found === undefined) missing ??= variable;
      else notes.push(`with the value that ${variable} has here: the variable itself is not read any more`);
      return found ?? value;
    }
    if (Array.isArray(value)) return value.map((item: Json) => visit(item));
    if (!isObject(value)) return value;
    const result: MutableJsonObject = {};
    for (const [name, member] of Object.entries(value)) result[name] = member === undefined ? undefined : visit(member);
    return result;
  };
  return { value: visit(object) as JsonObject, notes, missing };
}

function missingVariable(name: string): string {
  return `it needs the variable ${name}, which is not set here: set it and import again`;
}

function withoutNulls(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
}

function columnStamps(row: OldRow, context: ImportContext): NewRow {
  return stampsOf(row, context) as NewRow;
}

function parsed(value: unknown): JsonObject {
  return JSON.parse(String(value)) as JsonObject;
}
