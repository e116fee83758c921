import { asNumber, asObject } from "../../json/json.ts";
import type { Connection } from "../../store/objects/object-table.ts";
import { readSetting } from "../../store/objects/settings.ts";
import type { Management } from "../management.ts";
import { reloadPrices } from "./reload-prices.ts";

export const SCHEDULE_SETTING = "model_cost_map_schedule";

/** How often it is looked whether the time has come. */
const LOOK_MS = 60_000;
const HOUR_MS = 3_600_000;

export interface CostMapSchedule {
  readonly hours: number;
  /** Milliseconds since the epoch. */
  readonly nextAt: number;
}

export async function readSchedule(connection: Connection): Promise<CostMapSchedule | undefined> {
  const value = asObject(await readSetting(connection, SCHEDULE_SETTING));
  const hours = asNumber(value?.hours);
  const nextAt = asNumber(value?.next_at);
  return hours === undefined || nextAt === undefined ? undefined : { hours, nextAt };
}

export function scheduleText({ hours, nextAt }: CostMapSchedule): string {
  return JSON.stringify({ hours, next_at: nextAt });
}

/** Loads the price map anew when its time has come; of several processes one does it. */
export function openCostMapSchedule(management: Management): { readonly close: () => void } {
  const timer = setInterval(() => void runWhenDue(management), LOOK_MS);
  timer.unref();
  return { close: () => clearInterval(timer) };
}

/** Returns whether it was this process's turn. */
export async function runWhenDue(management: Management): Promise<boolean> {
  const { database, log } = management;
  try {
    const schedule = await readSchedule(database.kysely);
    const now = management.now();
    if (schedule === undefined || schedule.nextAt > now) return false;
    const next = { ...schedule, nextAt: now + schedule.hours * HOUR_MS };
    const { numUpdatedRows } = await database.kysely
      .updateTable("setting")
      .set({ value: scheduleText(next), updated_at: now })
      .where("name", "=", SCHEDULE_SETTING)
      .where("value", "=", scheduleText(schedule))
      .executeTakeFirst();
    if (numUpdatedRows === 0n) return false;
    await reloadPrices({
      management,
      principal: { keyHash: SCHEDULE_SETTING, role: "proxy_admin" },
      headers: new Headers(),
    });
    log.info("the price map was loaded anew");
    return true;
  } catch (error) {
    log.warning("the price map cannot be loaded; the one that is known stays", { reason: String(error) });
    return false;
  }
}
