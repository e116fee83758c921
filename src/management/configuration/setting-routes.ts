import { z } from "zod";
import { STORED_SECTIONS } from "../../config/stored-settings.ts";
import { asArray, asObject, asString, isObject, type Json, type JsonObject } from "../../json/json.ts";
import * as f from "../fields.ts";
import { refused } from "../refusals.ts";
import { type ManagementRoute, route } from "../route.ts";
import { fallbackTypes, listKey } from "./fallback-kinds.ts";
import type { SettingChange } from "./write-settings.ts";
import { changeSettings } from "./write-settings.ts";

const TAG = "config.yaml";
const section = f.object;

/** Settings of the configuration that are kept in the database. */
export const settingRoutes: readonly ManagementRoute[] = [
  route({
    method: "POST",
    path: "/config/update",
    permission: "admin",
    tag: TAG,
    summary: "Change settings that no file declares; the next request is served by them. null deletes",
    body: z.object({
      general_settings: section,
      litellm_settings: section,
      router_settings: section,
      environment_variables: section,
      model_list: f.anyList,
    }),
    handle: async ({ body, ...actor }) => {
      if (Object.keys(body.environment_variables ?? {}).length > 0) {
        throw refused(400, "environment_variables are read when the gateway starts: set them where it is started");
      }
      if ((body.model_list?.length ?? 0) > 0) throw refused(400, "model_list: models are added by POST /model/new");
      const changes: SettingChange[] = [];
      for (const name of STORED_SECTIONS.keys()) {
        const values = asObject(body[name as keyof typeof body]) ?? {};
        for (const [key, value] of Object.entries(values)) {
          changes.push({ section: name, key, to: () => value ?? undefined });
        }
      }
      if (changes.length > 0) await changeSettings(actor, changes);
      return { message: "Config updated successfully" };
    },
  }),
  route({
    method: "POST",
    path: "/config/field/update",
    permission: "admin",
    tag: TAG,
    summary: "Change one general setting that no file declares",
    body: z.object({
      field_name: f.requiredName,
      field_value: f.anyValue,
      config_type: z.literal("general_settings"),
    }),
    handle: async ({ body, ...actor }) => {
      const value = body.field_value as Json;
      await changeSettings(actor, [{ section: "general_settings", key: body.field_name, to: () => value }]);
      return { param_name: "general_settings", param_value: { [body.field_name]: value } };
    },
  }),
  route({
    method: "POST",
    path: "/config/field/delete",
    permission: "admin",
    tag: TAG,
    summary: "Take a general setting out of the database",
    body: z.object({ field_name: f.requiredName, config_type: z.literal("general_settings") }),
    handle: async ({ body, ...actor }) => {
      const key = body.field_name;
      const to = (before: Json | undefined): undefined => {
        if (before === undefined) throw refused(400, `Field name=${key} not in config`);
      };
      await changeSettings(actor, [{ section: "general_settings", key, to }]);
      return { param_name: "general_settings", param_value: {} };
    },
  }),
  route({
    method: "POST",
    path: "/fallback",
    permission: "admin",
    tag: "Fallback Management",
    summary: "Say which groups follow when one fails; what was said of it before is replaced",
    body: z.object({
      model: f.requiredName,
      fallback_models: z.array(f.requiredName).min(1),
      fallback_type: fallbackTypes.default("general"),
    }),
    handle: async ({ body, ...actor }) => {
      const { model, fallback_models, fallback_type } = body;
      const known = actor.management.snapshot().groups;
      if (!known.has(model)) throw refused(404, `Model '${model}' not found in router`);
      const unknown = fallback_models.find((name) => !known.has(name) && !name.includes("/"));
      if (unknown !== undefined) throw refused(400, `Fallback model '${unknown}' not found in router`);
      if (fallback_models.includes(model)) throw refused(400, "A model cannot be its own fallback");
      if (new Set(fallback_models).size < fallback_models.length) throw refused(400, "fallback_models names one twice");
      const to = (before: Json | undefined): Json => [...without(before, model), { [model]: fallback_models }];
      await changeSettings(actor, [{ section: "router_settings", key: listKey(fallback_type), to }]);
      return { model, fallback_models, fallback_type, message: "Fallback configuration saved successfully" };
    },
  }),
  route({
    method: "GET",
    path: "/fallback/{model}",
    permission: "view",
    tag: "Fallback Management",
    summary: "The groups that follow when one fails",
    query: { fallback_type: fallbackTypes.optional() },
    handle: ({ management, params, query }) => {
      const model = params.model ?? "";
      const fallback_type = query.fallback_type ?? "general";
      const { router, library } = management.snapshot();
      const key = listKey(fallback_type);
      const lists = asArray(router.raw[key] ?? library.raw[key]);
      const entry = lists.map(asObject).find((item) => item?.[model] !== undefined);
      if (entry === undefined) throw refused(404, `No ${fallback_type} fallbacks configured for model '${model}'`);
      return { model, fallback_models: asArray(entry[model]).map(nameOf), fallback_type };
    },
  }),
  route({
    method: "DELETE",
    path: "/fallback/{model}",
    permission: "admin",
    tag: "Fallback Management",
    summary: "Forget which groups follow when one fails",
    query: { fallback_type: fallbackTypes.optional() },
    handle: async ({ params, query, ...actor }) => {
      const model = params.model ?? "";
      const fallback_type = query.fallback_type ?? "general";
      const to = (before: Json | undefined): Json | undefined => {
        const rest = without(before, model);
        if (rest.length === asArray(before).length) {
          throw refused(404, `No ${fallback_type} fallbacks configured for model '${model}'`);
        }
        return rest.length === 0 ? undefined : rest;
      };
      await changeSettings(actor, [{ section: "router_settings", key: listKey(fallback_type), to }]);
      return { model, fallback_type, message: "Fallback configuration deleted successfully" };
    },
  }),
];

/** The list without what it says of one group. */
function without(list: Json | undefined, model: string): readonly JsonObject[] {
  return asArray(list).flatMap((item): JsonObject[] => {
    if (!isObject(item)) return [];
    const { [model]: _, ...others } = item;
    return Object.keys(others).length === 0 ? [] : [others];
  });
}

function nameOf(target: Json): string {
  return asString(target) ?? asString(asObject(target)?.model) ?? "";
}
