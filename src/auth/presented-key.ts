import { GatewayError } from "../errors/gateway-error.ts";

/** Headers that carry a key; none of them is ever logged or sent upstream. */
export const KEY_HEADERS = [
  "x-litellm-api-key",
  "authorization",
  "api-key",
  "x-api-key",
  "x-goog-api-key",
  "ocp-apim-subscription-key",
] as const;

/** An authentication failure in LiteLLM's form: type `auth_error`, param and prefix included. */
export function authenticationError(message: string, type = "auth_error", param = "None"): GatewayError {
  return new GatewayError("authentication", message, { type, param });
}

const SCHEME = /^(?:bearer|basic)(?:\s+|$)/i;
const AWS_CREDENTIAL = /^AWS4-HMAC-SHA256\s.*Credential=Bearer\s+([^/,\s]+)/;

/**
 * The key that the caller presents, by LiteLLM's order of headers. With `onlyHeader` no other header counts; the query
 * parameter `key` counts where the route allows it (Google's clients send it).
 */
export function presentedKey(headers: Headers, onlyHeader: string | undefined, query: string | undefined): string {
  if (onlyHeader !== undefined) {
    const value = headers.get(onlyHeader);
    if (value === null || value === "") throw missingKey();
    return value.replace(SCHEME, "").trim();
  }
  const own = headers.get("x-litellm-api-key");
  if (own !== null && own !== "") return own.replace(SCHEME, "").trim();

  const authorization = headers.get("authorization");
  if (authorization !== null && authorization !== "") {
    const aws = AWS_CREDENTIAL.exec(authorization);
    if (aws !== null) return aws[1] as string;
    const key = SCHEME.test(authorization) ? authorization.replace(SCHEME, "").trim() : "";
    if (key === "") {
      throw authenticationError("Authentication Error, Malformed API Key passed in. Ensure Key has `Bearer ` prefix.");
    }
    return key;
  }
  for (const name of ["api-key", "x-api-key", "x-goog-api-key", "ocp-apim-subscription-key"]) {
    const value = headers.get(name);
    if (value !== null && value !== "") return value.replace(SCHEME, "").trim();
  }
  if (query !== undefined && query !== "") return query;
  throw missingKey();
}

function missingKey(): GatewayError {
  return authenticationError("Authentication Error, No api key passed in.");
}
