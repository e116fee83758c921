import { stringify } from "yaml";
import { z } from "zod";
import { generalSettings as GENERAL_SETTINGS } from "../../config/keys/general-settings.ts";
import { unstorable } from "../../config/stored-settings.ts";
import { typeName } from "../../config/value-type.ts";
import { GatewayError } from "../../errors/gateway-error.ts";
import { asArray, asObject, asString, type Json } from "../../json/json.ts";
import { shownConfiguration } from "../../management/configuration/shown-configuration.ts";
import { storedKeys } from "../../store/objects/stored-settings.ts";
import type { Route, RouteRequest } from "../route.ts";

/** What runs, as an administrator may see it: secrets are fingerprints. */
export const configurationRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/config/yaml",
    permission: "view",
    summary: "The files of the configuration in force, merged, as YAML or JSON; secrets are fingerprints",
    tag: "config.yaml",
    query: { format: z.enum(["yaml", "json"]) },
    handle: running,
  },
  {
    method: "GET",
    path: "/get/config/callbacks",
    permission: "view",
    summary: "Callbacks, alerts and router settings in force",
    tag: "config.yaml",
    handle: callbacks,
  },
  {
    method: "GET",
    path: "/config/list",
    permission: "view",
    summary: "The general settings that are supported, with their values and where those are from",
    tag: "config.yaml",
    query: { config_type: z.literal("general_settings") },
    handle: list,
  },
  {
    method: "GET",
    path: "/config/field/info",
    permission: "view",
    summary: "The value of one general setting",
    tag: "config.yaml",
    query: { field_name: z.string() },
    handle: field,
  },
];

function running({ services, request }: RouteRequest): Response {
  const { version, files, document } = services.snapshot();
  const shown = shownConfiguration(document);
  const headers = { "x-isthmus-configuration-version": version };
  if (new URL(request.url).searchParams.get("format") === "json") {
    return Response.json({ version, files, document: shown }, { headers });
  }
  return new Response(stringify(shown), { headers: { ...headers, "content-type": "application/yaml" } });
}

function callbacks({ services }: RouteRequest): Response {
  const { library, general, router } = services.snapshot();
  const names = (key: string): string[] => asArray(library.raw[key]).flatMap((name) => asString(name) ?? []);
  const kinds: readonly (readonly [string, string])[] = [
    ["success_callback", "success"],
    ["failure_callback", "failure"],
    ["callbacks", "success_and_failure"],
  ];
  const alerting = asArray(general.raw.alerting);
  return Response.json({
    status: "success",
    callbacks: kinds.flatMap(([key, type]) => names(key).map((name) => ({ name, variables: {}, type }))),
    alerts: alerting.map((name) => ({ name, variables: {}, active_alerts: general.raw.alert_types ?? [] })),
    router_settings: shownConfiguration(router.raw),
  });
}

async function list({ services, request }: RouteRequest): Promise<Response> {
  const type = new URL(request.url).searchParams.get("config_type") ?? "general_settings";
  if (type !== "general_settings") {
    throw new GatewayError("invalid_request", "config_type must be general_settings", { param: "config_type" });
  }
  const snapshot = services.snapshot();
  const declared = asObject(snapshot.document.general_settings) ?? {};
  const stored = await storedKeys(services.management.database.kysely, "general_settings");
  const values = shownConfiguration(snapshot.general.raw);
  return Response.json(
    [...GENERAL_SETTINGS.keys]
      .filter(([, key]) => key.status === "supported")
      .map(([name, key]) => {
        const inFile = declared[name] !== undefined && declared[name] !== null;
        return {
          field_name: name,
          field_type: typeName(key.type),
          field_description: "",
          field_value: values[name] ?? null,
          field_default_value: key.type.kind === "flag" ? key.type.usual : null,
          stored_in_db: inFile ? false : stored.has(name) ? true : null,
          source: inFile ? "config_file" : stored.has(name) ? "database" : "default",
          // A file's settings are the file's.
          editable: !inFile && snapshot.general.storesModels && unstorable("general_settings", name) === undefined,
        };
      }),
  );
}

function field({ services, request }: RouteRequest): Response {
  const name = new URL(request.url).searchParams.get("field_name") ?? "";
  const value: Json | undefined = shownConfiguration(services.snapshot().general.raw)[name];
  if (value === undefined) {
    throw new GatewayError("not_found", `Field name=${name} not in config`, { param: "field_name" });
  }
  return Response.json({ field_name: name, field_value: value });
}
