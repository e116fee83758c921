import { z } from "zod";
import type { Json, JsonObject } from "../../json/json.ts";
import { allEntries } from "../../pricing/catalogue.ts";
import { type Actor, change } from "../change.ts";
import { type ManagementRoute, route } from "../route.ts";
import { reloadPrices } from "./reload-prices.ts";
import { readSchedule, SCHEDULE_SETTING, scheduleText } from "./schedule.ts";

const TAG = "model management";
const HOUR_MS = 3_600_000;

/** The prices of the world's models, and when they are loaded anew. */
export const costMapRoutes: readonly ManagementRoute[] = [
  route({
    method: "GET",
    path: "/get/litellm_model_cost_map",
    permission: "view",
    tag: TAG,
    summary: "Every model that is known, with its prices",
    handle: () => costMap() as Json,
  }),
  route({
    method: "POST",
    path: "/reload/model_cost_map",
    permission: "admin",
    tag: TAG,
    summary: "Load the price map anew, for every process",
    handle: (actor) => reloadPrices(actor),
  }),
  route({
    method: "POST",
    path: "/schedule/model_cost_map_reload",
    permission: "admin",
    tag: TAG,
    summary: "Load the price map anew every so many hours",
    query: { hours: z.int().min(1).max(8_760) },
    handle: async ({ query, ...actor }) => {
      const at = actor.management.now();
      await write(actor, { hours: query.hours, nextAt: at + query.hours * HOUR_MS });
      return {
        message: `Model cost map reload scheduled for every ${query.hours} hours`,
        status: "success",
        interval_hours: query.hours,
        timestamp: new Date(at).toISOString(),
      };
    },
  }),
  route({
    method: "DELETE",
    path: "/schedule/model_cost_map_reload",
    permission: "admin",
    tag: TAG,
    summary: "Load the price map no more by itself",
    handle: async (actor) => {
      await write(actor, undefined);
      const timestamp = new Date(actor.management.now()).toISOString();
      return { message: "Model cost map reload schedule cancelled", status: "success", timestamp };
    },
  }),
  route({
    method: "GET",
    path: "/schedule/model_cost_map_reload/status",
    permission: "view",
    tag: TAG,
    summary: "When the price map is loaded anew",
    handle: async ({ management }) => {
      const schedule = await readSchedule(management.database.kysely);
      if (schedule === undefined) return { scheduled: false, interval_hours: null, last_run: null, next_run: null };
      return {
        scheduled: true,
        interval_hours: schedule.hours,
        last_run: new Date(schedule.nextAt - schedule.hours * HOUR_MS).toISOString(),
        next_run: new Date(schedule.nextAt).toISOString(),
      };
    },
  }),
];

/** Name → everything that is known of a model, under LiteLLM's names. */
export function costMap(): JsonObject {
  return Object.fromEntries(allEntries().map((entry) => [entry.name, entry.litellmFields()]));
}

async function write(actor: Actor, schedule: { readonly hours: number; readonly nextAt: number } | undefined) {
  await change(actor, async ({ connection, now, by, record }) => {
    const before = await readSchedule(connection);
    await connection.deleteFrom("setting").where("name", "=", SCHEDULE_SETTING).execute();
    if (schedule !== undefined) {
      await connection
        .insertInto("setting")
        .values({ name: SCHEDULE_SETTING, value: scheduleText(schedule), updated_at: now, updated_by: by })
        .execute();
    }
    const shown = (one: typeof before): JsonObject | null => (one === undefined ? null : { ...one });
    await record("setting", "updated", SCHEDULE_SETTING, shown(before), shown(schedule));
  });
}
