import { randomUUID } from "node:crypto";
import type { Connection } from "./object-table.ts";
import { readSetting, writeSetting } from "./settings.ts";

const NAME = "configuration_version";

/**
 * Says, in the transaction that changes it, that what the database adds to the configuration is another one: every
 * process sees it by looking at one row.
 */
export async function bumpConfigurationVersion(transaction: Connection, at: number): Promise<void> {
  await writeSetting(transaction, { name: NAME, value: randomUUID(), at, by: null });
}

/** Undefined where nothing was ever stored. */
export async function configurationVersion(connection: Connection): Promise<string | undefined> {
  const value = await readSetting(connection, NAME);
  return typeof value === "string" ? value : undefined;
}
