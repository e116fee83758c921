import { readEnvironment, readParameter } from "./credentials.ts";
import { accessToken } from "./oauth-token.ts";
import type { ConfigureInput, Send } from "./provider.ts";

const DEFAULT_SCOPE = "https://cognitiveservices.azure.com/.default";
const DEFAULT_AUTHORITY = "https://login.microsoftonline.com";
/**
 * What Microsoft Entra ID needs to know, read from litellm_params and, when `withEnvironment`, from the environment:
 * a client secret, a user's password, or a client assertion (`azure_ad_token: oidc/env/NAME`, workload identity).
 * Undefined when no set is complete.
 * https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow (2026-11-24)
 */
export function azureAdCredentials(
  input: ConfigureInput,
  withEnvironment: boolean,
): Record<string, string> | undefined {
  const read = (parameters: string[], variables: string[]) =>
    readParameter(input.params, parameters) ??
    (withEnvironment ? readEnvironment(input.environment, variables) : undefined);
  const tenant = read(["tenant_id"], ["AZURE_TENANT_ID"]);
  const client = read(["client_id"], ["AZURE_CLIENT_ID"]);
  if (tenant === undefined || client === undefined) return undefined;
  const shared = {
    tenant,
    client,
    scope: read(["azure_scope"], ["AZURE_SCOPE"]) ?? DEFAULT_SCOPE,
    authority: read(["azure_authority_host"], ["AZURE_AUTHORITY_HOST"]) ?? DEFAULT_AUTHORITY,
  };
  const secret = read(["client_secret"], ["AZURE_CLIENT_SECRET"]);
  if (secret !== undefined) return { ...shared, secret };
  const assertion = readAssertion(input);
  if (assertion !== undefined) return { ...shared, assertion };
  const username = read(["azure_username"], ["AZURE_USERNAME"]);
  const password = read(["azure_password"], ["AZURE_PASSWORD"]);
  return username === undefined || password === undefined ? undefined : { ...shared, username, password };
}

/** The token of another identity provider that `azure_ad_token: oidc/env/NAME` points to. */
function readAssertion(input: ConfigureInput): string | undefined {
  const reference = readParameter(input.params, ["azure_ad_token"]);
  if (reference?.startsWith("oidc/env/") !== true) return undefined;
  return readEnvironment(input.environment, [reference.slice("oidc/env/".length)]);
}

/** An access token for what `azureAdCredentials` found. Throws GatewayError("authentication") when Entra ID refuses. */
export function azureAdToken(
  credentials: Readonly<Record<string, string>>,
  send: Send,
  now?: () => number,
): Promise<string> {
  const authority = (credentials.authority ?? DEFAULT_AUTHORITY).replace(/\/+$/, "");
  return accessToken({
    issuer: "Microsoft Entra ID",
    name: JSON.stringify(Object.entries(credentials).sort()),
    send,
    ...(now === undefined ? {} : { now }),
    request: {
      method: "POST",
      url: `${authority}/${encodeURIComponent(credentials.tenant ?? "")}/oauth2/v2.0/token`,
      headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json" },
      body: new URLSearchParams(grantOf(credentials)).toString(),
    },
  });
}

function grantOf(credentials: Readonly<Record<string, string>>): Record<string, string> {
  const shared = { client_id: credentials.client ?? "", scope: credentials.scope ?? DEFAULT_SCOPE };
  const { secret, assertion, username, password } = credentials;
  if (secret !== undefined) return { ...shared, grant_type: "client_credentials", client_secret: secret };
  if (assertion !== undefined) {
    return {
      ...shared,
      grant_type: "client_credentials",
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: assertion,
    };
  }
  return { ...shared, grant_type: "password", username: username ?? "", password: password ?? "" };
}
