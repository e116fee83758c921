import type { Json, JsonObject } from "../../json/json.ts";
import { bumpConfigurationVersion } from "../../store/objects/configuration-version.ts";
import { credentials, sealValues, unsealValues } from "../../store/objects/credentials.ts";
import type { Connection } from "../../store/objects/object-table.ts";
import { sealParams, storedModels, unsealParams } from "../../store/objects/stored-models.ts";
import {
  resealStoredSetting,
  sealSetting,
  storedSettings,
  unsealSetting,
} from "../../store/objects/stored-settings.ts";
import { type Secrets, UnreadableSecret } from "../../store/secrets.ts";
import { type Actor, change } from "../change.ts";

interface Count {
  /** Rows sealed with the key now in use; LiteLLM's name of the counter. */
  already_v2: number;
  /** Rows sealed with an earlier one, or not at all. */
  legacy: number;
  /** Rows that another salt key sealed: nobody can read them. */
  undecryptable: number;
}

/** A sealed column: what it holds, and how to seal it anew. */
interface Sealed {
  readonly text: string;
  readonly reseal: () => Promise<void>;
}

/**
 * Seals every stored secret anew with the data key now in use, or with a new one, in one transaction; `dryRun` only
 * counts.
 */
export async function migrateEncryption(
  actor: Actor,
  options: { readonly dryRun: boolean; readonly rotate: boolean },
): Promise<JsonObject> {
  const { database, secrets } = actor.management;
  await secrets.load(database.kysely);
  if (options.dryRun) {
    return { report: { dry_run: true, locations: await through(database.kysely, secrets, false) } };
  }
  return change(actor, async ({ connection, now, record }) => {
    const dataKey = options.rotate ? await secrets.rotate(connection) : undefined;
    const locations = await through(connection, secrets, true);
    await bumpConfigurationVersion(connection, now);
    await record("credential", "rotated", dataKey ?? "data key", null, { locations });
    return { report: { dry_run: false, locations } };
  }).catch(async (error: unknown) => {
    await secrets.reload(database.kysely);
    throw error;
  });
}

async function through(connection: Connection, secrets: Secrets, reseal: boolean): Promise<JsonObject> {
  const models = (await storedModels.all(connection)).map((row) => ({
    text: row.litellm_params,
    reseal: async () => {
      const litellm_params = sealParams(secrets, row.model_id, unsealParams(secrets, row));
      await storedModels.update(connection, row.model_id, { litellm_params });
    },
  }));
  const named = (await credentials.all(connection)).map((row) => ({
    text: row.credential_values,
    reseal: async () => {
      const credential_values = sealValues(secrets, row.credential_name, unsealValues(secrets, row));
      await credentials.update(connection, row.credential_name, { credential_values });
    },
  }));
  const settings = (await storedSettings(connection)).map((row) => ({
    text: row.sealed,
    reseal: async () => {
      const { section, key } = row;
      const { sealed } = sealSetting(secrets, section, key, unsealSetting(secrets, row));
      await resealStoredSetting(connection, { section, key, sealed });
    },
  }));
  return {
    model_table: { ...(await counted(models, secrets, reseal)) },
    credentials_table: { ...(await counted(named, secrets, reseal)) },
    config_table: { ...(await counted(settings, secrets, reseal)) },
  };
}

async function counted(rows: readonly Sealed[], secrets: Secrets, reseal: boolean): Promise<Count> {
  const count: Count = { already_v2: 0, legacy: 0, undecryptable: 0 };
  for (const row of rows) {
    const texts = textsIn(JSON.parse(row.text) as Json);
    if (texts.every((text) => secrets.isCurrent(text))) {
      count.already_v2++;
      continue;
    }
    try {
      if (reseal) await row.reseal();
      count.legacy++;
    } catch (error) {
      if (!(error instanceof UnreadableSecret)) throw error;
      count.undecryptable++;
    }
  }
  return count;
}

function textsIn(value: Json): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap((member) => (member === undefined ? [] : textsIn(member as Json)));
}
