import { asObject, type JsonObject } from "../../json/json.ts";
import type { ConfigureInput, Send } from "../../providers/provider.ts";
import type { Environment } from "../references.ts";
import { awsSecretsManager } from "./aws-secrets-manager.ts";
import { azureKeyVault } from "./azure-key-vault.ts";
import { googleSecretManager } from "./google-secret-manager.ts";
import { hashicorpVault } from "./hashicorp-vault.ts";
import type { SecretManager } from "./secret-manager.ts";

/** Values of `general_settings.key_management_system` that are served. */
export const SECRET_SYSTEMS = [
  "hashicorp_vault",
  "aws_secret_manager",
  "google_secret_manager",
  "azure_key_vault",
  "local",
] as const;

export interface SecretSource {
  readonly manager: SecretManager;
  /** Only these names are asked for; undefined means all. */
  readonly names: ReadonlySet<string> | undefined;
}

/**
 * The manager that `general_settings` names, with `key_management_settings`; undefined when there is none or it is only
 * written to; a sentence when it cannot be used.
 */
export function openSecretManager(
  general: JsonObject,
  environment: Environment,
  send: Send,
  readFile: ConfigureInput["readFile"],
): SecretSource | string | undefined {
  const system = systemOf(general);
  if (system === undefined || system === "local") return undefined;
  const settings = asObject(general.key_management_settings) ?? {};
  if (settings.access_mode === "write_only") return undefined;
  const manager = managerOf(system, settings, environment, send, readFile);
  if (typeof manager === "string") return manager;
  const hosted = settings.hosted_keys;
  const names = Array.isArray(hosted) ? new Set(hosted.filter((name) => typeof name === "string")) : undefined;
  return { manager, names };
}

/** LiteLLM's older switches name two of the systems as well. */
function systemOf(general: JsonObject): string | undefined {
  const { key_management_system: named } = general;
  if (typeof named === "string" && named !== "") return named;
  return general.use_azure_key_vault === true ? "azure_key_vault" : undefined;
}

function managerOf(
  system: string,
  settings: JsonObject,
  environment: Environment,
  send: Send,
  readFile: ConfigureInput["readFile"],
): SecretManager | string {
  switch (system) {
    case "hashicorp_vault":
      return hashicorpVault(environment, send);
    case "aws_secret_manager":
      return awsSecretsManager(environment, settings, readFile, send);
    case "google_secret_manager":
      return googleSecretManager(environment, readFile, send);
    case "azure_key_vault":
      return azureKeyVault(environment, send);
    default:
      return `${JSON.stringify(system)} is not served; ${SECRET_SYSTEMS.join(", ")} are`;
  }
}
