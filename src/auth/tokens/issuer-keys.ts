import { type CryptoKey, importJWK, type JWK, type JWTHeaderParameters } from "jose";
import { GatewayError } from "../../errors/gateway-error.ts";
import type { Transport } from "../../upstream/transport.ts";

/** Signatures with public keys only: a shared secret would make every holder of a public key an issuer. */
export const ALGORITHMS = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];

const FETCH_MS = 5_000;
/** The shortest time between two looks for a key that is not known: tokens of strangers must not make us ask more often. */
const LOOK_AGAIN_MS = 30_000;
const RETRY_MS = 3_000;
/** Keys tried for a token that names none. */
const MOST_TRIED = 10;
const MOST_BYTES = 1_000_000;

/** In seconds. */
export interface KeyAges {
  /** After which keys are fetched again. */
  readonly keyTtl: number;
  /** Beyond that, for which they stay good while their issuer is away. */
  readonly staleTtl: number;
}

interface KeySet {
  readonly keys: readonly JWK[];
  readonly imported: Map<JWK, Promise<CryptoKey | Uint8Array>>;
  readonly at: number;
}

/** The public keys of one issuer, fetched when they are needed, again when they are old or a new one shows up. */
export class IssuerKeys {
  readonly #url: string;
  readonly #transport: Transport;
  readonly #now: () => number;
  #set: KeySet | undefined;
  #fetching: Promise<KeySet> | undefined;
  /** When it was tried last, with or without success. */
  #triedAt = Number.NEGATIVE_INFINITY;

  constructor(url: string, transport: Transport, now: () => number = () => performance.now()) {
    this.#url = url;
    this.#transport = transport;
    this.#now = now;
  }

  /** Keys that may have made the signature; none where the issuer has no such key. */
  async candidates(header: JWTHeaderParameters, ages: KeyAges): Promise<readonly (CryptoKey | Uint8Array)[]> {
    let set = await this.#fresh(ages);
    let found = fitting(set.keys, header);
    if (found.length === 0 && this.#now() - this.#triedAt >= LOOK_AGAIN_MS) {
      // The issuer may have changed its keys.
      set = await this.#refetch(set);
      found = fitting(set.keys, header);
    }
    return Promise.all(found.map((key) => importOnce(set, key, header.alg)));
  }

  async #fresh({ keyTtl, staleTtl }: KeyAges): Promise<KeySet> {
    const set = this.#set;
    if (set === undefined) {
      if (this.#fetching === undefined && this.#now() - this.#triedAt < RETRY_MS) throw unreachable(this.#url);
      return this.#fetch();
    }
    const age = () => this.#now() - set.at;
    if (age() < keyTtl * 1000) return set;
    const fetched = this.#now() - this.#triedAt < RETRY_MS ? set : await this.#refetch(set);
    // What an issuer that cannot be asked has taken back must not be good for ever.
    if (fetched === set && age() >= (keyTtl + staleTtl) * 1000) throw unreachable(this.#url, "the keys are too old");
    return fetched;
  }

  /** The issuer may be away for a while; the keys that are known stay good. */
  #refetch(known: KeySet): Promise<KeySet> {
    return this.#fetch().catch(() => known);
  }

  #fetch(): Promise<KeySet> {
    this.#fetching ??= this.#load()
      .then((keys) => {
        this.#set = { keys, imported: new Map(), at: this.#now() };
        return this.#set;
      })
      .finally(() => {
        this.#fetching = undefined;
      });
    return this.#fetching;
  }

  async #load(): Promise<readonly JWK[]> {
    this.#triedAt = this.#now();
    let document = await this.#get(this.#url);
    // An OpenID configuration names the address of the keys.
    if (typeof document.jwks_uri === "string") document = await this.#get(document.jwks_uri);
    if (!Array.isArray(document.keys)) throw unreachable(this.#url, "the answer holds no keys");
    return (document.keys as JWK[]).filter((key) => typeof key === "object" && key !== null);
  }

  async #get(url: string): Promise<Record<string, unknown>> {
    const call = this.#transport.open({ method: "GET", url, headers: { accept: "application/json" }, body: undefined });
    const timer = setTimeout(() => call.abort(new Error("no answer within 5 s")), FETCH_MS);
    try {
      const response = await call.response;
      const text = await response.text();
      if (response.status !== 200) throw new Error(`status ${response.status}`);
      if (text.length > MOST_BYTES) throw new Error("the answer is too long");
      return JSON.parse(text) as Record<string, unknown>;
    } catch (error) {
      throw unreachable(url, error instanceof Error ? error.message : String(error));
    } finally {
      clearTimeout(timer);
    }
  }
}

function unreachable(url: string, reason?: string): GatewayError {
  const place = URL.canParse(url) ? new URL(url).host : "their address";
  return new GatewayError(
    "service_unavailable",
    `The keys of the tokens' issuer cannot be fetched from ${place}${reason === undefined ? "" : `: ${reason}`}`,
  );
}

const KEY_TYPES: Readonly<Record<string, string>> = { RS: "RSA", PS: "RSA", ES: "EC", Ed: "OKP" };

function fitting(keys: readonly JWK[], { kid, alg }: JWTHeaderParameters): readonly JWK[] {
  return keys
    .filter(
      (key) =>
        key.kty === KEY_TYPES[alg.slice(0, 2)] &&
        (key.alg === undefined || key.alg === alg) &&
        (key.use === undefined || key.use === "sig") &&
        (kid === undefined || key.kid === undefined || key.kid === kid),
    )
    .slice(0, MOST_TRIED);
}

function importOnce({ imported }: KeySet, key: JWK, alg: string): Promise<CryptoKey | Uint8Array> {
  let pending = imported.get(key);
  if (pending === undefined) {
    pending = importJWK(key, alg);
    imported.set(key, pending);
  }
  return pending;
}
