import type { Json } from "../../json/json.ts";
import type { Connection } from "./object-table.ts";

/** A setting that was made through the API; undefined where none was. */
export async function readSetting(connection: Connection, name: string): Promise<Json | undefined> {
  const row = await connection.selectFrom("setting").select("value").where("name", "=", name).executeTakeFirst();
  return row === undefined ? undefined : (JSON.parse(row.value) as Json);
}

export async function writeSetting(
  transaction: Connection,
  setting: { readonly name: string; readonly value: Json; readonly at: number; readonly by: string | null },
): Promise<void> {
  const row = { value: JSON.stringify(setting.value), updated_at: setting.at, updated_by: setting.by };
  await transaction
    .insertInto("setting")
    .values({ name: setting.name, ...row })
    .onConflict((conflict) => conflict.column("name").doUpdateSet(row))
    .execute();
}
