import { GatewayError } from "../errors/gateway-error.ts";
import { asNumber, asObject, asString, type JsonObject, parseJson } from "../json/json.ts";
import type { OutboundRequest, Send } from "./provider.ts";

/** A token is renewed this long before it ends, in seconds; short-lived ones at half their life. */
const RENEW_BEFORE = 300;
/** More credentials than this at once means that they are rotated: the oldest is forgotten. */
const MAX_CACHED = 1_000;

export interface TokenRequest {
  /** Who gives the token, for error messages. */
  readonly issuer: string;
  /** What tells this credential from all others; never shown. */
  readonly name: string;
  readonly request: OutboundRequest;
  readonly send: Send;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** Reads an answer that is not `{access_token, expires_in}`; lifetime in seconds. */
  readonly read?: (answer: JsonObject, now: number) => ReadToken | undefined;
}

export interface ReadToken {
  readonly token: string;
  readonly lifetime: number;
  /** Where calls with this token go, when the issuer says so. */
  readonly base?: string;
}

interface CachedToken extends ReadToken {
  readonly renewAt: number;
}

const tokens = new Map<string, CachedToken>();
const underWay = new Map<string, Promise<CachedToken>>();

/** An OAuth access token, cached until shortly before it ends. See `issuedToken` for what it throws. */
export async function accessToken(wanted: TokenRequest): Promise<string> {
  return (await issuedToken(wanted)).token;
}

/**
 * The token with all that the issuer said; many callers that wait for the same one cause one request. Throws
 * GatewayError("authentication") with the issuer's own sentence when it refuses.
 */
export async function issuedToken(wanted: TokenRequest): Promise<ReadToken> {
  const now = wanted.now ?? Date.now;
  const cached = tokens.get(wanted.name);
  if (cached !== undefined && cached.renewAt > now()) return cached;
  let request = underWay.get(wanted.name);
  if (request === undefined) {
    request = requestToken(wanted, now()).finally(() => underWay.delete(wanted.name));
    underWay.set(wanted.name, request);
  }
  const fresh = await request;
  tokens.delete(wanted.name);
  tokens.set(wanted.name, fresh);
  const oldest = tokens.keys().next().value;
  if (tokens.size > MAX_CACHED && oldest !== undefined) tokens.delete(oldest);
  return fresh;
}

async function requestToken(wanted: TokenRequest, now: number): Promise<CachedToken> {
  const response = await wanted.send(wanted.request);
  const answer = asObject(parseJson(await response.text()));
  const read = answer === undefined ? undefined : (wanted.read ?? readOAuthToken)(answer, now);
  if (!response.ok || read === undefined) {
    const reason = refusalOf(answer) ?? `status ${response.status}`;
    throw new GatewayError("authentication", `${wanted.issuer} gave no token: ${reason}`);
  }
  const kept = Math.max(read.lifetime - RENEW_BEFORE, read.lifetime / 2);
  return { ...read, renewAt: now + kept * 1_000 };
}

function readOAuthToken(answer: JsonObject): ReadToken | undefined {
  const token = asString(answer.access_token);
  if (token === undefined) return undefined;
  // Managed identities write the lifetime as text.
  const lifetime = asNumber(answer.expires_in) ?? Number(asString(answer.expires_in) ?? 3_600);
  return { token, lifetime: Number.isFinite(lifetime) ? lifetime : 3_600 };
}

function refusalOf(answer: JsonObject | undefined): string | undefined {
  return asString(answer?.error_description) ?? asString(answer?.error) ?? asString(answer?.message);
}
