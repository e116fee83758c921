import { asObject } from "../../json/json.ts";
import type { CatalogueEntry } from "../../pricing/catalogue.ts";
import { readPriceMap } from "../../pricing/price-map.ts";
import type { Connection } from "../../store/objects/object-table.ts";
import { readSetting } from "../../store/objects/settings.ts";

/** The setting that holds the price map that was loaded last, for every process and every start. */
export const PRICES_SETTING = "model_cost_map";

export interface StoredPrices {
  /** Milliseconds since the epoch. */
  readonly loadedAt: number;
  readonly entries: ReadonlyMap<string, CatalogueEntry>;
}

/** The stored price map; `known` where it is still that. It is large: only its time is read where that will do. */
export async function storedPrices(
  connection: Connection,
  known: StoredPrices | undefined,
): Promise<StoredPrices | undefined> {
  const row = await connection
    .selectFrom("setting")
    .select("updated_at")
    .where("name", "=", PRICES_SETTING)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  if (row.updated_at === known?.loadedAt) return known;
  const value = asObject(await readSetting(connection, PRICES_SETTING));
  return { loadedAt: row.updated_at, entries: readPriceMap(value?.map).entries };
}
