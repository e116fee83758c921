import {
  NOTHING_STORED,
  type StoredConfiguration,
  type StoredModel,
  storedLocation,
} from "../../config/stored-models.ts";
import { firstReference } from "../../config/stored-settings.ts";
import type { JsonObject, MutableJsonObject } from "../../json/json.ts";
import type { Diagnostic } from "../../snapshot/snapshot.ts";
import type { Database } from "../../store/database.ts";
import { configurationVersion } from "../../store/objects/configuration-version.ts";
import { credentials, unsealValues } from "../../store/objects/credentials.ts";
import type { Connection } from "../../store/objects/object-table.ts";
import { type StoredModelRow, storedModels, unsealParams } from "../../store/objects/stored-models.ts";
import { storedSettings, unsealSetting } from "../../store/objects/stored-settings.ts";
import { type Secrets, UnreadableSecret } from "../../store/secrets.ts";
import { type StoredPrices, storedPrices } from "../cost-map/stored-prices.ts";
import { isoTime } from "../object-shape.ts";

/** What the database adds to the configuration, and whether it is still the same. */
export interface StoredSource {
  /** One row; another value after every change. */
  version(): Promise<string | undefined>;
  read(): Promise<StoredConfiguration>;
}

export function storedSource(database: Database, secrets: Secrets): StoredSource {
  const { kysely } = database;
  let prices: StoredPrices | undefined;
  return {
    version: () => configurationVersion(kysely),
    async read() {
      // Before the rows: whoever changes them meanwhile makes another version, which is read at the next look.
      const version = await configurationVersion(kysely);
      if (version === undefined) return NOTHING_STORED;
      const problems: Diagnostic[] = [];
      // Keys that other processes made; where one cannot be opened, what it sealed is told below.
      await secrets.load(kysely).catch((error: unknown) => {
        if (!(error instanceof UnreadableSecret)) throw error;
      });
      const models: StoredModel[] = [];
      for (const row of await storedModels.all(kysely, "created_at")) {
        if (row.blocked === 1) continue;
        const params = readable(problems, `the deployment of ${row.model_name} is skipped`, row.model_id, () =>
          unsealParams(secrets, row),
        );
        if (params !== undefined) models.push({ ...modelOf(row), params });
      }
      const values = new Map<string, JsonObject>();
      for (const row of await credentials.all(kysely)) {
        const name = row.credential_name;
        const opened = readable(problems, `the credential ${name} is left out`, name, () => unsealValues(secrets, row));
        if (opened !== undefined) values.set(name, opened);
      }
      const settings = await readSettings(kysely, secrets, problems);
      prices = await storedPrices(kysely, prices);
      return { version, models, credentials: values, settings, prices: prices?.entries, problems };
    },
  };
}

async function readSettings(
  connection: Connection,
  secrets: Secrets,
  problems: Diagnostic[],
): Promise<Record<string, MutableJsonObject>> {
  const settings: Record<string, MutableJsonObject> = {};
  for (const row of await storedSettings(connection)) {
    const name = `${row.section}.${row.key}`;
    const value = readable(problems, `the setting ${name} is left out`, name, () => unsealSetting(secrets, row));
    if (value === undefined || firstReference(value) !== undefined) continue;
    settings[row.section] ??= {};
    (settings[row.section] as MutableJsonObject)[row.key] = value;
  }
  return settings;
}

/** What a row says beside its secrets. */
export function modelOf(row: StoredModelRow): Omit<StoredModel, "params"> {
  return {
    id: row.model_id,
    modelName: row.model_name,
    teamId: row.team_id,
    info: {
      ...(JSON.parse(row.model_info) as JsonObject),
      id: row.model_id,
      db_model: true,
      created_at: isoTime(row.created_at),
      created_by: row.created_by,
      updated_at: isoTime(row.updated_at),
      updated_by: row.updated_by,
    },
  };
}

function readable<T>(problems: Diagnostic[], what: string, id: string, open: () => T): T | undefined {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof UnreadableSecret)) throw error;
    const message = `${what}: ${error.message}`;
    problems.push({ severity: "error", code: "unreadable_secret", message, location: storedLocation(id) });
    return undefined;
  }
}
