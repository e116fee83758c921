import { asArray, asObject, isObject, type Json, type JsonObject } from "../json/json.ts";
import type { Diagnostic } from "../snapshot/snapshot.ts";
import { KEYS, type Section, suggestKey } from "./keys.ts";
import type { LoadedDocument, Path } from "./load.ts";

/** Strategies that LiteLLM knows; an unknown one stops the start. */
const STRATEGIES = new Set([
  "simple-shuffle",
  "least-busy",
  "usage-based-routing",
  "usage-based-routing-v2",
  "latency-based-routing",
  "cost-based-routing",
  "provider-budget-routing",
  "lar1",
  "adaptive",
]);

type Kind = "map" | "list";

const SHAPES: readonly [Path, Kind][] = [
  [["model_list"], "list"],
  [["router_settings"], "map"],
  [["litellm_settings"], "map"],
  [["general_settings"], "map"],
  [["environment_variables"], "map"],
  [["credential_list"], "list"],
  [["router_settings", "fallbacks"], "list"],
  [["router_settings", "context_window_fallbacks"], "list"],
  [["router_settings", "content_policy_fallbacks"], "list"],
  [["router_settings", "default_fallbacks"], "list"],
  [["router_settings", "model_group_alias"], "map"],
  [["router_settings", "retry_policy"], "map"],
  [["litellm_settings", "fallbacks"], "list"],
  [["litellm_settings", "context_window_fallbacks"], "list"],
];

/** What is wrong with the shape of a configuration: any of these refuses the file whole. */
export function shapeErrors(document: LoadedDocument): Diagnostic[] {
  const errors: Diagnostic[] = [];
  const error = (path: Path, message: string): void => {
    errors.push({ severity: "error", code: "invalid_type", message, location: document.locate(path) });
  };
  for (const [path, kind] of SHAPES) {
    const value = valueAt(document.value, path);
    if (value === undefined || value === null) continue;
    const right = kind === "list" ? Array.isArray(value) : isObject(value);
    if (!right) error(path, `${path.join(".")} must be a ${kind}, not ${describe(value)}`);
  }
  for (const [index, entry] of asArray(document.value.model_list).entries()) {
    const path = ["model_list", index];
    if (!isObject(entry)) error(path, `model_list[${index}] must be a map, not ${describe(entry)}`);
    else {
      if (!isObject(entry.litellm_params)) error(path, `model_list[${index}] has no litellm_params`);
      else if (typeof entry.litellm_params.model !== "string")
        error([...path, "litellm_params"], `model_list[${index}].litellm_params.model must name a model`);
      if (typeof entry.model_name !== "string") error(path, `model_list[${index}] has no model_name`);
      if (entry.model_info !== undefined && entry.model_info !== null && !isObject(entry.model_info))
        error([...path, "model_info"], `model_list[${index}].model_info must be a map`);
    }
  }
  const strategy = asObject(document.value.router_settings)?.routing_strategy;
  if (strategy !== undefined && strategy !== null && !(typeof strategy === "string" && STRATEGIES.has(strategy))) {
    error(
      ["router_settings", "routing_strategy"],
      `Invalid routing_strategy: ${JSON.stringify(strategy)}. Valid options: ${[...STRATEGIES].join(", ")}`,
    );
  }
  return errors;
}

function valueAt(value: Json | undefined, path: Path): Json | undefined {
  let current: unknown = value;
  for (const step of path) current = (current as Record<string | number, unknown> | null | undefined)?.[step];
  return current as Json | undefined;
}

function describe(value: Json): string {
  if (value === null) return "nothing";
  return Array.isArray(value) ? "a list" : isObject(value) ? "a map" : JSON.stringify(value);
}

const SECTIONS: readonly Section[] = ["router_settings", "litellm_settings", "general_settings"];

/** What becomes of each key that was set: unknown, later, ignored. Each is told once. */
export function keyDiagnostics(document: LoadedDocument): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const told = new Set<string>();
  const look = (section: Section, object: JsonObject | undefined, path: Path, unknownIsKept: boolean): void => {
    for (const [key, value] of Object.entries(object ?? {})) {
      if (value === undefined || value === null) continue;
      const status = KEYS[section].get(key);
      const name = section === "top" ? key : `${section}.${key}`;
      if (told.has(name) || status?.status === "supported") continue;
      if (status === undefined) {
        if (unknownIsKept) continue;
        const suggestion = suggestKey(section, key);
        diagnostics.push({
          severity: "warning",
          code: "unknown_key",
          message: `${name} is no key that LiteLLM or Isthmus knows`,
          location: document.locate([...path, key]),
          ...(suggestion === undefined ? {} : { suggestion }),
        });
        continue;
      }
      told.add(name);
      const message =
        status.status === "later"
          ? `${name} has no effect yet (${status.area})`
          : `${name} is accepted and ignored: ${status.reason}`;
      diagnostics.push({
        severity: "info",
        code: status.status === "later" ? "not_yet" : "ignored_key",
        message,
        location: document.locate([...path, key]),
      });
    }
  };
  look("top", document.value, [], false);
  for (const section of SECTIONS) look(section, asObject(document.value[section]), [section], false);
  for (const [index, entry] of asArray(document.value.model_list).entries()) {
    look("litellm_params", asObject(asObject(entry)?.litellm_params), ["model_list", index, "litellm_params"], true);
    look("model_info", asObject(asObject(entry)?.model_info), ["model_list", index, "model_info"], true);
  }
  return diagnostics;
}
