import { randomUUID } from "node:crypto";
import type { JsonObject, MutableJsonObject } from "../../json/json.ts";
import { autoRouterOfId } from "../../snapshot/auto-router.ts";
import { bumpConfigurationVersion } from "../../store/objects/configuration-version.ts";
import type { Connection } from "../../store/objects/object-table.ts";
import { type StoredModelRow, sealParams, storedModels } from "../../store/objects/stored-models.ts";
import { type TeamRow, teams } from "../../store/objects/teams.ts";
import { Authority } from "../authority.ts";
import { type Actor, type Change, change } from "../change.ts";
import type { Management } from "../management.ts";
import { listOf } from "../object-shape.ts";
import { badRequest, forbidden, refused } from "../refusals.ts";
import { auditedTeam } from "../teams/team-shape.ts";
import { isSecretParam, mergedParams, openParams, showModel } from "./model-shape.ts";

interface NewModel {
  readonly model_name: string;
  readonly litellm_params: JsonObject;
  readonly model_info?: JsonObject | null | undefined;
  readonly blocked?: boolean | null | undefined;
}

export type ModelChanges = { readonly [K in keyof NewModel]?: NewModel[K] | null | undefined };

/** Adds a deployment. A team's gets a name of its own, and is called by the team under the name that was given. */
export async function createModel(actor: Actor, body: NewModel): Promise<JsonObject> {
  const { management } = actor;
  requireStoring(management);
  const { id: given, ...info } = body.model_info ?? {};
  const id = typeof given === "string" && given !== "" ? given : randomUUID();
  requireUndeclared(management, id);
  const teamId = typeof info.team_id === "string" ? info.team_id : null;
  const isAdmin = await requireMayWrite(actor, management.database.kysely, teamId);
  if (!isAdmin) requireOwnCredentials(body.litellm_params);
  const publicName = body.model_name;
  const modelName = teamId === null ? publicName : `model_name_${teamId}_${randomUUID()}`;
  const ownInfo: JsonObject = teamId === null ? info : { ...info, team_public_model_name: publicName };
  requireServable(management, { id, modelName, teamId, params: body.litellm_params, info: ownInfo });
  const row = await change(actor, async (transaction) => {
    const { connection, now, by, record } = transaction;
    if ((await storedModels.find(connection, id)) !== undefined) {
      throw badRequest(`A model with id=${id} exists already. Use /model/update to change it`, "model_info.id");
    }
    const inserted: StoredModelRow = {
      model_id: id,
      model_name: modelName,
      team_id: teamId,
      litellm_params: sealParams(management.secrets, id, body.litellm_params),
      model_info: JSON.stringify(ownInfo),
      blocked: body.blocked === true ? 1 : 0,
      created_at: now,
      created_by: by,
      updated_at: now,
      updated_by: by,
    };
    await storedModels.insert(connection, inserted);
    if (teamId !== null) await allowTeam(management, transaction, teamId, publicName);
    await bumpConfigurationVersion(connection, now);
    await record("model", "created", id, null, showModel(inserted, management.secrets));
    return inserted;
  });
  return showModel(row, management.secrets);
}

/** Changes a deployment: what is sent is merged into what is there, null clears. */
export async function updateModel(actor: Actor, id: string, body: ModelChanges): Promise<JsonObject> {
  const { management } = actor;
  const { secrets } = management;
  requireStoring(management);
  requireUndeclared(management, id);
  const row = await change(actor, async ({ connection, now, by, record }) => {
    const before = await storedModels.lock(connection, id);
    if (before === undefined) throw refused(404, `Model ${id} not found on proxy.`);
    const isAdmin = await requireMayWrite(actor, connection, before.team_id);
    const info = mergedInfo(before, body);
    if (typeof info.team_id === "string" ? info.team_id !== before.team_id : before.team_id !== null) {
      throw refused(400, "A model stays with its team: delete it and make another one");
    }
    const known = openParams(before, secrets);
    const changes = body.litellm_params ?? {};
    if (!isAdmin) requireOwnCredentials(changes, true);
    const params = mergedParams(isAdmin ? known : withoutSecretsForElsewhere(known, changes), changes);
    const modelName = before.team_id === null ? (body.model_name ?? before.model_name) : before.model_name;
    if (before.blocked === 0 || body.blocked === false || body.litellm_params) {
      requireServable(management, { id, modelName, teamId: before.team_id, params, info });
    }
    const after: StoredModelRow = {
      ...before,
      model_name: modelName,
      litellm_params: sealParams(secrets, id, params),
      model_info: JSON.stringify(info),
      blocked: body.blocked === undefined || body.blocked === null ? before.blocked : body.blocked ? 1 : 0,
      updated_at: now,
      updated_by: by,
    };
    await storedModels.update(connection, id, after);
    await bumpConfigurationVersion(connection, now);
    const action = after.blocked === before.blocked ? "updated" : after.blocked === 1 ? "blocked" : "unblocked";
    await record("model", action, id, showModel(before, secrets), showModel(after, secrets));
    return after;
  });
  return showModel(row, secrets);
}

