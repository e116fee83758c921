import { GatewayError } from "../errors/gateway-error.ts";
import { asNumber, asObject, asString, parseJson } from "../json/json.ts";
import { readEnvironment, readParameter } from "./credentials.ts";
import type { ConfigureInput, Send } from "./provider.ts";

const DEFAULT_SCOPE = "https://cognitiveservices.azure.com/.default";
const DEFAULT_AUTHORITY = "https://login.microsoftonline.com";
/** A token is renewed this long before it ends, in seconds. */
const RENEW_BEFORE = 300;
/** More credentials than this at once means that they are rotated: the oldest is forgotten. */
const MAX_CACHED = 1_000;

interface CachedToken {
  readonly token: string;
  /** Milliseconds since the epoch. */
  readonly renewAt: number;
}

const tokens = new Map<string, CachedToken>();
const underWay = new Map<string, Promise<CachedToken>>();

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

/**
 * An access token for the credentials that `azureAdCredentials` found; many callers that wait for the same one cause
 * one request. Throws GatewayError("authentication") with Entra ID's own sentence when it refuses.
 */
export async function azureAdToken(
  credentials: Readonly<Record<string, string>>,
  send: Send,
  now: () => number = Date.now,
): Promise<string> {
  const name = JSON.stringify(Object.entries(credentials).sort());
  const cached = tokens.get(name);
  if (cached !== undefined && cached.renewAt > now()) return cached.token;
  let request = underWay.get(name);
  if (request === undefined) {
    request = requestToken(credentials, send, now()).finally(() => underWay.delete(name));
    underWay.set(name, request);
  }
  const fresh = await request;
  tokens.delete(name);
  tokens.set(name, fresh);
  const oldest = tokens.keys().next().value;
  if (tokens.size > MAX_CACHED && oldest !== undefined) tokens.delete(oldest);
  return fresh.token;
}

async function requestToken(
  credentials: Readonly<Record<string, string>>,
  send: Send,
  now: number,
): Promise<CachedToken> {
  const authority = (credentials.authority ?? DEFAULT_AUTHORITY).replace(/\/+$/, "");
  const response = await send({
    method: "POST",
    url: `${authority}/${encodeURIComponent(credentials.tenant ?? "")}/oauth2/v2.0/token`,
    headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json" },
    body: new URLSearchParams(grantOf(credentials)).toString(),
  });
  const text = await response.text();
  const answer = asObject(parseJson(text));
  const token = asString(answer?.access_token);
  if (!response.ok || token === undefined) {
    const reason = asString(answer?.error_description) ?? asString(answer?.error) ?? `status ${response.status}`;
    throw new GatewayError("authentication", `Microsoft Entra ID gave no token: ${reason}`);
  }
  // Entra ID writes the lifetime as a number, managed identities as text.
  const lifetime = asNumber(answer?.expires_in) ?? Number(asString(answer?.expires_in) ?? 3_600);
  const kept = Math.max(lifetime - RENEW_BEFORE, lifetime / 2);
  return { token, renewAt: now + kept * 1_000 };
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
