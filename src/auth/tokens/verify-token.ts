import { decodeJwt, decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from "jose";
import { GatewayError } from "../../errors/gateway-error.ts";
import { authenticationError } from "../presented-key.ts";
import { ALGORITHMS, type IssuerKeys, type KeyAges } from "./issuer-keys.ts";

/** How far the issuer's clock may be from ours. */
const CLOCK_SECONDS = 30;

/** What a token is measured by. */
export interface Trust {
  readonly keys: readonly IssuerKeys[];
  /** One of them has to be named; none: any. */
  readonly audiences: readonly string[];
  readonly issuers: readonly string[];
  readonly ages: KeyAges;
}

/** What a token says of its issuer, which nothing but the choice of the keys may rest on. */
export function unverifiedIssuer(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

/** The claims of a token that one of the issuers signed, for us, and that is good now. Throws the caller's refusal. */
export async function verifyToken(token: string, trust: Trust): Promise<JWTPayload> {
  const header = headerOf(token);
  let reason = "no key of the issuer fits it";
  let away: unknown;
  for (const issuer of trust.keys) {
    let keys: Awaited<ReturnType<IssuerKeys["candidates"]>>;
    try {
      keys = await issuer.candidates(header, trust.ages);
    } catch (error) {
      away = error;
      continue;
    }
    for (const key of keys) {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: ALGORITHMS,
          clockTolerance: CLOCK_SECONDS,
          requiredClaims: ["exp"],
          ...(trust.audiences.length === 0 ? {} : { audience: [...trust.audiences] }),
          ...(trust.issuers.length === 0 ? {} : { issuer: [...trust.issuers] }),
        });
        return payload;
      } catch (error) {
        if (error instanceof errors.JWTExpired) throw authenticationError("Token Expired", "expired_key");
        reason = error instanceof Error ? error.message : String(error);
        // A wrong signature may be another key's; a wrong claim is wrong with every key.
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw invalid(reason);
      }
    }
  }
  if (away !== undefined) {
    throw away instanceof GatewayError ? away : new GatewayError("service_unavailable", String(away));
  }
  throw invalid(reason);
}

function headerOf(token: string): { alg: string; kid?: string } {
  let header: ReturnType<typeof decodeProtectedHeader>;
  try {
    header = decodeProtectedHeader(token);
  } catch {
    throw invalid("its header cannot be read");
  }
  const { alg, kid } = header;
  if (typeof alg !== "string" || !ALGORITHMS.includes(alg)) {
    throw invalid(`its algorithm is none of ${ALGORITHMS.join(", ")}`);
  }
  return { alg, ...(typeof kid === "string" ? { kid } : {}) };
}

function invalid(reason: string): GatewayError {
  return authenticationError(`Authentication Error, Validation fails: the token is not valid: ${reason}`);
}
