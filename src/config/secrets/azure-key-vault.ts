import { asString, type JsonObject } from "../../json/json.ts";
import { azureAdCredentials, azureAdToken } from "../../providers/azure-ad.ts";
import { readEnvironment } from "../../providers/credentials.ts";
import type { Send } from "../../providers/provider.ts";
import type { Environment } from "../references.ts";
import { refusalOf, type SecretManager } from "./secret-manager.ts";

const LABEL = "Azure Key Vault";
const API_VERSION = "7.4";
const SCOPE = "https://vault.azure.net/.default";

/**
 * Secrets of one vault, by a service principal. Names in a vault hold no underscores: `OPENAI_API_KEY` is kept as
 * `OPENAI-API-KEY`. https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret (2026-11-25)
 */
export function azureKeyVault(environment: Environment, send: Send): SecretManager | string {
  const vault = readEnvironment(environment, ["AZURE_KEY_VAULT_URI"])?.replace(/\/+$/, "");
  if (vault === undefined) return "AZURE_KEY_VAULT_URI is not set";
  const found = azureAdCredentials({ params: {}, model: "", environment }, true);
  if (found === undefined) return "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET must be set";
  const credentials = { ...found, scope: SCOPE };
  return {
    label: LABEL,
    async read(name) {
      const response = await send({
        method: "GET",
        url: `${vault}/secrets/${encodeURIComponent(name.replaceAll("_", "-"))}?api-version=${API_VERSION}`,
        headers: { authorization: `Bearer ${await azureAdToken(credentials, send)}` },
        body: undefined,
      });
      if (response.status === 404) return undefined;
      if (!response.ok) throw await refusalOf(LABEL, response);
      return asString(((await response.json()) as JsonObject).value);
    },
  };
}
