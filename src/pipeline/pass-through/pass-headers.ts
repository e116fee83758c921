import type { UpstreamHeaders } from "../../upstream/transport.ts";
import { withoutSecrets } from "../deployment-secrets.ts";

/** Fields of one hop (RFC 9110, section 7.6.1), of the connection, and of the body's form on it. */
const HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "host",
  "content-length",
  "expect",
]);

/** What tells who the caller is: for the gateway alone. */
const CALLER = new Set([
  "authorization",
  "api-key",
  "x-api-key",
  "x-goog-api-key",
  "ocp-apim-subscription-key",
  "cookie",
  "forwarded",
  "via",
  "x-real-ip",
  "accept-encoding",
  "x-amz-date",
  "x-amz-security-token",
  "x-amz-content-sha256",
  "litellm_user_api_key",
]);

/** The caller's header fields that a provider may see. `keyHeader` is the operator's own name for the key's field. */
export function outgoingHeaders(request: Headers, keyHeader: string | undefined): Record<string, string> {
  const dropped = named(request.get("connection"));
  const headers: Record<string, string> = {};
  request.forEach((value, name) => {
    if (HOP.has(name) || CALLER.has(name) || dropped.has(name) || name === keyHeader?.toLowerCase()) return;
    if (name.startsWith("x-litellm-") || name.startsWith("x-forwarded-") || name.startsWith("x-isthmus-")) return;
    headers[name] = value;
  });
  return headers;
}

/** The provider's header fields as the caller gets them: all but those of the hop, and nothing that sets a cookie. */
export function incomingHeaders(upstream: UpstreamHeaders, secrets: readonly string[]): Headers {
  const dropped = named(upstream.get("connection"));
  const headers = new Headers();
  upstream.forEach((value, name) => {
    // The body arrives unpacked.
    if (HOP.has(name) || dropped.has(name) || name === "content-encoding" || name === "set-cookie") return;
    headers.append(name, withoutSecrets(value, secrets));
  });
  return headers;
}

/** Fields that `Connection` names belong to the hop, too. */
function named(connection: string | null): ReadonlySet<string> {
  return new Set((connection ?? "").split(",").map((name) => name.trim().toLowerCase()));
}
