import { importPKCS8, SignJWT } from "jose";
import { GatewayError } from "../errors/gateway-error.ts";
import { accessToken } from "./oauth-token.ts";
import type { OutboundRequest, Send } from "./provider.ts";

const SCOPE = "https://www.googleapis.com/auth/cloud-platform";
const METADATA_TOKEN = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token";
const LIFETIME_SECONDS = 3600;

/** The members of Google credential files that are used here. */
export interface GoogleCredentials {
  readonly type?: string;
  readonly client_email?: string;
  readonly private_key?: string;
  readonly private_key_id?: string;
  readonly token_uri?: string;
  readonly client_id?: string;
  readonly client_secret?: string;
  readonly refresh_token?: string;
  readonly project_id?: string;
  readonly quota_project_id?: string;
}

/**
 * An access token for Google Cloud, cached until shortly before it ends: from a service account (a signed assertion),
 * from a user's refresh token, or, without credentials, from the metadata server of the machine.
 * https://developers.google.com/identity/protocols/oauth2/service-account (2026-11-24)
 * Throws GatewayError("authentication") when Google refuses or the credentials are of a kind that is not supported.
 */
export async function googleToken(credentials: GoogleCredentials | undefined, send: Send): Promise<string> {
  return accessToken({
    issuer: "Google",
    name:
      credentials === undefined
        ? "google-metadata"
        : `google ${credentials.client_email ?? ""} ${credentials.client_id ?? ""} ${credentials.private_key_id ?? ""} ${credentials.token_uri ?? ""}`,
    send,
    request: await tokenRequest(credentials),
  });
}

async function tokenRequest(credentials: GoogleCredentials | undefined): Promise<OutboundRequest> {
  if (credentials === undefined) {
    return { method: "GET", url: METADATA_TOKEN, headers: { "metadata-flavor": "Google" }, body: undefined };
  }
  const url = credentials.token_uri ?? "https://oauth2.googleapis.com/token";
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  if (credentials.type === "authorized_user") {
    const form = new URLSearchParams({
      grant_type: "refresh_token",
      client_id: credentials.client_id ?? "",
      client_secret: credentials.client_secret ?? "",
      refresh_token: credentials.refresh_token ?? "",
    });
    return { method: "POST", url, headers, body: form.toString() };
  }
  if (credentials.private_key === undefined || credentials.client_email === undefined) {
    throw new GatewayError(
      "authentication",
      `Google credentials of type '${credentials.type ?? "unknown"}' are not supported: a service account or an authorized user is`,
    );
  }
  const form = new URLSearchParams({
    grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
    assertion: await assertion(credentials, url),
  });
  return { method: "POST", url, headers, body: form.toString() };
}

async function assertion(credentials: GoogleCredentials, audience: string): Promise<string> {
  const key = await importPKCS8(credentials.private_key ?? "", "RS256");
  const header = {
    alg: "RS256",
    typ: "JWT",
    ...(credentials.private_key_id === undefined ? {} : { kid: credentials.private_key_id }),
  };
  return new SignJWT({ scope: SCOPE })
    .setProtectedHeader(header)
    .setIssuer(credentials.client_email ?? "")
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime(`${LIFETIME_SECONDS} s`)
    .sign(key);
}
