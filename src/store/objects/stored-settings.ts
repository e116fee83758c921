import type { Json, JsonObject } from "../../json/json.ts";
import type { Secrets } from "../secrets.ts";
import { type Connection, isPostgres } from "./object-table.ts";

/** Settings of the configuration that are kept in the table of settings, beside the gateway's own. */
const PREFIX = "config:";

/** One key of `router_settings`, `litellm_settings` or `general_settings`, its texts sealed. */
export interface StoredSettingRow {
  readonly section: string;
  readonly key: string;
  /** JSON. */
  readonly sealed: string;
}

export async function storedSettings(connection: Connection): Promise<readonly StoredSettingRow[]> {
  const rows = await connection
    .selectFrom("setting")
    .select(["name", "value"])
    .where("name", "like", `${PREFIX}%`)
    .orderBy("name")
    .execute();
  return rows.map(rowOf);
}

/** The keys of a section that are stored. */
export async function storedKeys(connection: Connection, section: string): Promise<ReadonlySet<string>> {
  const prefix = settingName(section, "");
  const rows = await connection.selectFrom("setting").select("name").where("name", "like", `${prefix}%`).execute();
  return new Set(rows.map(({ name }) => name.slice(prefix.length)));
}

/** The row, locked until the transaction ends: what is then written cannot overwrite what another wrote meanwhile. */
export async function lockStoredSetting(
  transaction: Connection,
  section: string,
  key: string,
): Promise<StoredSettingRow | undefined> {
  let query = transaction.selectFrom("setting").select(["name", "value"]).where("name", "=", settingName(section, key));
  if (isPostgres(transaction)) query = query.forUpdate();
  const row = await query.executeTakeFirst();
  return row === undefined ? undefined : rowOf(row);
}

export async function writeStoredSetting(
  transaction: Connection,
  { section, key, sealed }: StoredSettingRow,
  at: number,
  by: string,
): Promise<void> {
  const row = { value: sealed, updated_at: at, updated_by: by };
  await transaction
    .insertInto("setting")
    .values({ name: settingName(section, key), ...row })
    .onConflict((conflict) => conflict.column("name").doUpdateSet(row))
    .execute();
}

/** The same value, sealed with another key. */
export async function resealStoredSetting(
  transaction: Connection,
  { section, key, sealed }: StoredSettingRow,
): Promise<void> {
  const name = settingName(section, key);
  await transaction.updateTable("setting").set({ value: sealed }).where("name", "=", name).execute();
}

export async function deleteStoredSetting(transaction: Connection, section: string, key: string): Promise<void> {
  await transaction.deleteFrom("setting").where("name", "=", settingName(section, key)).execute();
}

/** Nothing says which of a setting's texts are secret, so all of them are sealed. */
export function sealSetting(secrets: Secrets, section: string, key: string, value: Json): StoredSettingRow {
  return { section, key, sealed: JSON.stringify(secrets.sealObject({ value }, settingName(section, key))) };
}

/** Throws UnreadableSecret when it was sealed with a key that is not here. */
export function unsealSetting(secrets: Secrets, { section, key, sealed }: StoredSettingRow): Json {
  return secrets.unsealObject(JSON.parse(sealed) as JsonObject, settingName(section, key)).value ?? null;
}

export function settingName(section: string, key: string): string {
  return `${PREFIX}${section}.${key}`;
}

function rowOf({ name, value }: { readonly name: string; readonly value: string }): StoredSettingRow {
  const [section = "", ...key] = name.slice(PREFIX.length).split(".");
  return { section, key: key.join("."), sealed: value };
}
