import { azureAdCredentials, azureAdToken } from "./azure-ad.ts";
import { readEnvironment, readParameter } from "./credentials.ts";
import type { Call, ConfigureInput, OutboundRequest, Send } from "./provider.ts";

/** How calls to Azure prove who makes them: a key, a token that was given, or one that Entra ID gives. */
export type AzureCredential =
  | { readonly type: "key"; readonly key: string }
  | { readonly type: "token"; readonly token: string }
  | { readonly type: "entra"; readonly credentials: Readonly<Record<string, string>> };

/** What the deployment says wins over the environment; within each a key wins over a token over Entra ID. */
export function azureCredential(input: ConfigureInput, keyVariables: readonly string[]): AzureCredential | undefined {
  const key = readParameter(input.params, ["api_key"]);
  if (key !== undefined) return { type: "key", key };
  const token = readParameter(input.params, ["azure_ad_token"]);
  if (token !== undefined && !token.startsWith("oidc/")) return { type: "token", token };
  const named = azureAdCredentials(input, token !== undefined);
  if (named !== undefined) return { type: "entra", credentials: named };
  const environmentKey = readEnvironment(input.environment, keyVariables);
  if (environmentKey !== undefined) return { type: "key", key: environmentKey };
  const environmentToken = readEnvironment(input.environment, ["AZURE_AD_TOKEN"]);
  if (environmentToken !== undefined) return { type: "token", token: environmentToken };
  const environmentEntra = azureAdCredentials(input, true);
  return environmentEntra === undefined ? undefined : { type: "entra", credentials: environmentEntra };
}

/** Headers of a credential that is known beforehand; `keyHeader` is `api-key` on Azure's own hosts. */
export function azureHeaders(credential: AzureCredential, keyHeader: "api-key" | "authorization" = "api-key") {
  if (credential.type === "entra") return {};
  if (credential.type === "token") return { authorization: `Bearer ${credential.token}` };
  return keyHeader === "api-key" ? { "api-key": credential.key } : { authorization: `Bearer ${credential.key}` };
}

/** Adds the token of Entra ID where the target has credentials for it. */
export async function signWithEntra(request: OutboundRequest, call: Call, send: Send): Promise<OutboundRequest> {
  if (call.target.credentials.tenant === undefined) return request;
  const token = await azureAdToken(call.target.credentials, send);
  return { ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } };
}
