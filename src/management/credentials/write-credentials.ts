import { asArray, asObject, type JsonObject, type MutableJsonObject } from "../../json/json.ts";
import { bumpConfigurationVersion } from "../../store/objects/configuration-version.ts";
import { type CredentialRow, credentials, sealValues, unsealValues } from "../../store/objects/credentials.ts";
import type { Connection } from "../../store/objects/object-table.ts";
import { storedModels } from "../../store/objects/stored-models.ts";
import { type Secrets, UnreadableSecret } from "../../store/secrets.ts";
import { type Actor, change } from "../change.ts";
import type { Management } from "../management.ts";
import { maskAll, maskText } from "../mask-secrets.ts";
import { openParams } from "../models/model-shape.ts";
import { isoTime } from "../object-shape.ts";
import { refused } from "../refusals.ts";

interface NewCredential {
  readonly credential_name: string;
  readonly display_name?: string | null | undefined;
  readonly credential_info: JsonObject;
  readonly credential_values?: JsonObject | null | undefined;
  readonly model_id?: string | null | undefined;
}

interface CredentialChanges {
  readonly credential_name?: string | null | undefined;
  readonly display_name?: string | null | undefined;
  readonly credential_info?: JsonObject | null | undefined;
  readonly credential_values?: JsonObject | null | undefined;
  readonly credential_values_to_delete?: readonly string[] | null | undefined;
  readonly model_id?: string | null | undefined;
}

/** What stands in litellm_params beside the credential. */
const NO_CREDENTIAL = /^(model|custom_llm_provider|litellm_credential_name)$|cost|^(rpm|tpm|weight|order|timeout)$/;

/** A credential as the API shows it: every text in its values masked. */
export function showCredential(row: CredentialRow, secrets: Secrets): JsonObject {
  return {
    credential_name: row.credential_name,
    display_name: row.display_name,
    credential_values: maskAll(openValues(row, secrets)),
    credential_info: JSON.parse(row.credential_info) as JsonObject,
    created_at: isoTime(row.created_at),
    updated_at: isoTime(row.updated_at),
  };
}

/** Of a row that another salt key sealed nothing can be shown; it can still be replaced or deleted. */
export function openValues(row: CredentialRow, secrets: Secrets): JsonObject {
  try {
    return unsealValues(secrets, row);
  } catch (error) {
    if (error instanceof UnreadableSecret) return {};
    throw error;
  }
}

export async function createCredential(actor: Actor, body: NewCredential): Promise<void> {
  const { management } = actor;
  const { secrets } = management;
  const name = body.credential_name;
  requireUndeclared(management, name);
  const values = body.credential_values ?? (await valuesOfModel(management, body.model_id));
  await change(actor, async ({ connection, now, by, record }) => {
    if ((await credentials.find(connection, name)) !== undefined) {
      throw refused(400, `Credential ${name} already exists`);
    }
    const row: CredentialRow = {
      credential_name: name,
      display_name: body.display_name ?? null,
      credential_values: sealValues(secrets, name, values),
      credential_info: JSON.stringify(body.credential_info),
      created_at: now,
      created_by: by,
      updated_at: now,
      updated_by: by,
    };
    await credentials.insert(connection, row);
    await bumpConfigurationVersion(connection, now);
    await record("credential", "created", name, null, showCredential(row, secrets));
  });
}

export async function updateCredential(actor: Actor, name: string, body: CredentialChanges): Promise<void> {
  const { management } = actor;
  const { secrets } = management;
  requireUndeclared(management, name);
  const added =
    body.credential_values ?? (typeof body.model_id === "string" ? await valuesOfModel(management, body.model_id) : {});
  await change(actor, async ({ connection, now, by, record }) => {
    const before = await credentials.lock(connection, name);
    if (before === undefined) throw refused(404, `Credential not found. Got credential name: ${name}`);
    const newName = body.credential_name ?? name;
    if (newName !== name) {
      requireUndeclared(management, newName);
      await requireUnused(management, connection, name);
      if ((await credentials.find(connection, newName)) !== undefined) {
        throw refused(400, `Credential ${newName} already exists`);
      }
    }
    const values = merged(openValues(before, secrets), added, body.credential_values_to_delete ?? []);
    const after: CredentialRow = {
      ...before,
      credential_name: newName,
      display_name: body.display_name === undefined ? before.display_name : body.display_name,
      credential_values: sealValues(secrets, newName, values),
      credential_info: body.credential_info ? JSON.stringify(body.credential_info) : before.credential_info,
      updated_at: now,
      updated_by: by,
    };
    await credentials.update(connection, name, after);
    await bumpConfigurationVersion(connection, now);
    await record("credential", "updated", newName, showCredential(before, secrets), showCredential(after, secrets));
  });
}

export async function deleteCredential(actor: Actor, name: string): Promise<void> {
  const { management } = actor;
  requireUndeclared(management, name);
  await change(actor, async ({ connection, now, record }) => {
    const before = await credentials.lock(connection, name);
    if (before === undefined) throw refused(404, `Credential not found. Got credential name: ${name}`);
    await requireUnused(management, connection, name);
    await credentials.delete(connection, [name]);
    await bumpConfigurationVersion(connection, now);
    await record("credential", "deleted", name, showCredential(before, management.secrets), null);
  });
}

/** A value that comes back as it was shown, masked, stays what it was; null takes it away. */
function merged(before: JsonObject, added: JsonObject, deleted: readonly string[]): JsonObject {
  const values: MutableJsonObject = { ...before };
  for (const [name, value] of Object.entries(added)) {
    const known = before[name];
    if (typeof value === "string" && typeof known === "string" && value === maskText(known)) continue;
    if (value === null || value === undefined) delete values[name];
    else values[name] = value;
  }
  for (const name of deleted) delete values[name];
  return values;
}

async function valuesOfModel({ database, secrets }: Management, id: string | null | undefined): Promise<JsonObject> {
  if (typeof id !== "string") throw refused(400, "Set credential_values, or model_id to take those of a model");
  const row = await storedModels.find(database.kysely, id);
  if (row === undefined) throw refused(404, `Model not found. Got model id: ${id}`);
  const own = Object.entries(openParams(row, secrets)).filter(([name]) => !NO_CREDENTIAL.test(name));
  return Object.fromEntries(own);
}

/** What a file declares is changed there. */
function requireUndeclared(management: Management, name: string): void {
  const location = management.snapshot().declaredCredentials.get(name);
  if (location === undefined) return;
  throw refused(
    400,
    `The credential ${name} is declared in ${location.file}, line ${location.line}: it can only be changed there`,
  );
}

async function requireUnused(management: Management, connection: Connection, name: string): Promise<void> {
  const users = (await storedModels.all(connection))
    .filter((row) => openParams(row, management.secrets).litellm_credential_name === name)
    .map((row) => row.model_id);
  for (const item of asArray(management.snapshot().document.model_list)) {
    const entry = asObject(item);
    if (asObject(entry?.litellm_params)?.litellm_credential_name === name) users.push(String(entry?.model_name));
  }
  if (users.length > 0) throw refused(400, `Credential ${name} is used by the models ${users.slice(0, 10).join(", ")}`);
}
