import { asObject, isObject, type Json, type JsonObject } from "../json/json.ts";
import type { SourceLocation } from "../snapshot/snapshot.ts";
import type { Path } from "./diagnostics.ts";
import type { Section } from "./key.ts";
import { generalSettings } from "./keys/general-settings.ts";
import { litellmSettings } from "./keys/litellm-settings.ts";
import { routerSettings } from "./keys/router-settings.ts";
import type { LoadedDocument } from "./load.ts";
import { referredVariable } from "./references.ts";

/** Sections whose keys the database may have; a key that a file declares is the file's. */
export const STORED_SECTIONS: ReadonlyMap<string, Section> = new Map([
  ["general_settings", generalSettings],
  ["litellm_settings", litellmSettings],
  ["router_settings", routerSettings],
]);

/** Section → key → value. */
export type StoredSettings = Readonly<Record<string, JsonObject>>;

/** What is read once, at a start, and what says where the database itself is. */
const AT_START: ReadonlySet<string> = new Set([
  ...["master_key", "store_model_in_db", "coordination_redis", "key_management_system", "key_management_settings"],
  ...["maximum_spend_logs_retention_period", "maximum_spend_logs_retention_interval", "use_azure_key_vault"],
  ...["cache", "cache_params", "redis_host", "redis_port", "redis_password", "redis_db", "redis_url"],
]);

/** Settings that have routes, and places, of their own. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  allowed_ips: "POST /add/allowed_ip",
  public_model_groups: "POST /model_group/make_public",
};

/** Why a key cannot be stored; undefined when it can. */
export function unstorable(sectionName: string, key: string): string | undefined {
  const known = STORED_SECTIONS.get(sectionName)?.keys.get(key);
  if (known === undefined) return `${sectionName} has no key ${key}`;
  if (known.status !== "supported") return `${sectionName}.${key} has no effect`;
  if (AT_START.has(key) || key.startsWith("database_")) {
    return `${sectionName}.${key} is read when the gateway starts: it belongs in the configuration file`;
  }
  const route = ELSEWHERE[key];
  return route === undefined ? undefined : `${sectionName}.${key} is changed by ${route}`;
}

/** Where a file declares a key; `router_settings` and `litellm_settings` share those of the router. */
export function declaredAt(
  document: Pick<LoadedDocument, "value" | "locate">,
  section: string,
  key: string,
): SourceLocation | undefined {
  const places = section === "general_settings" ? [section] : ["router_settings", "litellm_settings"];
  for (const place of places) {
    if (place !== section && !routerSettings.keys.has(key)) continue;
    const value = asObject(document.value[place])?.[key];
    if (value !== undefined && value !== null) return document.locate([place, key]);
  }
  return undefined;
}

/** The files with what the database adds to their settings. */
export function withStoredSettings(document: LoadedDocument, stored: StoredSettings): LoadedDocument {
  const added = new Set<string>();
  const value: Record<string, Json | undefined> = { ...document.value };
  for (const [section, settings] of Object.entries(stored)) {
    const own = asObject(document.value[section]) ?? {};
    const extra = Object.entries(settings).filter(([key]) => declaredAt(document, section, key) === undefined);
    if (extra.length === 0) continue;
    value[section] = { ...own, ...Object.fromEntries(extra) };
    for (const [key] of extra) added.add(`${section}.${key}`);
  }
  if (added.size === 0) return document;
  return {
    value,
    files: document.files,
    diagnostics: document.diagnostics,
    locate(path: Path, part) {
      const [section, key] = path;
      return added.has(`${section}.${key}`)
        ? { file: `the database, ${section}`, line: 1, column: 1 }
        : document.locate(path, part);
    },
  };
}

/** The first reference to a variable in a value: those of the machine are not for whoever may use the API. */
export function firstReference(value: Json | undefined): string | undefined {
  if (typeof value === "string") return referredVariable(value);
  const members = Array.isArray(value) ? (value as readonly Json[]) : isObject(value) ? Object.values(value) : [];
  for (const member of members) {
    const found = firstReference(member);
    if (found !== undefined) return found;
  }
  return undefined;
}