export async function deleteModel(actor: Actor, id: string): Promise<JsonObject> {
  const { management } = actor;
  requireStoring(management);
  requireUndeclared(management, id);
  await change(actor, async (transaction) => {
    const { connection, now, record } = transaction;
    const before = await storedModels.lock(connection, id);
    if (before === undefined) throw refused(400, `Model with id=${id} not found in db`);
    await requireMayWrite(actor, connection, before.team_id);
    await storedModels.delete(connection, [id]);
    if (before.team_id !== null) await disallowTeam(management, transaction, before);
    await bumpConfigurationVersion(connection, now);
    await record("model", "deleted", id, showModel(before, management.secrets), null);
  });
  return { message: `Model: ${id} deleted successfully` };
}

/** What the API changes of the configuration is in the database, where the operator wants that. */
export function requireStoring(management: Management): void {
  if (management.snapshot().general.storesModels) return;
  throw refused(400, "Set `'STORE_MODEL_IN_DB='True'` in your env to enable this feature.");
}

/** What a file declares is changed there. */
export function requireUndeclared(management: Management, id: string): void {
  const { deploymentsById, autoRouters } = management.snapshot();
  const declared = deploymentsById.get(id) ?? autoRouterOfId(autoRouters, id);
  if (declared === undefined || declared.stored === true) return;
  const { file, line } = declared.source;
  throw refused(
    400,
    `Can't edit model. Model in config: the deployment ${id} is declared in ${file}, line ${line}, and can only be ` +
      "changed there. Store model in db via `/model/new` to edit.",
  );
}

function requireServable(management: Management, model: Parameters<Management["models"]["problemOf"]>[0]): void {
  const problem = management.models.problemOf(model);
  if (problem !== undefined) throw badRequest(`The model cannot be served: ${problem}`, "litellm_params");
}

/** Administrators write every model, a team's admins those of the team. Returns whether it is an administrator. */
async function requireMayWrite({ principal }: Actor, connection: Connection, teamId: string | null): Promise<boolean> {
  const authority = new Authority(principal, connection);
  const team = teamId === null ? undefined : await teams.find(connection, teamId);
  if (authority.isAdmin) {
    if (teamId !== null && team === undefined) throw refused(400, `Team id=${teamId} does not exist in db`);
    return true;
  }
  if (team !== undefined && (await authority.administersTeam(team))) return false;
  throw forbidden(
    `User does not have permission to make this model call. Your role=${principal.role}. You can only make model ` +
      "calls if you are a PROXY_ADMIN or if you are a team admin, by specifying a team_id in the model_info.",
  );
}

/** A team's admin must not call with credentials that are not the team's: the gateway's, or those of its machine. */
function requireOwnCredentials(params: JsonObject, isUpdate = false): void {
  if (params.litellm_credential_name !== undefined && params.litellm_credential_name !== null) {
    throw forbidden("Only proxy admins can set litellm_credential_name of a model");
  }
  if (isUpdate || params.mock_response !== undefined) return;
  if (Object.entries(params).some(([name, value]) => isSecretParam(name) && typeof value === "string")) return;
  throw badRequest("A team's model needs its own credentials, such as api_key", "litellm_params");
}

const DESTINATION = /(^|_)(base|url|endpoint|host|uri|region|proxy)(_|$)|^model$|^custom_llm_provider$|headers$/;

/** Whoever sends a team's calls elsewhere must give the secrets anew: they may not be its own to send there. */
function withoutSecretsForElsewhere(known: JsonObject, changes: JsonObject): JsonObject {
  const moves = Object.entries(changes).some(([name, value]) => DESTINATION.test(name) && value !== known[name]);
  if (!moves) return known;
  return Object.fromEntries(
    Object.entries(known).filter(([name]) => !isSecretParam(name) && name !== "litellm_credential_name"),
  );
}

function mergedInfo(before: StoredModelRow, body: ModelChanges): JsonObject {
  const { id: _, db_model: __, ...changes } = body.model_info ?? {};
  const merged: MutableJsonObject = { ...(JSON.parse(before.model_info) as JsonObject) };
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) delete merged[name];
    else if (value !== undefined) merged[name] = value;
  }
  if (before.team_id !== null && typeof body.model_name === "string") merged.team_public_model_name = body.model_name;
  return merged;
}

/** A team that may only use some models may use its own, too. */
async function allowTeam(management: Management, transaction: Change, teamId: string, model: string): Promise<void> {
  await changeTeamModels(management, transaction, teamId, (models) =>
    models.length === 0 ? models : [...models, model],
  );
}

/** The last name of a list stays: an empty list would allow every model. */
async function disallowTeam(
  management: Management,
  transaction: Change,
  { team_id, model_info }: StoredModelRow,
): Promise<void> {
  const name = (JSON.parse(model_info) as JsonObject).team_public_model_name;
  await changeTeamModels(management, transaction, team_id as string, (models) => {
    const rest = models.filter((model) => model !== name);
    return rest.length === 0 ? models : rest;
  });
}

async function changeTeamModels(
  management: Management,
  { connection, now, by, record }: Change,
  teamId: string,
  changed: (models: readonly string[]) => readonly string[],
): Promise<void> {
  const before = await teams.lock(connection, teamId);
  if (before === undefined) return;
  const models = JSON.stringify([...new Set(changed(listOf(before.models)))]);
  if (models === before.models) return;
  management.declared.requireOwn("team", teamId);
  const after: TeamRow = { ...before, models, updated_at: now, updated_by: by };
  await teams.update(connection, teamId, after);
  await record("team", "updated", teamId, auditedTeam(before), auditedTeam(after));
}
