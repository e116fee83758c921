import { asObject, type Json } from "../../json/json.ts";
import type { Send } from "../../providers/provider.ts";
import type { Diagnostic } from "../../snapshot/snapshot.ts";
import { readFile } from "../deployment.ts";
import type { LoadedDocument } from "../load.ts";
import { type Environment, referredVariable } from "../references.ts";
import { openSecretManager } from "./open-secret-manager.ts";
import { SecretUnavailable } from "./secret-manager.ts";

/** Secrets asked for at a time. */
const AT_ONCE = 16;

export interface SecretEnvironment {
  /** The environment, with the secrets that the configuration refers to on top. */
  readonly environment: Environment;
  /** What could not be read; the references then stay unresolved and are told as such. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Reads what `os.environ/NAME` refers to from the secret manager that the configuration names. What the manager does
 * not have comes from the environment, as LiteLLM has it. Without a manager nothing is asked.
 */
export async function secretEnvironment(
  document: LoadedDocument,
  environment: Environment,
  options: { readonly send: Send },
): Promise<SecretEnvironment> {
  const general = asObject(document.value.general_settings) ?? {};
  const source = openSecretManager(general, environment, options.send, readFile);
  if (source === undefined) return { environment, diagnostics: [] };
  const problem = (message: string): Diagnostic => ({
    severity: "error",
    code: "secret_manager",
    message,
    location: document.locate(["general_settings", "key_management_system"], "value"),
  });
  if (typeof source === "string") return { environment, diagnostics: [problem(`key_management_system: ${source}`)] };

  const { manager, names } = source;
  const wanted = [...referredNames(document.value)].filter((name) => names?.has(name) ?? true);
  const found: Record<string, string> = {};
  const failures: string[] = [];
  for (let from = 0; from < wanted.length && failures.length === 0; from += AT_ONCE) {
    const part = wanted.slice(from, from + AT_ONCE);
    await Promise.all(
      part.map(async (name) => {
        try {
          const value = await manager.read(name);
          if (value !== undefined) found[name] = value;
        } catch (error) {
          const reason = error instanceof Error ? error.message : String(error);
          failures.push(error instanceof SecretUnavailable ? reason : `${manager.label} cannot be asked: ${reason}`);
        }
      }),
    );
  }
  return {
    environment: { ...environment, ...found },
    diagnostics: failures.length === 0 ? [] : [problem(`key_management_system: ${failures[0]}`)],
  };
}

/**
 * For a look at a configuration offline: what the environment lacks is taken to be with the secret manager, where the
 * configuration names one.
 */
export function assumedEnvironment(document: LoadedDocument, environment: Environment): Environment {
  const general = asObject(document.value.general_settings) ?? {};
  const system = general.key_management_system;
  if (typeof system !== "string" || system === "" || system === "local") return environment;
  const hosted = asObject(general.key_management_settings)?.hosted_keys;
  const assumed: Record<string, string | undefined> = { ...environment };
  for (const name of referredNames(document.value)) {
    if (Array.isArray(hosted) && !hosted.includes(name)) continue;
    assumed[name] ??= "with the secret manager";
  }
  return assumed;
}

/** Every variable that a value in the configuration refers to. */
export function referredNames(value: Json, names: Set<string> = new Set()): Set<string> {
  const variable = referredVariable(value);
  if (variable !== undefined) names.add(variable);
  else if (Array.isArray(value)) for (const item of value as readonly Json[]) referredNames(item, names);
  else if (typeof value === "object" && value !== null) {
    for (const member of Object.values(value)) if (member !== undefined) referredNames(member, names);
  }
  return names;
}
