import type { JsonObject } from "../json/json.ts";
import type { ConfigureInput, ConfigureProblem } from "./provider.ts";

/** The first variable that is set and not empty. */
export function readEnvironment(
  environment: ConfigureInput["environment"],
  names: readonly string[],
): string | undefined {
  for (const name of names) {
    const value = environment[name]?.trim();
    if (value !== undefined && value !== "") return value;
  }
  return undefined;
}

/** The first of the litellm_params that holds text (or a number, which YAML makes of an all-digit key). */
export function readParameter(params: JsonObject, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = params[name];
    const text = typeof value === "number" ? String(value) : typeof value === "string" ? value.trim() : "";
    if (text !== "") return text;
  }
  return undefined;
}

/** `api_key` of the deployment, else the first variable that is set. */
export function readKey(input: ConfigureInput, variables: readonly string[]): string | undefined {
  return readParameter(input.params, ["api_key"]) ?? readEnvironment(input.environment, variables);
}

/** `api_base` (or `base_url`) of the deployment, else the first variable that is set. */
export function readBase(input: ConfigureInput, variables: readonly string[]): string | undefined {
  return readParameter(input.params, ["api_base", "base_url"]) ?? readEnvironment(input.environment, variables);
}

/** "…: set api_key or the environment variable A or B". */
export function missingKey(label: string, variables: readonly string[]): ConfigureProblem {
  return {
    code: "missing_credential",
    key: "api_key",
    message: `${label} has no API key: set litellm_params.api_key${orVariables(variables)}.`,
  };
}

/** The provider has no address of its own and none was configured. */
export function missingBase(label: string, variables: readonly string[]): ConfigureProblem {
  return {
    code: "missing_api_base",
    key: "api_base",
    message: `${label} has no address: set litellm_params.api_base${orVariables(variables)}.`,
  };
}

function orVariables(variables: readonly string[]): string {
  if (variables.length === 0) return "";
  return ` or the environment variable ${variables.join(" or ")}`;
}
