import type { Section } from "../../config/key.ts";
import { cacheParams } from "../../config/keys/cache-params.ts";
import { routerSettings } from "../../config/keys/router-settings.ts";
import { typeName } from "../../config/value-type.ts";
import { asArray, asObject, type JsonObject } from "../../json/json.ts";
import { shownConfiguration } from "../../management/configuration/shown-configuration.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import type { Route, RouteRequest } from "../route.ts";

/** What the strategies do, for interfaces that let one choose. */
const STRATEGIES: JsonObject = {
  "simple-shuffle": "By chance, as the weights say",
  "least-busy": "The deployment with the fewest calls under way",
  "usage-based-routing": "The deployment that used the fewest tokens in this minute",
  "usage-based-routing-v2": "The deployment that used the fewest tokens in this minute",
  "latency-based-routing": "The deployment with the fewest seconds per token",
  "cost-based-routing": "The cheapest deployment",
  adaptive: "Of two by chance the better one, by latency, errors, free limits and prompt cache",
};

/** Settings as interfaces show them: fields, and what they are now. */
export const shownSettingRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/router/settings",
    permission: "view",
    summary: "The router's settings with their values now",
    tag: "Router Settings",
    handle: ({ services }) => {
      const values = shownConfiguration(routerValues(services.snapshot()));
      return Response.json({
        fields: fieldsOf(routerSettings, values),
        current_values: values,
        routing_strategy_descriptions: STRATEGIES,
      });
    },
  },
  {
    method: "GET",
    path: "/router/fields",
    permission: "view",
    summary: "The router's settings that there are",
    tag: "Router Settings",
    handle: () => Response.json({ fields: fieldsOf(routerSettings, {}), routing_strategy_descriptions: STRATEGIES }),
  },
  {
    method: "GET",
    path: "/cache/settings",
    permission: "view",
    summary: "The cache's settings with their values now; they are read when the gateway starts",
    tag: "Cache Settings",
    handle: ({ services }) => {
      const { raw } = services.snapshot().library;
      const values = shownConfiguration({ cache: raw.cache === true, ...asObject(raw.cache_params) });
      return Response.json({ fields: fieldsOf(cacheParams, values), current_values: values });
    },
  },
  {
    method: "GET",
    path: "/active/callbacks",
    aliases: ["/settings"],
    permission: "view",
    summary: "Callbacks and alerts that are configured",
    tag: "health",
    handle: activeCallbacks,
  },
];

/** The same keys in `litellm_settings` count where the router's are unset. */
function routerValues({ router, library }: Snapshot): JsonObject {
  const values: Record<string, JsonObject[string]> = { routing_strategy: router.routingStrategy };
  for (const name of routerSettings.keys.keys()) {
    const value = router.raw[name] ?? library.raw[name];
    if (value !== undefined && value !== null) values[name] = value;
  }
  return values;
}

function fieldsOf(section: Section, values: JsonObject): JsonObject[] {
  return [...section.keys]
    .filter(([, key]) => key.status === "supported")
    .map(([name, { type }]) => ({
      field_name: name,
      field_type: typeName(type),
      field_description: "",
      field_default: type.kind === "flag" ? type.usual : null,
      options: type.kind === "text" && type.choices !== undefined ? type.choices : null,
      ui_field_name: name.replaceAll("_", " "),
      field_value: values[name] ?? null,
    }));
}

function activeCallbacks({ services }: RouteRequest): Response {
  const { library, general } = services.snapshot();
  const success = asArray(library.raw.success_callback);
  const failure = asArray(library.raw.failure_callback);
  const both = asArray(library.raw.callbacks);
  const alerting = asArray(general.raw.alerting);
  return Response.json({
    alerting,
    "litellm.callbacks": both,
    "litellm.input_callback": asArray(library.raw.input_callback),
    "litellm.failure_callback": failure,
    "litellm.success_callback": success,
    num_callbacks: new Set([...success, ...failure, ...both]).size,
    num_alerting: alerting.length,
    "litellm.request_timeout": library.requestTimeout,
  });
}
