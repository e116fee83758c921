import { declaredAt, firstReference, type StoredSettings, unstorable } from "../../config/stored-settings.ts";
import { asObject, type Json, type JsonObject, type MutableJsonObject } from "../../json/json.ts";
import { bumpConfigurationVersion } from "../../store/objects/configuration-version.ts";
import type { Connection } from "../../store/objects/object-table.ts";
import {
  deleteStoredSetting,
  lockStoredSetting,
  sealSetting,
  storedSettings,
  unsealSetting,
  writeStoredSetting,
} from "../../store/objects/stored-settings.ts";
import { type Actor, change } from "../change.ts";
import type { Management } from "../management.ts";
import { requireStoring } from "../models/write-models.ts";
import { refused } from "../refusals.ts";
import { shownConfiguration } from "./shown-configuration.ts";

/** One key that is to change: its new value from its old one (undefined: it was not stored); undefined or null deletes it. */
export interface SettingChange {
  readonly section: string;
  readonly key: string;
  readonly to: (before: Json | undefined) => Json | undefined;
}

/** The settings that the database has, opened. */
export async function openSettings(management: Management, connection: Connection): Promise<StoredSettings> {
  const settings: Record<string, MutableJsonObject> = {};
  for (const row of await storedSettings(connection)) {
    settings[row.section] ??= {};
    (settings[row.section] as MutableJsonObject)[row.key] = unsealSetting(management.secrets, row);
  }
  return settings;
}

/**
 * Changes settings of the database, all or none. Refuses what a file declares, naming the line, what has no effect or only
 * at a start, and what together with the rest would be no configuration.
 */
export async function changeSettings(actor: Actor, changes: readonly SettingChange[]): Promise<void> {
  const { management } = actor;
  requireStoring(management);
  for (const { section, key } of changes) requireChangeable(management, section, key);
  await change(actor, async ({ connection, now, by, record }) => {
    const { secrets } = management;
    await secrets.load(connection);
    const all: Record<string, JsonObject> = { ...(await openSettings(management, connection)) };
    for (const { section, key, to } of changes) {
      const row = await lockStoredSetting(connection, section, key);
      const before = row === undefined ? undefined : unsealSetting(secrets, row);
      const after = to(before) ?? undefined;
      requireLiteral(section, key, after);
      const { [key]: _, ...others } = all[section] ?? {};
      all[section] = after === undefined ? others : { ...others, [key]: after };
      if (after === undefined) await deleteStoredSetting(connection, section, key);
      else await writeStoredSetting(connection, sealSetting(secrets, section, key, after), now, by);
      const action = before === undefined ? "created" : after === undefined ? "deleted" : "updated";
      await record("setting", action, `${section}.${key}`, audited(key, before), audited(key, after));
    }
    const problem = management.models.problemOfSettings(all);
    if (problem !== undefined) throw refused(400, problem);
    await bumpConfigurationVersion(connection, now);
  });
}

/** Throws when a key is a file's, or cannot be stored at all. */
export function requireChangeable(management: Management, section: string, key: string): void {
  const reason = unstorable(section, key);
  if (reason !== undefined) throw refused(400, reason);
  const snapshot = management.snapshot();
  const place = declaredAt({ value: snapshot.document, locate: (path) => snapshot.locate(path) }, section, key);
  if (place === undefined) return;
  throw refused(
    400,
    `${section}.${key} is declared in ${place.file}, line ${place.line}: it can only be changed there`,
  );
}

function requireLiteral(section: string, key: string, value: Json | undefined): void {
  const variable = firstReference(value);
  if (variable === undefined) return;
  throw refused(
    400,
    `${section}.${key}: os.environ/${variable} is not resolved in settings of the database: give the value itself`,
  );
}

function audited(key: string, value: Json | undefined): JsonObject | null {
  return value === undefined ? null : (asObject(shownConfiguration({ [key]: value })) ?? null);
}
